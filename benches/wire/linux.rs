//! What is measured, round by round, and the table of it.

use crate::ground::{self, PLAIN, WIRE};
use crate::load::{FRAME, Found, Load, Measure};
use layerlab::host::{self, PrivateNetwork};
use layerlab::model::Backend;
use layerlab::wire::Word;
use std::collections::HashMap;
use std::time::Duration;

/// One way, for the delay's accuracy.
const DELAY: (&str, f64) = ("10ms", 10_000.0);
/// For the rate's.
const RATE: (&str, f64) = ("100mbit", 100e6);
/// Datagrams a millisecond: more than that rate.
const BURST: u32 = 32;

/// A line of the table: ours and the peer's, a value a round.
struct Line {
    what: &'static str,
    unit: &'static str,
    ours: (&'static str, Vec<f64>),
    peer: Option<(&'static str, Vec<f64>)>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Line {
    /// The median of the rounds' ratios: both sides of each met the same minute of the machine.
    fn ratio(&self) -> Option<f64> {
        let (_, peer) = self.peer.as_ref().filter(|(_, values)| !values.is_empty())?;
        Some(median(self.ours.1.iter().zip(peer).map(|(ours, peer)| ours / peer).collect()))
    }

    fn print(&self, backend: &str, json: bool) {
        let (name, ours) = (self.ours.0, median(self.ours.1.clone()));
        let peer = self.peer.as_ref().filter(|(_, values)| !values.is_empty());
        let peer = peer.map(|(name, values)| (*name, median(values.clone())));
        if json {
            let row = serde_json::json!({
                "backend": backend, "what": self.what, "unit": self.unit, "of": name, "value": ours,
                "peer": peer.map(|(name, _)| name), "peer_value": peer.map(|(_, value)| value),
                "ratio": self.ratio(),
            });
            println!("{row}");
        } else {
            let ratio = self.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}x"));
            let peer = peer.map_or(String::new(), |(name, value)| format!("of {value:.2}, {name}"));
            println!("{backend:5} {:28} {:9} {ours:10.2} {name:22} {ratio:>6} {peer}", self.what, self.unit);
        }
    }
}

/// What each round runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Run {
    Wire(Load, Wire),
    Plain(Load),
    /// On superframes.
    Superframes(Wire),
    PlainSuperframes,
    DirectVeth,
}

/// What the wire does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Wire {
    Nothing,
    Delay,
    LossAndDelay,
    LittleLoss,
    Rate,
}

const ON_FRAMES: [Run; 9] = [
    Run::Wire(Load::Bulk, Wire::Nothing),
    Run::Plain(Load::Bulk),
    Run::Wire(Load::Ping, Wire::Nothing),
    Run::Plain(Load::Ping),
    Run::Wire(Load::Ping, Wire::Delay),
    Run::Wire(Load::Flood, Wire::Nothing),
    Run::Plain(Load::Flood),
    Run::Wire(Load::Flood, Wire::LossAndDelay),
    Run::Wire(Load::Blast(BURST), Wire::Rate),
];

const ON_SUPERFRAMES: [Run; 5] = [
    Run::Superframes(Wire::Nothing),
    Run::DirectVeth,
    Run::PlainSuperframes,
    Run::Superframes(Wire::LittleLoss),
    Run::Superframes(Wire::Delay),
];

type Round = HashMap<Run, Found>;

/// `None` where it could not be run; why is printed.
fn run(run: Run, backend: Backend, time: Duration) -> Option<Found> {
    let words = |wire: Wire| -> &[(Word, &str)] {
        match wire {
            Wire::Nothing => &[],
            Wire::Delay => &[(Word::Delay, DELAY.0)],
            Wire::LossAndDelay => &[(Word::Loss, "1%"), (Word::Delay, "5ms")],
            Wire::LittleLoss => &[(Word::Loss, "0.1%")],
            Wire::Rate => &[(Word::Rate, RATE.0)],
        }
    };
    let (load, carrier) = match run {
        Run::Wire(load, _) => (load, WIRE),
        Run::Plain(load) => (load, PLAIN),
        Run::Superframes(_) => (Load::Bulk, WIRE),
        Run::PlainSuperframes | Run::DirectVeth => (Load::Bulk, PLAIN),
    };
    let measure = Measure::new(load, time, carrier);
    let topology = |offload| ground::topology(backend, offload);
    match run {
        Run::Wire(_, wire) => ground::wire(topology(false), &ground::spec(words(wire)), &measure),
        Run::Superframes(wire) => ground::wire(topology(true), &ground::spec(words(wire)), &measure),
        Run::Plain(_) => ground::plain(&topology(false), &measure),
        Run::PlainSuperframes => ground::plain(&topology(true), &measure),
        Run::DirectVeth => {
            if let Err(error) = ground::direct(&measure) {
                println!("direct veth pair: did not run: {error}");
                return None;
            }
        }
    }
    Some(measure.found())
}

/// A value of one run in every round; empty where it did not run.
fn each(rounds: &[Round], run: Run, value: impl Fn(&Found) -> f64) -> Vec<f64> {
    rounds.iter().filter_map(|round| round.get(&run)).map(value).collect()
}

fn cpu_per_frame(found: &Found) -> f64 {
    found.carrier_ns / found.frames
}

