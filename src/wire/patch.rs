//! A change of a wire that runs already: some of its words, said anew.

use super::error::{OptionName, SpecError};
use super::spec::Spec;
use super::units::ShowTime;
use super::words::{Change, Word};
use crate::model::{Direction, Time, WireChange};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Words that change a wire from one moment on. Typed `loss=30% to-client-delay=50ms`, with spaces or commas
/// between them, and with or without `--`; `cut` and `restore` take no time here, they mean this moment.
///
/// Its `Display` gives the words as they parse.
#[derive(Clone, PartialEq, Debug)]
pub struct Patch(Vec<(OptionName, Said)>);

/// One word's value.
#[derive(Clone, PartialEq, Debug)]
enum Said {
    Change { change: Change, value: String },
    Now(WireChange),
}

impl Patch {
    /// From options and their values. As in a whole wire, what one direction alone is given outdoes what both
    /// are given; an option said twice counts as said last.
    ///
    /// # Errors
    /// When a value does not mean what its option asks for, or when there is no option at all.
    pub fn from_options<'a>(
        options: impl IntoIterator<Item = (Option<Direction>, Word, &'a str)>,
    ) -> Result<Patch, SpecError> {
        let mut all = Vec::new();
        for (direction, word, value) in options {
            let option = OptionName { direction, word };
            let said = match word {
                Word::Cut => Said::Now(WireChange::Cut),
                Word::Restore => Said::Now(WireChange::Restored),
                _ => {
                    let change =
                        Change::parse(word, value).map_err(|why| SpecError::Value { option, why })?;
                    Said::Change { change, value: value.to_owned() }
                }
            };
            all.push((option, said));
        }
        if all.is_empty() {
            return Err(SpecError::NothingChanged);
        }
        // In the order of the words, so that none meets a state that only the next one makes good.
        let place = |word: Word| Word::ALL.iter().position(|known| *known == word);
        all.sort_by_key(|(option, _)| (option.direction.is_some(), place(option.word)));
        Ok(Patch(all))
    }

    /// The changes, as they are made at `now`.
    pub fn changes(&self, now: Time) -> Vec<(Option<Direction>, Change)> {
        let change = |said: &Said| match said {
            Said::Change { change, .. } => change.clone(),
            Said::Now(change) => Change::At(now.since(Time::ZERO), *change),
        };
        self.0.iter().map(|(option, said)| (option.direction, change(said))).collect()
    }
}

impl FromStr for Patch {
    type Err = SpecError;

    fn from_str(line: &str) -> Result<Patch, SpecError> {
        let mut options = Vec::new();
        for got in words(line) {
            let (name, value) = got.split_once('=').map_or((got, None), |(n, v)| (n, Some(v)));
            let option = OptionName::parse(name)?;
            let takes_none =
                matches!(option.word, Word::Cut | Word::Restore) || option.word.value_name().is_none();
            let value = match (takes_none, value) {
                (true, Some(_)) => return Err(SpecError::NeedlessValue { option }),
                (true, None) => "",
                // Nothing of anything needs no unit.
                (false, Some("0")) if is_chance(option.word) => "0%",
                (false, Some(value)) => value,
                (false, None) => return Err(SpecError::MissingValue { option }),
            };
            options.push((option.direction, option.word, value));
        }
        Patch::from_options(options)
    }
}

const fn is_chance(word: Word) -> bool {
    matches!(word, Word::Loss | Word::Reorder | Word::Duplicate | Word::Corrupt)
}

/// Cuts at spaces, and at commas behind which a word of the wire stands: values have commas of their own.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_ascii_whitespace().flat_map(|part| {
        let mut from = 0;
        let mut parts = Vec::new();
        for (i, _) in part.match_indices(',') {
            let name = part[i + 1..].split(['=', ',']).next().unwrap_or("");
            if OptionName::parse(name).is_ok() {
                parts.push(&part[from..i]);
                from = i + 1;
            }
        }
        parts.push(&part[from..]);
        parts.into_iter().filter(|part| !part.is_empty())
    })
}

impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (option, said)) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            let name = option.to_string();
            write!(f, "{gap}{}", name.trim_start_matches("--"))?;
            match said {
                Said::Change { value, .. } if !value.is_empty() => write!(f, "={value}")?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A patch and when it is made, in run time. Typed `--at 2s loss=30%`.
#[derive(Clone, PartialEq, Debug)]
pub struct Later {
    /// When.
    pub at: Duration,
    /// What changes.
    pub patch: Patch,
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patch = self.patch.to_string();
        let quote = if patch.contains([' ', '#', ';']) { "'" } else { "" };
        write!(f, "--at {} {quote}{patch}{quote}", ShowTime(self.at))
    }
}

impl Spec {
    /// The wire after a patch made at `now`. Scripts count from their adding on, which a spec cannot say.
    ///
    /// # Errors
    /// When its words don't go together then.
    pub fn patched(&self, patch: &Patch, now: Time) -> Result<Spec, SpecError> {
        let mut spec = self.clone();
        patch.changes(now).iter().for_each(|(direction, change)| spec.apply(*direction, change));
        spec.check()?;
        Ok(spec)
    }

    /// The wire as it is at first, and after each patch.
    ///
    /// # Errors
    /// That of the first patch that can't be made.
    pub fn states(&self, later: &[Later]) -> Result<Vec<Spec>, SpecError> {
        let mut states = vec![self.clone()];
        for Later { at, patch } in later {
            let next = states.last().unwrap_or(self).patched(patch, Time::ZERO + *at)?;
            states.push(next);
        }
        Ok(states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_dress_and_printed_as_they_parse() {
        for (typed, printed) in [
            ("loss=30%", "loss=30%"),
            ("loss=0", "loss=0%"),
            ("--loss=30% --to-client-delay=50ms", "loss=30% to-client-delay=50ms"),
            ("rate=1mbit,limit=20", "rate=1mbit limit=20"),
            ("limit=20 rate=1mbit", "rate=1mbit limit=20"),
            ("loss=gemodel:1%,25%,delay=5ms", "loss=gemodel:1%,25% delay=5ms"),
            ("reorder=5%,4,20ms,duplicate=1%", "reorder=5%,4,20ms duplicate=1%"),
            ("cut", "cut"),
            ("to-server-restore", "to-server-restore"),
            ("drop=tcp.data#3", "drop=tcp.data#3"),
            ("delay-frame=udp#2=50ms", "delay-frame=udp#2=50ms"),
        ] {
            let patch: Patch = typed.parse().unwrap_or_else(|e| panic!("{typed}: {e}"));
            assert_eq!(patch.to_string(), printed);
            assert_eq!(printed.parse::<Patch>(), Ok(patch), "{printed}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (typed, says) in [
            ("", "nothing"),
            ("loss", "needs a value"),
            ("loss=5", "no unit"),
            ("cut=2s", "takes no value"),
            ("los=5%", "did you mean 'loss'"),
            ("rate=0bit", "no frame would ever leave"),
        ] {
            let why = typed.parse::<Patch>().unwrap_err().to_string();
            assert!(why.contains(says), "{typed}: {why}");
        }
    }

    #[test]
    fn patches_are_tried_one_after_the_other() {
        let later = |at, patch: &str| Later { at: Duration::from_secs(at), patch: patch.parse().unwrap() };
        let spec: Spec = "--rate 1mbit --limit 5".parse().unwrap();
        let states = spec.states(&[later(1, "delay=50ms jitter=10ms"), later(2, "delay=20ms")]).unwrap();
        assert_eq!(
            states.iter().map(Spec::to_string).collect::<Vec<_>>(),
            [
                "--rate 1mbit --limit 5",
                "--delay 50ms --jitter 10ms --rate 1mbit --limit 5",
                "--delay 20ms --jitter 10ms --rate 1mbit --limit 5"
            ]
        );
        assert!(spec.states(&[later(1, "rate=none")]).is_err());
        assert!(spec.states(&[later(1, "cut"), later(2, "cut")]).is_err());
        assert!(spec.states(&[later(1, "cut"), later(2, "restore")]).is_ok());
        assert_eq!(later(2, "loss=30%").to_string(), "--at 2s loss=30%");
        assert_eq!(later(2, "cut delay=1ms").to_string(), "--at 2s 'delay=1ms cut'");
    }
}
