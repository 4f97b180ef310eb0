//! What is said of the same events pushed several ways: from what was counted, nothing else.

use super::text::{count, ms, wrap};
use crate::model::Time;
use std::time::Duration;

/// What a way came to.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// `polling`, `long-polling` or `websocket`.
    pub way: &'a str,
    /// Requests of the client.
    pub requests: u32,
    /// Answers without an event.
    pub empty: u32,
    /// Events that came.
    pub heard: usize,
    /// The middle of how long they took to come.
    pub median: Option<Duration>,
    /// Octets spent before the first event.
    pub opening: usize,
    /// Octets spent behind the last one.
    pub closing: usize,
    /// Octets of the programs for each event, opening and closing aside.
    pub octets_an_event: Option<f64>,
}

/// What is asked.
pub fn opening(events: u32, octets: usize, every: Duration, wire: &str, seed: u64) -> String {
    let wire = if wire.is_empty() { String::new() } else { format!(", wire {wire}") };
    format!(
        "A server has {} of {octets} octets for a client, one every {every:?}.\n\
         How does it tell, when only the client may ask? (seed {seed}{wire})",
        count(events.into(), "event"),
    )
}

/// Where frames could not be seen.
pub fn on_loopback(because: Option<&str>) -> String {
    let why = because.map(|why| format!(": {why}")).unwrap_or_default();
    format!("On loopback: frames are not seen, and their rows stay 0{why}")
}

/// What a way's numbers mean; `None` when no event came.
pub fn way(told: &Told<'_>) -> Option<String> {
    let Told { requests, empty, heard, opening, closing, .. } = *told;
    let (median, octets) = (told.median?.as_secs_f64() * 1e3, told.octets_an_event?);
    let events = count(heard as u64, "event");
    let asked = count(requests.into(), "request");
    Some(match told.way {
        "polling" => format!(
            "polling: {asked} for {events}, {empty} answered with nothing; an event waits until the client asks \
             again, {median:.1} ms at the median [RFC 6202 s2]"
        ),
        "long-polling" => format!(
            "long polling: the server answers when it has something, {median:.1} ms at the median; every event costs \
             a request and an answer, {octets:.0} octets [RFC 6202 s2.1]"
        ),
        _ => format!(
            "WebSocket: one upgrade of {opening} octets, then nobody asks: {octets:.0} octets for each event, and \
             {median:.1} ms at the median; {closing} octets to close [RFC 6455 s1.2]"
        ),
    })
}

/// Whether both sides spoke at once: by side, when each began to send and when it heard its last message, where both
/// send `messages` before either reads. It is order that shows it, not speed.
pub fn duplex(order: [(Option<Time>, Option<Time>); 2], messages: usize) -> String {
    let [(Some(client), Some(client_heard)), (Some(server), Some(server_heard))] = order else {
        return "full duplex: not every message came, so it was not shown this time".to_owned();
    };
    let times = format!(
        "they began at {} (client) and {} (server), and the last came at {} and {}",
        ms(client),
        ms(server),
        ms(client_heard),
        ms(server_heard)
    );
    if client.max(server) < client_heard.min(server_heard) {
        format!(
            "full duplex: both sides sent {messages} messages before either read one; {times} ms. Neither waited for \
             its turn, as HTTP/1.1 does [RFC 6455 s1.5]"
        )
    } else {
        format!("full duplex: not shown this time, one side had heard all before the other began; {times} ms")
    }
}

/// A sentence in lines of at most `width` columns, the later ones indented.
pub fn wrapped(sentence: &str, width: usize) -> String {
    let lines = wrap(sentence, width, width.saturating_sub(2));
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplex_is_claimed_from_order_alone() {
        let at = |ns| Some(Time::from_nanos(ns));
        let said = |order| duplex(order, 10);
        assert!(said([(at(3), at(9)), (at(4), at(8))]).contains("Neither waited"));
        assert!(said([(at(3), at(9)), (at(9), at(20))]).contains("not shown this time"));
        assert!(said([(at(3), None), (at(4), at(8))]).contains("not every message came"));
    }

    #[test]
    fn nothing_is_said_of_a_way_that_brought_nothing() {
        let told = Told {
            way: "polling",
            requests: 3,
            empty: 3,
            heard: 0,
            median: None,
            opening: 0,
            closing: 0,
            octets_an_event: None,
        };
        assert_eq!(way(&told), None);
        let median = Some(Duration::from_millis(2));
        let some =
            Told { way: "websocket", heard: 1, median, octets_an_event: Some(21.4), opening: 290, ..told };
        let said = way(&some).unwrap();
        assert!(
            said.contains("290 octets") && said.contains("21 octets") && said.contains("2.0 ms"),
            "{said}"
        );
    }
}
