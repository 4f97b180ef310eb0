//! The merged timeline for a terminal: system calls, frames and ledger rows in time order.

use super::bits::{queue_bits, websocket_bits};
use super::bytes::bytes;
use super::heading::{self, TIME, WHO};
use super::sentence::{Narrator, NoteKind, Sentence, tcp_info};
use super::style::{Ink, Style, TcpInfoShow};
use super::text::{NO_BREAK, columns, ms, pad, right, wrap};
use crate::model::queue::Step as Frames;
use crate::model::{
    Call, CheckedBy, Cite, Document, Event, EventId, Evidence, Fate, Flow, Outcome, Place, Protocol, Run,
    Side, Sink, Standing, TcpInfo, TcpState, What,
};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

/// Calls held back at most, while nothing decides whether they return at once.
const HELD: usize = 64;

/// Called after each block; [`Flow::Stop`] ends the run.
pub type Step = Box<dyn FnMut() -> io::Result<Flow>>;

/// A sink that prints the merged timeline. Lines are never wider than the style's width. A closed pipe
/// gives [`Flow::Stop`], not an error.
pub struct Timeline<W: Write> {
    out: W,
    style: Style,
    narrator: Narrator,
    step: Option<Step>,
    calls: VecDeque<(EventId, Block)>,
    frame: Option<(EventId, Block)>,
    infos: BTreeMap<(Side, i32), TcpInfo>,
    closed: bool,
    headed: bool,
    /// Whoever steps through it has seen enough.
    stopped: bool,
}

/// One event, ready to be laid out.
struct Block {
    at: String,
    who: &'static str,
    hop: Option<u8>,
    ink: Ink,
    alarm: bool,
    standing: Standing,
    evidence: Evidence,
    head: String,
    /// Put behind the head where no note has it.
    source: Option<String>,
    notes: Vec<String>,
    after: Vec<String>,
}

impl<W: Write> Timeline<W> {
    /// A timeline written to `out`.
    pub fn new(out: W, style: Style) -> Timeline<W> {
        let narrator = Narrator::new(style.glyphs());
        Timeline {
            out,
            style,
            narrator,
            step: None,
            calls: VecDeque::new(),
            frame: None,
            infos: BTreeMap::new(),
            closed: false,
            headed: false,
            stopped: false,
        }
    }

    /// Calls `step` after each block.
    #[must_use]
    pub fn with_step(mut self, step: Step) -> Timeline<W> {
        self.step = Some(step);
        self
    }

