//! layerlab's frames and the two ends of its queue: who says what, what it answers, what it does not promise.

use super::super::text::{count, preview, safe, span};
use super::{Draft, NoteKind, websocket};
use crate::model::queue::{
    Carrier, Declare, Earlier, Fault, Frame, Illegal, Queue, Relation, Rest, Said, Step,
};
use crate::model::{Cite, Evidence, Side};

/// Columns of a name or a payload in a line.
const SHOWN: usize = 28;
/// Columns of a reason.
const REASON: usize = 60;
/// Where the rules stand.
const PAPER: Option<Cite> = Some(Cite::named("queue.md", ""));

pub(super) fn step(draft: &mut Draft<'_>, seen: &Queue) -> String {
    let said = seen.dropped.then(|| draft.said.clone());
    let body = match &seen.step {
        Step::Frame(frame) => whole(draft, seen, frame),
        Step::Fault(fault) => broken(draft, seen, fault),
        Step::Lost(why) => {
            websocket::lost_note(draft, why);
            format!("queue: what the {} sends can't be followed from here on", seen.sender.name())
        }
        Step::Ended { reset, closed, unconfirmed, unacked } => {
            ended(draft, seen.sender, (*reset, *closed), *unconfirmed, *unacked)
        }
    };
    // Nothing comes of it, and what is said only once is not said of it.
    if let Some(said) = said {
        *draft.said = said;
        let text = format!("dropped by the wire: the {} never gets it", seen.sender.other().name());
        draft.notes.clear();
        draft.note(NoteKind::Why, Evidence::Ledger, None, text);
    }
    let route = websocket::route(draft, seen.sender, seen.carried.as_ref());
    format!("{route} {body}")
}

fn name(text: &str, ascii: bool) -> String {
    preview(text.as_bytes(), SHOWN, ascii)
}

/// The beginning of a body: text as it reads, else its first octets in hexadecimal.
fn body(rest: &Rest, ascii: bool) -> String {
    let words = count(rest.len, "octet");
    if rest.len == 0 {
        return words;
    }
    let text = std::str::from_utf8(&rest.sample).map_or_else(
        |error| error.error_len().is_none() && error.valid_up_to() > 0,
        |text| !text.contains('\0'),
    );
    format!("{words} {}", websocket::sample(&rest.sample, text, ascii))
}

/// A text that is the rest of a payload; nothing for an empty one.
fn reason(rest: &Rest, ascii: bool) -> String {
    if rest.len == 0 { String::new() } else { format!(" {}", preview(&rest.sample, REASON, ascii)) }
}

fn id(octets: &[u8], ascii: bool) -> String {
    if octets.is_empty() { String::new() } else { format!(" id={}", preview(octets, SHOWN, ascii)) }
}

/// A code as the specification has it: `32 (full)`.
fn code(number: u16, name: &str) -> String {
    if name.is_empty() { number.to_string() } else { format!("{number} ({name})") }
}

fn whole(draft: &mut Draft<'_>, seen: &Queue, frame: &Frame) -> String {
    let words = match &frame.said {
        Said::Publish { .. }
        | Said::Confirm { .. }
        | Said::Refused { .. }
        | Said::Deliver { .. }
        | Said::Duplicate { .. } => message(draft, frame),
        Said::Hello { .. }
        | Said::Welcome { .. }
        | Said::Close { .. }
        | Said::Ping { .. }
        | Said::Pong { .. } => connection(draft, frame),
        _ => request(draft, frame),
    };
    if let Some(illegal) = frame.illegal {
        let text = rule(illegal, seen.sender, frame);
        draft.note(NoteKind::Why, draft.event.evidence, PAPER, text);
    }
    if let Some(follows) = &frame.follows {
        follow(draft, frame, follows);
    }
    carried(draft, seen, frame);
    format!("{} {words}", frame.name).trim_end().to_owned()
}

