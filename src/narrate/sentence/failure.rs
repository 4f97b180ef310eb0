//! System calls that failed: the frames that show why, or that nothing came.

use super::super::errno::reason;
use super::super::memory::Landmark;
use super::super::text::ms;
use super::super::waits::question;
use super::call::{Facts, list};
use super::fate::{Doing, rule_words};
use super::{Draft, NoteKind};
use crate::model::{Call, Cite, Direction, Errno, Evidence, FrameId, IcmpKind, Time};
use std::collections::BTreeSet;

/// A call that failed: what the frames show of it, what the error number means and who decided it.
pub(super) fn failed(draft: &mut Draft<'_>, facts: &Facts, call: &Call, errno: Errno) {
    if matches!(errno.name, "EAGAIN" | "EWOULDBLOCK" | "EINPROGRESS") && draft.event.at > facts.began {
        waited_in_vain(draft, facts);
    }
    let seen = evidence(draft, facts, call, errno);
    let observed = seen.is_some();
    if let Some(text) = seen {
        draft.note(NoteKind::Meaning, Evidence::Frame, None, text);
    }
    match reason(errno.name, facts.socket.kind, call) {
        Some(why) => {
            draft.note(NoteKind::Why, Evidence::Syscall, Some(why.cite), why.meaning);
            draft.note(NoteKind::Why, Evidence::Syscall, None, format!("decided at {}", why.decided));
        }
        None => draft.note(NoteKind::Why, Evidence::Syscall, None, format!("error number {}", errno.code)),
    }
    if !observed && matches!(errno.name, "ECONNREFUSED" | "EHOSTUNREACH" | "ECONNRESET") {
        let text = "inferred from the error number: no frame that shows it was seen";
        draft.note(NoteKind::Meaning, Evidence::Inferred, None, text);
    }
}

/// What the frames and the ledger show of a wait in which nothing came.
fn waited_in_vain(draft: &mut Draft<'_>, facts: &Facts) {
    let Some(side) = facts.side else { return };
    let known = draft.memory.silence(side, facts.socket, facts.began, facts.now);
    let ascii = draft.glyphs.ascii;
    // Only of a side that has asked for something is there a way back.
    let back = |direction: Direction| facts.socket.has_asked() && direction.to() == side;
    if let Some((last, direction, damaged, rule)) = known.lost.last() {
        let ids: Vec<FrameId> = known.lost.iter().map(|(id, ..)| *id).collect();
        let (lost, doing) = if *damaged { ("damaged", Doing::Corrupt) } else { ("dropped", Doing::Loss) };
        let why = format!("{lost}: {}", rule_words(rule, doing, ascii));
        let text = match ids.as_slice() {
            [one] if back(*direction) => format!("{one}, on its way back, was {why}"),
            [one] => format!("{one} was {why}"),
            many if many.len() <= 6 => format!("{} were lost, {last} {why}", list(many)),
            many => format!("{} frames were lost, the last {last} {why}", many.len()),
        };
        draft.note(NoteKind::Why, Evidence::Ledger, None, text);
    }
    if let Some((icmp, kind)) = known.error {
        let what = match kind {
            IcmpKind::PortUnreachable => "port unreachable",
            IcmpKind::HostUnreachable => "host unreachable",
            IcmpKind::FragmentationNeeded { .. } => "fragmentation needed",
            IcmpKind::TtlExceeded | IcmpKind::ReassemblyTimeExceeded => "time exceeded",
            _ => "an error",
        };
        let told = if kind == IcmpKind::PortUnreachable && facts.udp() && facts.socket.peer.is_none() {
            "but an unconnected UDP socket is not told; a connected one is (--connect-udp)"
        } else {
            "but your kernel did not fail this call for it"
        };
        let cite = facts.udp().then_some(Cite::rfc(1122, "4.1.3.3"));
        draft.note(NoteKind::Why, Evidence::Frame, cite, format!("ICMP {icmp} came ({what}), {told}"));
    }
    if let Some((id, direction, arrives)) = known.under_way {
        let back = if back(direction) { ", on its way back," } else { "" };
        let text = format!("{id}{back} is still under way: it arrives at {}", ms(arrives));
        draft.note(NoteKind::Why, Evidence::Ledger, None, text);
    }
}

/// The frames that show why a call failed.
fn evidence(draft: &Draft<'_>, facts: &Facts, call: &Call, errno: Errno) -> Option<String> {
    let to = match call {
        Call::Connect(to) | Call::SendTo { to, .. } => Some(*to),
        _ => facts.socket.peer,
    };
    let toward = to.map(|to| format!(" to {to}")).unwrap_or_default();
    match errno.name {
        "ECONNREFUSED" if facts.udp() => {
            let icmp = facts.icmp(draft, |kind| kind == IcmpKind::PortUnreachable)?;
            let (about, came) = draft.memory.quoted(icmp).zip(draft.memory.arrived(icmp))?;
            let when = if came < facts.began {
                "had come before this call: your kernel kept it, and tells it one call late"
            } else {
                "came during this call, and ended it"
            };
            Some(format!("ICMP {icmp} (about {about}) {when}"))
        }
        "ECONNREFUSED" => {
            match facts.each_reached(draft, facts.began, |m| m == Landmark::Refused).as_slice() {
                [] => None,
                [one] => Some(format!("the RST is frame {one}")),
                many => Some(format!(
                    "the RST is one of {}, of connections{toward}: a failed call does not tell its own port",
                    list(many)
                )),
            }
        }
        "ECONNRESET" | "EPIPE" => facts
            .reached(draft, Time::ZERO, |m| matches!(m, Landmark::Reset | Landmark::Refused))
            .map(|id| format!("the RST is frame {id}")),
        "EHOSTUNREACH" => {
            let asked = to.map(|to| (to.ip(), draft.memory.waits().unanswered(to.ip())));
            match asked.filter(|(_, asked)| !asked.is_empty()) {
                Some((ip, asked)) => Some(format!("nobody answered {}: {}", question(ip), list(asked))),
                None => facts.icmp(draft, |_| true).map(|id| format!("the ICMP message is frame {id}")),
            }
        }
        "EMSGSIZE" => facts
            .icmp(draft, |kind| matches!(kind, IcmpKind::FragmentationNeeded { .. }))
            .map(|id| format!("your kernel learned the smaller MTU from frame {id}")),
        "ETIMEDOUT" if matches!(call, Call::Connect(_)) => {
            let (ports, syns): (BTreeSet<u16>, Vec<FrameId>) =
                facts.sent(draft, facts.began, Landmark::Syn).into_iter().unzip();
            match ports.len() {
                0 => None,
                1 => Some(format!("SYN went out {} times: {}", syns.len(), list(&syns))),
                many => Some(format!(
                    "SYNs{toward} went out from {many} ports; a failed call does not tell its own"
                )),
            }
        }
        _ => None,
    }
}
