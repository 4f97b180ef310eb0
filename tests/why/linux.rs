//! The trials. `counters.rs` reads what the kernel counted.

#[path = "counters.rs"]
mod counters;

use counters::{Counted, Counters};
use layerlab::capture::{CaptureSink, Flush, Reader};
use layerlab::dissect::trace::{Asked, Trace};
use layerlab::dissect::{Tell, read};
use layerlab::host::{Choice, Sysctl, Topology, enter};
use layerlab::live::echo::Messages;
use layerlab::live::echo::tcp::TcpEcho;
use layerlab::live::private;
use layerlab::live::setup::Setup;
use layerlab::model::{
    Backend, Certainty, Claim, Direction, Fan, LossCause, Repair, Retransmission, Side, Signal, Vantage,
};
use layerlab::wire::Spec;
use libtest_mimic::{Arguments, Failed, Trial};
use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

type Outcome = Result<(), Failed>;

/// By how much a busy machine may put a time off.
const BUSY: Duration = Duration::from_millis(350);

/// On a busier one still, a kernel's timer shows as another's: what is wrong fails each time.
const TRIES: usize = 3;

type OnBackend = fn(Backend) -> Outcome;

const TRIALS: [(&str, OnBackend); 9] = [
    ("the_third_of_nine_is_found_by_sack", third_of_nine),
    ("the_third_of_nine_is_found_by_duplicates_without_sack", third_of_nine_without_sack),
    ("the_last_of_three_is_found_by_a_timer", last_of_three),
    ("timeouts_double", timeouts_double),
    ("syns_double_where_they_are_not_linear", syns_double),
    ("a_second_copy_of_a_syn_is_answered_again", second_syn),
    ("a_delayed_segment_is_sent_needlessly", delayed),
    ("a_lost_acknowledgment_is_named", lost_ack),
    ("under_random_loss_the_kernel_agrees", random_loss),
];

