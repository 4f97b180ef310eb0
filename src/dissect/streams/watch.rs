//! One connection that may be an upgrade: what its octets show, as steps, and what its messages carry.

use super::reader::{Found, Told};
use crate::model::queue::Carrier;
use crate::model::websocket::{Answered, Completes, Lost, Step};
use crate::model::{FrameId, Side, Time};
use crate::stack::l7_application::http1::{self, RequestHead};
use crate::stack::l7_application::queue;
use crate::stack::l7_application::queue::observer::{is_frame, may_be_frame};
use crate::stack::l7_application::ws::{Limits, Observer, Rule, Seen, Whole, facts};
use std::collections::VecDeque;
use std::ops::Range;

/// Octets of a payload that a step has at most, unless somebody wants more; a control frame's fit whole.
pub(super) const SAMPLE: usize = 256;
/// Pings of a side whose answer is awaited, at most: older ones are forgotten.
const PINGS: usize = 16;
/// Octets of a message at most, inflated. It is a bound on memory, no rule: what is larger is not followed.
const MESSAGE: u64 = 16 << 20;

/// The subprotocol whose messages are layerlab's frames (docs/protocols/queue.md).
const QUEUE: &str = "layerlab.queue";

/// A Ping, until its Pong.
#[derive(Debug)]
struct Ping {
    payload: Vec<u8>,
    at: Time,
    frame: Option<FrameId>,
}

/// Reads both directions, told apart by role: the client is who asks.
#[derive(Debug)]
pub(super) struct Watch {
    observer: Observer,
    sample: usize,
    /// Octets of the client's and the server's stream so far.
    fed: [u64; 2],
    /// Plain requests and their answers go by: the next request may ask for an upgrade.
    waits: bool,
    /// Where the messages are layerlab's frames, as agreed on or as the first one showed.
    queue: Option<Box<queue::Observer>>,
    /// Where the answer lies.
    answer: Range<u64>,
    asked: bool,
    open: bool,
    ended: bool,
    pings: [VecDeque<Ping>; 2],
    closes: [bool; 2],
}

impl Watch {
    /// A payload is told up to `sample` octets.
    pub(super) fn new(sample: usize) -> Watch {
        Watch {
            observer: observer(sample),
            sample,
            fed: [0; 2],
            waits: false,
            queue: None,
            answer: 0..0,
            asked: false,
            open: false,
            ended: false,
            pings: Default::default(),
            closes: [false; 2],
        }
    }

    /// Octets of memory that it holds, roughly.
    pub(super) fn held(&self) -> usize {
        size_of::<Watch>() + self.observer.held() + self.queue.as_ref().map_or(0, |queue| queue.held())
    }

    /// The next octets of a side. `frame` and `at`: what brought them. Gives whether it is still worth looking: not where
    /// this is no HTTP, or the upgrade was refused.
    pub(super) fn feed(
        &mut self,
        sender: Side,
        octets: &[u8],
        (frame, at): (Option<FrameId>, Time),
        found: &mut Vec<Found>,
    ) -> bool {
        let before = self.fed;
        self.fed[sender as usize] += octets.len() as u64;
        if self.waits {
            // A request begins a segment, for hardly anybody sends it before the last was answered (RFC 9112 s9.3.2).
            if sender == Side::Server || !octets.starts_with(b"GET ") {
                return true;
            }
            self.observer = observer(self.sample).behind(before);
            self.waits = false;
        }
        let mut seen = Vec::new();
        self.observer.feed(sender, octets, &mut |s| seen.push(s));
        for seen in seen {
            let one = match seen {
                Seen::Request { at, head } => {
                    if !is_upgrade(&head) {
                        self.waits = true;
                        return true;
                    }
                    self.asked = true;
                    (Side::Client, at, Told::WebSocket(Step::Request(facts::request(&head))))
                }
                // An answer to nothing that was seen whole.
                Seen::Response { .. } if !self.asked => return false,
                Seen::Response { at, head, steps } => {
                    self.answer = at.clone();
                    (
                        Side::Server,
                        at,
                        Told::WebSocket(Step::Response(facts::response(&head, steps.as_ref()))),
                    )
                }
                Seen::Opened(agreed) => {
                    self.open = true;
                    if agreed.subprotocol.as_deref() == Some(QUEUE) {
                        self.queue = Some(Box::new(queue::Observer::new(true, true)));
                    }
                    let step = Step::Opened(facts::opened(&agreed));
                    (Side::Server, self.answer.clone(), Told::WebSocket(step))
                }
                Seen::Refused(refusal) => {
                    // Before anybody asked for an upgrade, it says only that this is something else.
                    if self.asked {
                        let answer = self.answer.clone();
                        let step = Step::Refused(facts::refused(&refusal));
                        found.push((Side::Server, answer, Told::WebSocket(step)));
                    }
                    return false;
                }
                Seen::Frame { sender, at: place, header, payload, mut completes } => {
                    let carried = self.carried(sender, &place, &mut completes, (frame, at));
                    let mut frame_facts = facts::frame(&header, payload, completes.as_ref());
                    self.pair(sender, &mut frame_facts, frame, at);
                    found.push((sender, place, Told::WebSocket(Step::Frame(frame_facts))));
                    found.extend(carried);
                    continue;
                }
                Seen::Fault { at, head, fault } => {
                    let step = match fault.rule {
                        Rule::MessageTooLarge { limit } => Step::Lost(Lost::TooMuch { limit }),
                        _ => facts::fault(&fault, &head),
                    };
                    (fault.blame, at, Told::WebSocket(step))
                }
            };
            found.push(one);
        }
        true
    }

