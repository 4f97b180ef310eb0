//! Over a WebSocket: one upgrade, then a frame an event.

use super::Push;
use crate::live::calls::{CallError, Program, Traced};
use crate::live::talk::Talk;
use crate::stack::l7_application::ws::handshake::{ClientRequest, ServerPolicy};
use crate::stack::l7_application::ws::machine::{Command, Event, Settings};
use crate::stack::l7_application::ws::{CloseCode, Kind, Masks, WebSocket};
use std::net::SocketAddr;
use std::sync::Arc;

/// Where the events come from.
const TARGET: &str = "/events";

impl Push {
    /// The client: hears.
    pub(super) fn hear(&self, program: &Program, socket: &Traced, to: SocketAddr) -> Result<(), CallError> {
        let mut masks = Masks::seeded(self.seed);
        let request = ClientRequest::new(to.to_string(), TARGET, masks.nonce());
        let machine = WebSocket::client(request, masks, Arc::new(Settings::default()));
        let mut talk = Talk::new(program, socket, machine);
        talk.say(Command::Begin)?;
        // Whoever hears sends nothing from here to the end.
        let asked = talk.octets[0];
        while let Some(event) = talk.hear()? {
            let mut notes = self.notes();
            match event {
                Event::Opened(_) => {
                    notes.requests += 1;
                    notes.opening = talk.octets;
                }
                Event::Message(..) => notes.heard.push(program.emitter.now()),
                _ => {}
            }
            notes.octets = talk.octets;
        }
        let mut notes = self.notes();
        notes.octets = talk.octets;
        notes.closing[0] = talk.octets[0] - asked;
        Ok(())
    }

    /// The server: sends each event when it comes to be, and closes after the last.
    pub(super) fn send(&self, program: &Program, connection: &Traced) -> Result<(), CallError> {
        let opened = program.emitter.now();
        let machine =
            WebSocket::server(opened, Arc::new(ServerPolicy::default()), Arc::new(Settings::default()));
        let mut talk = Talk::new(program, connection, machine);
        while let Some(event) = talk.hear()? {
            if let Event::Opened(_) = event {
                for n in 0..self.count {
                    Push::sleep_until(program, self.due(opened, n));
                    self.notes().made.push(self.due(opened, n));
                    let payload = self.event.to_vec();
                    talk.say(Command::Message { kind: Kind::Text, payload, fragment: None })?;
                }
                // One read of the client's may bring the last event and this: only here are they apart.
                let said = talk.octets[0];
                talk.say(Command::Close(Some((CloseCode::NORMAL, String::new()))))?;
                self.notes().closing[1] = talk.octets[0] - said;
            }
        }
        Ok(())
    }
}
