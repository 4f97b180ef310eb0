//! `layerlab ws ...`

mod echo;

use super::exit::Answer;
use clap::Subcommand;

/// `layerlab ws ...`
#[derive(Subcommand, Debug)]
pub(crate) enum WsCommand {
    /// Both ends: the handshake, messages there and back, the closing handshake; every call and frame told
    Echo(Box<echo::WsEchoArgs>),
}

/// Runs it.
pub(crate) fn ws(command: WsCommand) -> anyhow::Result<Answer> {
    match command {
        WsCommand::Echo(args) => echo::run(*args),
    }
}
