//! What is said of the queue's demonstration: the question before a scene, and what the programs noted after it.

use super::text::{count, wrap};
use crate::model::deed::{Answer, Deed, Deeds};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// Columns of a label.
const LABEL: usize = 9;

/// What is said before and after a scene; what happened is told from the deeds alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Words {
    /// Its heading.
    pub title: &'static str,
    /// What happens in it, and the question.
    pub question: &'static str,
    /// Why it comes out as it does. Said only if it did.
    pub why: &'static str,
    /// One thing to change.
    pub change: &'static str,
}

/// The heading and the question.
pub fn before(words: &Words, n: usize, of: usize, width: usize) -> String {
    format!("{n} of {of}  {}\n{}", words.title, wrap(words.question, width, width).join("\n"))
}

/// A label, and text beside it.
fn labelled(label: &str, text: &str, width: usize) -> String {
    let room = width.saturating_sub(LABEL).max(20);
    let lines = wrap(text, room, room).join(&format!("\n{:LABEL$}", ""));
    format!("{label:LABEL$}{lines}\n")
}

/// What the programs noted, a line each.
pub fn noted(deeds: &Deeds) -> String {
    let mut out = String::new();
    if !deeds.is_empty() {
        // The wire's clock began before theirs.
        out.push_str("The programs' own words, each with the time since they began:\n");
    }
    for (at, deed) in deeds {
        let _ = writeln!(out, "{:>7.1} ms  {}", at.as_secs_f64() * 1e3, line(deed));
    }
    out
}

/// One of them as a JSON object (docs/json.md).
pub fn json((at, deed): &(Duration, Deed)) -> Value {
    let after = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    let mut object = json!({ "schema": 1, "kind": "deed", "after_ns": after });
    let (name, rest) = match deed {
        Deed::Published { body, answer } => {
            let (answer, code) = match answer {
                Answer::Confirmed => ("confirmed", None),
                Answer::Duplicate => ("duplicate", None),
                Answer::Refused(code) => ("refused", Some(*code)),
                Answer::NotAsked => ("not_asked", None),
            };
            ("published", json!({ "body": body, "answer": answer, "code": code }))
        }
        Deed::Came { who } => ("came", json!({ "who": who })),
        Deed::Left { who, holding } => ("left", json!({ "who": who, "holding": holding })),
        Deed::Handled { who, body, offset, deliveries } => {
            ("handled", json!({ "who": who, "body": body, "offset": offset, "deliveries": deliveries }))
        }
        Deed::Effect { id, known } => ("effect", json!({ "message_id": id, "known": known })),
    };
    object["deed"] = name.into();
    if let (Value::Object(object), Value::Object(rest)) = (&mut object, rest) {
        object.extend(rest);
    }
    object["sentence"] = line(deed).into();
    object
}

fn line(deed: &Deed) -> String {
    match deed {
        Deed::Published { body, answer } => {
            let answer = match answer {
                Answer::Confirmed => "confirmed".to_owned(),
                Answer::Duplicate => "confirmed: its id was known, nothing was stored".to_owned(),
                Answer::Refused(code) => format!("refused with code {code}"),
                Answer::NotAsked => "sent; nobody was asked to confirm it".to_owned(),
            };
            format!("published {body:?}: {answer}")
        }
        Deed::Came { who } => format!("{who} subscribes"),
        Deed::Left { who, holding: 0 } => format!("{who} goes away"),
        Deed::Left { who, holding } => {
            format!("{who} goes without a word, {} in hand", count(*holding as u64, "message"))
        }
        Deed::Handled { who, body, offset, deliveries: 1 } => {
            format!("{who} handles {body:?} (offset {offset})")
        }
        Deed::Handled { who, body, offset, deliveries } => {
            format!(
                "{who} handles {body:?} (offset {offset}, handed out for the {} time)",
                ordinal(*deliveries)
            )
        }
        Deed::Effect { id, known: false } => format!("the work of {id} takes effect"),
        Deed::Effect { id, known: true } => format!("the work of {id} was done before: no second effect"),
    }
}

