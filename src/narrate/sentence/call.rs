//! System calls: what was asked, what came back, what that means.

use super::super::memory::{Landmark, Socket};
use super::super::style::Glyphs;
use super::super::text::{count, preview, safe, span};
use super::super::waits::{WORTH_TELLING, question};
use super::failure::failed;
use super::{Draft, NoteKind};
use crate::model::{
    Call, Cite, Errno, Evidence, FrameId, How, IcmpKind, Returned, Side, SocketKind, SocketOption, TcpInfo,
    TcpState, Time, Waiting, What,
};
use std::time::Duration;

/// Shorter calls did not wait for anything worth telling.
const WAITED: Duration = Duration::from_micros(100);

/// The call as C writes it; with the octets that it takes, where they were recorded.
pub(in super::super) fn invocation(
    fd: Option<i32>,
    call: &Call,
    bytes: Option<&[u8]>,
    glyphs: Glyphs,
) -> String {
    let fd = fd.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let taken = |len: usize| match bytes {
        Some(b) => format!("{}, {len}", preview(b, 20, glyphs.ascii)),
        None => format!("{len} B"),
    };
    match call {
        Call::Socket(SocketKind::Stream) => "socket(SOCK_STREAM)".to_owned(),
        Call::Socket(SocketKind::Datagram) => "socket(SOCK_DGRAM)".to_owned(),
        Call::SetOption(SocketOption { name, value }) => {
            format!("setsockopt({fd}, {name}, {})", safe(value, glyphs.ascii))
        }
        Call::Bind(addr) => format!("bind({fd}, {addr})"),
        Call::Listen(backlog) => format!("listen({fd}, {backlog})"),
        Call::Connect(addr) => format!("connect({fd}, {addr})"),
        Call::Accept => format!("accept({fd})"),
        Call::Send { len } => format!("send({fd}, {})", taken(*len)),
        Call::SendMsg { pieces } => {
            let lens: Vec<String> = pieces.iter().map(usize::to_string).collect();
            let shown = bytes.map(|b| format!("{}, ", preview(b, 20, glyphs.ascii))).unwrap_or_default();
            format!("sendmsg({fd}, {shown}{})", lens.join("+"))
        }
        Call::SendTo { len, to } => format!("sendto({fd}, {}, {to})", taken(*len)),
        Call::Recv { size } => format!("recv({fd}, {size})"),
        Call::RecvFrom { size } => format!("recvfrom({fd}, {size})"),
        Call::Shutdown(how) => {
            let how = match how {
                How::Read => "SHUT_RD",
                How::Write => "SHUT_WR",
                How::Both => "SHUT_RDWR",
            };
            format!("shutdown({fd}, {how})")
        }
        Call::Close => format!("close({fd})"),
    }
}

/// The call's page in the manual.
pub(super) const fn page(call: &Call) -> Cite {
    Cite::man(match call {
        Call::Socket(_) => "socket(2)",
        Call::SetOption(_) => "setsockopt(2)",
        Call::Bind(_) => "bind(2)",
        Call::Listen(_) => "listen(2)",
        Call::Connect(_) => "connect(2)",
        Call::Accept => "accept(2)",
        Call::Send { .. } | Call::SendMsg { .. } | Call::SendTo { .. } => "send(2)",
        Call::Recv { .. } | Call::RecvFrom { .. } => "recv(2)",
        Call::Shutdown(_) => "shutdown(2)",
        Call::Close => "close(2)",
    })
}

pub(super) fn called(draft: &mut Draft<'_>, fd: Option<i32>, call: &Call) -> String {
    let bytes = draft.event.bytes.as_ref().map(|l| &l.bytes[..]);
    format!("{} {} not back yet", invocation(fd, call, bytes, draft.glyphs), draft.glyphs.ellipsis)
}

