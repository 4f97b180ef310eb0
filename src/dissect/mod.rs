//! From frames to events: what each frame is, and what it is in its conversation.
//!
//! - [`Dissector`] takes frames in the order in which they entered the wire and gives one [`Event`](crate::model::Event) each,
//!   and behind it one for each step of an upgrade or of WebSocket that was whole with that frame.
//! - [`Tell`] stands between a run and its listeners and puts those events, and the ledger's, before the frames.
//! - [`Overheard`] does the same for one connection of a program of ours, where no frame is seen.
//! - [`read`] tells a capture file as the run was told that made it.
//!
//! Nothing is claimed but what the frames show, and what the ledger says where there is one. So a retransmission is
//! needless only if the far host is known to have its octets, and an acknowledgment is of a frame that was seen.

mod cite;
mod dissector;
mod file;
mod neighbours;
mod quotes;
mod recent;
mod sides;
mod streams;
mod tcp;
mod tell;
pub mod trace;

pub use dissector::{Dissector, Frame};
pub use file::{FileError, Told, read};
pub use streams::Overheard;
pub use tell::Tell;

/// Hostile octets as a sequence of frames. Each is preceded by two octets: its length (big-endian, 11 bits), its direction, and
/// whether it is dropped. Gives the last frame's number.
fn hostile(data: &[u8], mut each: impl FnMut(&Frame<'_>)) -> u64 {
    use crate::model::{Delivery, Direction, Fate, FrameId, LinkType, Rule, Time};
    let mut rest = data;
    let mut n = 0;
    while let [high, low, after @ ..] = rest {
        n += 1;
        let len = usize::from(u16::from_be_bytes([high & 7, *low])).min(after.len());
        let at = Time::from_micros(n);
        let fate = match high >> 6 {
            0 => None,
            1 => Some(Fate::Dropped { by: Rule::Cut }),
            _ => Some(Fate::Delivered(Delivery::plain(at))),
        };
        let direction = if high & 8 == 0 { Direction::ToServer } else { Direction::ToClient };
        let bytes = &after[..len];
        each(&Frame {
            id: FrameId(n),
            direction,
            at,
            link: LinkType::Ethernet,
            bytes,
            len: len as u32,
            fate: fate.as_ref(),
        });
        rest = &after[len..];
    }
    n
}

/// Dissects hostile octets: the body of a fuzz target.
#[doc(hidden)]
pub fn fuzz_dissector(data: &[u8]) {
    use crate::model::EventId;
    let mut dissector = Dissector::new().with_bytes(true);
    hostile(data, |frame| {
        let event = dissector.frame(EventId(frame.id.0), frame);
        assert!(event.cause.is_none_or(|cause| cause.0 < frame.id.0), "a cause comes before what it causes");
    });
}

/// Tells a hostile capture file, and explains its frames: the body of a fuzz target.
#[doc(hidden)]
pub fn fuzz_file(data: &[u8]) {
    let Ok(mut reader) = crate::capture::Reader::new(data) else { return };
    let mut tell = Tell::new(trace::Trace::of_file()).with_bytes(true);
    // What does not read is an error, and what stands before it is told all the same.
    let _ = read(&mut reader, &mut tell);
    let trace = tell.into_inner();
    let explained = trace.explain();
    for number in 1..=64 {
        let _ = explained.chain(trace::Asked::Number(number));
    }
}

/// Takes hostile octets apart and explains every frame: the body of a fuzz target.
#[doc(hidden)]
pub fn fuzz_trace(data: &[u8]) {
    use crate::model::{Class, FrameId, Row};
    let mut tell = Tell::new(trace::Trace::new());
    let last = hostile(data, |frame| {
        let row = frame.fate.map(|fate| Row {
            id: frame.id,
            direction: frame.direction,
            index: frame.id.0,
            at: frame.at,
            len: frame.len,
            class: Class::NONE,
            fate: fate.clone(),
        });
        assert!(tell.enter(frame, row.as_ref()).is_ok(), "a trace does not fail");
    });
    let trace = tell.into_inner();
    let explained = trace.explain();
    for id in 1..=last {
        let chain = explained.chain(trace::Asked::Id(FrameId(id)));
        assert!(chain.is_ok_and(|chain| !chain.links.is_empty()), "of every frame something is known");
    }
}
