//! The sentences of a comparison under loss. Each is made from counted facts: what the programs got, what the frames showed,
//! what the ledger says.

use super::style::{Ink, Style};
use super::text::{safe, wrap};
use crate::model::{FrameId, Rule};
use std::time::Duration;

/// Columns of a line's label.
const LABEL: usize = 10;
/// Numbers of messages that a sentence lists at most.
const LISTED: usize = 8;

/// What a transport promises, as far as a sentence needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Kernel TCP.
    Tcp,
    /// Kernel UDP.
    Udp,
    /// UDP with our acknowledge-and-resend.
    Arq,
}

/// What was counted in a lane.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// The lane's name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Messages handed over.
    pub sent: u32,
    /// The messages that never came, numbered from 1.
    pub missing: Vec<u32>,
    /// Messages that came after a later one.
    pub reordered: u32,
    /// Messages that waited on the server's host for an earlier hole.
    pub stalled: u32,
    /// The longest such wait.
    pub wait: Option<Wait>,
    /// Frames sent again, in words: `3 fast, 1 timeout`; empty for none.
    pub again: String,
    /// Whether a call of either program failed.
    pub failed: bool,
}

/// A message that waited, and what for.
#[derive(Clone, PartialEq, Debug)]
pub struct Wait {
    /// The message, numbered from 1.
    pub message: u32,
    /// How long.
    pub time: Duration,
    /// The frame whose octets were missing, and the rule by which the wire dropped it.
    pub dropped: Option<(FrameId, Rule)>,
    /// The frame that brought them.
    pub brought: Option<FrameId>,
}

/// What is asked before anything is shown: a prediction comes first.
pub fn question(lanes: &[Told], style: &Style) -> String {
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name.as_str()).collect();
    line(
        "PREDICT",
        &format!(
            "The wire treats the nth frame with data alike in each lane ({}). Which messages never come, and \
             which come late, in each?",
            names.join(", ")
        ),
        style,
    )
}

/// What became of the messages in each lane, then why, what to try, and the sources.
pub fn answer(lanes: &[Told], style: &Style) -> String {
    let mut out: String = lanes.iter().map(|lane| line(&lane.name, &fate(lane), style)).collect();
    if let Some(why) = why(lanes) {
        out.push_str(&line("WHY", &why, style));
    }
    out.push_str(&line("TRY", attempt(lanes), style));
    out.push_str(&line("SOURCE", "RFC 9293 s2.2, RFC 768", style));
    out
}

fn line(label: &str, text: &str, style: &Style) -> String {
    let mut out = String::new();
    let room = style.columns() - LABEL;
    for (i, part) in wrap(text, room, room).into_iter().enumerate() {
        let head = format!("{:LABEL$}", if i == 0 { label } else { "" });
        out.push_str(&Ink::Bold.paint(style.color && i == 0, &head));
        out.push_str(&part);
        out.push('\n');
    }
    out
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn messages(n: u32) -> String {
    if n == 1 { "1 message".to_owned() } else { format!("{n} messages") }
}

fn fate(lane: &Told) -> String {
    let came = lane.sent - u32::try_from(lane.missing.len()).unwrap_or(lane.sent).min(lane.sent);
    if lane.sent == 0 {
        return "Nothing could be handed over: there was no connection.".to_owned();
    }
    let mut text = format!("{came} of {} came.", lane.sent);
    if !lane.missing.is_empty() {
        let mut list: Vec<String> = lane.missing.iter().take(LISTED).map(u32::to_string).collect();
        if lane.missing.len() > LISTED {
            list.push("...".to_owned());
        }
        let are = if lane.missing.len() == 1 { "Message" } else { "Messages" };
        text.push_str(&format!(" {are} {} never did", list.join(", ")));
        // What no call returned is an observation; what the kernel thought is not.
        if lane.kind == Kind::Udp && !lane.failed {
            text.push_str(", and no call of either program failed");
        }
        text.push('.');
    }
    if !lane.again.is_empty() {
        text.push_str(&format!(" Sent again: {}.", lane.again));
    }
    match (lane.kind, lane.stalled) {
        (Kind::Tcp, 0) => {}
        (Kind::Tcp, n) => {
            let (waited, them) = if n == 1 { ("had", "it") } else { ("had each", "them") };
            text.push_str(&format!(
                " {} {waited} reached the server's host and waited there for octets before {them}.",
                messages(n)
            ));
        }
        _ if lane.reordered > 0 => {
            let (n, ones) = (lane.reordered, if lane.reordered == 1 { "a later one" } else { "later ones" });
            text.push_str(&format!(" {} came after {ones}; none waited for another.", messages(n)));
        }
        _ => {}
    }
    text
}

/// The chain behind the longest wait, frame by frame.
fn why(lanes: &[Told]) -> Option<String> {
    let (lane, wait) =
        lanes.iter().filter_map(|l| Some((l, l.wait.as_ref()?))).max_by_key(|(_, w)| w.time)?;
    let hole = match (&wait.dropped, wait.brought) {
        (Some((frame, rule)), Some(brought)) => {
            let by = match rule {
                Rule::Script(text) => format!(", as the script {} asked", safe(text, true)),
                Rule::Random(_) | Rule::GilbertElliott { .. } => ", by chance".to_owned(),
                Rule::QueueFull { .. } => ", its queue being full".to_owned(),
                _ => String::new(),
            };
            format!("the wire had dropped frame {frame}{by}; frame {brought} brought its octets")
        }
        (None, Some(brought)) => format!("octets before it came only with frame {brought}"),
        _ => "octets before it had not come".to_owned(),
    };
    Some(format!(
        "With {}, message {} waited {} for others' octets: {hole}. TCP is a stream of octets: recv() may only \
         return the next one. A datagram stands alone.",
        lane.name,
        wait.message,
        ms(wait.time)
    ))
}

fn attempt(lanes: &[Told]) -> &'static str {
    let lost = lanes.iter().any(|l| !l.missing.is_empty() || !l.again.is_empty());
    if lost {
        "Lose the last message instead: --messages 10 --drop 'data#10' --delay 25ms. Is TCP faster or slower then?"
    } else {
        "Nothing was lost. Once more with --loss 10%."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(kind: Kind) -> Told {
        Told {
            name: format!("{kind:?}").to_uppercase(),
            kind,
            sent: 10,
            missing: Vec::new(),
            reordered: 0,
            stalled: 0,
            wait: None,
            again: String::new(),
            failed: false,
        }
    }

    #[test]
    fn what_was_not_counted_is_not_told() {
        let text = answer(&[lane(Kind::Tcp), lane(Kind::Udp)], &Style::default());
        assert!(text.contains("10 of 10 came."), "{text}");
        for absent in ["never", "waited", "again:", "WHY", "no call"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }

    #[test]
    fn one_missing_brick() {
        let tcp = Told {
            stalled: 6,
            wait: Some(Wait {
                message: 4,
                time: Duration::from_millis(60),
                dropped: Some((FrameId(6), Rule::Script("data#3".into()))),
                brought: Some(FrameId(14)),
            }),
            again: "1 fast".to_owned(),
            ..lane(Kind::Tcp)
        };
        let udp = Told { missing: vec![3], ..lane(Kind::Udp) };
        let text = answer(&[tcp, udp], &Style::default());
        for fact in [
            "6 messages had each reached the server's host",
            "Message 3 never did, and no call of either program failed.",
            "message 4 waited 60.0 ms",
            "dropped frame #6, as the script data#3 asked; frame #14",
            "Sent again: 1 fast.",
        ] {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(fact), "{fact}: {text}");
        }
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    }
}
