//! NATS JetStream: a stream, a durable push consumer, and an explicit +ACK for each message, in NATS' text protocol.

use super::{Bodies, CREDIT, Face, Heard, Opening, QUEUE, line, number, wrong};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};

const CONNECT: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";

pub(crate) struct Nats {
    bodies: Bodies,
    storage: &'static str,
}

impl Nats {
    /// `storage`: `file` or `memory`.
    pub(crate) fn new(storage: &'static str) -> Nats {
        Nats { bodies: Bodies::new(), storage }
    }
}

/// What a server says.
enum Said<'a> {
    /// A message: where its answer goes, and its body.
    Message(&'a [u8], &'a [u8]),
    Ping,
    Other,
}

/// The protocol's next unit, and its octets.
fn next(octets: &[u8]) -> io::Result<Option<(Said<'_>, usize)>> {
    let Some((head, taken)) = line(octets) else { return Ok(None) };
    if head.starts_with(b"MSG ") {
        let words: Vec<&[u8]> = head.split(|octet| *octet == b' ').collect();
        let len = number(words[words.len() - 1])?;
        let answer = if words.len() == 5 { words[3] } else { &[] };
        let whole = taken + len + 2;
        return Ok(octets.get(taken..whole).map(|body| (Said::Message(answer, &body[..len]), whole)));
    }
    match head {
        b"PING" => Ok(Some((Said::Ping, taken))),
        _ if head.starts_with(b"INFO ") || matches!(head, b"PONG" | b"+OK") => Ok(Some((Said::Other, taken))),
        _ => Err(wrong(format!("NATS said {:?}", String::from_utf8_lossy(head)))),
    }
}

fn each(
    octets: &[u8],
    out: &mut Vec<u8>,
    mut hear: impl FnMut(&[u8], &[u8], &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<Heard> {
    let mut heard = Heard::default();
    while let Some((said, taken)) = next(&octets[heard.taken..])? {
        heard.taken += taken;
        match said {
            Said::Message(answer, body) => {
                hear(answer, body, out)?;
                heard.messages += 1;
            }
            Said::Ping => out.extend_from_slice(b"PONG\r\n"),
            Said::Other => {}
        }
    }
    Ok(heard)
}

/// A connection that hears what comes for `inbox`.
fn open(at: SocketAddr, inbox: &str) -> io::Result<Opening> {
    let mut opening = Opening::connect(at)?;
    let hello = format!("{CONNECT}SUB {inbox} 1\r\nPING\r\n");
    opening.ask(hello.as_bytes(), |came| {
        let end = came.windows(6).position(|octets| octets == b"PONG\r\n");
        Ok(end.map(|at| (at + 6, ())))
    })?;
    Ok(opening)
}

/// Asks JetStream. `needed`: an error is one.
fn ask(opening: &mut Opening, inbox: &str, what: &str, json: &str, needed: bool) -> io::Result<()> {
    let mut request = format!("PUB $JS.API.{what} {inbox} {}\r\n{json}\r\n", json.len());
    loop {
        let answer = opening.ask(std::mem::take(&mut request).as_bytes(), |came| {
            let found = next(came)?;
            Ok(found.map(|(said, taken)| {
                let body = if let Said::Message(_, body) = said { Some(body.to_vec()) } else { None };
                (taken, body)
            }))
        })?;
        let Some(body) = answer else { continue };
        let text = String::from_utf8_lossy(&body);
        return if needed && text.contains("\"error\"") { Err(wrong(text)) } else { Ok(()) };
    }
}

impl Face for Nats {
    fn producer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        *self = Nats::new(self.storage);
        let inbox = "_INBOX.p";
        let mut opening = open(at, inbox)?;
        ask(&mut opening, inbox, &format!("STREAM.DELETE.{QUEUE}"), "", false)?;
        let config = format!(
            "{{\"name\":\"{QUEUE}\",\"subjects\":[\"{QUEUE}\"],\"storage\":\"{}\",\"retention\":\"limits\",\
             \"num_replicas\":1,\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,\"discard\":\"old\"}}",
            self.storage
        );
        ask(&mut opening, inbox, &format!("STREAM.CREATE.{QUEUE}"), &config, true)?;
        opening.done(&[])
    }

    fn consumer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        let inbox = "_INBOX.c";
        let mut opening = open(at, inbox)?;
        let config = format!(
            "{{\"stream_name\":\"{QUEUE}\",\"config\":{{\"durable_name\":\"c\",\"deliver_subject\":\"_INBOX.d\",\
             \"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"replay_policy\":\"instant\",\
             \"max_ack_pending\":{CREDIT}}}}}"
        );
        ask(&mut opening, inbox, &format!("CONSUMER.DURABLE.CREATE.{QUEUE}.c"), &config, true)?;
        opening.done(b"SUB _INBOX.d 2\r\n")
    }

    fn publish(&mut self, out: &mut Vec<u8>) {
        let (_, body) = self.bodies.next();
        // A Vec takes everything.
        let _ = write!(out, "PUB {QUEUE} _INBOX.p {}\r\n", body.len());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\r\n");
    }

    fn confirms(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        each(octets, out, |_, body, _| {
            // {"stream":"bench","seq":7}; an error has no seq, or says so.
            let whole =
                body.starts_with(b"{\"stream\":") && !body.windows(7).any(|part| part == b"\"error\"");
            if whole { Ok(()) } else { Err(wrong(String::from_utf8_lossy(body))) }
        })
    }

    fn deliveries(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        let bodies = &mut self.bodies;
        each(octets, out, |answer, body, out| {
            bodies.check(body)?;
            out.extend_from_slice(b"PUB ");
            out.extend_from_slice(answer);
            out.extend_from_slice(b" 4\r\n+ACK\r\n");
            Ok(())
        })
    }
}
