//! An upgrade and what follows it: heads, frames, messages, the end.

use super::super::text::{count, preview, safe, span};
use super::{Draft, NoteKind};
use crate::model::websocket::{
    Accept, Answered, Broken, Carried, Close, Completes, Frame, Lost, Message, Opened, Request, Response,
    Step, WebSocket,
};
use crate::model::{Cite, Evidence, Side};

/// Columns of a payload in a line.
const SHOWN: usize = 28;

const fn rfc(section: &'static str) -> Option<Cite> {
    Some(Cite::rfc(6455, section))
}

pub(super) fn step(draft: &mut Draft<'_>, seen: &WebSocket) -> String {
    let body = match &seen.step {
        Step::Request(head) => request(draft, head),
        Step::Response(head) => response(draft, head),
        Step::Opened(agreed) => opened(draft, seen, agreed),
        Step::Refused(why) => refused(draft, seen, why),
        Step::Frame(frame) => websocket_frame(draft, seen, frame),
        Step::Fault { broken, close_code, frame } => fault(draft, broken, *close_code, frame.as_ref()),
        Step::Lost(why) => lost(draft, seen.sender, why),
        Step::Ended { reset, clean } => ended(draft, seen.sender, *reset, *clean),
    };
    let route = route(draft, seen.sender, seen.carried.as_ref());
    if let Some(Carried { segments: segments @ 2.., .. }) = seen.carried {
        draft.once(
            "websocket spread",
            NoteKind::Meaning,
            Some(Cite::rfc(9293, "2.2")),
            &format!("in {segments} segments: where TCP cuts the stream means nothing to what it carries"),
        );
    }
    format!("{route} {body}")
}

/// The frames that carried something, and which way: with a note where TCP had held it back.
pub(super) fn route(draft: &mut Draft<'_>, sender: Side, carried: Option<&Carried>) -> String {
    if let Some((since, waited)) = carried.and_then(|c| c.held) {
        draft.note(
            NoteKind::Why,
            Evidence::Frame,
            Some(Cite::rfc(9293, "2.2")),
            format!(
                "held back {} since {since}: octets before it were missing, and TCP hands over in order",
                span(waited)
            ),
        );
    }
    let arrow = draft.glyphs.arrow;
    let route = format!("{}{arrow}{}", sender.name(), sender.other().name());
    match carried {
        Some(Carried { last, segments: 0 | 1, .. }) => format!("{last} {route}"),
        Some(Carried { first, last, .. }) => format!("{first}..{last} {route}"),
        None => route,
    }
}

/// The value of a field line, where there is one.
fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn request(draft: &mut Draft<'_>, head: &Request) -> String {
    let ascii = draft.glyphs.ascii;
    if let Some(protocol) = field(&head.fields, "upgrade") {
        let text = format!("asks to speak \"{}\" from here on, on this connection", safe(protocol, ascii));
        draft.meaning(rfc("4.1"), text);
    }
    if let Some(key) = field(&head.fields, "sec-websocket-key") {
        let text = format!("Sec-WebSocket-Key: {}, 16 octets of its choice in base64", safe(key, ascii));
        draft.meaning(rfc("4.1"), text);
    }
    for (name, what) in [
        ("sec-websocket-protocol", "offers subprotocols"),
        ("sec-websocket-extensions", "offers extensions"),
        ("origin", "a page of this origin asks"),
    ] {
        if let Some(value) = field(&head.fields, name) {
            draft.meaning(None, format!("{what}: {}", safe(value, ascii)));
        }
    }
    let words = format!("HTTP {} {} {}", head.method, head.target, head.version);
    safe(&words, ascii)
}

fn response(draft: &mut Draft<'_>, head: &Response) -> String {
    let ascii = draft.glyphs.ascii;
    if head.status == 101
        && let Some(accept) = &head.accept
    {
        accepted(draft, accept);
    }
    safe(&format!("{} {} {}", head.version, head.status, head.reason), ascii)
}

