//! How a comparison is shown: the question, the pictures, the scorecard, the chain behind the longest wait.

use super::LossArgs;
use crate::cli::args::{ModelArg, NetArgs};
use crate::cli::plan;
use crate::model::{Carried, Event, Fate, FrameId, Packet, TcpNote, What};
use crate::narrate::loss::{self as words, Found, Kind, Late, Told};
use crate::narrate::{Style, ladder};
use crate::report::loss::text::{self, BulkRow, Column, Look};
use crate::report::loss::{self, Comparison, Lane, Load, Offered, Score, Transport, Trigger};
use std::io::{self, Write};
use std::time::Duration;

/// Messages up to which each one's time is listed.
const LISTED: usize = 24;
/// A message handed over later than this after it was due deserves a remark.
const LATE: Duration = Duration::from_millis(5);
/// Frames of the ladder before and after what is left out of it.
const RUNGS: (usize, usize) = (4, 3);

/// Standard output.
pub(super) struct Screen {
    out: io::Stdout,
    style: Style,
    look: Look,
}

impl Screen {
    pub(super) fn new(args: &LossArgs) -> Screen {
        let width = plan::width(args.show.width, false);
        let style = Style { width, ..plan::plain_style(args.show.look, ModelArg::Both, false) };
        Screen { look: Look { width, ascii: style.ascii }, style, out: io::stdout() }
    }

