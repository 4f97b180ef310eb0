//! The words of a chain's claims, and their sources.

use super::frame;
use crate::model::{
    Carried, Cite, Claim, IcmpKind, LossCause, Packet, Repair, Retransmission, Seen, Signal, TcpFlags,
};
use crate::narrate::sentence::{Doing, rule_words};
use crate::narrate::style::Glyphs;
use crate::narrate::text::{count, ms, span};

/// Its name in JSON.
pub(super) const fn name(claim: &Claim) -> &'static str {
    match claim {
        Claim::Repeats(_) => "repeats",
        Claim::Because(_) => "because",
        Claim::Earlier(_) => "earlier",
        Claim::Found(_) => "found",
        Claim::Held { .. } => "held",
        Claim::Acknowledged { .. } => "acknowledged",
        Claim::NeverAcknowledged => "never_acknowledged",
        Claim::Waited { .. } => "waited",
        Claim::NoCalls => "no_calls",
        Claim::RepeatsAck { .. } => "repeats_ack",
        Claim::Gap(_) => "gap",
        Claim::Copy { .. } => "copy",
        Claim::AnswersSyn(_) => "answers_syn",
        Claim::AnswersSynAck(_) => "answers_syn_ack",
        Claim::Refuses(_) => "refuses",
        Claim::AfterClose { .. } => "after_close",
        Claim::ClosedUnread { .. } => "closed_unread",
        Claim::ResetUnexplained => "reset_unexplained",
        Claim::Reports { .. } => "reports",
        Claim::AnswersEcho(_) => "answers_echo",
        Claim::Asks { .. } => "asks",
        Claim::AnswersArp(_) => "answers_arp",
        Claim::Acknowledges { .. } => "acknowledges",
        Claim::WindowUpdate { .. } => "window_update",
        Claim::Probe { .. } => "probe",
        Claim::NewOctets { .. } => "new_octets",
        Claim::RepeatedBy(_) => "repeated_by",
        Claim::First => "first",
        Claim::Fate(_) => "fate",
    }
}

/// Where the rule stands.
pub(super) const fn cite(claim: &Claim) -> Option<Cite> {
    Some(match claim {
        Claim::Found(r) => match r.repair {
            Repair::Fast(Signal::DuplicateAcks(_)) => Cite::rfc(5681, "3.2"),
            Repair::Fast(Signal::Sack(3..)) => Cite::rfc(6675, "5"),
            Repair::Fast(Signal::Sack(_)) => Cite::rfc(8985, "6"),
            Repair::Fast(Signal::PartialAck) => Cite::rfc(6582, "3.2"),
            Repair::TailLossProbe => Cite::rfc(8985, "7"),
            Repair::Timeout { backoff: 0 } => Cite::rfc(6298, "5"),
            Repair::Timeout { .. } => Cite::rfc(6298, "5.5"),
            Repair::Handshake => Cite::rfc(6298, "5"),
            Repair::Asked { .. } => Cite::rfc(9293, "3.10.7.4"),
            Repair::AfterTimeout { .. } | Repair::Timer | Repair::Unknown => return None,
        },
        Claim::RepeatsAck { .. } => Cite::rfc(5681, "4.2"),
        Claim::AnswersSyn(_) | Claim::AnswersSynAck(_) => Cite::rfc(9293, "3.5"),
        Claim::Refuses(_) | Claim::AfterClose { .. } => Cite::rfc(9293, "3.5.2"),
        Claim::ClosedUnread { .. } => Cite::rfc(1122, "4.2.2.13"),
        Claim::Asks { .. } | Claim::AnswersArp(_) => Cite::rfc(826, ""),
        Claim::WindowUpdate { .. } => Cite::rfc(9293, "3.8.6"),
        Claim::Probe { closed_by: Some(_) } => Cite::rfc(9293, "3.8.6.1"),
        Claim::Probe { closed_by: None } => Cite::rfc(9293, "3.8.4"),
        Claim::Because(LossCause::HadArrived { .. }) => Cite::rfc(2883, "4"),
        _ => return None,
    })
}

