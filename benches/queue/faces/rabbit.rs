//! RabbitMQ: AMQP 0-9-1 with publisher confirms and manual acknowledgments, a durable classic queue.

use super::{Bodies, CREDIT, Face, Heard, Opening, QUEUE, SIZE, wrong};
use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpStream};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// What ends a frame.
const END: u8 = 0xce;
/// Octets of a frame beside its payload.
const AROUND: usize = 8;

// Class and method numbers of AMQP 0-9-1.
const CONNECTION: u16 = 10;
const CHANNEL: u16 = 20;
const QUEUES: u16 = 50;
const BASIC: u16 = 60;
const CONFIRM: u16 = 85;

pub(crate) struct Rabbit {
    bodies: Bodies,
    /// Delivery mode 2, for messages that are written to the disk.
    persistent: bool,
    /// Everything up to here was confirmed, and these.
    confirmed: u64,
    singles: BTreeSet<u64>,
}

impl Rabbit {
    pub(crate) fn new(persistent: bool) -> Rabbit {
        Rabbit { bodies: Bodies::new(), persistent, confirmed: 0, singles: BTreeSet::new() }
    }
}

fn frame(kind: u8, channel: u16, payload: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = payload.iter().map(|part| part.len()).sum();
    out.push(kind);
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&(len as u32).to_be_bytes());
    for part in payload {
        out.extend_from_slice(part);
    }
    out.push(END);
}

fn method(channel: u16, class: u16, number: u16, arguments: &[&[u8]]) -> Vec<u8> {
    let mut payload = [class.to_be_bytes(), number.to_be_bytes()].concat();
    payload.extend(arguments.concat());
    let mut out = Vec::new();
    frame(METHOD, channel, &[&payload], &mut out);
    out
}

fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn long(octets: &[u8]) -> Vec<u8> {
    [&(octets.len() as u32).to_be_bytes(), octets].concat()
}

/// The frame at the front: its type, its payload, its octets.
fn next(octets: &[u8]) -> io::Result<Option<(u8, &[u8], usize)>> {
    let Some(head) = octets.first_chunk::<7>() else { return Ok(None) };
    let len = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    let Some(whole) = octets.get(..len + AROUND) else { return Ok(None) };
    if whole[len + 7] != END {
        return Err(wrong("an AMQP frame without its end"));
    }
    Ok(Some((head[0], &whole[7..len + 7], whole.len())))
}

