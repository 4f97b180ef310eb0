//! The frames of a page's connection, shown to the page itself.
//!
//! A page opens a WebSocket with our subprotocol and gets a mailbox's number; the connection that it opens with
//! that number has its frames told there, one JSON object a message. Fields have Wireshark's names. Nobody can see
//! another's frames without being named by it, and nobody waits for who watches too slowly: what finds a mailbox
//! full is counted, and the count is told.

use crate::stack::l7_application::ws::{FrameHeader, Kind, Piece, codec, mask};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// Octets of a frame's payload that are shown.
const SAMPLE: usize = 64;
/// Octets that a mailbox holds.
const FULL: usize = 256 << 10;
/// Mailboxes at once.
const MOST: usize = 16;

/// The mailboxes.
#[derive(Default, Debug)]
pub(super) struct Mailboxes {
    boxes: HashMap<u64, Mailbox>,
    has_mail: bool,
    /// Told to nobody, since their mailbox was full.
    pub(super) missed: u64,
}

#[derive(Default, Debug)]
struct Mailbox {
    /// Frames to send, ready.
    octets: Vec<u8>,
    missed: u64,
}

impl Mailboxes {
    /// Opens one under a number that is hard to guess, with a first line; `None` when there are too many.
    pub(super) fn open(&mut self, id: u64, first: &Value) -> bool {
        if self.boxes.len() >= MOST {
            return false;
        }
        self.boxes.insert(id, Mailbox::default());
        let mut first = first.clone();
        first["id"] = json!(format!("{id:x}"));
        self.put(id, &first);
        true
    }

    pub(super) fn is_open(&self, id: u64) -> bool {
        self.boxes.contains_key(&id)
    }

    pub(super) fn close(&mut self, id: u64) {
        self.boxes.remove(&id);
    }

    /// Puts a line into a mailbox, unless it is full or gone.
    pub(super) fn put(&mut self, id: u64, line: &Value) {
        let Some(mailbox) = self.boxes.get_mut(&id) else { return };
        if mailbox.octets.len() >= FULL {
            mailbox.missed += 1;
            self.missed += 1;
            return;
        }
        let mut put = |line: &Value| {
            let header = FrameHeader::new(Kind::Text.opcode(), 0);
            codec::encode(&header, line.to_string().as_bytes(), &mut mailbox.octets);
        };
        if mailbox.missed > 0 {
            put(&json!({ "missed": mailbox.missed }));
            mailbox.missed = 0;
        }
        put(line);
        self.has_mail = true;
    }

    /// What is in a mailbox, ready to be sent.
    pub(super) fn take(&mut self, id: u64) -> Vec<u8> {
        self.boxes.get_mut(&id).map(|mailbox| std::mem::take(&mut mailbox.octets)).unwrap_or_default()
    }

    pub(super) fn has_mail(&self) -> bool {
        self.has_mail
    }

    pub(super) fn mail_is_fetched(&mut self) {
        self.has_mail = false;
    }
}

/// A connection whose frames are told.
#[derive(Debug)]
pub(super) struct Watched {
    mailbox: u64,
    told: u64,
    /// The beginning of the payload of the frame at hand.
    sample: Vec<u8>,
}

impl Watched {
    pub(super) fn new(mailbox: u64) -> Watched {
        Watched { mailbox, told: 0, sample: Vec::new() }
    }

    /// The handshake: both heads as they were.
    pub(super) fn shook(&mut self, request: &[u8], response: &[u8], boxes: &mut Mailboxes) {
        let text = String::from_utf8_lossy;
        boxes.put(self.mailbox, &json!({ "request": text(request), "response": text(response) }));
    }

    /// A frame, or a part of one, came from the client.
    pub(super) fn came(&mut self, piece: &Piece<'_>, boxes: &mut Mailboxes) {
        let room = SAMPLE.saturating_sub(self.sample.len()).min(piece.payload().len());
        self.sample.extend_from_slice(&piece.payload()[..room]);
        if piece.last {
            let sample = std::mem::take(&mut self.sample);
            self.tell("client", &piece.header, &sample, boxes);
        }
    }

    /// Whole frames were sent to it.
    pub(super) fn sent(&mut self, octets: &[u8], boxes: &mut Mailboxes) {
        let mut rest = octets;
        while let Ok(Some((header, at))) = FrameHeader::parse(rest, true) {
            let (frame, after) = rest.split_at((at + header.len as usize).min(rest.len()));
            let payload = &frame[at..];
            self.tell("server", &header, &payload[..payload.len().min(SAMPLE)], boxes);
            rest = after;
        }
    }

    fn tell(&mut self, from: &str, header: &FrameHeader, payload: &[u8], boxes: &mut Mailboxes) {
        self.told += 1;
        let (head, len) = header.octets();
        let mut masked = payload.to_vec();
        if let Some(key) = header.mask {
            mask::apply(key, 0, &mut masked);
        }
        let line = json!({
            "n": self.told,
            "from": from,
            "websocket.fin": header.fin,
            "websocket.rsv": if header.compressed { 4 } else { 0 },
            "websocket.opcode": header.opcode as u8,
            "opcode": header.opcode.name(),
            "websocket.mask": header.mask.is_some(),
            "websocket.masking_key": header.mask.map(|key| hex(&key)),
            "websocket.payload_length": header.len,
            "header": hex(&head[..len]),
            "masked": hex(&masked),
            "payload": hex(payload),
        });
        boxes.put(self.mailbox, &line);
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
