//! Who watches a server's system calls: nobody ([`Quiet`]), or a sink ([`Narrated`]).
//!
//! The servers are generic over [`Watch`], so that with [`Quiet`] the telling compiles to nothing: no
//! clock is read, nothing is formatted and nothing allocated for it.

use super::errno;
use crate::model::{
    Call, Cite, Event, EventId, Evidence, Flow, Heading, Located, Place, Protocol, Returned, Side, Sink,
    TcpInfo, Time, What,
};
use bytes::Bytes;
use std::io;

/// A system call that has returned.
#[derive(Debug)]
pub struct Step<'a> {
    /// The descriptor it was called on; `None` for `socket()`.
    pub fd: Option<i32>,
    /// The call.
    pub call: Call,
    /// What it gave.
    pub result: Result<Returned, &'a io::Error>,
    /// When it was entered, as [`Watch::now`] said then.
    pub began: Time,
    /// The octets that it took or gave.
    pub octets: &'a [u8],
    /// What the kernel then said of the connection.
    pub tcp_info: Option<TcpInfo>,
}

impl<'a> Step<'a> {
    /// A step without octets.
    pub fn plain(fd: i32, call: Call, result: Result<Returned, &'a io::Error>, began: Time) -> Step<'a> {
        Step { fd: Some(fd), call, result, began, octets: &[], tcp_info: None }
    }
}

/// Hears of a server's system calls. Calls that only said "nothing yet" (`EAGAIN`) are not told.
pub trait Watch {
    /// Whether anything is heard. `false` lets the compiler drop the telling whole.
    const ON: bool;

    /// The run's time; [`Time::ZERO`] where nothing is heard.
    fn now(&self) -> Time;

    /// A call was entered that may block for long. Gives what [`Watch::returned`] then names as its cause.
    fn called(&mut self, fd: Option<i32>, call: impl FnOnce() -> Call) -> Option<EventId>;

    /// A call returned. `step` is run only when something is heard.
    fn returned<'a>(&mut self, cause: Option<EventId>, step: impl FnOnce() -> Step<'a>);

    /// Whether the listener has had enough, or failed.
    fn over(&self) -> bool;
}

/// Hears nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Quiet;

impl Watch for Quiet {
    const ON: bool = false;

    #[inline(always)]
    fn now(&self) -> Time {
        Time::ZERO
    }
    #[inline(always)]
    fn called(&mut self, _: Option<i32>, _: impl FnOnce() -> Call) -> Option<EventId> {
        None
    }
    #[inline(always)]
    fn returned<'a>(&mut self, _: Option<EventId>, _: impl FnOnce() -> Step<'a>) {}
    #[inline(always)]
    fn over(&self) -> bool {
        false
    }
}

/// Event ids are provisional from here on; whoever shows them numbers them anew.
const PROVISIONAL: u64 = 1 << 32;

/// Turns system calls into events for a sink.
pub struct Narrated<'a> {
    side: Side,
    now: &'a dyn Fn() -> Time,
    sink: &'a mut dyn Sink,
    show: usize,
    next: u64,
    state: io::Result<Flow>,
}

impl<'a> Narrated<'a> {
    /// Tells `sink` of the program on `side`; `show` is how many octets of each call it carries at most
    /// (0 none).
    pub fn new(side: Side, now: &'a dyn Fn() -> Time, sink: &'a mut dyn Sink, show: usize) -> Narrated<'a> {
        Narrated { side, now, sink, show, next: PROVISIONAL, state: Ok(Flow::Continue) }
    }

    /// The sink's own failure, if it failed.
    ///
    /// # Errors
    /// What [`Sink::event`] gave.
    pub fn finish(self) -> io::Result<()> {
        self.state.map(|_| ())
    }

    fn emit(
        &mut self,
        at: Time,
        cause: Option<EventId>,
        what: What,
        octets: &[u8],
        cite: Option<Cite>,
    ) -> EventId {
        let id = EventId(self.next);
        self.next += 1;
        let shown = &octets[..octets.len().min(self.show)];
        let bytes = (!shown.is_empty())
            .then(|| Located { bytes: Bytes::copy_from_slice(shown), headers: Vec::new() });
        let event = Event {
            id,
            cause,
            at,
            place: Place::Host(self.side),
            heading: Heading::Local,
            protocol: Protocol::Sockets,
            what,
            bytes,
            evidence: Evidence::Syscall,
            cite,
        };
        if let Ok(Flow::Continue) = self.state {
            self.state = self.sink.event(&event);
        }
        id
    }
}

impl Watch for Narrated<'_> {
    const ON: bool = true;

    fn now(&self) -> Time {
        (self.now)()
    }

    fn called(&mut self, fd: Option<i32>, call: impl FnOnce() -> Call) -> Option<EventId> {
        let at = self.now();
        Some(self.emit(at, None, What::Called { fd, call: call() }, &[], None))
    }

    fn returned<'s>(&mut self, cause: Option<EventId>, step: impl FnOnce() -> Step<'s>) {
        let at = self.now();
        let Step { fd, call, result, began, octets, tcp_info } = step();
        let cite = rule(&call);
        let result = result.map_err(errno);
        let tcp_info = tcp_info.map(Box::new);
        let what = What::Returned { fd, call, result, took: at.since(began), tcp_info };
        self.emit(at, cause, what, octets, cite);
    }

    fn over(&self) -> bool {
        !matches!(self.state, Ok(Flow::Continue))
    }
}

/// Where a call's meaning is written down.
fn rule(call: &Call) -> Option<Cite> {
    Some(match call {
        Call::Listen(_) => Cite::man("listen(2)"),
        Call::Connect(_) => Cite::man("connect(2)"),
        Call::Accept => Cite::man("accept(2)"),
        Call::Send { .. } | Call::SendMsg { .. } | Call::SendTo { .. } => Cite::man("send(2)"),
        Call::Recv { .. } | Call::RecvFrom { .. } => Cite::man("recv(2)"),
        Call::Shutdown(_) => Cite::man("shutdown(2)"),
        _ => return None,
    })
}
