//! The ends of the wire: a port a host, through which its frames are taken and given.

use super::ring::Ring;
use super::sys;
use super::topology::INTERFACE;
use super::vnet;
use crate::model::Offload;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SendFlags, SocketFlags, SocketType, socket_with};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// Frames that wait in a port for the wire to read them; one more is lost, and no ledger tells of
/// it. As many MTU-sized ones as TCP's largest default window holds (6 MiB, `tcp_rmem`).
pub(super) const QUEUE: u32 = 4300;

/// The longest superframe: an IP packet of as many octets as its length field counts.
const SUPERFRAME_MAX: usize = 65_535 + 14;

/// The wire's access to one host's interface: what the host sends is read here, what is written
/// here the host receives. Whole Ethernet frames without FCS, one a call, never blocking.
///
/// Frames read carry correct checksums and are no longer than the interface's MTU and an Ethernet
/// header: nothing is left to hardware that isn't there. Unless it was asked for
/// ([`Topology::offload`](super::Topology::offload)): then [`Port::offload`] says what was left.
#[derive(Debug)]
pub struct Port {
    end: End,
    frame_max: usize,
    offload: Offload,
}

#[derive(Debug)]
enum End {
    /// The descriptor of a TAP interface (tuntap.rst), whether a virtio-net header stands before each
    /// frame, and the host's table of its interfaces.
    Tap { tun: OwnedFd, header: bool, devices: File },
    /// Two packet sockets on a veth pair (packet(7)): one in the host hears what its interface sends,
    /// one on the wire's end gives it frames. And what the first has missed so far.
    ///
    /// Why not the wire's end alone: what crosses a veth pair waits in the queue of the CPU that sent
    /// it. A connection sends from several CPUs, by its program and by the acknowledgements that
    /// arrive, so its segments would come out of order, and TCP would resend what nobody dropped.
    /// Where the interface sends them they still are in order.
    Packet { tap: OwnedFd, ring: Ring, give: OwnedFd, missed: u64 },
}

impl Port {
    pub(super) fn tap(tun: File, header: bool, devices: File, frame_max: usize) -> Port {
        let frame_max = if header { frame_max.max(SUPERFRAME_MAX) } else { frame_max };
        Port { end: End::Tap { tun: tun.into(), header, devices }, frame_max, offload: Offload::NONE }
    }

    pub(super) fn packet((tap, ring): (OwnedFd, Ring), give: OwnedFd, frame_max: usize) -> Port {
        let end = End::Packet { tap, ring, give, missed: 0 };
        Port { end, frame_max, offload: Offload::NONE }
    }

    /// The longest frame that the host can send, in octets: the least size of a buffer for
    /// [`recv`](Port::recv).
    pub const fn frame_max(&self) -> usize {
        self.frame_max
    }

    /// Takes the next frame that the host sent: its length in `buffer`, or `None` when there is
    /// none now and the descriptor is not readable.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the buffer is shorter than [`frame_max`](Port::frame_max); otherwise the
    /// kernel's, such as ENETDOWN after the interface has gone.
    pub fn recv(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if buffer.len() < self.frame_max {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        match &mut self.end {
            End::Tap { tun, header, .. } => {
                let mut before = [0; vnet::LEN];
                let taken = if *header {
                    rustix::io::readv(tun, &mut [IoSliceMut::new(&mut before), IoSliceMut::new(buffer)])
                } else {
                    rustix::io::read(tun, &mut *buffer)
                };
                match taken {
                    Ok(n) if *header => {
                        self.offload = vnet::decode(&before);
                        Ok(Some(n.checked_sub(vnet::LEN).ok_or(io::ErrorKind::InvalidData)?))
                    }
                    Ok(n) => Ok(Some(n)),
                    Err(Errno::AGAIN | Errno::INTR) => Ok(None),
                    Err(e) => Err(e.into()),
                }
            }
            End::Packet { ring, .. } => Ok(ring.take(buffer)),
        }
    }

    /// What the host left undone on the frame taken last: nothing, unless offloads were asked for.
    pub const fn offload(&self) -> Offload {
        self.offload
    }

    /// Whether the host may leave work undone at all.
    pub const fn offloads(&self) -> bool {
        matches!(self.end, End::Tap { header: true, .. })
    }

    /// From the next frame on the host leaves work undone, or no longer. Where [`Port::offloads`] is false
    /// this does nothing.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_offload(&mut self, on: bool) -> io::Result<()> {
        match &self.end {
            End::Tap { tun, header: true, .. } => set_offload(tun.as_fd(), on),
            _ => Ok(()),
        }
    }

    /// When the kernel saw the frame taken last, by its wall clock, in nanoseconds since the Unix epoch; `None`
    /// where it does not say (TAP).
    pub const fn stamp_unix_ns(&self) -> Option<u64> {
        match &self.end {
            End::Tap { .. } => None,
            End::Packet { ring, .. } => Some(ring.stamp),
        }
    }

