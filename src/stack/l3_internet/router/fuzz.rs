//! The body of the fuzz target `router`. It stands here so that it keeps compiling, and so that the unit
//! tests try it with frames of their own.

use super::{End, Hop, Path, Verdict, address};
use crate::model::Direction;
use crate::stack::checksum;
use crate::stack::l2_link::ethernet::{self, ethertype};
use crate::stack::l3_internet::ipv4;
use std::net::Ipv4Addr;

pub(super) const CLIENT: End = End { mac: [2, 0, 0, 0, 0, 0x0a], ipv4: Ipv4Addr::new(10, 0, 1, 2) };
pub(super) const SERVER: End = End { mac: [2, 0, 0, 0, 0, 0x0b], ipv4: Ipv4Addr::new(10, 0, 9, 2) };

const fn hop(number: u8, toward_server: [u8; 2]) -> Hop {
    Hop {
        mac: [2, 0, 0, 0, 1, number],
        toward_client: Ipv4Addr::new(10, 0, number, 1),
        toward_server: Ipv4Addr::new(10, 0, toward_server[0], toward_server[1]),
    }
}

pub(super) const HOPS: [Hop; 3] = [hop(1, [2, 2]), hop(2, [3, 2]), hop(3, [9, 1])];

/// A frame of any octets from a host over three routers: see [`check`]. The first octet chooses the
/// direction and how much of the frame is put right before, for no fuzzer guesses a link-layer address and
/// a header checksum at once.
#[doc(hidden)]
pub fn fuzz_router(octets: &[u8]) {
    let Some((choice, octets)) = octets.split_first() else { return };
    let direction = Direction::BOTH[usize::from(choice & 1)];
    let mut frame = octets.to_vec();
    if choice & 2 == 0 && frame.len() >= ethernet::HEADER_LEN + ipv4::MIN_HEADER_LEN {
        let (near, gateway) = ends(direction);
        address(&mut frame, gateway, near.mac);
        let kind = if choice & 4 == 0 { ethertype::IPV4 } else { ethertype::ARP };
        frame[ethernet::at::TYPE..ethernet::HEADER_LEN].copy_from_slice(&kind.to_be_bytes());
        put_right(&mut frame[ethernet::HEADER_LEN..], near.ipv4, *choice);
    }
    check(direction, &frame);
}

/// Makes a sound IPv4 header of these octets, to an address of the path's links.
fn put_right(packet: &mut [u8], source: Ipv4Addr, choice: u8) {
    let total = packet.len() as u16;
    packet[ipv4::at::VERSION_IHL] = 0x45;
    packet[ipv4::at::TOTAL_LEN..ipv4::at::ID].copy_from_slice(&total.to_be_bytes());
    if choice & 8 == 0 {
        packet[ipv4::at::SOURCE..ipv4::at::DESTINATION].copy_from_slice(&source.octets());
    }
    if choice & 16 == 0 {
        packet[ipv4::at::DESTINATION..ipv4::at::DESTINATION + 2].copy_from_slice(&[10, 0]);
        packet[ipv4::at::DESTINATION + 2] %= 11;
    }
    packet[ipv4::at::CHECKSUM..ipv4::at::SOURCE].fill(0);
    let sum = checksum::checksum(&packet[..ipv4::MIN_HEADER_LEN]);
    packet[ipv4::at::CHECKSUM..ipv4::at::SOURCE].copy_from_slice(&sum.to_be_bytes());
}

/// The sender and its gateway.
fn ends(direction: Direction) -> (End, [u8; 6]) {
    match direction {
        Direction::ToServer => (CLIENT, HOPS[0].mac),
        Direction::ToClient => (SERVER, HOPS[2].mac),
    }
}

/// Whatever a host sends ends or passes, its octets but TTL, checksum and link-layer addresses unchanged;
/// and an answer is a frame to that host which the path leaves alone.
///
/// # Panics
/// When one of these does not hold.
pub(super) fn check(direction: Direction, octets: &[u8]) {
    let Some(path) = Path::new(CLIENT, SERVER, HOPS.to_vec()) else { panic!("it has routers") };
    let mut frame = octets.to_vec();
    match path.meet(direction, &mut frame) {
        Verdict::Forwarded => {
            assert_eq!(frame.get(26..), octets.get(26..));
            let routed = !HOPS.iter().any(|hop| octets.get(6..12) == Some(&hop.mac));
            assert!(routed || frame == octets, "what a router sent is not changed");
            if routed && octets.get(26..30) == Some(&ends(direction).0.ipv4.octets()) {
                path.undo(direction, &mut frame);
                assert_eq!(frame[12..], octets[12..]);
            }
        }
        Verdict::Ended { reply, .. } => {
            assert_eq!(frame, octets, "what ends is not changed");
            let Some(mut reply) = reply else { return };
            assert_eq!(reply[..6], octets[6..12]);
            let sent = reply.clone();
            assert_eq!(path.meet(direction.other(), &mut reply), Verdict::Forwarded);
            assert_eq!(reply, sent);
        }
    }
}