pub(crate) fn main() -> ExitCode {
    let entered = enter();
    if let Err(error) = &entered {
        counters::say(&format!("no private networks on this machine: {error}"));
    }
    let no_tap = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_err();
    let mut trials = Vec::new();
    for (name, trial) in TRIALS {
        for backend in [Backend::Tap, Backend::Veth] {
            let ignored = entered.is_err() || backend == Backend::Tap && no_tap;
            let name = format!("{}::{name}", backend.name());
            let tried = move || (1..TRIES).fold(trial(backend), |held, _| held.or_else(|_| trial(backend)));
            trials.push(Trial::test(name, tried).with_ignored_flag(ignored));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// What a run left behind.
struct Told {
    trace: Trace,
    /// What the client's and the server's kernel counted.
    counted: [Counters; 2],
    /// The same run as its capture on the wire tells it.
    file: Trace,
}

impl Told {
    fn of(&self, side: Side) -> Vec<Retransmission> {
        let mut all = self.trace.retransmissions();
        all.retain(|r| r.direction == side.outward());
        all
    }

    /// The only retransmission of octets from the client.
    fn one(&self) -> Result<Retransmission, Failed> {
        let mut all = self.of(Side::Client);
        all.retain(|r| !matches!(r.repair, Repair::Handshake));
        match &all[..] {
            [one] => Ok(one.clone()),
            _ => Err(format!("not one retransmission: {all:#?}").into()),
        }
    }
}

fn check(holds: bool, what: impl Into<Failed>) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn messages(count: usize, size: usize, every: u64) -> TcpEcho {
    let mut echo = TcpEcho::new(Messages::new(&[], count, Some(size), Duration::from_millis(every)));
    echo.burst = true;
    echo.client_settings.push(layerlab::live::calls::Setting::NoDelay(true));
    echo
}

fn run(backend: Backend, echo: TcpEcho, wire: &str, sysctls: &[(&str, &str)]) -> Result<Told, Failed> {
    run_seeded(backend, echo, wire, sysctls, 7)
}

fn run_seeded(
    backend: Backend,
    echo: TcpEcho,
    wire: &str,
    sysctls: &[(&str, &str)],
    seed: u64,
) -> Result<Told, Failed> {
    let topology = Topology {
        backend: Choice::Only(backend),
        sysctls: sysctls.iter().map(|(name, value)| Sysctl::both(*name, *value)).collect(),
        ..Topology::default()
    };
    let setup = Setup {
        command: "why".to_owned(),
        system: "linux".to_owned(),
        topology,
        wire: wire.parse::<Spec>()?,
        later: Vec::new(),
        seed,
        port: 7,
        patience: Duration::from_secs(20),
        listening: true,
    };
    let counted = Counted::new(echo);
    let trace = Rc::new(RefCell::new(Trace::new()));
    let mut file = Vec::new();
    {
        let mut fan = Fan::new();
        fan.push(Shared(trace.clone()));
        fan.push(CaptureSink::new(&mut file, Vantage::Wire, Flush::Paced, Box::new(|_| String::new())));
        let mut tell = Tell::new(fan);
        private::run(&counted, &setup, &mut tell, &AtomicBool::new(false)).map_err(|e| e.to_string())?;
    }
    let mut tell = Tell::new(Trace::of_file());
    read(&mut Reader::new(&file[..])?, &mut tell)?;
    let trace = Rc::into_inner(trace).ok_or("the trace is still listened to")?.into_inner();
    Ok(Told { trace, counted: counted.counters(), file: tell.into_inner() })
}

/// A listener that its owner keeps.
struct Shared(Rc<RefCell<Trace>>);

impl layerlab::model::Sink for Shared {
    fn begin(&mut self, run: &layerlab::model::Run) -> std::io::Result<()> {
        self.0.borrow_mut().begin(run)
    }
    fn event(&mut self, event: &layerlab::model::Event) -> std::io::Result<layerlab::model::Flow> {
        self.0.borrow_mut().event(event)
    }
}

impl Told {
    /// Holds every sender's retransmissions against its kernel's counters: all equal, but for `odd` of a hundred.
    fn agrees(&self, odd: u64) -> Outcome {
        for side in Side::BOTH {
            let all = self.of(side);
            let counters = &self.counted[side as usize];
            let counted = |name: &str| counters.get(name).copied().unwrap_or(0);
            let found = |index: usize| all.iter().filter(|r| r.repair.index() == index).count() as u64;
            let [fast, probes, timeouts, after, syns, _, timer, unknown] =
                [0, 1, 2, 3, 4, 5, 6, 7].map(found);
            let kernel =
                ["RetransSegs", "TCPFastRetrans", "TCPLossProbes", "TCPTimeouts", "TCPSlowStartRetrans"];
            let story = format!("{}: {:?}\n{all:#?}", side.name(), kernel.map(|name| (name, counted(name))));
            let total = all.len() as u64;
            let may = (total * odd).div_ceil(100);
            let near = |found: u64, name: &str| found.abs_diff(counted(name)) <= may;
            check(near(total, "RetransSegs"), format!("segments sent again: {story}"))?;
            check(near(fast, "TCPFastRetrans"), format!("fast: {story}"))?;
            check(near(after, "TCPSlowStartRetrans"), format!("after a timeout: {story}"))?;
            // A probe may bring new octets, and a timeout find that its segment has not left the host: neither is a
            // retransmission.
            check(probes <= counted("TCPLossProbes") + may, format!("probes: {story}"))?;
            check(timeouts + syns <= counted("TCPTimeouts") + may, format!("timeouts: {story}"))?;
            check(timer + unknown <= may, format!("unknown: {story}"))?;
        }
        let short = |trace: &Trace| -> Vec<_> {
            let one =
                |r: Retransmission| (r.frame.id, r.original.map(|o| o.id), r.repair.name(), r.cause.name());
            trace.retransmissions().into_iter().map(one).collect()
        };
        let (live, file) = (short(&self.trace), short(&self.file));
        check(live == file, format!("the run says {live:?}, its capture {file:?}"))
    }

    fn claims(&self, r: &Retransmission) -> Result<Vec<Claim>, Failed> {
        let chain = self.trace.explain().chain(Asked::Id(r.frame.id))?;
        Ok(chain.links.into_iter().map(|link| link.claim).collect())
    }
}

/// A tail-loss probe of one segment: two round trips of 20 ms, and what a delayed acknowledgment may take (RFC 8985 s7.2).
const PROBE: Duration = Duration::from_millis(240);

const NO_SACK: (&str, &str) = ("net.ipv4.tcp_sack", "0");

fn third_of_nine(backend: Backend) -> Outcome {
    let told = run(backend, messages(9, 1448, 0), "--delay 10ms --drop tcp.data#3", &[])?;
    told.agrees(0)?;
    let r = told.one()?;
    // RACK need not wait for the third duplicate (RFC 8985 s6.2).
    check(matches!(r.repair, Repair::Fast(Signal::Sack(1..))), format!("{r:#?}"))?;
    check(r.certainty == Certainty::Shown, format!("{r:#?}"))?;
    check(matches!(r.cause, LossCause::Dropped { .. }), format!("{r:#?}"))?;
    let claims = told.claims(&r)?;
    // Six segments came behind it, and a recv() had to wait for it.
    check(
        claims.iter().any(|c| matches!(c, Claim::Held { octets: 8688, frames: 6 })),
        format!("{claims:#?}"),
    )?;
    let waited = |c: &Claim| {
        matches!(c, Claim::Waited { side: Side::Server, send: Some(3), took, .. }
        if *took < BUSY)
    };
    check(claims.iter().any(waited), format!("{claims:#?}"))
}

fn third_of_nine_without_sack(backend: Backend) -> Outcome {
    // A program that reads may hold its socket when segments come, and its kernel then answers several as one: fewer than
    // three duplicates might be left.
    let echo = TcpEcho { no_read: true, idle: Duration::from_millis(300), ..messages(9, 1448, 0) };
    let told = run(backend, echo, "--delay 10ms --drop tcp.data#3", &[NO_SACK])?;
    told.agrees(0)?;
    let r = told.one()?;
    check(matches!(r.repair, Repair::Fast(Signal::DuplicateAcks(3..))), format!("{r:#?}"))
}

fn last_of_three(backend: Backend) -> Outcome {
    let wire = "--delay 10ms --drop tcp.data#3";
    let told = run(backend, messages(3, 1448, 0), wire, &[])?;
    told.agrees(0)?;
    let r = told.one()?;
    check(r.repair == Repair::TailLossProbe && r.certainty == Certainty::Inferred, format!("{r:#?}"))?;
    check(r.told_by.is_empty() && r.quiet.abs_diff(PROBE) < BUSY / 2, format!("{r:#?}"))?;
    // Neither without SACK nor with the probe switched off does Linux probe.
    let told = run(backend, messages(3, 1448, 0), wire, &[NO_SACK])?;
    told.agrees(0)?;
    check(told.one()?.repair == Repair::Timeout { backoff: 0 }, format!("{:#?}", told.one()?))
}

fn timeouts_double(backend: Backend) -> Outcome {
    // The first four times that the data is sent it is lost.
    let wire = "--delay 10ms --drop tcp.data#1 --drop tcp.data#2 --drop tcp.data#3 --drop tcp.data#4 --drop tcp.data#5";
    for (sysctls, first) in
        [(&[][..], Repair::TailLossProbe), (&[NO_SACK][..], Repair::Timeout { backoff: 0 })]
    {
        let told = run(backend, messages(1, 100, 0), wire, sysctls)?;
        told.agrees(0)?;
        let all = told.of(Side::Client);
        check(all.len() == 5 && all[0].repair == first, format!("{all:#?}"))?;
        let timeouts: Vec<&Retransmission> =
            all.iter().filter(|r| matches!(r.repair, Repair::Timeout { .. })).collect();
        for (n, pair) in timeouts.windows(2).enumerate() {
            // On a busy machine a timer fires late and a frame is seen late, by as much whatever the wait was.
            let off = pair[1].quiet.abs_diff(pair[0].quiet * 2);
            check(off < BUSY, format!("timeout {n}: {off:?} from twice the wait before, {all:#?}"))?;
        }
        let backoffs: Vec<Repair> = timeouts.iter().map(|r| r.repair).collect();
        let expected: Vec<Repair> =
            (0..timeouts.len() as u32).map(|backoff| Repair::Timeout { backoff }).collect();
        check(backoffs == expected, format!("{all:#?}"))?;
    }
    Ok(())
}

fn second_syn(backend: Backend) -> Outcome {
    let told = run(backend, messages(1, 5, 0), "--delay 5ms --dup tcp.syn#1", &[])?;
    told.agrees(0)?;
    let found: Vec<Repair> = told.of(Side::Server).iter().map(|r| r.repair).collect();
    check(found == [Repair::Asked { copy: true }], format!("{found:?}"))
}

fn syns_double(backend: Backend) -> Outcome {
    let wire = "--drop tcp.syn#1 --drop tcp.syn#2";
    let told = run(backend, messages(1, 5, 0), wire, &[("net.ipv4.tcp_syn_linear_timeouts", "0")])?;
    told.agrees(0)?;
    let all = told.of(Side::Client);
    check(all.len() == 2 && all.iter().all(|r| r.repair == Repair::Handshake), format!("{all:#?}"))?;
    for (r, wait) in all.iter().zip([1, 2]) {
        let off = r.gap.unwrap_or_default().abs_diff(Duration::from_secs(wait));
        check(off < BUSY, format!("{off:?} from {wait} s: {r:#?}"))?;
    }
    Ok(())
}

fn delayed(backend: Backend) -> Outcome {
    let told = run(backend, messages(1, 100, 0), "--delay 10ms --delay-frame tcp.data#1=600ms", &[])?;
    told.agrees(0)?;
    let r = told.one()?;
    check(matches!(r.cause, LossCause::UnderWay { .. }), format!("{r:#?}"))?;
    check(r.cause.is_spurious() == Some(true), format!("{r:#?}"))
}

fn lost_ack(backend: Backend) -> Outcome {
    // The server has nothing to say yet, so what it sends is an acknowledgment alone; its last is lost, and those that
    // acknowledge the needless copy are not.
    let mut echo = messages(1, 100, 0);
    echo.read_after = Duration::from_millis(600);
    let told = run(backend, echo, "--delay 10ms --drop to-client:tcp.ack#1", &[])?;
    told.agrees(0)?;
    let r = told.one()?;
    check(matches!(r.cause, LossCause::AckDropped { .. }), format!("{r:#?}"))?;
    check(r.direction == Direction::ToServer, format!("{r:#?}"))
}

fn random_loss(backend: Backend) -> Outcome {
    for (seed, sysctls) in [(11, &[][..]), (11, &[NO_SACK][..]), (13, &[NO_SACK][..])] {
        let once = || {
            let told = run_seeded(backend, messages(300, 1000, 0), "--delay 10ms --loss 8%", sysctls, seed)?;
            let total = told.trace.retransmissions().len();
            check(total >= 20, format!("too few to say: {total}"))?;
            // What the kernel decides at one moment from several of these is not always seen from outside.
            told.agrees(5)
        };
        // Where this machine stands still for as long as a timeout, acknowledgments and timers come to the kernel at one
        // moment, and from outside nobody sees which was first. So one run of three has to agree.
        once().or_else(|_| once()).or_else(|_| once())?;
    }
    Ok(())
}
