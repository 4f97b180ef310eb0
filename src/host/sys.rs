//! The `ioctl`s and socket options that no crate wraps.

// ioctl(2) and setsockopt(2) take untyped pointers; each call here pairs the request with the type
// that the kernel's header gives for it.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

/// `struct ifreq` (netdevice(7)) with the union's member that a request uses.
#[repr(C)]
struct IfReq<T> {
    name: [u8; libc::IFNAMSIZ],
    value: T,
    // The union's largest member has 24 octets; the kernel copies the whole of it.
    pad: [u8; 24],
}

impl<T> IfReq<T> {
    fn new(interface: &str, value: T) -> io::Result<IfReq<T>> {
        let mut name = [0; libc::IFNAMSIZ];
        // One octet stays zero.
        if interface.len() >= name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        name[..interface.len()].copy_from_slice(interface.as_bytes());
        Ok(IfReq { name, value, pad: [0; 24] })
    }
}

fn result(code: i32) -> io::Result<()> {
    if code == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes an open `/dev/net/tun` the given interface (tuntap.rst). `flags` are `IFF_*` of
/// `linux/if_tun.h`.
pub(super) fn set_tun_interface(tun: BorrowedFd<'_>, interface: &str, flags: i32) -> io::Result<()> {
    let flags = i16::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut request = IfReq::new(interface, flags)?;
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, and `request` is at least as large.
    result(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })
}

/// Tells a TAP interface made with `IFF_VNET_HDR` what it may leave to whoever reads it: `TUN_F_*` of
/// `linux/if_tun.h`.
pub(super) fn set_tun_offload(tun: BorrowedFd<'_>, features: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and touches no memory of ours.
    result(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(features)) })
}

/// ethtool's requests that turn one offload on or off (`linux/ethtool.h`), with ethtool's names.
/// Checksumming goes first: segmentation depends on it.
pub(super) const OFFLOADS: [(u32, &str); 6] = [
    (0x17, "tx-checksumming"),
    (0x15, "rx-checksumming"),
    (0x1f, "tcp-segmentation-offload"),
    (0x24, "generic-segmentation-offload"),
    (0x2c, "generic-receive-offload"),
    (0x19, "scatter-gather"),
];

/// `struct ethtool_value` (`linux/ethtool.h`).
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// One of ethtool's commands that take or give a number. `socket` is any socket of the interface's
/// namespace.
fn ethtool(socket: BorrowedFd<'_>, interface: &str, command: u32, data: u32) -> io::Result<u32> {
    const SIOCETHTOOL: u64 = 0x8946;
    let mut value = EthtoolValue { command, data };
    let mut request = IfReq::new(interface, &raw mut value)?;
    // SAFETY: SIOCETHTOOL reads one `struct ifreq`, whose `ifr_data` points to the command's own
    // structure: `ethtool_value` for each that the callers name. Both outlive the call.
    result(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) })?;
    Ok(value.data)
}

/// Turns an interface's offload off.
pub(super) fn offload_off(socket: BorrowedFd<'_>, interface: &str, command: u32) -> io::Result<()> {
    ethtool(socket, interface, command, 0).map(drop)
}

/// Whether the interface has carrier (`ETHTOOL_GLINK`). Asking makes the kernel take note of it at once.
pub(super) fn carrier(socket: BorrowedFd<'_>, interface: &str) -> io::Result<bool> {
    Ok(ethtool(socket, interface, 0x0a, 0)? != 0)
}

/// Octets that a socket has accepted and not yet sent, or for TCP not yet seen acknowledged
/// (`SIOCOUTQ`, tcp(7)).
pub(super) fn unsent(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut value: i32 = 0;
    // SAFETY: the request, which shares its number with TIOCOUTQ, writes one `int`.
    result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut value) })?;
    Ok(usize::try_from(value).unwrap_or(0))
}

/// `setsockopt()` of a plain structure or number.
///
/// # Safety
///
/// `T` must be the type that the option takes, without padding that is not initialised.
pub(super) unsafe fn set_option<T: Copy>(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    value: &T,
) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`.
    result(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, option, std::ptr::from_ref(value).cast::<c_void>(), len)
    })
}

/// `getsockopt()` into a buffer; gives how many octets the kernel wrote.
pub(super) fn get_option(
    fd: BorrowedFd<'_>,
    level: i32,
    option: i32,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut len = libc::socklen_t::try_from(buffer.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: pointer and length describe `buffer`; the kernel writes at most `len` octets.
    result(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, option, buffer.as_mut_ptr().cast::<c_void>(), &raw mut len)
    })?;
    Ok(usize::try_from(len).unwrap_or(0).min(buffer.len()))
}

/// Lets a packet socket hear only the frames that its interface sends: a filter of classic BPF on the
/// frame's packet type (packet(7), `linux/filter.h`).
pub(super) fn hear_outgoing_only(socket: BorrowedFd<'_>) -> io::Result<()> {
    const fn op(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt, jf, k }
    }
    let packet_type = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
    let mut program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, packet_type),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, u32::from(libc::PACKET_OUTGOING)),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: SO_ATTACH_FILTER takes a `struct sock_fprog`; the kernel copies the program at once.
    unsafe { set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter) }
}

/// Binds a packet socket to an interface (packet(7)). `protocol` is an `ETH_P_*`, 0 to hear nothing.
pub(super) fn bind_packet(socket: BorrowedFd<'_>, index: u32, protocol: i32) -> io::Result<()> {
    // SAFETY: `sockaddr_ll` is plain data; all zero is one of its values.
    let mut address: libc::sockaddr_ll = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (protocol as u16).to_be();
    address.sll_ifindex = i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: pointer and length describe `address`.
    result(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) })
}

/// Maps a descriptor's first `len` octets, shared with the kernel.
pub(super) fn map_shared(fd: BorrowedFd<'_>, len: usize) -> io::Result<NonNull<u8>> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping at an address that the kernel chooses touches nothing of ours.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(at.cast()).ok_or_else(|| io::Error::other("mapped at zero"))
}

/// Ends a mapping of [`map_shared`], to which there must be no references any more.
pub(super) fn unmap(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller owned the whole mapping and gives it up.
    unsafe { libc::munmap(at.as_ptr().cast(), len) };
}

/// Frames that a packet socket had no room for since it was last asked (`PACKET_STATISTICS`).
pub(super) fn packet_drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    // `struct tpacket_stats`: packets, then drops.
    let mut stats = [0; 8];
    get_option(socket, libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut stats)?;
    let [_, _, _, _, a, b, c, d] = stats;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}
