//! What a WebSocket client says when it does not come to a connection, and when one ends.

use super::text::{safe, span};
use std::time::Duration;

/// An answer that is not 101, as a sentence with the next thing to do. `location` is where the server points to, and
/// `version` the WebSocket versions that it speaks, where it says so.
pub fn not_switched(status: u16, reason: &str, location: Option<&str>, version: Option<&str>) -> String {
    let next = match status {
        200..=299 => {
            "it served a page: nothing at this path speaks WebSocket, or something on the way took the Upgrade \
             field out; check the path"
                .to_owned()
        }
        300..=399 => match location {
            Some(to) => format!(
                "it points to {}: connect there (a redirection is not followed, RFC 6455 s4.1 leaves that open)",
                safe(to, true)
            ),
            None => "it points elsewhere, but does not say where".to_owned(),
        },
        401 | 407 => "it wants to know who asks: --header 'Authorization: ...'".to_owned(),
        403 => {
            "it does not let this client in: it may want a certain Origin (--origin) or credentials (--header)"
                .to_owned()
        }
        404 | 410 => "nothing is served at this path: check the URL's path".to_owned(),
        405 => "it does not take GET at this path: WebSocket is served elsewhere".to_owned(),
        426 => match version {
            Some(version) => {
                format!("it speaks WebSocket version {}, this client version 13 (RFC 6455 s4.4)", safe(version, true))
            }
            None => "it did not see an upgrade that it speaks: something on the way may have taken the Upgrade \
                     field out (a proxy passes it on only when told to)"
                .to_owned(),
        },
        400 => {
            "it finds the request wrong: it may want a subprotocol (--subprotocol) or a field (--header), or speak \
             plain HTTP alone"
                .to_owned()
        }
        429 | 503 => "it has no room now: try again later".to_owned(),
        502 | 504 => "a proxy answered, for it could not reach the server behind it".to_owned(),
        500..=599 => "the server failed: its own log may say why".to_owned(),
        _ => "that is no answer to an upgrade".to_owned(),
    };
    let reason = if reason.is_empty() { String::new() } else { format!(" {}", safe(reason, true)) };
    format!("the server answered {status}{reason} instead of 101 Switching Protocols: {next}")
}

/// The server ended the connection instead of an answer; `how` is what the operating system says of that.
pub fn no_answer(how: Option<&str>) -> String {
    let how = how.map_or_else(String::new, |how| format!(" ({how})"));
    format!(
        "the server ended the connection without an answer to the handshake{how}: it may not speak HTTP there, or want \
         TLS (wss://)"
    )
}

/// The field lines of a head as they stand, behind a sign for its direction: `>` what went out, `<` what came.
pub fn fields(sign: char, fields: &[(String, String)]) -> Vec<String> {
    fields
        .iter()
        .map(|(name, value)| format!("{sign} {}", safe(&format!("{name}: {value}"), false)))
        .collect()
}

/// How a connection ended: the peer's close code (1005 for none, 1006 without a Close), the code's registered name,
/// its reason, and whether it said so before we did.
pub fn closed(code: u16, name: &str, reason: &str, by_peer: bool) -> String {
    let who = if by_peer { "the server closed" } else { "closed" };
    let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", safe(reason, false)) };
    match code {
        1005 => format!("{who}, without a code"),
        1006 => "the connection ended without the server's Close (1006)".to_owned(),
        _ => format!("{who} with {code}{name}{reason}"),
    }
}

/// What was offered and not taken up, in one line.
pub fn declined(deflate: bool, subprotocol: bool) -> Option<String> {
    let mut parts = Vec::new();
    if deflate {
        parts.push("permessage-deflate (messages go uncompressed)");
    }
    if subprotocol {
        parts.push("every subprotocol that was offered");
    }
    (!parts.is_empty()).then(|| format!("the server declined {}", parts.join(" and ")))
}

/// A Pong came, so long after its Ping where there was one.
pub fn pong(after: Option<Duration>) -> String {
    match after {
        Some(after) => format!("a Pong came {} after its Ping", span(after)),
        None => "a Pong came that no Ping of ours asked for".to_owned(),
    }
}

/// What waiting in vain was for, and what to do.
pub fn waited(what: Waited, after: Duration) -> String {
    match what {
        Waited::Handshake => format!(
            "the server accepted the TCP connection but did not answer the handshake within {after:?}: it may not \
             speak HTTP at all (TLS? then wss://), or be busy; wait longer with --timeout"
        ),
        Waited::Pong => {
            format!("no sign of life for {after:?} after a Ping: the server is gone, or the way to it is")
        }
        Waited::Close => format!("the server did not finish the closing handshake within {after:?}"),
    }
}

/// What was waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The answer to the handshake.
    Handshake,
    /// Anything after a Ping.
    Pong,
    /// The peer's Close, or the end of TCP.
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_next_thing_to_do() {
        for (status, says) in [
            (200, "check the path"),
            (401, "Authorization"),
            (403, "--origin"),
            (404, "URL's path"),
            (426, "proxy"),
            (400, "--subprotocol"),
            (502, "proxy"),
            (503, "later"),
            (500, "log"),
            (100, "no answer"),
        ] {
            let said = not_switched(status, "Whatever", None, None);
            assert!(said.contains(says) && said.contains(&status.to_string()), "{said}");
        }
        assert!(not_switched(302, "", Some("wss://x/\u{1b}[2J"), None).contains("wss://x/\\x1b"));
        assert!(not_switched(426, "", None, Some("8, 7")).contains("version 8, 7"));
    }

    #[test]
    fn an_offer_is_told_where_it_was_declined() {
        assert_eq!(declined(false, false), None);
        assert_eq!(
            declined(true, true).unwrap(),
            "the server declined permessage-deflate (messages go uncompressed) and every subprotocol that was offered"
        );
        assert_eq!(pong(Some(Duration::from_nanos(715_916))), "a Pong came 715.916 us after its Ping");
    }

    #[test]
    fn a_field_steers_no_terminal() {
        assert_eq!(fields('<', &[("A".into(), "b\x1b".into())]), ["< A: b\\x1b"]);
    }

    #[test]
    fn an_end_is_told_with_its_code() {
        assert_eq!(
            closed(1000, "Normal Closure", "bye\u{7}", true),
            "the server closed with 1000 (Normal Closure): bye\\x07"
        );
        assert_eq!(closed(4000, "", "", false), "closed with 4000");
        assert!(closed(1006, "", "", true).contains("without the server's Close"));
    }
}
