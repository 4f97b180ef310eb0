//! What the words mean: each with its layer in both models, one plain sentence, the commonest
//! confusion and what is true instead, and a source.

mod application;
mod interface;
mod internet;
mod misconceptions;
mod queues;
mod tcp;
mod traffic;
mod words;

pub use misconceptions::{MISCONCEPTIONS, Misconception};

use super::style::{Ink, Models, Style};
use super::text::{safe, wrap};
use crate::model::{Cite, Protocol};

/// Where a word belongs in the two models.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// Where this protocol stands.
    Of(Protocol),
    /// In these two layers, as they are written: OSI's number (`~` marks a convention), TCP/IP's name.
    At(&'static str, &'static str),
    /// In none; why.
    None(&'static str),
}

impl Layer {
    /// The place in the chosen models, in words: `OSI 4, TCP/IP Transport`.
    pub fn words(self, models: Models) -> String {
        let (osi, tcpip) = match self {
            Layer::None(why) => return format!("none: {why}"),
            Layer::At(osi, tcpip) => (osi.to_owned(), tcpip.to_owned()),
            Layer::Of(protocol) => {
                let standing = protocol.standing();
                match (standing.osi, standing.tcpip) {
                    (Some(osi), Some(tcpip)) => (osi.to_string(), tcpip.name().to_owned()),
                    _ => return "none: an API, with no octets of its own on any wire".to_owned(),
                }
            }
        };
        match models {
            Models::Osi => format!("OSI {osi}"),
            Models::TcpIp => format!("TCP/IP {tcpip}"),
            Models::Both => format!("OSI {osi}, TCP/IP {tcpip}"),
        }
    }
}

/// One word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The word as it is written.
    pub term: &'static str,
    /// Other names under which it is found.
    pub aliases: &'static [&'static str],
    /// Its layer.
    pub layer: Layer,
    /// What it is, in one plain sentence.
    pub is: &'static str,
    /// What people take it for.
    pub confusion: &'static str,
    /// What is true instead.
    pub truth: &'static str,
    /// Where that stands.
    pub cite: Cite,
}

/// An entry, its parts in the order in which they are printed.
const fn entry(
    term: &'static str,
    aliases: &'static [&'static str],
    layer: Layer,
    is: &'static str,
    confusion: &'static str,
    truth: &'static str,
    cite: Cite,
) -> Entry {
    Entry { term, aliases, layer, is, confusion, truth, cite }
}

/// The words by subject, in the order of the printed glossary.
const SUBJECTS: [(&str, &[&[Entry]]); 5] = [
    ("Words and models", &[words::UNITS, words::MODELS]),
    ("Below transport, UDP and the wire", &[internet::LINK, internet::IP, internet::WIRE]),
    ("TCP", &[tcp::BASICS, traffic::TRAFFIC, tcp::RECOVERY, tcp::STATES]),
    ("The socket interface and its errors", &[interface::CALLS, interface::ERRORS]),
    ("Applications", &[application::WEB, queues::QUEUES]),
];

/// Every entry, subject by subject.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    SUBJECTS.iter().flat_map(|(_, lists)| lists.iter().copied().flatten())
}

