//! The load over UDP: each message one datagram, and nobody looks after it.

use super::{Haul, NAP, number};
use crate::live::calls::{CallError, Program};
use crate::live::echo::ServerCue;
use crate::model::SocketKind;
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Instant;

/// Room for the longest datagram.
pub(super) const ROOM: usize = 65_535;

impl Haul {
    pub(super) fn udp_server(
        &self,
        program: &Program,
        at: SocketAddr,
        cue: &ServerCue,
    ) -> Result<(), CallError> {
        debug_assert_eq!(program.patience, NAP);
        let socket = program.socket(SocketKind::Datagram, &at)?;
        cue.ready(socket.bind(at)?);
        let last = Cell::new(None);
        while let Some((datagram, _)) = socket.recv_from_unless(ROOM, || self.is_over(cue, &last))? {
            last.set(last.get().map(|_| Instant::now()));
            if let Some(number) = number(&datagram) {
                self.journal.notes().got(number, datagram.len(), program.emitter.now());
            }
        }
        socket.close();
        Ok(())
    }

    pub(super) fn udp_client(&self, program: &Program, to: SocketAddr) -> Result<(), CallError> {
        let socket = program.socket(SocketKind::Datagram, &to)?;
        for setting in &self.settings {
            socket.set(setting)?;
        }
        self.on_schedule(program, |message| socket.send_to(&message, to).map(|_| ()))?;
        socket.close();
        Ok(())
    }
}