/// What is said of the connection itself.
fn connection(draft: &mut Draft<'_>, frame: &Frame) -> String {
    let ascii = draft.glyphs.ascii;
    match &frame.said {
        Said::Hello { client, token } => {
            if token.is_empty() {
                return format!("client={}", name(client, ascii));
            }
            draft.meaning(
                PAPER,
                "the token proves who this is; it is not encrypted: who sees this frame has it",
            );
            format!("client={} token of {}", name(client, ascii), count(token.len() as u64, "octet"))
        }
        Said::Welcome { server, max_payload, idle_ms } => {
            let idle = match idle_ms {
                0 => "waits for ever".to_owned(),
                ms => format!(
                    "closes after {} of silence",
                    span(std::time::Duration::from_millis((*ms).into()))
                ),
            };
            let text = format!("the server takes at most {max_payload} octets of payload, and {idle}");
            draft.meaning(PAPER, text);
            format!("server={}", name(server, ascii))
        }
        Said::Close { code: number, code_name, reason: why } => {
            draft.meaning(PAPER, "the last frame of who sends it");
            format!("{}{}", code(*number, code_name), reason(why, ascii))
        }
        Said::Ping { token } => {
            draft.once(
                "queue ping",
                NoteKind::Meaning,
                PAPER,
                "the other side answers with PONG and the same token",
            );
            format!("token={token}")
        }
        Said::Pong { token } => format!("token={token}"),
        _ => String::new(),
    }
}

/// What a client asks of the server, and the plain answers.
fn request(draft: &mut Draft<'_>, frame: &Frame) -> String {
    let ascii = draft.glyphs.ascii;
    match &frame.said {
        Said::Declare(declare) => declared(draft, declare),
        Said::Subscribe { subscription, queue, prefetch, mode, from, offset } => {
            let mode = if *mode == 1 { "at least once" } else { "at most once" };
            let from = match from {
                0 => "from new".to_owned(),
                1 => "from the start".to_owned(),
                _ => format!("from offset {offset}"),
            };
            let text = match (prefetch, mode) {
                (_, "at most once") => "at most once: each message is forgotten as it is sent".to_owned(),
                (0, _) => {
                    "prefetch 0: as many unacknowledged messages at a time as the server allows".to_owned()
                }
                (n, _) => {
                    format!("the server keeps each message until its ACK, and has at most {n} out at a time")
                }
            };
            draft.meaning(PAPER, text);
            format!("{subscription} queue={} prefetch={prefetch} {mode}, {from}", name(queue, ascii))
        }
        Said::Ack { subscription, multiple, offset } => {
            if *multiple {
                draft.meaning(PAPER, "this one and all before it that it did not acknowledge yet");
            }
            format!("{subscription} offset={offset}{}", if *multiple { " multiple" } else { "" })
        }
        Said::Nack { subscription, requeue, offset } => {
            let text = if *requeue {
                "not done: it goes back to the head of its queue, to be handed out again"
            } else {
                "not done and not wanted again: a dead letter"
            };
            draft.meaning(PAPER, text);
            format!("{subscription} offset={offset} requeue={}", u8::from(*requeue))
        }
        Said::Unsubscribe { subscription } => {
            draft.meaning(PAPER, "no more messages; what it did not acknowledge goes back to the queue");
            subscription.to_string()
        }
        Said::Inspect { request, queue } => match queue.as_str() {
            "" => format!("request={request} all queues"),
            queue => format!("request={request} queue={}", name(queue, ascii)),
        },
        Said::Delete { request, queue } | Said::Purge { request, queue } => {
            format!("request={request} queue={}", name(queue, ascii))
        }
        Said::Done { request, value } => {
            match frame.follows.map(|follows| follows.name) {
                Some("SUBSCRIBE") => {
                    draft.meaning(PAPER, format!("the first offset that can come is {value}"))
                }
                Some("PURGE") => draft.meaning(PAPER, format!("{} dropped", count(*value, "message"))),
                _ => {}
            }
            format!("request={request} value={value}")
        }
        Said::Report { request, json } => format!("request={request} {}", body(json, ascii)),
        _ => String::new(),
    }
}

fn declared(draft: &mut Draft<'_>, declare: &Declare) -> String {
    let ascii = draft.glyphs.ascii;
    let kind = match declare.kind {
        0 => {
            draft.meaning(PAPER, "a work queue: each message goes to one consumer");
            "work"
        }
        _ => {
            draft.meaning(PAPER, "a topic: every subscriber gets every message");
            "topic"
        }
    };
    let bounds = [
        (declare.max_messages, "messages"),
        (declare.max_bytes, "octets"),
        (declare.max_age_ms, "ms of age"),
        (declare.max_deliveries.into(), "deliveries"),
    ];
    let bounds: Vec<String> =
        bounds.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if !bounds.is_empty() {
        let full = ["a message more is refused", "the oldest makes room", "the oldest becomes a dead letter"];
        let full = full.get(usize::from(declare.policy)).copied().unwrap_or_default();
        draft.meaning(PAPER, format!("at most {}; where it is full, {full}", bounds.join(", ")));
    }
    if !declare.dead_letter.is_empty() {
        draft.meaning(PAPER, format!("dead letters go to {}", name(&declare.dead_letter, ascii)));
    }
    format!("request={} queue={} {kind}", declare.request, name(&declare.queue, ascii))
}

