//! Redis streams: XADD, XREADGROUP, XACK, in RESP. What was acknowledged stays in the stream: nothing is trimmed, which spares
//! Redis that work.

use super::{Bodies, Face, Heard, Opening, QUEUE, SIZE, line, number, wrong};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};

/// Messages of one XREADGROUP.
const COUNT: &str = "512";

pub(crate) struct Redis {
    bodies: Bodies,
}

impl Redis {
    pub(crate) fn new() -> Redis {
        Redis { bodies: Bodies::new() }
    }
}

fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    // A Vec takes everything.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Octets of the value at the front; `None` while it is not whole.
fn value(octets: &[u8]) -> io::Result<Option<usize>> {
    let Some((head, mut taken)) = line(octets) else { return Ok(None) };
    match head.first() {
        Some(b'+' | b':') => {}
        Some(b'$') if head == b"$-1" => {}
        Some(b'$') => taken += number(&head[1..])? + 2,
        Some(b'*') if head == b"*-1" => {}
        Some(b'*') => {
            for _ in 0..number(&head[1..])? {
                let Some(inner) = octets.get(taken..).map(value).transpose()?.flatten() else {
                    return Ok(None);
                };
                taken += inner;
            }
        }
        _ => return Err(wrong(format!("Redis said {:?}", String::from_utf8_lossy(head)))),
    }
    Ok((taken <= octets.len()).then_some(taken))
}

/// Walks over values that are whole.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    /// What follows the type octet on the next line.
    fn head(&mut self, kind: u8) -> io::Result<usize> {
        let (head, taken) = line(self.0).ok_or_else(|| wrong("Redis ended inside a value"))?;
        if head.first() != Some(&kind) {
            return Err(wrong(format!("Redis said {:?}", String::from_utf8_lossy(head))));
        }
        self.0 = &self.0[taken..];
        number(&head[1..])
    }

    fn text(&mut self) -> io::Result<&'a [u8]> {
        let len = self.head(b'$')?;
        let (text, rest) = self.0.split_at(len);
        self.0 = &rest[2..];
        Ok(text)
    }
}

fn read_more(out: &mut Vec<u8>) {
    let words = ["XREADGROUP", "GROUP", "g", "c", "COUNT", COUNT, "BLOCK", "0", "STREAMS", QUEUE, ">"];
    command(&words.map(str::as_bytes), out);
}

fn ask(opening: &mut Opening, words: &[&str]) -> io::Result<()> {
    let mut out = Vec::new();
    command(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>(), &mut out);
    opening.ask(&out, |came| Ok(value(came)?.map(|taken| (taken, ()))))
}

impl Face for Redis {
    fn producer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        *self = Redis::new();
        let mut opening = Opening::connect(at)?;
        ask(&mut opening, &["DEL", QUEUE])?;
        ask(&mut opening, &["XGROUP", "CREATE", QUEUE, "g", "0", "MKSTREAM"])?;
        opening.done(&[])
    }

    fn consumer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        let mut out = Vec::new();
        read_more(&mut out);
        Opening::connect(at)?.done(&out)
    }

    fn publish(&mut self, out: &mut Vec<u8>) {
        let (_, body) = self.bodies.next();
        command(&[b"XADD", QUEUE.as_bytes(), b"*", b"b", body], out);
    }

    fn confirms(&mut self, octets: &[u8], _: &mut Vec<u8>) -> io::Result<Heard> {
        let mut heard = Heard::default();
        while let Some(taken) = value(&octets[heard.taken..])? {
            if octets[heard.taken] != b'$' {
                return Err(wrong("Redis answered XADD without an id"));
            }
            heard.taken += taken;
            heard.messages += 1;
        }
        Ok(heard)
    }

    fn deliveries(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        let mut heard = Heard::default();
        // The least octets that a message has: what is shorter is no whole answer, and needs no look inside.
        while octets.len() - heard.taken > 3
            && (octets[heard.taken] != b'*' || octets.len() - heard.taken > SIZE)
            && let Some(taken) = value(&octets[heard.taken..])?
        {
            let whole = &octets[heard.taken..heard.taken + taken];
            heard.taken += taken;
            if whole[0] == b':' {
                // XACK's answer.
                continue;
            }
            let mut walk = Walk(whole);
            walk.head(b'*')?;
            walk.head(b'*')?;
            walk.text()?;
            let messages = walk.head(b'*')?;
            let mut ids: Vec<&[u8]> = vec![b"XACK", QUEUE.as_bytes(), b"g"];
            for _ in 0..messages {
                walk.head(b'*')?;
                ids.push(walk.text()?);
                walk.head(b'*')?;
                walk.text()?;
                self.bodies.check(walk.text()?)?;
            }
            heard.messages += messages as u64;
            command(&ids, out);
            read_more(out);
        }
        Ok(heard)
    }
}
