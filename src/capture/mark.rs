//! The machine-readable line of a packet's comment: the frame's ledger row, and back.
//!
//! The last line of every comment that layerlab writes has this form (one line; keys in this order; times and
//! durations in nanoseconds; `at` and `arrives` since the run's epoch):
//!
//! ```text
//! layerlab frame=37 dir=to-server index=12 at=5000000 len=71 fate=dropped rule="loss 5%" seed=7
//! layerlab frame=38 dir=to-client index=9 at=6000000 len=66 copy=0 fate=delivered arrives=31000000 delayed=25000000 seed=7
//! ```
//!
//! docs/capture.md has every key and every rule; a test holds it against this.

use super::pairs::{Pairs, push, push_quoted};
use crate::model::{Class, Delivery, Direction, Fate, FrameId, Row, Rule, Time, TooBig};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// How the machine-readable line begins.
pub const PREFIX: &str = "layerlab frame=";

/// A packet's ledger row as its comment holds it.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    /// The frame.
    pub id: FrameId,
    /// Its direction.
    pub direction: Direction,
    /// Its place among the frames of its direction, 1 the first.
    pub index: u64,
    /// When it entered the wire.
    pub at: Time,
    /// Its length in octets when it entered the wire.
    pub len: u32,
    /// Which delivered copy the packet is; `None` for the frame as it entered the wire.
    pub copy: Option<u8>,
    /// What became of it.
    pub fate: Fate,
    /// The run's seed.
    pub seed: u64,
}

/// A machine-readable comment that does not read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MarkError {
    /// The comment has no such line: another program wrote it.
    #[error("no line begins with \"layerlab\"")]
    Absent,
    /// Something that is not `key=value`.
    #[error("expected key=value, got {got:?}")]
    NotAPair {
        /// What stood there.
        got: String,
    },
    /// A key that must be there is not.
    #[error("the key {key} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value that does not read.
    #[error("the value of {key} does not read: {got:?}")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        got: String,
    },
}

impl Mark {
    /// The mark of a frame that entered the wire (`copy` absent) or of a copy that arrived.
    pub fn of(row: &Row, copy: Option<u8>, seed: u64) -> Mark {
        Mark {
            id: row.id,
            direction: row.direction,
            index: row.index,
            at: row.at,
            len: row.len,
            copy,
            fate: row.fate.clone(),
            seed,
        }
    }

    /// The ledger row, with the traits that the frame's bytes show.
    pub fn row(&self, class: Class) -> Row {
        Row {
            id: self.id,
            direction: self.direction,
            index: self.index,
            at: self.at,
            len: self.len,
            class,
            fate: self.fate.clone(),
        }
    }

    /// Finds and reads the machine-readable line in a packet's comment.
    ///
    /// # Errors
    /// [`MarkError::Absent`] when there is none, the others when there is one that does not read.
    pub fn find(comment: &str) -> Result<Mark, MarkError> {
        comment.lines().find(|line| line.starts_with(PREFIX)).ok_or(MarkError::Absent)?.parse()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::from("layerlab");
        push(&mut line, "frame", self.id.0);
        push(&mut line, "dir", self.direction.name());
        push(&mut line, "index", self.index);
        push(&mut line, "at", self.at.as_nanos());
        push(&mut line, "len", self.len);
        if let Some(copy) = self.copy {
            push(&mut line, "copy", copy);
        }
        match &self.fate {
            Fate::Delivered(delivery) => {
                push(&mut line, "fate", "delivered");
                push_delivery(&mut line, delivery, "");
            }
            Fate::Duplicated { first, second, by } => {
                push(&mut line, "fate", "duplicated");
                push_quoted(&mut line, "rule", &rule_text(by, "duplicate"));
                push_delivery(&mut line, first, "");
                push_delivery(&mut line, second, "2");
            }
            Fate::Dropped { by } => {
                push(&mut line, "fate", "dropped");
                push_quoted(&mut line, "rule", &rule_text(by, "loss"));
            }
        }
        push(&mut line, "seed", self.seed);
        f.write_str(&line)
    }
}

impl FromStr for Mark {
    type Err = MarkError;

