//! What comes from the server: octets to what the judge asks about, and to what the record keeps.

use super::super::close::CloseCode;
use super::super::codec::Decoder;
use super::super::deflate::Window;
use super::super::dialogue::Dialogue;
use super::super::error::Fault;
use super::super::message::{Assembler, Kind, Limits, Unit};
use super::record::Record;
use crate::model::Side;
use std::collections::VecDeque;

/// Something that the server did.
#[derive(Debug)]
pub(super) enum Heard {
    Message(Kind, Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(CloseCode, String)>),
    Broke(Fault),
    End { reset: bool },
}

/// One connection's server, after its handshake.
#[derive(Debug)]
pub(super) struct Ear {
    decoder: Decoder,
    dialogue: Dialogue,
    assembler: Assembler,
    pub(super) heard: VecDeque<Heard>,
    deaf: bool,
}

impl Ear {
    /// `deflate`: the server's window. Messages of more than `max` octets are a fault of nobody, but not kept.
    pub(super) fn new(deflate: Option<Window>, max: u64) -> Ear {
        let limits = Limits { frame: max, message: max, fragments: 1 << 20 };
        Ear {
            decoder: Decoder::new(Side::Server, deflate.is_some(), max),
            dialogue: Dialogue::open(),
            assembler: Assembler::new(limits, deflate),
            heard: VecDeque::new(),
            deaf: false,
        }
    }

    pub(super) fn feed(&mut self, octets: &mut [u8], record: &mut Record) {
        if self.deaf {
            return;
        }
        if let Err(fault) = self.pieces(octets, record) {
            self.deaf = true;
            self.heard.push_back(Heard::Broke(fault));
        }
        self.assembler.release();
    }

    fn pieces(&mut self, octets: &mut [u8], record: &mut Record) -> Result<(), Fault> {
        let blame = |rule| Fault { blame: Side::Server, rule };
        // What a decoder refuses is shown as it came.
        let raw = octets[..octets.len().min(64)].to_vec();
        let (all, mut taken) = (octets.len(), 0);
        let mut pieces = self.decoder.feed(octets);
        loop {
            let rest = pieces.rest().len();
            let piece = match pieces.next() {
                None => return Ok(()),
                Some(Ok(piece)) => piece,
                Some(Err(fault)) => {
                    record.raw(Side::Server, raw.get(taken..).unwrap_or_default(), rest);
                    return Err(fault);
                }
            };
            taken = all - pieces.rest().len();
            record.piece(&piece);
            if piece.first {
                self.dialogue.frame(Side::Server, &piece.header)?;
            }
            let heard = match self.assembler.push(piece).map_err(blame)? {
                None => continue,
                Some(Unit::Message(message)) => Heard::Message(message.kind, message.payload().to_vec()),
                Some(Unit::Pong(payload)) => Heard::Pong(payload.to_vec()),
                Some(Unit::Close(close)) => {
                    Heard::Close(close.map(|(code, reason)| (code, reason.to_owned())))
                }
                // A server may ask for a sign of life; a case is over before it misses the answer.
                Some(Unit::Ping(_)) => continue,
            };
            self.heard.push_back(heard);
        }
    }
}
