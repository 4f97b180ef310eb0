//! Both sides' messages, judged from outside: what answers what, and which step may not come.
//!
//! Role-free, and built so that it never blames without proof: what was missed (a capture that began late, a direction
//! that can't be followed, an entry that made room for others) is taken for legal.

use super::message::{Message, Mode, kind, name};
use super::recall::Recall;
use crate::model::queue::{Earlier, Illegal, Relation};
use crate::model::{FrameId, Side, Time};
use std::collections::BTreeMap;

/// Subscriptions of a connection that are remembered at most.
const SUBSCRIPTIONS: usize = 1024;

/// When and where a frame was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    /// When it was whole.
    pub(super) at: Time,
    /// The captured frame with which it was whole.
    pub(super) frame: Option<FrameId>,
    /// Where it ends in its sender's stream.
    pub(super) end: u64,
}

/// A subscription, asked for or standing.
#[derive(Clone, Copy, Default, Debug)]
struct Subscription {
    /// Unacknowledged messages at a time; 0 for no bound that is known.
    prefetch: u32,
    at_least_once: bool,
    unacked: u64,
    over: bool,
}

/// What a frame is in its conversation: the earlier one that it belongs to with its place, and the rule that it breaks.
pub(super) type Place = (Option<(Earlier, u64)>, Option<Illegal>);

/// A conversation so far.
#[derive(Clone, Debug)]
pub(super) struct Dialogue {
    /// Frames come one behind the other, none is missing: not so in datagrams.
    ordered: bool,
    /// All of it was seen from its first octet on.
    whole: bool,
    /// Whether a side has said anything, and whether it has said HELLO or WELCOME.
    opened: [bool; 2],
    greeted: [bool; 2],
    closed: [bool; 2],
    /// Octets of payload that the server takes, once it said so.
    cap: Option<u32>,
    /// The last number of a PUBLISH.
    last: u64,
    /// PUBLISH frames that wait for their answer.
    published: Recall<u64, Mark>,
    /// Other requests that do: number and type.
    asked: Recall<(u32, u8), Mark>,
    /// Subscriptions that were asked for and not answered yet.
    wanted: BTreeMap<u32, Subscription>,
    /// Those that stand.
    subscriptions: BTreeMap<u32, Subscription>,
    unacked: Recall<(u32, u64), Mark>,
    /// Messages that were delivered and settled.
    settled: Recall<(u32, u64), Mark>,
    pings: [Recall<u64, Mark>; 2],
}

impl Dialogue {
    pub(super) const fn new(ordered: bool, whole: bool) -> Dialogue {
        Dialogue {
            ordered,
            whole,
            opened: [!whole; 2],
            greeted: [false; 2],
            closed: [false; 2],
            cap: None,
            last: 0,
            published: Recall::new(),
            asked: Recall::new(),
            wanted: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            unacked: Recall::new(),
            settled: Recall::new(),
            pings: [Recall::new(), Recall::new()],
        }
    }

    /// Octets of memory that it holds, roughly.
    pub(super) fn held(&self) -> usize {
        let pings: usize = self.pings.iter().map(Recall::held).sum();
        let marks = self.published.held() + self.asked.held() + self.unacked.held() + self.settled.held();
        size_of::<Dialogue>() + pings + marks + (self.wanted.len() + self.subscriptions.len()) * 64
    }

    /// A direction can't be followed any further: what is not seen is not missing from now on.
    pub(super) fn lost(&mut self) {
        self.whole = false;
        self.opened = [true; 2];
    }

    pub(super) const fn closed(&self, side: Side) -> bool {
        self.closed[side as usize]
    }

    /// Messages that wait for a confirmation, and for an acknowledgment.
    pub(super) fn waiting(&self) -> [u64; 2] {
        [self.published.len() as u64, self.unacked.len() as u64]
    }

    /// Whether what is not there was never there.
    const fn knows(&self) -> bool {
        self.ordered && self.whole
    }

