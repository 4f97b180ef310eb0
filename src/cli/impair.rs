//! The wire's options on the command line, made from the wire's own list of words.

use crate::model::Direction;
use crate::wire::{Change, Spec, Word};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// What was typed for the wire, as one [`Spec`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Impairments(pub(crate) Spec);

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

impl Args for Impairments {
    fn augment_args(command: Command) -> Command {
        options().fold(command, |command, (direction, word, name)| {
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
        Spec::from_options(typed)
            .map(Impairments)
            .map_err(|error| Error::raw(ErrorKind::ValueValidation, error))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Impairments::from_arg_matches(matches)?;
        Ok(())
    }
}
