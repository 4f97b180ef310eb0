//! A frame's fields where they lie, under Wireshark's names; and masking, octet by octet.

use super::close::CloseCode;
use super::frame::{Opcode, View};
use super::mask;
use crate::model::{Field, Header, Meaning, Protocol, Value};
use std::ops::Range;

/// The fields of the frame that `octets` begin with, lying `base` octets into the captured frame (or the
/// stream). Lenient: it shows what is there, legal or not. `None` below 2 octets. The payload is a field of
/// its own where the frame is a whole message, uncompressed, and all there; its value is unmasked.
pub fn frame(octets: &[u8], base: usize) -> Option<Header> {
    let view = View::new(octets)?;
    let mut fields = Fields { base, list: Vec::with_capacity(12) };
    let opcode = Opcode::new(view.opcode());
    let name = opcode.map(|opcode| Meaning::Name(opcode.name()));
    fields.bits("websocket.fin", 0, (0, 1), Value::Bool(view.fin()), None);
    fields.bits("websocket.rsv", 0, (1, 3), Value::Hex(view.rsv().into(), 2), None);
    fields.bits("websocket.pmc", 0, (1, 1), Value::Bool(view.rsv() & 4 != 0), None);
    fields.bits("websocket.opcode", 0, (4, 4), Value::Uint(view.opcode().into()), name);
    fields.bits("websocket.mask", 1, (0, 1), Value::Bool(view.masked()), None);
    fields.bits("websocket.payload_length", 1, (1, 7), Value::Uint(view.len7().into()), None);
    if let (Some(len), extended @ 1..) = (view.payload_len(), view.extended()) {
        let name =
            if extended == 2 { "websocket.payload_length_ext_16" } else { "websocket.payload_length_ext_64" };
        fields.whole(name, 2..2 + extended, Value::Uint(len), None);
    }
    let end = view.header_len();
    if let Some(key) = view.masking_key() {
        fields.whole("websocket.masking_key", end - 4..end, Value::Octets(key.into()), None);
    }
    let there = view.payload().len();
    let whole = view.payload_len() == Some(there as u64);
    if whole && there > 0 && view.fin() && view.rsv() == 0 {
        fields.payload(end..end + there, opcode, &unmasked(&view));
    }
    Some(Header {
        protocol: Protocol::WebSocket,
        at: base..base + (end + there).min(octets.len()),
        fields: fields.list,
    })
}

struct Fields {
    base: usize,
    list: Vec<Field>,
}

impl Fields {
    fn bits(
        &mut self,
        name: &'static str,
        octet: usize,
        bits: (u8, u8),
        value: Value,
        meaning: Option<Meaning>,
    ) {
        let at = self.base + octet..self.base + octet + 1;
        self.list.push(Field { name, at, bits: Some(bits), value, meaning });
    }

    fn whole(&mut self, name: &'static str, at: Range<usize>, value: Value, meaning: Option<Meaning>) {
        let at = self.base + at.start..self.base + at.end;
        self.list.push(Field { name, at, bits: None, value, meaning });
    }

    fn payload(&mut self, at: Range<usize>, opcode: Option<Opcode>, payload: &[u8]) {
        let text = |octets: &[u8]| Value::Text(String::from_utf8_lossy(octets).into_owned());
        match opcode {
            Some(Opcode::Text) => self.whole("websocket.payload.text", at, text(payload), None),
            Some(Opcode::Ping) => {
                self.whole("websocket.payload.ping", at, Value::Octets(payload.into()), None)
            }
            Some(Opcode::Pong) => {
                self.whole("websocket.payload.pong", at, Value::Octets(payload.into()), None)
            }
            Some(Opcode::Close) => {
                let Some((code, reason)) = payload.split_first_chunk() else { return };
                let code = CloseCode(u16::from_be_bytes(*code));
                let meaning = Some(code.name()).filter(|name| !name.is_empty()).map(Meaning::Name);
                let (name, split) = ("websocket.payload.close.status_code", at.start + 2);
                self.whole(name, at.start..split, Value::Uint(code.0.into()), meaning);
                if !reason.is_empty() {
                    self.whole("websocket.payload.close.reason", split..at.end, text(reason), None);
                }
            }
            // What a binary message holds is the application's; a continuation is part of something.
            Some(Opcode::Binary | Opcode::Continuation) => {}
            None => self.whole("websocket.payload.unknown", at, Value::Octets(payload.into()), None),
        }
    }
}

fn unmasked(view: &View<'_>) -> Vec<u8> {
    let mut payload = view.payload().to_vec();
    if let Some(key) = view.masking_key() {
        mask::apply(key, 0, &mut payload);
    }
    payload
}

/// One octet of a masked payload: on the wire, the key's octet, and what it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unmasked {
    /// As it lies in the frame.
    pub wire: u8,
    /// Octet *i* mod 4 of the key.
    pub key: u8,
    /// `wire` XOR `key`.
    pub clear: u8,
}

/// Masking octet by octet (RFC 6455 s5.3); nothing for an unmasked frame.
pub fn unmasking<'a>(view: &View<'a>) -> impl Iterator<Item = Unmasked> + use<'a> {
    let key = view.masking_key();
    let pairs = view.payload().iter().zip(key.into_iter().flatten().collect::<Vec<u8>>().into_iter().cycle());
    pairs.map(|(&wire, key)| Unmasked { wire, key, clear: wire ^ key })
}