    /// A frame of `sender`.
    pub(super) fn see(&mut self, sender: Side, message: &Message<'_>, length: u32, mark: Mark) -> Place {
        let illegal = self.opening(sender, message, length);
        if illegal == Some(Illegal::WrongSide) {
            return (None, illegal);
        }
        let (earlier, broken) = match sender {
            _ if matches!(message.kind(), kind::PING..=kind::CLOSE) => self.either(sender, message, mark),
            Side::Client => self.client(message, mark),
            Side::Server => self.server(message, mark),
        };
        (earlier, illegal.or(broken))
    }

    /// What may not stand at this point, whatever it says.
    fn opening(&mut self, sender: Side, message: &Message<'_>, length: u32) -> Option<Illegal> {
        let n = sender as usize;
        let kind = message.kind();
        if kind < kind::PING && sender == Side::Server || kind > kind::CLOSE && sender == Side::Client {
            return Some(Illegal::WrongSide);
        }
        if !self.ordered {
            return None;
        }
        let opens = matches!(message, Message::Hello { .. } | Message::Welcome { .. });
        // A server that does not let somebody in says only why.
        let refuses = sender == Side::Server && matches!(message, Message::Close { .. });
        let opened = std::mem::replace(&mut self.opened[n], true);
        let greeted = self.greeted[n];
        self.greeted[n] |= opens;
        let closed = self.closed[n];
        self.closed[n] |= matches!(message, Message::Close { .. });
        match self.cap {
            _ if closed => Some(Illegal::AfterClose),
            _ if !opened && !opens && !refuses => Some(Illegal::BeforeOpening),
            _ if greeted && opens => Some(Illegal::SecondOpening),
            Some(cap) if sender == Side::Client && length > cap => Some(Illegal::OverCap { cap }),
            _ => None,
        }
    }

    fn either(&mut self, sender: Side, message: &Message<'_>, mark: Mark) -> Place {
        match *message {
            Message::Ping { token } => {
                self.pings[sender as usize].insert(token, mark);
                (None, None)
            }
            Message::Pong { token } => {
                let pings = &mut self.pings[sender.other() as usize];
                let forgot = pings.forgot();
                match pings.remove(token) {
                    Some(ping) => (earlier(Relation::Answers, kind::PING, 1, ping, mark), None),
                    None => (None, (self.knows() && !forgot).then_some(Illegal::NeverAsked)),
                }
            }
            _ => (None, None),
        }
    }

    fn client(&mut self, message: &Message<'_>, mark: Mark) -> Place {
        match *message {
            Message::Hello { .. } => self.ask((0, kind::HELLO), mark),
            Message::Declare(d) => self.ask((d.request, kind::DECLARE), mark),
            Message::Inspect { request, .. } => self.ask((request, kind::INSPECT), mark),
            Message::Delete { request, .. } => self.ask((request, kind::DELETE), mark),
            Message::Purge { request, .. } => self.ask((request, kind::PURGE), mark),
            Message::Publish { seq: 0, .. } => (None, None),
            Message::Publish { seq, .. } => {
                let last = self.last;
                self.last = last.max(seq);
                let again = self.published.get(seq).copied();
                self.published.insert(seq, mark);
                let illegal = self.ordered && seq <= last;
                let again = again.and_then(|first| earlier(Relation::Repeats, kind::PUBLISH, 1, first, mark));
                (again, illegal.then_some(Illegal::NotUpwards { last }))
            }
            Message::Subscribe { subscription, prefetch, mode, .. } => {
                let at_least_once = mode == Mode::AtLeastOnce;
                let new = Subscription { prefetch, at_least_once, ..Subscription::default() };
                let old = self.wanted.insert(subscription, new);
                // Of two that wait for their answer it can't be told which will stand.
                if old.is_some_and(|old| old.prefetch != prefetch) {
                    self.wanted.insert(subscription, Subscription { prefetch: 0, ..new });
                }
                if self.wanted.len() > SUBSCRIPTIONS {
                    self.wanted.pop_first();
                    self.lost();
                }
                self.ask((subscription, kind::SUBSCRIBE), mark)
            }
            Message::Unsubscribe { subscription } => {
                self.unacked.drain((subscription, 0)..=(subscription, u64::MAX));
                if let Some(it) = self.subscriptions.get_mut(&subscription) {
                    (it.over, it.unacked) = (true, 0);
                }
                self.ask((subscription, kind::UNSUBSCRIBE), mark)
            }
            Message::Ack { subscription, multiple, offset } => {
                let from = if multiple { 0 } else { offset };
                self.settle(subscription, from, offset, mark)
            }
            Message::Nack { subscription, offset, .. } => self.settle(subscription, offset, offset, mark),
            _ => (None, None),
        }
    }

