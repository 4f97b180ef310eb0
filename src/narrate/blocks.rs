//! Events put together as a reader wants them: a call with its return, a frame with its fate.
//!
//! Whoever shows them, line by line or on a whole screen, shows the same blocks.

use super::ladder;
use super::sentence::{Narrator, NoteKind, Sentence, tcp_info};
use super::style::{Style, TcpInfoShow};
use super::text::{NO_BREAK, ms};
use crate::model::queue::{self, Step as Frames};
use crate::model::{
    Call, CheckedBy, Cite, Direction, Document, Errno, Event, Evidence, Fate, Heading, Located, Place,
    Returned, Run, Side, Standing, TcpInfo, TcpState, What, websocket,
};
use std::collections::{BTreeMap, VecDeque};

/// Calls held back at most, while nothing decides whether they return at once.
const HELD: usize = 64;

/// One step of a run, ready to be laid out.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) at: crate::model::Time,
    pub(super) place: Place,
    pub(super) alarm: bool,
    pub(super) standing: Standing,
    pub(super) evidence: Evidence,
    pub(super) head: String,
    /// Put behind the head where no note has it.
    pub(super) source: Option<String>,
    pub(super) notes: Vec<String>,
    /// What the kernel then says of the connection, or which fields a lab wants to be seen.
    pub(super) info: Option<String>,
    /// The head in a few words, for a lane.
    pub(super) label: String,
    /// Of what crosses the wire.
    pub(super) rung: Option<Rung>,
    pub(super) bytes: Option<Located>,
    pub(super) picture: Option<Picture>,
}

/// How something crosses the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rung {
    pub(super) direction: Direction,
    pub(super) end: End,
    /// It is no frame of its own: what a frame, or several, carry.
    pub(super) carried: bool,
}

/// What becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Arrives,
    Lost,
    Twice,
}

/// What can be drawn bit by bit.
#[derive(Clone, Debug)]
pub(super) enum Picture {
    WebSocket(websocket::Frame),
    Queue(queue::Frame),
}

/// How a block goes with its neighbours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Joint {
    /// Left out when the same call returns before anything else happens.
    Called,
    Returned,
    /// Its fate follows.
    Frame,
    Fate {
        end: End,
        /// Worth a block of its own.
        shown: bool,
    },
    Other,
}

/// Joins blocks as they come. What is held back is bounded.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    calls: VecDeque<(u64, Block)>,
    frame: Option<(u64, Block)>,
}

impl Joiner {
    /// A block with its event's number and that of the event's cause, and what is to be shown now.
    pub(super) fn join(&mut self, id: u64, cause: Option<u64>, joint: Joint, mut block: Block) -> Vec<Block> {
        let mut out = Vec::new();
        match joint {
            Joint::Called => {
                out.extend(self.frame.take().map(|(_, frame)| frame));
                self.calls.push_back((id, block));
                if self.calls.len() > HELD {
                    self.flush(&mut out);
                }
            }
            Joint::Returned => {
                out.extend(self.frame.take().map(|(_, frame)| frame));
                // Its own beginning says nothing more; others, earlier or later, came before this moment.
                self.calls.retain(|(id, _)| Some(*id) != cause);
                self.flush(&mut out);
                out.push(block);
            }
            Joint::Frame => {
                self.flush(&mut out);
                self.frame = Some((id, block));
            }
            Joint::Fate { end, shown } => {
                let own = self.frame.as_mut().filter(|(id, _)| cause == Some(*id));
                if let Some((_, frame)) = own {
                    frame.rung = frame.rung.map(|rung| Rung { end, ..rung });
                    block.bytes.clone_from(&frame.bytes);
                    if !shown {
                        frame.head.push_str(&block.head);
                        out.extend(self.frame.take().map(|(_, frame)| frame));
                    }
                }
                if shown {
                    self.flush(&mut out);
                    out.push(block);
                }
            }
            Joint::Other => {
                self.flush(&mut out);
                out.push(block);
            }
        }
        out
    }

    fn flush(&mut self, out: &mut Vec<Block>) {
        out.extend(self.frame.take().map(|(_, frame)| frame));
        out.extend(self.calls.drain(..).map(|(_, call)| call));
    }

    /// What is still held back.
    pub(super) fn finish(&mut self) -> Vec<Block> {
        let mut out = Vec::new();
        self.flush(&mut out);
        out
    }
}

/// Sockets whose last TCP_INFO is remembered.
const INFOS_MAX: usize = 4096;