/// Class and method of a payload.
fn which(payload: &[u8]) -> io::Result<(u16, u16)> {
    let [a, b, c, d] = *payload.first_chunk().ok_or_else(|| wrong("an AMQP method without its number"))?;
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Says something and waits for this method.
fn ask(opening: &mut Opening, octets: &[u8], wanted: (u16, u16)) -> io::Result<()> {
    opening.ask(octets, |came| {
        let Some((kind, payload, taken)) = next(came)? else { return Ok(None) };
        if kind == METHOD && which(payload)? == wanted {
            return Ok(Some((taken, ())));
        }
        Err(wrong(format!("RabbitMQ said {:?}", String::from_utf8_lossy(payload))))
    })
}

/// A connection with channel 1 open.
fn open(at: SocketAddr) -> io::Result<Opening> {
    let mut opening = Opening::connect(at)?;
    ask(&mut opening, b"AMQP\x00\x00\x09\x01", (CONNECTION, 10))?;
    let proof = long(b"\0guest\0guest");
    let start_ok = method(0, CONNECTION, 11, &[&long(b""), &short("PLAIN"), &proof, &short("en_US")]);
    ask(&mut opening, &start_ok, (CONNECTION, 30))?;
    // As many channels as it likes, frames of 128 KiB, no heartbeats.
    let mut tune_and_open =
        method(0, CONNECTION, 31, &[&[0x07, 0xff], &(128_u32 << 10).to_be_bytes(), &[0, 0]]);
    tune_and_open.extend(method(0, CONNECTION, 40, &[&short("/"), &short(""), &[0]]));
    ask(&mut opening, &tune_and_open, (CONNECTION, 41))?;
    ask(&mut opening, &method(1, CHANNEL, 10, &[&short("")]), (CHANNEL, 11))?;
    Ok(opening)
}

impl Face for Rabbit {
    fn producer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        *self = Rabbit::new(self.persistent);
        let mut opening = open(at)?;
        let queue = short(QUEUE);
        ask(&mut opening, &method(1, QUEUES, 40, &[&[0, 0], &queue, &[0]]), (QUEUES, 41))?;
        // Durable, and no arguments: a classic queue.
        ask(&mut opening, &method(1, QUEUES, 10, &[&[0, 0], &queue, &[2], &long(b"")]), (QUEUES, 11))?;
        ask(&mut opening, &method(1, CONFIRM, 10, &[&[0]]), (CONFIRM, 11))?;
        opening.done(&[])
    }

    fn consumer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        let mut opening = open(at)?;
        let prefetch = (CREDIT as u16).to_be_bytes();
        ask(&mut opening, &method(1, BASIC, 10, &[&[0; 4], &prefetch, &[0]]), (BASIC, 11))?;
        let consume = method(1, BASIC, 20, &[&[0, 0], &short(QUEUE), &short("c"), &[0], &long(b"")]);
        opening.done(&consume)
    }

    fn publish(&mut self, out: &mut Vec<u8>) {
        let mode = if self.persistent { 2 } else { 1 };
        let (_, body) = self.bodies.next();
        // Basic.Publish to the exchange without a name, which goes by the queue's.
        let class = BASIC.to_be_bytes();
        frame(METHOD, 1, &[&class, &[0, 40, 0, 0, 0, QUEUE.len() as u8], QUEUE.as_bytes(), &[0]], out);
        // The one property that is there: delivery mode, bit 12.
        frame(HEADER, 1, &[&class, &[0, 0], &(SIZE as u64).to_be_bytes(), &[0x10, 0, mode]], out);
        frame(BODY, 1, &[body], out);
    }

    fn confirms(&mut self, octets: &[u8], _: &mut Vec<u8>) -> io::Result<Heard> {
        let mut heard = Heard::default();
        while let Some((kind, payload, taken)) = next(&octets[heard.taken..])? {
            heard.taken += taken;
            if kind == HEARTBEAT {
                continue;
            }
            let ([tag @ .., multiple], (BASIC, 80)) =
                (payload.get(4..13).ok_or_else(|| wrong("a short method"))?, which(payload)?)
            else {
                return Err(wrong(format!("RabbitMQ said {:?}", String::from_utf8_lossy(payload))));
            };
            let tag = tag.iter().fold(0, |n, octet| n << 8 | u64::from(*octet));
            if *multiple & 1 == 0 {
                self.singles.insert(tag);
                heard.messages += 1;
            } else {
                let above = self.singles.split_off(&(tag + 1));
                heard.messages += tag - self.confirmed - self.singles.len() as u64;
                (self.confirmed, self.singles) = (tag, above);
            }
            while self.singles.remove(&(self.confirmed + 1)) {
                self.confirmed += 1;
            }
        }
        Ok(heard)
    }

    fn deliveries(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        let (mut heard, mut last) = (Heard::default(), None);
        // A delivery is three frames: method, header, body.
        while let Some((kind, payload, mut taken)) = next(&octets[heard.taken..])? {
            if kind == METHOD {
                match which(payload)? {
                    // Basic.Consume-Ok.
                    (BASIC, 21) => {}
                    (BASIC, 60) => {
                        let Some((HEADER, _, header)) = next(&octets[heard.taken + taken..])? else { break };
                        let Some((BODY, body, rest)) = next(&octets[heard.taken + taken + header..])? else {
                            break;
                        };
                        self.bodies.check(body)?;
                        heard.messages += 1;
                        taken += header + rest;
                        // Behind the consumer's tag, "c".
                        last = payload.get(6..14);
                    }
                    _ => return Err(wrong(format!("RabbitMQ said {:?}", String::from_utf8_lossy(payload)))),
                }
            }
            heard.taken += taken;
        }
        if let Some(tag) = last {
            out.extend(method(1, BASIC, 80, &[tag, &[1]]));
        }
        Ok(heard)
    }
}