/// The calls that nothing ended: how long each has waited, and whether anything ever came to its socket.
pub(super) fn waiting(draft: &Draft<'_>, calls: &[Waiting]) -> String {
    let told = calls.iter().map(|Waiting { fd, call, since, closed }| {
        let waits = matches!(call, Call::Accept | Call::Recv { .. } | Call::RecvFrom { .. });
        let heard = draft.side().is_none_or(|side| draft.memory.socket(side, *fd).heard);
        let never = if waits && !heard { ", and nothing ever came" } else { "" };
        let waited = span(closed.unwrap_or(draft.event.at).since(*since));
        // It is told at the end, which is later.
        let ended = if closed.is_some() { "when close() ended that" } else { "at the end" };
        let call = invocation(*fd, call, None, draft.glyphs);
        format!("{call} never came back: it had waited {waited} {ended}{never}")
    });
    told.collect::<Vec<_>>().join("; ")
}

pub(super) fn returned(
    draft: &mut Draft<'_>,
    fd: Option<i32>,
    call: &Call,
    result: &Result<Returned, Errno>,
    took: Duration,
) -> String {
    let bytes = draft.event.bytes.as_ref().map(|l| &l.bytes[..]);
    let gives = matches!(call, Call::Recv { .. } | Call::RecvFrom { .. });
    let mut head = invocation(fd, call, bytes.filter(|_| !gives), draft.glyphs);
    match result {
        Ok(Returned::Done) => head.push_str(" = 0"),
        Ok(Returned::Descriptor(n)) => head.push_str(&format!(" = {n}")),
        Ok(Returned::Local(addr)) => head.push_str(&format!(" = 0, local {addr}")),
        Ok(Returned::Accepted { fd, peer }) => head.push_str(&format!(" = {fd}, peer {peer}")),
        Ok(Returned::Octets(n)) => head.push_str(&format!(" = {n}")),
        Ok(Returned::Datagram { len, from, .. }) => head.push_str(&format!(" = {len} from {from}")),
        Err(errno) => head.push_str(&format!(" = -1 {}", errno.name)),
    }
    if gives && let Some(b) = bytes.filter(|b| !b.is_empty()) {
        head.push(' ');
        head.push_str(&preview(b, 30, draft.glyphs.ascii));
    }
    if took >= WAITED {
        head.push_str(&format!(" after {}", span(took)));
    }
    let mut socket = draft.side().map(|s| draft.memory.socket(s, fd)).unwrap_or_default();
    if let Ok(Returned::Local(own)) = result {
        // What this call tells is known of it too: of several connections' frames, which are its own.
        socket.local = Some(*own);
    }
    let facts = Facts { side: draft.side(), socket, began: draft.event.at - took, now: draft.event.at };
    match result {
        Ok(returned) => succeeded(draft, &facts, call, returned),
        Err(errno) => failed(draft, &facts, call, *errno),
    }
    if draft.event.evidence == Evidence::Inferred {
        draft.meaning(None, "inferred: nobody observed this");
    }
    head
}

/// What a returned call is explained with.
pub(super) struct Facts {
    pub(super) side: Option<Side>,
    pub(super) socket: Socket,
    pub(super) began: Time,
    pub(super) now: Time,
}