/// How the accept value comes about, step by step.
fn accepted(draft: &mut Draft<'_>, accept: &Accept) {
    let ascii = draft.glyphs.ascii;
    let Accept { key, guid, sha1, expected, sent } = accept;
    let hex: String = sha1.iter().map(|octet| format!("{octet:02x}")).collect();
    let key = safe(key, ascii);
    draft.meaning(rfc("4.2.2"), format!("accept, step 1: the key and a fixed text: {key}{guid}"));
    draft.meaning(None, format!("step 2: SHA-1 of that text: {hex}"));
    let verdict = match sent {
        Some(sent) if sent == expected => "equal to what was sent".to_owned(),
        Some(sent) => format!("but {} was sent", safe(sent, ascii)),
        None => "but none was sent".to_owned(),
    };
    draft.meaning(None, format!("step 3: base64 of those 20 octets: {expected}, {verdict}"));
}

fn opened(draft: &mut Draft<'_>, seen: &WebSocket, agreed: &Opened) -> String {
    let ascii = draft.glyphs.ascii;
    if let Some(Carried { ends: [client, server], .. }) = &seen.carried {
        let text = format!(
            "the TCP connection stays ({client}, {server}); what flows through it from here on is frames"
        );
        draft.meaning(rfc("1.2"), text);
    }
    let mut words = String::from("WebSocket is open");
    if let Some(subprotocol) = &agreed.subprotocol {
        words.push_str(&format!(", subprotocol {}", safe(subprotocol, ascii)));
    }
    if let Some(windows) = &agreed.deflate {
        words.push_str(", permessage-deflate");
        let sides = Side::BOTH.iter().zip(windows).map(|(side, w)| {
            let takeover = if w.takeover { "" } else { ", forgets after each message" };
            format!("the {} refers back at most 2^{} octets{takeover}", side.name(), w.bits)
        });
        let text = format!("messages may be compressed: {}", sides.collect::<Vec<_>>().join("; "));
        draft.meaning(Some(Cite::rfc(7692, "7.1")), text);
    }
    words
}

fn refused(draft: &mut Draft<'_>, seen: &WebSocket, why: &Broken) -> String {
    let text = match why.blame {
        Side::Client => "the client's fault: a server has to refuse such a request",
        // It said yes, and was seen to.
        Side::Server if draft.memory.said_so_far(seen, Side::Server).switched => {
            "the server's fault, so it is the client that has to refuse: the server itself said yes"
        }
        Side::Server => "the server did not switch: this connection is no WebSocket",
    };
    draft.meaning(Some(why.cite), text);
    format!("WebSocket refused: {}", safe(&why.rule, draft.glyphs.ascii))
}

/// FIN, RSV, opcode, length and mask, as they stand.
fn header_words(frame: &Frame) -> String {
    let name = match frame.name {
        "" => format!("opcode 0x{:x}", frame.opcode),
        "Connection Close" => "Close".to_owned(),
        name => name.to_owned(),
    };
    let mut words = format!("WebSocket {name} FIN={}", u8::from(frame.fin));
    if frame.rsv != 0 {
        words.push_str(&format!(" RSV={:03b}", frame.rsv));
    }
    words.push_str(&format!(" len={}", frame.payload_length));
    if let Some(key) = frame.masking_key {
        words.push_str(&format!(" mask={:08x}", u32::from_be_bytes(key)));
    }
    words
}

