//! What happened at the hosts, beside the frames: an event as one line of text, and back.
//!
//! A capture has a block of its own for each system call, for what a kernel said, and for what became of the wire itself. The
//! block's type has its most significant bit set: such types "are reserved for local use" and are there "to save
//! private data to the file" (draft-ietf-opsawg-pcapng, general block structure), so every other reader passes over it.
//! Its body is a line in the notation of [`Mark`](super::Mark), filled up to 32 bits with line feeds:
//!
//! ```text
//! layerlab event=7 at=1200000 place=client what=called fd=4 call=send offered=5
//! layerlab event=9 cause=7 at=1300000 place=client what=returned fd=4 call=send offered=5 octets=5 took=100000
//! ```
//!
//! Of the octets that a call moved only few are repeated: frames carry them. docs/capture.md has every key.

use super::mark::MarkError;
use super::pairs::{Pairs, push, push_quoted};
use crate::model::{
    Call, Direction, Errno, Event, EventId, Evidence, Heading, How, Located, Place, Protocol, Returned, Side,
    SocketKind, SocketOption, TcpInfo, TcpSocket, TcpState, Time, What, WireChange, WireSet,
};
use std::str::FromStr;
use std::time::Duration;

/// The type of the block: local use, and the letters LAB.
pub(super) const BLOCK_NOTE: u32 = 0x804c_4142;
/// The longest line that is written or read, in octets.
pub(super) const NOTE_MAX: usize = 64 * 1024;

/// The most octets of a call that are repeated: what is longer, only the frames have.
const BYTES_MAX: usize = 64;

/// How an event's line begins.
const PREFIX: &str = "layerlab event=";
/// How the stamp's line begins.
const STAMP: &str = "layerlab lab=";
/// How the line begins of what a program said that it did.
const DEED: &str = "layerlab deed=";

/// The line of an event that is no frame's; `None` for all others.
pub fn note(event: &Event) -> Option<String> {
    let mut line = String::from("layerlab");
    push(&mut line, "event", event.id.0);
    if let Some(cause) = event.cause {
        push(&mut line, "cause", cause.0);
    }
    push(&mut line, "at", event.at.as_nanos());
    if let Place::Host(side) = event.place {
        push(&mut line, "place", side.name());
    }
    match &event.what {
        What::Called { fd, call } => {
            push(&mut line, "what", "called");
            push_call(&mut line, *fd, call);
        }
        What::Returned { fd, call, result, took, tcp_info } => {
            push(&mut line, "what", "returned");
            push_call(&mut line, *fd, call);
            push_result(&mut line, result);
            push(&mut line, "took", nanos(*took));
            if let Some(info) = tcp_info {
                push_info(&mut line, info);
            }
            if let Some(moved) = event.bytes.as_ref().filter(|moved| moved.bytes.len() <= BYTES_MAX) {
                push_quoted(&mut line, "bytes", &hex(&moved.bytes));
            }
        }
        What::Connections(left) => {
            push(&mut line, "what", "connections");
            let each = |s: &TcpSocket| format!("{} {} {}", s.local, s.remote, s.state.name());
            push_quoted(&mut line, "connections", &left.iter().map(each).collect::<Vec<_>>().join(", "));
        }
        What::Wire(change) => {
            let Heading::Toward(direction) = event.heading else { return None };
            push(&mut line, "what", "wire");
            push(&mut line, "dir", direction.name());
            push(&mut line, "change", change_name(*change));
        }
        What::WireSet(set) => {
            push(&mut line, "what", "wire_set");
            push_quoted(&mut line, "set", &set.words);
            push_quoted(&mut line, "wire", &set.wire);
            if let Some(why) = &set.refused {
                push_quoted(&mut line, "refused", why);
            }
        }
        What::Frame(_)
        | What::Fate(_)
        | What::Tls(_)
        | What::Waiting(_)
        | What::WebSocket(_)
        | What::Queue(_) => return None,
    }
    (line.len() <= NOTE_MAX).then_some(line)
}