impl Facts {
    /// The first such frame that arrived since then, where it is known to be of this connection.
    pub(super) fn reached(
        &self,
        draft: &Draft<'_>,
        since: Time,
        which: impl Fn(Landmark) -> bool,
    ) -> Option<FrameId> {
        match self.each_reached(draft, since, which).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The first of every connection that may be this one.
    pub(super) fn each_reached(
        &self,
        draft: &Draft<'_>,
        since: Time,
        which: impl Fn(Landmark) -> bool,
    ) -> Vec<FrameId> {
        let between = (since, self.now);
        self.side.map(|s| draft.memory.first_reached(s, self.socket, between, which)).unwrap_or_default()
    }

    /// The last ICMP error of the kind that came for it.
    pub(super) fn icmp(&self, draft: &Draft<'_>, which: impl Fn(IcmpKind) -> bool) -> Option<FrameId> {
        let which = |m| matches!(m, Landmark::Unreachable(kind) if which(kind));
        let between = (Time::ZERO, self.now);
        draft.memory.last_reached(self.side?, self.socket, between, which).map(|(id, _)| id)
    }

    pub(super) fn sent(&self, draft: &Draft<'_>, since: Time, what: Landmark) -> Vec<(u16, FrameId)> {
        self.side.map(|s| draft.memory.sent(s, self.socket, since, what)).unwrap_or_default()
    }

    pub(super) fn udp(&self) -> bool {
        self.socket.kind == Some(SocketKind::Datagram)
    }
}

fn succeeded(draft: &mut Draft<'_>, facts: &Facts, call: &Call, returned: &Returned) {
    match (call, returned) {
        (Call::Socket(_), _) => {
            draft.once(
                "socket",
                NoteKind::Kernel,
                None,
                "an endpoint without an address yet: no frame is sent",
            );
        }
        (Call::SetOption(option), _) => {
            if let Some((text, cite)) = option_meaning(option) {
                draft.note(NoteKind::Kernel, Evidence::Syscall, Some(cite), text);
            }
        }
        (Call::Bind(asked), Returned::Local(got)) if asked.port() == 0 && got.port() != 0 => {
            draft.meaning(None, format!("port 0 means any: your kernel chose {}", got.port()));
        }
        (Call::Bind(_), _) => {
            draft.once(
                "bind",
                NoteKind::Kernel,
                None,
                "an address for the endpoint, kept in your kernel: no frame is sent",
            );
        }
        (Call::Listen(_), _) => draft.once(
            "listen",
            NoteKind::Kernel,
            Some(Cite::man("listen(2)")),
            "your kernel now answers SYNs by itself, before any accept()",
        ),
        (Call::Connect(_), _) if facts.udp() => draft
            .meaning(Some(Cite::man("udp(7)")), "on UDP connect() sends nothing; your kernel notes the peer"),
        (Call::Connect(_), _) => connected(draft, facts),
        (Call::Accept, _) => draft.once(
            "accept",
            NoteKind::Kernel,
            Some(Cite::man("accept(2)")),
            "accept() takes a finished connection; it makes none",
        ),
        (Call::Send { len }, Returned::Octets(n)) => sent(draft, facts.udp(), *len, *n),
        (Call::SendMsg { pieces }, Returned::Octets(n)) => {
            sent(draft, facts.udp(), Call::together(pieces), *n)
        }
        (Call::SendTo { len, .. }, Returned::Octets(n)) => sent(draft, true, *len, *n),
        (Call::Recv { size }, Returned::Octets(n)) if !facts.udp() => received(draft, facts, *size, *n),
        (_, Returned::Datagram { len, truncated_from: Some(whole), .. }) => draft.meaning(
            Some(Cite::man("recv(2)")),
            format!(
                "MSG_TRUNC: the datagram had {whole} octets, the buffer took {len}; the other {} are gone",
                whole.saturating_sub(*len)
            ),
        ),
        (Call::Recv { .. } | Call::RecvFrom { .. }, _) => draft.once(
            "recv udp",
            NoteKind::Meaning,
            Some(Cite::man("udp(7)")),
            "one recv, one whole datagram: UDP keeps the sender's edges",
        ),
        (Call::Shutdown(How::Write | How::Both), _) if !facts.udp() => draft.meaning(
            Some(Cite::rfc(9293, "3.6")),
            "your kernel sends FIN after what is queued; reading goes on",
        ),
        (Call::Close, _) if facts.socket.kind == Some(SocketKind::Stream) && facts.socket.peer.is_some() => {
            closed(draft, &facts.socket);
        }
        _ => {}
    }
}

fn closed(draft: &mut Draft<'_>, socket: &Socket) {
    let (key, cite, text) = if socket.broken {
        ("close broken", Cite::man("close(2)"), "the descriptor is gone; the connection was before")
    } else if socket.connected {
        let text = "the descriptor is gone; your kernel ends the connection";
        ("close", Cite::rfc(9293, "3.6"), text)
    } else {
        ("close none", Cite::man("close(2)"), "the descriptor is gone; there was no connection to end")
    };
    draft.once(key, NoteKind::Kernel, Some(cite), text);
}

fn connected(draft: &mut Draft<'_>, facts: &Facts) {
    let cite = Some(Cite::rfc(9293, "3.5"));
    match facts.reached(draft, facts.began, |m| m == Landmark::SynAck) {
        Some(synack) => {
            let syns = facts.sent(draft, facts.began, Landmark::Syn);
            let syns: Vec<FrameId> = syns.into_iter().map(|(_, syn)| syn).collect();
            let asked = syns.first().and_then(|syn| asked_first(draft, facts, *syn));
            let back = format!("SYN-ACK {synack} back");
            let text = match (syns.as_slice(), &asked) {
                ([], _) => format!("SYN-ACK {synack} has arrived"),
                ([syn], None) => format!("SYN {syn} out, {back}: one round trip"),
                ([syn], Some(Asked { words, round_trip: true })) => {
                    format!("{words} first: one round trip; then SYN {syn} out, {back}: another")
                }
                ([syn], Some(Asked { words, .. })) => {
                    format!("{words} first; then SYN {syn} out, {back}: one round trip")
                }
                (many, asked) => {
                    let first = asked.as_ref().map(|asked| format!("{} first; then ", asked.words));
                    let (first, times) = (first.unwrap_or_default(), many.len());
                    format!("{first}SYN went out {times} times ({}); SYN-ACK {synack} came back", list(many))
                }
            };
            draft.note(NoteKind::Meaning, Evidence::Frame, cite, text);
            if let (Some(_), [syn]) = (asked, syns.as_slice()) {
                rtt_with_wait(draft, facts, *syn, synack);
            }
        }
        None => draft.note(
            NoteKind::Meaning,
            Evidence::Inferred,
            cite,
            "inferred from connect() returning: the SYN-ACK has arrived",
        ),
    }
    draft.once(
        "connect",
        NoteKind::Kernel,
        None,
        "your kernel did the handshake; the program saw none of it",
    );
}

/// What asked for the next hop's MAC, and was answered, after the call was entered and before its SYN left.
struct Asked {
    words: String,
    /// Two frames are a round trip; where there are more, one of them was not answered in time.
    round_trip: bool,
}

fn asked_first(draft: &Draft<'_>, facts: &Facts, syn: FrameId) -> Option<Asked> {
    let (side, to, left) = (facts.side?, facts.socket.peer?.ip(), draft.memory.entered(syn)?);
    let routers = draft.ends.is_some_and(|ends| ends.routers);
    let waits = draft.memory.waits();
    let (arp, _) = waits.answered(draft.memory, side, (to, routers), (facts.began, left))?;
    let frames: Vec<FrameId> = arp.asked.iter().copied().chain([arp.answer]).collect();
    Some(Asked { words: format!("{} {}", question(to), list(&frames)), round_trip: frames.len() == 2 })
}

/// Linux measures the first round trip from the moment when connect() made the SYN, also where that waited for ARP.
fn rtt_with_wait(draft: &mut Draft<'_>, facts: &Facts, syn: FrameId, synack: FrameId) {
    let What::Returned { tcp_info: Some(info), .. } = &draft.event.what else { return };
    let Some((left, came)) = draft.memory.entered(syn).zip(draft.memory.arrived(synack)) else { return };
    let Some(peer) = facts.socket.peer else { return };
    let (rtt, crossed, asks) = (info.rtt, came.since(left), question(peer.ip()));
    if rtt >= crossed + WORTH_TELLING {
        let text = format!(
            "inferred: the kernel's srtt of {} has the wait for {asks} in it; from {syn}'s departure to {synack}'s \
             arrival it was {}",
            span(rtt),
            span(crossed)
        );
        draft.note(NoteKind::Kernel, Evidence::Inferred, None, text);
    }
}

fn sent(draft: &mut Draft<'_>, udp: bool, offered: usize, taken: usize) {
    if taken < offered {
        draft.meaning(
            Some(Cite::man("send(2)")),
            format!("your kernel took {taken} of {offered} octets: no more room in its send buffer"),
        );
    } else if udp {
        draft.once(
            "send udp",
            NoteKind::Kernel,
            None,
            "your kernel has the datagram; whether it arrives is open",
        );
    } else {
        draft.once(
            "send tcp",
            NoteKind::Kernel,
            None,
            "your kernel has the octets now; whether they arrive is open",
        );
    }
}

fn received(draft: &mut Draft<'_>, facts: &Facts, size: usize, n: usize) {
    if n == 0 && size > 0 {
        let cite = Some(Cite::rfc(9293, "3.6"));
        match facts.reached(draft, Time::ZERO, |m| m == Landmark::Fin) {
            Some(fin) => draft.note(
                NoteKind::Meaning,
                Evidence::Frame,
                cite,
                format!("end of stream: the peer's FIN was frame {fin}"),
            ),
            None => draft.note(
                NoteKind::Meaning,
                Evidence::Inferred,
                cite,
                "end of stream; inferred from recv() giving 0: the peer has sent FIN",
            ),
        }
    } else if n > 0 {
        draft.once(
            "recv tcp",
            NoteKind::Meaning,
            Some(Cite::rfc(9293, "2.2")),
            "octets in order; where send() cut them is not kept",
        );
    }
}

pub(super) fn list(frames: &[FrameId]) -> String {
    frames.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a socket option asks of the kernel, for the options that the labs use.
fn option_meaning(option: &SocketOption) -> Option<(&'static str, Cite)> {
    let off = option.value == "0";
    Some(match option.name {
        "TCP_NODELAY" if off => {
            ("Nagle's algorithm is on: small segments wait for an ACK", Cite::rfc(9293, "3.7.4"))
        }
        "TCP_NODELAY" => {
            ("Nagle's algorithm is off: small segments need not wait for an ACK", Cite::rfc(9293, "3.7.4"))
        }
        "SO_REUSEADDR" if off => return None,
        "SO_REUSEADDR" => (
            "bind() may take a port that TIME-WAIT still holds; never a live listener's (Linux)",
            Cite::man("socket(7)"),
        ),
        "SO_RCVBUF" => {
            ("the receive buffer; Linux doubles the number for its own bookkeeping", Cite::man("socket(7)"))
        }
        "SO_SNDBUF" => {
            ("the send buffer; Linux doubles the number for its own bookkeeping", Cite::man("socket(7)"))
        }
        "SO_LINGER" if option.value.replace(' ', "") == "{1,0}" => {
            ("close() will reset the connection instead of sending FIN", Cite::man("socket(7)"))
        }
        "SO_KEEPALIVE" if off => return None,
        "SO_KEEPALIVE" => ("your kernel will ask a silent peer whether it lives", Cite::rfc(9293, "3.8.4")),
        "TCP_CONGESTION" => ("which algorithm moves the congestion window", Cite::man("tcp(7)")),
        "IP_TTL" => ("how many routers a packet may pass", Cite::man("ip(7)")),
        "IPV6_UNICAST_HOPS" => ("how many routers a packet may pass", Cite::man("ipv6(7)")),
        _ => return None,
    })
}

/// The kernel's view of a connection in one line, times in milliseconds, windows in segments.
pub(in super::super) fn tcp_info(info: &TcpInfo) -> String {
    let mut line = format!("kernel: {}", info.state.name());
    match info.state {
        TcpState::Closed => return line,
        // Linux counts here what waits for accept() (tcp_get_info() in net/ipv4/tcp.c).
        TcpState::Listen => {
            line.push_str(&format!(", {} for accept()", count(info.unacked.into(), "connection")));
            return line;
        }
        _ => {}
    }
    if !info.rtt.is_zero() {
        // tcpi_rtt is srtt, the mean of RFC 6298 s2, in microseconds (tcp_get_info() in net/ipv4/tcp.c).
        line.push_str(&format!(", srtt {}", span(info.rtt)));
    }
    line.push_str(&format!(", rto {}, cwnd {}", span(info.rto), info.snd_cwnd));
    if let Some(ssthresh) = info.snd_ssthresh {
        line.push_str(&format!(", ssthresh {ssthresh}"));
    }
    line.push_str(&format!(", mss {}", info.snd_mss));
    if info.unacked > 0 {
        line.push_str(&format!(", unacked {}", info.unacked));
    }
    if info.total_retrans > 0 {
        line.push_str(&format!(", retransmitted {}", info.total_retrans));
    }
    if info.backoff > 0 {
        line.push_str(&format!(", backoff {}", info.backoff));
    }
    line
}
