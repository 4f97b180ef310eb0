//! `layerlab ws echo`: a WebSocket between the two hosts, or a rule of its broken on purpose.

use crate::cli::args::{CommonSocketArgs, MessageArgs, NetArgs, ShowArgs, SideArg, duration, waiting_time};
use crate::cli::exit::{Answer, Usage};
use crate::cli::plan;
use crate::cli::run::{self, Where, note};
use crate::host::entropy;
use crate::live::echo::ws::{Heard, Wrong, WsEcho};
use crate::live::setup::Finished;
use crate::model::Side;
use crate::narrate::{too_big, too_short_to_compress, websocket_ended};
use crate::stack::l7_application::ws::handshake::decode_key;
use crate::stack::l7_application::ws::{CloseCode, Kind, MAX_CONTROL, Setup};
use clap::Args;
use std::time::Duration;

/// A control frame's payload without the code (RFC 6455 s5.5).
const MAX_REASON: usize = MAX_CONTROL - 2;

/// The port of `ws://` without one (RFC 6455 s3).
const PORT: u16 = 80;

/// Options of `ws echo`.
#[derive(Args, Debug)]
pub(crate) struct WsEchoArgs {
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
    /// Binary messages instead of text
    #[arg(long, help_heading = "Experiment")]
    binary: bool,
    /// At most N octets of payload in each frame of the client: a message in several frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Experiment")]
    fragment: Option<u32>,
    /// Each message in two frames, with a Ping between them
    #[arg(long, help_heading = "Experiment", conflicts_with = "fragment")]
    ping_between: bool,
    /// Both sides send all their messages before either reads: full duplex, proved by order
    #[arg(long, help_heading = "Experiment")]
    duplex: bool,
    /// Offer permessage-deflate, and accept it: messages of 64 octets or more are compressed
    #[arg(long, help_heading = "Experiment")]
    deflate: bool,
    /// Subprotocols that the client offers, the dearest first
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', help_heading = "Experiment")]
    subprotocol: Vec<String>,
    /// Subprotocols that the server speaks [default: those that the client offers]
    #[arg(
        long,
        value_name = "NAME,NAME",
        value_delimiter = ',',
        requires = "subprotocol",
        help_heading = "Experiment"
    )]
    server_subprotocol: Option<Vec<String>>,
    /// What the first Close says: 1000, 4001:bye, or none for an empty body
    #[arg(long, value_name = "CODE[:REASON]", default_value = "1000", value_parser = closing, help_heading = "Experiment")]
    close: Closing,
    /// Whose Close is the first [default: client]
    #[arg(long, value_enum, value_name = "SIDE", help_heading = "Experiment")]
    close_first: Option<SideArg>,
    /// The target of the request
    #[arg(long, default_value = "/", value_name = "TARGET", help_heading = "Experiment")]
    path: String,
    /// The handshake's key, base64 of 16 octets [default: drawn from the seed]
    #[arg(long, value_name = "KEY", value_parser = key, help_heading = "Experiment")]
    key: Option<[u8; 16]>,
    /// The masking key of each frame of the client, such as 37fa213d [default: drawn from the seed for each]
    #[arg(long, value_name = "HEX", value_parser = mask, help_heading = "Experiment")]
    mask: Option<[u8; 4]>,
    /// Octets of a message that the server takes; a longer one is answered with Close 1009 [default: 16777216]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Experiment")]
    max_message: Option<u32>,
    /// The client stays quiet this long before it closes
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0ms", help_heading = "Experiment")]
    idle: Duration,
    /// The client sends a Ping this often; with no sign of life for as long after one, it gives up
    #[arg(long, value_name = "TIME", value_parser = waiting_time, requires = "idle", help_heading = "Experiment")]
    ping_every: Option<Duration>,
    #[command(flatten)]
    wrong: WrongArgs,
    /// Port of the server
    #[arg(long, default_value_t = PORT, value_name = "PORT", help_heading = "Sockets", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// How long a call may wait before it gives up
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = duration, help_heading = "Sockets")]
    timeout: Duration,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// A rule to break.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct WrongArgs {
    /// The client does not mask its frame
    #[arg(long, help_heading = "Rules to break")]
    unmasked: bool,
    /// The client's text is not UTF-8
    #[arg(long, help_heading = "Rules to break")]
    bad_utf8: bool,
    /// The client's frame has an opcode that nobody has defined
    #[arg(long, help_heading = "Rules to break")]
    bad_opcode: bool,
    /// The server answers with the accept value of another key
    #[arg(long, help_heading = "Rules to break")]
    wrong_accept: bool,
}

impl WrongArgs {
    fn wrong(&self) -> Option<Wrong> {
        let all = [
            (self.unmasked, Wrong::Unmasked),
            (self.bad_utf8, Wrong::BadUtf8),
            (self.bad_opcode, Wrong::BadOpcode),
            (self.wrong_accept, Wrong::WrongAccept),
        ];
        all.into_iter().find_map(|(asked, wrong)| asked.then_some(wrong))
    }
}

