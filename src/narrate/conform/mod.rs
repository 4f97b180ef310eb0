//! What a conformance checker found, in English and as JSON.

mod json;
mod rules;

pub use json::{case_json, listed_json, server_json, tally_json};

use super::blocks::source_words;
use super::style::{Ink, Style};
use super::text::{count, preview, safe, span, wrap};
use crate::model::Side;
use crate::model::conformance::{Came, Clause, Expected, Finding, Need, Passed, Traffic, Verdict};
use crate::model::{Header, Meaning, Value};
use std::collections::BTreeMap;

/// Columns of the names before what is told of a finding.
const NAME: usize = 10;
/// Octets of a frame that are shown.
const OCTETS: usize = 24;

/// What is known about the server before the cases are tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Its URL.
    pub url: String,
    /// Text messages come back.
    pub text: bool,
    /// Binary messages come back.
    pub binary: bool,
    /// It agrees to permessage-deflate.
    pub deflate: bool,
    /// The seed of keys and masks.
    pub seed: u64,
    /// Cases that are tried.
    pub cases: usize,
}

/// The server in a paragraph.
pub fn server(server: &Server, style: &Style) -> String {
    let echo = match (server.text, server.binary) {
        (true, true) => "echoes text and binary messages",
        (true, false) => "echoes text, but no binary messages: cases that need them are not applicable",
        (false, true) => "echoes binary, but no text messages: cases that need them are not applicable",
        (false, false) => "echoes nothing: cases that need an echo are not applicable",
    };
    let deflate = if server.deflate { "agrees to" } else { "declines" };
    let text = format!(
        "The server at {} {echo}; it {deflate} permessage-deflate. {}, seed {}.",
        server.url,
        count(server.cases as u64, "case"),
        server.seed
    );
    lines(&text, 0, style)
}

/// A case in a list: its name, its rule and where that stands.
pub fn listed(case: &str, clause: Clause, style: &Style) -> String {
    let mut out = format!("{case}\n");
    out.push_str(&lines(&rule(clause), 4, style));
    out
}

fn rule(clause: Clause) -> String {
    format!("{} {}", rules::rule(clause), source_words(clause.cite()))
}

/// A verdict as people read it.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::NonStrict => "non-strict",
        Verdict::Informational => "informational",
        Verdict::Failed => "FAILED",
        Verdict::Unclean => "unclean close",
        Verdict::NotApplicable => "not applicable",
    }
}

/// A finding: the verdict and the case; with `whole` the rule, what was expected, what came and what passed, else
/// what came alone.
pub fn finding(finding: &Finding, whole: bool, style: &Style) -> String {
    let ink = if finding.verdict.is_bad() { Ink::Alarm } else { Ink::Bold };
    let name = ink.paint(style.color, verdict(finding.verdict));
    let mut out = format!("{name}  {}\n", finding.case);
    if finding.verdict == Verdict::NotApplicable {
        row(&mut out, "because", &came(finding, style), style);
        return out;
    }
    row(&mut out, "rule", &rule(finding.clause), style);
    row(&mut out, "expected", &expected(&finding.expected), style);
    row(&mut out, "came", &came(finding, style), style);
    if whole {
        for passed in &finding.passed {
            traffic(&mut out, passed, style);
        }
    }
    out
}

fn row(out: &mut String, name: &str, text: &str, style: &Style) {
    let room = style.columns() - NAME - 2;
    for (n, line) in
        wrap(&safe(text, style.ascii).replace("\\u{a0}", "\u{a0}"), room, room).iter().enumerate()
    {
        let name = if n == 0 { name } else { "" };
        out.push_str(&format!("  {name:NAME$}{}\n", line.replace('\u{a0}', " ")));
    }
}

fn lines(text: &str, indent: usize, style: &Style) -> String {
    let room = style.columns() - indent;
    let made: Vec<String> =
        wrap(text, room, room).iter().map(|line| format!("{:indent$}{line}\n", "")).collect();
    made.concat()
}

/// What was waited for.
fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Answers { messages, pongs } => {
            let echoes = count(*messages as u64, "echo").replace("echos", "echoes");
            let ponged = count(*pongs as u64, "Pong");
            match (messages, pongs) {
                (_, 0) => echoes,
                (0, _) => ponged,
                _ => format!("{echoes} and {ponged}"),
            }
        }
        Expected::Failure { codes, bare } => {
            let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
            let bare = if *bare { ", or the end of TCP alone" } else { "" };
            format!("the server fails the connection: Close {}{bare}", codes.join(" or "))
        }
        Expected::Close { codes } => {
            let codes: Vec<String> = codes.iter().map(|code| close(*code)).collect();
            codes.join(" or ")
        }
        Expected::End => "the server ends TCP".to_owned(),
        Expected::Switch => "101, with what is looked at as it should be".to_owned(),
        Expected::Agreement => "101, with an answer that fits the offer".to_owned(),
        Expected::NoExtension => "101, without an extension".to_owned(),
        Expected::Refusal { statuses, version } => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            let such = if statuses.is_empty() {
                String::new()
            } else {
                format!(", such as {}", statuses.join(" or "))
            };
            let version = if *version { ", with Sec-WebSocket-Version: 13" } else { "" };
            format!("no 101, but an answer that says no{such}{version}")
        }
    }
}