/// Finds the words of one chain.
pub(super) struct Words<'a> {
    pub(super) glyphs: Glyphs,
    pub(super) seen: &'a Seen,
}

impl Words<'_> {
    pub(super) fn claim(&self, claim: &Claim) -> String {
        match claim {
            Claim::Repeats(r) => self.repeats(r),
            Claim::Because(cause) => cause_words(cause, self.glyphs.ascii),
            Claim::Earlier(cause) => {
                format!("and the time before: {}", cause_words(cause, self.glyphs.ascii))
            }
            Claim::Gap(cause) => format!("the gap: {}", cause_words(cause, self.glyphs.ascii)),
            Claim::Fate(cause) => format!("it never arrived: {}", cause_words(cause, self.glyphs.ascii)),
            Claim::Found(r) => found(r),
            Claim::Held { octets, frames } => format!(
                "meanwhile the {} held {} from behind the gap, in {}: its program gets octets in order or not at all",
                self.seen.direction.to().name(),
                count(*octets, "octet"),
                count((*frames).into(), "frame")
            ),
            Claim::Acknowledged { by, after } => {
                format!("acknowledged by {}, {} later", frame(*by), span(*after))
            }
            Claim::NeverAcknowledged => "no acknowledgment of it was seen to arrive".to_owned(),
            Claim::Waited { side, took, octets: (first, len), send } => {
                let from = match send {
                    Some(nth) => {
                        format!("; the {}'s send() number {nth} had given them", side.other().name())
                    }
                    None => String::new(),
                };
                format!(
                    "the {}'s recv() of {} from seq={} waited {} for it{from}",
                    side.name(),
                    count(*len, "octet"),
                    first + 1,
                    span(*took)
                )
            }
            Claim::NoCalls => {
                "who waited for it is unknown: frames are told here, and no system calls".to_owned()
            }
            Claim::RepeatsAck { nth, of, missing, because } => {
                let why = match because {
                    Some(above) => format!("because {} came from above the gap", frame(*above)),
                    None => "which frame it answers is unknown".to_owned(),
                };
                format!("duplicate ACK {nth}: like {}, it asks for octet {missing}, {why}", frame(*of))
            }
            Claim::Copy { by } => {
                format!(
                    "a second copy, made by the wire: {}",
                    rule_words(by, Doing::Duplicate, self.glyphs.ascii)
                )
            }
            Claim::AnswersSyn(syn) => format!("because it answers the SYN in {}", frame(*syn)),
            Claim::AnswersSynAck(answer) => format!("because it answers the SYN-ACK in {}", frame(*answer)),
            Claim::Refuses(syn) => {
                format!("because nobody listens on the port that the SYN in {} asks for", frame(*syn))
            }
            Claim::AfterClose { segment, closed } => format!(
                "because {} came with octets after its side had closed (FIN in {})",
                frame(*segment),
                frame(*closed)
            ),
            Claim::ClosedUnread { side, read, unread } => {
                let of = match read {
                    0 => "no recv() had taken any".to_owned(),
                    read => format!("its recv()s had taken {}", count(*read, "octet")),
                };
                format!(
                    "because the {}'s program closed with {} unread ({of}): the RST says that they are lost",
                    side.name(),
                    count(*unread, "octet")
                )
            }
            Claim::ResetUnexplained => {
                "why is unknown: a program may ask for it (SO_LINGER), close with octets \
                                        unread, or die; frames do not tell"
                    .to_owned()
            }
            Claim::Reports { kind, about } => {
                let met = icmp_words(*kind);
                match about {
                    Some(about) => format!("because the packet in {} {met}", frame(*about)),
                    None => format!("because a packet {met}; which one is unknown"),
                }
            }
            Claim::AnswersEcho(request) => format!("because it answers the ping in {}", frame(*request)),
            Claim::Asks { address, waiting, repeat } => {
                let again = match repeat {
                    0 => String::new(),
                    n => format!(", after {} that nobody answered", count((*n).into(), "request")),
                };
                match waiting {
                    Some(frame_) => format!(
                        "because IP had a packet for {address} ({}) and no MAC for it{again}",
                        frame(*frame_)
                    ),
                    None => format!(
                        "because IP has no MAC for {address}{again}; the packet that waits was never seen"
                    ),
                }
            }
            Claim::AnswersArp(request) => format!("because it answers the question in {}", frame(*request)),
            Claim::Acknowledges { last, after } => {
                format!("acknowledges what came up to {}, {} after that arrived", frame(*last), span(*after))
            }
            Claim::WindowUpdate { window } => {
                format!(
                    "because the program has read: there is room for {} now",
                    count((*window).into(), "octet")
                )
            }
            Claim::Probe { closed_by: Some(closed) } => {
                format!("because {} said that there is no room: is there some now?", frame(*closed))
            }
            Claim::Probe { closed_by: None } => {
                "because the connection was silent: does the other side live?".to_owned()
            }
            Claim::NewOctets { send: Some(nth) } => format!(
                "its octets are new: the {}'s send() number {nth} gave the first of them",
                self.seen.direction.from().name()
            ),
            Claim::NewOctets { send: None } => "its octets are new: a program gave them".to_owned(),
            Claim::RepeatedBy(later) => format!("what it brought was sent again in {}", frame(*later)),
            Claim::First => "it is what it is: no earlier frame caused it".to_owned(),
        }
    }

    fn repeats(&self, r: &Retransmission) -> String {
        let flags = match &self.seen.packet {
            Packet::Ip(_, Carried::Tcp(tcp)) => tcp.flags,
            _ => TcpFlags::default(),
        };
        let what = if flags.has(TcpFlags::SYN | TcpFlags::ACK) {
            "repeats the SYN-ACK".to_owned()
        } else if flags.has(TcpFlags::SYN) {
            "repeats the SYN".to_owned()
        } else if flags.has(TcpFlags::FIN) && r.octets == 1 {
            "repeats the FIN".to_owned()
        } else {
            format!("repeats {} from seq={}", count(r.octets.into(), "octet"), r.seq)
        };
        let new = match r.new_octets {
            0 => String::new(),
            n => format!(", with {} behind", count(n.into(), "new octet")),
        };
        let when = match (r.previous, r.gap) {
            (Some(previous), Some(gap)) => format!("{} after {}", span(gap), frame(previous)),
            _ => "which no frame here had brought".to_owned(),
        };
        let first = match r.original.filter(|o| Some(*o) != r.previous) {
            Some(original) => format!("; {} had them first", frame(original)),
            None => String::new(),
        };
        format!("{what}{new}, {when}{first}")
    }
}