/// Messages on their way into a queue and out of it.
fn message(draft: &mut Draft<'_>, frame: &Frame) -> String {
    let ascii = draft.glyphs.ascii;
    match &frame.said {
        Said::Publish { seq, queue, id: own, body: octets } => {
            let text = match seq {
                0 => {
                    "no answer is wanted: if it is lost, its publisher is not told (at most once)".to_owned()
                }
                seq => format!("its publisher may forget it only when CONFIRM names seq {seq}"),
            };
            draft.meaning(PAPER, text);
            if !own.is_empty() {
                draft.once(
                    "queue id",
                    NoteKind::Meaning,
                    PAPER,
                    "the id names the message: while the queue remembers it, a second one is not stored",
                );
            }
            format!("seq={seq} queue={}{} {}", name(queue, ascii), id(own, ascii), body(octets, ascii))
        }
        Said::Confirm { first, last } => {
            let which = if first == last { format!("seq {first}") } else { format!("seq {first} to {last}") };
            let since = frame.follows.map_or_else(String::new, |published| {
                let of = published.frame.map_or_else(|| "the last PUBLISH".to_owned(), |id| id.to_string());
                format!(": {} after {of}", span(published.after))
            });
            draft.meaning(PAPER, format!("the server answers for {which} from here on{since}"));
            draft.once(
                "queue confirm",
                NoteKind::BlindSpot,
                PAPER,
                "a CONFIRM says that the server has it, as safe as it was told to make it: no consumer has seen it for that",
            );
            which
        }
        Said::Refused { what, what_name, number, code: why, code_name, reason: words } => {
            let what =
                if what_name.is_empty() { format!("type 0x{what:02x}") } else { (*what_name).to_owned() };
            if what == "PUBLISH" {
                draft.meaning(PAPER, "not stored: the message is still its publisher's");
            }
            format!("{what} {number}: {}{}", code(*why, code_name), reason(words, ascii))
        }
        Said::Deliver { subscription, offset, deliveries, id: own, body: octets } => {
            let mut words = format!("{subscription} offset={offset}");
            if *deliveries > 1 {
                words.push_str(&format!(" redelivered, deliveries={deliveries}"));
                draft.meaning(
                    PAPER,
                    "it was handed out before and not acknowledged: whoever takes it may do its work twice",
                );
            }
            format!("{words}{} {}", id(own, ascii), body(octets, ascii))
        }
        Said::Duplicate { seq, offset } => {
            let text = format!("stored nothing: the message of that id came before, at offset {offset}");
            draft.meaning(PAPER, text);
            format!("seq={seq} offset={offset}")
        }
        _ => String::new(),
    }
}

/// What the frame is to an earlier one.
fn follow(draft: &mut Draft<'_>, frame: &Frame, earlier: &Earlier) {
    let Earlier { relation, name, count: many, after, frame: of, tcp_ack } = *earlier;
    let of = of.map_or_else(String::new, |id| format!(" in {id}"));
    let after = span(after);
    let text = match relation {
        Relation::Answers if frame.name == "CONFIRM" => String::new(),
        Relation::Answers if many > 1 => format!("answers {many} {name} frames, {after} after the last{of}"),
        Relation::Answers => format!("answers the {name}{of} after {after}"),
        Relation::Settles if many > 1 => {
            format!("{many} messages are settled, {after} after the last was delivered{of}")
        }
        Relation::Settles => format!("it was delivered{of}, {after} before"),
        Relation::Repeats => format!("said before{of}, {after} earlier"),
    };
    if !text.is_empty() {
        draft.meaning(PAPER, text);
    }
    let (Some(acked), "ACK" | "CONFIRM") = (tcp_ack, frame.name) else { return };
    let (key, what) = match frame.name {
        "ACK" => ("queue ack", "delivered"),
        _ => ("queue confirm ack", "published"),
    };
    draft.once(
        key,
        NoteKind::Meaning,
        Some(Cite::rfc(9293, "3.4")),
        &format!("this promise is layer 7's: TCP's ACK, {acked}, only says that the octets {what} reached the kernel"),
    );
}

