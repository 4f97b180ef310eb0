//! A segment that brings octets again: what had become of them, and what made its sender send them.

use super::super::text::{count, ms, span};
use super::super::why::{asked_words, cause_words};
use super::fate::{Doing, rule_words};
use super::{Draft, NoteKind};
use crate::model::{Cite, Evidence, FrameId, Heading, Seen, Tcp, TcpFlags};

pub(super) fn retransmission(
    draft: &mut Draft<'_>,
    seen: &Seen,
    tcp: &Tcp,
    of: FrameId,
    duplicate_acks: u32,
    needless: bool,
) {
    let ascii = draft.glyphs.ascii;
    let (memory, now) = (draft.memory, draft.event.at);
    let what = if memory.is_cut_anew(of, tcp) { "octets that were in" } else { "the same numbers as" };
    let carriers = memory.carriers(of, seen, tcp);
    let all = and(&carriers);
    draft.meaning(Some(Cite::rfc(9293, "3.8")), format!("retransmission: {what} {all}"));
    let dropped: Vec<_> = carriers.iter().map(|id| memory.dropped_by(*id)).collect();
    let alike = dropped.windows(2).all(|pair| pair[0] == pair[1]);
    let mut ledger = |text| draft.note(NoteKind::Why, Evidence::Ledger, None, text);
    if let Some(rule) = memory.dropped_by(of).filter(|_| alike && carriers.len() > 1) {
        ledger(format!("because {all} were dropped: {}", rule_words(rule, Doing::Loss, ascii)));
    } else if let Some(rule) = memory.dropped_by(of) {
        ledger(format!("because {of} was dropped: {}", rule_words(rule, Doing::Loss, ascii)));
    } else if let Some(rule) = memory.damaged_by(of) {
        ledger(format!("because {of} was damaged: {}", rule_words(rule, Doing::Corrupt, ascii)));
    } else if let Some(at) = memory.still_under_way(of, now) {
        ledger(format!("{of} is still on its way and arrives at {}: nothing was lost", ms(at)));
    } else if needless {
        match memory.answer(of, seen, tcp, now) {
            Some(cause) => ledger(cause_words(&cause, ascii)),
            // What came may have been thrown away all the same: by a full accept queue, a full buffer.
            None if memory.flows().unanswered(seen, tcp) => {
                let syn = tcp.flags.has(TcpFlags::SYN) && tcp.ack.is_none();
                let answer = if syn { "SYN-ACK" } else { "ACK" };
                let chance = if syn { ": this asks once more" } else { " yet" };
                ledger(format!("{of} had reached the host, but no {answer} for it was seen{chance}"));
            }
            None => draft.note(
                NoteKind::Why,
                Evidence::Frame,
                None,
                format!("{of} had reached the host: this brings it nothing new"),
            ),
        }
    }
    let told = match draft.event.heading {
        Heading::Toward(direction) => memory.told_too_big(&carriers, direction.from(), tcp, now),
        Heading::Local => Vec::new(),
    };
    let flows = memory.flows();
    let is_syn = tcp.flags.has(TcpFlags::SYN);
    let sacked = flows.sacked(memory, now, seen, tcp);
    let waited = flows.timed_out(memory, now, seen, tcp).filter(|_| told.is_empty());
    let timer = |what: &str| match waited {
        Some(waited) if waited.doubled => (
            Evidence::Inferred,
            Some(Cite::rfc(6298, "5.5")),
            format!(
                "inferred: {what}, so a timer of its sender ran out; it waited about twice as long as before"
            ),
        ),
        _ => (Evidence::Inferred, None, format!("inferred: {what}, so a timer of its sender ran out")),
    };
    let (evidence, cite, text) =
        if let Some((syn, copy)) = flows.asked(memory, now, seen, tcp).filter(|_| is_syn) {
            let text = format!("inferred: {}", asked_words(&syn.to_string(), copy));
            (Evidence::Inferred, Some(Cite::rfc(9293, "3.10.7.4")), text)
        } else if let Some(waited) = waited.filter(|_| duplicate_acks > 0 || sacked.is_some()) {
            timer(&format!("no ACK came for {}", span(waited.took)))
        } else if duplicate_acks > 0 {
            let text = format!("{} came before it", count(duplicate_acks.into(), "duplicate ACK"));
            (Evidence::Frame, None, text)
        } else if !told.is_empty() {
            let icmp = and(&told);
            let text = format!("inferred: {icmp} told its sender that packets must be smaller");
            (Evidence::Inferred, None, text)
        } else if let Some(ack) = sacked {
            (Evidence::Frame, None, format!("{ack} had told by SACK that octets beyond these arrived"))
        } else if flows.silent(memory, now, seen, tcp) {
            timer(if is_syn { "no answer came" } else { "no duplicate ACK came" })
        } else {
            return;
        };
    draft.note(NoteKind::Why, evidence, cite, text);
}

/// `#6`, `#6 and #8`, `#6, #7 and #8`.
fn and(frames: &[FrameId]) -> String {
    let names: Vec<String> = frames.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}
