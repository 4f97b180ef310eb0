//! One thread, a listener or two, many connections: accepts them, polls them, and gives each its turn.
//!
//! Readiness is edge-triggered. What a connection does with its turn is the [`Service`]'s: echo octets, or speak
//! WebSocket.

use super::door::{Door, listen};
use super::stream::Stream;
use super::{ErrorCounts, PATIENCE, ServeError, Step, Watch, count, number};
use crate::model::{Call, Returned, SocketOption};
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const WAKER: Token = Token(0);
const DATAGRAMS: Token = Token(1);
/// The listeners' tokens come first, then the connections'.
const DOORS: usize = 2;
const FIRST: usize = DOORS + MOST_DOORS;
/// Listeners of one server, at most.
const MOST_DOORS: usize = 2;
/// Connections accepted before the others get their turn.
const ACCEPTS: usize = 256;
/// How long to leave the backlog alone when the system has no descriptor or memory for a connection.
const SHORTAGE: Duration = Duration::from_millis(100);
/// How long connections have, all together, to say farewell when the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(2);
/// Full reads of one connection before the others get their turn.
pub(super) const TURN: usize = 8;

/// Why a connection is driven.
#[derive(Clone, Copy)]
pub(super) struct Why {
    /// Reading must go on until the kernel says `EAGAIN` or end of stream: the poll said that the peer
    /// has closed (no further edge would come for it), or that urgent data ends a read early.
    pub(super) drain: bool,
    /// Something waits for it that others left ([`Service::has_news`]); the poll did not name it.
    pub(super) news: bool,
}

/// What is to be done next with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Wait for the poll.
    Wait,
    /// It had its turn and may have more.
    Again,
    /// It is over; both directions are done or it failed.
    Close,
}

/// What a server does with its connections, and what they share.
pub(super) trait Service {
    /// One client.
    type Connection;

    /// A client has come, and has this seat until it goes.
    fn open(&mut self, stream: Stream, seat: usize, now: Instant) -> Self::Connection;

    /// Does what can be done now without waiting. An error closes the connection, and is counted.
    fn drive<W: Watch>(
        &mut self,
        connection: &mut Self::Connection,
        why: Why,
        watch: &mut W,
    ) -> io::Result<Next>;

    /// The connection is over.
    fn close<W: Watch>(&mut self, connection: Self::Connection, watch: &mut W);

    /// How often each connection is looked at by the clock; `None` for never.
    fn sweep_every(&self) -> Option<Duration>;

    /// The clock's look at a connection which the poll named last `silence` ago.
    fn sweep<W: Watch>(
        &mut self,
        connection: &mut Self::Connection,
        now: Instant,
        silence: Duration,
        watch: &mut W,
    ) -> io::Result<Next>;

    /// Whether there is something that every connection is to be driven for, once the batch of events is done.
    fn has_news(&self) -> bool {
        false
    }

    /// Every connection is driven for it now.
    fn take_news(&mut self) {}

    /// A socket for datagrams that is served beside the connections.
    fn datagrams(&mut self) -> Option<&mut UdpSocket> {
        None
    }

    /// Something has come for that socket.
    fn heard_datagrams<W: Watch>(&mut self, _now: Instant, _watch: &mut W) {}

    /// Whether it stopped hearing them before there were no more.
    fn has_more_datagrams(&self) -> bool {
        false
    }

    /// Every batch of events ends with this: what its connections asked for together can be done at once. Seats that are
    /// put into `due` get a turn for news.
    fn settle<W: Watch>(&mut self, _now: Instant, _due: &mut Vec<usize>, _watch: &mut W) {}

    /// When [`Service::settle`] wants to be called though nothing came.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The server stops: says so to the peer. The connection is driven until it closes, or time is up.
    fn farewell<W: Watch>(&mut self, _connection: &mut Self::Connection, _watch: &mut W) -> io::Result<Next> {
        Ok(Next::Close)
    }
}

/// What became of the connections.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) open: usize,
    pub(super) peak_open: usize,
    pub(super) accept_pauses: u64,
    pub(super) errors: ErrorCounts,
}