/// What had become of octets when they were sent again: the words of a chain and of a run that is being told.
pub(in crate::narrate) fn cause_words(cause: &LossCause, ascii: bool) -> String {
    let rule = |by, doing| rule_words(by, doing, ascii);
    match cause {
        LossCause::Dropped { frame: f, by } => {
            format!("because {} was dropped by the wire: {}", frame(*f), rule(by, Doing::Loss))
        }
        LossCause::Corrupted { frame: f, by } => format!(
            "because {} came with a flipped bit ({}): a checksum fails, and nobody is told",
            frame(*f),
            rule(by, Doing::Corrupt)
        ),
        LossCause::UnderWay { frame: f, arrives } => {
            format!("not for a loss: {} was still on its way, and arrives at {} ms", frame(*f), ms(*arrives))
        }
        LossCause::AckDropped { frame: f, ack, by } => format!(
            "not for a lost octet: {} had come, but its acknowledgment, {}, was dropped by the wire: {}",
            frame(*f),
            frame(*ack),
            rule(by, Doing::Loss)
        ),
        LossCause::AckCorrupted { frame: f, ack, by } => format!(
            "not for a lost octet: {} had come, but its acknowledgment, {}, came with a flipped bit ({}): a \
             checksum fails, and nobody is told",
            frame(*f),
            frame(*ack),
            rule(by, Doing::Corrupt)
        ),
        LossCause::AckUnderWay { frame: f, ack, arrives } => format!(
            "not for a loss: {} had come; its acknowledgment, {}, was on its way until {} ms",
            frame(*f),
            frame(*ack),
            ms(*arrives)
        ),
        LossCause::NotAcknowledged { frame: f } => {
            format!("not for a loss: {} had come, and nothing had acknowledged it yet", frame(*f))
        }
        LossCause::Missing { shown_by } => format!(
            "because the far host lacked the octets, says {}; what became of them is unknown: no ledger",
            frame(*shown_by)
        ),
        LossCause::HadArrived { shown_by } => {
            format!(
                "not for a loss: {} reports the octets as a duplicate, so both copies came",
                frame(*shown_by)
            )
        }
        LossCause::NotCaptured => "because an earlier frame with these octets never came as far as this \
                                   capture"
            .to_owned(),
        LossCause::Unknown => "what had become of the octets before is unknown".to_owned(),
    }
}