fn lines_on_frames(rounds: &[Round]) -> Vec<Line> {
    let wire = |load, does| Run::Wire(load, does);
    let beside = |what, unit, load, value: fn(&Found) -> f64| Line {
        what,
        unit,
        ours: ("wire", each(rounds, wire(load, Wire::Nothing), value)),
        peer: Some(("plain forwarder", each(rounds, Run::Plain(load), value))),
    };
    // A round trip through the delay twice, less the same round's round trip without it.
    let error = |value: fn(&Found) -> f64| -> Vec<f64> {
        let delayed = each(rounds, wire(Load::Ping, Wire::Delay), value);
        let base = each(rounds, wire(Load::Ping, Wire::Nothing), |found| found.ping_median_us);
        delayed.iter().zip(base).map(|(with, without)| with - without - 2.0 * DELAY.1).collect()
    };
    let alone = |what, unit, values| Line { what, unit, ours: ("wire", values), peer: None };
    let rate = wire(Load::Blast(BURST), Wire::Rate);
    let carried = each(rounds, rate, |found| found.arrived_per_second * FRAME * 8.0 / RATE.1);
    let impaired = |what, unit, value: fn(&Found) -> f64| Line {
        what,
        unit,
        ours: ("--loss 1% --delay 5ms", each(rounds, wire(Load::Flood, Wire::LossAndDelay), value)),
        peer: Some(("wire", each(rounds, wire(Load::Flood, Wire::Nothing), value))),
    };
    vec![
        beside("TCP cubic", "Gbit/s", Load::Bulk, |f| f.gbit_per_second),
        beside("ping, median", "us", Load::Ping, |f| f.ping_median_us),
        beside("ping, p99", "us", Load::Ping, |f| f.ping_p99_us),
        beside("UDP flood, arrived", "frames/s", Load::Flood, |f| f.arrived_per_second),
        beside("UDP flood, carrier's CPU", "ns/frame", Load::Flood, cpu_per_frame),
        impaired("UDP flood, arrived", "frames/s", |f| f.arrived_per_second),
        impaired("UDP flood, carrier's CPU", "ns/frame", cpu_per_frame),
        alone("--delay 10ms, error, median", "us", error(|f| f.ping_median_us)),
        alone("--delay 10ms, error, p99", "us", error(|f| f.ping_p99_us)),
        alone("--rate 100mbit, carried", "of it", carried),
    ]
}

fn lines_on_superframes(rounds: &[Round]) -> Vec<Line> {
    let values = |name, run, value: fn(&Found) -> f64| (name, each(rounds, run, value));
    let speed = |f: &Found| f.gbit_per_second;
    let cost = |f: &Found| f.cpu_seconds_per_gb;
    let wire = |does| Run::Superframes(does);
    let line = |what, unit, ours, peer| Line { what, unit, ours, peer: Some(peer) };
    let direct = |value| values("direct veth pair", Run::DirectVeth, value);
    let clear = |value| values("wire", wire(Wire::Nothing), value);
    let little = |value| values("--loss 0.1%", wire(Wire::LittleLoss), value);
    let late = |value| values("--delay 10ms", wire(Wire::Delay), value);
    vec![
        line("offload, TCP cubic", "Gbit/s", clear(speed), direct(speed)),
        line("offload, CPU of all", "s/GB", clear(cost), direct(cost)),
        line(
            "offload, TCP cubic",
            "Gbit/s",
            clear(speed),
            values("plain forwarder", Run::PlainSuperframes, speed),
        ),
        line("offload, TCP cubic", "Gbit/s", little(speed), clear(speed)),
        line("offload, wire's CPU", "ns/frame", little(cpu_per_frame), clear(cpu_per_frame)),
        line("offload, TCP cubic", "Gbit/s", late(speed), clear(speed)),
        line("offload, wire's CPU", "ns/frame", late(cpu_per_frame), clear(cpu_per_frame)),
    ]
}

pub(crate) fn main() {
    let args: Vec<String> = std::env::args().collect();
    let given = |name: &str| args.iter().any(|arg| arg == name);
    let (rounds, time) =
        if given("--quick") { (1, Duration::from_millis(500)) } else { (5, Duration::from_secs(2)) };
    if let Err(error) = host::enter() {
        println!("did not run: {error}");
        return;
    }
    for backend in [Backend::Tap, Backend::Veth] {
        if given("--backend") && !given(backend.name()) {
            continue;
        }
        if let Err(error) = PrivateNetwork::build(&ground::topology(backend, false)) {
            println!("{}: did not run: {error}", backend.name());
            continue;
        }
        let runs: Vec<Run> = match (backend, given("--superframes")) {
            (Backend::Tap, true) => ON_SUPERFRAMES.to_vec(),
            (Backend::Tap, false) => [&ON_FRAMES[..], &ON_SUPERFRAMES].concat(),
            (_, true) => continue,
            (_, false) => ON_FRAMES.to_vec(),
        };
        // Round by round, so that a slow minute of the machine meets all of them.
        let round = || runs.iter().filter_map(|one| Some((*one, run(*one, backend, time)?))).collect();
        let rounds: Vec<Round> = (0..rounds).map(|_| round()).collect();
        let lines = lines_on_frames(&rounds).into_iter().chain(lines_on_superframes(&rounds));
        for line in lines.filter(|line| !line.ours.1.is_empty()) {
            line.print(backend.name(), given("--json"));
        }
    }
}
