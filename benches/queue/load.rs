//! The load: one thread with two connections, a producer and a consumer, neither of which ever waits for the other.

use crate::beside::load::cpu_nanos;
use crate::faces::{Face, Heard, SIZE};
use crate::servers::Contender;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Without a word for this long a server is said to have stalled.
const STALL: Duration = Duration::from_secs(10);
/// Octets of answers that are there at once, at most; Redis' longest is half of it.
const INBOX: usize = 2 << 20;

/// What a server did at full load.
#[derive(Clone, Copy)]
pub(crate) struct Flood {
    /// Confirmed publishes a second.
    pub(crate) published: f64,
    /// Consumed and acknowledged messages a second, those included that were consumed after the last publish.
    pub(crate) consumed: f64,
    /// The server's processor time, user and system, in microseconds a message.
    pub(crate) cpu: f64,
}

/// One connection.
struct End {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// Octets of `inbox` that came.
    filled: usize,
    out: Vec<u8>,
    /// Octets of `out` that went.
    gone: usize,
}

impl End {
    fn new(stream: TcpStream) -> End {
        End { stream, inbox: vec![0; INBOX], filled: 0, out: Vec::new(), gone: 0 }
    }

    /// One read, and what it completes.
    fn hear(&mut self, mut hear: impl FnMut(&[u8], &mut Vec<u8>) -> io::Result<Heard>) -> io::Result<u64> {
        match self.stream.read(&mut self.inbox[self.filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(got) => self.filled += got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        }
        let heard = hear(&self.inbox[..self.filled], &mut self.out)?;
        self.inbox.copy_within(heard.taken..self.filled, 0);
        self.filled -= heard.taken;
        Ok(heard.messages)
    }

    fn send(&mut self) -> io::Result<()> {
        while self.gone < self.out.len() {
            match self.stream.write(&self.out[self.gone..]) {
                Ok(taken) => self.gone += taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.gone = 0;
        Ok(())
    }
}

/// A producer, and a consumer if there is one, on a queue that was made for them.
pub(crate) struct Pair<'a> {
    face: &'a mut dyn Face,
    group: u32,
    producer: End,
    consumer: Option<End>,
    at: std::net::SocketAddr,
    published: u64,
    confirmed: u64,
    consumed: u64,
}

impl<'a> Pair<'a> {
    pub(crate) fn producer(contender: &'a mut Contender) -> io::Result<Pair<'a>> {
        let (at, group) = (contender.server.address, contender.server.pid());
        let face = &mut *contender.face;
        let producer = End::new(face.producer(at)?);
        Ok(Pair { face, group, producer, consumer: None, at, published: 0, confirmed: 0, consumed: 0 })
    }

    pub(crate) fn with_consumer(mut self) -> io::Result<Pair<'a>> {
        self.consumer = Some(End::new(self.face.consumer(self.at)?));
        Ok(self)
    }

    pub(crate) fn without_consumer(mut self) -> Pair<'a> {
        self.consumer = None;
        self
    }

    fn publish(&mut self) {
        self.face.publish(&mut self.producer.out);
        self.published += 1;
    }

    /// Sends, and hears what has come. How many were confirmed and how many consumed.
    fn turn(&mut self) -> io::Result<(u64, u64)> {
        self.producer.send()?;
        let face = &mut *self.face;
        let confirmed = self.producer.hear(|octets, out| face.confirms(octets, out))?;
        let mut consumed = 0;
        if let Some(consumer) = &mut self.consumer {
            consumed = consumer.hear(|octets, out| face.deliveries(octets, out))?;
            consumer.send()?;
        }
        self.confirmed += confirmed;
        self.consumed += consumed;
        if self.confirmed > self.published || self.consumed > self.published {
            return Err(io::Error::new(ErrorKind::InvalidData, "more came than was published"));
        }
        Ok((confirmed, consumed))
    }

    /// Waits until there is something to do.
    fn wait(&self) -> io::Result<()> {
        let wants = |end: &End| {
            if end.out.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT }
        };
        let mut waits = vec![PollFd::new(&self.producer.stream, wants(&self.producer))];
        waits.extend(self.consumer.as_ref().map(|end| PollFd::new(&end.stream, wants(end))));
        let stall = Timespec { tv_sec: STALL.as_secs() as i64, tv_nsec: 0 };
        if poll(&mut waits, Some(&stall))? == 0 {
            let what = format!(
                "it stalled: of {} messages it confirmed {} and delivered {}",
                self.published, self.confirmed, self.consumed
            );
            return Err(io::Error::new(ErrorKind::TimedOut, what));
        }
        Ok(())
    }

