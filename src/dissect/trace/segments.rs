//! The segments of one connection, with their numbers as offsets that do not wrap.

use crate::model::{Ip, Tcp, TcpFlags, TcpNote};
use std::net::IpAddr;

/// A segment among those of its connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Its frame: an index into the trace's.
    pub(super) frame: usize,
    /// 0 the side that was seen first.
    pub(super) side: usize,
    /// Offsets of its first octet and after its last; SYN and FIN take one each.
    pub(super) start: i64,
    pub(super) end: i64,
    /// What it acknowledges, as an offset of the other side's octets.
    pub(super) ack: Option<i64>,
    pub(super) window: u32,
    pub(super) flags: TcpFlags,
    /// A probe or keep-alive: no news of its own.
    pub(super) silent: bool,
    /// Neither octets nor SYN, FIN, RST.
    pub(super) pure: bool,
    /// SACK blocks: how many.
    sacks: u8,
    sack: [(i64, i64); 4],
}

impl Segment {
    /// Its SACK blocks, as offsets of the other side's octets.
    pub(super) fn sack(&self) -> &[(i64, i64)] {
        &self.sack[..usize::from(self.sacks)]
    }

    pub(super) fn is_syn(&self) -> bool {
        self.flags.has(TcpFlags::SYN)
    }
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Wireshark's `tcp.stream`.
    pub(super) number: u32,
    /// Address and port of side 0.
    first: Option<(IpAddr, u16)>,
    /// Its segments, in the order in which they were sent.
    pub(super) segments: Vec<Segment>,
    /// For each side, offset after its highest octet.
    next: [i64; 2],
    /// For each side, whether its SYN allowed SACK; `None` when that was not seen.
    permitted: [Option<bool>; 2],
    blocks_seen: bool,
    /// For each direction, whether every frame is there, dropped ones too.
    pub(super) complete: [bool; 2],
}

impl Stream {
    pub(super) fn new(complete: [bool; 2]) -> Stream {
        Stream { complete, ..Stream::default() }
    }

    pub(super) fn push(&mut self, frame: usize, ip: &Ip, tcp: &Tcp) {
        self.number = tcp.stream;
        let from = (ip.source, tcp.source_port);
        let side = usize::from(*self.first.get_or_insert(from) != from);
        let syn = tcp.flags.has(TcpFlags::SYN);
        let taken = i64::from(syn) + i64::from(tcp.flags.has(TcpFlags::FIN));
        let start = near(tcp.seq, self.next[side]);
        let end = start + i64::from(tcp.len) + taken;
        let reset = tcp.flags.has(TcpFlags::RST);
        if !reset {
            self.next[side] = self.next[side].max(end);
        }
        if syn {
            self.permitted[side] = Some(tcp.sack_permitted);
        }
        self.blocks_seen |= !tcp.sack.is_empty();
        let theirs = self.next[1 - side];
        let mut sack = [(0, 0); 4];
        for (kept, (from, to)) in sack.iter_mut().zip(&tcp.sack) {
            *kept = (near(*from, theirs), near(*to, theirs));
        }
        self.segments.push(Segment {
            frame,
            side,
            start,
            end,
            ack: tcp.ack.map(|ack| near(ack, theirs)),
            window: tcp.window,
            flags: tcp.flags,
            silent: tcp.notes.iter().any(|n| matches!(n, TcpNote::ZeroWindowProbe | TcpNote::KeepAlive)),
            pure: end == start && !reset,
            sacks: tcp.sack.len().min(4) as u8,
            sack,
        });
    }

    /// Whether SACK is in use: both SYNs allowed it, or a block was seen. `None` where neither was seen.
    pub(super) fn uses_sack(&self) -> Option<bool> {
        match self.permitted {
            _ if self.blocks_seen => Some(true),
            [Some(a), Some(b)] => Some(a && b),
            [Some(false), None] | [None, Some(false)] => Some(false),
            _ => None,
        }
    }
}

/// Of all offsets that end in these 32 bits, the one nearest to `to` (RFC 9293 s3.4).
fn near(number: u32, to: i64) -> i64 {
    to + i64::from(number.wrapping_sub(to as u32) as i32)
}
