//! The chain of causes behind a frame, in English and as JSON.

mod words;

use super::blocks::source_words;
use super::json::SCHEMA;
use super::sentence::Narrator;
use super::style::{Glyphs, Ink, Style};
use super::text::{ms, wrap};
use crate::model::{
    Carried, Certainty, Chain, Claim, Event, EventId, Evidence, Exhibit, FrameName, Heading, Link, Notable,
    Packet, Place, Protocol, Repair, Seen, Time, Trait, What,
};
use serde_json::{Value, json};
use words::{Words, cite, name};
pub(super) use words::{asked_words, cause_words};

/// Frames that are named as evidence, at most; of more the first and the last.
const NAMED: usize = 8;

/// A chain, as lines of at most the style's width, each ended.
pub fn chain(chain: &Chain, style: &Style) -> String {
    let words = Words { glyphs: style.glyphs(), seen: &chain.seen };
    let label = style.models.label(protocol(&chain.seen).standing());
    let mut out = String::new();
    let title = format!("{} at {} ms, {label}", frame(chain.frame), ms(chain.at));
    push(&mut out, Ink::Bold.paint(style.color, &title).as_str());
    for line in wrap(&head(&chain.seen, chain.at, style.glyphs()), style.columns() - 2, style.columns() - 4) {
        push(&mut out, &format!("  {line}"));
    }
    for (i, link) in chain.links.iter().enumerate() {
        let mut text = words.claim(&link.claim);
        if let Some(cite) = cite(&link.claim) {
            text.push(' ');
            text.push_str(&source_words(cite));
        }
        let number = format!("{:>3} ", i + 1);
        for (nth, line) in wrap(&text, style.columns() - 4, style.columns() - 6).into_iter().enumerate() {
            push(&mut out, &if nth == 0 { format!("{number}{line}") } else { format!("      {line}") });
        }
        if let Some(proof) = proof(link) {
            for line in wrap(&proof, style.columns() - 6, style.columns() - 8) {
                push(&mut out, &Ink::Dim.paint(style.color, &format!("      {line}")));
            }
        }
    }
    out
}

/// A chain as one JSON object.
pub fn chain_json(chain: &Chain) -> Value {
    let words = Words { glyphs: Glyphs::ASCII, seen: &chain.seen };
    let links: Vec<Value> = chain
        .links
        .iter()
        .map(|link| {
            let mut object = json!({
                "claim": name(&link.claim),
                "text": words.claim(&link.claim),
                "certainty": link.certainty.name(),
                "evidence": link.evidence.iter().map(exhibit_json).collect::<Vec<_>>(),
                "cite": cite(&link.claim).map(|c| c.to_string()),
            });
            if let Claim::Found(r) = &link.claim {
                object["repair"] = r.repair.name().into();
            }
            if let Claim::Because(cause) | Claim::Earlier(cause) | Claim::Gap(cause) | Claim::Fate(cause) =
                &link.claim
            {
                object["cause"] = cause.name().into();
            }
            object
        })
        .collect();
    json!({
        "schema": SCHEMA,
        "kind": "why",
        "frame": frame_json(chain.frame),
        "at_ns": chain.at.as_nanos(),
        "sentence": head(&chain.seen, chain.at, Glyphs::ASCII),
        "links": links,
    })
}

/// The frames worth asking about, a line each, and what to type next.
pub fn list(notable: &[Notable], style: &Style) -> String {
    let mut out = String::new();
    if notable.is_empty() {
        push(
            &mut out,
            "no retransmission, duplicate ACK, RST or ICMP error in it: ask about any frame by its number",
        );
    }
    for n in notable {
        let what = trait_words(n);
        let head = head(&n.seen, n.at, style.glyphs());
        let text = format!("{}: {what}; {head}", frame(n.frame));
        for (nth, line) in wrap(&text, style.columns(), style.columns() - 4).into_iter().enumerate() {
            push(&mut out, &if nth == 0 { line } else { format!("    {line}") });
        }
    }
    out
}

/// One of the frames worth asking about, as a JSON object.
pub fn notable_json(n: &Notable) -> Value {
    json!({
        "schema": SCHEMA,
        "kind": "notable",
        "frame": frame_json(n.frame),
        "at_ns": n.at.as_nanos(),
        "because": n.because.name(),
        "repair": n.repair.map(Repair::name),
        "sentence": head(&n.seen, n.at, Glyphs::ASCII),
    })
}