/// Reads an event's line back.
///
/// # Errors
/// [`MarkError::Absent`] when it is none, the others when it does not read.
pub fn parse_note(line: &str) -> Result<Event, MarkError> {
    let line = line.trim_end_matches('\n');
    if !line.starts_with(PREFIX) || line.len() > NOTE_MAX {
        return Err(MarkError::Absent);
    }
    let pairs = Pairs::parse(&line["layerlab ".len()..])?;
    let place = match pairs.get("place") {
        None => Place::Wire,
        Some(_) => Place::Host(named(&pairs, "place", &Side::BOTH, |side| side.name())?),
    };
    let call = || Ok::<_, MarkError>((some(&pairs, "fd")?, call(&pairs)?));
    let (mut heading, mut protocol, mut evidence) = (Heading::Local, Protocol::Sockets, Evidence::Syscall);
    let what = match pairs.need("what")? {
        "called" => {
            let (fd, call) = call()?;
            What::Called { fd, call }
        }
        "returned" => {
            let (fd, call) = call()?;
            let (result, took) = (result(&pairs)?, Duration::from_nanos(pairs.number("took")?));
            let tcp_info = pairs.get("state").map(|_| info(&pairs)).transpose()?.map(Box::new);
            What::Returned { fd, call, result, took, tcp_info }
        }
        "connections" => {
            protocol = Protocol::Tcp;
            What::Connections(connections(pairs.need("connections")?)?)
        }
        "wire" => {
            heading = Heading::Toward(named(&pairs, "dir", &Direction::BOTH, |d| d.name())?);
            (protocol, evidence) = (Protocol::Wire, Evidence::Ledger);
            let changes = [WireChange::Cut, WireChange::Restored];
            What::Wire(named(&pairs, "change", &changes, |change| change_name(*change))?)
        }
        "wire_set" => {
            (protocol, evidence) = (Protocol::Wire, Evidence::Ledger);
            let (words, wire) = (pairs.need("set")?.to_owned(), pairs.need("wire")?.to_owned());
            What::WireSet(Box::new(WireSet { words, wire, refused: pairs.get("refused").map(str::to_owned) }))
        }
        got => return Err(bad("what", got)),
    };
    Ok(Event {
        id: EventId(pairs.number("event")?),
        cause: some(&pairs, "cause")?.map(EventId),
        at: Time::from_nanos(pairs.number("at")?),
        place,
        heading,
        protocol,
        what,
        bytes: pairs.get("bytes").map(|text| unhex(text).ok_or_else(|| bad("bytes", text))).transpose()?,
        evidence,
        cite: None,
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Option<Located> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let whole = text.len().is_multiple_of(2) && text.len() <= 2 * BYTES_MAX && !text.contains('+');
    let octets: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    Some(Located { bytes: octets.filter(|_| whole)?.into(), headers: Vec::new() })
}

/// Which run of which lab a capture is, and how the program ended: its last line, written by who ran it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The lab's number.
    pub lab: u32,
    /// The how manieth run of it, 1 the first.
    pub run: u32,
    /// Whose it is, where they said so.
    pub student: Option<String>,
    /// The exit status.
    pub exit: i32,
}

impl Stamp {
    /// The line.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = String::from("layerlab");
        push(&mut line, "lab", self.lab);
        push(&mut line, "run", self.run);
        if let Some(student) = &self.student {
            push_quoted(&mut line, "student", student);
        }
        push(&mut line, "exit", self.exit);
        line
    }

    /// The block, to be put behind a capture that is complete.
    #[must_use]
    pub fn block(&self) -> Vec<u8> {
        block(&self.line())
    }

    /// Reads the line back.
    ///
    /// # Errors
    /// [`MarkError::Absent`] when it is none, the others when it does not read.
    pub fn parse(line: &str) -> Result<Stamp, MarkError> {
        let line = line.trim_end_matches('\n');
        if !line.starts_with(STAMP) || line.len() > NOTE_MAX {
            return Err(MarkError::Absent);
        }
        let pairs = Pairs::parse(&line["layerlab ".len()..])?;
        Ok(Stamp {
            lab: pairs.number("lab")?,
            run: pairs.number("run")?,
            student: pairs.get("student").map(str::to_owned),
            exit: pairs.number("exit")?,
        })
    }
}

/// What a program said that it did, one line of JSON, as a block to be put behind a capture that is complete: no frame and
/// no system call tells it. `None` for a line that is too long.
#[must_use]
pub fn deed_block(json: &str) -> Option<Vec<u8>> {
    let mut line = String::from("layerlab");
    push_quoted(&mut line, "deed", json);
    (line.len() <= NOTE_MAX).then(|| block(&line))
}

