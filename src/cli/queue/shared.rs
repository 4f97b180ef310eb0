//! What the commands of a queue's client have in common.

use crate::cli::args::{duration, waiting_time};
use crate::live::queue::{Client, ClientError, Settings as Introduction, Target};
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::engine::{Kind, Policy, Settings};
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Which server, and who asks.
#[derive(Args, Debug)]
pub(crate) struct AtArgs {
    /// The server: HOST:PORT for TCP, or ws://HOST:PORT, udp://HOST:PORT
    #[arg(long, value_name = "SERVER", default_value = "127.0.0.1:7100")]
    pub(crate) at: Target,
    /// The proof that you may, where the server asks for one
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    token: String,
    /// What to call yourself: `queue inspect` shows it
    #[arg(long, value_name = "NAME", default_value = "layerlab")]
    name: String,
    /// How long a connection and each answer may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = waiting_time)]
    timeout: Duration,
}

impl AtArgs {
    pub(crate) fn patience(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn connect(&self) -> Result<Client, ClientError> {
        let settings =
            Introduction { name: self.name.clone(), token: self.token.clone(), patience: self.timeout };
        Client::connect(&self.at, &settings)
    }
}

/// What happens when a queue is full.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum WhenFull {
    /// The message is refused
    Reject,
    /// The oldest makes room
    DropOldest,
    /// The oldest moves to the dead-letter queue
    DeadLetter,
}

/// How a queue is made if it is not there.
#[derive(Args, Debug)]
#[command(next_help_heading = "The queue, if it is to be made")]
pub(crate) struct DeclareArgs {
    /// A topic: every subscriber gets every message, from any offset that is still kept
    #[arg(long)]
    topic: bool,
    /// Messages that it holds, at most
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// Octets of messages that it holds, at most
    #[arg(long, value_name = "N")]
    max_bytes: Option<u64>,
    /// How long it keeps a message
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_age: Option<Duration>,
    /// Times that a message is handed out without an acknowledgment, at most
    #[arg(long, value_name = "N")]
    max_deliveries: Option<u32>,
    /// What happens when it is full [default: reject]
    #[arg(long, value_enum, value_name = "WHAT")]
    when_full: Option<WhenFull>,
    /// Where dead letters go
    #[arg(long, value_name = "QUEUE")]
    dead_letter: Option<String>,
    /// Ids that are remembered, so that a message published twice is stored once [default: 1000]
    #[arg(long, value_name = "N")]
    remember: Option<u32>,
}

/// A queue that is made if it is not there.
#[derive(Args, Debug)]
pub(crate) struct EnsureArgs {
    #[command(flatten)]
    declare: DeclareArgs,
    /// Do not make the queue: it must be there
    #[arg(long)]
    no_declare: bool,
}

impl DeclareArgs {
    fn is_particular(&self) -> bool {
        self.topic
            || self.max_messages.is_some()
            || self.max_bytes.is_some()
            || self.max_age.is_some()
            || self.max_deliveries.is_some()
            || self.when_full.is_some()
            || self.dead_letter.is_some()
            || self.remember.is_some()
    }

    fn settings(&self) -> Settings {
        Settings {
            kind: if self.topic { Kind::Topic } else { Kind::Work },
            max_messages: self.max_messages.unwrap_or(0),
            max_bytes: self.max_bytes.unwrap_or(0),
            max_age: self.max_age.unwrap_or(Duration::ZERO),
            max_deliveries: self.max_deliveries.unwrap_or(0),
            policy: match self.when_full {
                None | Some(WhenFull::Reject) => Policy::Reject,
                Some(WhenFull::DropOldest) => Policy::DropOldest,
                Some(WhenFull::DeadLetter) => Policy::DeadLetter,
            },
            dead_letter: self.dead_letter.as_deref().map(Into::into),
            window: self.remember.unwrap_or(1000),
        }
    }

    /// Makes the queue, or finds it exactly so.
    pub(crate) fn declare_exactly(&self, client: &mut Client, queue: &str) -> Result<(), ClientError> {
        client.declare(queue, &self.settings())
    }
}

impl EnsureArgs {
    /// Sees to it that the queue is there: made as asked; or, when nothing was asked, as it stands.
    pub(crate) fn declare(&self, client: &mut Client, queue: &str) -> Result<(), ClientError> {
        if self.no_declare {
            return Ok(());
        }
        match self.declare.declare_exactly(client, queue) {
            Err(ClientError::Refused { code: Code::Differs, .. }) if !self.declare.is_particular() => Ok(()),
            // Who may not make queues may still use those that are there: the next request will say.
            Err(ClientError::Refused { code: Code::Forbidden, .. }) if !self.declare.is_particular() => {
                Ok(())
            }
            declared => declared,
        }
    }
}
