//! Scripts: what happens to exactly named frames, `tcp.data#3`.
//!
//! ```text
//! RULE      = [DIRECTION ":"] (KIND "#" LIST | LIST)
//! DIRECTION = "to-server" (when left out) | "to-client" | "any"
//! KIND      = "frame" (when left out) | "arp" | "ip" | ... see KINDS
//! LIST      = ITEM {"," ITEM}
//! ITEM      = N | N "-" M | N "+"         counted from 1
//! ```
//!
//! A rule counts the frames of its kind as the wire reads them, whatever becomes of them; so a
//! retransmission counts as one more frame. `any:` counts both directions together.

use super::error::{Suggestion, ValueError};
use super::units::parse_time;
use super::words::Word;
use crate::model::{Class, Direction, Rule, Unused};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// A kind of frame: its word, the traits that it has, and those that it hasn't.
struct Kind {
    word: &'static str,
    has: Class,
    /// At least one of these, where there are any.
    any: Class,
    lacks: Class,
}

const fn kind(word: &'static str, has: Class) -> Kind {
    Kind { word, has, any: Class::NONE, lacks: Class::NONE }
}

/// Every kind. `ip` is IPv4, as in Wireshark's names.
static KINDS: [Kind; 15] = [
    kind("frame", Class::NONE),
    // What `--dice data` counts: the n-th frame with data of either transport.
    Kind { any: super::dice::WITH_DATA, ..kind("data", Class::NONE) },
    kind("arp", Class::ARP),
    kind("ip", Class::IPV4),
    kind("ipv6", Class::IPV6),
    kind("icmp", Class::ICMP),
    kind("fragment", Class::FRAGMENT),
    kind("udp", Class::UDP),
    kind("tcp", Class::TCP),
    Kind { lacks: Class::TCP_ACK, ..kind("tcp.syn", Class::TCP.with(Class::TCP_SYN)) },
    kind("tcp.synack", Class::TCP.with(Class::TCP_SYN).with(Class::TCP_ACK)),
    Kind {
        lacks: Class::TCP_SYN.with(Class::TCP_FIN).with(Class::TCP_RST).with(Class::TCP_DATA),
        ..kind("tcp.ack", Class::TCP.with(Class::TCP_ACK))
    },
    kind("tcp.data", Class::TCP.with(Class::TCP_DATA)),
    kind("tcp.fin", Class::TCP.with(Class::TCP_FIN)),
    kind("tcp.rst", Class::TCP.with(Class::TCP_RST)),
];

const KINDS_LIST: &str = "frame, data, arp, ip, ipv6, icmp, fragment, udp, tcp, tcp.syn, tcp.synack, tcp.ack, tcp.data, \
                          tcp.fin and tcp.rst";

/// Which frames: those whose number among their kind is in the list. Prints as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    text: Arc<str>,
    /// `None`: both, counted together.
    direction: Option<Direction>,
    kind: usize,
    /// Inclusive, in the order typed.
    ranges: Arc<[(u64, u64)]>,
}

impl Selector {
    /// Whether a frame is one of those that are counted.
    pub fn counts(&self, direction: Direction, class: Class) -> bool {
        self.concerns(direction) && self.is_of_kind(class)
    }

    fn is_of_kind(&self, class: Class) -> bool {
        let kind = &KINDS[self.kind];
        let any = kind.any == Class::NONE || class.meets(kind.any);
        class.has(kind.has) && any && !class.meets(kind.lacks)
    }

    /// Whether the `n`-th of those that are counted is meant, 1 the first.
    pub fn names(&self, n: u64) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&n))
    }

    /// Whether it counts frames of this direction at all.
    pub(super) fn concerns(&self, direction: Direction) -> bool {
        self.direction.is_none_or(|d| d == direction)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Selector, ValueError> {
        let (direction, rest) = match got.split_once(':') {
            None => (Some(Direction::ToServer), got),
            Some(("to-server", rest)) => (Some(Direction::ToServer), rest),
            Some(("to-client", rest)) => (Some(Direction::ToClient), rest),
            Some(("any", rest)) => (None, rest),
            Some((other, _)) => {
                let suggestion = Suggestion::among(other, ["to-server", "to-client", "any"].into_iter());
                return Err(ValueError::RuleDirection { got: other.into(), suggestion });
            }
        };
        let (word, list) = match rest.split_once('#') {
            Some((word, list)) => (word, Some(list)),
            None if rest.starts_with(|c: char| c.is_ascii_digit()) => ("frame", Some(rest)),
            None => (rest, None),
        };
        let kind = KINDS.iter().position(|k| k.word == word).ok_or_else(|| ValueError::RuleKind {
            got: word.into(),
            suggestion: Suggestion::among(word, KINDS.iter().map(|k| k.word)),
            kinds: KINDS_LIST,
        })?;
        let list = list.ok_or_else(|| ValueError::RuleNoNumber { got: got.into() })?;
        let ranges = list.split(',').map(|part| range(got, part)).collect::<Result<_, _>>()?;
        Ok(Selector { text: got.into(), direction, kind, ranges })
    }
}

