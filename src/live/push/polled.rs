//! Polling and long polling: one HTTP/1.1 request an answer, on a connection that is kept.

use super::{Push, Way};
use crate::live::calls::{CallError, Program, Traced};
use crate::model::{Side, Time};
use crate::stack::l7_application::http1::{
    BodyDecoder, Fault, Framing, Head, HeadDecoder, Limits, RequestHead, ResponseHead,
};
use bytes::Bytes;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::net::SocketAddr;
use std::time::Duration;

/// Room of each `recv()`.
const ROOM: usize = 16 << 10;
/// Where the events are asked for.
const TARGET: &str = "/events";

/// Reads heads, and the bodies behind them, from one direction of a connection.
struct Reader<'a> {
    socket: &'a Traced,
    /// What was read and not yet taken.
    rest: Bytes,
    /// Octets read.
    octets: usize,
}

impl<'a> Reader<'a> {
    fn new(socket: &'a Traced) -> Reader<'a> {
        Reader { socket, rest: Bytes::new(), octets: 0 }
    }

    /// Whether more came; not after the end of the stream.
    fn more(&mut self) -> Result<bool, CallError> {
        self.rest = self.socket.recv(ROOM)?;
        self.octets += self.rest.len();
        Ok(!self.rest.is_empty())
    }

    /// The next head; `None` at the end of the stream, or where there is none to be made out: both programs are ours.
    fn head<H: Head>(&mut self) -> Result<Option<H>, CallError> {
        let mut decoder = HeadDecoder::<H>::new(Limits::default());
        while !self.rest.is_empty() || self.more()? {
            let Ok((taken, head)) = decoder.feed(&self.rest) else { return Ok(None) };
            self.rest = self.rest.slice(taken..);
            if head.is_some() {
                return Ok(head);
            }
        }
        Ok(None)
    }

    /// The body of an answer; `None` as with [`Reader::head`].
    fn body(&mut self, head: &ResponseHead) -> Result<Option<Vec<u8>>, CallError> {
        let mut body = Vec::new();
        let Ok(mut decoder) = body_of(head) else { return Ok(None) };
        while !decoder.is_done() {
            if self.rest.is_empty() && !self.more()? {
                return Ok(None);
            }
            let Ok(taken) = decoder.feed(&self.rest, &mut body) else { return Ok(None) };
            self.rest = self.rest.slice(taken..);
        }
        Ok(Some(body))
    }
}

fn body_of(head: &ResponseHead) -> Result<BodyDecoder, Fault> {
    let framing = Framing::of_response(head, "GET")?;
    BodyDecoder::new(Side::Server, framing, Limits::default())
}

/// The events in a body, a line each.
fn lines(body: &[u8]) -> usize {
    body.split(|&octet| octet == b'\n').filter(|line| !line.is_empty()).count()
}

/// When a client that polls asks: once in each period, at a moment that the run's seed draws.
struct Moments {
    drawn: ChaCha12Rng,
    period: Duration,
    /// When the next period begins.
    begins: Time,
}

impl Moments {
    fn new(seed: u64, period: Duration, begins: Time) -> Moments {
        Moments { drawn: ChaCha12Rng::seed_from_u64(seed), period, begins }
    }

    /// The next moment. Periods that passed meanwhile are not made up for.
    fn next(&mut self, now: Time) -> Time {
        while self.begins + self.period <= now {
            self.begins += self.period;
        }
        let at = self.begins + self.period.mul_f64(f64::from(self.drawn.next_u32()) / f64::from(u32::MAX));
        self.begins += self.period;
        at
    }
}

impl Push {
    /// The client: asks, and asks again, until it has every event.
    ///
    /// A client that polls asks at a drawn moment of each period: the events come at even times, and a client in step
    /// with them would measure where the two began, not how long polling makes an event wait.
    pub(super) fn ask(&self, program: &Program, socket: &Traced, to: SocketAddr) -> Result<(), CallError> {
        let mut reader = Reader::new(socket);
        let (mut sent, mut heard) = (0, 0);
        let mut moments = Moments::new(self.seed, self.poll_every, program.emitter.now());
        while heard < self.count as usize {
            if self.way == Way::Polling {
                Push::sleep_until(program, moments.next(program.emitter.now()));
            }
            let mut request = RequestHead::new("GET", TARGET);
            request.fields.push("Host", to.to_string());
            let mut octets = Vec::new();
            request.encode(&mut octets);
            sent += octets.len();
            socket.send_all(&octets.into())?;
            let Some(head) = reader.head::<ResponseHead>()? else { break };
            let Some(body) = reader.body(&head)? else { break };
            let (now, came) = (program.emitter.now(), lines(&body));
            heard += came;
            {
                let mut notes = self.notes();
                notes.requests += 1;
                notes.empty += u32::from(came == 0);
                notes.heard.extend(std::iter::repeat_n(now, came));
                notes.octets = [sent, reader.octets];
            }
        }
        Ok(())
    }

    /// The server: answers each request with the events that nobody has been told of.
    pub(super) fn answer(&self, program: &Program, connection: &Traced) -> Result<(), CallError> {
        let opened = program.emitter.now();
        let mut reader = Reader::new(connection);
        let mut told = 0;
        while reader.head::<RequestHead>()?.is_some() {
            if self.way == Way::LongPolling && told < self.count {
                Push::sleep_until(program, self.due(opened, told));
            }
            let now = program.emitter.now();
            let mut body = Vec::new();
            while told < self.count && self.due(opened, told) <= now {
                body.extend_from_slice(&self.event);
                body.push(b'\n');
                self.notes().made.push(self.due(opened, told));
                told += 1;
            }
            connection.send_all(&answer(&body).into())?;
        }
        Ok(())
    }
}

/// An answer with the events that there are; 204 when there is none (RFC 9110 s15.3.5).
fn answer(events: &[u8]) -> Vec<u8> {
    let mut head = ResponseHead::new(if events.is_empty() { 204 } else { 200 });
    if !events.is_empty() {
        head.fields.push("Content-Type", "text/plain");
        head.fields.push("Content-Length", events.len().to_string());
    }
    let mut octets = Vec::new();
    head.encode(&mut octets);
    octets.extend_from_slice(events);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_has_one_question_at_any_of_its_moments() {
        let period = Duration::from_millis(50);
        let mut moments = Moments::new(7, period, Time::ZERO);
        let mut now = Time::ZERO;
        let mut late = Vec::new();
        for n in 0..1000 {
            let begins = Time::ZERO + period * n;
            now = moments.next(now);
            assert!(now >= begins && now <= begins + period, "question {n} at {now:?}");
            late.push(now.since(begins));
        }
        late.sort_unstable();
        // An event at the beginning of a period waits half of one at the median.
        let median = late[500];
        assert!(median > period * 2 / 5 && median < period * 3 / 5, "{median:?}");
        // After a long answer it does not ask for what it missed.
        let after = Time::ZERO + period * 2000;
        assert!(moments.next(after) >= after);
    }
}
