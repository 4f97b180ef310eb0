//! The wire's options: their names, what each value means, and a whole line of them.

use super::error::{OptionName, SpecError, Suggestion, ValueError};
use super::script::{Action, Script};
use super::spec::{DirectionSpec, Jitter, Keying, Loss, MAX_LIMIT, MAX_MTU, MIN_MTU, Reorder, Spec};
use super::units::{Percent, Rate, ShowTime, parse_number, parse_time};
use crate::model::{Direction, WireChange};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// An option of the wire, without its value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Word {
    /// `--loss`.
    Loss,
    /// `--delay`.
    Delay,
    /// `--jitter`.
    Jitter,
    /// `--reorder`.
    Reorder,
    /// `--duplicate`.
    Duplicate,
    /// `--corrupt`.
    Corrupt,
    /// `--rate`.
    Rate,
    /// `--limit`.
    Limit,
    /// `--mtu`.
    Mtu,
    /// `--no-icmp`.
    NoIcmp,
    /// `--cut`.
    Cut,
    /// `--restore`.
    Restore,
    /// `--dice`.
    Dice,
    /// `--drop`.
    Drop,
    /// `--dup`.
    Dup,
    /// `--delay-frame`.
    DelayFrame,
    /// `--swap`.
    Swap,
}

pub(super) const LIST: &str = "loss, delay, jitter, reorder, duplicate, corrupt, rate, limit, mtu, no-icmp, \
                               cut, restore, dice, drop, dup, delay-frame and swap";

impl Word {
    /// Every word, in the order in which a `Spec` prints them.
    pub const ALL: [Word; 17] = [
        Word::Loss,
        Word::Delay,
        Word::Jitter,
        Word::Reorder,
        Word::Duplicate,
        Word::Corrupt,
        Word::Rate,
        Word::Limit,
        Word::Mtu,
        Word::NoIcmp,
        Word::Cut,
        Word::Restore,
        Word::Dice,
        Word::Drop,
        Word::Dup,
        Word::DelayFrame,
        Word::Swap,
    ];

    /// The name, without dashes.
    pub const fn name(self) -> &'static str {
        match self {
            Word::Loss => "loss",
            Word::Delay => "delay",
            Word::Jitter => "jitter",
            Word::Reorder => "reorder",
            Word::Duplicate => "duplicate",
            Word::Corrupt => "corrupt",
            Word::Rate => "rate",
            Word::Limit => "limit",
            Word::Mtu => "mtu",
            Word::NoIcmp => "no-icmp",
            Word::Cut => "cut",
            Word::Restore => "restore",
            Word::Dice => "dice",
            Word::Drop => "drop",
            Word::Dup => "dup",
            Word::DelayFrame => "delay-frame",
            Word::Swap => "swap",
        }
    }

    /// The value's form, as help shows it; `None` for a word without a value.
    pub const fn value_name(self) -> Option<&'static str> {
        Some(match self {
            Word::Loss => "P%|gemodel:P,R[,1-H[,1-K]]",
            Word::Delay | Word::Cut | Word::Restore => "TIME",
            Word::Jitter => "TIME[,uniform]",
            Word::Reorder => "P%[,GAP][,TIME]",
            Word::Duplicate | Word::Corrupt => "P%",
            Word::Rate => "RATE",
            Word::Limit => "FRAMES",
            Word::Mtu => "OCTETS",
            Word::NoIcmp => return None,
            Word::Dice => "frame|data",
            Word::Drop | Word::Dup | Word::Swap => "RULE",
            Word::DelayFrame => "RULE=TIME",
        })
    }

    /// Whether it may be given to one direction alone, as `--to-server-...`. A script names its
    /// direction in its rule.
    pub const fn is_directional(self) -> bool {
        !matches!(self, Word::Drop | Word::Dup | Word::DelayFrame | Word::Swap)
    }

    /// Whether it may be given more than once.
    pub const fn is_list(self) -> bool {
        !self.is_directional() || matches!(self, Word::Cut | Word::Restore)
    }
}

impl OptionName {
    /// `loss`, `--loss`, `--to-server-loss`.
    pub(super) fn parse(got: &str) -> Result<OptionName, SpecError> {
        let name = got.strip_prefix("--").unwrap_or(got);
        let find = |name: &str| Word::ALL.into_iter().find(|w| w.name() == name);
        let alone = Direction::BOTH.into_iter().find_map(|d| {
            let word = find(name.strip_prefix(d.name())?.strip_prefix('-')?)?;
            word.is_directional().then_some(OptionName { direction: Some(d), word })
        });
        let both = || find(name).map(|word| OptionName { direction: None, word });
        alone.or_else(both).ok_or_else(|| SpecError::UnknownOption {
            got: got.into(),
            suggestion: Suggestion::among(name, Word::ALL.into_iter().map(Word::name)),
        })
    }
}

