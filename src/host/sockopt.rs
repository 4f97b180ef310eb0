//! What sockets know and socket2 does not ask: TCP's own account of a connection, the path MTU, a
//! datagram's true length. Take a [`socket2::SockRef`] of any socket.
//!
//! Systems other than Linux answer most of it with `ErrorKind::Unsupported`.

use std::net::SocketAddr;

/// A received datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Octets that are now in the buffer.
    pub len: usize,
    /// Who sent it; `None` where the socket's kind does not tell.
    pub from: Option<SocketAddr>,
    /// Octets that the datagram had. More than `len` when the buffer was too small: the rest is gone.
    pub whole: usize,
}

/// What a sender does about the path MTU (`IP_MTU_DISCOVER`, ip(7)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PathMtu {
    /// `IP_PMTUDISC_DONT`: never sets DF.
    Dont,
    /// `IP_PMTUDISC_WANT`: sets DF for what fits the path MTU, fragments what does not.
    Want,
    /// `IP_PMTUDISC_DO`: always sets DF; what does not fit is EMSGSIZE.
    Do,
    /// `IP_PMTUDISC_PROBE`: sets DF and ignores the path MTU.
    Probe,
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Datagram, PathMtu};
    use crate::host::sys;
    use crate::model::{TcpInfo, TcpState};
    use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
    use rustix::net::{RecvFlags, recvfrom};
    use socket2::{Domain, Socket};
    use std::io;
    use std::net::SocketAddr;
    use std::os::fd::AsFd;
    use std::time::Duration;

    /// TCP's account of a connection (`TCP_INFO`, tcp(7)).
    ///
    /// # Errors
    ///
    /// The kernel's: ENOPROTOOPT for a socket that is not TCP.
    pub fn tcp_info(socket: &Socket) -> io::Result<TcpInfo> {
        let mut buffer = [0; 256];
        let len = sys::get_option(socket.as_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, &mut buffer)?;
        Ok(parse(&buffer[..len]))
    }

    /// Reads `struct tcp_info` (`linux/tcp.h`), which grows at its end from kernel to kernel: what an
    /// older one does not tell is zero.
    fn parse(info: &[u8]) -> TcpInfo {
        let octet = |at: usize| info.get(at).copied().unwrap_or(0);
        let word =
            |at: usize| info.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes);
        let micros = |at: usize| Duration::from_micros(word(at).into());
        TcpInfo {
            state: state(octet(0)),
            backoff: octet(4).into(),
            rto: micros(8),
            snd_mss: word(16),
            unacked: word(24),
            pmtu: word(60),
            rtt: micros(68),
            rttvar: micros(72),
            // TCP_INFINITE_SSTHRESH in net/tcp.h.
            snd_ssthresh: Some(word(76)).filter(|&s| s < 0x7fff_ffff),
            snd_cwnd: word(80),
            total_retrans: word(100),
        }
    }

    /// The kernel's numbers (`net/tcp_states.h`).
    const fn state(number: u8) -> TcpState {
        match number {
            1 => TcpState::Established,
            2 => TcpState::SynSent,
            3 | 12 => TcpState::SynReceived,
            4 => TcpState::FinWait1,
            5 => TcpState::FinWait2,
            6 => TcpState::TimeWait,
            8 => TcpState::CloseWait,
            9 => TcpState::LastAck,
            10 => TcpState::Listen,
            11 => TcpState::Closing,
            _ => TcpState::Closed,
        }
    }

    /// The connection's congestion control (`TCP_CONGESTION`, tcp(7)), such as `cubic`.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn congestion(socket: &Socket) -> io::Result<String> {
        Ok(sockopt::tcp_congestion(socket)?)
    }

    /// Names the connection's congestion control.
    ///
    /// # Errors
    ///
    /// ENOENT when the kernel has none of that name, EPERM when it is not for everybody.
    pub fn set_congestion(socket: &Socket, name: &str) -> io::Result<()> {
        Ok(sockopt::set_tcp_congestion(socket, name)?)
    }

    /// The path MTU that the kernel knows for a connected socket (`IP_MTU`, ip(7)), in octets of packet.
    ///
    /// # Errors
    ///
    /// ENOTCONN when it is not connected.
    pub fn path_mtu(socket: &Socket) -> io::Result<u32> {
        Ok(sockopt::ip_mtu(socket)?)
    }

    /// Sets what the sender does about the path MTU; an IPv6 socket has an option of its own for it (ipv6(7)).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_path_mtu_discovery(socket: &Socket, how: PathMtu) -> io::Result<()> {
        if socket.domain()? == Domain::IPV6 {
            let how = match how {
                PathMtu::Dont => Ipv6PathMtuDiscovery::DONT,
                PathMtu::Want => Ipv6PathMtuDiscovery::WANT,
                PathMtu::Do => Ipv6PathMtuDiscovery::DO,
                PathMtu::Probe => Ipv6PathMtuDiscovery::PROBE,
            };
            return Ok(sockopt::set_ipv6_mtu_discover(socket, how)?);
        }
        let how = match how {
            PathMtu::Dont => Ipv4PathMtuDiscovery::DONT,
            PathMtu::Want => Ipv4PathMtuDiscovery::WANT,
            PathMtu::Do => Ipv4PathMtuDiscovery::DO,
            PathMtu::Probe => Ipv4PathMtuDiscovery::PROBE,
        };
        Ok(sockopt::set_ip_mtu_discover(socket, how)?)
    }

    /// Receives a datagram, with the length that it really had (`MSG_TRUNC`).
    ///
    /// # Errors
    ///
    /// Those of `recvfrom()`.
    pub fn recv_datagram(socket: &Socket, buffer: &mut [u8]) -> io::Result<Datagram> {
        let room = buffer.len();
        let (_, whole, from) = recvfrom(socket, buffer, RecvFlags::TRUNC)?;
        Ok(Datagram { len: whole.min(room), from: from.and_then(|a| SocketAddr::try_from(a).ok()), whole })
    }

    /// Octets that wait in the socket to be received (`SIOCINQ`, tcp(7)).
    ///
    /// # Errors
    ///
    /// EINVAL for a listener.
    pub fn unread(socket: &Socket) -> io::Result<usize> {
        Ok(usize::try_from(rustix::io::ioctl_fionread(socket)?).unwrap_or(usize::MAX))
    }

    /// Octets that were sent and not yet acknowledged, or not even sent yet (`SIOCOUTQ`, tcp(7)).
    ///
    /// # Errors
    ///
    /// EINVAL for a listener.
    pub fn unacknowledged(socket: &Socket) -> io::Result<usize> {
        sys::unsent(socket.as_fd())
    }

    #[cfg(test)]
    mod tests {
        use super::super::*;
        use super::parse;
        use crate::model::TcpState;
        use proptest::prelude::*;
        use socket2::SockRef;
        use std::io;
        use std::io::{Read, Write};
        use std::net::{TcpListener, TcpStream, UdpSocket};
        use std::time::Duration;

        #[test]
        fn tells_of_a_connection_on_loopback() -> io::Result<()> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            assert_eq!(tcp_info(&SockRef::from(&listener))?.state, TcpState::Listen);
            let mut client = TcpStream::connect(listener.local_addr()?)?;
            let (mut server, _) = listener.accept()?;
            set_congestion(&SockRef::from(&client), "reno")?;
            assert_eq!(congestion(&SockRef::from(&client))?, "reno");
            client.write_all(b"hello")?;
            server.read_exact(&mut [0; 4])?;
            assert_eq!(unread(&SockRef::from(&server))?, 1);
            let info = tcp_info(&SockRef::from(&client))?;
            assert_eq!(info.state, TcpState::Established);
            assert!(info.snd_cwnd >= 1 && info.snd_mss > 500 && info.rto > Duration::ZERO);
            assert_eq!((info.total_retrans, info.snd_ssthresh), (0, None));
            assert_eq!(path_mtu(&SockRef::from(&client))?, info.pmtu);
            drop(server);
            Ok(())
        }

        #[test]
        fn a_datagram_longer_than_the_buffer_tells_its_length() -> io::Result<()> {
            let to = UdpSocket::bind("127.0.0.1:0")?;
            let from = UdpSocket::bind("127.0.0.1:0")?;
            set_path_mtu_discovery(&SockRef::from(&from), PathMtu::Do)?;
            from.send_to(b"0123456789", to.local_addr()?)?;
            let mut buffer = [0; 4];
            let got = recv_datagram(&SockRef::from(&to), &mut buffer)?;
            assert_eq!(got, Datagram { len: 4, from: Some(from.local_addr()?), whole: 10 });
            assert_eq!(&buffer, b"0123");
            assert!(tcp_info(&SockRef::from(&to)).is_err());
            Ok(())
        }

        proptest! {
            #[test]
            fn any_length_of_tcp_info_is_read(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
                let info = parse(&octets);
                prop_assert_eq!(octets.first() == Some(&1), info.state == TcpState::Established);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{Datagram, PathMtu};
    use crate::model::TcpInfo;
    use socket2::Socket;
    use std::io;
    use std::mem::MaybeUninit;

    fn no<T>() -> io::Result<T> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Linux alone tells.
    pub fn tcp_info(_: &Socket) -> io::Result<TcpInfo> {
        no()
    }

    /// Linux alone tells.
    pub fn congestion(_: &Socket) -> io::Result<String> {
        no()
    }

    /// Linux alone lets a socket choose.
    pub fn set_congestion(_: &Socket, _: &str) -> io::Result<()> {
        no()
    }

    /// Linux alone tells.
    pub fn path_mtu(_: &Socket) -> io::Result<u32> {
        no()
    }

    /// Linux alone lets a socket choose.
    pub fn set_path_mtu_discovery(_: &Socket, _: PathMtu) -> io::Result<()> {
        no()
    }

    /// Receives a datagram. Its true length is not told here: `whole` is `len`.
    ///
    /// # Errors
    ///
    /// Those of `recvfrom()`; on Windows WSAEMSGSIZE for a datagram longer than the buffer.
    pub fn recv_datagram(socket: &Socket, buffer: &mut [u8]) -> io::Result<Datagram> {
        // SAFETY: `u8` and `MaybeUninit<u8>` have one layout, and `recv_from` only writes octets
        // that the system gave.
        #[allow(unsafe_code)]
        let room = unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
        let (len, from) = socket.recv_from(room)?;
        Ok(Datagram { len, from: from.as_socket(), whole: len })
    }

    /// Linux alone tells.
    pub fn unread(_: &Socket) -> io::Result<usize> {
        no()
    }

    /// Linux alone tells.
    pub fn unacknowledged(_: &Socket) -> io::Result<usize> {
        no()
    }
}

#[cfg(not(target_os = "linux"))]
pub use elsewhere::*;
#[cfg(target_os = "linux")]
pub use linux::*;
