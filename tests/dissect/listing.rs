//! One line an event: its facts, and nothing that a second recording would change (no times).

use layerlab::model::{Carried, Event, Heading, Icmp, Ip, Packet, Tcp, What};
use std::fmt::Write;

/// The event's line, with its newline.
pub(crate) fn line(event: &Event) -> String {
    let arrow = match event.heading {
        Heading::Toward(direction) => direction.name(),
        Heading::Local => "local",
    };
    let mut line = String::new();
    match &event.what {
        What::Frame(seen) => {
            let _ = write!(line, "{} {arrow} {} {} octets: ", seen.id.0, event.protocol.name(), seen.len);
            match &seen.packet {
                Packet::Arp(arp) => {
                    let _ = write!(
                        line,
                        "{:?} {} asks or tells {}, answers {:?}, repeat {}",
                        arp.operation, arp.sender_ip, arp.target_ip, arp.answers, arp.repeat
                    );
                }
                Packet::Ip(ip, carried) => {
                    internet(&mut line, ip);
                    match carried {
                        Carried::Tcp(tcp) => transmission(&mut line, tcp),
                        Carried::Udp(udp) => {
                            let _ = write!(line, "{udp:?}");
                        }
                        Carried::Icmp(icmp) => control(&mut line, icmp),
                        other => {
                            let _ = write!(line, "{other:?}");
                        }
                    }
                }
                other => {
                    let _ = write!(line, "{other:?}");
                }
            }
        }
        other => {
            let _ = write!(line, "{arrow} {other:?}");
        }
    }
    if let Some(cause) = event.cause {
        let _ = write!(line, " <- event {}", cause.0);
    }
    if let Some(cite) = event.cite {
        let _ = write!(line, " ({cite})");
    }
    line.push('\n');
    line
}

fn internet(line: &mut String, ip: &Ip) {
    let _ = write!(line, "{} > {} ttl {}", ip.source, ip.destination, ip.ttl);
    if let Some(fragment) = ip.fragment {
        // The identification is the kernel's to choose.
        let _ = write!(line, " fragment at {} of {} more {}", fragment.offset, fragment.len, fragment.more);
    }
    line.push_str(": ");
}

fn transmission(line: &mut String, tcp: &Tcp) {
    let _ = write!(line, "stream {} {} seq {}", tcp.stream, tcp.flags, tcp.seq);
    if let Some(ack) = tcp.ack {
        let _ = write!(line, " ack {ack}");
    }
    let _ = write!(line, " len {} win {}", tcp.len, tcp.window);
    if let Some(mss) = tcp.mss {
        let _ = write!(line, " mss {mss}");
    }
    if !tcp.sack.is_empty() {
        let _ = write!(line, " sack {:?}", tcp.sack);
    }
    let _ = write!(line, " {:?}", tcp.notes);
}

fn control(line: &mut String, icmp: &Icmp) {
    let _ =
        write!(line, "type {} code {} {:?} about {:?}", icmp.kind_number, icmp.code, icmp.kind, icmp.about);
    if let Some((_, sequence)) = icmp.echo {
        let _ = write!(line, " echo {sequence}");
    }
}
