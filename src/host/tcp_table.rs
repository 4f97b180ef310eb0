//! The kernel's tables of TCP and UDP sockets, as `/proc/net/tcp` and `/proc/net/udp` show them to a thread
//! of a namespace.

use crate::model::{Listener, Protocol, TcpSocket, TcpState};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The TCP sockets of the calling thread's network namespace.
///
/// # Errors
/// Those of reading the two files.
pub fn tcp_sockets() -> io::Result<Vec<TcpSocket>> {
    // /proc/net is the process's own; a thread that moved has its namespace here (proc(5)).
    let mut all = parse(&fs::read_to_string("/proc/thread-self/net/tcp")?);
    // Absent where IPv6 is not built in.
    if let Ok(text) = fs::read_to_string("/proc/thread-self/net/tcp6") {
        all.extend(parse(&text));
    }
    Ok(all)
}

/// What waits to be spoken to in the calling thread's network namespace: TCP sockets that listen, and UDP
/// sockets that are bound and not connected; each once.
///
/// # Errors
/// Those of reading the tables.
pub fn listeners() -> io::Result<Vec<Listener>> {
    let tcp = tcp_sockets()?.into_iter().filter(|socket| socket.state == TcpState::Listen);
    // A UDP socket that is not connected has the number of TCP's closed state (udp(7), net/ipv4/udp.c).
    let mut udp = parse(&fs::read_to_string("/proc/thread-self/net/udp")?);
    if let Ok(text) = fs::read_to_string("/proc/thread-self/net/udp6") {
        udp.extend(parse(&text));
    }
    let udp = udp.into_iter().filter(|socket| socket.state == TcpState::Closed && socket.local.port() > 0);
    let mut all: Vec<Listener> = tcp
        .map(|socket| Listener { protocol: Protocol::Tcp, at: socket.local })
        .chain(udp.map(|socket| Listener { protocol: Protocol::Udp, at: socket.local }))
        .collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// Whether a connection in the calling thread's namespace is being opened or closed: the kernel will
/// still send or expects to be sent to. TIME-WAIT is not: nothing is missing there.
pub fn connections_closing() -> bool {
    use TcpState::{CloseWait, Closing, FinWait1, FinWait2, LastAck, SynReceived, SynSent};
    tcp_sockets().is_ok_and(|sockets| {
        sockets.iter().any(|socket| {
            matches!(
                socket.state,
                SynSent | SynReceived | FinWait1 | FinWait2 | CloseWait | Closing | LastAck
            )
        })
    })
}

fn parse(text: &str) -> Vec<TcpSocket> {
    text.lines().skip(1).filter_map(line).collect()
}

fn line(line: &str) -> Option<TcpSocket> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
    let state = state(u8::from_str_radix(words.next()?, 16).ok()?)?;
    Some(TcpSocket { local, remote, state })
}

/// `0100000A:0007`: 32-bit words of the address in the machine's own byte order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let mut octets = Vec::with_capacity(16);
    for word in ip.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        octets.extend(word.to_ne_bytes());
    }
    let ip = match octets.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// The numbers of the kernel's include/net/tcp_states.h.
fn state(number: u8) -> Option<TcpState> {
    Some(match number {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        // 12 is the kernel's NEW_SYN_RECV: a request that has no socket of its own yet.
        3 | 12 => TcpState::SynReceived,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        7 => TcpState::Closed,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_table_is_read() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                    0: 0100000A:0007 0200000A:C350 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0\n";
        let sockets = parse(text);
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets[0].local, "10.0.0.1:7".parse().unwrap());
        assert_eq!(sockets[0].remote, "10.0.0.2:50000".parse().unwrap());
        assert_eq!(sockets[0].state, TcpState::TimeWait);
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        assert!(parse("").is_empty());
        assert!(parse("head\nnonsense\n 0: 01:07 zz 06\n 1: 0100000A:7 :9 01").is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_listener_of_this_process_is_in_the_table() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let found = tcp_sockets().unwrap().into_iter().find(|socket| socket.local == here);
        assert_eq!(found.map(|socket| socket.state), Some(TcpState::Listen));
    }
}
