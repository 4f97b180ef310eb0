//! What a network card does for its host: sums checksums, and cuts a superframe of up to 64 KiB into frames
//! that fit the link. And the way back: a run of such frames as one superframe again.
//!
//! Cut as Linux's own software segmentation cuts (`inet_gso_segment`, `tcp_gso_segment` and
//! `__udp_gso_segment`, net/ipv4), so that nobody can tell from a frame who made it.

#[cfg(test)]
mod tests;

use super::checksum::{Pseudo, Sum};
use super::classify;
use super::l2_link::ethernet::{self, ethertype};
use super::l3_internet::{ipv4, ipv6, protocol};
use super::l4_transport::{tcp, udp};
use super::octets::{be16, be32};
use crate::model::{Class, Offload, PartialChecksum, SegmentKind, Segmentation, TcpFlags};
use std::ops::Range;

/// The longest headers before a payload: Ethernet, IPv4 and TCP, both with 40 octets of options.
const LONGEST_HEAD: usize = ethernet::HEADER_LEN + 60 + 60;

/// Sums the checksum that was left undone, if one was. What lies outside the frame is not summed.
pub fn complete(frame: &mut [u8], offload: Offload) {
    let Some(PartialChecksum { start, offset }) = offload.checksum else { return };
    let (start, field) = (usize::from(start), usize::from(start) + usize::from(offset));
    if field + 2 > frame.len() {
        return;
    }
    // The field holds the pseudo-header's sum and is summed with the rest. Zero would say "no checksum" in
    // UDP; its other form verifies everywhere (RFC 768).
    let checksum = match Sum::new().over(&frame[start..]).finish() {
        0 => 0xffff,
        checksum => checksum,
    };
    frame[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// A copy of the frame with its checksum summed: as it is on a cable, unless it is still to be cut.
pub fn finished(frame: &[u8], offload: Offload) -> Vec<u8> {
    let mut frame = frame.to_vec();
    complete(&mut frame, offload);
    frame
}

/// A frame that stands for several, its *segments* here: each a frame of its own on the wire.
#[derive(Clone, Debug)]
pub struct Superframe<'a> {
    bytes: &'a [u8],
    how: Segmentation,
    transport_at: usize,
    payload_at: usize,
    count: usize,
    /// What each segment but the last is, and the last.
    classes: [Class; 2],
}

impl<'a> Superframe<'a> {
    /// Reads a frame that is to be cut. `None` when nothing is to be cut, or when headers and cut do not
    /// hold together: lengths that are not the frame's, fragments, extension headers, no payload.
    pub fn new(bytes: &'a [u8], offload: Offload) -> Option<Superframe<'a>> {
        let how = offload.segmentation.filter(|how| how.size > 0)?;
        let packet = bytes.get(ethernet::HEADER_LEN..)?;
        let (number, header_len, len) = match (be16(bytes, 12), how.kind) {
            (ethertype::IPV4, SegmentKind::Tcp4 | SegmentKind::Udp) => {
                let p = ipv4::Packet::new(packet).ok().filter(|p| !p.is_fragment())?;
                (p.protocol(), p.header_len(), usize::from(p.total_len()))
            }
            (ethertype::IPV6, SegmentKind::Tcp6 | SegmentKind::Udp) => {
                let p = ipv6::Packet::new(packet).ok()?;
                (p.next_header(), ipv6::HEADER_LEN, ipv6::HEADER_LEN + usize::from(p.payload_len()))
            }
            _ => return None,
        };
        let transport = packet.get(header_len..)?;
        let own = match (how.kind, number) {
            (SegmentKind::Tcp4 | SegmentKind::Tcp6, protocol::TCP) => {
                tcp::Segment::new(transport).ok()?.header_len()
            }
            (SegmentKind::Udp, protocol::UDP) => {
                udp::Datagram::new(transport).ok().filter(|d| usize::from(d.len()) == transport.len())?;
                udp::HEADER_LEN
            }
            _ => return None,
        };
        let payload = transport.len() - own;
        if len != packet.len() || payload == 0 {
            return None;
        }
        let transport_at = ethernet::HEADER_LEN + header_len;
        let mut whole = Superframe {
            bytes,
            how,
            transport_at,
            payload_at: transport_at + own,
            count: payload.div_ceil(usize::from(how.size)),
            classes: [Class::NONE; 2],
        };
        let mut head = [0; LONGEST_HEAD];
        let head = &mut head[..whole.payload_at];
        whole.classes = [0, whole.count - 1].map(|nth| {
            head.copy_from_slice(&bytes[..whole.payload_at]);
            whole.patch(&(nth..nth + 1), head);
            classify(head)
        });
        Some(whole)
    }

    /// Segments that it stands for: 1 or more.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Octets of a segment's frame, and of the IP packet in it.
    pub fn sizes(&self, nth: usize) -> (u32, u32) {
        let len = self.payload_at + self.payload(&(nth..nth + 1)).len();
        (len as u32, (len - ethernet::HEADER_LEN) as u32)
    }

    /// What a segment is: [`classify`] of its frame.
    pub const fn class(&self, nth: usize) -> Class {
        self.classes[(nth + 1 == self.count) as usize]
    }

    /// A segment as it is on a cable, its checksums filled in.
    pub fn frame(&self, nth: usize) -> Vec<u8> {
        let (mut frame, _) = self.run(nth..nth + 1);
        let sum = Sum::new().over(&frame[self.transport_at..]).finish();
        let checksum = if sum == 0 && self.how.kind == SegmentKind::Udp { 0xffff } else { sum };
        self.set_checksum(&mut frame, checksum);
        frame
    }

    /// Segments that follow each other as one frame again, and what is left to do to it: a superframe, or
    /// for one segment a plain frame whose checksum is still to be summed. The range must not be empty.
    pub fn run(&self, segments: Range<usize>) -> (Vec<u8>, Offload) {
        let payload = self.payload(&segments);
        let mut frame = Vec::with_capacity(self.payload_at + payload.len());
        frame.extend_from_slice(&self.bytes[..self.payload_at]);
        self.patch(&segments, &mut frame);
        frame.extend_from_slice(payload);
        (frame, self.offload(&segments))
    }

    /// The whole as it was given, and what is left to do to it.
    pub fn whole(&self) -> (&'a [u8], Offload) {
        (self.bytes, self.offload(&(0..self.count)))
    }

    fn offload(&self, segments: &Range<usize>) -> Offload {
        let offset = match self.how.kind {
            SegmentKind::Udp => udp::at::CHECKSUM,
            SegmentKind::Tcp4 | SegmentKind::Tcp6 => tcp::at::CHECKSUM,
        };
        let number = |n: usize| n as u16;
        let how = Segmentation {
            header_len: number(self.payload_at),
            ecn: self.how.ecn && segments.start == 0,
            ..self.how
        };
        Offload {
            checksum: Some(PartialChecksum { start: number(self.transport_at), offset: number(offset) }),
            segmentation: (segments.len() > 1).then_some(how),
        }
    }

    fn payload(&self, segments: &Range<usize>) -> &'a [u8] {
        let size = usize::from(self.how.size);
        let all = &self.bytes[self.payload_at..];
        &all[(segments.start * size).min(all.len())..(segments.end * size).min(all.len())]
    }

    /// Makes a copy of the headers those of a run. The transport checksum becomes the pseudo-header's sum.
    fn patch(&self, segments: &Range<usize>, head: &mut [u8]) {
        let put16 = |head: &mut [u8], at: usize, value: usize| {
            head[at..at + 2].copy_from_slice(&(value as u16).to_be_bytes());
        };
        let ip = ethernet::HEADER_LEN;
        let transport_len = self.payload_at - self.transport_at + self.payload(segments).len();
        if be16(head, 12) == ethertype::IPV4 {
            put16(head, ip + ipv4::at::TOTAL_LEN, self.transport_at - ip + transport_len);
            // Each segment has the next identification (RFC 6864 s4 lets it be anything where DF is set).
            let id = usize::from(be16(self.bytes, ip + ipv4::at::ID)) + segments.start;
            put16(head, ip + ipv4::at::ID, id & 0xffff);
            put16(head, ip + ipv4::at::CHECKSUM, 0);
            let checksum = Sum::new().over(&head[ip..self.transport_at]).finish();
            put16(head, ip + ipv4::at::CHECKSUM, checksum.into());
        } else {
            put16(head, ip + ipv6::at::PAYLOAD_LEN, transport_len);
        }
        let at = self.transport_at;
        match self.how.kind {
            SegmentKind::Udp => put16(head, at + udp::at::LEN, transport_len),
            SegmentKind::Tcp4 | SegmentKind::Tcp6 => {
                let before = (segments.start * usize::from(self.how.size)) as u32;
                let seq = be32(self.bytes, at + tcp::at::SEQ).wrapping_add(before);
                head[at + tcp::at::SEQ..at + tcp::at::ACK].copy_from_slice(&seq.to_be_bytes());
                let mut flags = be16(self.bytes, at + tcp::at::OFFSET_FLAGS);
                if segments.end < self.count {
                    flags &= !(TcpFlags::FIN.0 | TcpFlags::PSH.0);
                }
                if segments.start > 0 {
                    flags &= !TcpFlags::CWR.0;
                }
                put16(head, at + tcp::at::OFFSET_FLAGS, flags.into());
            }
        }
        let partial = !self.pseudo().sum(self.number(), transport_len).finish();
        self.set_checksum(head, partial);
    }

    fn set_checksum(&self, frame: &mut [u8], checksum: u16) {
        let at = self.transport_at
            + match self.how.kind {
                SegmentKind::Udp => udp::at::CHECKSUM,
                SegmentKind::Tcp4 | SegmentKind::Tcp6 => tcp::at::CHECKSUM,
            };
        frame[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    const fn number(&self) -> u8 {
        match self.how.kind {
            SegmentKind::Udp => protocol::UDP,
            SegmentKind::Tcp4 | SegmentKind::Tcp6 => protocol::TCP,
        }
    }

    fn pseudo(&self) -> Pseudo {
        let packet = &self.bytes[ethernet::HEADER_LEN..];
        let v4 = |at| super::octets::ipv4(packet, at);
        let v6 = |at| super::octets::ipv6(packet, at);
        match be16(self.bytes, 12) {
            ethertype::IPV4 => {
                Pseudo::V4 { source: v4(ipv4::at::SOURCE), destination: v4(ipv4::at::DESTINATION) }
            }
            _ => Pseudo::V6 { source: v6(ipv6::at::SOURCE), destination: v6(ipv6::at::DESTINATION) },
        }
    }
}
