//! What a line at the terminal means: a message, or a command that begins with `/`.

use super::args;
use crate::stack::l7_application::ws::{CloseCode, MAX_CONTROL};

/// What `/help` says.
pub(super) const HELP: &str = "\
  /ping [TEXT]            send a Ping; the Pong's time is told
  /pong [TEXT]            send a Pong that nobody asked for
  /binary HEX             send a binary message: /binary 00 ff 10
  /fragment N TEXT        send a text message in frames of N octets
  /raw HEX                send octets as they are, legal frame or not
  /close [CODE [REASON]]  begin the closing handshake: /close 1000 bye
  /help                   this
  //TEXT                  a message that begins with a slash
Ctrl-D closes and waits for the server's Close; so does Ctrl-C, twice ends at once.";

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// A text message, in frames of so many octets where that is given.
    Text(String, Option<usize>),
    /// A binary message.
    Binary(Vec<u8>),
    /// A Ping.
    Ping(Vec<u8>),
    /// A Pong.
    Pong(Vec<u8>),
    /// Octets as they are.
    Raw(Vec<u8>),
    /// The end, with a code or the one that the command line gave.
    Close(Option<(CloseCode, String)>),
    /// The list of commands.
    Help,
}

/// Reads a line.
///
/// # Errors
/// A sentence on what was wrong.
pub(super) fn order(line: &str) -> Result<Order, String> {
    let Some(command) = line.strip_prefix('/') else { return Ok(Order::Text(line.to_owned(), None)) };
    if command.starts_with('/') {
        return Ok(Order::Text(command.to_owned(), None));
    }
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "ping" => control(rest).map(Order::Ping),
        "pong" => control(rest).map(Order::Pong),
        "binary" => octets(rest).map(Order::Binary),
        "raw" => octets(rest).map(Order::Raw),
        "fragment" => {
            let (size, text) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
            let size = size.parse().ok().filter(|&size: &usize| size > 0);
            let size = size.ok_or("how many octets a frame? /fragment 3 hello")?;
            Ok(Order::Text(text.to_owned(), Some(size)))
        }
        "close" | "quit" if rest.trim().is_empty() => Ok(Order::Close(None)),
        "close" => args::close(&rest.trim().replacen(' ', ":", 1)).map(|close| Order::Close(Some(close))),
        "help" => Ok(Order::Help),
        _ => Err(format!("there is no command /{name}: /help lists them, //{command} sends it as a text")),
    }
}

fn control(text: &str) -> Result<Vec<u8>, String> {
    if text.len() > MAX_CONTROL {
        return Err(format!("a control frame carries at most {MAX_CONTROL} octets (RFC 6455 s5.5)"));
    }
    Ok(text.into())
}

fn octets(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> =
        text.chars().filter(|c| !c.is_whitespace()).filter_map(|c| u8::try_from(c).ok()).collect();
    let octet = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        // `from_str_radix` would take a sign.
        pair.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok())?
    };
    let whole = text.is_ascii().then(|| digits.chunks(2).map(octet).collect::<Option<Vec<u8>>>()).flatten();
    whole.ok_or_else(|| "octets are pairs of hexadecimal digits: 00 ff 10".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slash_begins_a_command_and_two_are_one() {
        let text = |text: &str| Ok(Order::Text(text.to_owned(), None));
        assert_eq!(order("hello /ping"), text("hello /ping"));
        assert_eq!(order("//ping"), text("/ping"));
        assert_eq!(order(""), text(""));
        assert_eq!(order("/ping"), Ok(Order::Ping(Vec::new())));
        assert_eq!(order("/ping a b"), Ok(Order::Ping(b"a b".to_vec())));
        assert_eq!(order("/binary 00 fF10"), Ok(Order::Binary(vec![0, 255, 16])));
        assert_eq!(order("/raw 81"), Ok(Order::Raw(vec![0x81])));
        assert_eq!(order("/fragment 3 hello"), Ok(Order::Text("hello".into(), Some(3))));
        assert_eq!(order("/close"), Ok(Order::Close(None)));
        assert_eq!(order("/close 4000 so long"), Ok(Order::Close(Some((CloseCode(4000), "so long".into())))));
        for wrong in
            ["/pin", "/binary 0", "/binary +1", "/binary zz", "/close 1005", "/fragment x", "/fragment 0 a"]
        {
            assert!(order(wrong).is_err(), "{wrong}");
        }
        assert!(order(&format!("/ping {}", "x".repeat(126))).is_err());
    }

    proptest! {
        #[test]
        fn any_line_is_an_order_or_a_sentence(line in "/?/?\\PC{0,30}") {
            if let Ok(Order::Text(text, None)) = order(&line) {
                let slashed = format!("/{text}");
                prop_assert!(line == text || line == slashed);
            }
        }
    }
}