fn websocket_frame(draft: &mut Draft<'_>, seen: &WebSocket, frame: &Frame) -> String {
    let ascii = draft.glyphs.ascii;
    let before = draft.memory.said_so_far(seen, seen.sender);
    let mut words = header_words(frame);
    let compressed = matches!(&frame.completes, Completes::Message(m) if m.compressed.is_some());
    let close = matches!(frame.completes, Completes::Close(_));
    if !frame.payload.is_empty() && !close && !compressed && frame.rsv == 0 {
        words.push(' ');
        words.push_str(&sample(&frame.payload, frame.opcode != 2, ascii));
    }
    match &frame.completes {
        Completes::Nothing if frame.opcode != 0 => {
            draft.meaning(rfc("5.4"), "FIN=0: a message begins here, and goes on in Continuations");
        }
        Completes::Nothing => {}
        Completes::Message(message) => whole(draft, message),
        Completes::Ping => draft.once(
            "websocket ping",
            NoteKind::Meaning,
            rfc("5.5.2"),
            "the other side has to answer with a Pong of the same payload",
        ),
        Completes::Pong(answered) => pong(draft, *answered),
        Completes::Close(close) => words.push_str(&closing(draft, seen, close)),
    }
    if frame.is_control() && before.in_message {
        draft.meaning(rfc("5.4"), "between the fragments of a message: a control frame may stand there");
    }
    if seen.carried.is_some_and(|c| before.last == Some(c.last)) {
        draft.once(
            "websocket shared",
            NoteKind::Meaning,
            Some(Cite::rfc(9293, "2.2")),
            "in the same segment as the frame before: TCP sees octets, no frames",
        );
    }
    if frame.length_bits > 7 {
        let announced = if frame.length_bits == 16 { 126 } else { 127 };
        let text =
            format!("the 7 bits of length say {announced}: the length follows in {} bits", frame.length_bits);
        draft.meaning(rfc("5.2"), text);
    }
    match (frame.masking_key, seen.sender) {
        (Some(_), Side::Client) => draft.once(
            "websocket masked",
            NoteKind::Meaning,
            rfc("5.3"),
            "masked, as all that a client sends; the key stands in the frame: no secret, no encryption",
        ),
        (None, Side::Server) => draft.once(
            "websocket unmasked",
            NoteKind::Meaning,
            rfc("5.1"),
            "not masked, as all that a server sends",
        ),
        // A fault, told as one.
        _ => {}
    }
    words
}

/// The beginning of a payload: text as it reads, else the first octets in hexadecimal.
pub(super) fn sample(octets: &[u8], text: bool, ascii: bool) -> String {
    if text {
        return preview(octets, SHOWN, ascii);
    }
    let first = &octets[..octets.len().min(8)];
    let mut words: Vec<String> = first.iter().map(|octet| format!("{octet:02x}")).collect();
    if first.len() < octets.len() {
        words.push(if ascii { "..." } else { "\u{2026}" }.to_owned());
    }
    words.join(" ")
}

/// A message is whole: worth a word where it is more than its one frame.
fn whole(draft: &mut Draft<'_>, message: &Message) {
    let ascii = draft.glyphs.ascii;
    let Message { text, len, frames, compressed, sample: octets } = message;
    let kind = if *text { "text" } else { "binary" };
    let shown = if octets.is_empty() { String::new() } else { format!(": {}", sample(octets, *text, ascii)) };
    if *frames > 1 {
        draft.meaning(
            rfc("5.4"),
            format!("a {kind} message of {} in {frames} frames is whole{shown}", count(*len, "octet")),
        );
    }
    if let Some(compressed) = compressed {
        let shown = if *frames > 1 { String::new() } else { shown };
        draft.meaning(
            Some(Cite::rfc(7692, "6.2")),
            format!("RSV1: compressed; {} on the wire inflate to {len}{shown}", count(*compressed, "octet")),
        );
    }
}

fn pong(draft: &mut Draft<'_>, answered: Option<Answered>) {
    match answered {
        Some(Answered { after, ping }) => {
            let frame = ping.map_or_else(String::new, |id| format!(" in {id}"));
            draft.meaning(rfc("5.5.3"), format!("answers the Ping{frame} after {}", span(after)));
        }
        None => draft.meaning(
            rfc("5.5.3"),
            "no Ping with this payload was seen: unasked, a sign of life that nobody answers",
        ),
    }
}

