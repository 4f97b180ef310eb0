//! What can be wrong with a typed impairment. Each sentence ends with the next thing to do.

use super::words::Word;
use crate::model::Direction;
use std::fmt;
use thiserror::Error;

/// One value (`200%`, `abc`, `tcp.dat#3`) does not mean what its place asks for.
///
/// The sentences stand alone, without the option's name: an argument parser adds that itself.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Not of the form that is wanted at all.
    #[error("'{got}' is not {wanted}: write one such as {example}")]
    Malformed {
        /// What was typed.
        got: String,
        /// What belongs here, with its article.
        wanted: &'static str,
        /// One that parses.
        example: &'static str,
    },
    /// A bare number where netem's `%` is wanted.
    #[error("'{got}' has no unit: write '{got}%' for {got} in a hundred{or}", or = Fraction(.got))]
    PercentNoUnit {
        /// What was typed.
        got: String,
    },
    /// Below 0%.
    #[error("a percentage goes from 0% to 100%, and '{got}' is less than none: write 0% for never")]
    PercentNegative {
        /// What was typed.
        got: String,
    },
    /// Above 100%.
    #[error("a percentage goes from 0% to 100%, and '{got}' is more than all: write 100% for every frame")]
    PercentTooLarge {
        /// What was typed.
        got: String,
    },
    /// A time without a unit (tc takes microseconds then; few people mean them).
    #[error("'{got}' has no unit: write '{got}ms' for milliseconds, or us or s instead of ms")]
    TimeNoUnit {
        /// What was typed.
        got: String,
    },
    /// A unit of time that tc does not know.
    #[error("'{unit}' in '{got}' is no unit of time here: use s, ms, us or ns, such as 20ms")]
    TimeUnit {
        /// What was typed.
        got: String,
        /// The part after the number.
        unit: String,
    },
    /// Over a day.
    #[error("'{got}' is longer than a day, the longest time here: write 86400s or less")]
    TimeTooLong {
        /// What was typed.
        got: String,
    },
    /// A rate without a unit (tc takes bit/s then).
    #[error("'{got}' has no unit: write '{got}mbit' for megabits a second, or kbit or gbit instead of mbit")]
    RateNoUnit {
        /// What was typed.
        got: String,
    },
    /// A unit of rate that tc does not know.
    #[error(
        "'{unit}' in '{got}' is no unit of rate here: use bit, kbit, mbit or gbit (bits a second), such as 10mbit"
    )]
    RateUnit {
        /// What was typed.
        got: String,
        /// The part after the number.
        unit: String,
    },
    /// Under one bit a second.
    #[error("at '{got}' no frame would ever leave: write 1bit or more, or 'none' for no limit")]
    RateZero {
        /// What was typed.
        got: String,
    },
    /// Over 100 tbit.
    #[error("'{got}' is more than 100tbit, the highest rate here: write less, or 'none' for no limit")]
    RateTooLarge {
        /// What was typed.
        got: String,
    },
    /// A whole number out of its bounds, or no whole number.
    #[error("'{got}' is not {wanted}: write a whole number from {min} to {max}, such as {example}")]
    Number {
        /// What was typed.
        got: String,
        /// What belongs here, with its article and unit.
        wanted: &'static str,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// One that parses.
        example: u64,
    },
    /// `gemodel:` with no or more than four percentages.
    #[error(
        "gemodel takes 1 to 4 percentages, and '{got}' has {count}: write gemodel:P,R[,1-H[,1-K]], such as gemodel:1%,25%"
    )]
    GemodelCount {
        /// What was typed.
        got: String,
        /// How many it has.
        count: usize,
    },
    /// Part of a `reorder` value is neither gap nor time, or one of them came twice.
    #[error(
        "'{part}' in '{got}' is neither a gap nor a time: write P[,GAP][,TIME], such as 5%, 5%,4 or 5%,20ms"
    )]
    ReorderPart {
        /// What was typed.
        got: String,
        /// The part.
        part: String,
    },
    /// A distribution that is not known.
    #[error("'{got}' is no distribution that this wire has: write uniform, such as 5ms,uniform")]
    Distribution {
        /// What was typed.
        got: String,
    },
    /// A rule's direction is not known.
    #[error("'{got}' is no direction: write to-server:, to-client: or any: before the rule{suggestion}")]
    RuleDirection {
        /// What was typed before the colon.
        got: String,
        /// The nearest that exists.
        suggestion: Suggestion,
    },
    /// A rule names no kind of frame that is known.
    #[error("'{got}' is no kind of frame{suggestion}; the kinds are {kinds}")]
    RuleKind {
        /// What was typed before the `#`.
        got: String,
        /// The nearest that exists.
        suggestion: Suggestion,
        /// All that exist.
        kinds: &'static str,
    },
    /// A rule does not say which frames.
    #[error("'{got}' does not say which one: write '{got}#1' for the first")]
    RuleNoNumber {
        /// What was typed.
        got: String,
    },
    /// Part of a rule's list is no number, range or open range.
    #[error(
        "'{part}' in '{got}' is not a frame's number: write #3, #3-5, #3,5 or #3+ (from 3 on), counted from 1"
    )]
    RuleNumber {
        /// What was typed.
        got: String,
        /// The part.
        part: String,
    },
    /// A range that runs backwards.
    #[error("the range '{part}' in '{got}' runs backwards: write the smaller number first")]
    RuleBackwards {
        /// What was typed.
        got: String,
        /// The range.
        part: String,
    },
    /// `--delay-frame` without its time.
    #[error("'{got}' does not say for how long: write RULE=TIME, such as tcp.data#3=50ms")]
    RuleNoTime {
        /// What was typed.
        got: String,
    },
}