/// Reads such a line back.
///
/// # Errors
/// [`MarkError::Absent`] when it is none, the others when it does not read.
pub fn parse_deed(line: &str) -> Result<String, MarkError> {
    let line = line.trim_end_matches('\n');
    if !line.starts_with(DEED) || line.len() > NOTE_MAX {
        return Err(MarkError::Absent);
    }
    Ok(Pairs::parse(&line["layerlab ".len()..])?.need("deed")?.to_owned())
}

/// A line as a block, little-endian.
pub(super) fn block(line: &str) -> Vec<u8> {
    let body = line.len().next_multiple_of(4);
    // A line has at most NOTE_MAX octets; a stamp's student is an argument of a command, which is no longer.
    let length = u32::try_from(body + 12).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = Vec::with_capacity(body + 12);
    block.extend(BLOCK_NOTE.to_le_bytes());
    block.extend(length);
    block.extend(line.bytes());
    block.resize(8 + body, b'\n');
    block.extend(length);
    block
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn bad(key: &str, got: &str) -> MarkError {
    MarkError::Value { key: key.to_owned(), got: got.to_owned() }
}

/// A value that may be absent, parsed.
fn some<T: FromStr>(pairs: &Pairs, key: &'static str) -> Result<Option<T>, MarkError> {
    pairs.get(key).map(|_| pairs.number(key)).transpose()
}

/// One of a few, by its name.
fn named<T: Copy>(
    pairs: &Pairs,
    key: &'static str,
    all: &[T],
    name: impl Fn(&T) -> &'static str,
) -> Result<T, MarkError> {
    let got = pairs.need(key)?;
    all.iter().find(|one| name(one) == got).copied().ok_or_else(|| bad(key, got))
}

const fn change_name(change: WireChange) -> &'static str {
    match change {
        WireChange::Cut => "cut",
        WireChange::Restored => "restored",
    }
}

const fn kind_name(kind: SocketKind) -> &'static str {
    match kind {
        SocketKind::Stream => "stream",
        SocketKind::Datagram => "datagram",
    }
}

const fn how_name(how: How) -> &'static str {
    match how {
        How::Read => "read",
        How::Write => "write",
        How::Both => "both",
    }
}

fn push_call(line: &mut String, fd: Option<i32>, call: &Call) {
    if let Some(fd) = fd {
        push(line, "fd", fd);
    }
    push(line, "call", call.name());
    match call {
        Call::Socket(kind) => push(line, "socket", kind_name(*kind)),
        Call::SetOption(option) => {
            push_quoted(line, "option", option.name);
            push_quoted(line, "value", &option.value);
        }
        Call::Bind(address) | Call::Connect(address) => push(line, "address", address),
        Call::Listen(backlog) => push(line, "backlog", backlog),
        Call::Send { len } => push(line, "offered", len),
        Call::SendMsg { pieces } => {
            let pieces: Vec<String> = pieces.iter().map(usize::to_string).collect();
            push(line, "offered", pieces.join("+"));
        }
        Call::SendTo { len, to } => {
            push(line, "offered", len);
            push(line, "address", to);
        }
        Call::Recv { size } | Call::RecvFrom { size } => push(line, "room", size),
        Call::Shutdown(how) => push(line, "how", how_name(*how)),
        Call::Accept | Call::Close => {}
    }
}

fn call(pairs: &Pairs) -> Result<Call, MarkError> {
    Ok(match pairs.need("call")? {
        "socket" => {
            let kinds = [SocketKind::Stream, SocketKind::Datagram];
            Call::Socket(named(pairs, "socket", &kinds, |kind| kind_name(*kind))?)
        }
        "setsockopt" => {
            let got = pairs.need("option")?;
            let name =
                SocketOption::NAMES.iter().find(|name| **name == got).ok_or_else(|| bad("option", got))?;
            Call::SetOption(SocketOption { name, value: pairs.need("value")?.to_owned() })
        }
        "bind" => Call::Bind(pairs.number("address")?),
        "listen" => Call::Listen(pairs.number("backlog")?),
        "connect" => Call::Connect(pairs.number("address")?),
        "accept" => Call::Accept,
        "send" => Call::Send { len: pairs.number("offered")? },
        "sendmsg" => {
            let got = pairs.need("offered")?;
            let pieces = got.split('+').map(|piece| piece.parse().map_err(|_| bad("offered", got)));
            Call::SendMsg { pieces: pieces.collect::<Result<_, _>>()? }
        }
        "sendto" => Call::SendTo { len: pairs.number("offered")?, to: pairs.number("address")? },
        "recv" => Call::Recv { size: pairs.number("room")? },
        "recvfrom" => Call::RecvFrom { size: pairs.number("room")? },
        "shutdown" => {
            Call::Shutdown(named(pairs, "how", &[How::Read, How::Write, How::Both], |how| how_name(*how))?)
        }
        "close" => Call::Close,
        got => return Err(bad("call", got)),
    })
}

