//! An experiment on the loopback interface: works on every machine, and shows calls alone.
//!
//! No wire of ours is there, and frames are not seen: what the kernel put on the interface is told only
//! as inferred from what the calls returned.

use super::calls::Program;
use super::echo::{Ending, Experiment, cues};
use super::setup::{Finished, RunError, Setup, describe};
use super::stage::{Played, Stage};
use crate::host::{Clock, signal};
use crate::model::{Backend, Endpoint, Outcome, Run, Side, Sink, Time};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::thread;

/// Runs the experiment. With `own` the process stands in a namespace of its own, where the interface can
/// be listened to: then frames are told too.
///
/// # Errors
/// [`RunError::Telling`] when the sink cannot write. A call that fails is in the programs' endings.
pub fn run<E: Experiment>(
    experiment: &E,
    setup: &Setup,
    own: bool,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
) -> Result<Finished, RunError> {
    let clock = Clock::start();
    let endpoint = Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), mac: None };
    let run = Run {
        backend: if own { Backend::OwnLoopback } else { Backend::Loopback },
        wire: String::new(),
        mtu: 65_536,
        routers: 0,
        client: endpoint,
        server: endpoint,
        ..describe(setup, &clock)
    };
    sink.begin(&run).map_err(RunError::Telling)?;
    let (mut stage, emitter) = Stage::new(clock, setup.listening);
    let program = |side| Program { side, emitter: emitter.clone(), patience: setup.patience };
    let (client, server) = (program(Side::Client), program(Side::Server));
    // In a namespace of its own the port is free. On the machine's own loopback other programs have
    // theirs: port 0 lets the kernel pick one.
    let port = match (own, experiment.closed_port()) {
        (true, _) => setup.port,
        (false, true) => closed_port().map_err(RunError::Telling)?,
        (false, false) => 0,
    };
    let ear = if own && setup.listening { Ear::open(port, &emitter)? } else { None };
    drop(emitter);
    let (server_cue, client_cue) = cues();
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let serving = {
        let experiment = experiment.clone();
        thread::spawn(move || experiment.server(&server, at, &server_cue))
    };
    let conversing = {
        let experiment = experiment.clone();
        thread::spawn(move || {
            let ending = match client_cue.wait_for_server() {
                Some(to) => experiment.client(&client, to),
                None => Ending::default(),
            };
            client_cue.done();
            ending
        })
    };
    let directing = thread::spawn(move || {
        let endings = (join(conversing), join(serving));
        if let Some(ear) = ear {
            ear.close();
        }
        endings
    });
    let played = stage.play(sink, stop).map_err(RunError::Telling)?;
    let took = clock.now().since(Time::ZERO);
    let whole = played == Played::Whole;
    let interrupted = played == Played::Stopped;
    let signal = signal::raised_by().filter(|_| interrupted);
    let outcome = Outcome { at: clock.now(), took, interrupted, signal, ..Outcome::default() };
    sink.finish(&outcome).map_err(RunError::Telling)?;
    // A run that was stopped leaves its blocked threads behind; they end with the process.
    let (client, server) = if whole { join(directing) } else { (Ending::default(), Ending::default()) };
    Ok(Finished { client, server, outcome, left: played == Played::Enough })
}

/// A thread's result. A panic in it is a bug of ours, and is passed on.
fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A port that nobody listens on: one that was free a moment ago.
fn closed_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(target_os = "linux")]
use ear::Ear;

#[cfg(target_os = "linux")]
mod ear {
    //! Listens to the loopback interface of the process's own namespace.

    use super::RunError;
    use crate::host::{Port, connections_closing, hear_loopback};
    use crate::live::stage::Emitter;
    use crate::model::{Delivery, Direction, Fate, FrameId, Moment, Row};
    use crate::stack::{self, Network, Transport};
    use bytes::Bytes;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    /// How often the ring is looked at, and how long nothing must come before the ear is closed.
    const LOOK: Duration = Duration::from_micros(200);
    const QUIET: Duration = Duration::from_millis(30);
    const LINGER: Duration = Duration::from_secs(3);

    pub(super) struct Ear {
        stop: Arc<AtomicBool>,
        thread: JoinHandle<()>,
    }

    impl Ear {
        /// `None` where the interface cannot be listened to.
        pub(super) fn open(server: u16, emitter: &Emitter) -> Result<Option<Ear>, RunError> {
            let Ok(port) = hear_loopback() else { return Ok(None) };
            let stop = Arc::new(AtomicBool::new(false));
            let (emitter, stopped) = (emitter.clone(), stop.clone());
            let thread = thread::Builder::new()
                .name("ear".to_owned())
                .spawn(move || listen(port, server, &emitter, &stopped))
                .map_err(|source| RunError::Wire { step: "listening on loopback", source })?;
            Ok(Some(Ear { stop, thread }))
        }

        /// Waits until the kernel has closed the connections, and ends.
        pub(super) fn close(self) {
            let until = Instant::now() + LINGER;
            while connections_closing() && Instant::now() < until {
                thread::sleep(Duration::from_millis(3));
            }
            thread::sleep(QUIET);
            self.stop.store(true, Relaxed);
            super::join(self.thread);
        }
    }

    fn listen(mut port: Port, server: u16, emitter: &Emitter, stop: &AtomicBool) {
        let mut buffer = vec![0; port.frame_max()];
        let mut frames = [0u64; 2];
        loop {
            // A failure here ends the hearing, not the experiment: what was heard stands.
            match port.recv(&mut buffer) {
                Ok(Some(len)) => {
                    let frame = &buffer[..len];
                    let direction = direction(frame, server);
                    frames[direction.index()] += 1;
                    // This thread may look late; the kernel noted when the frame was sent.
                    let at = port.stamp_unix_ns().map_or_else(|| emitter.now(), |ns| emitter.at_unix_ns(ns));
                    let row = Row {
                        id: FrameId(frames.iter().sum()),
                        direction,
                        index: frames[direction.index()],
                        at,
                        len: u32::try_from(len).unwrap_or(u32::MAX),
                        class: stack::classify(frame),
                        fate: Fate::Delivered(Delivery::plain(at)),
                    };
                    emitter.frame(Arc::new(row), at, Moment::Observed, Bytes::copy_from_slice(frame));
                }
                Ok(None) if stop.load(Relaxed) => return,
                Ok(None) => thread::sleep(LOOK),
                Err(_) => return,
            }
        }
    }

    /// Both ends have one address here: the port tells who a frame is for. What has no port (an ICMP
    /// error) answers the client, who spoke first.
    fn direction(frame: &[u8], server: u16) -> Direction {
        let port = match stack::decode(frame).network {
            Network::Ip(_, Transport::Tcp(tcp)) => tcp.destination_port,
            Network::Ip(_, Transport::Udp(udp)) => udp.destination_port,
            _ => return Direction::ToClient,
        };
        if port == server { Direction::ToServer } else { Direction::ToClient }
    }
}

#[cfg(not(target_os = "linux"))]
struct Ear;

#[cfg(not(target_os = "linux"))]
impl Ear {
    fn open(_: u16, _: &super::stage::Emitter) -> Result<Option<Ear>, RunError> {
        Ok(None)
    }
    fn close(self) {}
}