    /// Gives the host a frame. `false` when the kernel has no room for it now: try again later.
    ///
    /// # Errors
    ///
    /// The kernel's, such as EMSGSIZE for a frame that no interface of this MTU can send.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<bool> {
        self.send_offloaded(frame, Offload::NONE)
    }

    /// Gives the host a frame on which work was left undone; otherwise as [`send`](Port::send). Only where
    /// [`Port::offloads`] says so.
    ///
    /// # Errors
    ///
    /// The kernel's, such as EINVAL where frame and `offload` do not hold together.
    pub fn send_offloaded(&mut self, frame: &[u8], offload: Offload) -> io::Result<bool> {
        let given = match &self.end {
            End::Tap { tun, header: true, .. } => {
                rustix::io::writev(tun, &[IoSlice::new(&vnet::encode(offload)), IoSlice::new(frame)])
            }
            End::Tap { .. } | End::Packet { .. } if !offload.is_none() => {
                return Err(io::ErrorKind::Unsupported.into());
            }
            End::Tap { tun, .. } => rustix::io::write(tun, frame),
            End::Packet { give, .. } => rustix::net::send(give, frame, SendFlags::DONTWAIT),
        };
        match given {
            Ok(_) => Ok(true),
            // ENOBUFS: the far end's backlog is full (net.core.netdev_max_backlog).
            Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Frames that the host sent and that are lost, because nobody read the port in time and it was
    /// full. While this is 0 the wire has seen every frame.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn missed(&mut self) -> io::Result<u64> {
        match &mut self.end {
            End::Tap { devices, .. } => {
                devices.rewind()?;
                let mut table = String::new();
                devices.read_to_string(&mut table)?;
                Ok(transmit_drops(&table, INTERFACE))
            }
            End::Packet { tap, missed, .. } => {
                *missed += u64::from(sys::packet_drops(tap.as_fd())?);
                Ok(*missed)
            }
        }
    }
}

/// The count of frames dropped on the way out, from `/proc/net/dev`: eight columns for what is
/// received, then octets, packets, errors, drops (proc_pid_net(5)).
fn transmit_drops(table: &str, interface: &str) -> u64 {
    let find = |line: &str| {
        let (name, columns) = line.split_once(':')?;
        (name.trim() == interface).then(|| columns.split_whitespace().nth(11)?.parse().ok())?
    };
    table.lines().find_map(find).unwrap_or(0)
}

/// The calling thread's table of interfaces; read later, it still tells of this namespace.
pub(super) fn devices() -> io::Result<File> {
    File::open("/proc/thread-self/net/dev")
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.end {
            End::Tap { tun: fd, .. } | End::Packet { tap: fd, .. } => fd.as_fd(),
        }
    }
}

impl AsRawFd for Port {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// Opens the TUN/TAP device, for an interface of the calling thread's network namespace.
pub(super) fn open_tun() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")
}

/// Makes the open device a TAP interface, which lives until it is closed. `flags` beyond
/// `IFF_TAP | IFF_NO_PI` change what is read and written: `IFF_VNET_HDR` puts a header before each frame.
pub(super) fn create_tap(tun: &File, interface: &str, flags: i32) -> io::Result<()> {
    sys::set_tun_interface(tun.as_fd(), interface, libc::IFF_TAP | libc::IFF_NO_PI | flags)
}

/// Lets a TAP with a header before each frame leave checksums and segmentation to the wire, or nothing.
/// Without `TUN_F_TSO_ECN`: what carries CWR comes cut.
pub(super) fn set_offload(tun: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    const TCP: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    const UDP: u32 = libc::TUN_F_USO4 | libc::TUN_F_USO6;
    if !on {
        return sys::set_tun_offload(tun, 0);
    }
    // UDP's came with Linux 6.2; a kernel before that refuses all of them together.
    sys::set_tun_offload(tun, TCP | UDP).or_else(|_| sys::set_tun_offload(tun, TCP))
}

/// Opens a packet socket in the host that hears what its interface sends, and nothing else.
pub(super) fn open_tap_socket(index: u32, frame_max: usize) -> io::Result<(OwnedFd, Ring)> {
    let socket = packet_socket()?;
    sys::hear_outgoing_only(socket.as_fd())?;
    let ring = Ring::new(socket.as_fd(), frame_max, QUEUE as usize)?;
    sys::bind_packet(socket.as_fd(), index, libc::ETH_P_ALL)?;
    Ok((socket, ring))
}

/// Opens a packet socket on the wire's end that only sends.
pub(super) fn open_give_socket(index: u32) -> io::Result<OwnedFd> {
    let socket = packet_socket()?;
    // Protocol 0: it hears nothing.
    sys::bind_packet(socket.as_fd(), index, 0)?;
    Ok(socket)
}

/// Hears what is sent on the loopback interface of the calling thread's namespace. Needs CAP_NET_RAW there,
/// as [`enter`](super::enter) gives it. Frames have the interface's own MTU and offloads: up to 64 KiB, and
/// checksums that nobody filled in.
///
/// # Errors
/// Those of the packet socket and its ring.
pub fn hear_loopback() -> io::Result<Port> {
    // The MTU of loopback, and a header in front.
    const FRAME_MAX: usize = 65_536 + 14;
    // Loopback is the first interface of every namespace.
    Ok(Port::packet(open_tap_socket(1, FRAME_MAX)?, open_give_socket(1)?, FRAME_MAX))
}

fn packet_socket() -> io::Result<OwnedFd> {
    // Protocol 0 hears nothing until it is bound: no frame of another interface slips in.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None::<Protocol>)?)
}

/// Any socket of the calling thread's network namespace, to ask about its interfaces.
pub(super) fn any_socket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_on_the_way_out_are_found_by_name_and_column() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop\n    \
                     lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  \
                     eth0:21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36\n";
        assert_eq!(transmit_drops(table, "eth0"), 32);
        assert_eq!(transmit_drops(table, "lo"), 12);
        assert_eq!(transmit_drops(table, "eth1"), 0);
        assert_eq!(transmit_drops("eth0: 1 2", "eth0"), 0);
    }
}
