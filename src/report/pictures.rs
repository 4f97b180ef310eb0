//! The pictures of a comparison: latency of each message, its distribution, TCP's time-sequence graph, and what
//! TCP believed meanwhile. Times are in milliseconds since the lane's first message was due.

use super::chart::{Chart, Dash, Dot, Hue, Line, Look, Marks, Panel, Series, Shape};
use super::loss::{Comparison, Frame, Lane, Transport};
use super::scale::{Axis, Scale, number};
use crate::model::{Carried, Direction, Packet, Tcp, TcpFlags, Time};
use std::time::Duration;

/// How the lanes look, in their order: TCP's connections differ from each other, and from UDP.
pub(super) fn looks<'a>(transports: impl Iterator<Item = &'a Transport>) -> Vec<Look> {
    let mut connections = [
        Look { hue: Hue::Blue, shape: Shape::Circle, dash: Dash::Solid },
        Look { hue: Hue::Purple, shape: Shape::Triangle, dash: Dash::DashDot },
        Look { hue: Hue::Yellow, shape: Shape::Diamond, dash: Dash::Short },
    ]
    .into_iter()
    .cycle();
    transports
        .filter_map(|transport| match transport {
            Transport::Tcp { .. } => connections.next(),
            Transport::Udp => Some(Look { hue: Hue::Orange, shape: Shape::Square, dash: Dash::Long }),
            Transport::Arq => Some(Look { hue: Hue::Green, shape: Shape::Plus, dash: Dash::DashDot }),
        })
        .collect()
}

const LOST: Look = Look { hue: Hue::Red, shape: Shape::Cross, dash: Dash::Solid };
const AGAIN: Look = Look { hue: Hue::Purple, shape: Shape::LetterR, dash: Dash::Solid };

