//! What an error number means, and where it was decided.

use crate::model::{Call, Cite, SocketKind, SocketOption};

/// Why a system call failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reason {
    /// What it means, in a few words.
    pub meaning: &'static str,
    /// The layer at which it was decided, in words.
    pub decided: &'static str,
    /// Where the rule stands.
    pub cite: Cite,
}

const fn why(meaning: &'static str, decided: &'static str, cite: Cite) -> Option<Reason> {
    Some(Reason { meaning, decided, cite })
}

/// The reason behind an error number by its symbolic name, for a socket of this kind (`None`:
/// unknown) and the call that gave it. `None` for a name that layerlab has no words for.
pub fn reason(name: &str, kind: Option<SocketKind>, call: &Call) -> Option<Reason> {
    let udp = kind == Some(SocketKind::Datagram);
    let congestion = matches!(call, Call::SetOption(SocketOption { name: "TCP_CONGESTION", .. }));
    match name {
        "ENOENT" if congestion => why(
            "no congestion control of that name is here; `layerlab doctor` lists those that are",
            "API: your kernel",
            Cite::man("tcp(7)"),
        ),
        "EPERM" if congestion => why(
            "that one needs privilege: net.ipv4.tcp_allowed_congestion_control lists those for everybody",
            "API: your kernel",
            Cite::man("tcp(7)"),
        ),
        "ECONNREFUSED" if udp => why(
            "a datagram sent before found no socket at that port",
            "L3: an ICMP port-unreachable message of the far kernel",
            Cite::rfc(1122, "4.1.3.3"),
        ),
        "ECONNREFUSED" => why(
            "the host is there, but no socket listens on that port",
            "L4: the far TCP answers the SYN with RST",
            Cite::rfc(9293, "3.5.2"),
        ),
        "EHOSTUNREACH" => why(
            "no way to that host: nobody answered ARP (IPv6: neighbor discovery), or a router said so by ICMP",
            "L2/3: below TCP and UDP, which only pass it on",
            Cite::rfc(1122, "2.3.2.2"),
        ),
        "EHOSTDOWN" => why("the host does not answer", "L2/3", Cite::man("connect(2)")),
        "ENETUNREACH" => why(
            "this host has no route to that network",
            "L3: your kernel's routing table; no frame was sent",
            Cite::man("ip(7)"),
        ),
        "ENETDOWN" => why("the interface is down", "L2: your kernel; no frame was sent", Cite::man("ip(7)")),
        "ECONNRESET" => why(
            "the peer ended the connection with RST; what was not read yet is lost",
            "L4: the far TCP",
            Cite::rfc(9293, "3.5.3"),
        ),
        "EPIPE" => why(
            "this connection takes no more data: it was reset, or its sending side was shut",
            "API: your kernel; no frame was sent",
            Cite::man("send(2)"),
        ),
        "ECONNABORTED" => why(
            "the connection was gone before accept() could give it",
            "API: your kernel",
            Cite::man("accept(2)"),
        ),
        "EADDRINUSE" => why(
            "another socket holds that address and port, or TIME-WAIT still does",
            "API: your kernel; no frame was sent",
            Cite::man("bind(2)"),
        ),
        "EADDRNOTAVAIL" if matches!(call, Call::Connect(_)) => {
            why("no free local port is left", "API: your kernel; no frame was sent", Cite::man("connect(2)"))
        }
        "EADDRNOTAVAIL" => why(
            "that address is not one of this host's",
            "L3: your kernel's own addresses",
            Cite::man("bind(2)"),
        ),
        "EMSGSIZE" => why(
            "too large for one datagram on this path (IPv4: at most 65,507 octets of payload)",
            "L3/4: your kernel; no frame was sent",
            Cite::man("udp(7)"),
        ),
        "ETIMEDOUT" => why(
            "no answer came, and your kernel stopped repeating itself",
            "L4: your kernel's TCP; the far side decided nothing",
            Cite::rfc(9293, "3.8.3"),
        ),
        "EAGAIN" | "EWOULDBLOCK" => why(
            match call {
                Call::Accept => "no connection was ready for it in the time that it may wait",
                Call::Send { .. } | Call::SendMsg { .. } | Call::SendTo { .. } => {
                    "no room in the send buffer in the time that it may wait (SO_SNDTIMEO)"
                }
                _ => "nothing came in the time that it may wait (SO_RCVTIMEO)",
            },
            "API: your kernel, when that time was over",
            Cite::man("socket(7)"),
        ),
        "EINPROGRESS" => why(
            "the connection is still being made; the waiting time set on the socket is over",
            "API: your kernel",
            Cite::man("connect(2)"),
        ),
        "EALREADY" => {
            why("an earlier connect() is still at work", "API: your kernel", Cite::man("connect(2)"))
        }
        "EISCONN" => why("the socket is connected already", "API: your kernel", Cite::man("connect(2)")),
        "ENOTCONN" => why("the socket is not connected", "API: your kernel", Cite::man("recv(2)")),
        "EDESTADDRREQ" => why(
            "no destination was given, and the socket has no peer",
            "API: your kernel",
            Cite::man("send(2)"),
        ),
        "EINTR" => why("a signal came first", "API: your kernel", Cite::man("signal(7)")),
        "EINVAL" => {
            why("an argument does not fit this call or this state", "API: your kernel", Cite::man("errno(3)"))
        }
        "EBADF" => why("that descriptor is not open", "API: your kernel", Cite::man("errno(3)")),
        "ENOTSOCK" => why("that descriptor is no socket", "API: your kernel", Cite::man("errno(3)")),
        "EACCES" => why(
            "not permitted: a port below the unprivileged ones, or a broadcast without SO_BROADCAST",
            "API: your kernel; no frame was sent",
            Cite::man("ip(7)"),
        ),
        "EPERM" => why(
            "not permitted: a privilege is missing, or a firewall rule forbids it",
            "API: your kernel",
            Cite::man("errno(3)"),
        ),
        "ENOBUFS" | "ENOMEM" => {
            why("your kernel has no memory left for it", "API: your kernel", Cite::man("send(2)"))
        }
        "EMFILE" => {
            why("this process has too many descriptors open", "API: your kernel", Cite::man("errno(3)"))
        }
        "ENFILE" => why("the system has too many files open", "API: your kernel", Cite::man("errno(3)")),
        "ENOENT" if matches!(call, Call::SetOption(o) if o.name == "TCP_CONGESTION") => why(
            "this kernel has no congestion control of that name; `layerlab doctor` lists its own",
            "API: your kernel; no frame was sent",
            Cite::man("tcp(7)"),
        ),
        "ENOPROTOOPT" => {
            why("this protocol does not know that option", "API: your kernel", Cite::man("setsockopt(2)"))
        }
        "EPROTONOSUPPORT" | "EAFNOSUPPORT" => {
            why("this kernel does not do that protocol", "API: your kernel", Cite::man("socket(2)"))
        }
        "EOPNOTSUPP" => why("this kind of socket cannot do that", "API: your kernel", Cite::man("errno(3)")),
        "EPROTO" => why("a protocol error", "API: your kernel", Cite::man("errno(3)")),
        _ => None,
    }
}