    /// A request that will be answered; where it was made already and is not, this repeats it.
    fn ask(&mut self, key: (u32, u8), mark: Mark) -> Place {
        let again = self.asked.get(key).copied().filter(|_| !self.ordered);
        self.asked.insert(key, mark);
        (again.and_then(|first| earlier(Relation::Repeats, key.1, 1, first, mark)), None)
    }

    /// What was said of the deliveries `from` to `offset`.
    fn settle(&mut self, subscription: u32, from: u64, offset: u64, mark: Mark) -> Place {
        let forgot = self.unacked.forgot() || self.settled.forgot();
        let named = self.unacked.get((subscription, offset)).is_some();
        let settled = self.unacked.drain((subscription, from)..=(subscription, offset));
        let count = settled.len() as u64;
        let ended = match self.subscriptions.get_mut(&subscription) {
            Some(it) => {
                it.unacked = it.unacked.saturating_sub(count);
                it.over
            }
            None => false,
        };
        let last = settled.last().map(|(_, delivered)| *delivered);
        for (key, delivered) in settled {
            self.settled.insert(key, delivered);
        }
        let place =
            last.and_then(|delivered| earlier(Relation::Settles, kind::DELIVER, count, delivered, mark));
        let illegal = (!named && !ended && !forgot && self.knows()).then(|| {
            match self.settled.get((subscription, offset)) {
                Some(_) => Illegal::SettledBefore,
                None => Illegal::NeverDelivered,
            }
        });
        (place, illegal)
    }

    fn server(&mut self, message: &Message<'_>, mark: Mark) -> Place {
        match *message {
            Message::Welcome { max_payload, .. } => {
                self.cap = Some(max_payload);
                let hello = self.asked.remove((0, kind::HELLO));
                (hello.and_then(|hello| earlier(Relation::Answers, kind::HELLO, 1, hello, mark)), None)
            }
            Message::Done { request, .. } => {
                // A subscription's number is its request's; INSPECT is answered by REPORT.
                let kinds = [kind::DECLARE, kind::SUBSCRIBE, kind::UNSUBSCRIBE, kind::DELETE, kind::PURGE];
                let waiting = kinds.iter().filter_map(|of| Some((self.asked.get((request, *of))?.at, *of)));
                let of = waiting.min().map_or(kind::DECLARE, |(_, of)| of);
                if of == kind::SUBSCRIBE {
                    self.subscribed(request);
                }
                self.answer((request, of), mark)
            }
            Message::Report { request, .. } => self.answer((request, kind::INSPECT), mark),
            Message::Confirm { first, last } => self.confirm(first, last, mark),
            Message::Duplicate { seq, .. } => match self.published.get(seq) {
                Some(published) => (earlier(Relation::Answers, kind::PUBLISH, 1, *published, mark), None),
                None => (None, self.unpublished(seq)),
            },
            Message::Refused { what: kind::PUBLISH, number, .. } => self.confirm(number, number, mark),
            Message::Refused { what, number, .. } => match (what, u32::try_from(number)) {
                // What waits for no answer is not remembered.
                (kind::ACK | kind::NACK, _) | (_, Err(_)) => (None, None),
                (_, Ok(number)) => {
                    if what == kind::SUBSCRIBE {
                        self.wanted.remove(&number);
                    }
                    self.answer((number, what), mark)
                }
            },
            Message::Deliver { subscription, offset, .. } => self.deliver(subscription, offset, mark),
            _ => (None, None),
        }
    }

