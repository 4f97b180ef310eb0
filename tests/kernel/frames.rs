//! A wire that changes nothing, and just enough reading of frames to judge them: written apart from
//! the library's own codecs, which are not what is tried here.

use layerlab::host::{Port, PrivateNetwork};
use layerlab::model::{Direction, Side};
use libtest_mimic::Failed;
use std::time::{Duration, Instant};

/// Carries every frame to the other host as it is.
pub(crate) struct Wire {
    ports: [Port; 2],
    buffer: Vec<u8>,
    /// Frames that this picks get their last octet flipped.
    pub(crate) damage: Option<fn(&[u8]) -> bool>,
}

impl Wire {
    pub(crate) fn of(net: &mut PrivateNetwork) -> Wire {
        let ports = net.take_ports().expect("the ports are taken once");
        let longest = ports.iter().map(Port::frame_max).max().unwrap_or(0);
        Wire { ports, buffer: vec![0; longest], damage: None }
    }

    /// Carries what is there now. Whether there was anything.
    fn carry(&mut self, mut each: impl FnMut(Direction, &[u8])) -> bool {
        let mut any = false;
        for direction in Direction::BOTH {
            let [client, server] = &mut self.ports;
            let (from, to) = match direction {
                Direction::ToServer => (client, server),
                Direction::ToClient => (server, client),
            };
            while let Some(len) = from.recv(&mut self.buffer).expect("recv on a port") {
                any = true;
                let frame = &mut self.buffer[..len];
                each(direction, frame);
                if self.damage.is_some_and(|picks| picks(frame)) {
                    frame[len - 1] ^= 1;
                }
                while !to.send(frame).expect("send on a port") {
                    std::thread::yield_now();
                }
            }
        }
        any
    }

    pub(crate) fn carry_for(&mut self, time: Duration, mut each: impl FnMut(Direction, &[u8])) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if !self.carry(&mut each) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Carries until `done` says so; an error after 20 s.
    pub(crate) fn carry_until(
        &mut self,
        mut each: impl FnMut(Direction, &[u8]),
        mut done: impl FnMut() -> bool,
    ) -> Result<(), Failed> {
        let until = Instant::now() + Duration::from_secs(20);
        while !done() {
            if Instant::now() > until {
                return Err("nothing came for 20 s".into());
            }
            if !self.carry(&mut each) {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Ok(())
    }

    pub(crate) fn missed(&mut self, side: Side) -> u64 {
        self.ports[side as usize].missed().expect("missed on a port")
    }

    /// Takes what a host sent, and gives it to nobody.
    pub(crate) fn drain(&mut self, side: Side, mut each: impl FnMut(&[u8])) {
        let port = &mut self.ports[side as usize];
        while let Some(len) = port.recv(&mut self.buffer).expect("recv on a port") {
            each(&self.buffer[..len]);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Arp { request: bool },
    Udp,
    Tcp,
    Other,
}

pub(crate) fn kind(frame: &[u8]) -> Kind {
    match (frame.get(12..14), frame.get(23)) {
        (Some([8, 6]), _) => Kind::Arp { request: frame.get(21) == Some(&1) },
        (Some([8, 0]), Some(17)) => Kind::Udp,
        (Some([8, 0]), Some(6)) => Kind::Tcp,
        _ => Kind::Other,
    }
}

/// The sequence numbers of a TCP segment's first octet and of the one after its last.
pub(crate) fn octets_of_stream(frame: &[u8]) -> Option<(u32, u32)> {
    if kind(frame) != Kind::Tcp {
        return None;
    }
    let packet = &frame[14..];
    let segment = &packet[usize::from(packet[0] & 15) * 4..];
    let start = u32::from_be_bytes(segment[4..8].try_into().ok()?);
    let data = segment.len() - usize::from(segment[12] >> 4) * 4;
    // SYN and FIN take a number each (RFC 9293 s3.4).
    let flags = u32::from(segment[13] & 1) + u32::from(segment[13] >> 1 & 1);
    Some((start, start.wrapping_add(data as u32 + flags)))
}

/// For a failure's message: the first octets.
pub(crate) fn describe(frame: &[u8]) -> String {
    let head: String = frame.iter().take(64).map(|b| format!("{b:02x}")).collect();
    format!("{} octets: {head}", frame.len())
}

/// Which checksum of an IPv4 frame is wrong, if any (RFC 1071).
pub(crate) fn wrong_checksum(frame: &[u8]) -> Option<String> {
    if frame.get(12..14) != Some(&[8, 0]) {
        return None;
    }
    let packet = &frame[14..];
    let header_len = usize::from(packet[0] & 15) * 4;
    if sum(&packet[..header_len], 0) != 0xffff {
        return Some(format!("ip: {}", describe(frame)));
    }
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let segment = &packet[header_len..total];
    let protocol = packet[9];
    let pseudo = u32::from(protocol) + segment.len() as u32 + u32::from(sum(&packet[12..20], 0));
    let carried = matches!(protocol, 6 | 17);
    (carried && sum(segment, pseudo) != 0xffff).then(|| format!("transport: {}", describe(frame)))
}

fn sum(octets: &[u8], start: u32) -> u16 {
    let words = octets.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0)));
    let mut sum = start + words.sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
