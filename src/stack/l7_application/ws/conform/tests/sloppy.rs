//! A small echo server of its own, right but for one thing at a time: what the checker is checked with. It shares
//! the codecs of handshake and DEFLATE with the house, and nothing of the frames' rules.

use crate::stack::l7_application::http1::{Fields, HeadDecoder, Limits, RequestHead};
use crate::stack::l7_application::ws::deflate::{Deflater, Inflater, Window};
use crate::stack::l7_application::ws::handshake::{AcceptSteps, DeflateWish, ServerPolicy};
use crate::stack::l7_application::ws::{CloseCode, View, mask};

/// What is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrong {
    Nothing,
    TakesUnmasked,
    TakesReservedBits,
    TakesReservedOpcodes,
    TakesLongControl,
    TakesControlWithoutFin,
    TakesLongForms,
    TakesTopBit,
    TakesContinuationFirst,
    TakesMessageInMessage,
    EchoesBadText,
    SaysNoBadText,
    SaysOtherCode,
    SaysNothingOnFaults,
    NoPong,
    PongWithoutPayload,
    PongToNewestAlone,
    AnswersPongs,
    Truncates,
    ChangesAnOctet,
    TextForBinary,
    EchoesTwice,
    LosesEmptyMessages,
    WaitsForTheMessageBeforePongs,
    NoCloseAnswer,
    OtherCloseAnswer,
    EchoesIllegalCodes,
    TakesHalfACode,
    TakesBadReasons,
    EchoesAfterClose,
    PongsAfterClose,
    NeverEndsTcp,
    LimitsMessages,
    OtherAccept,
    NoUpgradeInAnswer,
    InventsSubprotocol,
    InventsExtension,
    TakesPost,
    TakesOldHttp,
    TakesAnyVersion,
    NamesNoVersion,
    TakesAnyKey,
    CaresForCase,
    TakesUnknownParameters,
    TakesRsv1OnContinuations,
    ForgetsTheContext,
    KeepsTheContext,
    FailsOnFinalBlocks,
}

/// One connection.
pub(super) struct Sloppy {
    wrong: Wrong,
    head: Option<HeadDecoder<RequestHead>>,
    octets: Vec<u8>,
    inflater: Option<Inflater>,
    deflater: Option<Deflater>,
    message: Option<(u8, bool, Vec<u8>)>,
    held: Vec<u8>,
    closed: bool,
    pub(super) out: Vec<u8>,
    pub(super) ended: bool,
}

