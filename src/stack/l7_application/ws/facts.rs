//! What was seen, in the model's words: what whoever tells it to a listener emits.

use super::close::CloseCode;
use super::error::Fault;
use super::frame::{FrameHeader, Opcode, View};
use super::handshake::{AcceptSteps, Agreed, GUID, Refusal};
use super::message::Kind;
use super::observer::Whole;
use crate::model::websocket::{
    Accept, Broken, Close, Completes, Frame, Message, Opened, Request, Response, Step, Window,
};
use crate::stack::l7_application::http1::{Fields, RequestHead, ResponseHead};

fn lines(fields: &Fields) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into())).collect()
}

/// A request.
pub fn request(head: &RequestHead) -> Request {
    Request {
        method: head.method.clone(),
        target: head.target.clone(),
        version: format!("HTTP/1.{}", head.minor_version),
        fields: lines(&head.fields),
    }
}

/// An answer, and how the accept value that was asked for comes about.
pub fn response(head: &ResponseHead, steps: Option<&AcceptSteps>) -> Response {
    Response {
        version: format!("HTTP/1.{}", head.minor_version),
        status: head.status,
        reason: head.reason.clone(),
        fields: lines(&head.fields),
        accept: steps.map(|steps| Accept {
            key: steps.key.clone(),
            guid: GUID,
            sha1: steps.sha1,
            expected: steps.accept.clone(),
            sent: head.fields.text("sec-websocket-accept").map(str::to_owned),
        }),
    }
}

/// What both sides agreed on.
pub fn opened(agreed: &Agreed) -> Opened {
    let window = |w: super::deflate::Window| Window { bits: w.bits, takeover: w.takeover };
    Opened { subprotocol: agreed.subprotocol.clone(), deflate: agreed.deflate.map(|both| both.map(window)) }
}

/// A handshake that failed.
pub fn refused(refusal: &Refusal) -> Broken {
    let rule = match refusal {
        Refusal::Http(fault) => fault.violation.to_string(),
        refusal => refusal.to_string(),
    };
    Broken { blame: refusal.blame(), rule, cite: refusal.cite() }
}

/// A frame: its header, the beginning of its payload in the clear, and what it completes. Whether a Pong answers a Ping,
/// and a Close the other side's, is for whoever saw those to say.
pub fn frame(header: &FrameHeader, payload: Vec<u8>, completes: Option<&Whole>) -> Frame {
    let completes = match (completes, header.opcode) {
        (Some(Whole::Message { kind, len, frames, compressed, payload }), _) => Completes::Message(Message {
            text: *kind == Kind::Text,
            len: *len,
            frames: *frames,
            compressed: *compressed,
            sample: payload.clone(),
        }),
        (Some(Whole::Close(close)), _) => Completes::Close(said(close.as_ref())),
        (None, Opcode::Ping) => Completes::Ping,
        (None, Opcode::Pong) => Completes::Pong(None),
        (None, _) => Completes::Nothing,
    };
    let length_bits = match header.len {
        0..126 => 7,
        126..0x1_0000 => 16,
        _ => 64,
    };
    Frame {
        fin: header.fin,
        rsv: u8::from(header.compressed) << 2,
        opcode: header.opcode as u8,
        name: header.opcode.name(),
        masking_key: header.mask,
        payload_length: header.len,
        length_bits,
        payload,
        completes,
    }
}

fn said(close: Option<&(CloseCode, String)>) -> Close {
    let (code, reason) = close.cloned().unzip();
    Close {
        code: code.map(|code| code.0),
        name: code.map_or("", CloseCode::name),
        reason: reason.unwrap_or_default(),
        answers: false,
    }
}

/// A header as it lies there, legal or not, without its payload.
fn lenient(view: &View<'_>) -> Frame {
    Frame {
        fin: view.fin(),
        rsv: view.rsv(),
        opcode: view.opcode(),
        name: Opcode::new(view.opcode()).map_or("", Opcode::name),
        masking_key: view.masking_key(),
        payload_length: view.payload_len().unwrap_or_default(),
        length_bits: match view.extended() {
            0 => 7,
            octets => 8 * octets as u8,
        },
        payload: Vec::new(),
        completes: Completes::Nothing,
    }
}

/// A frame that broke a rule; `head` are the octets of its header as far as they came.
pub fn fault(fault: &Fault, head: &[u8]) -> Step {
    Step::Fault {
        broken: Broken { blame: fault.blame, rule: fault.rule.to_string(), cite: fault.rule.cite() },
        close_code: fault.rule.close_code().0,
        frame: View::new(head).filter(|view| head.len() >= view.header_len()).map(|view| lenient(&view)),
    }
}