/// What a Close says: a code and perhaps a reason, or nothing.
#[derive(Clone, Debug)]
struct Closing(Option<(CloseCode, String)>);

fn closing(text: &str) -> Result<Closing, String> {
    if text == "none" {
        return Ok(Closing(None));
    }
    let (code, reason) = text.split_once(':').unwrap_or((text, ""));
    let number = code.parse().map_err(|_| "write 1000, 4001:bye or none".to_owned())?;
    if !CloseCode(number).may_be_sent() {
        return Err("only 1000 to 1003, 1007 to 1014 and 3000 to 4999 may stand in a Close".to_owned());
    }
    if reason.len() > MAX_REASON {
        return Err(format!("a reason has {MAX_REASON} octets at most, this has {}", reason.len()));
    }
    Ok(Closing(Some((CloseCode(number), reason.to_owned()))))
}

fn key(text: &str) -> Result<[u8; 16], String> {
    decode_key(text)
        .ok_or_else(|| "a key is the base64 of 16 octets, such as dGhlIHNhbXBsZSBub25jZQ==".to_owned())
}

fn mask(text: &str) -> Result<[u8; 4], String> {
    let octets = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 8);
    octets
        .map(u32::to_be_bytes)
        .ok_or_else(|| "a masking key is 8 hexadecimal digits, such as 37fa213d".to_owned())
}

/// Runs it.
pub(crate) fn run(mut args: WsEchoArgs) -> anyhow::Result<Answer> {
    let seed = *args.net.place.seed.get_or_insert_with(entropy::seed);
    let experiment = experiment(&args, seed)?;
    let common = CommonSocketArgs { ttl: None, port: args.port, timeout: args.timeout };
    let place = Where { net: &args.net, show: &args.show, common: &common, sysctls: &[] };
    let finished = run::run(&experiment, &place)?;
    answer(&experiment, &finished)
}

fn experiment(args: &WsEchoArgs, seed: u64) -> Result<WsEcho, Usage> {
    if !args.path.starts_with('/') || args.path.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(Usage(format!("{:?} is no target: it begins with / and has no spaces", args.path)));
    }
    let mut experiment = WsEcho::new(plan::messages(&args.messages), seed);
    experiment.kind = if args.binary { Kind::Binary } else { Kind::Text };
    experiment.fragment = args.fragment.map(|size| size as usize);
    experiment.ping_between = args.ping_between;
    experiment.duplex = args.duplex;
    experiment.deflate = args.deflate;
    experiment.subprotocols.clone_from(&args.subprotocol);
    experiment.spoken = args.server_subprotocol.clone().unwrap_or_else(|| args.subprotocol.clone());
    experiment.closes_first = match args.close_first {
        Some(SideArg::Server) => Side::Server,
        _ => Side::Client,
    };
    experiment.close.clone_from(&args.close.0);
    experiment.wrong = args.wrong.wrong();
    experiment.target.clone_from(&args.path);
    experiment.key = args.key;
    experiment.mask = args.mask;
    experiment.max_message = args.max_message.map(u64::from);
    experiment.idle = args.idle;
    experiment.ping_every = args.ping_every;
    Ok(experiment)
}

/// Yes when every message came back and the connection was closed in order; where a rule was broken on purpose, when the
/// other side did what the RFC wants of it.
fn answer(experiment: &WsEcho, finished: &Finished) -> anyhow::Result<Answer> {
    let [client, _] = experiment.heard();
    let Heard { refused, closed, deflate, .. } = client;
    let Setup { limits, deflate_from, .. } = Setup::default();
    if deflate && experiment.messages.list.iter().all(|message| message.len() < deflate_from) {
        note(&too_short_to_compress(deflate_from))?;
    }
    match experiment.wrong {
        None => {
            let answer = run::echoed(finished, experiment.messages.list.len(), false)?;
            if answer == Answer::No && matches!(closed, Some((CloseCode::TOO_BIG, _))) {
                note(&too_big(experiment.max_message.unwrap_or(limits.message)))?;
            }
            if answer != Answer::Yes || matches!(closed, Some((_, true))) {
                return Ok(answer);
            }
        }
        Some(wrong) if crate::cli::exit::cut_short(finished).is_none() => {
            let done = match wrong.expected() {
                Some(code) => closed.is_some_and(|(got, _)| got == code),
                None => refused.is_some(),
            };
            if done {
                return Ok(Answer::Yes);
            }
        }
        Some(_) => return run::echoed(finished, 0, true),
    }
    note(&websocket_ended(refused.as_deref(), closed.map(|(code, clean)| (code.0, clean))))?;
    Ok(Answer::No)
}