/// Where TCP cut, or did not.
fn carried(draft: &mut Draft<'_>, seen: &Queue, frame: &Frame) {
    let Some(carried) = &seen.carried else { return };
    match seen.carrier {
        Carrier::Tcp if carried.segments > 1 => {
            let text = format!(
                "in {} segments: where TCP cuts the stream means nothing to what it carries",
                carried.segments
            );
            draft.once("queue spread", NoteKind::Meaning, Some(Cite::rfc(9293, "2.2")), &text);
        }
        Carrier::Tcp if draft.memory.queue_said(seen) == Some(carried.last) => draft.once(
            "queue shared",
            NoteKind::Meaning,
            Some(Cite::rfc(9293, "2.2")),
            "in the same segment as the frame before: TCP sees octets, no frames",
        ),
        Carrier::Udp
            if matches!(frame.said, Said::Publish { .. } | Said::Deliver { .. } | Said::Ack { .. }) =>
        {
            draft.once(
                "queue udp",
                NoteKind::Meaning,
                PAPER,
                "one frame a datagram; UDP sees to nothing: what is lost stays lost unless its sender says it again",
            );
        }
        _ => {}
    }
}

/// The rule that was broken, and by whom.
fn rule(illegal: Illegal, sender: Side, frame: &Frame) -> String {
    let who = sender.name();
    match illegal {
        Illegal::BeforeOpening => {
            let opening = if sender == Side::Client { "HELLO" } else { "WELCOME" };
            format!("the {who}'s fault: its first frame has to be {opening}")
        }
        Illegal::SecondOpening => format!("the {who}'s fault: {} stands once on a stream", frame.name),
        Illegal::WrongSide => format!("the {who}'s fault: {} is the other side's to say", frame.name),
        Illegal::AfterClose => format!("the {who}'s fault: nothing follows its own CLOSE"),
        Illegal::OverCap { cap } => {
            format!("the {who}'s fault: {} octets of payload, WELCOME said at most {cap}", frame.length)
        }
        Illegal::NotUpwards { last } => {
            format!("the {who}'s fault: seq counts upwards, and the last was {last}")
        }
        Illegal::NeverAsked if frame.name == "CONFIRM" => {
            format!("the {who}'s fault: it answers for what was never published")
        }
        Illegal::NeverAsked => format!("the {who}'s fault: nothing was asked that this answers"),
        Illegal::AnsweredBefore => format!("the {who}'s fault: that was answered before"),
        Illegal::NotSubscribed => format!("the {who}'s fault: nobody asked for this subscription"),
        Illegal::OverPrefetch { unacked, prefetch } => {
            format!("the {who}'s fault: {unacked} unacknowledged, the prefetch is {prefetch}")
        }
        Illegal::NeverDelivered => format!("the {who}'s fault: that message was not delivered to it"),
        Illegal::SettledBefore => format!("the {who}'s fault: that message was settled before"),
    }
}

fn broken(draft: &mut Draft<'_>, seen: &Queue, fault: &Fault) -> String {
    let closes = if seen.carrier == Carrier::Udp {
        "a bad datagram is dropped alone".to_owned()
    } else {
        format!("CLOSE {} says so", fault.code)
    };
    draft.meaning(
        PAPER,
        format!("the fault of the {} or of what carried its octets; {closes}", seen.sender.name()),
    );
    if !fault.goes_on {
        draft.meaning(None, "nothing behind it is read: where the next frame begins is not known any more");
    }
    let what = if fault.code == 10 { "frame" } else { "message" };
    format!("bad {what}: {}", safe(&fault.rule, draft.glyphs.ascii))
}

fn ended(
    draft: &mut Draft<'_>,
    sender: Side,
    (reset, closed): (bool, bool),
    unconfirmed: u64,
    unacked: u64,
) -> String {
    if unconfirmed > 0 {
        let text = format!(
            "{} neither confirmed nor refused: their publisher does not know whether the server has them",
            count(unconfirmed, "PUBLISH frame")
        );
        draft.meaning(PAPER, text);
    }
    if unacked > 0 {
        let text = format!(
            "{} delivered and not acknowledged: still the server's, to be handed out again",
            count(unacked, "message")
        );
        draft.meaning(PAPER, text);
    }
    let how = if reset { "a RST" } else { "a FIN" };
    let said = if closed { "after its CLOSE" } else { "without a CLOSE" };
    format!("queue: the {} ends TCP with {how}, {said}", sender.name())
}
