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
/// Lost segments below which a measured share of losses means little.
const FEW: u64 = 20;

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
    /// Of these, those that had reached the server's host whole.
    pub unread: u32,
    /// Messages that came after a later one.
    pub reordered: u32,
    /// Messages that waited on the server's host for an earlier hole.
    pub stalled: u32,
    /// TCP: the message that a loss cost most.
    pub late: Option<Late>,
    /// Frames sent again, in words: `3 fast, 1 timeout`; empty for none.
    pub again: String,
    /// Whether a call of either program failed.
    pub failed: bool,
}

/// A message that came late, and the frames behind it.
#[derive(Clone, PartialEq, Debug)]
pub struct Late {
    /// The message, numbered from 1.
    pub message: u32,
    /// How long it stood whole on the server's host, waiting for octets before it; or, where it did not, how long after it
    /// was due it came.
    pub time: Duration,
    /// Whether it waited for octets before it.
    pub stalled: bool,
    /// The frame whose octets were missing, and the rule by which the wire dropped it.
    pub dropped: Option<(FrameId, Rule)>,
    /// The frame that brought them.
    pub brought: Option<FrameId>,
    /// How long after the dropped frame that was sent.
    pub after: Option<Duration>,
    /// What made the sender send it.
    pub found: Found,
}

/// How a sender found that octets were missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Acknowledgments told: so many duplicates of the one before the hole.
    Told(u32),
    /// A tail-loss probe.
    Probe,
    /// The retransmission timeout.
    Timeout,
    /// The frames do not tell.
    Unknown,
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
    out.push_str(&line("TRY", &attempt(lanes), style));
    out.push_str(&line("SOURCE", "RFC 9293 s2.2, RFC 768", style));
    out
}

/// A text broken into lines that fit.
pub fn wrapped(text: &str, style: &Style) -> String {
    wrap(text, style.columns(), style.columns()).join("\n")
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
        return "Nothing was handed over.".to_owned();
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
        if lane.unread > 0 && lane.kind != Kind::Tcp {
            text.push_str(&format!(
                " {} of them had reached the server's host, and no call got them: what finds a full socket buffer \
                 is dropped there.",
                lane.unread
            ));
        }
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
    let (lane, late) =
        lanes.iter().filter_map(|l| Some((l, l.late.as_ref()?))).max_by_key(|(_, late)| late.time)?;
    let hole = match (&late.dropped, late.brought) {
        (Some((frame, rule)), Some(brought)) => {
            let by = match rule {
                Rule::Script(text) => format!(", as the script {} asked", safe(text, true)),
                Rule::Random(_) | Rule::GilbertElliott { .. } => ", by chance".to_owned(),
                Rule::QueueFull { .. } => ", its queue being full".to_owned(),
                _ => String::new(),
            };
            let after = late.after.map(|t| format!(", {} after it", ms(t))).unwrap_or_default();
            format!(
                "the wire had dropped frame {frame}{by}; frame {brought}{after}, brought its octets{}",
                found(late.found)
            )
        }
        (None, Some(brought)) => format!("octets before it came only with frame {brought}"),
        _ => "octets before it had not come".to_owned(),
    };
    let (name, n, time) = (&lane.name, late.message, ms(late.time));
    Some(if late.stalled {
        format!(
            "With {name}, message {n} waited {time} for octets before it: {hole}. TCP is one stream of octets, and \
             recv() may only return the next. A datagram stands alone."
        )
    } else {
        format!("With {name}, message {n} came {time} after it was due: {hole}.")
    })
}

fn found(found: Found) -> String {
    match found {
        Found::Told(0) => ": acknowledgments had told of the hole".to_owned(),
        Found::Told(1) => ": a duplicate ACK had told of the hole".to_owned(),
        Found::Told(n) => format!(": {n} duplicate ACKs had told of the hole"),
        Found::Probe => {
            ", as a tail-loss probe: no acknowledgment had told of the hole, only time".to_owned()
        }
        Found::Timeout => ", after the retransmission timeout: no acknowledgment had told enough".to_owned(),
        Found::Unknown => String::new(),
    }
}

/// Beside the formulas of a bulk transfer: to what they apply. `least` is the smallest number of lost segments of a lane.
pub fn formulas(lanes: &[String], least: u64, style: &Style) -> String {
    let mut text =
        "Both formulas tell what Reno would reach in the long run from these losses and round trips alone. \
                    Slow start, with which a transfer begins, is not in them; nor is a link's rate."
            .to_owned();
    if let Some(bbr) = lanes.iter().find(|name| name.ends_with("bbr")) {
        text.push_str(&format!(" They do not apply to {bbr}: it does not slow down at each loss."));
    }
    text.push_str(&match least {
        0 => " Where nothing was lost they say nothing.".to_owned(),
        n if n < FEW => format!(" With as few as {n} segments lost, chance says more than either."),
        _ => String::new(),
    });
    line("WHY", &text, style)
        + &line("SOURCE", "Mathis et al. 1997; Padhye et al. 1998, RFC 5348 s3.1", style)
}

fn attempt(lanes: &[Told]) -> String {
    let late = lanes.iter().find_map(|l| l.late.as_ref());
    let lost = lanes.iter().any(|l| !l.missing.is_empty() || !l.again.is_empty());
    match late {
        Some(late) if late.stalled => {
            "Lose the last message: --messages 10 --drop 'data#10' --delay 25ms. Does TCP find out sooner or later?"
        }
        Some(_) => "Lose one in the middle: --messages 10 --drop 'data#3' --delay 25ms. How does TCP find out then?",
        None if lost => "The same with --lanes tcp,udp,arq: what does each do about it?",
        None => "Nothing was lost. Once more with --loss 10% --delay 25ms.",
    }
    .to_owned()
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
            unread: 0,
            reordered: 0,
            stalled: 0,
            late: None,
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
            late: Some(Late {
                message: 4,
                time: Duration::from_millis(60),
                stalled: true,
                dropped: Some((FrameId(6), Rule::Script("data#3".into()))),
                brought: Some(FrameId(14)),
                after: Some(Duration::from_millis(70)),
                found: Found::Told(6),
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
            "dropped frame #6, as the script data#3 asked; frame #14, 70.0 ms after it, brought its octets: 6 dup",
            "Sent again: 1 fast.",
        ] {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(fact), "{fact}: {text}");
        }
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    }
}
