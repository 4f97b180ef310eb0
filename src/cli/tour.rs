//! `layerlab tour`: one minute, every layer.

use super::args::{CommonSocketArgs, ECHO_PORT, NetArgs, ShowArgs, TourArgs};
use super::exit::{Answer, cut_short};
use super::plan::{self, Ground};
use super::run::{Where, run_on};
use super::{tcp, udp, ws};
use crate::host::{entropy, signal};
use anyhow::Context;
use std::io::{self, Write};
use std::time::Duration;

const TEXT: &str = "hello";

/// Runs the parts one after the other, each on a fresh network.
pub(crate) fn run(args: &TourArgs) -> anyhow::Result<Answer> {
    let mut surroundings = args.place.clone();
    let seed = *surroundings.seed.get_or_insert_with(entropy::seed);
    let net = NetArgs::plain(surroundings);
    let ground = plan::ground(&net)?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let common = CommonSocketArgs { ttl: None, port: ECHO_PORT, timeout: Duration::from_secs(3) };
    let place = Where { net: &net, show: &args.show, common: &common, sysctls: &[] };

    say(&args.show, &opening(&ground))?;
    say(&args.show, "1 of 3  TCP: a connection, and five octets there and back\n")?;
    let stream = run_on(&ground, &tcp::for_tour(TEXT), &place, &stop)?;
    if let Some(answer) = cut_short(&stream) {
        return Ok(answer);
    }
    say(&args.show, "\n2 of 3  UDP: the same five octets as a datagram, with no connection\n")?;
    let datagram = run_on(&ground, &udp::for_tour(TEXT), &place, &stop)?;
    if let Some(answer) = cut_short(&datagram) {
        return Ok(answer);
    }
    say(&args.show, "\n3 of 3  WebSocket: the same five octets as a message, on a TCP connection\n")?;
    let web =
        run_on(&ground, &ws::for_tour(TEXT, seed), &Where { common: &ws::surroundings(), ..place }, &stop)?;
    if let Some(answer) = cut_short(&web) {
        return Ok(answer);
    }
    let parts = [&stream, &datagram, &web];
    let whole = parts.iter().all(|part| part.client.echoed == 1);
    if whole {
        say(&args.show, &closing(&ground, parts.map(|part| part.outcome.frames.iter().sum())))?;
    }
    Ok(if whole { Answer::Yes } else { Answer::No })
}

fn opening(ground: &Ground) -> String {
    let place = match ground {
        Ground::Private => {
            "Two hosts of your own, a client and a server, joined by a wire. Their TCP, UDP,\n\
             IP and ARP are your kernel's own; every frame between them is shown, with the\n\
             layer that made it. Nothing leaves this machine, and nothing of it stays.\n\
             It is over in a second; `layerlab tour --step` waits for you after each step."
        }
        Ground::Loopback { .. } => {
            "A client and a server on this machine's loopback interface. Frames cannot be seen\n\
             here, so what crossed is only inferred from what the system calls returned."
        }
    };
    format!("{place}\n")
}

fn closing(ground: &Ground, [tcp, udp, web]: [u64; 3]) -> String {
    let counted = match ground {
        Ground::Private => {
            format!("Five octets, echoed: {tcp} frames with TCP, {udp} with UDP, {web} with WebSocket.\n")
        }
        Ground::Loopback { .. } => String::new(),
    };
    format!(
        "\n{counted}Next:\n  \
         layerlab lab run 4 --quiz             a course: expect, then see\n  \
         layerlab tcp echo --bytes             every header field of every frame\n  \
         layerlab tcp echo --drop 'tcp.data#1' lose a segment: TCP sends it again\n  \
         layerlab udp echo --drop 'udp#1'      lose a datagram: who notices?\n  \
         layerlab ws compare                   what does a push cost, polled or sent?\n  \
         layerlab loss                         TCP beside UDP: who loses what?\n  \
         layerlab layers                       the two models side by side"
    )
}

/// Words between the parts; none beside JSON lines, which speak for themselves.
fn say(show: &ShowArgs, text: &str) -> io::Result<()> {
    if show.quiet || show.json { Ok(()) } else { writeln!(io::stdout().lock(), "{text}") }
}
