//! The wire's options on the command line, made from the wire's own list of words.

use crate::model::Direction;
use crate::wire::{Change, Later, Patch, Preset, Spec, Word, parse_time};
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// What was typed for the wire, as one [`Spec`], and how it changes meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Impairments(pub(crate) Spec, pub(crate) Vec<Later>);

const BOTH: &str = "Wire (each direction, or one alone: --to-server-loss, --to-client-delay ...)";

fn help(word: Word) -> &'static str {
    match word {
        Word::Loss => "Drop frames: each with this chance, or in bursts (Gilbert-Elliott)",
        Word::Delay => "Delay each frame, one way",
        Word::Jitter => "Stray from the delay by up to this much, never out of order",
        Word::Reorder => "Put frames out of order: swapped with the next, or TIME later",
        Word::Duplicate => "Deliver frames twice",
        Word::Corrupt => "Flip one bit of a frame",
        Word::Rate => "Carry so many bits a second, such as 1mbit",
        Word::Limit => "Frames that wait for the rate at most; the next is dropped",
        Word::Mtu => "Largest IP packet that the wire carries; the hosts still believe 1500",
        Word::NoIcmp => "Drop what is larger than the MTU without a word (a black hole)",
        Word::Cut => "Cut the wire at this time of the run",
        Word::Restore => "Make it whole again at this time",
        Word::Dice => "Which count the chances come from: all frames, or data frames apart from the rest",
        Word::Drop => "Drop these frames: 'tcp.data#3', 'tcp.syn#1', 'to-client:tcp.ack#4'",
        Word::Dup => "Deliver these frames twice",
        Word::DelayFrame => "Delay these frames further, such as 'udp#2=50ms'",
        Word::Swap => "Swap these frames with the next of their direction",
    }
}

/// Every option: the word for both directions, then for each direction alone.
fn options() -> impl Iterator<Item = (Option<Direction>, Word, String)> {
    Word::ALL.into_iter().flat_map(|word| {
        let alone = if word.is_directional() { &Direction::BOTH[..] } else { &[] };
        std::iter::once((None, word, word.name().to_owned())).chain(
            alone.iter().map(move |direction| {
                (Some(*direction), word, format!("{}-{}", direction.name(), word.name()))
            }),
        )
    })
}

/// Words that change a running wire, as one [`Patch`].
#[derive(Clone, Debug)]
pub(crate) struct PatchArgs(pub(crate) Patch);

/// Whether the option takes no value when it changes a running wire: it means this moment then.
fn means_now(word: Word) -> bool {
    word.value_name().is_none() || matches!(word, Word::Cut | Word::Restore)
}

impl Args for PatchArgs {
    fn augment_args(command: Command) -> Command {
        options().fold(command, |command, (direction, word, name)| {
            let arg = Arg::new(name.clone()).long(name).help_heading(BOTH).hide(direction.is_some());
            let arg = match word {
                Word::Cut => arg.help("Cut the wire now"),
                Word::Restore => arg.help("Make it whole again now"),
                _ => arg.help(help(word)),
            };
            command.arg(match word.value_name() {
                Some(form) if !means_now(word) => arg.value_name(form).action(ArgAction::Append),
                _ => arg.action(ArgAction::SetTrue),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PatchArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<PatchArgs, Error> {
        let mut typed = Vec::new();
        for (direction, word, name) in options() {
            if means_now(word) {
                typed.extend(matches.get_flag(&name).then_some((direction, word, "")));
            } else {
                let values = matches.get_many::<String>(&name).into_iter().flatten();
                typed.extend(values.map(|value| (direction, word, value.as_str())));
            }
        }
        Patch::from_options(typed).map(PatchArgs).map_err(wrong)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = PatchArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::raw(ErrorKind::ValueValidation, error)
}

impl Args for Impairments {
    fn augment_args(command: Command) -> Command {
        let preset = Arg::new("preset")
            .long("preset")
            .value_name("NAME")
            .help("A wire with a name; what else is typed outdoes its words (docs/wire.md)")
            .help_heading(BOTH)
            .value_parser(PossibleValuesParser::new(Preset::ALL.map(|preset| preset.name)));
        let at = Arg::new("at")
            .long("at")
            .value_names(["TIME", "CHANGES"])
            .num_args(2)
            .action(ArgAction::Append)
            .help("Change the wire at this time of the run: --at 2s loss=30% --at 5s 'loss=0 cut'")
            .help_heading(BOTH);
        options().fold(command.arg(preset).arg(at), |command, (direction, word, name)| {
            let mut arg = Arg::new(name.clone())
                .long(name)
                .help(help(word))
                .help_heading(BOTH)
                // The option for both directions stands for all three in the help.
                .hide(direction.is_some());
            arg = match word.value_name() {
                None => arg.action(ArgAction::SetTrue),
                Some(form) => {
                    let action = if word.is_list() { ArgAction::Append } else { ArgAction::Set };
                    arg.value_name(form).action(action).value_parser(move |text: &str| {
                        Change::parse(word, text).map(|_| text.to_owned()).map_err(|e| e.to_string())
                    })
                }
            };
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Impairments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Impairments, Error> {
        let mut typed = Vec::new();
        for (direction, word, name) in options() {
            if word.value_name().is_none() {
                if matches.get_flag(&name) {
                    typed.push((direction, word, ""));
                }
                continue;
            }
            let values = matches.get_many::<String>(&name).into_iter().flatten();
            typed.extend(values.map(|value| (direction, word, value.as_str())));
        }
        let preset = matches.get_one::<String>("preset").and_then(|name| Preset::named(name));
        let base = preset.map(|preset| preset.spec()).unwrap_or_default();
        let spec = Spec::from_options_on(base, typed).map_err(wrong)?;
        let mut later = Vec::new();
        for typed in matches.get_occurrences::<String>("at").into_iter().flatten() {
            let [time, words] = typed.collect::<Vec<_>>()[..] else { continue };
            let at = parse_time(time).map_err(|error| wrong(format!("--at: {error}")))?;
            let patch: Patch = words.parse().map_err(|error| wrong(format!("--at {time}: {error}")))?;
            later.push(Later { at, patch });
        }
        later.sort_by_key(|later| later.at);
        spec.states(&later).map_err(|error| wrong(format!("--at: {error}")))?;
        Ok(Impairments(spec, later))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Impairments::from_arg_matches(matches)?;
        Ok(())
    }
}
