//! The same events pushed several ways, side by side: what each cost, and when each came.

use super::grid::grid;
use super::loss::text::{grouped, millis};
use serde_json::{Value, json};
use std::time::Duration;

/// Raised when a key changes its meaning or goes.
const SCHEMA: u32 = 1;

/// What one way came to. Octets stand as sent by the client, received by the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pushed {
    /// The way's name.
    pub name: String,
    /// Events that the server had.
    pub made: usize,
    /// How long after it came to be each event came to the client.
    pub after: Vec<Duration>,
    /// Requests of the client.
    pub requests: u32,
    /// Answers without an event.
    pub empty: u32,
    /// Octets of the two programs, without those of any layer below.
    pub octets: [usize; 2],
    /// Those of them that were spent before the first event: the upgrade.
    pub opening: [usize; 2],
    /// Those that were spent behind the last event: the closing handshake.
    pub closing: [usize; 2],
    /// Frames on the wire, by direction.
    pub frames: [u64; 2],
    /// Their octets.
    pub wire_octets: [u64; 2],
}

impl Pushed {
    /// Octets of the programs for each event, opening and closing aside; `None` when none came.
    pub fn octets_an_event(&self) -> Option<f64> {
        let aside: usize = self.opening.iter().chain(&self.closing).sum();
        let spent = self.octets.iter().sum::<usize>().saturating_sub(aside);
        (!self.after.is_empty()).then(|| spent as f64 / self.after.len() as f64)
    }

    /// The middle one of the delays.
    pub fn median(&self) -> Option<Duration> {
        let mut sorted = self.after.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }

    /// One JSON object, with a sentence for people where there is one.
    pub fn json(&self, seed: u64, sentence: Option<&str>) -> Value {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let mut line = json!({
            "schema": SCHEMA,
            "kind": "push",
            "seed": seed,
            "way": self.name,
            "events": self.made,
            "after_ns": self.after.iter().copied().map(nanos).collect::<Vec<_>>(),
            "requests": self.requests,
            "empty": self.empty,
            "octets": self.octets,
            "opening": self.opening,
            "closing": self.closing,
            "frames": self.frames,
            "wire_octets": self.wire_octets,
        });
        if let Some(sentence) = sentence {
            line["sentence"] = sentence.into();
        }
        line
    }
}

/// The table, a column a way. A `-` says that nothing was measured.
pub fn table(ways: &[Pushed], width: usize) -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut row = |name: &str, value: &dyn Fn(&Pushed) -> String| {
        rows.push((name.to_owned(), ways.iter().map(value).collect()));
    };
    let time = |time: Option<Duration>| time.map_or("-".to_owned(), millis);
    row("events at the server", &|way| way.made.to_string());
    row("  come to the client", &|way| way.after.len().to_string());
    row("heard after  median", &|way| time(way.median()));
    row("             longest", &|way| time(way.after.iter().max().copied()));
    row("requests", &|way| way.requests.to_string());
    row("  answered with nothing", &|way| way.empty.to_string());
    row("octets the client sent", &|way| grouped(way.octets[0] as u64));
    row("       it received", &|way| grouped(way.octets[1] as u64));
    row("  to open", &|way| grouped(way.opening.iter().sum::<usize>() as u64));
    row("  then for each event", &|way| way.octets_an_event().map_or("-".to_owned(), |n| format!("{n:.0}")));
    row("  to close", &|way| grouped(way.closing.iter().sum::<usize>() as u64));
    row("frames on the wire", &|way| grouped(way.frames.iter().sum()));
    row("  their octets", &|way| grouped(way.wire_octets.iter().sum()));
    let names: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
    grid(&names, &rows, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_a_way_within_the_width() {
        let after = [3, 1, 2].map(Duration::from_millis).to_vec();
        let way = |name: &str| Pushed {
            name: name.to_owned(),
            made: 3,
            after: after.clone(),
            requests: 1,
            empty: 0,
            octets: [208, 167],
            opening: [180, 129],
            closing: [8, 4],
            frames: [9, 8],
            wire_octets: [900, 800],
        };
        let ways = ["polling", "long-polling", "websocket"].map(way);
        assert_eq!(ways[0].octets_an_event(), Some(18.0));
        assert_eq!(ways[0].median(), Some(Duration::from_millis(2)));
        let text = table(&ways, 80);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(
            text.lines()
                .any(|line| line.split_whitespace().eq(["then", "for", "each", "event", "18", "18", "18"]))
        );
        assert_eq!(Pushed { after: vec![], ..ways[0].clone() }.octets_an_event(), None);
    }
}