/// What a word leads to.
#[derive(Clone, PartialEq, Debug)]
pub enum Lookup {
    /// Its entry.
    Found(&'static Entry),
    /// The list of common claims and what is true.
    Misconceptions,
    /// Nothing; words that come near, best first, at most five.
    Near(Vec<&'static str>),
}

/// The word as it is compared: letters and digits, lower case.
fn key(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Looks a word up: upper and lower case, blanks, hyphens and other signs make no difference, nor does
/// a plural's last letter.
pub fn find(word: &str) -> Lookup {
    // Nobody means a longer word, and comparing costs its length squared.
    let wanted: String = key(word).chars().take(64).collect();
    let names = || {
        entries().flat_map(|e| std::iter::once(e.term).chain(e.aliases.iter().copied()).map(move |n| (n, e)))
    };
    let exact = |wanted: &str| names().find(|(name, _)| key(name) == wanted).map(|(_, entry)| entry);
    if let Some(entry) = exact(&wanted) {
        return Lookup::Found(entry);
    }
    if ["misconception", "misconceptions", "myths", "myth", "claims", "mistakes"].contains(&wanted.as_str()) {
        return Lookup::Misconceptions;
    }
    if let Some(entry) = wanted.strip_suffix('s').and_then(exact) {
        return Lookup::Found(entry);
    }
    let mut near: Vec<(f64, &'static str)> = names()
        .map(|(name, entry)| {
            let name = key(name);
            let part = wanted.len() >= 3 && name.contains(&wanted);
            let score = strsim::normalized_damerau_levenshtein(&wanted, &name);
            (if part { score.max(0.75) } else { score }, entry.term)
        })
        .filter(|(score, _)| *score >= 0.55)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let mut found: Vec<&'static str> = Vec::new();
    for (_, term) in near {
        if !found.contains(&term) {
            found.push(term);
        }
    }
    found.truncate(5);
    Lookup::Near(found)
}

/// An entry as text, no line wider than the style's width; ends in a newline.
pub fn explain(entry: &Entry, style: &Style) -> String {
    let mut out = Ink::Bold.paint(style.color, &safe(entry.term, style.ascii));
    out.push('\n');
    let cite = entry.cite.to_string();
    let layer = entry.layer.words(style.models);
    let rows = [
        ("layer", layer.as_str()),
        ("is", entry.is),
        ("people say", entry.confusion),
        ("in truth", entry.truth),
        ("source", &cite),
    ];
    for (name, text) in rows {
        row(&mut out, name, text, style);
    }
    out
}

fn row(out: &mut String, name: &str, text: &str, style: &Style) {
    const NAME: usize = 11;
    let room = style.columns() - NAME - 1;
    for (i, part) in wrap(&safe(text, style.ascii), room, room).into_iter().enumerate() {
        out.push_str(&format!("{:NAME$} {part}\n", if i == 0 { name } else { "" }));
    }
}

/// What students claim, and what is true: a block each, no line wider than the style's width.
pub fn misconceptions(style: &Style) -> String {
    let mut out = String::new();
    for (i, m) in MISCONCEPTIONS.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        row(&mut out, "people say", m.claim, style);
        row(&mut out, "in truth", m.truth, style);
        row(&mut out, "source", m.source, style);
    }
    out
}

/// An entry as JSON: `term`, `aliases`, `layer` {`osi`, `tcpip`}, `is`, `confusion`, `truth`, `cite`.
pub fn json(entry: &Entry) -> serde_json::Value {
    serde_json::json!({
        "term": entry.term,
        "aliases": entry.aliases,
        "layer": { "osi": entry.layer.words(Models::Osi), "tcpip": entry.layer.words(Models::TcpIp) },
        "is": entry.is,
        "confusion": entry.confusion,
        "truth": entry.truth,
        "cite": entry.cite.to_string(),
    })
}

/// What to say about a word that is not here, in one line or two.
pub fn unknown(word: &str, near: &[&str], style: &Style) -> String {
    let word = safe(word, style.ascii);
    let text = if near.is_empty() {
        format!("'{word}' is not in the glossary. `layerlab explain` lists every word.")
    } else {
        format!("'{word}' is not in the glossary. Near it: {}.", near.join(", "))
    };
    let mut out = wrap(&text, style.columns(), style.columns()).join("\n");
    out.push('\n');
    out
}

/// Every word by subject, for a listing; no line wider than the style's width.
pub fn index(style: &Style) -> String {
    let mut out = String::new();
    for (subject, lists) in SUBJECTS {
        out.push_str(&Ink::Bold.paint(style.color, subject));
        out.push('\n');
        let terms: Vec<&str> = lists.iter().copied().flatten().map(|e| e.term).collect();
        let room = style.columns() - 2;
        for line in wrap(&terms.join(", "), room, room) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

/// The whole glossary as Markdown: docs/glossary.md is this text.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Glossary\n\n\
         Generated from `src/narrate/glossary/`; `layerlab explain TERM` prints one entry. A test holds the two together.\n\
         Layers stand in two models: OSI (ISO/IEC 7498-1) and TCP/IP (RFC 1122). `~` marks a convention.\n",
    );
    for (subject, lists) in SUBJECTS {
        out.push_str(&format!("\n## {subject}\n"));
        for entry in lists.iter().copied().flatten() {
            out.push_str(&format!("\n### {}\n\n", entry.term));
            if !entry.aliases.is_empty() {
                out.push_str(&format!("- **also** {}\n", entry.aliases.join(", ")));
            }
            out.push_str(&format!("- **layer** {}\n", entry.layer.words(Models::Both)));
            out.push_str(&format!("- **is** {}\n", entry.is));
            out.push_str(&format!("- **people say** {}\n", entry.confusion));
            out.push_str(&format!("- **in truth** {}\n", entry.truth));
            out.push_str(&format!("- **source** {}\n", entry.cite));
        }
    }
    out.push_str(
        "\n## What people say, and what is true\n\n| people say | in truth | source |\n|---|---|---|\n",
    );
    for m in MISCONCEPTIONS {
        out.push_str(&format!("| {} | {} | {} |\n", m.claim, m.truth, m.source));
    }
    out
}

#[cfg(test)]
mod tests;
