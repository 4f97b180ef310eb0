//! Standard input that is no terminal: read in a thread of its own, as messages.

use crate::stack::l7_application::ws::Kind;
use mio::Waker;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Octets that one read asks for.
const READ: usize = 64 << 10;
/// Octets of the longest line: the rest of a longer one would be another message.
pub(super) const LINE_MAX: usize = 16 << 20;
/// Inputs that wait to be taken; then the reader waits.
const WAITING: usize = 4;

/// What was put in.
#[derive(Debug)]
pub(super) enum Input {
    /// Messages, in order.
    Messages(Kind, Vec<Vec<u8>>),
    /// Ctrl-C, as a key.
    #[cfg(feature = "edit")]
    Interrupt,
    /// No more comes.
    End,
    /// It cannot be read any further.
    Failed(io::Error),
}

/// Where inputs go: the sender, and what wakes who takes them.
pub(super) struct Tell {
    to: SyncSender<Input>,
    waker: Arc<Waker>,
}

impl Tell {
    /// Hands over, waiting for room; whether anybody still listens.
    pub(super) fn tell(&self, input: Input) -> bool {
        let heard = self.to.send(input).is_ok();
        // Without a poll to wake nobody waits for it.
        let _ = self.waker.wake();
        heard
    }
}

/// A bounded way from a thread that reads to the one that sends.
pub(super) fn channel(waker: Arc<Waker>) -> (Tell, Receiver<Input>) {
    let (to, from) = sync_channel(WAITING);
    (Tell { to, waker }, from)
}

/// How octets become messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// Each line a text, without its line end.
    Lines,
    /// Each read binary octets.
    Reads,
    /// So many binary octets each.
    Chunks(usize),
}

/// Reads `input` to its end in a thread of its own, which ends with the process.
pub(super) fn read(input: impl Read + Send + 'static, cut: Cut, tell: Tell) {
    thread::spawn(move || {
        let end = pieces(input, cut, &mut |input| tell.tell(input));
        tell.tell(end.map_or_else(Input::Failed, |()| Input::End));
    });
}

fn pieces(mut input: impl Read, cut: Cut, tell: &mut dyn FnMut(Input) -> bool) -> io::Result<()> {
    let mut room = vec![0; READ];
    let mut held = Vec::new();
    loop {
        let n = match input.read(&mut room) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let (kind, messages) = match cut {
            Cut::Lines => (Kind::Text, lines(&mut held, &room[..n])),
            Cut::Reads => (Kind::Binary, if n > 0 { vec![room[..n].to_vec()] } else { Vec::new() }),
            Cut::Chunks(size) => (Kind::Binary, chunks(&mut held, &room[..n], size)),
        };
        if held.len() > LINE_MAX {
            let what = format!("a line of more than {LINE_MAX} octets: send it with --binary, in chunks");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if !messages.is_empty() && !tell(Input::Messages(kind, messages)) {
            return Ok(());
        }
        if n == 0 {
            if !held.is_empty() {
                let last = if cut == Cut::Lines { without_cr(held) } else { held };
                tell(Input::Messages(kind, vec![last]));
            }
            return Ok(());
        }
    }
}

/// The lines that are whole now; what begins another is held.
fn lines(held: &mut Vec<u8>, octets: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut parts = octets.split(|octet| *octet == b'\n');
    // What stands behind the last line end is no line yet.
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        held.extend_from_slice(part);
        messages.push(without_cr(std::mem::take(held)));
    }
    held.extend_from_slice(last);
    messages
}

fn without_cr(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}

fn chunks(held: &mut Vec<u8>, octets: &[u8], size: usize) -> Vec<Vec<u8>> {
    held.extend_from_slice(octets);
    let whole = held.len() / size * size;
    let rest = held.split_off(whole);
    std::mem::replace(held, rest).chunks(size).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives what it holds in reads of these sizes.
    struct InParts<'a>(&'a [u8], usize);

    impl Read for InParts<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(self.1).min(room.len());
            room[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn all(octets: &[u8], part: usize, cut: Cut) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        let mut take = |input| {
            if let Input::Messages(_, messages) = input {
                got.extend(messages);
            }
            true
        };
        pieces(InParts(octets, part), cut, &mut take).unwrap();
        got
    }

    #[test]
    fn a_line_is_a_message_without_its_end() {
        assert_eq!(all(b"a\r\n\nb\nlast", 3, Cut::Lines), [&b"a"[..], b"", b"b", b"last"]);
        assert!(all(b"", 3, Cut::Lines).is_empty());
        assert_eq!(all(b"abcde", 2, Cut::Chunks(3)), [&b"abc"[..], b"de"]);
        assert_eq!(all(b"abcde", 2, Cut::Reads), [&b"ab"[..], b"cd", b"e"]);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let endless = io::repeat(b'x');
        let error = pieces(endless, Cut::Lines, &mut |_| true).unwrap_err();
        assert!(error.to_string().contains("--binary"), "{error}");
    }

    proptest! {
        #[test]
        fn reads_of_any_size_give_the_same_messages(
            octets in prop::collection::vec(prop::sample::select(&b"ab\n\r"[..]), 0..60), part in 1usize..9, size in 1usize..9,
        ) {
            prop_assert_eq!(all(&octets, part, Cut::Lines), all(&octets, 99, Cut::Lines));
            prop_assert_eq!(all(&octets, part, Cut::Chunks(size)), octets.chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>());
            prop_assert_eq!(all(&octets, part, Cut::Reads).concat(), octets);
        }
    }
}