    /// The writer, with everything that was written.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn block(&self, event: &Event, told: &Sentence) -> Block {
        let (who, hop, ink) = match event.place {
            Place::Host(Side::Client) => ("client", None, Ink::Client),
            Place::Host(Side::Server) => ("server", None, Ink::Server),
            Place::Wire => ("wire", None, Ink::Plain),
            Place::Router(hop) => ("hop", Some(hop), Ink::Plain),
        };
        let alarm = match &event.what {
            What::Fate(row) => row.fate.is_remarkable(),
            What::Returned { result, .. } => result.is_err(),
            What::Wire(_) | What::WireSet(_) => true,
            What::WebSocket(seen) => seen.step.is_failure(),
            What::Queue(seen) => seen.dropped || seen.step.is_failure(),
            What::Tls(settled) => settled.checked_by == CheckedBy::Nobody,
            What::Called { .. } | What::Frame(_) | What::Connections(_) => false,
        };
        // A call's own page in the manual has its name: the line says it already.
        let mut cite = told.cite.filter(|c| !own_page(event, *c));
        let mut notes = Vec::new();
        for note in &told.notes {
            if note.kind == NoteKind::BlindSpot && !self.style.verbose {
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
        Block {
            at: ms(event.at),
            who,
            hop,
            ink,
            alarm,
            standing: event.standing(),
            evidence: event.evidence,
            head: told.head.clone(),
            source: cite.map(source_words),
            notes,
            after: Vec::new(),
        }
    }

    /// The TCP_INFO line that goes under a returned call, if it is wanted.
    fn info(&mut self, event: &Event) -> Option<String> {
        let (Place::Host(side), What::Returned { fd, call, tcp_info: now, .. }) = (event.place, &event.what)
        else {
            return None;
        };
        let fd = (*fd)?;
        let old = match now {
            // The number may soon be another socket's.
            _ if *call == Call::Close => self.infos.remove(&(side, fd)),
            Some(info) => self.infos.insert((side, fd), **info),
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
        let closing = [TcpState::FinWait1, TcpState::FinWait2, TcpState::Closing];
        wanted.then(|| {
            let mut words = tcp_info(info);
            // Linux keeps TIME-WAIT in a small record of its own; what is left of the socket says CLOSED.
            if info.state == TcpState::Closed && old.is_some_and(|old| closing.contains(&old.state)) {
                words.push_str(" (the socket; TIME-WAIT, if any, is kept apart)");
            }
            words
        })
    }

    fn print(&mut self, block: &Block) -> io::Result<Flow> {
        let mut text = String::new();
        for line in self.layout(block) {
            text.push_str(&line);
            text.push('\n');
        }
        for line in &block.after {
            text.push_str(line);
            text.push('\n');
        }
        if self.write(&text)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        let flow = self.step.as_mut().map_or(Ok(Flow::Continue), |step| step())?;
        self.stopped |= flow == Flow::Stop;
        Ok(flow)
    }

    fn layout(&self, block: &Block) -> Vec<String> {
        let color = self.style.color;
        let who = block.hop.map_or_else(|| block.who.to_owned(), |hop| format!("hop {hop}"));
        let prefix = format!("{} {} ", right(&block.at, TIME), pad(&who, WHO));
        let label = pad(&self.style.models.label(block.standing), self.style.models.columns());
        let suffix = format!(" {label} {}", mark(block.evidence));
        let indent = TIME + WHO + 2;
        let width = self.style.columns();
        let room = width.saturating_sub(columns(&prefix) + columns(&suffix));
        let mut lines = Vec::new();
        let head = match &block.source {
            Some(source) => format!("{} {source}", block.head),
            None => block.head.clone(),
        };
        let head = glue_units(&head);
        for (i, part) in wrap(&head, room, width - indent - 2).into_iter().enumerate() {
            let ink = if block.alarm { Ink::Alarm } else { Ink::Plain };
            if i == 0 {
                let who = block.ink.paint(color, &pad(&who, WHO));
                let part = ink.paint(color, &pad(&part, room));
                let suffix = Ink::Dim.paint(color, &suffix);
                lines.push(format!("{} {who} {part}{suffix}", right(&block.at, TIME)));
            } else {
                lines.push(format!("{}{}", " ".repeat(indent + 2), ink.paint(color, &part)));
            }
        }
        for note in &block.notes {
            for (i, part) in wrap(note, width - indent, width - indent - 2).into_iter().enumerate() {
                lines.push(format!("{}{part}", " ".repeat(indent + if i == 0 { 0 } else { 2 })));
            }
        }
        lines
    }

    fn write(&mut self, text: &str) -> io::Result<Flow> {
        if self.closed {
            return Ok(Flow::Stop);
        }
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(Flow::Continue),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(Flow::Stop)
            }
            Err(e) => Err(e),
        }
    }

    fn flush_frame(&mut self) -> io::Result<Flow> {
        match self.frame.take() {
            Some((_, block)) => self.print(&block),
            None => Ok(Flow::Continue),
        }
    }