/// Whether new connections are taken out of the backlog.
#[derive(Clone, Copy, PartialEq)]
enum Accepting {
    Open,
    /// As many as allowed are open: until one closes.
    Full,
    /// The system is short of something: until one closes, or this moment.
    Short(Instant),
    /// No more: the server stops.
    Never,
}

struct Seat<C> {
    connection: C,
    /// Whether it waits in the list of those that may have more.
    again: bool,
    /// When the poll last named it, as near as the sweeps need it.
    heard: Instant,
}

/// The loop.
pub(super) struct Reactor<S: Service> {
    poll: Poll,
    waker: Arc<Waker>,
    listeners: Vec<TcpListener>,
    /// Where they listen.
    locals: Vec<SocketAddr>,
    doors: Vec<Door>,
    seats: Vec<Option<Seat<S::Connection>>>,
    free: Vec<usize>,
    accepting: Accepting,
    /// Connections that had their turn and may have more.
    again: Vec<usize>,
    /// Connections that the service wants to have a turn.
    due: Vec<usize>,
    /// The time of the batch at hand.
    now: Instant,
    counts: Counts,
    service: S,
}

impl<S: Service> Reactor<S> {
    /// Opens the listening socket; `watch` hears of each call.
    pub(super) fn bind<W: Watch>(
        door: Door,
        mut service: S,
        watch: &mut W,
    ) -> Result<Reactor<S>, ServeError> {
        let plain = |call| move |source| ServeError::Call { call, source };
        let poll = Poll::new().map_err(plain("epoll_create"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(plain("eventfd"))?);
        if let Some(socket) = service.datagrams() {
            poll.registry().register(socket, DATAGRAMS, Interest::READABLE).map_err(plain("epoll_ctl"))?;
        }
        let mut reactor = Reactor {
            poll,
            waker,
            listeners: Vec::new(),
            locals: Vec::new(),
            doors: Vec::new(),
            seats: Vec::new(),
            free: Vec::new(),
            accepting: Accepting::Open,
            again: Vec::new(),
            due: Vec::new(),
            now: Instant::now(),
            counts: Counts::default(),
            service,
        };
        reactor.open_door(door, watch)?;
        Ok(reactor)
    }

    /// Opens one more listening socket.
    ///
    /// # Panics
    /// With more than [`MOST_DOORS`].
    pub(super) fn open_door<W: Watch>(&mut self, door: Door, watch: &mut W) -> Result<(), ServeError> {
        assert!(self.doors.len() < MOST_DOORS, "more listeners than tokens for them");
        let plain = |call| move |source| ServeError::Call { call, source };
        let listener = listen(&door, watch)?;
        let local = listener.local_addr().map_err(plain("getsockname"))?;
        let mut listener = TcpListener::from_std(listener.into());
        let token = Token(DOORS + self.doors.len());
        self.poll
            .registry()
            .register(&mut listener, token, Interest::READABLE)
            .map_err(plain("epoll_ctl"))?;
        self.locals.push(local.as_socket().unwrap_or(door.listen));
        self.listeners.push(listener);
        self.doors.push(door);
        Ok(())
    }

    /// Where the first listener listens.
    pub(super) fn local_addr(&self) -> SocketAddr {
        self.locals[0]
    }

    /// Where all of them listen, in the order in which they were opened.
    pub(super) fn local_addrs(&self) -> &[SocketAddr] {
        &self.locals
    }

    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Serves until `stop` is set or `watch` has had enough, then says farewell to all.
    pub(super) fn run<W: Watch>(
        mut self,
        watch: &mut W,
        stop: &AtomicBool,
    ) -> Result<(S, Counts), ServeError> {
        let mut events = Events::with_capacity(1024);
        let mut sweep_at = self.service.sweep_every().map(|every| Instant::now() + every);
        while !stop.load(Ordering::Relaxed) && !watch.over() {
            self.round(&mut events, &mut sweep_at, watch)?;
        }
        self.counts.open = self.open();
        self.close_door(watch);
        for seat in 0..self.seats.len() {
            self.with(seat, watch, |service, it, watch| service.farewell(&mut it.connection, watch));
        }
        let until = Instant::now() + FAREWELL;
        while self.open() > 0 && !watch.over() && Instant::now() < until {
            self.round(&mut events, &mut sweep_at, watch)?;
        }
        for seat in self.seats.into_iter().flatten() {
            self.service.close(seat.connection, watch);
        }
        Ok((self.service, self.counts))
    }

    /// Waits for the next batch of events, and does what they ask for.
    fn round<W: Watch>(
        &mut self,
        events: &mut Events,
        sweep_at: &mut Option<Instant>,
        watch: &mut W,
    ) -> Result<(), ServeError> {
        match self.poll.poll(events, Some(self.patience(*sweep_at))) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(source) => return Err(ServeError::Call { call: "epoll_wait", source }),
        }
        if sweep_at.is_some() || self.service.deadline().is_some() {
            self.now = Instant::now();
        }
        let mut datagrams = self.service.has_more_datagrams();
        for event in &*events {
            match event.token() {
                WAKER => {}
                DATAGRAMS => datagrams = true,
                Token(token) if token < FIRST => self.accept(watch),
                Token(token) => {
                    let why = Why { drain: event.is_read_closed() || event.is_priority(), news: false };
                    self.drive(token - FIRST, why, true, watch);
                }
            }
        }
        if datagrams {
            self.service.heard_datagrams(self.now, watch);
        }
        for index in std::mem::take(&mut self.again) {
            if self.seats[index].as_mut().is_some_and(|seat| std::mem::take(&mut seat.again)) {
                self.drive(index, Why { drain: false, news: false }, false, watch);
            }
        }
        let mut due = std::mem::take(&mut self.due);
        self.service.settle(self.now, &mut due, watch);
        for index in due.drain(..) {
            self.drive(index, Why { drain: false, news: true }, false, watch);
        }
        self.due = due;
        if self.service.has_news() {
            self.service.take_news();
            for index in 0..self.seats.len() {
                self.drive(index, Why { drain: false, news: true }, false, watch);
            }
        }
        if let Accepting::Short(until) = self.accepting
            && Instant::now() >= until
        {
            self.accept(watch);
        }
        if let (Some(due), Some(every)) = (*sweep_at, self.service.sweep_every())
            && self.now >= due
        {
            self.sweep(watch);
            *sweep_at = Some(self.now + every);
        }
        Ok(())
    }

