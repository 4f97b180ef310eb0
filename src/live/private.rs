//! An experiment on the private network: two hosts, the wire between them, everything told.

use super::calls::Program;
use super::echo::{Ending, Experiment, cues};
use super::middle::Middle;
use super::pump::{Pump, Stopper, Totals, failed};
use super::rewire::{Order, Rewire};
use super::setup::{Finished, RunError, Setup, describe};
use super::stage::{Emitter, Played, Stage};
use crate::host::{Addressing, Clock, PrivateNetwork, connections_closing, tcp_sockets};
use crate::model::{Backend, Outcome, Run, Side, Sink, TcpState};
use crate::wire::{Patch, Spec, SpecError, Wire};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

/// How long after the programs' end the kernels may go on closing their connections.
const LINGER: Duration = Duration::from_secs(3);
/// Silence on the wire after which nothing more is expected, beyond the wire's own delay.
const QUIET: Duration = Duration::from_millis(30);

/// Runs the experiment.
///
/// # Errors
/// [`RunError`]. A call of the programs that fails is no error here: it is in their endings.
pub fn run<E: Experiment>(
    experiment: &E,
    setup: &Setup,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
) -> Result<Finished, RunError> {
    let (endings, outcome) = conduct(setup, sink, stop, |stage: &Scene<'_>| {
        let program = |side| Program { side, emitter: stage.emitter.clone(), patience: setup.patience };
        let (client, server) = (program(Side::Client), program(Side::Server));
        let (server_cue, client_cue) = cues();
        let at = SocketAddr::new(stage.run.server.ip, setup.port);
        let network = stage.network;
        let absent = experiment.absent_host().then(|| absent(network.addressing(), at));
        let serving = {
            let experiment = experiment.clone();
            network
                .host(Side::Server)
                .spawn("program", move || experiment.server(&server, at, &server_cue))?
        };
        let experiment = experiment.clone();
        let conversing = network.host(Side::Client).spawn("program", move || {
            let ending = match client_cue.wait_for_server() {
                Some(there) => experiment.client(&client, absent.unwrap_or(there)),
                None => Ending::default(),
            };
            client_cue.done();
            ending
        })?;
        Ok(move |_: &Wings<'_>| (join(conversing), join(serving)))
    })?;
    let left = endings.is_none() && !outcome.interrupted;
    let (client, server) = endings.unwrap_or_default();
    Ok(Finished { client, server, outcome, left })
}

/// Where a run begins: the hosts are there, the wire carries.
pub(super) struct Scene<'a> {
    pub(super) network: &'a PrivateNetwork,
    pub(super) emitter: Emitter,
    pub(super) run: &'a Run,
    pub(super) rewirer: Rewirer,
}

/// Changes the wire of a run from outside of it.
#[derive(Clone)]
pub(super) struct Rewirer {
    orders: Sender<Order>,
    stopper: Stopper,
}

impl Rewirer {
    /// Makes the change, where there is one, from the next frame on, and gives the whole wire's words; `None`
    /// when the run is over.
    pub(super) fn set(&self, patch: Option<Patch>) -> Option<Result<String, SpecError>> {
        let (reply, outcome) = sync_channel(1);
        self.orders.send(Order { patch, reply }).ok()?;
        self.stopper.wake();
        outcome.recv_timeout(Duration::from_secs(2)).ok()
    }
}

/// What the director of a run may look at.
pub(super) struct Wings<'a> {
    pub(super) network: &'a PrivateNetwork,
    totals: &'a Totals,
    clock: &'a Clock,
    longest: Duration,
}

impl Wings<'_> {
    /// Whether nothing is on the wire, and nothing has been for a moment.
    pub(super) fn is_quiet(&self) -> bool {
        self.totals.quiet_since(self.clock.now()) >= QUIET + self.longest * 2
    }
}