    /// Reads the frame of layerlab's that a message is, and cuts the message to its sample.
    fn carried(
        &mut self,
        sender: Side,
        place: &Range<u64>,
        completes: &mut Option<Whole>,
        (frame, at): (Option<FrameId>, Time),
    ) -> Option<Found> {
        let Some(Whole::Message { payload, .. }) = completes else { return None };
        if self.queue.is_none() && is_frame(payload) {
            self.queue = Some(Box::new(queue::Observer::new(true, true)));
        }
        let seen = self.queue.as_mut()?.datagram(sender, payload, place.clone(), (at, frame));
        payload.truncate(SAMPLE);
        Some((sender, place.clone(), Told::Queue(Box::new(seen), Carrier::WebSocket)))
    }

    /// Finds what a Pong or a Close answers.
    fn pair(
        &mut self,
        sender: Side,
        facts: &mut crate::model::websocket::Frame,
        frame: Option<FrameId>,
        at: Time,
    ) {
        let other = sender.other() as usize;
        match &mut facts.completes {
            Completes::Ping => {
                let pings = &mut self.pings[sender as usize];
                if pings.len() == PINGS {
                    pings.pop_front();
                }
                pings.push_back(Ping { payload: facts.payload.clone(), at, frame });
            }
            Completes::Pong(answered) => {
                // It answers the latest Ping of its payload, and those before it (RFC 6455 s5.5.3).
                let pings = &mut self.pings[other];
                let which = pings.iter().rposition(|ping| ping.payload == facts.payload);
                if let Some(ping) = which.and_then(|n| pings.drain(..=n).next_back()) {
                    *answered = Some(Answered { after: at.since(ping.at), ping: ping.frame });
                }
            }
            Completes::Close(close) => {
                close.answers = self.closes[other];
                self.closes[sender as usize] = true;
            }
            Completes::Nothing | Completes::Message(_) => {}
        }
    }

    /// Whether what was fed so far is of no interest any more.
    pub(super) const fn waits(&self) -> bool {
        self.waits
    }

    /// Whether an upgrade was asked for.
    pub(super) const fn is_upgrade(&self) -> bool {
        self.asked
    }

    /// Whether its messages are a queue's.
    pub(super) const fn is_queue(&self) -> bool {
        self.queue.is_some()
    }

    /// A side can't be followed any further.
    pub(super) fn lose(&mut self, side: Side) {
        if let Some(queue) = &mut self.queue {
            queue.lose(side);
        }
    }

    /// Whether both sides agreed on it.
    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    /// A side ended TCP; told once, and only of an open connection.
    pub(super) fn end(&mut self, reset: bool) -> Option<Step> {
        let first = self.open && !std::mem::replace(&mut self.ended, true);
        first.then_some(Step::Ended { reset, clean: self.closes == [true; 2] })
    }
}

fn observer(sample: usize) -> Observer {
    let limits = Limits { frame: u64::MAX >> 1, message: MESSAGE, fragments: u32::MAX };
    Observer::new(limits, http1::Limits::default(), sample).with_whole(may_be_frame)
}

/// Whether a request asks for WebSocket, rightly or not.
fn is_upgrade(head: &RequestHead) -> bool {
    head.fields.lists("upgrade", "websocket") || head.fields.all("sec-websocket-key").next().is_some()
}
