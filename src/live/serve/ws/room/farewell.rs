//! How a connection of the WebSocket server ends: what is said last, and who waits for whom.

use super::Room;
use crate::live::serve::Watch;
use crate::live::serve::reactor::Next;
use crate::live::serve::ws::client::{Client, Open, Phase};
use crate::stack::l7_application::http1::ResponseHead;
use crate::stack::l7_application::ws::{CloseCode, Kind};
use std::io;

/// Why the server closes a connection: the reason in the Close frame.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Farewell {
    #[error("the server stops")]
    Stops,
    #[error("silent for too long")]
    Silent,
    #[error("reads too slowly")]
    Behind,
    #[error("too much is held here")]
    Overloaded,
    #[error("as many pages watch as may")]
    Watched,
    #[error("a chat takes text")]
    Unsupported,
}

impl Farewell {
    const fn code(self) -> CloseCode {
        match self {
            Farewell::Stops | Farewell::Silent => CloseCode::GOING_AWAY,
            Farewell::Behind => CloseCode::POLICY,
            // Registered with IANA after RFC 6455: "Try Again Later".
            Farewell::Overloaded | Farewell::Watched => CloseCode(1013),
            Farewell::Unsupported => CloseCode::UNSUPPORTED,
        }
    }
}

impl Room {
    /// Our Close goes out; the peer's is awaited.
    pub(super) fn say_farewell<W: Watch>(
        &mut self,
        client: &mut Client,
        why: Farewell,
        watch: &mut W,
    ) -> io::Result<()> {
        let by = self.now + self.options.close_within;
        let Phase::Open(open) = &mut client.phase else { return Ok(()) };
        // Where ours was said before, its time is running.
        if open.endpoint.close(Some((why.code(), &why.to_string())), &mut self.out).is_ok() {
            open.close_by = Some(by);
        }
        self.send_out(client, watch)
    }

    /// A peer let its time pass. Who has begun a request is told so (RFC 9110 s15.5.9).
    pub(super) fn give_up<W: Watch>(&mut self, client: &mut Client, watch: &mut W) -> io::Result<Next> {
        if !matches!(&client.phase, Phase::Shaking(head, _) if !head.octets().is_empty()) {
            return Ok(Next::Close);
        }
        let mut head = ResponseHead::new(408);
        head.fields.push("Connection", "close");
        head.fields.push("Content-Length", "0");
        head.encode(&mut self.out);
        self.send_out(client, watch)?;
        self.end(client);
        Ok(self.flush(client, watch)?.unwrap_or(Next::Wait))
    }

    /// Nothing more is to be said: what is held goes out, then our direction ends. The server ends TCP first, so that
    /// TIME-WAIT stays with it (RFC 6455 s7.1.1), and reads on: a `close()` with unread octets would reset the
    /// connection and may destroy what was just sent.
    pub(super) fn end(&mut self, client: &mut Client) {
        let by = self.now + self.options.close_within;
        let phase = std::mem::replace(&mut client.phase, Phase::Ending { by, shut: false });
        self.unfinished -= std::mem::take(&mut client.unfinished);
        if let Phase::Open(open) = phase {
            self.left(*open);
        }
    }

    /// An open connection is over.
    fn left(&mut self, open: Open) {
        self.did.abnormal += u64::from(!open.endpoint.dialogue().is_clean());
        self.deflating -= usize::from(open.deflate);
        if let Some(id) = open.watches {
            self.boxes.close(id);
        }
        if let Some(name) = open.name {
            let told = self.chat.leave(&name);
            self.log.push(Kind::Text, told.as_bytes());
        }
    }
}