    /// Prints the held calls.
    fn flush_calls(&mut self) -> io::Result<Flow> {
        while let Some((_, block)) = self.calls.pop_front() {
            if self.print(&block)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn tell(&mut self, event: &Event) -> io::Result<Flow> {
        let told = self.narrator.tell(event);
        let mut block = self.block(event, &told);
        match &event.what {
            What::Called { .. } => {
                if self.flush_frame()? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                self.calls.push_back((event.id, block));
                if self.calls.len() > HELD { self.flush_calls() } else { Ok(Flow::Continue) }
            }
            What::Returned { .. } => {
                if self.flush_frame()? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                // Its own beginning says nothing more; others, earlier or later, came before this moment.
                self.calls.retain(|(id, _)| Some(*id) != event.cause);
                if self.flush_calls()? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                self.bytes(event, &mut block);
                if let Some(line) = self.info(event) {
                    let info = Block {
                        at: String::new(),
                        head: line,
                        standing: Protocol::Tcp.standing(),
                        evidence: Evidence::Syscall,
                        alarm: false,
                        source: None,
                        notes: Vec::new(),
                        after: Vec::new(),
                        ..block
                    };
                    let mut lines = self.layout(&info);
                    lines.append(&mut block.after);
                    block.after = lines;
                }
                self.print(&block)
            }
            What::Frame(_) => {
                if self.flush_frame()? == Flow::Stop || self.flush_calls()? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                self.bytes(event, &mut block);
                self.frame = Some((event.id, block));
                Ok(Flow::Continue)
            }
            What::Fate(row) => {
                let own = self.frame.as_ref().is_some_and(|(id, _)| event.cause == Some(*id));
                if !row.fate.is_remarkable() && !self.style.ledger {
                    if own
                        && let (Some((_, frame)), Fate::Delivered(d)) = (&mut self.frame, &row.fate)
                        && d.at > row.at
                    {
                        frame.head.push_str(&format!(", arrives{NO_BREAK}{}", ms(d.at)));
                    }
                    return if own { self.flush_frame() } else { Ok(Flow::Continue) };
                }
                if self.flush_frame()? == Flow::Stop || self.flush_calls()? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                self.print(&block)
            }
            What::Wire(_)
            | What::WireSet(_)
            | What::Connections(_)
            | What::WebSocket(_)
            | What::Queue(_)
            | What::Tls(_) => {
                if self.flush_frame()? == Flow::Stop || self.flush_calls()? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                self.bytes(event, &mut block);
                self.print(&block)
            }
        }
    }

    fn bytes(&self, event: &Event, block: &mut Block) {
        if !self.style.bytes {
            return;
        }
        match (&event.what, &event.bytes) {
            // What a system call took or gave stands in its line.
            (What::Frame(_), Some(located)) => block.after = bytes(located, &self.style),
            (What::WebSocket(seen), _) => {
                let frame = seen.step.frame();
                block.after = frame.map_or_else(Vec::new, |frame| websocket_bits(frame, &self.style));
            }
            (What::Queue(seen), _) => {
                if let Frames::Frame(frame) = &seen.step {
                    block.after = queue_bits(frame, &self.style);
                }
            }
            _ => {}
        }
    }
}

/// Keeps a number and the unit of time behind it on one line.
fn glue_units(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(' ') {
        let unit = matches!(word.trim_end_matches([' ', ',', ';', ')']), "ms" | "us" | "s");
        let number = out.strip_suffix(' ').is_some_and(|o| o.ends_with(|c: char| c.is_ascii_digit()));
        if unit && number {
            out.pop();
            out.push_str(NO_BREAK);
        }
        out.push_str(word);
    }
    out
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

fn mark(evidence: Evidence) -> char {
    match evidence {
        Evidence::Frame => 'F',
        Evidence::Ledger => 'L',
        Evidence::Syscall => 'S',
        Evidence::Inferred => '?',
    }
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

impl<W: Write> Sink for Timeline<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.narrator.begin(run);
        self.headed = true;
        let text = heading::run(run, &self.style) + &heading::legend(&self.style);
        self.write(&text).map(|_| ())
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if self.closed {
            return Ok(Flow::Stop);
        }
        if !self.headed {
            // A capture of another program's making has no run to be headed by.
            self.headed = true;
            let text = heading::legend(&self.style);
            if self.write(&text)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        self.tell(event)
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        // Nobody is asked to step through what comes after the end, nor shown what they did not ask for.
        self.step = None;
        if !self.stopped {
            self.flush_frame()?;
            self.flush_calls()?;
        }
        let text = heading::outcome(outcome, self.stopped, &self.style);
        self.write(&text).map(|_| ())
    }
}
