//! `layerlab ws ...`

mod compare;
mod conform;
mod connect;
mod echo;
mod serve;
#[cfg(feature = "tls")]
mod tls;

use super::exit::Answer;
use clap::Subcommand;

/// `layerlab ws ...`
#[derive(Subcommand, Debug)]
pub(crate) enum WsCommand {
    /// Both ends: the handshake, messages there and back, the closing handshake; every call and frame told
    Echo(Box<echo::WsEchoArgs>),
    /// The same events pushed by polling, long polling and WebSocket: what each costs; and full duplex, by order
    Compare(Box<compare::CompareArgs>),
    /// A server on the real network: echo, broadcast or chat, and a page for your browser
    Serve(Box<serve::WsServeArgs>),
    /// A client for any server: your lines become messages, what comes back is shown
    #[command(after_help = connect::AFTER_HELP)]
    Connect(Box<connect::WsConnectArgs>),
    /// Does a server keep to RFC 6455 and RFC 7692? Every case with its frames, its rule and its section
    #[command(after_help = conform::AFTER_HELP)]
    Conform(Box<conform::WsConformArgs>),
}

/// Runs it.
pub(crate) fn ws(command: WsCommand) -> anyhow::Result<Answer> {
    match command {
        WsCommand::Echo(args) => echo::run(*args),
        WsCommand::Compare(args) => compare::run(&args),
        WsCommand::Serve(args) => serve::run(&args),
        WsCommand::Connect(args) => connect::run(&args),
        WsCommand::Conform(args) => conform::run(&args),
    }
}