/// `3`, `3-5` or `3+` as an inclusive range.
fn range(got: &str, part: &str) -> Result<(u64, u64), ValueError> {
    let wrong = || ValueError::RuleNumber { got: got.into(), part: part.into() };
    let number = |s: &str| {
        let digits = !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        s.parse::<u64>().ok().filter(|n| digits && *n > 0).ok_or_else(wrong)
    };
    if let Some(from) = part.strip_suffix('+') {
        return Ok((number(from)?, u64::MAX));
    }
    let (from, to) = match part.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?),
        None => (number(part)?, number(part)?),
    };
    if from > to {
        return Err(ValueError::RuleBackwards { got: got.into(), part: part.into() });
    }
    Ok((from, to))
}

/// What a script does to its frames.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// `--drop`: it never arrives.
    Drop,
    /// `--dup`: it arrives twice.
    Dup,
    /// `--delay-frame`: it arrives this much later, and the frames behind it do not.
    Delay(Duration),
    /// `--swap`: it trades places with the next frame of its direction.
    Swap,
}

/// One script: which frames, and what happens to them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    action: Action,
    selector: Selector,
    /// The option's value as typed: the rule, and for a delay `=TIME`.
    text: Arc<str>,
}

impl Script {
    /// A script whose value is the rule alone.
    pub fn parse(action: Action, rule: &str) -> Result<Script, ValueError> {
        let selector: Selector = rule.parse()?;
        let text = match action {
            Action::Delay(by) => format!("{rule}={}", super::units::ShowTime(by)).into(),
            _ => selector.text.clone(),
        };
        Ok(Script { action, selector, text })
    }

    /// `RULE=TIME`.
    pub fn parse_delay(value: &str) -> Result<Script, ValueError> {
        let (rule, time) =
            value.split_once('=').ok_or_else(|| ValueError::RuleNoTime { got: value.into() })?;
        let script = Script::parse(Action::Delay(parse_time(time)?), rule)?;
        Ok(Script { text: value.into(), ..script })
    }

    /// What it does.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Which frames.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// The option's value, as typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The facts of one that named no frame, among so many of its kind in each direction.
    fn unused(&self, seen: [u64; 2]) -> Unused {
        let Selector { direction, kind, ranges, .. } = &self.selector;
        let least = ranges.iter().map(|(from, _)| *from).min().unwrap_or(1);
        // Where it is about one direction, and the other has what it names.
        let fits = |d: &Direction| seen[d.index()] == 0 && seen[d.other().index()] >= least;
        let instead = direction.filter(fits).map(|d| {
            let rule = self.text.strip_prefix(&format!("{}:", d.name())).unwrap_or(&self.text);
            format!("{}:{rule}", d.other().name())
        });
        Unused {
            option: self.word().name(),
            rule: self.text.clone(),
            kind: KINDS[*kind].word,
            direction: *direction,
            seen,
            instead,
        }
    }

    /// The option that makes it.
    pub fn word(&self) -> Word {
        match self.action {
            Action::Drop => Word::Drop,
            Action::Dup => Word::Dup,
            Action::Delay(_) => Word::DelayFrame,
            Action::Swap => Word::Swap,
        }
    }
}

/// The scripts with their counters.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    rules: Vec<Counted>,
}

/// One script, and what it has met.
#[derive(Debug)]
struct Counted {
    script: Script,
    /// Frames of its kind, by [`Direction::index`]; also in the direction that it is not about.
    kin: [u64; 2],
    /// Whether it named a frame.
    used: bool,
}

impl Counted {
    fn new(script: Script) -> Counted {
        Counted { script, kin: [0; 2], used: false }
    }
}

/// What the scripts ask of one frame: of each action the first script that names it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) drop: Option<Rule>,
    pub(super) dup: Option<Rule>,
    pub(super) delay: Option<(Duration, Rule)>,
    pub(super) swap: Option<Rule>,
}

impl Scripts {
    pub(super) fn new(scripts: &[Script]) -> Scripts {
        Scripts { rules: scripts.iter().cloned().map(Counted::new).collect() }
    }

    /// Adds one that counts from now on.
    pub(super) fn add(&mut self, script: Script) {
        self.rules.push(Counted::new(script));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(super) fn concern(&self, direction: Direction) -> bool {
        self.rules.iter().any(|rule| rule.script.selector.concerns(direction))
    }

    /// Those that named no frame, in the order in which they were given.
    pub(super) fn unused(&self) -> Vec<Unused> {
        let unused = self.rules.iter().filter(|rule| !rule.used);
        unused.map(|Counted { script, kin, .. }| script.unused(*kin)).collect()
    }

    /// Counts one frame in every rule that counts its kind, and says what is asked of it.
    pub(super) fn ask(&mut self, direction: Direction, class: Class) -> Asked {
        let mut asked = Asked::default();
        for Counted { script, kin, used } in &mut self.rules {
            let selector = &script.selector;
            if !selector.is_of_kind(class) {
                continue;
            }
            kin[direction.index()] += 1;
            let counted = selector.direction.map_or(kin[0] + kin[1], |d| kin[d.index()]);
            if !selector.concerns(direction) || !selector.names(counted) {
                continue;
            }
            *used = true;
            let rule = || Rule::Script(script.text.clone());
            match script.action {
                Action::Drop => asked.drop = asked.drop.take().or_else(|| Some(rule())),
                Action::Dup => asked.dup = asked.dup.take().or_else(|| Some(rule())),
                Action::Delay(by) => asked.delay = asked.delay.take().or_else(|| Some((by, rule()))),
                Action::Swap => asked.swap = asked.swap.take().or_else(|| Some(rule())),
            }
        }
        asked
    }
}

#[cfg(test)]
pub(crate) mod tests;