    /// Publishes as fast as is confirmed, `window` at a time, until `enough`; then waits for every confirmation, and for
    /// every delivery where there is a consumer.
    pub(crate) fn flood(&mut self, window: u64, enough: impl Fn(u64, Instant) -> bool) -> io::Result<Flood> {
        let cpu = cpu_nanos(self.group);
        let (before, began) = (self.published, Instant::now());
        let (mut last_confirm, mut last_delivery) = (began, began);
        loop {
            let now = Instant::now();
            let over = enough(self.published - before, now);
            while !over && self.published - self.confirmed < window {
                self.publish();
            }
            let (confirmed, consumed) = self.turn()?;
            if confirmed > 0 {
                last_confirm = now;
            }
            if consumed > 0 {
                last_delivery = now;
            }
            let all_consumed = self.consumer.is_none() || self.consumed == self.published;
            if over && self.confirmed == self.published && all_consumed {
                break;
            }
            if confirmed == 0 && consumed == 0 {
                self.wait()?;
            }
        }
        let done = (self.published - before) as f64;
        let cpu = cpu_nanos(self.group).saturating_sub(cpu);
        let rate = |last: Instant| done / (last - began).as_secs_f64().max(1e-9);
        Ok(Flood {
            published: rate(last_confirm),
            consumed: rate(last_delivery),
            cpu: cpu as f64 / 1e3 / done,
        })
    }

    /// Consumes all that is there.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        while self.consumed < self.published {
            if self.turn()? == (0, 0) {
                self.wait()?;
            }
        }
        // The last acknowledgments have gone, and are heard.
        std::thread::sleep(Duration::from_millis(200));
        Ok(())
    }

    /// Publishes at a fixed rate whatever the server does, and never sleeps. Each message's way to its confirmation, in
    /// nanoseconds from the moment when it was due, sorted: a late start counts against the server that caused it.
    pub(crate) fn paced(&mut self, rate: u32, time: Duration) -> io::Result<Vec<u64>> {
        let (every, began) = (Duration::from_secs(1) / rate, Instant::now());
        let (mut due, mut under_way) = (began, VecDeque::new());
        let mut took = Vec::new();
        let mut heard = began;
        loop {
            let now = Instant::now();
            if now >= due && due < began + time {
                self.publish();
                under_way.push_back(due);
                due += every;
            }
            let (confirmed, consumed) = self.turn()?;
            let now = Instant::now();
            for _ in 0..confirmed {
                took.extend(under_way.pop_front().map(|since| (now - since).as_nanos() as u64));
            }
            if confirmed + consumed > 0 {
                heard = now;
            }
            if due >= began + time && self.confirmed == self.published && self.consumed == self.published {
                break;
            }
            if now - heard > STALL {
                return Err(io::Error::new(ErrorKind::TimedOut, "it stalled"));
            }
        }
        took.sort_unstable();
        Ok(took)
    }

    /// Resident octets of the server.
    pub(crate) fn resident(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.group))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0).ok_or_else(|| io::Error::other("no VmRSS"))
    }
}

/// Octets a message that are not the message.
pub(crate) fn beside(octets: f64, messages: u64) -> f64 {
    octets / messages as f64 - SIZE as f64
}
