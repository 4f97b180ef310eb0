//! Words and numbers that options take.

use crate::model::Protocol;
use clap::ValueEnum;
use std::net::IpAddr;
use std::time::Duration;

/// A side.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SideArg {
    /// The client
    Client,
    /// The server
    Server,
}

/// Which sockets carry SO_REUSEADDR.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReuseArg {
    /// Neither
    None,
    /// The old listener
    Old,
    /// The new socket
    New,
    /// Both
    Both,
}

/// Where an experiment runs.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetArg {
    /// The private network where this machine allows one, else loopback
    Auto,
    /// Two hosts of your own and a wire between them
    Private,
    /// This machine's loopback interface
    Loopback,
}

/// How private hosts are joined to the wire.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BackendArg {
    /// TAP where /dev/net/tun is open, else veth
    Auto,
    /// TAP devices
    Tap,
    /// veth pairs and AF_PACKET sockets
    Veth,
}

/// Whether the hosts leave segmentation and checksums to the wire.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OffloadArg {
    /// Where nobody hears of single frames and the wire keeps their order and distance
    Auto,
    /// Also where each frame is told or captured
    On,
    /// Never
    Off,
}

/// Where a capture is taken.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VantageArg {
    /// At the client's interface: what it sent (dropped frames too, so marked) and what reached it
    Client,
    /// At the server's interface
    Server,
    /// On the wire: every frame once
    Wire,
}

/// How much of a frame's bytes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BytesArg {
    /// Every header, and the first 256 octets of the payload
    Headers,
    /// Everything
    All,
}

/// Whether a run takes the whole screen.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ViewArg {
    /// Where there is a terminal
    Auto,
    /// Never: lines
    Never,
}

/// When TCP_INFO is shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TcpInfoArg {
    /// When something in it changed
    Changes,
    /// After every call
    All,
    /// Never
    Off,
}

/// A layer model.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ModelArg {
    /// OSI's seven layers
    Osi,
    /// The four of TCP/IP
    Tcpip,
    /// Both
    Both,
}

/// When to colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ColorArg {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--keepalive`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeepAlive {
    pub(crate) idle: Duration,
    pub(crate) interval: Duration,
    pub(crate) count: u32,
}

/// A time with its unit, as everywhere in layerlab: `20ms`, `1.5s`, `50us`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    crate::wire::parse_time(text).map_err(|error| error.to_string())
}

/// A time to wait: zero would mean for ever to the kernel (socket(7), SO_RCVTIMEO).
pub(crate) fn waiting_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("waiting needs some time: write 100ms, 5s, ...".to_owned()),
        time => Ok(time),
    }
}

pub(super) fn keepalive(text: &str) -> Result<KeepAlive, String> {
    let mut parts = text.split(',');
    let idle = duration(parts.next().unwrap_or_default())?;
    let interval = parts.next().map_or(Ok(idle), duration)?;
    let count = parts.next().map_or(Ok(3), |n| {
        n.parse()
            .ok()
            .filter(|n| (1..=127).contains(n))
            .ok_or_else(|| format!("'{n}' is not a number of probes from 1 to 127"))
    })?;
    if parts.next().is_some() {
        return Err("at most three parts: idle time, interval, number of probes".to_owned());
    }
    for time in [idle, interval] {
        if time.as_secs() == 0 || time.subsec_nanos() != 0 {
            return Err("the kernel counts keepalive times in whole seconds: write 1s, 2s, ...".to_owned());
        }
    }
    Ok(KeepAlive { idle, interval, count })
}

pub(crate) fn sysctl(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("net.") => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => {
            Err(format!("'{name}' is not a setting of a network namespace: they begin with net."))
        }
        None => Err("write NAME=VALUE, such as net.ipv4.tcp_sack=0".to_owned()),
    }
}

/// Where a listener listens: an address and a port; a bare port means this machine only.
pub(crate) fn listen_address(text: &str) -> Result<std::net::SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((std::net::Ipv4Addr::LOCALHOST, port).into());
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    match text.rsplit_once(':') {
        Some(("localhost", port)) => {
            port.parse().ok().map(|port: u16| (std::net::Ipv4Addr::LOCALHOST, port).into())
        }
        Some(("*", port)) => {
            port.parse().ok().map(|port: u16| (std::net::Ipv4Addr::UNSPECIFIED, port).into())
        }
        _ => text.parse::<IpAddr>().ok().map(|ip| (ip, 7000).into()),
    }
    .ok_or_else(|| {
        format!("'{text}' is no address to listen on: write 127.0.0.1:7000, [::1]:7000 or a bare port")
    })
}

/// What `dissect --only` lets through, under Wireshark's names.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnlyArg {
    Websocket,
    Queue,
    Http,
    Tcp,
    Udp,
    Icmp,
    Ip,
    Ipv6,
    Arp,
    Eth,
    Wire,
}

impl OnlyArg {
    /// Whether it lets this protocol through.
    pub(crate) const fn is(self, protocol: Protocol) -> bool {
        match self {
            OnlyArg::Websocket => matches!(protocol, Protocol::WebSocket),
            OnlyArg::Queue => matches!(protocol, Protocol::Queue | Protocol::Framing),
            OnlyArg::Http => matches!(protocol, Protocol::Http),
            OnlyArg::Tcp => matches!(protocol, Protocol::Tcp),
            OnlyArg::Udp => matches!(protocol, Protocol::Udp),
            OnlyArg::Icmp => matches!(protocol, Protocol::Icmp | Protocol::Icmpv6),
            OnlyArg::Ip => matches!(protocol, Protocol::Ipv4),
            OnlyArg::Ipv6 => matches!(protocol, Protocol::Ipv6),
            OnlyArg::Arp => matches!(protocol, Protocol::Arp),
            OnlyArg::Eth => matches!(protocol, Protocol::Ethernet),
            OnlyArg::Wire => matches!(protocol, Protocol::Wire),
        }
    }
}
