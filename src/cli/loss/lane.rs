//! One lane: its programs run, its frames gathered, and both made one.

use super::tags::Tags;
use crate::capture::{CaptureSink, CutBy, Flush};
use crate::dissect::Tell;
use crate::dissect::trace::Trace;
use crate::live::calls::CallError;
use crate::live::loss::{Carrier, Haul, Notes, PREFIX, Work};
use crate::live::private;
use crate::live::setup::{Finished, RunError, Setup};
use crate::model::{Call, Event, Fan, Repair, Side, Time, Vantage};
use crate::narrate::{Glyphs, Narrator};
use crate::report::loss::{Gather, Lane, Message, Retransmission, Sample, Transport, Trigger, stream};
use anyhow::Context;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// A lane, and the events of its frames for a picture.
pub(super) struct Done {
    pub(super) lane: Lane,
    pub(super) events: Vec<Event>,
}

/// Runs a lane on a fresh network.
pub(super) fn run(
    transport: Transport,
    haul: &Haul,
    setup: &Setup,
    capture: Option<&Path>,
    stop: &AtomicBool,
) -> anyhow::Result<Done> {
    let (mut gather, mut tags, mut trace) = (Gather::default(), Tags::new(haul.carrier), Trace::new());
    let mut fan = Fan::new();
    fan.push(&mut gather);
    fan.push(&mut tags);
    if haul.carrier == Carrier::Tcp {
        fan.push(&mut trace);
    }
    for side in Side::BOTH {
        if let Some(path) = capture {
            let path = capture_path(path, &transport, side);
            let file = File::create(&path)
                .with_context(|| format!("the capture file {} cannot be made", path.display()))?;
            let cut = |file: &mut File, len| {
                file.set_len(len)?;
                file.seek(SeekFrom::Start(len))?;
                Ok(true)
            };
            let mut narrator = Narrator::new(Glyphs::ASCII);
            let words = Box::new(move |event: &Event| narrator.tell(event).to_string());
            fan.push(CaptureSink::new(CutBy(file, cut), Vantage::At(side), Flush::Paced, words));
        }
    }
    let mut tell = Tell::new(fan);
    let finished = private::run(haul, setup, &mut tell, stop).map_err(|error| match error {
        RunError::Host(error) => crate::cli::plan::cannot(error),
        error => error.into(),
    })?;
    drop(tell);
    let notes = haul.journal.notes().clone();
    let events = std::mem::take(&mut gather.events);
    let again = match haul.carrier {
        Carrier::Tcp => traced(&trace, &gather),
        Carrier::Udp | Carrier::Arq => tags.again(&gather),
    };
    Ok(Done { lane: assemble(transport, haul, &notes, gather, &tags, again, &finished), events })
}

/// `NAME.pcapng` for a lane and a host: `NAME-udp-server.pcapng`.
pub(super) fn capture_path(path: &Path, transport: &Transport, side: Side) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or("pcapng".into(), |e| e.to_string_lossy());
    path.with_file_name(format!("{stem}-{}-{}.{extension}", transport.slug(), side.name()))
}

/// TCP's retransmissions, each with what made its sender send it, as far as the frames tell.
fn traced(trace: &Trace, gather: &Gather) -> Vec<Retransmission> {
    let all = trace.retransmissions();
    let each = all.iter().filter_map(|r| {
        Some(Retransmission {
            frame: gather.place(r.frame.id)?,
            of: r.previous.and_then(|frame| gather.place(frame.id)),
            trigger: match r.repair {
                Repair::Fast(_) => Trigger::Fast,
                Repair::TailLossProbe => Trigger::Probe,
                // What a handshake repeats, a timeout repeats (RFC 6298 s5.7).
                Repair::Timeout { .. } | Repair::AfterTimeout { .. } | Repair::Handshake => Trigger::Timeout,
                // Only the server answers a SYN, and it sends nothing that is counted here.
                Repair::Asked { .. } | Repair::Timer | Repair::Unknown => Trigger::Unknown,
            },
            needless: r.cause.is_spurious() == Some(true),
        })
    });
    each.collect()
}

/// What went wrong in a program, as a sentence.
fn failure(error: &CallError, haul: &Haul) -> String {
    let name = error.errno().map_or("", |errno| errno.name);
    match (&error.call, name) {
        (Call::Connect(_), "EINPROGRESS" | "ETIMEDOUT") => {
            format!("connect() had no answer within {:?}, the time that --wait gives", haul.wait)
        }
        (Call::Recv { .. }, "EAGAIN") => {
            format!(
                "the server had not read everything {:?} after the last send, the time that --wait gives",
                haul.wait
            )
        }
        _ => error.to_string(),
    }
}

/// Lays what the programs noted over what the frames show.
fn assemble(
    transport: Transport,
    haul: &Haul,
    notes: &Notes,
    gather: Gather,
    tags: &Tags,
    retransmissions: Vec<Retransmission>,
    finished: &Finished,
) -> Lane {
    let frames = &gather.frames;
    let began = notes.began.or(notes.opened).unwrap_or(Time::ZERO);
    let mut messages = Vec::new();
    if let Work::Messages { count, size, every } = haul.work {
        messages.extend((0..count).map(|n| Message {
            due: began + every * n,
            sent: notes.sent.get(n as usize).copied(),
            received: Vec::new(),
            reached: None,
            in_order: None,
        }));
        for (n, at) in &notes.received {
            if let Some(message) = messages.get_mut(*n as usize) {
                message.received.push(*at);
            }
        }
        if haul.carrier == Carrier::Tcp {
            let span = PREFIX as u64 + u64::from(size);
            for (message, there) in messages.iter_mut().zip(stream::arrivals(frames, count, span)) {
                (message.reached, message.in_order) = (there.reached, there.in_order);
            }
        } else {
            let reached = tags.reached(&gather);
            for (n, message) in (0..).zip(&mut messages) {
                message.reached = reached.get(&n).copied();
            }
        }
    }
    // The server's accept() fails for want of a client: the client's own failure says it all.
    let failures = finished.client.failures.iter().chain(&finished.server.failures);
    Lane {
        transport,
        opened: notes.opened.unwrap_or(Time::ZERO),
        began,
        ended: notes.ended,
        received: notes.octets,
        messages,
        retransmissions,
        samples: notes.samples.iter().map(|(at, info)| Sample { at: *at, info: *info }).collect(),
        failures: failures.filter(|e| e.call != Call::Accept).map(|e| failure(e, haul)).collect(),
        outcome: finished.outcome.clone(),
        run: gather.run.unwrap_or_else(|| unreachable!("the run has begun, or an error was returned")),
        frames: gather.frames,
    }
}