/// Makes blocks from events in time order.
#[derive(Debug)]
pub(super) struct Blocks {
    style: Style,
    narrator: Narrator,
    joiner: Joiner,
    infos: BTreeMap<(Side, i32), TcpInfo>,
}

impl Blocks {
    pub(super) fn new(style: Style) -> Blocks {
        let narrator = Narrator::new(style.glyphs());
        Blocks { style, narrator, joiner: Joiner::default(), infos: BTreeMap::new() }
    }

    pub(super) fn begin(&mut self, run: &Run) {
        self.narrator.begin(run);
    }

    /// What is to be shown now.
    pub(super) fn tell(&mut self, event: &Event) -> Vec<Block> {
        let told = self.narrator.tell(event);
        let mut block = self.block(event, &told);
        let joint = match &event.what {
            What::Called { .. } => Joint::Called,
            What::Returned { .. } => {
                block.info = self.info(event);
                Joint::Returned
            }
            What::Frame(_) => Joint::Frame,
            What::Fate(row) => {
                let shown = row.fate.is_remarkable() || self.style.ledger;
                if !shown {
                    // It goes behind the frame's own words.
                    block.head = match &row.fate {
                        Fate::Delivered(d) if d.at > row.at => {
                            format!(", arrives{NO_BREAK}{}", ms(d.at))
                        }
                        _ => String::new(),
                    };
                }
                let end = match row.fate {
                    Fate::Delivered(_) => End::Arrives,
                    Fate::Duplicated { .. } => End::Twice,
                    Fate::Dropped { .. } => End::Lost,
                };
                Joint::Fate { end, shown }
            }
            _ => Joint::Other,
        };
        self.join(event.id.0, event.cause.map(|cause| cause.0), joint, block)
    }

    /// A block that was made elsewhere, joined to its neighbours.
    pub(super) fn join(&mut self, id: u64, cause: Option<u64>, joint: Joint, block: Block) -> Vec<Block> {
        self.joiner.join(id, cause, joint, block)
    }