    /// What is asked, and of whom.
    pub(super) fn before(
        &mut self,
        args: &LossArgs,
        net: &NetArgs,
        lanes: &[Transport],
    ) -> anyhow::Result<()> {
        if args.show.quiet || args.show.json {
            return Ok(());
        }
        let load = match args.bulk {
            Some(octets) => format!("{} octets, as fast as TCP takes them", text::grouped(octets)),
            None => format!("{} messages of {} octets, one every {:?}", args.messages, args.size, args.every),
        };
        let head = format!("{load}, from the client to the server");
        let wire = format!("wire {}  seed {}", net.impairments.0, net.place.seed.unwrap_or_default());
        for text in [head, wire] {
            writeln!(self.out, "{}", words::wrapped(&text, &self.style))?;
        }
        writeln!(self.out)?;
        if args.bulk.is_none() {
            let told: Vec<Told> = lanes.iter().map(told_nothing).collect();
            write!(self.out, "{}", words::question(&told, &self.style))?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// What came of it.
    pub(super) fn after(
        &mut self,
        args: &LossArgs,
        comparison: &Comparison,
        events: &[Vec<Event>],
        offered: [Offered; 2],
    ) -> anyhow::Result<()> {
        let scores: Vec<Score> = comparison.lanes.iter().map(Score::of).collect();
        if args.show.json {
            let mut lines = loss::json::lines(comparison, offered, args.show.ledger).into_iter();
            return Ok(lines.try_for_each(|line| writeln!(self.out, "{line}"))?);
        }
        let names: Vec<String> = comparison.lanes.iter().map(|l| l.transport.name()).collect();
        if !args.show.quiet {
            match comparison.load {
                Load::Messages { .. } => self.pictures(comparison, &names)?,
                Load::Bulk { .. } => self.bulk(comparison, &scores, &names)?,
            }
        }
        let columns: Vec<Column<'_>> =
            names.iter().zip(&scores).map(|(name, score)| Column { name, score, offered }).collect();
        writeln!(self.out, "{}", text::scorecard(&columns, &comparison.load, self.look))?;
        let remarks = remarks(comparison);
        for remark in &remarks {
            writeln!(self.out, "{}", words::wrapped(remark, &self.style))?;
        }
        if !remarks.is_empty() {
            writeln!(self.out)?;
        }
        if args.show.quiet || matches!(comparison.load, Load::Bulk { .. }) {
            return Ok(());
        }
        let told: Vec<Told> =
            comparison.lanes.iter().zip(&scores).map(|(lane, score)| told(lane, score)).collect();
        write!(self.out, "{}", words::answer(&told, &self.style))?;
        if let Some((lane, late)) = longest(&told)
            && let (Some((dropped, _)), Some(brought)) = (&late.dropped, late.brought)
        {
            writeln!(self.out)?;
            self.ladder(&events[lane], *dropped, brought)?;
        }
        Ok(())
    }

    fn bulk(&mut self, comparison: &Comparison, scores: &[Score], names: &[String]) -> io::Result<()> {
        write!(self.out, "{}", text::bulk(&bulk_rows(comparison, scores)))?;
        let least = scores.iter().map(|score| score.data.hits).min().unwrap_or(0);
        writeln!(self.out, "{}", words::formulas(names, least, &self.style))
    }

    fn pictures(&mut self, comparison: &Comparison, names: &[String]) -> io::Result<()> {
        let lanes = || comparison.lanes.iter().zip(names);
        if comparison.lanes.iter().all(|l| l.messages.len() <= LISTED) {
            writeln!(self.out, "\nWhen each message came, in ms from when the first was due:")?;
            for (lane, name) in lanes() {
                write!(self.out, "{}", text::list(name, lane.began, &lane.messages, self.look))?;
            }
            return writeln!(self.out);
        }
        let latencies = comparison.lanes.iter().flat_map(|l| &l.messages).filter_map(loss::Message::latency);
        let top = latencies.max().unwrap_or(Duration::from_millis(1));
        writeln!(self.out, "\nHow long each message took, first to last:")?;
        for (lane, name) in lanes() {
            write!(self.out, "{}", text::dots(name, &lane.messages, top, self.look))?;
        }
        writeln!(self.out)
    }

    /// The frames from the loss to its repair.
    fn ladder(&mut self, events: &[Event], from: FrameId, to: FrameId) -> io::Result<()> {
        let id = |event: &Event| match &event.what {
            What::Frame(seen) => Some(seen.id),
            What::Fate(row) => Some(row.id),
            _ => None,
        };
        let within: Vec<Event> =
            events.iter().filter(|e| id(e).is_some_and(|id| (from..=to).contains(&id))).cloned().collect();
        let mut frames: Vec<FrameId> = within.iter().filter_map(id).collect();
        frames.dedup();
        let (first, last) = RUNGS;
        if frames.len() <= first + last + 1 {
            return write!(self.out, "{}", ladder::ladder(&within, &self.style));
        }
        let part = |range: std::ops::RangeInclusive<FrameId>| -> Vec<Event> {
            within.iter().filter(|e| id(e).is_some_and(|id| range.contains(&id))).cloned().collect()
        };
        let (up_to, again_from) = (frames[first - 1], frames[frames.len() - last]);
        write!(self.out, "{}", ladder::ladder(&part(from..=up_to), &self.style))?;
        writeln!(self.out, "{:12}{} frames between are left out", "", frames.len() - first - last)?;
        let rest = ladder::ladder(&part(again_from..=to), &self.style);
        // The lanes' heading stands above already.
        rest.lines().skip(1).try_for_each(|line| writeln!(self.out, "{line}"))
    }
}

/// What has to be known beside the numbers.
fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut remarks = Vec::new();
    for lane in &comparison.lanes {
        let name = lane.transport.name();
        remarks.extend(lane.failures.iter().map(|failure| format!("{name}: {failure}")));
        let late = lane.messages.iter().filter_map(|m| Some(m.sent?.since(m.due))).max();
        if let Some(late) = late.filter(|late| *late > LATE) {
            let late = text::millis(late);
            remarks.push(format!(
                "{name}: this machine handed messages over late, up to {late}: part of their latency"
            ));
        }
    }
    remarks
}

fn kind(transport: &Transport) -> Kind {
    match transport {
        Transport::Tcp { .. } => Kind::Tcp,
        Transport::Udp => Kind::Udp,
        Transport::Arq => Kind::Arq,
    }
}

fn told_nothing(transport: &Transport) -> Told {
    Told {
        name: transport.name(),
        kind: kind(transport),
        sent: 0,
        missing: Vec::new(),
        unread: 0,
        reordered: 0,
        stalled: 0,
        late: None,
        again: String::new(),
        failed: false,
    }
}

fn told(lane: &Lane, score: &Score) -> Told {
    let missing = |m: &&loss::Message| m.sent.is_some() && m.received.is_empty();
    let numbered = (1..).zip(&lane.messages);
    Told {
        sent: score.sent,
        missing: numbered.filter(|(_, m)| missing(m)).map(|(n, _)| n).collect(),
        unread: score.unread,
        reordered: score.reordered,
        stalled: score.stalled,
        late: late(lane),
        again: text::again(score),
        failed: !lane.failures.is_empty(),
        ..told_nothing(&lane.transport)
    }
}

/// The message that a loss cost most, and the frames behind it: the one that waited longest for octets before it, or,
/// where none did, the one that a repetition brought latest.
fn late(lane: &Lane) -> Option<Late> {
    let numbered = || (1_u32..).zip(&lane.messages);
    let (message, waited) = numbered().max_by_key(|(n, m)| (m.stall(), std::cmp::Reverse(*n)))?;
    let stalled = !waited.stall().is_zero();
    let again = |m: &loss::Message| {
        let at = m.in_order?;
        lane.retransmissions.iter().find(|r| lane.frames[r.frame].reached() == Some(at))
    };
    let repaired = || numbered().filter(|(_, m)| again(m).is_some()).max_by_key(|(_, m)| m.latency());
    let (message, waited) = if stalled { (message, waited) } else { repaired()? };
    let time = if stalled { waited.stall() } else { waited.latency()? };
    // What arrived at that very moment filled the hole; what had carried its first octet before had been dropped.
    let filled = waited.in_order?;
    let filling = |f: &&loss::Frame| f.reached() == Some(filled) && f.carries().is_some();
    let brought = lane.frames.iter().find(filling);
    let octet = brought.and_then(loss::Frame::carries).map(|octets| octets.start);
    let dropped = lane.frames.iter().find_map(|f| match &f.row.fate {
        Fate::Dropped { by } if f.carries().zip(octet).is_some_and(|(c, o)| c.contains(&o)) => Some((f, by)),
        _ => None,
    });
    let trigger = again(waited).map(|r| (r.trigger, duplicate_acks(&lane.frames[r.frame])));
    Some(Late {
        message,
        time,
        stalled,
        dropped: dropped.map(|(f, by)| (f.row.id, by.clone())),
        brought: brought.map(|f| f.row.id),
        after: dropped.zip(brought).map(|((first, _), again)| again.row.at.since(first.row.at)),
        found: match trigger {
            Some((Trigger::Fast, duplicates)) => Found::Told(duplicates),
            Some((Trigger::Probe, _)) => Found::Probe,
            Some((Trigger::Timeout, _)) => Found::Timeout,
            Some((Trigger::Unknown, _)) | None => Found::Unknown,
        },
    })
}

/// Duplicate acknowledgments of its first octet that a retransmission's sender had seen.
fn duplicate_acks(frame: &loss::Frame) -> u32 {
    let Packet::Ip(_, Carried::Tcp(tcp)) = &frame.seen.packet else { return 0 };
    let of = |note: &TcpNote| match note {
        TcpNote::Retransmission { duplicate_acks, .. } => Some(*duplicate_acks),
        _ => None,
    };
    tcp.notes.iter().find_map(of).unwrap_or(0)
}

fn longest(told: &[Told]) -> Option<(usize, &Late)> {
    told.iter().enumerate().filter_map(|(i, t)| Some((i, t.late.as_ref()?))).max_by_key(|(_, late)| late.time)
}

fn bulk_rows(comparison: &Comparison, scores: &[Score]) -> Vec<BulkRow> {
    let rows = comparison.lanes.iter().zip(scores);
    rows.map(|(lane, score)| {
        let measured: Vec<_> = lane.samples.iter().map(|s| s.info).filter(|i| !i.rtt.is_zero()).collect();
        let n = u32::try_from(measured.len()).unwrap_or(u32::MAX).max(1);
        let mean = |of: fn(&crate::model::TcpInfo) -> Duration| measured.iter().map(of).sum::<Duration>() / n;
        let (rtt, rto) = (mean(|i| i.rtt), mean(|i| i.rto));
        let mss = measured.last().map_or(0, |i| i.snd_mss);
        let p = score.data.fraction().unwrap_or(0.0);
        BulkRow {
            name: lane.transport.name(),
            goodput: score.goodput,
            lost: score.data,
            rtt: (!rtt.is_zero()).then_some(rtt),
            mathis: loss::mathis(mss, rtt, p),
            padhye: loss::padhye(mss, rtt, rto, p),
        }
    })
    .collect()
}