/// What a Close does: what comes of it is told when it is seen.
fn closing(draft: &mut Draft<'_>, seen: &WebSocket, close: &Close) -> String {
    let ascii = draft.glyphs.ascii;
    let (section, text) = if draft.memory.said_so_far(seen, seen.sender.other()).broke {
        (
            "7.1.7",
            "says why this side gives the connection up: it reads no more, so an answer is not waited for",
        )
    } else if close.answers {
        ("7.1.1", "both sides have said Close; it is for the server to end TCP first")
    } else if matches!(close.code, Some(1002 | 1007 | 1009)) {
        ("7.1.7", "a code of who gives the connection up: this side need not wait for the other's Close")
    } else {
        ("5.5.1", "the closing handshake begins: this side sends no more, and the other has to say Close too")
    };
    draft.meaning(rfc(section), text);
    match close.code {
        None => {
            draft.meaning(rfc("7.1.5"), "no code in it: its receiver's program is told 1005");
            " no code".to_owned()
        }
        Some(code) => {
            let name = match (close.name, code) {
                ("", 3000..4000) => "registered by a library",
                ("", _) => "private",
                (name, _) => name,
            };
            let reason = match close.reason.as_str() {
                "" => String::new(),
                reason => format!(" {}", preview(reason.as_bytes(), SHOWN, ascii)),
            };
            format!(" {code} ({name}){reason}")
        }
    }
}

fn fault(draft: &mut Draft<'_>, broken: &Broken, close_code: u16, frame: Option<&Frame>) -> String {
    let blame = match close_code {
        1008 | 1009 => format!("a limit of the other side's own; close code {close_code} says so"),
        _ => format!("the {}'s fault; close code {close_code} says so", broken.blame.name()),
    };
    draft.meaning(Some(broken.cite), blame);
    // Only a length that cannot be leaves open where the next frame begins.
    let edges = match frame {
        Some(frame) if frame.payload_length >> 63 == 1 => ", nor can it be told where the next frame begins",
        _ => "",
    };
    let text = format!("the connection is failed: nothing that this side sends after it is read{edges}");
    draft.meaning(rfc("7.1.7"), text);
    let rule = safe(&broken.rule, draft.glyphs.ascii);
    match frame {
        Some(frame) => format!("{}: {rule}", header_words(frame)),
        None => format!("WebSocket fault: {rule}"),
    }
}

fn lost(draft: &mut Draft<'_>, sender: Side, why: &Lost) -> String {
    lost_note(draft, why);
    format!("WebSocket: what the {} sends can't be followed from here on", sender.name())
}

/// Why octets can't be followed.
pub(super) fn lost_note(draft: &mut Draft<'_>, why: &Lost) {
    let text = match why {
        Lost::NotCaptured { octets } => format!(
            "{} that the other side acknowledged are in no frame here: the capture lost them",
            count(*octets, "octet")
        ),
        Lost::NeverCame { octets, behind } => format!(
            "{} never came; {} behind them stay unread",
            count(*octets, "octet"),
            count(*behind, "octet")
        ),
        Lost::CutShort { frame } => {
            format!("{frame} was captured in part: the rest of its octets is not there to be read")
        }
        Lost::TooMuch { limit } => {
            format!("it would take more memory than the {limit} octets that are set apart")
        }
    };
    draft.note(NoteKind::Why, Evidence::Frame, None, text);
}

fn ended(draft: &mut Draft<'_>, sender: Side, reset: bool, clean: bool) -> String {
    let how = if reset { "a RST" } else { "a FIN" };
    if clean {
        draft.meaning(rfc("7.1.4"), "both sides had said Close before: a clean end");
    } else {
        draft.meaning(
            rfc("7.1.5"),
            "not both sides had said Close: a side that got none tells its program 1006",
        );
    }
    format!("WebSocket: the {} ends TCP with {how}", sender.name())
}