    fn from_str(line: &str) -> Result<Mark, MarkError> {
        let pairs = Pairs::parse(line.strip_prefix("layerlab ").ok_or(MarkError::Absent)?)?;
        let dir = pairs.need("dir")?;
        let direction = Direction::BOTH
            .into_iter()
            .find(|d| d.name() == dir)
            .ok_or_else(|| MarkError::Value { key: "dir".to_owned(), got: dir.to_owned() })?;
        let fate = match pairs.need("fate")? {
            "delivered" => Fate::Delivered(delivery(&pairs, "")?),
            "duplicated" => Fate::Duplicated {
                first: delivery(&pairs, "")?,
                second: delivery(&pairs, "2")?,
                by: rule("rule", pairs.need("rule")?)?,
            },
            "dropped" => Fate::Dropped { by: rule("rule", pairs.need("rule")?)? },
            got => return Err(MarkError::Value { key: "fate".to_owned(), got: got.to_owned() }),
        };
        Ok(Mark {
            id: FrameId(pairs.number("frame")?),
            direction,
            index: pairs.number("index")?,
            at: Time::from_nanos(pairs.number("at")?),
            len: pairs.number("len")?,
            copy: pairs.get("copy").map(|_| pairs.number("copy")).transpose()?,
            fate,
            seed: pairs.number("seed")?,
        })
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn push_delivery(line: &mut String, d: &Delivery, copy: &str) {
    push(line, &format!("arrives{copy}"), d.at.as_nanos());
    for (key, value) in [("queued", d.queued), ("delayed", d.delayed)] {
        if !value.is_zero() {
            push(line, &format!("{key}{copy}"), nanos(value));
        }
    }
    if let Some(by) = &d.reordered {
        push_quoted(line, &format!("reordered{copy}"), &rule_text(by, "reorder"));
    }
    if let Some((bit, by)) = &d.corrupted {
        push(line, &format!("corrupted{copy}"), bit);
        push_quoted(line, &format!("corrupted-by{copy}"), &rule_text(by, "corrupt"));
    }
    if let Some((held, by)) = &d.held {
        push(line, &format!("held{copy}"), nanos(*held));
        push_quoted(line, &format!("held-by{copy}"), &rule_text(by, "chance"));
    }
}

fn delivery(pairs: &Pairs, copy: &'static str) -> Result<Delivery, MarkError> {
    let key = |name: &str| format!("{name}{copy}");
    let number = |name: &str| -> Result<Option<u64>, MarkError> {
        let bad = |got: &str| MarkError::Value { key: key(name), got: got.to_owned() };
        pairs.get(&key(name)).map(|v| v.parse().map_err(|_| bad(v))).transpose()
    };
    let rule_of = |name: &str| pairs.get(&key(name)).map(|v| rule(name, v)).transpose();
    let missing = if copy.is_empty() { "arrives" } else { "arrives2" };
    let corrupted = match (number("corrupted")?, rule_of("corrupted-by")?) {
        (Some(bit), Some(by)) => {
            let bad = |_| MarkError::Value { key: key("corrupted"), got: bit.to_string() };
            Some((u32::try_from(bit).map_err(bad)?, by))
        }
        (None, None) => None,
        (None, _) => return Err(MarkError::Missing { key: "corrupted" }),
        (_, None) => return Err(MarkError::Missing { key: "corrupted-by" }),
    };
    let held = match (number("held")?, rule_of("held-by")?) {
        (Some(by), Some(rule)) => Some((Duration::from_nanos(by), rule)),
        (None, None) => None,
        (None, _) => return Err(MarkError::Missing { key: "held" }),
        (_, None) => return Err(MarkError::Missing { key: "held-by" }),
    };
    Ok(Delivery {
        at: Time::from_nanos(number("arrives")?.ok_or(MarkError::Missing { key: missing })?),
        queued: Duration::from_nanos(number("queued")?.unwrap_or(0)),
        delayed: Duration::from_nanos(number("delayed")?.unwrap_or(0)),
        reordered: rule_of("reordered")?,
        corrupted,
        held,
    })
}

/// The words that may introduce a probability.
const CHANCES: [&str; 5] = ["loss", "duplicate", "reorder", "corrupt", "chance"];

/// A rule in words; `chance` is the word for a random choice.
fn rule_text(rule: &Rule, chance: &str) -> String {
    match rule {
        Rule::Random(p) => format!("{chance} {}%", percent(*p)),
        Rule::GilbertElliott { bad: true } => "gemodel bad".to_owned(),
        Rule::GilbertElliott { bad: false } => "gemodel good".to_owned(),
        Rule::QueueFull { limit } => format!("limit {limit}"),
        Rule::Script(text) => format!("script {text}"),
        Rule::Cut => "cut".to_owned(),
        Rule::Mtu { mtu, reply } => format!("mtu {mtu}{}", too_big(*reply)),
        Rule::TtlExceeded { hop } => format!("ttl-exceeded hop {hop}"),
        Rule::ForRouter { hop } => format!("for-router hop {hop}"),
    }
}

/// What stands behind an MTU.
const fn too_big(reply: TooBig) -> &'static str {
    match reply {
        TooBig::Icmp => "",
        TooBig::Silence => " no-icmp",
        TooBig::MaySplit => " df-clear",
        TooBig::NeverTold => " never-told",
    }
}

fn rule(key: &str, text: &str) -> Result<Rule, MarkError> {
    let bad = || MarkError::Value { key: key.to_owned(), got: text.to_owned() };
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let hop = || rest.strip_prefix("hop ").and_then(|h| h.parse().ok()).ok_or_else(bad);
    Ok(match word {
        "gemodel" => match rest {
            "bad" => Rule::GilbertElliott { bad: true },
            "good" => Rule::GilbertElliott { bad: false },
            _ => return Err(bad()),
        },
        "limit" => Rule::QueueFull { limit: rest.parse().map_err(|_| bad())? },
        "script" => Rule::Script(rest.into()),
        "cut" if rest.is_empty() => Rule::Cut,
        "mtu" => {
            let (mtu, tail) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
            let reply = TooBig::ALL.into_iter().find(|reply| too_big(*reply) == tail).ok_or_else(bad)?;
            Rule::Mtu { mtu: mtu.parse().map_err(|_| bad())?, reply }
        }
        "ttl-exceeded" => Rule::TtlExceeded { hop: hop()? },
        "for-router" => Rule::ForRouter { hop: hop()? },
        chance if CHANCES.contains(&chance) => {
            Rule::Random(rest.strip_suffix('%').and_then(probability).ok_or_else(bad)?)
        }
        _ => return Err(bad()),
    })
}

/// A probability as a percentage, exactly: the decimal point of its shortest decimal notation is moved by two
/// places, so that no rounding can creep in as it would by multiplying.
fn percent(p: f64) -> String {
    if p == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{p:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent = exponent.parse::<i32>().unwrap_or(0) + 2;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    // The digits stand for d.ddd x 10^exponent: the point goes after `exponent + 1` of them.
    let point = exponent + 1;
    let text = match usize::try_from(point) {
        Ok(point) if point >= digits.len() && point <= 20 => format!("{digits:0<point$}"),
        Ok(point) if point > 0 && point < digits.len() => {
            format!("{}.{}", &digits[..point], &digits[point..])
        }
        _ if (-6..=0).contains(&point) => {
            format!("0.{}{digits}", "0".repeat(usize::try_from(-point).unwrap_or(0)))
        }
        _ => format!("{mantissa}e{exponent}"),
    };
    format!("{sign}{text}")
}

/// The inverse of [`percent`].
fn probability(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((m, e)) => (m, e.parse::<i32>().ok()?),
        None => (text, 0),
    };
    format!("{mantissa}e{}", exponent.checked_sub(2)?).parse().ok().filter(|p: &f64| p.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_rule() -> BoxedStrategy<Rule> {
        prop_oneof![
            (0.0..=1.0f64).prop_map(Rule::Random),
            any::<f64>().prop_filter("finite", |p| p.is_finite()).prop_map(Rule::Random),
            any::<bool>().prop_map(|bad| Rule::GilbertElliott { bad }),
            any::<u32>().prop_map(|limit| Rule::QueueFull { limit }),
            any::<String>().prop_map(|text| Rule::Script(text.into())),
            Just(Rule::Cut),
            (any::<u32>(), 0..4_usize).prop_map(|(mtu, n)| Rule::Mtu { mtu, reply: TooBig::ALL[n] }),
            any::<u8>().prop_map(|hop| Rule::TtlExceeded { hop }),
            any::<u8>().prop_map(|hop| Rule::ForRouter { hop }),
        ]
        .boxed()
    }

    fn any_duration() -> impl Strategy<Value = Duration> {
        prop_oneof![Just(Duration::ZERO), any::<u64>().prop_map(Duration::from_nanos)]
    }

    fn any_delivery() -> BoxedStrategy<Delivery> {
        (
            any::<u64>(),
            any_duration(),
            any_duration(),
            proptest::option::of(any_rule()),
            proptest::option::of((any::<u32>(), any_rule())),
            proptest::option::of((any_duration(), any_rule())),
        )
            .prop_map(|(at, queued, delayed, reordered, corrupted, held)| Delivery {
                at: Time::from_nanos(at),
                queued,
                delayed,
                reordered,
                corrupted,
                held,
            })
            .boxed()
    }

    fn any_mark() -> impl Strategy<Value = Mark> {
        let fate =
            prop_oneof![
                any_delivery().prop_map(Fate::Delivered),
                (any_delivery(), any_delivery(), any_rule())
                    .prop_map(|(first, second, by)| Fate::Duplicated { first, second, by }),
                any_rule().prop_map(|by| Fate::Dropped { by }),
            ];
        let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u64>());
        (numbers, any::<bool>(), proptest::option::of(0u8..2), fate).prop_map(
            |((id, index, at, len, seed), to_server, copy, fate)| Mark {
                id: FrameId(id),
                direction: if to_server { Direction::ToServer } else { Direction::ToClient },
                index,
                at: Time::from_nanos(at),
                len,
                copy,
                fate,
                seed,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(mark in any_mark(), sentence in "[^\\n\\r]*") {
            let line = mark.to_string();
            prop_assert!(!line.contains(['\n', '\r']), "{line:?} is more than a line");
            prop_assert_eq!(&line.parse::<Mark>().unwrap(), &mark, "{}", line);
            if !sentence.starts_with(PREFIX) {
                prop_assert_eq!(Mark::find(&format!("{sentence}\n{line}")).unwrap(), mark);
            }
        }

        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>()) {
            let _ = Mark::find(&text);
            let _ = Mark::find(&format!("{PREFIX}{text}"));
        }

        #[test]
        fn a_changed_line_is_refused_or_reads_back(mark in any_mark(), at in any::<prop::sample::Index>(), to in 0x20u8..0x7f) {
            let mut line = mark.to_string().into_bytes();
            let at = at.index(line.len());
            line[at] = to;
            crate::capture::fuzz_reader(&line);
        }

        #[test]
        fn a_cut_line_is_refused_or_parses(mark in any_mark(), cut in any::<prop::sample::Index>()) {
            let line = mark.to_string();
            let mut at = cut.index(line.len());
            while !line.is_char_boundary(at) {
                at -= 1;
            }
            let _ = line[..at].parse::<Mark>();
        }
    }

    #[test]
    fn the_documented_form() {
        let row = Row {
            id: FrameId(37),
            direction: Direction::ToServer,
            index: 12,
            at: Time::from_millis(5),
            len: 71,
            class: Class::TCP,
            fate: Fate::Dropped { by: Rule::Random(0.05) },
        };
        assert_eq!(
            Mark::of(&row, None, 7).to_string(),
            "layerlab frame=37 dir=to-server index=12 at=5000000 len=71 fate=dropped rule=\"loss 5%\" seed=7"
        );
        let late = Delivery { delayed: Duration::from_millis(25), ..Delivery::plain(Time::from_millis(31)) };
        let row = Row {
            id: FrameId(38),
            direction: Direction::ToClient,
            index: 9,
            at: Time::from_millis(6),
            len: 66,
            class: Class::TCP,
            fate: Fate::Delivered(late),
        };
        assert_eq!(
            Mark::of(&row, Some(0), 7).to_string(),
            "layerlab frame=38 dir=to-client index=9 at=6000000 len=66 copy=0 fate=delivered arrives=31000000 \
             delayed=25000000 seed=7"
        );
    }

    #[test]
    fn percentages_are_exact_and_plain() {
        for (p, text) in
            [(0.05, "5"), (1.0, "100"), (0.0, "0"), (0.001, "0.1"), (0.0132, "1.32"), (0.123, "12.3")]
        {
            assert_eq!(percent(p), text);
            assert_eq!(probability(text), Some(p));
        }
        assert_eq!(probability("NaN"), None);
        assert_eq!(probability(""), None);
    }
}
