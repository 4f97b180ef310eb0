//! One client, whatever carries its frames.

use super::core::{Core, Owner, Who};
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::engine::{ConsumerId, Mode, QueueId};
use crate::stack::l7_application::queue::message::{Message, kind};
use crate::stack::l7_application::queue::session::{Farewell, Session, Told};

/// Reports that a client may wait for at once.
const REPORTS: usize = 16;

/// A client.
pub(super) struct Party {
    pub(super) who: Who,
    pub(super) session: Session,
    /// Frames for it.
    pub(super) out: Vec<u8>,
    /// It does not take what was sent: its consumers get nothing.
    pub(super) blocked: bool,
    /// Consumers that were passed over for that.
    pub(super) paused: Vec<ConsumerId>,
    /// Reports that it asked for.
    pub(super) asked: Vec<(u32, Option<QueueId>)>,
    /// Where in `out` this round's deliveries begin of which one is made at most once: they must not go out before the
    /// journal says so.
    pub(super) unsure: Option<usize>,
    /// The session is over, and its last words are in `out`.
    pub(super) over: bool,
}

/// What the driver must do besides.
pub(super) enum Then {
    Nothing,
    /// These consumers of other clients are gone with their queue.
    Gone(Vec<(Who, ConsumerId)>),
}

impl Party {
    pub(super) fn new(who: Who) -> Party {
        let session = Session::new(matches!(who, Who::Address(_)));
        Party {
            who,
            session,
            out: Vec::new(),
            blocked: false,
            paused: Vec::new(),
            asked: Vec::new(),
            unsure: None,
            over: false,
        }
    }

    /// Takes a message of the client's. One that comes after its session is over is passed over.
    #[inline]
    pub(super) fn hear(&mut self, message: Message<'_>, core: &mut Core) -> Then {
        if self.over {
            return Then::Nothing;
        }
        let mode = match message {
            Message::Subscribe { mode, .. } => mode,
            _ => Mode::AtLeastOnce,
        };
        let told = core.lend(|house| self.session.hear(message, house, &mut self.out));
        match told {
            Ok(Told::Nothing) => {}
            Ok(Told::Subscribed(consumer, subscription)) => {
                core.owners.insert(consumer, Owner { who: self.who, subscription, mode });
            }
            Ok(Told::Gone(consumer)) => {
                core.owners.remove(&consumer);
            }
            Ok(Told::Deleted(queue)) => {
                // At once: what the client says next is about a queue that is gone.
                let (ours, others) = core.delete(queue).into_iter().partition(|(who, _)| *who == self.who);
                let ours: Vec<(Who, ConsumerId)> = ours;
                ours.iter().for_each(|(_, consumer)| self.forget(*consumer));
                return Then::Gone(others);
            }
            Ok(Told::Inspect(request, queue)) if self.asked.len() < REPORTS => {
                self.asked.push((request, queue))
            }
            Ok(Told::Inspect(request, _)) => Message::Refused {
                what: kind::INSPECT,
                number: request.into(),
                code: Code::Limit,
                reason: "reports that were asked for before have not been sent yet",
            }
            .encode(&mut self.out),
            Ok(Told::Closed) => self.leave(core),
            Err(farewell) => self.end(&farewell, core),
        }
        Then::Nothing
    }

    /// The server ends it.
    pub(super) fn end(&mut self, farewell: &Farewell, core: &mut Core) {
        if !self.over {
            farewell.encode(&mut self.out);
            self.leave(core);
        }
    }

    /// What its consumers had in hand goes back.
    pub(super) fn leave(&mut self, core: &mut Core) {
        self.over = true;
        self.paused.clear();
        let gone = core.lend(|house| self.session.leave(house));
        for consumer in gone {
            core.owners.remove(&consumer);
        }
    }

    /// A consumer is gone with its queue.
    pub(super) fn forget(&mut self, consumer: ConsumerId) {
        self.session.forget(consumer, &mut self.out);
        self.paused.retain(|paused| *paused != consumer);
    }

    /// The round's last commit is made, or has failed: then what it should have written down does not go out.
    pub(super) fn settle(&mut self, written: bool, core: &mut Core) {
        let Some(from) = self.unsure.take().filter(|_| !written) else { return };
        self.out.truncate(from);
        let reason = "the journal cannot be written: what was handed out at most once is lost";
        self.end(&Farewell::new(Code::Storage, reason), core);
    }

    /// It takes what is sent again.
    pub(super) fn unblock(&mut self, core: &mut Core) {
        self.blocked = false;
        for consumer in self.paused.drain(..) {
            core.engine.resume(consumer);
        }
    }
}