/// A SYN-ACK that was sent again because its SYN came again.
pub(in crate::narrate) fn asked_words(syn: &str, copy: bool) -> String {
    let copy = if copy { "the second copy of " } else { "" };
    format!("an answer to {copy}{syn}: a SYN that comes again is answered again")
}

fn icmp_words(kind: IcmpKind) -> String {
    match kind {
        IcmpKind::PortUnreachable => "met a port that no socket has".to_owned(),
        IcmpKind::HostUnreachable => "was for a host that could not be reached".to_owned(),
        IcmpKind::FragmentationNeeded { mtu } => {
            format!("was larger than the next link's {mtu} octets and may not be split")
        }
        IcmpKind::TtlExceeded => "had no TTL left on its way".to_owned(),
        IcmpKind::ReassemblyTimeExceeded => "had fragments that never came".to_owned(),
        IcmpKind::EchoRequest | IcmpKind::EchoReply | IcmpKind::Other => "met something".to_owned(),
    }
}

fn found(r: &Retransmission) -> String {
    let acks = |n: u32| count(n.into(), "duplicate ACK");
    let silence = span(r.quiet);
    match r.repair {
        Repair::Fast(Signal::DuplicateAcks(n)) => format!("found by {}: fast retransmit", acks(n)),
        Repair::Fast(Signal::Sack(n @ 3..)) => format!("found by {} with SACK: fast retransmit", acks(n)),
        Repair::Fast(Signal::Sack(0)) => "found by SACK: octets that were sent later had come".to_owned(),
        Repair::Fast(Signal::Sack(n)) => {
            format!(
                "found by {} with SACK, and by time (RACK): octets that were sent later had come",
                acks(n)
            )
        }
        Repair::Fast(Signal::PartialAck) => {
            "found by an ACK that stops here, during recovery: the next gap".to_owned()
        }
        Repair::TailLossProbe => format!("found by a tail-loss probe, after {silence} of silence"),
        Repair::Timeout { backoff: 0 } => {
            format!("found by a retransmission timeout (RTO), after {silence} of silence")
        }
        Repair::Timeout { backoff } => format!(
            "found by a retransmission timeout (RTO), number {} in a row, after {silence}: each waits twice as long",
            backoff + 1
        ),
        Repair::AfterTimeout { timeout } => {
            format!(
                "sent again in the wake of the timeout in {}: what was under way counts as lost",
                frame(timeout)
            )
        }
        Repair::Handshake => match r.gap {
            Some(gap) => format!("found by a timer: no answer came for {}", span(gap)),
            None => "found by a timer".to_owned(),
        },
        Repair::Asked { copy } => match r.told_by.first() {
            Some(syn) => asked_words(&frame(*syn), copy),
            None => "an answer to a SYN that came again".to_owned(),
        },
        Repair::Timer => format!(
            "found by a timer, after {silence} of silence; which is unknown: tail-loss probe and timeout both fit"
        ),
        Repair::Unknown => "how its sender found out is unknown".to_owned(),
    }
}
