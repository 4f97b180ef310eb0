//! What carries the frames: the wire, and its peers.

use crate::load::Measure;
use layerlab::host::{Choice, Namespace, Port, PrivateNetwork, Topology};
use layerlab::live::private;
use layerlab::live::setup::Setup;
use layerlab::model::{Backend, NullSink, Side};
use layerlab::wire::{Spec, Word};
use rustix::thread::gettid;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

const PORT: u16 = 5001;

/// The wire's thread, and the plain forwarder's.
pub(crate) const WIRE: &str = "wire";
pub(crate) const PLAIN: &str = "plain";

pub(crate) fn topology(backend: Backend, offload: bool) -> Topology {
    Topology { backend: Choice::Only(backend), offload, ..Topology::default() }
}

/// An impaired wire, in the words of its options.
pub(crate) fn spec(words: &[(Word, &str)]) -> Spec {
    Spec::from_options(words.iter().map(|(word, value)| (None, *word, *value))).expect("words of the wire")
}

/// Ours: the wire with its judge, nobody listening.
pub(crate) fn wire(topology: Topology, spec: &Spec, measure: &Measure) {
    let setup = Setup {
        command: "bench".to_owned(),
        system: String::new(),
        topology,
        wire: spec.clone(),
        later: Vec::new(),
        seed: 7,
        port: PORT,
        patience: Duration::from_secs(5),
        listening: false,
    };
    let run = private::run(measure, &setup, &mut NullSink, &AtomicBool::new(false)).expect("a run");
    measure.carried(run.outcome.frames[0]);
}

/// The peer: reads a frame, writes a frame, sleeps in poll() when there is none. No wire in between.
pub(crate) fn plain(topology: &Topology, measure: &Measure) {
    let mut network = PrivateNetwork::build(topology).expect("a network");
    let ports = network.take_ports().expect("ports");
    let stop = Arc::new(AtomicBool::new(false));
    let forwarder = {
        let stop = stop.clone();
        let carry = move || forward(ports, &stop);
        thread::Builder::new().name(PLAIN.to_owned()).spawn(carry).expect("a thread")
    };
    let at = SocketAddr::from((network.addressing().server.ipv4, PORT));
    converse(network.host(Side::Client), network.host(Side::Server), at, measure);
    stop.store(true, Relaxed);
    measure.carried(forwarder.join().expect("the forwarder"));
}

/// Both programs, to their ends.
fn converse(client: &Namespace, server: &Namespace, at: SocketAddr, measure: &Measure) {
    let (ready, is_ready) = channel();
    let server = {
        let measure = measure.clone();
        let ready = move || ready.send(()).expect("the bench waits");
        server.spawn("server", move || measure.serve(at, ready, || ()))
    };
    is_ready.recv().expect("the server is up");
    let client = {
        let measure = measure.clone();
        client.spawn("client", move || measure.drive(at))
    };
    client.expect("a thread").join().expect("the client");
    server.expect("a thread").join().expect("the server");
}

/// The peer of superframes: a veth pair between the hosts with all its offloads, nothing in between. Made by
/// iproute2.
///
/// # Errors
/// A sentence, where that is not to be had.
pub(crate) fn direct(measure: &Measure) -> Result<(), String> {
    let [client, server] = ["client", "server"].map(|name| Namespace::new(name).expect("a namespace"));
    let there = server.call(|| gettid().as_raw_nonzero()).expect("the server's thread");
    let ip = |host: &Namespace, words: String| {
        let run = move || Command::new("ip").args(words.split(' ')).output();
        match host.call(run).expect("the host's thread") {
            Err(error) => Err(format!("ip (iproute2): {error}")),
            Ok(output) if !output.status.success() => {
                Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
            }
            Ok(_) => Ok(()),
        }
    };
    ip(&client, format!("link add eth0 type veth peer name eth0 netns {there}"))?;
    for (host, address) in [(&client, "10.0.0.1/24"), (&server, "10.0.0.2/24")] {
        ip(host, format!("address add {address} dev eth0"))?;
        ip(host, "link set eth0 up".to_owned())?;
    }
    converse(&client, &server, SocketAddr::from(([10, 0, 0, 2], PORT)), measure);
    Ok(())
}

/// Gives how many frames came from the client.
fn forward(mut ports: [Port; 2], stop: &AtomicBool) -> u64 {
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    let mut poll = Poll::new().expect("poll");
    for (i, port) in ports.iter().enumerate() {
        let mut source = SourceFd(&port.as_raw_fd());
        poll.registry().register(&mut source, Token(i), Interest::READABLE).expect("register");
    }
    let mut events = Events::with_capacity(4);
    let mut buffer = vec![0; 65_600];
    let mut frames = 0;
    while !stop.load(Relaxed) {
        let mut idle = true;
        for from in 0..2 {
            if let Some(len) = ports[from].recv(&mut buffer).expect("read") {
                idle = false;
                frames += u64::from(from == 0);
                let offload = ports[from].offload();
                while !ports[1 - from].send_offloaded(&buffer[..len], offload).expect("write") {}
            }
        }
        if idle {
            poll.poll(&mut events, Some(Duration::from_millis(50))).expect("poll");
        }
    }
    frames
}