    pub(super) fn ellipsis(&self) -> &'static str {
        self.style.glyphs().ellipsis
    }

    /// What is still held back.
    pub(super) fn finish(&mut self) -> Vec<Block> {
        self.joiner.finish()
    }

    fn block(&self, event: &Event, told: &Sentence) -> Block {
        let alarm = match &event.what {
            What::Fate(row) => row.fate.is_remarkable(),
            What::Returned { result, .. } => result.is_err(),
            What::Wire(_) | What::WireSet(_) => true,
            What::WebSocket(seen) => seen.step.is_failure(),
            What::Queue(seen) => seen.dropped || seen.step.is_failure(),
            What::Tls(settled) => settled.checked_by == CheckedBy::Nobody,
            What::Called { .. } | What::Frame(_) | What::Connections(_) | What::Waiting(_) => false,
        };
        // A call's own page in the manual has its name: the line says it already.
        let mut cite = told.cite.filter(|c| !own_page(event, *c));
        let mut notes = Vec::new();
        for note in &told.notes {
            if note.kind == NoteKind::BlindSpot && !self.style.verbose {
                continue;
            }
            // What stands below a packet has no RFC: such a note's source is never the packet's.
            let below = note.cite.filter(|c| {
                let named = matches!((&event.what, c.document), (What::Frame(_), Document::Named(_)));
                named && told.cite != Some(*c)
            });
            if let Some(source) = below {
                notes.push(format!("{} {}", note.text, source_words(source)));
                continue;
            }
            // One source a block: behind the note that it came with; an event's own behind what it means.
            let its = match event.cite {
                Some(own) if Some(own) == told.cite => {
                    matches!(note.kind, NoteKind::Meaning | NoteKind::Kernel)
                }
                _ => note.cite == cite,
            };
            match cite.take_if(|_| its) {
                Some(source) => notes.push(format!("{} {}", note.text, source_words(source))),
                None => notes.push(note.text.clone()),
            }
        }
        let rung = match (&event.what, event.heading) {
            (What::Frame(_), Heading::Toward(direction)) => {
                Some(Rung { direction, end: End::Arrives, carried: false })
            }
            (What::WebSocket(_) | What::Queue(_), Heading::Toward(direction)) => {
                Some(Rung { direction, end: End::Arrives, carried: true })
            }
            _ => None,
        };
        let picture = match &event.what {
            _ if !self.style.bytes => None,
            What::WebSocket(seen) => seen.step.frame().cloned().map(Picture::WebSocket),
            What::Queue(seen) => match &seen.step {
                Frames::Frame(frame) => Some(Picture::Queue(frame.clone())),
                _ => None,
            },
            _ => None,
        };
        let arrow = self.style.glyphs().arrow;
        let label = match &event.what {
            What::Called { call, .. } => format!("{}() {}", call.name(), self.style.glyphs().ellipsis),
            What::Returned { call, result, .. } => format!("{}() {}", call.name(), value(result)),
            _ => ladder::short(&told.head, arrow),
        };
        Block {
            at: event.at,
            place: event.place,
            alarm,
            standing: event.standing(),
            evidence: event.evidence,
            head: told.head.clone(),
            source: cite.map(source_words),
            notes,
            info: None,
            label,
            rung,
            bytes: event.bytes.clone().filter(|_| self.style.bytes),
            picture,
        }
    }

    /// The TCP_INFO line that goes under a returned call, if it is wanted.
    fn info(&mut self, event: &Event) -> Option<String> {
        let (Place::Host(side), What::Returned { fd, call, result, tcp_info: now, .. }) =
            (event.place, &event.what)
        else {
            return None;
        };
        let fd = (*fd)?;
        let old = match now {
            // The number may soon be another socket's.
            _ if *call == Call::Close => self.infos.remove(&(side, fd)),
            Some(info) => {
                // A file may name any number of sockets.
                if self.infos.len() >= INFOS_MAX {
                    self.infos.pop_first();
                }
                self.infos.insert((side, fd), **info)
            }
            None => None,
        };
        let info = now.as_ref()?;
        let wanted = match self.style.tcp_info {
            TcpInfoShow::Off => false,
            TcpInfoShow::All => true,
            TcpInfoShow::Changes => match info.state {
                // No connection yet: most of the numbers stand for nothing.
                TcpState::Closed => old.is_some_and(|old| old.state != TcpState::Closed),
                TcpState::Listen => info.unacked > 0 && old.is_none_or(|old| old.unacked != info.unacked),
                _ => old.is_none_or(|old| changed(&old, info)),
            },
        };
        // The states before TIME-WAIT, and the one before them: the kernel may run through all of them between two calls.
        let may_wait = [TcpState::Established, TcpState::FinWait1, TcpState::FinWait2, TcpState::Closing];
        wanted.then(|| {
            let mut words = tcp_info(info);
            // Linux keeps TIME-WAIT in a small record of its own; what is left of the socket says CLOSED. After an error there
            // is none.
            if info.state == TcpState::Closed
                && result.is_ok()
                && old.is_some_and(|old| may_wait.contains(&old.state))
            {
                words.push_str(" (the socket; TIME-WAIT, if any, is kept apart)");
            }
            words
        })
    }
}

fn value(result: &Result<Returned, Errno>) -> String {
    match result {
        Ok(Returned::Done | Returned::Local(_)) => "= 0".to_owned(),
        Ok(Returned::Descriptor(fd) | Returned::Accepted { fd, .. }) => format!("= {fd}"),
        Ok(Returned::Octets(n) | Returned::Datagram { len: n, .. }) => format!("= {n}"),
        Err(errno) => errno.name.to_owned(),
    }
}

/// Whether the source is the manual page of the very call that the event is about.
fn own_page(event: &Event, cite: Cite) -> bool {
    let (What::Called { call, .. } | What::Returned { call, .. }) = &event.what else { return false };
    // send(2) is sendto()'s page too, recv(2) recvfrom()'s.
    matches!(cite.document, Document::Man(page)
        if page.split('(').next().is_some_and(|page| call.name().starts_with(page)))
}

/// A source in brackets, in one piece when a line is broken.
pub(super) fn source_words(cite: Cite) -> String {
    format!("[{cite}]").replace(' ', NO_BREAK)
}

/// Whether the difference is worth a line: anything but a slight drift of the timers.
fn changed(old: &TcpInfo, new: &TcpInfo) -> bool {
    let drift = |a: std::time::Duration, b: std::time::Duration| a.abs_diff(b) > a / 4;
    old.state != new.state
        || old.snd_cwnd != new.snd_cwnd
        || old.snd_ssthresh != new.snd_ssthresh
        || old.snd_mss != new.snd_mss
        || old.pmtu != new.pmtu
        || old.backoff != new.backoff
        || old.total_retrans != new.total_retrans
        || drift(old.rtt, new.rtt)
        || drift(old.rto, new.rto)
}