    /// How long the poll may wait.
    fn patience(&self, sweep_at: Option<Instant>) -> Duration {
        if !self.again.is_empty() || self.service.has_news() {
            return Duration::ZERO;
        }
        let mut patience = PATIENCE;
        let short = if let Accepting::Short(until) = self.accepting { Some(until) } else { None };
        for due in [sweep_at, short, self.service.deadline()].into_iter().flatten() {
            patience = patience.min(due.saturating_duration_since(Instant::now()));
        }
        patience
    }

    #[inline]
    fn drive<W: Watch>(&mut self, index: usize, why: Why, heard: bool, watch: &mut W) {
        let now = self.now;
        self.with(index, watch, |service, seat, watch| {
            if heard {
                seat.heard = now;
            }
            service.drive(&mut seat.connection, why, watch)
        });
    }

    /// Lets the service do something with a connection, and does what it says is next. A connection that an earlier
    /// event of the same batch closed leaves an empty seat.
    #[inline]
    fn with<W: Watch>(
        &mut self,
        index: usize,
        watch: &mut W,
        act: impl FnOnce(&mut S, &mut Seat<S::Connection>, &mut W) -> io::Result<Next>,
    ) {
        let Some(seat) = self.seats.get_mut(index).and_then(Option::as_mut) else { return };
        let next = act(&mut self.service, seat, watch).unwrap_or_else(|error| {
            count(&mut self.counts.errors, &error);
            Next::Close
        });
        match next {
            Next::Wait => {}
            Next::Again => {
                if !std::mem::replace(&mut seat.again, true) {
                    self.again.push(index);
                }
            }
            Next::Close => self.close(index, watch),
        }
    }

