//! What the wire did to a frame.

use super::super::text::{ms, percent, safe, span};
use super::{Draft, NoteKind};
use crate::model::{Delivery, Evidence, Fate, Row, Rule, TooBig};

/// What a rule did, in netem's word for it.
#[derive(Clone, Copy)]
pub(in super::super) enum Doing {
    Loss,
    Duplicate,
    Reorder,
    Corrupt,
}

impl Doing {
    const fn word(self) -> &'static str {
        match self {
            Doing::Loss => "loss",
            Doing::Duplicate => "duplicate",
            Doing::Reorder => "reorder",
            Doing::Corrupt => "corrupt",
        }
    }
}

/// The rule that decided, in words.
pub(in super::super) fn rule_words(rule: &Rule, doing: Doing, ascii: bool) -> String {
    let word = doing.word();
    match rule {
        Rule::Random(p) => format!("{word} {} (random)", percent(*p)),
        Rule::GilbertElliott { bad } => {
            format!("{word}, Gilbert-Elliott in its {} state (random)", if *bad { "bad" } else { "good" })
        }
        Rule::QueueFull { limit } => format!("the queue was full (limit {limit} frames)"),
        Rule::Script(line) => format!("script '{}'", safe(line, ascii)),
        Rule::Cut => "the wire was cut".to_owned(),
        Rule::Mtu { mtu, reply } => {
            let told = match reply {
                TooBig::Icmp => "; ICMP goes back",
                TooBig::Silence => ", and no ICMP: a black hole",
                TooBig::MaySplit => "; DF is clear, so a router would split it, which this wire does not",
                TooBig::NeverTold => "; about such a packet no ICMP error is sent",
            };
            format!("larger than the MTU of {mtu}{told}")
        }
        Rule::TtlExceeded { hop } => format!("no TTL left at router {hop}"),
        Rule::ForRouter { hop } => format!("it was for router {hop} itself"),
    }
}

pub(super) fn row(draft: &mut Draft<'_>, row: &Row) -> String {
    let ascii = draft.glyphs.ascii;
    let id = row.id;
    match &row.fate {
        Fate::Dropped { by: Rule::ForRouter { hop } } => {
            format!("{id} ends at router {hop}: it was for that router itself")
        }
        Fate::Dropped { by: rule @ Rule::TtlExceeded { hop } } => {
            draft.note(NoteKind::Why, Evidence::Ledger, None, rule_words(rule, Doing::Loss, ascii));
            format!("X {id} dropped by router {hop}")
        }
        Fate::Dropped { by } => format!("X {id} dropped by the wire: {}", rule_words(by, Doing::Loss, ascii)),
        Fate::Duplicated { first, second, by } => {
            let head = format!("2 {id} duplicated by the wire: {}", rule_words(by, Doing::Duplicate, ascii));
            draft.meaning(None, format!("copies arrive at {} and {}", ms(first.at), ms(second.at)));
            oddities(draft, first);
            oddities(draft, second);
            head
        }
        Fate::Delivered(delivery) => {
            let head = delivered(row, delivery);
            oddities(draft, delivery);
            head
        }
    }
}

fn delivered(row: &Row, delivery: &Delivery) -> String {
    let mut head = format!("{} arrives at {}", row.id, ms(delivery.at));
    let parts = [("queued", delivery.queued), ("delayed", delivery.delayed)];
    let parts: Vec<String> =
        parts.iter().filter(|(_, d)| !d.is_zero()).map(|(name, d)| format!("{name} {}", span(*d))).collect();
    if !parts.is_empty() {
        head.push_str(&format!(" ({})", parts.join(", ")));
    }
    head
}

fn oddities(draft: &mut Draft<'_>, delivery: &Delivery) {
    let ascii = draft.glyphs.ascii;
    if let Some(rule) = &delivery.reordered {
        draft.meaning(
            None,
            format!("put out of order by the wire: {}", rule_words(rule, Doing::Reorder, ascii)),
        );
    }
    if let Some((bit, rule)) = &delivery.corrupted {
        draft.meaning(
            None,
            format!(
                "bit {} of octet {} flipped by the wire: {}",
                bit % 8,
                bit / 8,
                rule_words(rule, Doing::Corrupt, ascii)
            ),
        );
    }
    if let Some((by, rule)) = &delivery.held {
        draft.meaning(
            None,
            format!("held {} longer by the wire: {}", span(*by), rule_words(rule, Doing::Reorder, ascii)),
        );
    }
}