pub(super) fn ms(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// Milliseconds from the lane's beginning; negative before it.
pub(super) fn at(lane: &Lane, time: Time) -> f64 {
    (time.as_nanos() as f64 - lane.began.as_nanos() as f64) / 1e6
}

/// Milliseconds for a person.
fn short(ms: f64) -> String {
    format!(
        "{} ms",
        number(if ms < 10.0 { (ms * 100.0).round() / 100.0 } else { (ms * 10.0).round() / 10.0 })
    )
}

/// The latencies of the messages that arrived, the smallest first, in milliseconds.
fn latencies(lane: &Lane) -> Vec<f64> {
    let mut sorted: Vec<f64> = lane.messages.iter().filter_map(|m| m.latency()).map(ms).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// A picture of each message: how long it took, or that it never came. A panel a lane.
pub(super) fn latency(comparison: &Comparison) -> Chart {
    let looks = looks(comparison.lanes.iter().map(|lane| &lane.transport));
    let panels = comparison.lanes.iter().zip(looks).map(|(lane, look)| {
        let name = lane.transport.name();
        let (mut on_time, mut waited, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for (i, message) in lane.messages.iter().enumerate() {
            let (n, stall) = (i + 1, message.stall());
            let Some(latency) = message.latency().map(ms) else {
                lost.push(Dot { x: n as f64, y: f64::INFINITY, says: format!("message {n}: lost") });
                continue;
            };
            let mut says = format!("message {n}: {}", short(latency));
            let list = if stall.is_zero() {
                &mut on_time
            } else {
                says += &format!(", of these {} complete but waiting for an earlier octet", short(ms(stall)));
                &mut waited
            };
            list.push(Dot { x: n as f64, y: latency, says });
        }
        let hollow = Look { shape: Shape::Diamond, ..look };
        let mut series = vec![Series { name: name.clone(), look, marks: Marks::Dots(on_time) }];
        for (name, look, dots) in [("waited for an earlier message", hollow, waited), ("lost", LOST, lost)] {
            if !dots.is_empty() {
                series.push(Series { name: name.to_owned(), look, marks: Marks::Dots(dots) });
            }
        }
        let y = Axis::linear("latency, ms");
        Panel { title: name, y, height: 130, never: Some("lost".to_owned()), series }
    });
    let alt = comparison.lanes.iter().map(|lane| {
        let (sorted, all) = (latencies(lane), lane.messages.len());
        let name = lane.transport.name();
        let Some(slowest) = sorted.last() else { return format!("{name}: none of {all} messages arrived.") };
        let waited = lane.messages.iter().filter(|m| !m.stall().is_zero()).count();
        let waited = if waited == 0 { String::new() } else { format!("; {waited} waited for an earlier one") };
        let (arrived, half) = (sorted.len(), short(sorted[(sorted.len() - 1) / 2]));
        format!("{name}: {arrived} of {all} messages arrived, half of them within {half}, the slowest after {}{waited}.", short(*slowest))
    });
    Chart {
        id: "latency".to_owned(),
        title: "How long each message took".to_owned(),
        alt: alt.collect::<Vec<_>>().join(" "),
        x: Axis::linear("message, in the order of sending"),
        panels: panels.collect(),
        same_scale: true,
    }
}

/// Which share of the messages had arrived within which time. A lost message never counts, so a line may end
/// below the whole.
pub(super) fn distribution(comparison: &Comparison) -> Chart {
    let sorted: Vec<Vec<f64>> = comparison.lanes.iter().map(latencies).collect();
    let all = |pick: fn(f64, f64) -> f64, from: f64| sorted.iter().flatten().copied().fold(from, pick);
    let (fastest, slowest) = (all(f64::min, f64::INFINITY), all(f64::max, 0.0));
    // A tail that is much longer than the rest would squeeze the rest into a corner.
    let log = fastest > 0.0 && slowest > 20.0 * fastest;
    let looks = looks(comparison.lanes.iter().map(|lane| &lane.transport));
    let (mut series, mut alt) = (Vec::new(), Vec::new());
    for ((lane, sorted), look) in comparison.lanes.iter().zip(&sorted).zip(looks) {
        let whole = lane.messages.len().max(1) as f64;
        let mut points: Vec<(f64, f64)> = sorted.first().map(|first| (*first, 0.0)).into_iter().collect();
        points.extend(sorted.iter().enumerate().map(|(i, ms)| (*ms, (i + 1) as f64 / whole * 100.0)));
        points.extend(points.last().map(|(_, share)| (slowest, *share)));
        let share = sorted.len() as f64 / whole * 100.0;
        let name = lane.transport.name();
        alt.push(format!("{name} ends at {} percent.", number((share * 10.0).round() / 10.0)));
        series.push(Series { name, look, marks: Marks::Line(Line::Step, points) });
    }
    let y = Axis::linear("of all messages, %");
    Chart {
        id: "distribution".to_owned(),
        title: "Share of the messages that had arrived within a time".to_owned(),
        alt: alt.join(" "),
        x: if log { Axis::log("latency, ms (by factors)") } else { Axis::linear("latency, ms") },
        panels: vec![Panel { title: String::new(), y, height: 220, never: None, series }],
        same_scale: false,
    }
}

pub(super) fn tcp(frame: &Frame) -> Option<&Tcp> {
    match &frame.seen.packet {
        Packet::Ip(_, Carried::Tcp(tcp)) => Some(tcp),
        _ => None,
    }
}

/// The time from before a loss to after its repair, in milliseconds: of the octets that were sent again latest after
/// they had been sent before. `None` where nothing was.
pub(super) fn repair(lane: &Lane) -> Option<(f64, f64)> {
    let times = lane.retransmissions.iter().filter_map(|again| {
        let (again, before) = (lane.frames.get(again.frame)?, lane.frames.get(again.of?)?);
        tcp(again)?;
        Some((at(lane, before.row.at), at(lane, again.row.at)))
    });
    let (lost, again) = times.max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))?;
    let around = (again - lost).max(1.0) / 2.0;
    Some((lost - around, again + 2.0 * around))
}

/// TCP's octets over time, as the client's host saw them leave and be acknowledged: a stroke a segment, the line
/// of what is acknowledged below. `None` for a lane without a segment that carries data.
/// With `within`, a detail: that time only.
pub(super) fn sequence(lane: &Lane, within: Option<(f64, f64)>) -> Option<Chart> {
    let (mut sent, mut acked) = (Vec::new(), Vec::new());
    let (mut lost, mut lost_acks, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for frame in &lane.frames {
        let Some(tcp) = tcp(frame) else { continue };
        let (x, dropped, id) = (at(lane, frame.row.at), frame.row.fate.is_dropped(), frame.row.id);
        match frame.row.direction {
            Direction::ToServer if tcp.len > 0 => {
                // Relative number 0 is the SYN's: the first octet of data has 1.
                let (first, end) = (f64::from(tcp.seq) - 1.0, f64::from(tcp.seq) - 1.0 + f64::from(tcp.len));
                sent.push((x, first, end));
                if dropped {
                    let says = format!("frame {id}, {} octets from {first}: dropped", tcp.len);
                    lost.push(Dot { x, y: f64::midpoint(first, end), says });
                }
            }
            Direction::ToClient => {
                let Some(ack) = tcp.ack.filter(|_| !tcp.flags.has(TcpFlags::SYN)) else { continue };
                let y = f64::from(ack) - 1.0;
                acked.extend(frame.arrived.iter().map(|time| (at(lane, *time), y)));
                if dropped {
                    lost_acks.push(Dot { x, y, says: format!("frame {id}, ACK {ack}: dropped") });
                }
            }
            Direction::ToServer => {}
        }
    }
    for retransmission in &lane.retransmissions {
        let Some(frame) = lane.frames.get(retransmission.frame) else { continue };
        let Some(tcp) = tcp(frame).filter(|_| frame.row.direction == Direction::ToServer) else { continue };
        let mut says = format!("frame {}: sent again ({})", frame.row.id, retransmission.trigger.name());
        if let Some(before) = retransmission.of.and_then(|of| lane.frames.get(of)) {
            says += &format!(", first in frame {}", before.row.id);
        }
        let y = f64::from(tcp.seq) - 1.0 + f64::from(tcp.len);
        again.push(Dot { x: at(lane, frame.row.at), y, says });
    }
    // Before the first ACK nothing is acknowledged.
    acked.push((sent.first()?.0, 0.0));
    // An ACK that was overtaken does not take anything back.
    acked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut highest = 0.0;
    for (_, y) in &mut acked {
        highest = f64::max(highest, *y);
        *y = highest;
    }
    if let Some((from, to)) = within {
        let inside = |x: f64| (from..=to).contains(&x);
        sent.retain(|stroke| inside(stroke.0));
        for dots in [&mut lost, &mut lost_acks, &mut again] {
            dots.retain(|dot| inside(dot.x));
        }
        // The line comes in from the left at the height that it had, and goes out to the right.
        let height = |time: f64| acked.iter().rev().find(|point| point.0 <= time).map(|point| point.1);
        let (enters, leaves) = (height(from).map(|y| (from, y)), height(to).map(|y| (to, y)));
        acked.retain(|point| inside(point.0));
        acked.splice(0..0, enters);
        acked.extend(leaves);
    }
    let end = sent.iter().map(|s| s.2).fold(0.0, f64::max);
    let name = lane.transport.name();
    let first = sent.iter().map(|s| s.1).fold(f64::INFINITY, f64::min);
    let alt = format!(
        "{name}: {} segments carried octets {} to {}, {} of them dropped by the wire, {} sent again; {} acknowledgments dropped.",
        sent.len(),
        number(first),
        number(end),
        lost.len(),
        again.len(),
        lost_acks.len()
    );
    let data = Look { hue: Hue::Blue, shape: Shape::Circle, dash: Dash::Solid };
    let ack = Look { hue: Hue::Green, shape: Shape::Circle, dash: Dash::Long };
    let hollow = Look { hue: Hue::Yellow, shape: Shape::Diamond, dash: Dash::Solid };
    let mut series = vec![
        Series { name: "acknowledged so far".to_owned(), look: ack, marks: Marks::Line(Line::Step, acked) },
        Series { name: "segment with data".to_owned(), look: data, marks: Marks::Strokes(sent) },
    ];
    let marked =
        [("data dropped", LOST, lost), ("ACK dropped", hollow, lost_acks), ("sent again", AGAIN, again)];
    for (name, look, dots) in marked {
        if !dots.is_empty() {
            series.push(Series { name: name.to_owned(), look, marks: Marks::Dots(dots) });
        }
    }
    let axis = |label| match within {
        None => Axis::linear(label),
        Some(_) => Axis { scale: Scale::Detail, ..Axis::linear(label) },
    };
    let (id, which) = if within.is_some() { ("repair", "the slowest repair, ") } else { ("sequence", "") };
    let y = axis("octets of the stream");
    Some(Chart {
        id: format!("{id}-{}", lane.transport.slug()),
        title: format!("{name}: {which}which octets were under way when"),
        alt,
        x: axis("time, ms"),
        panels: vec![Panel { title: name, y, height: 320, never: None, series }],
        same_scale: false,
    })
}

/// What TCP believed: its window, its round-trip time, its timeout. `None` without samples.
pub(super) fn beliefs(lane: &Lane) -> Option<Chart> {
    let (first, last) = (lane.samples.first()?, lane.samples.last()?);
    let line = |name: &str, hue, dash, value: &dyn Fn(&super::loss::Sample) -> f64| {
        let points = lane.samples.iter().map(|s| (at(lane, s.at), value(s))).collect();
        let look = Look { hue, shape: Shape::Circle, dash };
        Series { name: name.to_owned(), look, marks: Marks::Line(Line::Step, points) }
    };
    let window = |s: &super::loss::Sample| f64::from(s.info.snd_cwnd);
    let mut above = vec![line("congestion window (snd_cwnd)", Hue::Blue, Dash::Solid, &window)];
    if lane.samples.iter().any(|s| s.info.snd_ssthresh.is_some()) {
        let threshold = |s: &super::loss::Sample| s.info.snd_ssthresh.map_or(f64::NAN, f64::from);
        above.push(line("slow-start threshold (snd_ssthresh)", Hue::Orange, Dash::Short, &threshold));
    }
    let again = lane.retransmissions.iter().filter_map(|r| {
        let frame = lane.frames.get(r.frame).filter(|f| f.row.direction == Direction::ToServer)?;
        Some(Dot { x: at(lane, frame.row.at), y: 0.0, says: format!("sent again ({})", r.trigger.name()) })
    });
    let again: Vec<Dot> = again.collect();
    if !again.is_empty() {
        above.push(Series { name: "sent again".to_owned(), look: AGAIN, marks: Marks::Dots(again) });
    }
    // Before the first measurement the kernel has no round-trip time, which it says as zero.
    let rtt = |s: &super::loss::Sample| if s.info.rtt.is_zero() { f64::NAN } else { ms(s.info.rtt) };
    let below = vec![
        line("round-trip time, smoothed (rtt)", Hue::Green, Dash::Long, &rtt),
        line("retransmission timeout (rto)", Hue::Red, Dash::DashDot, &|s| ms(s.info.rto)),
    ];
    let (narrow, wide) = lane
        .samples
        .iter()
        .map(|s| s.info.snd_cwnd)
        .fold((u32::MAX, 0), |(low, high), w| (low.min(w), high.max(w)));
    let alt = format!(
        "The congestion window began at {} segments, went between {narrow} and {wide} and ended at {}; the timeout \
         began at {} and ended at {}.",
        first.info.snd_cwnd,
        last.info.snd_cwnd,
        short(ms(first.info.rto)),
        short(ms(last.info.rto))
    );
    let panel = |title: &str, label: &str, series| Panel {
        title: title.to_owned(),
        y: Axis::linear(label),
        height: 150,
        never: None,
        series,
    };
    Some(Chart {
        id: format!("beliefs-{}", lane.transport.slug()),
        title: format!("{}: what the sender's kernel believed", lane.transport.name()),
        alt,
        x: Axis::linear("time, ms"),
        panels: vec![panel("Window", "segments", above), panel("Clocks", "ms", below)],
        same_scale: false,
    })
}
