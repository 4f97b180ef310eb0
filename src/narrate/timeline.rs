//! The merged timeline for a terminal: system calls, frames and ledger rows in time order.

use super::bits::{queue_bits, websocket_bits};
use super::blocks::{Block, Blocks, Picture};
use super::bytes::bytes;
use super::heading::{self, TIME, WHO};
use super::style::{Ink, Style};
use super::text::{NO_BREAK, columns, ms, pad, right, wrap};
use crate::model::{Event, Evidence, Flow, Outcome, Place, Protocol, Run, Side, Sink};
use std::io::{self, Write};

/// Called after each block; [`Flow::Stop`] ends the run.
pub type Step = Box<dyn FnMut() -> io::Result<Flow>>;

/// A sink that prints the merged timeline. Lines are never wider than the style's width. A closed pipe
/// gives [`Flow::Stop`], not an error.
pub struct Timeline<W: Write> {
    out: W,
    style: Style,
    blocks: Blocks,
    step: Option<Step>,
    closed: bool,
    headed: bool,
    /// Whoever steps through it has seen enough.
    stopped: bool,
}

impl<W: Write> Timeline<W> {
    /// A timeline written to `out`.
    pub fn new(out: W, style: Style) -> Timeline<W> {
        let blocks = Blocks::new(style.clone());
        Timeline { out, style, blocks, step: None, closed: false, headed: false, stopped: false }
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

    fn print(&mut self, block: &Block) -> io::Result<Flow> {
        let mut text = String::new();
        for line in self.layout(block).into_iter().chain(self.octets(block)) {
            text.push_str(&line);
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
        let mut lines = self.lines(block, &ms(block.at));
        if let Some(info) = &block.info {
            let info = Block {
                head: info.clone(),
                standing: Protocol::Tcp.standing(),
                evidence: Evidence::Syscall,
                alarm: false,
                source: None,
                notes: Vec::new(),
                ..block.clone()
            };
            lines.extend(self.lines(&info, ""));
        }
        lines
    }

    fn lines(&self, block: &Block, at: &str) -> Vec<String> {
        let color = self.style.color;
        let (who, who_ink) = match block.place {
            Place::Host(side @ Side::Client) => (side.name().to_owned(), Ink::Client),
            Place::Host(side @ Side::Server) => (side.name().to_owned(), Ink::Server),
            Place::Wire => ("wire".to_owned(), Ink::Plain),
            Place::Router(hop) => (format!("hop {hop}"), Ink::Plain),
        };
        let prefix = format!("{} {} ", right(at, TIME), pad(&who, WHO));
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
                let who = who_ink.paint(color, &pad(&who, WHO));
                let part = ink.paint(color, &pad(&part, room));
                let suffix = Ink::Dim.paint(color, &suffix);
                lines.push(format!("{} {who} {part}{suffix}", right(at, TIME)));
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

    /// A frame's octets, where they are wanted. What a system call took or gave stands in its line.
    fn octets(&self, block: &Block) -> Vec<String> {
        match (&block.picture, &block.bytes) {
            (Some(Picture::WebSocket(frame)), _) => websocket_bits(frame, &self.style),
            (Some(Picture::Queue(frame)), _) => queue_bits(frame, &self.style),
            (None, Some(located)) if block.rung.is_some() => bytes(located, &self.style),
            _ => Vec::new(),
        }
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

    fn print_all(&mut self, blocks: &[Block]) -> io::Result<Flow> {
        for block in blocks {
            if self.print(block)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
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

fn mark(evidence: Evidence) -> char {
    match evidence {
        Evidence::Frame => 'F',
        Evidence::Ledger => 'L',
        Evidence::Syscall => 'S',
        Evidence::Inferred => '?',
    }
}

impl<W: Write> Sink for Timeline<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.blocks.begin(run);
        self.headed = true;
        let text = heading::run(run, &self.style) + &heading::legend(&self.style);
        self.write(&text).map(|_| ())
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if self.closed || self.stopped {
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
        let blocks = self.blocks.tell(event);
        self.print_all(&blocks)
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        // Nobody is asked to step through what comes after the end, nor shown what they did not ask for.
        self.step = None;
        if !self.stopped {
            let blocks = self.blocks.finish();
            self.print_all(&blocks)?;
        }
        let text = heading::outcome(outcome, self.stopped, &self.style);
        self.write(&text).map(|_| ())
    }
}