    /// A subscription stands from now on.
    fn subscribed(&mut self, number: u32) {
        let Some(new) = self.wanted.remove(&number) else { return };
        // A datagram may ask again for what stands; on a stream the old one ended, if only with its queue.
        if !self.ordered && self.subscriptions.contains_key(&number) {
            return;
        }
        self.unacked.drain((number, 0)..=(number, u64::MAX));
        self.subscriptions.insert(number, new);
        if self.subscriptions.len() > SUBSCRIPTIONS {
            self.subscriptions.pop_first();
            self.lost();
        }
    }

    fn answer(&mut self, key: (u32, u8), mark: Mark) -> Place {
        let forgot = self.asked.forgot();
        match self.asked.remove(key) {
            Some(asked) => (earlier(Relation::Answers, key.1, 1, asked, mark), None),
            None => (None, (self.knows() && !forgot).then_some(Illegal::NeverAsked)),
        }
    }

    /// The answer to what was published as `first` to `last`.
    fn confirm(&mut self, first: u64, last: u64, mark: Mark) -> Place {
        let answered = self.published.drain(first..=last);
        let count = answered.len() as u64;
        let latest = answered.last().map(|(_, published)| *published);
        let place =
            latest.and_then(|published| earlier(Relation::Answers, kind::PUBLISH, count, published, mark));
        let illegal = match self.unpublished(last) {
            Some(Illegal::NeverAsked) => Some(Illegal::NeverAsked),
            other => other.filter(|_| count == 0),
        };
        (place, illegal)
    }

    /// Why an answer to the PUBLISH `seq`, which waits for none, may not come.
    fn unpublished(&self, seq: u64) -> Option<Illegal> {
        if !self.knows() {
            None
        } else if seq > self.last || seq == 0 {
            Some(Illegal::NeverAsked)
        } else {
            (!self.published.forgot()).then_some(Illegal::AnsweredBefore)
        }
    }

    fn deliver(&mut self, subscription: u32, offset: u64, mark: Mark) -> Place {
        let key = (subscription, offset);
        let before = self.unacked.get(key).or_else(|| self.settled.get(key)).copied();
        let again = before.and_then(|first| earlier(Relation::Repeats, kind::DELIVER, 1, first, mark));
        let knows = self.knows();
        let room = self.subscriptions.len() < SUBSCRIPTIONS;
        let it = match self.subscriptions.get_mut(&subscription) {
            Some(it) => it,
            None if knows => return (again, Some(Illegal::NotSubscribed)),
            // Asked for before anybody looked.
            None if room => {
                let unseen = Subscription { at_least_once: true, ..Subscription::default() };
                self.subscriptions.entry(subscription).or_insert(unseen)
            }
            None => return (again, None),
        };
        // What was on its way when UNSUBSCRIBE came is nobody's to settle; nor is what goes out once.
        if it.over || !it.at_least_once {
            return (again, None);
        }
        it.unacked += u64::from(self.unacked.get(key).is_none());
        let over = knows && it.prefetch > 0 && it.unacked > it.prefetch.into();
        let illegal = over.then_some(Illegal::OverPrefetch { unacked: it.unacked, prefetch: it.prefetch });
        if let Some((forgotten, _)) = self.unacked.insert(key, mark)
            && let Some(it) = self.subscriptions.get_mut(&forgotten)
        {
            it.unacked = it.unacked.saturating_sub(1);
        }
        (again, illegal)
    }
}

/// That a frame belongs to `count` earlier ones of type `of`, the last of them `before`.
fn earlier(relation: Relation, of: u8, count: u64, before: Mark, now: Mark) -> Option<(Earlier, u64)> {
    let name = name(of)?;
    let after = now.at.since(before.at);
    Some((Earlier { relation, name, count, after, frame: before.frame, tcp_ack: None }, before.end))
}