fn close(code: Option<u16>) -> String {
    code.map_or_else(|| "a Close without a code".to_owned(), |code| format!("Close {code}"))
}

/// What came in its place.
fn came(finding: &Finding, style: &Style) -> String {
    match &finding.came {
        Came::AsExpected => "that".to_owned(),
        Came::Silence { after, got, of } if *of > 1 || *got > 0 => {
            format!("{got} of {of} answers, then nothing for {}", span(*after))
        }
        Came::Silence { after, .. } => format!("nothing for {}", span(*after)),
        Came::OtherEcho { same_kind: false, .. } => {
            "an echo of the other kind: text for binary, or binary for text".to_owned()
        }
        Came::OtherEcho { len, sent, differs_at: Some(at), .. } if len == sent => {
            format!("an echo that differs from what was sent, from octet {at} on")
        }
        Came::OtherEcho { len, sent, .. } => {
            format!("a message of {}, where {} had been sent", count(*len, "octet"), count(*sent, "octet"))
        }
        Came::UnaskedMessage { len } => format!("a message of {} that nobody had sent", count(*len, "octet")),
        Came::OtherPong { payload } => format!("a Pong with {}", preview(payload, 30, style.ascii)),
        Came::PongsLeftOut { got, of } => format!("Pongs to {got} of {of} Pings, the newest among them"),
        Came::WentOn => "a Pong to a Ping that was sent after the fault: the server went on".to_owned(),
        Came::PongAfterClose => "a Pong to a Ping that was sent after the Close".to_owned(),
        Came::TookIt { len } => format!("a message of {}: the server took it", count(*len, "octet")),
        Came::Late => "that, but only after the rest of the message was sent".to_owned(),
        Came::Closed { code, reason } if reason.is_empty() => close(*code),
        Came::Closed { code, reason } => {
            format!("{}, reason {}", close(*code), preview(reason.as_bytes(), 40, style.ascii))
        }
        Came::Ended { reset: false } => "the end of TCP, without a Close".to_owned(),
        Came::Ended { reset: true } => "a reset of TCP, without a Close".to_owned(),
        Came::NotEnded { after } => format!("TCP was still open after {}", span(*after)),
        Came::Broke { rule, cite } => {
            format!("a frame that breaks a rule itself: {rule} {}", source_words(*cite))
        }
        Came::Status { status } => format!("HTTP status {status}"),
        Came::Answer { rule, cite } => format!("{rule} {}", source_words(*cite)),
        Came::NoVersion { status } => format!("status {status} without Sec-WebSocket-Version: 13"),
        Came::Extension { got } => format!("the extension {}", preview(got.as_bytes(), 60, style.ascii)),
        Came::Declined => "101 without an extension: the offer was declined, as a server may".to_owned(),
        Came::NoConnection { reason } => format!("no connection: {reason}"),
        Came::Lacks(need) => lacks(*need).to_owned(),
    }
}

const fn lacks(need: Need) -> &'static str {
    match need {
        Need::TextEcho => "the server does not echo text messages",
        Need::BinaryEcho => "the server does not echo binary messages",
        Need::Deflate => "the server declines permessage-deflate",
        Need::ClientTakeover => "the server does not let a client's messages refer to earlier ones",
    }
}