fn trait_words(n: &Notable) -> String {
    match (n.because, n.repair) {
        (Trait::Retransmission, Some(repair)) => format!("retransmission, {}", repair_words(repair)),
        (Trait::Retransmission, None) => "retransmission".to_owned(),
        (Trait::DuplicateAck, _) => "duplicate ACK".to_owned(),
        (Trait::Reset, _) => "RST".to_owned(),
        (Trait::IcmpError, _) => "ICMP error".to_owned(),
    }
}

/// A kind of repair in a few words.
pub fn repair_words(repair: Repair) -> &'static str {
    match repair {
        Repair::Fast(_) => "fast retransmit",
        Repair::TailLossProbe => "tail-loss probe",
        Repair::Timeout { .. } => "timeout (RTO)",
        Repair::AfterTimeout { .. } => "after a timeout",
        Repair::Handshake => "handshake",
        Repair::Asked { .. } => "a SYN that came again",
        Repair::Timer => "a timer, RTO or probe",
        Repair::Unknown => "unknown",
    }
}

fn push(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// `frame 12` in a file, `#12` in a live run.
fn frame(name: FrameName) -> String {
    name.number.map_or_else(|| name.id.to_string(), |number| format!("frame {number}"))
}

fn frame_json(name: FrameName) -> Value {
    json!({ "number": name.number, "id": name.id.0 })
}

fn protocol(seen: &Seen) -> Protocol {
    match &seen.packet {
        Packet::Arp(_) => Protocol::Arp,
        Packet::Ip(_, Carried::Tcp(_)) => Protocol::Tcp,
        Packet::Ip(_, Carried::Udp(_)) => Protocol::Udp,
        Packet::Ip(_, Carried::Icmp(icmp)) => {
            if icmp.v6 {
                Protocol::Icmpv6
            } else {
                Protocol::Icmp
            }
        }
        Packet::Ip(ip, _) => {
            if ip.source.is_ipv6() {
                Protocol::Ipv6
            } else {
                Protocol::Ipv4
            }
        }
        Packet::Other(_) => seen.link.innermost(),
        Packet::Malformed(m) => m.protocol,
    }
}

/// The frame's fields, as everywhere.
fn head(seen: &Seen, at: Time, glyphs: Glyphs) -> String {
    let event = Event {
        id: EventId(0),
        cause: None,
        at,
        place: Place::Wire,
        heading: Heading::Toward(seen.direction),
        protocol: protocol(seen),
        what: What::Frame(Box::new(seen.clone())),
        bytes: None,
        evidence: Evidence::Frame,
        cite: None,
    };
    Narrator::new(glyphs).tell(&event).head
}

/// What a link rests on, in words; nothing where its own words say so.
fn proof(link: &Link) -> Option<String> {
    let lead = match link.certainty {
        Certainty::Shown => "shown by",
        Certainty::Inferred => "inferred from",
        Certainty::Unknown => return None,
    };
    let (mut frames, mut ledger, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for exhibit in &link.evidence {
        match exhibit {
            Exhibit::Frame(name) => frames.push(frame(*name)),
            Exhibit::Ledger(name) => ledger.push(frame(*name)),
            Exhibit::Call(c) => calls.push(format!(
                "the {}'s {}(), {} to {} ms",
                c.side.name(),
                c.name,
                ms(c.called),
                ms(c.returned)
            )),
        }
    }
    let mut parts = Vec::new();
    if !frames.is_empty() {
        parts.push(some(&frames));
    }
    if !ledger.is_empty() {
        let rows = if ledger.len() == 1 { "row" } else { "rows" };
        parts.push(format!("the ledger's {rows} of {}", some(&ledger)));
    }
    parts.extend(calls);
    (!parts.is_empty()).then(|| format!("({lead} {})", parts.join("; ")))
}

fn some(names: &[String]) -> String {
    match names {
        [first, .., last] if names.len() > NAMED => format!("{first} ... {last} ({} in all)", names.len()),
        _ => names.join(", "),
    }
}

fn exhibit_json(exhibit: &Exhibit) -> Value {
    match exhibit {
        Exhibit::Frame(name) => json!({ "kind": "frame", "frame": frame_json(*name) }),
        Exhibit::Ledger(name) => json!({ "kind": "ledger", "frame": frame_json(*name) }),
        Exhibit::Call(c) => json!({
            "kind": "call", "side": c.side.name(), "call": c.name, "event": c.event.0,
            "called_ns": c.called.as_nanos(), "returned_ns": c.returned.as_nanos(),
        }),
    }
}
