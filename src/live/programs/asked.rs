//! What others of the same user ask of a running network: about it, to change its wire, to come in.
//!
//! A request is a line: `about`, `set PATCH`, `join client`, `join server`.

use crate::host::Home;
use crate::host::control::{Caller, Control, Doors};
use crate::live::private::Rewirer;
use crate::model::{Run, Side};
use crate::wire::Patch;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What is known of the network from its beginning.
struct Asked {
    rewirer: Rewirer,
    doors: [Arc<Doors>; 2],
    about: String,
    addresses: String,
}

/// Answers from a thread of its own, until the process ends.
pub(super) fn serve(control: Control, rewirer: Rewirer, homes: &[Home; 2], run: &Run) -> io::Result<()> {
    let asked = Asked {
        rewirer,
        doors: homes.each_ref().map(Home::doors),
        about: format!("{}\n{}\n{}", std::process::id(), run.backend.name(), run.command),
        addresses: format!("{}\n{}", run.client.ip, run.server.ip),
    };
    let answering = move || {
        loop {
            match control.next_caller() {
                // Whoever asks badly, or does not wait for the answer, has no answer.
                Ok(caller) => drop(asked.answer(caller)),
                // Out of descriptors, say: not to be asked again at once.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    std::thread::Builder::new().name("questions".to_owned()).spawn(answering).map(drop)
}

impl Asked {
    fn answer(&self, mut caller: Caller) -> io::Result<()> {
        let request = caller.request()?;
        let (verb, rest) = request.trim().split_once(' ').unwrap_or((request.trim(), ""));
        match (verb, rest) {
            ("about", "") => {
                let wire = self.rewirer.set(None).and_then(Result::ok).unwrap_or_default();
                caller.reply(true, &format!("{wire}\n{}", self.about), None)
            }
            ("set", patch) => {
                let set =
                    patch.parse::<Patch>().map(|patch| (patch.to_string(), self.rewirer.set(Some(patch))));
                match set {
                    Ok((words, Some(Ok(wire)))) => caller.reply(true, &format!("{words}\n{wire}"), None),
                    Ok((_, Some(Err(why)))) | Err(why) => caller.reply(false, &why.to_string(), None),
                    Ok((_, None)) => caller.reply(false, "the run is ending", None),
                }
            }
            ("join", name) => match Side::BOTH.into_iter().find(|side| side.name() == name) {
                Some(side) => caller.reply(true, &self.addresses, Some(&self.doors[side as usize])),
                None => caller.reply(false, "its hosts are client and server", None),
            },
            _ => caller.reply(false, "it takes about, set and join", None),
        }
    }
}