/// Builds the network and the wire, begins what `begin` begins, tells the sink, and waits on a thread of its
/// own for what `begin` gave; what that gives comes back, unless the run was ended before.
///
/// # Errors
/// [`RunError`], also what `begin` fails with.
pub(super) fn conduct<T, W>(
    setup: &Setup,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
    begin: impl FnOnce(&Scene<'_>) -> Result<W, RunError>,
) -> Result<(Option<T>, Outcome), RunError>
where
    T: Send + 'static,
    W: FnOnce(&Wings<'_>) -> T + Send + 'static,
{
    let mut network = PrivateNetwork::build(&setup.topology)?;
    let clock = Clock::start();
    let described = Run { backend: network.backend(), ..describe(setup, &clock) };
    sink.begin(&described).map_err(RunError::Telling)?;
    let (mut stage, emitter) = Stage::new(clock, setup.listening);
    let ports =
        network.take_ports().ok_or_else(|| failed("taking its ports")(io::ErrorKind::ResourceBusy.into()))?;
    let middle = Middle::new(network.addressing());
    let wire = Wire::new(&setup.wire, setup.seed);
    let superframes = setup.topology.offload && network.backend() == Backend::Tap;
    let (rewire, orders) = Rewire::new(&setup.later, superframes, setup.topology.ipv6);
    let (pump, stopper, totals) = Pump::new(ports, wire, middle, rewire, emitter.clone(), clock)?;
    let (tell_ready, ready) = channel();
    let pumping = thread::Builder::new()
        .name("wire".to_owned())
        .spawn(move || pump.run(tell_ready))
        .map_err(failed("starting its thread"))?;
    if ready.recv().is_err() {
        // It ended before its first frame, and says why.
        join(pumping)?;
        return Err(failed("starting")(io::ErrorKind::Other.into()));
    }
    let last_words = emitter.clone();
    let rewirer = Rewirer { orders, stopper: stopper.clone() };
    let wait = begin(&Scene { network: &network, emitter, run: &described, rewirer })?;
    // Watches for the end while this thread tells: the emitters of the programs and of the pump are all
    // gone when it is done, and that ends the stage.
    let states = setup.wire.states(&setup.later).unwrap_or_default();
    let longest = states.iter().map(Spec::longest_delay).max().unwrap_or_default();
    let directing = {
        let (stopper, totals) = (stopper.clone(), totals.clone());
        thread::Builder::new()
            .name("director".to_owned())
            .spawn(move || {
                // Whatever becomes of the programs, a panic of theirs too: the pump is stopped.
                let _stopped = StopAtEnd(stopper);
                let wings = Wings { network: &network, totals: &totals, clock: &clock, longest };
                let ended = wait(&wings);
                settle(&wings);
                tell_connections(&network, &last_words);
                ended
            })
            .map_err(failed("starting the director"))?
    };
    let played = stage.play(sink, stop);
    let outcome = totals.outcome(clock.now(), matches!(played, Ok(Played::Stopped)));
    let finished = sink.finish(&outcome);
    let whole = played.map_err(RunError::Telling)? == Played::Whole;
    finished.map_err(RunError::Telling)?;
    if !whole {
        // The programs may be blocked in a call; their threads, and the namespaces, end with the process.
        stopper.stop();
        return Ok((None, outcome));
    }
    let ended = join(directing);
    join(pumping)?;
    Ok((Some(ended), outcome))
}

/// Tells what connections the hosts' kernels still hold, where one of them holds any.
fn tell_connections(network: &PrivateNetwork, emitter: &Emitter) {
    if !emitter.listening() {
        return;
    }
    let left = Side::BOTH.map(|side| {
        let mut sockets = network.host(side).call(tcp_sockets).ok().and_then(Result::ok).unwrap_or_default();
        sockets.retain(|socket| socket.state != TcpState::Listen);
        (side, sockets)
    });
    if left.iter().any(|(_, sockets)| !sockets.is_empty()) {
        for (side, sockets) in left {
            emitter.connections(side, sockets);
        }
    }
}

/// Stops the pump when it is dropped.
struct StopAtEnd(Stopper);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A thread's result. A panic in it is a bug of ours, and is passed on.
fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The same port at an address that no host has.
fn absent(addressing: &Addressing, server: SocketAddr) -> SocketAddr {
    let ip = match server.ip() {
        IpAddr::V4(_) => IpAddr::V4(addressing.absent()),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xfd00, 0x6c61, 0x6221, 0, 0, 0, 0, 0x99)),
    };
    SocketAddr::new(ip, server.port())
}

/// Lets the kernels finish what the programs began: closing connections, resending what was lost, and
/// frames still under way. Over when neither host has a connection half closed and the wire is quiet, or
/// when [`LINGER`] is.
fn settle(wings: &Wings<'_>) {
    let until = wings.clock.now() + LINGER;
    loop {
        let closing = Side::BOTH
            .iter()
            .any(|side| wings.network.host(*side).call(connections_closing).is_ok_and(|closing| closing));
        if wings.clock.now() >= until || (!closing && wings.is_quiet()) {
            return;
        }
        thread::sleep(Duration::from_millis(3));
    }
}
