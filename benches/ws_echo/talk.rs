//! What the load says: an opening handshake, then prepared masked frames, and what must come back for them.

use crate::beside::load::{Cell, Talk};
use layerlab::stack::l7_application::ws::{FrameHeader, Opcode, codec};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// RFC 6455 s1.3's own example, and its answer.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Binary messages of the cell's size, each of other octets and with another key.
pub(crate) fn of(cell: &Cell) -> Talk {
    let (mut asks, mut answers) = (Vec::new(), Vec::new());
    for n in (0..cell.depth as u32).chain(0..cell.depth as u32) {
        let payload: Vec<u8> = (0..cell.size as u32).map(|i| (i * 7 + n * 13) as u8).collect();
        let header = FrameHeader::new(Opcode::Binary, 0);
        let mask = Some(n.wrapping_mul(0x9e37_79b9).wrapping_add(0x5bd1_e995).to_be_bytes());
        codec::encode(&FrameHeader { mask, ..header }, &payload, &mut asks);
        codec::encode(&header, &payload, &mut answers);
    }
    Talk { open, asks, answers }
}

fn open(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(REQUEST)?;
    let mut head = Vec::new();
    let mut part = [0; 512];
    // No octet follows the head: a server has nothing to say before it is asked.
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            got => head.extend_from_slice(&part[..got]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    if head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT) {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::InvalidData, format!("the handshake failed: {head}")))
}