fn ordinal(n: u32) -> String {
    let ending = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// Counts of what was noted: published (of these confirmed and refused), handled, effects.
pub fn result(deeds: &Deeds) -> String {
    let of = |wanted: &dyn Fn(&Deed) -> bool| deeds.iter().filter(|(_, deed)| wanted(deed)).count() as u64;
    let published = of(&|deed| matches!(deed, Deed::Published { .. }));
    let refused = of(&|deed| matches!(deed, Deed::Published { answer: Answer::Refused(_), .. }));
    let handled = of(&|deed| matches!(deed, Deed::Handled { .. }));
    let again = of(&|deed| matches!(deed, Deed::Handled { deliveries: 2.., .. }));
    let effects = of(&|deed| matches!(deed, Deed::Effect { known: false, .. }));
    let any_effect = of(&|deed| matches!(deed, Deed::Effect { .. })) > 0;
    let mut parts = vec![format!("{} published", count(published, "message"))];
    if refused > 0 {
        parts.push(format!("{refused} refused"));
    }
    let mut who: Vec<&str> = Vec::new();
    for (_, deed) in deeds {
        if let Deed::Handled { who: name, .. } = deed
            && !who.contains(name)
        {
            who.push(name);
        }
    }
    if who.len() > 1 {
        for name in who {
            let n = of(&|deed| matches!(deed, Deed::Handled { who, .. } if *who == name));
            parts.push(format!("{n} handled by {name}"));
        }
    } else {
        parts.push(format!("{handled} handled"));
    }
    if again > 0 {
        parts.push(format!("{again} of these not for the first time"));
    }
    if any_effect {
        parts.push(format!("{} in effect", count(effects, "time")));
    }
    parts.join(", ")
}

/// The result, the reason, and what to change.
pub fn after(words: &Words, deeds: &Deeds, as_expected: bool, width: usize) -> String {
    let why = if as_expected {
        labelled("WHY", words.why, width)
    } else {
        labelled("", "This is not what the scene is about: look at the frames for what came between.", width)
    };
    labelled("RESULT", &result(deeds), width) + &why + &labelled("TRY", words.change, width)
}

/// What two decoders made of the same mistake.
#[derive(Clone, Debug)]
pub struct Naive<'a> {
    /// Which scene it is.
    pub n: usize,
    /// Of how many.
    pub of: usize,
    /// What was sent.
    pub sent: &'a [&'a str],
    /// What the reader of bare lengths gets from the stream as it was sent, octet by octet.
    pub by_ones: &'a [Vec<u8>],
    /// And from all of it at once.
    pub at_once: &'a [Vec<u8>],
    /// The stream with bare lengths, as it came.
    pub bare: &'a [u8],
    /// What its reader took for messages.
    pub believed: &'a [Vec<u8>],
    /// Octets that it still waits with.
    pub waiting: usize,
    /// The first frame of the other stream, as it came.
    pub frame: &'a [u8],
    /// Frames that its reader took.
    pub read: usize,
    /// What it said.
    pub fault: Option<String>,
    /// A whole header that announces more than may be, and what is said of that.
    pub huge: (&'a [u8], Option<String>),
}

/// A stream cut by bare lengths, and one cut by frames.
pub fn naive(told: &Naive<'_>, width: usize) -> String {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ");
    let quoted = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
    let sent = quoted(&mut told.sent.iter().map(|text| format!("{text:?}")));
    let listed = |all: &[Vec<u8>]| quoted(&mut all.iter().map(|m| format!("\"{}\"", m.escape_ascii())));
    let believed = listed(told.believed);
    let mut out = format!(
        "{} of {}  One wrong bit in a length\n{}\n\n",
        told.n,
        told.of,
        wrap(
            &format!("TCP carries octets, not messages. {sent} are sent one behind the other, and a bit of the first \
                      length is wrong. What does each reader make of it?"),
            width,
            width
        )
        .join("\n")
    );
    out += &labelled(
        "sent",
        &format!("each behind its length. Read octet by octet: {}", listed(told.by_ones)),
        width,
    );
    out += &labelled("", &format!("All at once: {}", listed(told.at_once)), width);
    out += &labelled("lengths", &hex(told.bare), width);
    let waits = match told.waiting {
        0 => String::new(),
        n => format!(
            ", and waits with {} for the rest of a message that nobody sends",
            count(n as u64, "octet")
        ),
    };
    out += &labelled("", &format!("{} believed: {believed}{waits}. No error.", told.believed.len()), width);
    out += &labelled("frame", &hex(told.frame), width);
    let said = told.fault.as_deref().unwrap_or("no fault was found");
    out += &labelled("", &format!("{} believed. {said}.", told.read), width);
    let (header, said) = &told.huge;
    out += &labelled("too long", &hex(header), width);
    out += &labelled("", &format!("{}.", said.as_deref().unwrap_or("no fault was found")), width);
    out.push('\n');
    out + &labelled(
        "WHY",
        "A bare length is believed before anything can be checked. The frame's header has a checksum of its own: \
         the length counts only when that is right. And a right length is still a claim of somebody else: no room is \
         made for more than the cap (docs/protocols/queue.md).",
        width,
    )
}
