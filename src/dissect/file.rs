//! A capture file told like a run.

use super::dissector::Frame;
use super::sides::Sides;
use super::tell::{Tell, both};
use crate::capture::{
    Item, LINK_ETHERNET, LINK_LOOP, LINK_NULL, LINK_RAW, LINK_SLL, LINK_SLL2, Mark, ReadError, Reader,
    Record, parse_note, parse_run,
};
use crate::model::{Flow, FrameId, LinkType, Moment, Outcome, Run, Sink, Time, WireFrame};
use crate::stack;
use std::io::{self, Read};
use std::time::Duration;
use thiserror::Error;

/// A capture that could not be told to its end. What came before was.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file does not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The listener failed.
    #[error("writing what happened failed: {0}")]
    Sink(#[source] io::Error),
    /// A packet that begins with a header that is not known.
    #[error(
        "frame {frame} is of link type {link}; dissected are Ethernet ({LINK_ETHERNET}), Linux cooked captures \
         ({LINK_SLL}, {LINK_SLL2}), loopback captures ({LINK_NULL}, {LINK_LOOP}) and bare IP packets ({LINK_RAW})"
    )]
    Link {
        /// Its number in the file.
        frame: u64,
        /// The registered LINKTYPE number.
        link: u16,
    },
}

/// What a file was.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// The run that made it, where layerlab wrote it.
    pub run: Option<Run>,
    /// What there was in it.
    pub outcome: Outcome,
}

/// Tells a capture file to a sink as the run was told that made it: the events of every frame and, where layerlab wrote
/// the file, the run itself, the ledger's rows and the frames as well.
///
/// Of a file that another program wrote, time begins with the first packet, a frame's number is its number in the
/// file, and the client is the host that speaks first; no run begins, there is no ledger, and no frame is handed
/// on, because a row would claim what nobody saw.
///
/// # Errors
/// [`FileError`]; the sink's `finish` is called all the same.
pub fn read<R: Read, S: Sink>(reader: &mut Reader<R>, tell: &mut Tell<S>) -> Result<Told, FileError> {
    let run = reader.section().comments.iter().find_map(|comment| parse_run(comment).ok());
    let mut file = File {
        epoch: run.as_ref().map(|r| r.epoch_unix_ns),
        began: None,
        marked: run.is_some(),
        sides: Sides::new(),
        outcome: Outcome::default(),
    };
    let mut result = match &run {
        Some(run) => tell.begin(run).map_err(FileError::Sink),
        None => Ok(()),
    };
    while result.is_ok() {
        let told = match reader.next_item() {
            Ok(None) => break,
            Ok(Some(Item::Packet(record))) => file.record(&record, tell),
            Ok(Some(Item::Note(line))) => file.note(&line, tell),
            Err(e) => Err(e.into()),
        };
        if !matches!(told, Ok(Flow::Continue)) {
            tell.cut_short();
        }
        file.outcome.cut = matches!(told, Err(FileError::Read(_) | FileError::Link { .. }));
        result = match told {
            Ok(Flow::Continue) => Ok(()),
            Ok(Flow::Stop) => break,
            Err(e) => Err(e),
        };
    }
    let finished = tell.finish(&file.outcome).map_err(FileError::Sink);
    result.and(finished)?;
    Ok(Told { run, outcome: file.outcome })
}

struct File {
    /// Unix nanoseconds of the run's beginning; of another program's file, of its first packet.
    epoch: Option<u64>,
    began: Option<Time>,
    marked: bool,
    sides: Sides,
    outcome: Outcome,
}

impl File {
    /// What happened at a host, where layerlab wrote the file; a line that does not read says nothing.
    fn note<S: Sink>(&mut self, line: &str, tell: &mut Tell<S>) -> Result<Flow, FileError> {
        match parse_note(line) {
            Ok(event) if self.marked => tell.event(&event).map_err(FileError::Sink),
            _ => Ok(Flow::Continue),
        }
    }

    fn record<S: Sink>(&mut self, record: &Record<'_>, tell: &mut Tell<S>) -> Result<Flow, FileError> {
        let Some(link) = record.link_type() else {
            return Err(FileError::Link { frame: record.number, link: record.link });
        };
        let epoch = *self.epoch.get_or_insert(record.at_unix_ns);
        let at = Time::from_nanos(record.at_unix_ns.saturating_sub(epoch));
        let began = *self.began.get_or_insert(at);
        self.outcome.at = self.outcome.at.max(at);
        self.outcome.took = self.outcome.at.since(began).max(Duration::ZERO);
        let mark = if self.marked { record.comments.clone().find_map(|c| Mark::find(&c).ok()) } else { None };
        let told = match mark {
            Some(mark) => self.marked(record, at, &mark, tell),
            None => self.unmarked(record, link, at, tell),
        };
        told.map_err(FileError::Sink)
    }

    fn marked<S: Sink>(
        &mut self,
        record: &Record<'_>,
        at: Time,
        mark: &Mark,
        tell: &mut Tell<S>,
    ) -> io::Result<Flow> {
        let row = mark.row(stack::classify(record.bytes));
        let mut flow = Flow::Continue;
        // A second copy is the same frame again: the ledger has said so.
        if mark.copy.unwrap_or(0) == 0 {
            self.count(&row.direction, record.original_len, row.fate.is_lost());
            let frame = Frame {
                id: row.id,
                direction: row.direction,
                at,
                link: LinkType::Ethernet,
                bytes: record.bytes,
                len: record.original_len,
                fate: Some(&row.fate),
            };
            flow = tell.enter(&frame, Some(&row))?;
        }
        let moment = mark.copy.map_or(Moment::Entered, |copy| Moment::Arrived { copy });
        Ok(both(flow, tell.forward(&WireFrame { row: &row, at, moment, bytes: record.bytes })?))
    }

    fn unmarked<S: Sink>(
        &mut self,
        record: &Record<'_>,
        link: LinkType,
        at: Time,
        tell: &mut Tell<S>,
    ) -> io::Result<Flow> {
        let direction = self.sides.direction(&stack::decode_as(link, record.bytes));
        self.count(&direction, record.original_len, false);
        let frame = Frame {
            id: FrameId(record.number),
            direction,
            at,
            link,
            bytes: record.bytes,
            len: record.original_len,
            fate: None,
        };
        tell.enter(&frame, None)
    }

    fn count(&mut self, direction: &crate::model::Direction, len: u32, dropped: bool) {
        let i = direction.index();
        self.outcome.frames[i] += 1;
        self.outcome.octets[i] += u64::from(len);
        self.outcome.dropped[i] += u64::from(dropped);
    }
}