/// The words of a whole wire do not go together.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// One option's value is wrong.
    #[error("{option}: {why}")]
    Value {
        /// The option, with its direction.
        option: OptionName,
        /// What is wrong with its value.
        why: ValueError,
    },
    /// No option of the wire has this name.
    #[error("'{got}' is no option of the wire{suggestion}; the options are {}", super::words::LIST)]
    UnknownOption {
        /// What was typed.
        got: String,
        /// The nearest that exists.
        suggestion: Suggestion,
    },
    /// A wire that carries superframes would move frames apart.
    #[error(
        "this network carries superframes, which a rate, jitter or another order would make untrue: start it with \
         --offload off, or with a --name"
    )]
    Superframes,
    /// A change that changes nothing.
    #[error("nothing is said about what changes: write a word of the wire, such as loss=20%")]
    NothingChanged,
    /// The line ended where a value was due.
    #[error("{option} needs a value: write {option} {}", .option.word.value_name().unwrap_or(""))]
    MissingValue {
        /// The option.
        option: OptionName,
    },
    /// `--no-icmp=yes`.
    #[error("{option} takes no value: write it alone")]
    NeedlessValue {
        /// The option.
        option: OptionName,
    },
    /// An option that holds one value was given two.
    #[error(
        "{option} was given twice: keep one, or give each direction its own with --to-server-{0} and --to-client-{0}",
        .option.word.name()
    )]
    Twice {
        /// The option.
        option: OptionName,
    },
    /// Jitter that reaches below zero delay.
    #[error(
        "{direction}: a jitter of {jitter} around a delay of {delay} would deliver frames before they were sent: \
         give --delay {jitter} or more"
    )]
    JitterOverDelay {
        /// Where.
        direction: DirectionName,
        /// The jitter.
        jitter: String,
        /// The delay.
        delay: String,
    },
    /// A queue limit without anything that queues.
    #[error("{direction}: --limit bounds the rate limiter's queue, and there is no rate: give --rate too")]
    LimitWithoutRate {
        /// Where.
        direction: DirectionName,
    },
    /// `--no-icmp` without an MTU.
    #[error("{direction}: --no-icmp keeps the wire silent about its MTU, and there is none: give --mtu too")]
    SilenceWithoutMtu {
        /// Where.
        direction: DirectionName,
    },
    /// An MTU that IPv6 has no use for.
    #[error(
        "{direction}: an MTU of {mtu} is none for IPv6, whose links all carry 1280 octets (RFC 8200 s5): give --mtu \
         1280 or more, or use IPv4"
    )]
    MtuBelowIpv6 {
        /// Where.
        direction: DirectionName,
        /// The MTU.
        mtu: u32,
    },
    /// A restore with no cut before it.
    #[error(
        "{direction}: the wire is whole at {at}, so --restore {at} has nothing to restore: give an earlier --cut"
    )]
    RestoreWithoutCut {
        /// Where.
        direction: DirectionName,
        /// When.
        at: String,
    },
    /// A cut of a cut wire.
    #[error(
        "{direction}: the wire is cut already at {at}: give a --restore before --cut {at}, or leave this cut out"
    )]
    CutTwice {
        /// Where.
        direction: DirectionName,
        /// When.
        at: String,
    },
    /// Both at one moment.
    #[error("{direction}: --cut and --restore at the same moment, {at}: move one of them")]
    CutAndRestore {
        /// Where.
        direction: DirectionName,
        /// When.
        at: String,
    },
}

/// An option as it is typed: `--loss`, `--to-client-delay`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OptionName {
    /// Which direction alone, if one.
    pub direction: Option<Direction>,
    /// Which word.
    pub word: Word,
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            None => write!(f, "--{}", self.word.name()),
            Some(d) => write!(f, "--{}-{}", d.name(), self.word.name()),
        }
    }
}

/// A direction that prints its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DirectionName(pub Direction);

impl fmt::Display for DirectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// `; did you mean '...'?`, or nothing where nothing is near.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Suggestion(pub Option<&'static str>);

impl Suggestion {
    /// The nearest of `known`, where one is near enough to be meant.
    pub(super) fn among(got: &str, known: impl Iterator<Item = &'static str>) -> Suggestion {
        let got = got.to_ascii_lowercase();
        let nearest = known
            .map(|k| (strsim::jaro_winkler(&got, k), k))
            .filter(|(score, _)| *score > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        Suggestion(nearest.map(|(_, k)| k))
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(k) => write!(f, " (did you mean '{k}'?)"),
            None => Ok(()),
        }
    }
}

/// `, or '50%' if you meant the fraction 0.5` for numbers that may be one.
struct Fraction<'a>(&'a str);

impl fmt::Display for Fraction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.parse::<f64>() {
            // Rounded to hide the binary fraction: 0.07 x 100 is 7.000000000000001.
            Ok(v) if v > 0.0 && v <= 1.0 => {
                write!(f, ", or '{}%' for the fraction {}", (v * 1e12).round() / 1e10, self.0)
            }
            _ => Ok(()),
        }
    }
}
