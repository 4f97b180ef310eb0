//! What may be typed behind `layerlab ws connect`, and what of it can be judged before anything is connected.

use crate::cli::args::{duration, waiting_time};
#[cfg(feature = "tls")]
use crate::cli::ws::tls::TlsArgs;
use crate::stack::l7_application::http1::{Fields, is_token};
use crate::stack::l7_application::ws::{CloseCode, MAX_CONTROL, Url};
use clap::{ArgAction, Args};
use std::time::Duration;

/// Below the options.
pub(crate) const AFTER_HELP: &str = "Each line of input is a text message; what comes back goes to standard output, everything else \
    to standard error. At a terminal a line that begins with / is a command (/help lists them).\n\
    At the end of input the answers are waited for: once the server has been quiet for --linger, a Close is sent, \
    for many a server answers nothing more after it. At a terminal Ctrl-D closes at once.\n\
    Exit status: 0 both sides said Close and neither reported an error; 1 otherwise.";

/// Options of `ws connect`.
#[derive(Args, Debug)]
pub(crate) struct WsConnectArgs {
    /// Where to: ws://HOST[:PORT]/PATH, or wss:// for TLS
    pub(crate) url: Url,
    /// Send standard input as binary messages, and write what comes as it is
    #[arg(long, short, help_heading = "Messages")]
    pub(crate) binary: bool,
    /// Octets of each binary message, the last shorter [default: what one read gives]
    #[arg(long, value_name = "N", requires = "binary", help_heading = "Messages", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(crate) chunk: Option<u32>,
    /// Send each message that comes back as it came, and read no input
    #[arg(long, help_heading = "Messages", conflicts_with_all = ["binary", "linger"])]
    pub(crate) echo: bool,
    /// After the end of input, close when the server has been quiet this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "Messages")]
    pub(crate) linger: Duration,
    /// How to close at the end: a code and a reason
    #[arg(long, value_name = "CODE[:REASON]", value_parser = close, default_value = "1000", help_heading = "Messages")]
    pub(crate) close: (CloseCode, String),
    /// Octets that a message may have
    #[arg(long, value_name = "N", default_value_t = 16 << 20, help_heading = "Messages", value_parser = clap::value_parser!(u64).range(1..=1_073_741_824))]
    pub(crate) max_message: u64,
    /// Send a Ping this often
    #[arg(long, value_name = "TIME", value_parser = waiting_time, help_heading = "Messages")]
    pub(crate) ping_every: Option<Duration>,
    /// A field of the handshake's request, such as 'Authorization: Bearer ...'
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header, action = ArgAction::Append, help_heading = "Handshake")]
    pub(crate) header: Vec<(String, String)>,
    /// Subprotocols to offer, the best liked first
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = subprotocol, help_heading = "Handshake")]
    pub(crate) subprotocol: Vec<String>,
    /// The Origin that a browser would send, such as https://example.org
    #[arg(long, value_name = "ORIGIN", value_parser = origin, help_heading = "Handshake")]
    pub(crate) origin: Option<String>,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(in crate::cli::ws) tls: TlsArgs,
    /// Offer compression: permessage-deflate (RFC 7692)
    #[arg(long, help_heading = "Handshake")]
    pub(crate) deflate: bool,
    /// How long the server may take to accept, to answer, to take what is sent, and to close
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "10s", help_heading = "Handshake")]
    pub(crate) timeout: Duration,
    /// Tell the handshake, Pings and Closes; twice, every frame
    #[arg(long, short, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// One JSON object a line for what happens, messages among it (docs/json.md)
    #[arg(long, help_heading = "Output", conflicts_with_all = ["verbose", "quiet"])]
    pub(crate) json: bool,
    /// Say nothing but messages and errors
    #[arg(long, short, help_heading = "Output", conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Plain ASCII only
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
}

/// Fields that the handshake itself has to say.
const OURS: [(&str, &str); 9] = [
    ("Host", "it is the URL's host"),
    ("Upgrade", "the handshake says it"),
    ("Connection", "the handshake says it"),
    ("Sec-WebSocket-Key", "it must be new for each connection (RFC 6455 s4.1)"),
    ("Sec-WebSocket-Version", "this client speaks version 13"),
    ("Sec-WebSocket-Protocol", "use --subprotocol"),
    ("Sec-WebSocket-Extensions", "use --deflate"),
    ("Content-Length", "a handshake has no body"),
    ("Transfer-Encoding", "a handshake has no body"),
];

/// `NAME: VALUE`.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE, such as 'Cookie: a=b'")?;
    let (name, value) = (name.trim(), value.trim());
    if let Some((name, why)) = OURS.iter().find(|(ours, _)| ours.eq_ignore_ascii_case(name)) {
        return Err(format!("{name} is not yours to set: {why}"));
    }
    if name.eq_ignore_ascii_case("origin") {
        return Err("use --origin".to_owned());
    }
    if !Fields::new().with(name, value).is_encodable()
        || value.bytes().any(|octet| octet < b' ' && octet != b'\t')
    {
        return Err("a name is a token (RFC 9110 s5.6.2), and a value has no control characters".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn subprotocol(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !is_token(text) {
        return Err(
            "a subprotocol is a token: letters, digits and marks, no blanks (RFC 6455 s4.1)".to_owned()
        );
    }
    Ok(text.to_owned())
}

fn origin(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err("an origin is a scheme and a host: https://example.org (RFC 6454 s6.2)".to_owned());
    }
    Ok(text.to_owned())
}

/// `CODE` or `CODE:REASON`.
pub(super) fn close(text: &str) -> Result<(CloseCode, String), String> {
    let (code, reason) = text.split_once(':').unwrap_or((text, ""));
    let code = code.trim().parse().map(CloseCode).ok().filter(|code| code.may_be_sent());
    let code = code.ok_or("a close code is 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455 s7.4)")?;
    let reason = reason.trim();
    if reason.len() + 2 > MAX_CONTROL {
        return Err(format!("a reason has at most {} octets (RFC 6455 s5.5.1)", MAX_CONTROL - 2));
    }
    Ok((code, reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_handshake_are_not_overridden_and_no_line_is_smuggled() {
        assert_eq!(header("Cookie: a=b; c"), Ok(("Cookie".into(), "a=b; c".into())));
        for (text, says) in [
            ("host: x", "the URL's host"),
            ("SEC-WEBSOCKET-KEY: x", "each connection"),
            ("Sec-WebSocket-Protocol: x", "--subprotocol"),
            ("Origin: x", "--origin"),
            ("a b: x", "token"),
            ("A: x\r\nB: y", "control"),
            ("A: \u{1}", "control"),
            ("no colon", "NAME: VALUE"),
        ] {
            let error = header(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_close_is_a_code_that_may_be_sent_and_a_reason_that_fits() {
        assert_eq!(close("4000: so long"), Ok((CloseCode(4000), "so long".into())));
        assert_eq!(close("1000"), Ok((CloseCode::NORMAL, String::new())));
        for text in ["", "x", "1005", "1006", "999", "5000", ":a"] {
            assert!(close(text).unwrap_err().contains("close code"), "{text}");
        }
        assert!(close(&format!("1000:{}", "r".repeat(124))).unwrap_err().contains("123 octets"));
    }
}