fn push_result(line: &mut String, result: &Result<Returned, Errno>) {
    match result {
        Ok(Returned::Done) => {}
        Ok(Returned::Descriptor(fd)) => push(line, "new-fd", fd),
        Ok(Returned::Local(local)) => push(line, "local", local),
        Ok(Returned::Accepted { fd, peer }) => {
            push(line, "new-fd", fd);
            push(line, "peer", peer);
        }
        Ok(Returned::Octets(octets)) => push(line, "octets", octets),
        Ok(Returned::Datagram { len, from, truncated_from }) => {
            push(line, "octets", len);
            push(line, "peer", from);
            if let Some(whole) = truncated_from {
                push(line, "truncated-from", whole);
            }
        }
        Err(errno) => {
            push_quoted(line, "errno", errno.name);
            push(line, "errno-code", errno.code);
        }
    }
}

/// Which keys are there says what was returned.
fn result(pairs: &Pairs) -> Result<Result<Returned, Errno>, MarkError> {
    let has = |key| pairs.get(key).is_some();
    Ok(if has("errno") {
        Err(Errno::named(pairs.need("errno")?, pairs.number("errno-code")?))
    } else if has("octets") && has("peer") {
        let (len, from) = (pairs.number("octets")?, pairs.number("peer")?);
        Ok(Returned::Datagram { len, from, truncated_from: some(pairs, "truncated-from")? })
    } else if has("octets") {
        Ok(Returned::Octets(pairs.number("octets")?))
    } else if has("peer") {
        Ok(Returned::Accepted { fd: pairs.number("new-fd")?, peer: pairs.number("peer")? })
    } else if has("new-fd") {
        Ok(Returned::Descriptor(pairs.number("new-fd")?))
    } else if has("local") {
        Ok(Returned::Local(pairs.number("local")?))
    } else {
        Ok(Returned::Done)
    })
}

fn push_info(line: &mut String, info: &TcpInfo) {
    push(line, "state", info.state.name());
    push(line, "rtt", nanos(info.rtt));
    push(line, "rttvar", nanos(info.rttvar));
    push(line, "rto", nanos(info.rto));
    push(line, "cwnd", info.snd_cwnd);
    if let Some(ssthresh) = info.snd_ssthresh {
        push(line, "ssthresh", ssthresh);
    }
    push(line, "mss", info.snd_mss);
    push(line, "pmtu", info.pmtu);
    push(line, "unacked", info.unacked);
    push(line, "backoff", info.backoff);
    push(line, "retrans", info.total_retrans);
}

fn info(pairs: &Pairs) -> Result<TcpInfo, MarkError> {
    let time = |key| pairs.number(key).map(Duration::from_nanos);
    Ok(TcpInfo {
        state: named(pairs, "state", &TcpState::ALL, |state| state.name())?,
        rtt: time("rtt")?,
        rttvar: time("rttvar")?,
        rto: time("rto")?,
        snd_cwnd: pairs.number("cwnd")?,
        snd_ssthresh: some(pairs, "ssthresh")?,
        snd_mss: pairs.number("mss")?,
        pmtu: pairs.number("pmtu")?,
        unacked: pairs.number("unacked")?,
        backoff: pairs.number("backoff")?,
        total_retrans: pairs.number("retrans")?,
    })
}

fn connections(text: &str) -> Result<Vec<TcpSocket>, MarkError> {
    let wrong = || bad("connections", text);
    let one = |one: &str| {
        let mut words = one.split(' ');
        let mut address = || words.next()?.parse().ok();
        let (local, remote) = (address()?, address()?);
        let state = words.next().filter(|_| words.next().is_none())?;
        Some(TcpSocket { local, remote, state: TcpState::ALL.into_iter().find(|s| s.name() == state)? })
    };
    let all = text.split(", ").filter(|one| !one.is_empty());
    all.map(|text| one(text).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests;
