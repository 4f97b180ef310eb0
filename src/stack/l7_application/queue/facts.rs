//! What a message says, in the model's words: what whoever tells it to a listener emits.

use super::message::{From, Kind, Message, Mode, Policy, name};
use crate::model::queue::{Declare, Rest, Said};

/// A message's fields. Of what is the rest of a payload, at most `sample` octets.
pub fn said(message: &Message<'_>, sample: usize) -> Said {
    let rest = |octets: &[u8]| Rest {
        len: octets.len() as u64,
        sample: octets.get(..sample).unwrap_or(octets).to_owned(),
    };
    match *message {
        Message::Hello { client, token } => Said::Hello { client: client.into(), token: token.into() },
        Message::Declare(d) => Said::Declare(Box::new(Declare {
            request: d.request,
            queue: d.queue.into(),
            kind: matches!(d.kind, Kind::Topic).into(),
            policy: match d.policy {
                Policy::Reject => 0,
                Policy::DropOldest => 1,
                Policy::DeadLetter => 2,
            },
            max_messages: d.max_messages,
            max_bytes: d.max_bytes,
            max_age_ms: d.max_age_ms,
            max_deliveries: d.max_deliveries,
            window: d.window,
            dead_letter: d.dead_letter.into(),
        })),
        Message::Publish { seq, queue, id, body } => {
            Said::Publish { seq, queue: queue.into(), id: id.into(), body: rest(body) }
        }
        Message::Subscribe { subscription, queue, prefetch, mode, from } => {
            let (from, offset) = match from {
                From::New => (0, 0),
                From::Start => (1, 0),
                From::Offset(offset) => (2, offset),
            };
            let mode = matches!(mode, Mode::AtLeastOnce).into();
            Said::Subscribe { subscription, queue: queue.into(), prefetch, mode, from, offset }
        }
        Message::Ack { subscription, multiple, offset } => Said::Ack { subscription, multiple, offset },
        Message::Nack { subscription, requeue, offset } => Said::Nack { subscription, requeue, offset },
        Message::Unsubscribe { subscription } => Said::Unsubscribe { subscription },
        Message::Inspect { request, queue } => Said::Inspect { request, queue: queue.into() },
        Message::Delete { request, queue } => Said::Delete { request, queue: queue.into() },
        Message::Purge { request, queue } => Said::Purge { request, queue: queue.into() },
        Message::Ping { token } => Said::Ping { token },
        Message::Pong { token } => Said::Pong { token },
        Message::Close { code, reason } => Said::Close {
            code: code.number(),
            code_name: code.name().unwrap_or_default(),
            reason: rest(reason.as_bytes()),
        },
        Message::Welcome { server, max_payload, idle_ms } => {
            Said::Welcome { server: server.into(), max_payload, idle_ms }
        }
        Message::Done { request, value } => Said::Done { request, value },
        Message::Confirm { first, last } => Said::Confirm { first, last },
        Message::Refused { what, number, code, reason } => Said::Refused {
            what,
            what_name: name(what).unwrap_or_default(),
            number,
            code: code.number(),
            code_name: code.name().unwrap_or_default(),
            reason: rest(reason.as_bytes()),
        },
        Message::Deliver { subscription, offset, deliveries, id, body } => {
            Said::Deliver { subscription, offset, deliveries, id: id.into(), body: rest(body) }
        }
        Message::Report { request, json } => Said::Report { request, json: rest(json.as_bytes()) },
        Message::Duplicate { seq, offset } => Said::Duplicate { seq, offset },
    }
}