/// One thing that passed: who, its octets, and what its bits mean.
fn traffic(out: &mut String, passed: &Passed, style: &Style) {
    let (sign, ink) = match passed.from {
        Side::Client => (">", Ink::Client),
        Side::Server => ("<", Ink::Server),
    };
    let mut push = |text: &str| out.push_str(&format!("  {} {text}\n", ink.paint(style.color, sign)));
    match &passed.what {
        Traffic::Frame { octets, len, header } => {
            let shown = &octets[..octets.len().min(OCTETS)];
            let hex: Vec<String> = shown.iter().map(|octet| format!("{octet:02x}")).collect();
            let rest = len.saturating_sub(shown.len() as u64);
            let more = if rest > 0 { format!(" + {}", count(rest, "octet")) } else { String::new() };
            let text = format!("{}{more}", hex.join(" "));
            for line in wrap(&text, style.columns() - 4, style.columns() - 4) {
                push(&line);
            }
            if let Some(header) = header {
                for line in wrap(&bits(header, style), style.columns() - 8, style.columns() - 8) {
                    out.push_str(&format!("        {line}\n"));
                }
            }
        }
        Traffic::Head(octets) => {
            for line in
                octets.split(|&octet| octet == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(12)
            {
                let line = String::from_utf8_lossy(line.trim_ascii());
                let line: String = safe(&line, style.ascii).chars().take(style.columns() - 4).collect();
                push(&line);
            }
        }
        Traffic::End { reset: false } => push("the end of TCP (FIN)"),
        Traffic::End { reset: true } => push("the end of TCP (reset)"),
        Traffic::More(more) => out.push_str(&format!("  ... {more} more\n")),
    }
}

/// The bits of a frame's header, in words.
fn bits(header: &Header, style: &Style) -> String {
    let mut words = Vec::new();
    for field in &header.fields {
        let word = match (field.name, &field.value) {
            ("websocket.fin", Value::Bool(set)) => format!("FIN={}", u8::from(*set)),
            ("websocket.rsv", Value::Hex(bits, _)) => format!("RSV={bits:03b}"),
            ("websocket.opcode", Value::Uint(opcode)) => match &field.meaning {
                Some(Meaning::Name(name)) => format!("opcode={opcode}\u{a0}({name})"),
                _ => format!("opcode={opcode}\u{a0}(reserved)"),
            },
            ("websocket.mask", Value::Bool(set)) => format!("MASK={}", u8::from(*set)),
            ("websocket.payload_length", value) => format!("length={value}"),
            ("websocket.payload_length_ext_16", value) => format!("16\u{a0}bits:\u{a0}{value}"),
            ("websocket.payload_length_ext_64", value) => format!("64\u{a0}bits:\u{a0}{value}"),
            ("websocket.masking_key", value) => format!("key={value}"),
            ("websocket.payload.close.status_code", value) => format!("code={value}"),
            ("websocket.payload.close.reason", Value::Text(text)) => {
                format!("reason={}", preview(text.as_bytes(), 30, style.ascii))
            }
            (_, Value::Text(text)) => preview(text.as_bytes(), 30, style.ascii),
            ("websocket.payload.ping" | "websocket.payload.pong", Value::Octets(octets)) => {
                preview(octets, 30, style.ascii)
            }
            _ => continue,
        };
        words.push(word);
    }
    words.join(" ")
}

/// Findings by group and verdict.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally(BTreeMap<Verdict, usize>, Vec<(String, BTreeMap<Verdict, usize>)>);

impl Tally {
    /// Counts one.
    pub fn add(&mut self, finding: &Finding) {
        *self.0.entry(finding.verdict).or_default() += 1;
        let group = finding.case.split('/').next().unwrap_or_default();
        if self.1.last().is_none_or(|(last, _)| last != group) {
            self.1.push((group.to_owned(), BTreeMap::new()));
        }
        if let Some((_, counts)) = self.1.last_mut() {
            *counts.entry(finding.verdict).or_default() += 1;
        }
    }

    /// How many have this verdict.
    pub fn of(&self, verdict: Verdict) -> usize {
        self.0.get(&verdict).copied().unwrap_or_default()
    }

    /// All of them.
    pub fn all(&self) -> usize {
        self.0.values().sum()
    }

    /// Whether none is bad.
    pub fn is_good(&self) -> bool {
        self.of(Verdict::Failed) + self.of(Verdict::Unclean) == 0
    }
}

/// The tally as a table and a sentence.
pub fn tally(tally: &Tally, style: &Style) -> String {
    let heads = ["ok", "non-strict", "inform.", "FAILED", "unclean", "not appl."];
    let mut out = format!("{:12}", "group");
    heads.iter().for_each(|head| out.push_str(&format!("{head:>11}")));
    let mut table = vec![Ink::Bold.paint(style.color, &out)];
    let line = |name: &str, counts: &dyn Fn(Verdict) -> usize| {
        let cells = Verdict::ALL.iter().map(|&verdict| match counts(verdict) {
            0 => format!("{:>11}", "-"),
            n => format!("{n:>11}"),
        });
        format!("{name:12}{}", cells.collect::<String>())
    };
    for (group, counts) in &tally.1 {
        table.push(line(group, &|verdict| counts.get(&verdict).copied().unwrap_or_default()));
    }
    if tally.1.len() > 1 {
        table.push(line("all", &|verdict| tally.of(verdict)));
    }
    let (failed, unclean) = (tally.of(Verdict::Failed), tally.of(Verdict::Unclean));
    let tried = tally.all() - tally.of(Verdict::NotApplicable);
    let sentence = match (tried, failed + unclean) {
        (0, _) => "No case was tried.".to_owned(),
        (_, 0) => format!("{} tried: no rule was seen broken.", count(tried as u64, "case")),
        _ => format!("{} tried: {failed} failed, {unclean} closed uncleanly.", count(tried as u64, "case")),
    };
    format!("{}\n\n{}", table.join("\n"), lines(&sentence, 0, style))
}