    fn open(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    fn close<W: Watch>(&mut self, index: usize, watch: &mut W) {
        if let Some(seat) = self.seats[index].take() {
            self.service.close(seat.connection, watch);
            self.free.push(index);
            if matches!(self.accepting, Accepting::Full | Accepting::Short(_)) {
                self.accept(watch);
            }
        }
    }

    /// Looks at every connection: the cost is in proportion to their number.
    fn sweep<W: Watch>(&mut self, watch: &mut W) {
        let now = self.now;
        for index in 0..self.seats.len() {
            self.with(index, watch, |service, seat, watch| {
                let silence = now.saturating_duration_since(seat.heard);
                service.sweep(&mut seat.connection, now, silence, watch)
            });
        }
    }

    /// Takes connections out of the backlogs.
    fn accept<W: Watch>(&mut self, watch: &mut W) {
        let was = self.accepting;
        if was == Accepting::Never {
            return;
        }
        self.accepting = Accepting::Open;
        for door in 0..self.listeners.len() {
            let state = self.accept_at(door, was, watch);
            if state != Accepting::Open {
                self.accepting = state;
            }
        }
    }

    /// Takes connections out of one backlog: the listener is edge-triggered, so until it is empty or accepting pauses.
    fn accept_at<W: Watch>(&mut self, door: usize, was: Accepting, watch: &mut W) -> Accepting {
        for _ in 0..ACCEPTS {
            if self.open() >= self.doors[door].max_connections {
                self.counts.accept_pauses += u64::from(was == Accepting::Open);
                return Accepting::Full;
            }
            let listener = &self.listeners[door];
            let began = watch.now();
            let result = listener.accept();
            match &result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Accepting::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => {}
            }
            watch.returned(None, || {
                let told = result
                    .as_ref()
                    .map(|(stream, peer)| Returned::Accepted { fd: number(stream), peer: *peer });
                Step::plain(number(listener), Call::Accept, told, began)
            });
            match result {
                Ok((stream, _)) => {
                    if let Err(error) = self.admit(stream, door, watch) {
                        count(&mut self.counts.errors, &error);
                    }
                }
                // accept(2): errors of the connection itself, which is gone, are to be passed over.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {
                    count(&mut self.counts.errors, &error);
                }
                // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the backlog and would make
                // a loop that only tries again spin.
                Err(error) => {
                    count(&mut self.counts.errors, &error);
                    self.counts.accept_pauses += u64::from(was == Accepting::Open);
                    return Accepting::Short(Instant::now() + SHORTAGE);
                }
            }
        }
        // Many more may wait: come back after the others had their turn.
        Accepting::Short(Instant::now())
    }

    fn admit<W: Watch>(&mut self, mut stream: TcpStream, door: usize, watch: &mut W) -> io::Result<()> {
        self.counts.accepted += 1;
        if self.doors[door].nodelay {
            let began = watch.now();
            let result = stream.set_nodelay(true);
            watch.returned(None, || {
                let call = Call::SetOption(SocketOption { name: "TCP_NODELAY", value: "1".to_owned() });
                Step::plain(number(&stream), call, result.as_ref().map(|()| Returned::Done), began)
            });
            // macOS answers EINVAL for a connection that its peer has reset already; the read will say so.
        }
        let index = self.free.pop().unwrap_or(self.seats.len());
        if let Err(error) = register(self.poll.registry(), &mut stream, Token(index + FIRST)) {
            if index < self.seats.len() {
                self.free.push(index);
            }
            return Err(error);
        }
        let connection = self.service.open(Stream::new(stream, door), index, self.now);
        let seat = Some(Seat { connection, again: false, heard: self.now });
        if index == self.seats.len() {
            self.seats.push(seat);
        } else {
            self.seats[index] = seat;
        }
        self.counts.peak_open = self.counts.peak_open.max(self.open());
        Ok(())
    }

    fn close_door<W: Watch>(&mut self, watch: &mut W) {
        self.accepting = Accepting::Never;
        for listener in self.listeners.drain(..) {
            let (fd, began) = (number(&listener), watch.now());
            drop(listener);
            watch.returned(None, || Step::plain(fd, Call::Close, Ok(Returned::Done), began));
        }
    }
}

/// Both directions at once; and urgent data, which ends a read before the socket is empty.
fn register(registry: &Registry, stream: &mut TcpStream, token: Token) -> io::Result<()> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let interest = interest | Interest::PRIORITY;
    registry.register(stream, token, interest)
}