/// One thing to change about a wire: an option and its value.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// `--loss P%`, `--loss gemodel:...`, or `none`.
    Loss(Loss),
    /// `--delay TIME`.
    Delay(Duration),
    /// `--jitter TIME[,uniform]`.
    Jitter(Jitter),
    /// `--reorder P%[,GAP][,TIME]`, or `none`.
    Reorder(Option<Reorder>),
    /// `--duplicate P%`.
    Duplicate(Percent),
    /// `--corrupt P%`.
    Corrupt(Percent),
    /// `--rate RATE`, or `none`.
    Rate(Option<Rate>),
    /// `--limit FRAMES`.
    Limit(u32),
    /// `--mtu OCTETS`, or `none`.
    Mtu(Option<u32>),
    /// `false`: `--no-icmp`.
    Icmp(bool),
    /// `--cut TIME`, or `--restore TIME`.
    At(Duration, WireChange),
    /// `--dice frame` or `--dice data`.
    Dice(Keying),
    /// `--drop`, `--dup`, `--delay-frame` or `--swap` with its rule.
    Script(Script),
}

impl Change {
    /// `word` with its value; the value of a word that takes none is not looked at.
    pub fn parse(word: Word, value: &str) -> Result<Change, ValueError> {
        Ok(match word {
            Word::Loss => Change::Loss(value.parse()?),
            Word::Delay => Change::Delay(parse_time(value)?),
            Word::Jitter => Change::Jitter(value.parse()?),
            Word::Reorder => {
                Change::Reorder(unless_none(value, str::parse)?.filter(|r: &Reorder| !r.p.is_zero()))
            }
            Word::Duplicate => Change::Duplicate(value.parse()?),
            Word::Corrupt => Change::Corrupt(value.parse()?),
            Word::Rate => Change::Rate(unless_none(value, str::parse)?),
            Word::Limit => {
                Change::Limit(parse_number(value, "a limit in frames", 1, MAX_LIMIT.into(), 100)? as u32)
            }
            Word::Mtu => Change::Mtu(unless_none(value, |v| {
                let wanted = "an MTU in octets of IP packet";
                parse_number(v, wanted, MIN_MTU.into(), MAX_MTU.into(), 1200).map(|n| n as u32)
            })?),
            Word::NoIcmp => Change::Icmp(false),
            Word::Cut => Change::At(parse_time(value)?, WireChange::Cut),
            Word::Restore => Change::At(parse_time(value)?, WireChange::Restored),
            Word::Dice => Change::Dice(value.parse()?),
            Word::Drop => Change::Script(Script::parse(Action::Drop, value)?),
            Word::Dup => Change::Script(Script::parse(Action::Dup, value)?),
            Word::DelayFrame => Change::Script(Script::parse_delay(value)?),
            Word::Swap => Change::Script(Script::parse(Action::Swap, value)?),
        })
    }
}

fn unless_none<T>(
    value: &str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> Result<Option<T>, ValueError> {
    if value == "none" { Ok(None) } else { parse(value).map(Some) }
}

impl DirectionSpec {
    /// Makes one change. A script is no matter of one direction and changes nothing here.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Loss(v) => self.loss = *v,
            Change::Delay(v) => self.delay = *v,
            Change::Jitter(v) => self.jitter = *v,
            Change::Reorder(v) => self.reorder = *v,
            Change::Duplicate(v) => self.duplicate = *v,
            Change::Corrupt(v) => self.corrupt = *v,
            Change::Rate(v) => self.rate = *v,
            Change::Limit(v) => self.limit = *v,
            Change::Mtu(v) => self.mtu = *v,
            Change::Icmp(v) => self.icmp = *v,
            Change::At(at, v) => self.cuts.add(*at, *v),
            Change::Dice(v) => self.dice = *v,
            Change::Script(_) => {}
        }
    }
}

impl Spec {
    /// Makes one change to one direction, or to both. Whether all goes together, [`Spec::check`] knows.
    pub fn apply(&mut self, direction: Option<Direction>, change: &Change) {
        if let Change::Script(script) = change {
            self.scripts.push(script.clone());
            return;
        }
        for d in Direction::BOTH.into_iter().filter(|d| direction.is_none_or(|only| only == *d)) {
            self.directions[d.index()].apply(change);
        }
    }

