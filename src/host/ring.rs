//! A packet socket's receive ring: frames that wait in memory shared with the kernel (packet(7),
//! packet_mmap.rst).
//!
//! Why not plain `recv()`: its queue is bounded by `net.core.rmem_max`, on most machines some hundred
//! frames, and a namespace's owner may not raise that. A burst would be lost before the wire saw it.

// The ring is memory that the kernel writes at any time: it is read through raw pointers, and each
// slot's status word says whose it is.
#![allow(unsafe_code)]

use super::sys;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// Octets before the frame in a slot: the header, the sender's address, and the alignment of the
/// network header (`tpacket_rcv` in net/packet/af_packet.c).
const BEFORE_FRAME: usize = 80;

/// The kernel wants slots at multiples of this.
const ALIGNMENT: usize = 16;

/// The kernel allocates the ring in blocks of whole pages; a slot never crosses two.
const BLOCK: usize = 1 << 18;

/// The most memory that a ring takes.
const MEMORY: usize = 16 << 20;

/// The ring, and the next slot to read.
pub(super) struct Ring {
    memory: NonNull<u8>,
    len: usize,
    slot: usize,
    slots_per_block: usize,
    slots: usize,
    next: usize,
    /// The kernel's wall-clock time of the frame taken last, in nanoseconds since the Unix epoch.
    pub(super) stamp: u64,
}

// SAFETY: the mapping belongs to this value alone; the kernel's side is synchronised by the status
// words.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives the socket a ring with room for `frames` frames of up to `frame_max` octets, or as many
    /// as 16 MiB hold.
    pub(super) fn new(socket: BorrowedFd<'_>, frame_max: usize, frames: usize) -> io::Result<Ring> {
        let slot = (BEFORE_FRAME + frame_max).next_multiple_of(ALIGNMENT);
        let slots_per_block = BLOCK / slot;
        let blocks = frames.div_ceil(slots_per_block).min(MEMORY / BLOCK);
        let number = |n: usize| u32::try_from(n).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        let request = libc::tpacket_req {
            tp_block_size: number(BLOCK)?,
            tp_block_nr: number(blocks)?,
            tp_frame_size: number(slot)?,
            tp_frame_nr: number(blocks * slots_per_block)?,
        };
        // SAFETY: the first option takes an `int`, the second a `struct tpacket_req`.
        unsafe {
            let version = libc::tpacket_versions::TPACKET_V2 as i32;
            sys::set_option(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
            sys::set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        }
        let len = BLOCK * blocks;
        let memory = sys::map_shared(socket, len)?;
        Ok(Ring { memory, len, slot, slots_per_block, slots: blocks * slots_per_block, next: 0, stamp: 0 })
    }

    /// Copies the next frame into `buffer` and gives its length there; `None` when there is none.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let at = self.next / self.slots_per_block * BLOCK + self.next % self.slots_per_block * self.slot;
        // SAFETY: the slot lies within the mapping, and the kernel aligns it to 16 octets.
        let header = unsafe { self.memory.add(at) }.cast::<libc::tpacket2_hdr>();
        // SAFETY: `tp_status` is the header's first word; both sides access it as one word.
        let status = unsafe { AtomicU32::from_ptr(header.cast::<u32>().as_ptr()) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: until the status is given back, the kernel does not write to the slot.
        let header = unsafe { header.as_ref() };
        self.stamp = u64::from(header.tp_sec) * 1_000_000_000 + u64::from(header.tp_nsec);
        let start = usize::from(header.tp_mac);
        let len = (header.tp_snaplen as usize).min(buffer.len()).min(self.slot.saturating_sub(start));
        // SAFETY: `start + len` lies within the slot, and `buffer` is no part of the mapping.
        unsafe { ptr::copy_nonoverlapping(self.memory.as_ptr().add(at + start), buffer.as_mut_ptr(), len) };
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % self.slots;
        Some(len)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        sys::unmap(self.memory, self.len);
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("slots", &self.slots).field("next", &self.next).finish_non_exhaustive()
    }
}
