//! WebSocket in the RFCs' own examples, in any chunking, against each other and against another implementation.

mod compression;
mod conversation;
mod explained;
mod frames;
mod machines;
mod messages;
mod observed;
mod oracle;
mod shaking;
mod sides;

use super::*;

/// Octets from hexadecimal; blanks don't count.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// One frame, masked with a fixed key when a client sends it.
pub(super) fn frame(sender: Side, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mask = (sender == Side::Client).then_some([0x37, 0xfa, 0x21, 0x3d]);
    let mut out = Vec::new();
    codec::encode(&FrameHeader { fin, mask, ..FrameHeader::new(opcode, 0) }, payload, &mut out);
    out
}

/// A unit that owns what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(CloseCode, String)>),
}

impl Got {
    pub(super) fn message(message: &Message<'_>) -> Got {
        match message.kind {
            Kind::Text => Got::Text(String::from_utf8(message.payload().to_vec()).unwrap()),
            Kind::Binary => Got::Binary(message.payload().to_vec()),
        }
    }

    fn unit(unit: Unit<'_>) -> Got {
        match unit {
            Unit::Message(message) => Got::message(&message),
            Unit::Ping(payload) => Got::Ping(payload.to_vec()),
            Unit::Pong(payload) => Got::Pong(payload.to_vec()),
            Unit::Close(close) => Got::Close(close.map(|(code, reason)| (code, reason.into()))),
        }
    }
}

/// One direction as a reader of captures sees it: decoder, dialogue and assembler, fed `cut` octets at a
/// time. What was understood, and the fault that ended it.
pub(super) fn read(
    sender: Side,
    limits: Limits,
    window: Option<super::deflate::Window>,
    octets: &[u8],
    cut: usize,
) -> (Vec<Got>, Option<Fault>) {
    let mut decoder = Decoder::new(sender, window.is_some(), limits.frame);
    let mut dialogue = Dialogue::open();
    let mut assembler = Assembler::new(limits, window);
    let mut got = Vec::new();
    for part in octets.to_vec().chunks_mut(cut.max(1)) {
        for piece in decoder.feed(part) {
            let piece = match piece {
                Ok(piece) => piece,
                Err(fault) => return (got, Some(fault)),
            };
            if piece.first
                && let Err(fault) = dialogue.frame(sender, &piece.header)
            {
                return (got, Some(fault));
            }
            match assembler.push(piece) {
                Ok(unit) => got.extend(unit.map(Got::unit)),
                Err(rule) => return (got, Some(Fault { blame: sender, rule })),
            }
        }
        assembler.release();
    }
    (got, None)
}

/// What is read of a client's octets, and the rule broken, the same in every chunking.
pub(super) fn from_client(octets: &[u8]) -> (Vec<Got>, Option<Rule>) {
    from(Side::Client, octets)
}

pub(super) fn from(sender: Side, octets: &[u8]) -> (Vec<Got>, Option<Rule>) {
    let whole = read(sender, Limits::default(), None, octets, octets.len());
    for cut in [1, 2, 3, 5, 7] {
        assert_eq!(whole, read(sender, Limits::default(), None, octets, cut), "in pieces of {cut}");
    }
    assert!(whole.1.is_none_or(|fault| fault.blame == sender));
    (whole.0, whole.1.map(|fault| fault.rule))
}
