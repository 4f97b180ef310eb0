//! Against tungstenite: each decodes what the other encodes.

use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Read, Write};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

/// A transport that gives what it was filled with and keeps what is written.
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(buf)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.output.write(buf)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn peer(role: Role, input: Vec<u8>) -> WebSocket<Pipe> {
    let config = WebSocketConfig::default();
    WebSocket::from_raw_socket(Pipe { input: Cursor::new(input), output: Vec::new() }, role, Some(config))
}

fn unit() -> impl Strategy<Value = Got> {
    prop_oneof![
        ".{0,200}".prop_map(Got::Text),
        prop::collection::vec(any::<u8>(), 0..400).prop_map(Got::Binary),
        Just(Got::Binary(vec![9; 70_000])),
        prop::collection::vec(any::<u8>(), 0..126).prop_map(Got::Ping),
        prop::collection::vec(any::<u8>(), 0..126).prop_map(Got::Pong),
    ]
}

fn theirs(got: &Got) -> tungstenite::Message {
    match got.clone() {
        Got::Text(text) => tungstenite::Message::text(text),
        Got::Binary(octets) => tungstenite::Message::binary(octets),
        Got::Ping(octets) => tungstenite::Message::Ping(octets.into()),
        Got::Pong(octets) => tungstenite::Message::Pong(octets.into()),
        Got::Close(_) => unreachable!("not generated"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn we_read_what_tungstenite_writes(sent in prop::collection::vec(unit(), 0..6), cut in 1usize..3000) {
        for (role, side) in [(Role::Client, Side::Client), (Role::Server, Side::Server)] {
            let mut socket = peer(role, Vec::new());
            for unit in &sent {
                socket.send(theirs(unit)).unwrap();
            }
            let octets = std::mem::take(&mut socket.get_mut().output);
            prop_assert_eq!(read(side, Limits::default(), None, &octets, cut), (sent.clone(), None));
        }
    }

    #[test]
    fn tungstenite_reads_what_we_write(sent in prop::collection::vec(unit(), 0..6), fragment in 1usize..100) {
        for side in Side::BOTH {
            let mut out = Vec::new();
            let mut sender = match side {
                Side::Client => Sender::client(Masks::seeded(1)),
                Side::Server => Sender::server(),
            };
            for unit in &sent {
                match unit {
                    Got::Text(text) => sender.message(Kind::Text, text.as_bytes(), Some(fragment), &mut out),
                    Got::Binary(octets) => sender.message(Kind::Binary, octets, None, &mut out),
                    Got::Ping(octets) => sender.frame(&FrameHeader::new(Opcode::Ping, 0), octets, &mut out),
                    Got::Pong(octets) => sender.frame(&FrameHeader::new(Opcode::Pong, 0), octets, &mut out),
                    Got::Close(_) => unreachable!("not generated"),
                }
            }
            sender.close(Some((CloseCode::GOING_AWAY, "bye")), &mut out);
            let role = if side == Side::Client { Role::Server } else { Role::Client };
            let mut socket = peer(role, out);
            for unit in &sent {
                prop_assert_eq!(socket.read().unwrap(), theirs(unit));
            }
            let tungstenite::Message::Close(Some(close)) = socket.read().unwrap() else {
                return Err(TestCaseError::fail("no close"));
            };
            prop_assert_eq!((u16::from(close.code), close.reason.as_str()), (1001, "bye"));
        }
    }
}
