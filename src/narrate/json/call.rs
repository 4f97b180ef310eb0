//! The keys of a system call.

use super::{Any, Object, json, nanos, put, put_some};
use crate::model::{Call, Errno, How, Returned, SocketKind, TcpInfo, Time, Waiting};

pub(super) fn fields(o: &mut Object, fd: Option<i32>, call: &Call) {
    put(o, "call", call.name());
    put_some(o, "fd", fd);
    match call {
        Call::Socket(kind) => put(
            o,
            "socket",
            match kind {
                SocketKind::Stream => "stream",
                SocketKind::Datagram => "datagram",
            },
        ),
        Call::SetOption(option) => {
            put(o, "option", option.name);
            put(o, "value", option.value.as_str());
        }
        Call::Bind(addr) | Call::Connect(addr) => put(o, "address", addr.to_string()),
        Call::Listen(backlog) => put(o, "backlog", *backlog),
        Call::Send { len } => put(o, "offered", *len),
        Call::SendMsg { pieces } => {
            put(o, "offered", Call::together(pieces));
            put(o, "pieces", pieces.clone());
        }
        Call::SendTo { len, to } => {
            put(o, "offered", *len);
            put(o, "address", to.to_string());
        }
        Call::Recv { size } | Call::RecvFrom { size } => put(o, "room", *size),
        Call::Shutdown(how) => put(
            o,
            "how",
            match how {
                How::Read => "read",
                How::Write => "write",
                How::Both => "both",
            },
        ),
        Call::Accept | Call::Close => {}
    }
}

pub(super) fn waiting(call: &Waiting) -> Any {
    let mut o = Object::new();
    put(&mut o, "call", call.call.name());
    put_some(&mut o, "fd", call.fd);
    put(&mut o, "since_ns", call.since.as_nanos());
    put_some(&mut o, "closed_ns", call.closed.map(Time::as_nanos));
    Any::Object(o)
}

pub(super) fn result(o: &mut Object, result: &Result<Returned, Errno>) {
    put(o, "ok", result.is_ok());
    match result {
        Ok(Returned::Done) => {}
        Ok(Returned::Descriptor(fd)) => put(o, "new_fd", *fd),
        Ok(Returned::Local(addr)) => put(o, "local", addr.to_string()),
        Ok(Returned::Accepted { fd, peer }) => {
            put(o, "new_fd", *fd);
            put(o, "peer", peer.to_string());
        }
        Ok(Returned::Octets(n)) => put(o, "octets", *n),
        Ok(Returned::Datagram { len, from, truncated_from }) => {
            put(o, "octets", *len);
            put(o, "peer", from.to_string());
            put_some(o, "truncated_from", *truncated_from);
        }
        Err(errno) => {
            put(o, "errno", errno.name);
            put(o, "errno_code", errno.code);
        }
    }
}

pub(super) fn info(info: &TcpInfo) -> Any {
    json!({
        "state": info.state.name(),
        "rtt_ns": nanos(info.rtt),
        "rttvar_ns": nanos(info.rttvar),
        "rto_ns": nanos(info.rto),
        "snd_cwnd": info.snd_cwnd,
        "snd_ssthresh": info.snd_ssthresh,
        "snd_mss": info.snd_mss,
        "pmtu": info.pmtu,
        "unacked": info.unacked,
        "backoff": info.backoff,
        "total_retrans": info.total_retrans,
    })
}