impl Sloppy {
    pub(super) fn new(wrong: Wrong) -> Sloppy {
        Sloppy {
            wrong,
            head: Some(HeadDecoder::new(Limits { head: 128 << 10, ..Limits::default() })),
            octets: Vec::new(),
            inflater: None,
            deflater: None,
            message: None,
            held: Vec::new(),
            closed: false,
            out: Vec::new(),
            ended: false,
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    pub(super) fn receive(&mut self, octets: &[u8]) {
        if self.ended {
            return;
        }
        let mut rest = octets;
        if let Some(decoder) = &mut self.head {
            let Ok((taken, head)) = decoder.feed(rest) else { return self.ended = true };
            let Some(head) = head else { return };
            self.head = None;
            self.handshake(head);
            rest = &rest[taken..];
        }
        self.octets.extend_from_slice(rest);
        while !self.ended && self.frame() {}
    }

    /// The client ended its half of TCP.
    pub(super) fn finish(&mut self) {
        self.ended |= !self.is(Wrong::NeverEndsTcp);
    }

    fn handshake(&mut self, mut request: RequestHead) {
        let wish = DeflateWish::default();
        let policy = ServerPolicy { deflate: Some(wish), ..ServerPolicy::default() };
        let replace = |request: &mut RequestHead, name: &str, value: &str| {
            let kept: Vec<_> = request.fields.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name)).collect();
            let mut fields = Fields::new();
            kept.iter().for_each(|(n, v)| fields.push(*n, *v));
            fields.push(name, value);
            request.fields = fields;
        };
        let key = request.fields.text("sec-websocket-key").unwrap_or_default().to_owned();
        match self.wrong {
            Wrong::TakesPost => request.method = "GET".into(),
            Wrong::TakesOldHttp => request.minor_version = 1,
            Wrong::TakesAnyVersion => replace(&mut request, "sec-websocket-version", "13"),
            Wrong::TakesAnyKey => replace(&mut request, "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            Wrong::CaresForCase if request.fields.iter().all(|(name, _)| name != "Sec-WebSocket-Key") => {
                replace(&mut request, "upgrade", "");
            }
            Wrong::TakesUnknownParameters => {
                let offer = request.fields.text("sec-websocket-extensions").unwrap_or_default();
                let known = offer.split("; x_unknown").next().unwrap_or_default().to_owned();
                if known != offer {
                    replace(&mut request, "sec-websocket-extensions", &known);
                }
            }
            _ => {}
        }
        let mut answer = policy.answer(&request);
        if self.is(Wrong::TakesAnyKey) && answer.result.is_ok() {
            let right = AcceptSteps::of(&key).accept;
            answer.head.fields = rename(&answer.head.fields, "sec-websocket-accept", Some(&right));
        }
        let fields = &mut answer.head.fields;
        match self.wrong {
            Wrong::OtherAccept => {
                *fields = rename(fields, "sec-websocket-accept", Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
            }
            Wrong::NoUpgradeInAnswer => *fields = rename(fields, "upgrade", None),
            Wrong::InventsSubprotocol => fields.push("Sec-WebSocket-Protocol", "chat"),
            Wrong::InventsExtension if fields.text("sec-websocket-extensions").is_none() => {
                fields.push("Sec-WebSocket-Extensions", "x-invented");
            }
            Wrong::NamesNoVersion => *fields = rename(fields, "sec-websocket-version", None),
            _ => {}
        }
        answer.head.encode(&mut self.out);
        match answer.result {
            Ok(agreed) => {
                if let Some([client, server]) = agreed.deflate {
                    let server =
                        Window { takeover: server.takeover || self.is(Wrong::KeepsTheContext), ..server };
                    let client =
                        Window { takeover: client.takeover && !self.is(Wrong::ForgetsTheContext), ..client };
                    (self.inflater, self.deflater) =
                        (Some(Inflater::new(client)), Some(Deflater::new(server, 6)));
                }
            }
            Err(_) => self.ended = true,
        }
    }

    /// The frame at the front of the octets, if it is there: whether there may be another.
    fn frame(&mut self) -> bool {
        let octets = self.octets.clone();
        let Some(view) = View::new(&octets) else { return false };
        let Some(len) = view.payload_len() else { return false };
        let header = view.header_len();
        let len = if self.is(Wrong::TakesTopBit) && len >> 63 != 0 { 5 } else { len };
        let opcode = view.opcode();
        let control = opcode >= 8;
        let continues_text = |message: &Option<(u8, bool, Vec<u8>)>| message.is_some();
        let compressed = view.rsv() == 4 && self.inflater.is_some();
        let takes_rsv1 = matches!(opcode, 1 | 2) || opcode == 0 && self.is(Wrong::TakesRsv1OnContinuations);
        let shortest = match view.extended() {
            2 => len > 125,
            8 => len > 65_535,
            _ => true,
        };
        let fault = match self.wrong {
            _ if self.closed => None,
            w if !view.masked() && w != Wrong::TakesUnmasked => Some(CloseCode::PROTOCOL_ERROR),
            w if len >> 63 != 0 && w != Wrong::TakesTopBit => Some(CloseCode::PROTOCOL_ERROR),
            w if view.rsv() != 0 && !(compressed && takes_rsv1) && w != Wrong::TakesReservedBits => {
                Some(CloseCode::PROTOCOL_ERROR)
            }
            w if matches!(opcode, 3..=7 | 11..) && w != Wrong::TakesReservedOpcodes => {
                Some(CloseCode::PROTOCOL_ERROR)
            }
            w if control && len > 125 && w != Wrong::TakesLongControl => Some(CloseCode::PROTOCOL_ERROR),
            w if control && !view.fin() && w != Wrong::TakesControlWithoutFin => {
                Some(CloseCode::PROTOCOL_ERROR)
            }
            w if !shortest && !matches!(w, Wrong::TakesLongForms | Wrong::TakesTopBit) => {
                Some(CloseCode::PROTOCOL_ERROR)
            }
            w if opcode == 0 && !continues_text(&self.message) && w != Wrong::TakesContinuationFirst => {
                Some(CloseCode::PROTOCOL_ERROR)
            }
            w if matches!(opcode, 1 | 2) && self.message.is_some() && w != Wrong::TakesMessageInMessage => {
                Some(CloseCode::PROTOCOL_ERROR)
            }
            _ => None,
        };
        if let Some(code) = fault {
            self.fail(code);
            return false;
        }
        if self.is(Wrong::LimitsMessages) && len > 1 << 20 {
            self.fail(CloseCode::TOO_BIG);
            return false;
        }
        if (octets.len() - header.min(octets.len())) as u64 > 0 || len == 0 {
            self.peek(&view, opcode, compressed);
        }
        if self.ended || (octets.len() as u64) < (header as u64).saturating_add(len) {
            return false;
        }
        let mut payload = octets[header..header + len as usize].to_vec();
        if let Some(key) = view.masking_key() {
            mask::apply(key, 0, &mut payload);
        }
        self.octets.drain(..header + len as usize);
        self.whole(opcode, view.fin(), compressed, payload);
        true
    }

    /// Text is looked at before its frame is whole.
    fn peek(&mut self, view: &View<'_>, opcode: u8, compressed: bool) {
        if self.closed || matches!(self.wrong, Wrong::EchoesBadText | Wrong::SaysNoBadText) || opcode >= 8 {
            return;
        }
        let mut text = match &self.message {
            Some((1, false, text)) if opcode == 0 => text.clone(),
            None if opcode == 1 && !compressed => Vec::new(),
            _ => return,
        };
        let at = text.len();
        text.extend_from_slice(view.payload());
        if let Some(key) = view.masking_key() {
            mask::apply(key, 0, &mut text[at..]);
        }
        if std::str::from_utf8(&text).is_err_and(|error| error.error_len().is_some()) {
            self.fail(CloseCode::INVALID_PAYLOAD);
        }
    }

    fn whole(&mut self, opcode: u8, fin: bool, compressed: bool, payload: Vec<u8>) {
        if self.closed {
            match opcode {
                1 if self.is(Wrong::EchoesAfterClose) => self.send(1, &payload),
                9 if self.is(Wrong::PongsAfterClose) => self.send(10, &payload),
                _ => {}
            }
            return;
        }
        match opcode {
            8 => self.close(&payload),
            9 => self.ping(&payload),
            10 if self.is(Wrong::AnswersPongs) => self.send(1, &payload),
            10 => {}
            0..=2 => self.data(opcode, fin, compressed, payload),
            _ => {}
        }
    }

    fn ping(&mut self, payload: &[u8]) {
        match self.wrong {
            Wrong::NoPong => {}
            Wrong::PongWithoutPayload => self.send(10, b""),
            // The others come in the same write: their answers are written over.
            Wrong::PongToNewestAlone if self.octets.first() == Some(&0x89) => {}
            Wrong::WaitsForTheMessageBeforePongs if self.message.is_some() => self.held = payload.to_vec(),
            _ => self.send(10, payload),
        }
    }

    fn close(&mut self, body: &[u8]) {
        let wrong = self.wrong;
        let code = match body {
            [] => None,
            [_] if wrong == Wrong::TakesHalfACode => None,
            [_] => return self.fail(CloseCode::PROTOCOL_ERROR),
            [high, low, reason @ ..] => {
                let code = CloseCode(u16::from_be_bytes([*high, *low]));
                if !code.may_be_sent() && wrong != Wrong::EchoesIllegalCodes {
                    return self.fail(CloseCode::PROTOCOL_ERROR);
                }
                if std::str::from_utf8(reason).is_err() && wrong != Wrong::TakesBadReasons {
                    return self.fail(CloseCode::INVALID_PAYLOAD);
                }
                Some(code)
            }
        };
        let code = if wrong == Wrong::OtherCloseAnswer { Some(CloseCode(4321)) } else { code };
        if wrong != Wrong::NoCloseAnswer {
            let body = code.map(|code| code.0.to_be_bytes().to_vec()).unwrap_or_default();
            self.send(8, &body);
        }
        self.closed = true;
        let lingers =
            matches!(wrong, Wrong::EchoesAfterClose | Wrong::PongsAfterClose) && !self.octets.is_empty();
        if lingers {
            while self.frame() {}
        }
        self.ended = wrong != Wrong::NeverEndsTcp;
    }

    fn data(&mut self, opcode: u8, fin: bool, compressed: bool, payload: Vec<u8>) {
        let (kind, compressed, mut message) = match self.message.take() {
            Some(begun) if opcode == 0 => begun,
            _ => (opcode.max(1), compressed, Vec::new()),
        };
        message.extend_from_slice(&payload);
        if !fin {
            return self.message = Some((kind, compressed, message));
        }
        if compressed && let Some(inflater) = &mut self.inflater {
            let mut out = Vec::new();
            let is_final = self.wrong == Wrong::FailsOnFinalBlocks
                && message.first().is_some_and(|octet| octet & 1 == 1);
            let inflated = inflater
                .feed(&message, &mut out, 0, 64 << 20)
                .and_then(|()| inflater.finish(&mut out, 0, 64 << 20));
            if inflated.is_err() || is_final {
                return self.fail(CloseCode::INVALID_PAYLOAD);
            }
            message = out;
        }
        if kind == 1 && std::str::from_utf8(&message).is_err() && self.wrong != Wrong::EchoesBadText {
            if self.wrong != Wrong::SaysNoBadText {
                self.fail(CloseCode::INVALID_PAYLOAD);
            }
            return;
        }
        let kind = if self.is(Wrong::TextForBinary) { 1 } else { kind };
        match self.wrong {
            Wrong::Truncates => message.truncate(65_535),
            Wrong::ChangesAnOctet if message.len() == 127 => message[126] = b'!',
            Wrong::LosesEmptyMessages if message.is_empty() => return,
            Wrong::EchoesTwice if message == b"hello" => self.echo(kind, &message),
            _ => {}
        }
        self.echo(kind, &message);
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.send(10, &held);
        }
    }

