//! `layerlab queue ...`

mod consume;
mod demo;
mod inspect;
mod manage;
mod naive;
mod publish;
mod serve;
mod shared;

use super::exit::Answer;
use clap::Subcommand;

/// `layerlab queue ...`
#[derive(Subcommand, Debug)]
pub(crate) enum QueueCommand {
    /// What a queue is for, scene by scene on the private network: events missed, acks lost, workers gone
    #[command(after_help = demo::AFTER_HELP)]
    Demo(Box<demo::DemoArgs>),
    /// A server: keeps what is published until it has been acknowledged, over a crash too with --data
    #[command(after_help = serve::AFTER_HELP)]
    Serve(Box<serve::QueueServeArgs>),
    /// Publish messages, and see each confirmed: what was typed, or the lines of standard input
    #[command(after_help = publish::AFTER_HELP)]
    Publish(Box<publish::PublishArgs>),
    /// Take messages out of a queue, one a line, and acknowledge each when it has been written
    #[command(after_help = consume::AFTER_HELP)]
    Consume(Box<consume::ConsumeArgs>),
    /// What a server holds: queues, consumers, depths, and its journal
    Inspect(inspect::InspectArgs),
    /// Make a queue, with bounds of its own
    Declare(Box<manage::DeclareOneArgs>),
    /// Drop all that waits in a queue; what consumers have in hand stays theirs
    Purge(manage::OneArgs),
    /// End a queue and all that it holds
    Delete(manage::OneArgs),
}

/// Runs it.
pub(crate) fn queue(command: QueueCommand) -> anyhow::Result<Answer> {
    match command {
        QueueCommand::Demo(args) => demo::run(&args),
        QueueCommand::Serve(args) => serve::run(&args),
        QueueCommand::Publish(args) => publish::run(&args),
        QueueCommand::Consume(args) => consume::run(&args),
        QueueCommand::Inspect(args) => inspect::run(&args),
        QueueCommand::Declare(args) => manage::declare(&args),
        QueueCommand::Purge(args) => manage::purge(&args),
        QueueCommand::Delete(args) => manage::delete(&args),
    }
}