    /// A wire from options and their values, in any order: what one direction alone is given outdoes what
    /// both are given. The result is checked.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (Option<Direction>, Word, &'a str)>,
    ) -> Result<Spec, SpecError> {
        Spec::from_options_on(Spec::default(), options)
    }

    /// The same on top of a wire that has words already: what is said now outdoes them.
    pub fn from_options_on<'a>(
        mut spec: Spec,
        options: impl IntoIterator<Item = (Option<Direction>, Word, &'a str)>,
    ) -> Result<Spec, SpecError> {
        let mut seen = Vec::new();
        let mut alone = Vec::new();
        for (direction, word, value) in options {
            let option = OptionName { direction, word };
            if seen.contains(&option) && !word.is_list() {
                return Err(SpecError::Twice { option });
            }
            seen.push(option);
            let change = Change::parse(word, value).map_err(|why| SpecError::Value { option, why })?;
            match direction {
                None => spec.apply(None, &change),
                Some(_) => alone.push((direction, change)),
            }
        }
        alone.iter().for_each(|(direction, change)| spec.apply(*direction, change));
        spec.check()?;
        Ok(spec)
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    /// A line of options as typed: `--loss 5% --to-client-delay=20ms`. The dashes may be left out.
    fn from_str(line: &str) -> Result<Spec, SpecError> {
        let mut options = Vec::new();
        let mut words = line.split_ascii_whitespace();
        while let Some(got) = words.next() {
            // A rule of --delay-frame has a '=' of its own; the first one ends the name.
            let (name, joined) = got.split_once('=').map_or((got, None), |(n, v)| (n, Some(v)));
            let option = OptionName::parse(name)?;
            let value = match (option.word.value_name(), joined) {
                (None, Some(_)) => return Err(SpecError::NeedlessValue { option }),
                (None, None) => "",
                (Some(_), Some(value)) => value,
                (Some(_), None) => words.next().ok_or(SpecError::MissingValue { option })?,
            };
            options.push((option.direction, option.word, value));
        }
        Spec::from_options(options)
    }
}

/// The values of one word in one direction, as typed; empty where it is as by default.
fn shown(spec: &DirectionSpec, word: Word) -> Vec<String> {
    let default = DirectionSpec::default();
    let one = |differs: bool, value: &dyn fmt::Display| {
        if differs { vec![value.to_string()] } else { Vec::new() }
    };
    let times = |wanted: WireChange| {
        let changes = spec.cuts.changes().iter();
        changes.filter(|(_, c)| *c == wanted).map(|(t, _)| ShowTime(*t).to_string()).collect()
    };
    match word {
        Word::Loss => one(spec.loss != default.loss, &spec.loss),
        Word::Delay => one(spec.delay != default.delay, &ShowTime(spec.delay)),
        Word::Jitter => one(spec.jitter != default.jitter, &spec.jitter),
        Word::Reorder => spec.reorder.iter().map(Reorder::to_string).collect(),
        Word::Duplicate => one(spec.duplicate != default.duplicate, &spec.duplicate),
        Word::Corrupt => one(spec.corrupt != default.corrupt, &spec.corrupt),
        Word::Rate => spec.rate.iter().map(Rate::to_string).collect(),
        Word::Limit => one(spec.limit != default.limit, &spec.limit),
        Word::Mtu => spec.mtu.iter().map(u32::to_string).collect(),
        Word::NoIcmp => one(!spec.icmp, &""),
        Word::Cut => times(WireChange::Cut),
        Word::Restore => times(WireChange::Restored),
        Word::Dice => one(spec.dice != default.dice, &spec.dice),
        Word::Drop | Word::Dup | Word::DelayFrame | Word::Swap => Vec::new(),
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        let mut put = |option: OptionName, value: &str| {
            write!(f, "{gap}{option}")?;
            gap = " ";
            if value.is_empty() { Ok(()) } else { write!(f, " {value}") }
        };
        for word in Word::ALL {
            let [server, client] = [&self.directions[0], &self.directions[1]].map(|d| shown(d, word));
            if server == client {
                server.iter().try_for_each(|v| put(OptionName { direction: None, word }, v))?;
                continue;
            }
            for (direction, values) in Direction::BOTH.into_iter().zip([server, client]) {
                let option = OptionName { direction: Some(direction), word };
                values.iter().try_for_each(|v| put(option, v))?;
            }
        }
        for script in &self.scripts {
            put(OptionName { direction: None, word: script.word() }, script.text())?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