    fn echo(&mut self, kind: u8, message: &[u8]) {
        match &mut self.deflater {
            Some(deflater) => {
                let mut out = Vec::new();
                deflater.message(message, &mut out);
                self.send(0x40 | kind, &out);
            }
            None => self.send(kind, message),
        }
    }

    fn fail(&mut self, code: CloseCode) {
        let code = if self.is(Wrong::SaysOtherCode) { CloseCode::POLICY } else { code };
        if !self.is(Wrong::SaysNothingOnFaults) {
            self.send(8, &code.0.to_be_bytes());
        }
        self.closed = true;
        self.ended = !self.is(Wrong::NeverEndsTcp);
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
        self.out.push(0x80 | first);
        match payload.len() {
            len @ 0..126 => self.out.push(len as u8),
            len @ 126..0x1_0000 => {
                self.out.push(126);
                self.out.extend((len as u16).to_be_bytes());
            }
            len => {
                self.out.push(127);
                self.out.extend((len as u64).to_be_bytes());
            }
        }
        self.out.extend_from_slice(payload);
    }
}

/// The fields with another value for this name, or without it.
fn rename(fields: &Fields, name: &str, value: Option<&str>) -> Fields {
    let mut new = Fields::new();
    for (n, v) in fields.iter() {
        match value {
            _ if !n.eq_ignore_ascii_case(name) => new.push(n, v),
            Some(value) => new.push(n, value),
            None => {}
        }
    }
    new
}
