//! TCP beside UDP under loss, through the program and on this machine's kernel: what the labs say of loss (lab facts 14 to
//! 18 of the curriculum) as facts and orders, on each backend. No trial trusts a clock further than a factor: the machine
//! may be busy.
//!
//! Where this machine has no private network, or one backend less, the trials are listed as ignored and the reason is printed:
//! what did not run is not green.

use layerlab::capture::Reader;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

type Outcome = Result<(), Failed>;

const BACKENDS: [&str; 2] = ["tap", "veth"];

/// Each takes its backend.
type OnBackend = fn(&str) -> Outcome;

const TRIALS: [(&str, OnBackend); 10] = [
    ("patience_doubles", patience_doubles),
    ("which_segment_is_lost_matters", which_segment),
    ("the_window_grows_by_flights", window_growth),
    ("tcp_begins_a_round_trip_later", first_byte),
    ("over_the_rate_udp_loses_and_tcp_waits", over_the_rate),
    ("one_missing_brick", missing_brick),
    ("resending_hides_loss_but_not_order", resending),
    ("twenty_runs_meet_the_same_losses", same_losses),
    ("two_captures_show_what_the_ledger_says", two_captures),
    ("two_captures_show_the_distributions_asked_for", distributions),
];

fn main() -> ExitCode {
    let doctor = Command::new(env!("CARGO_BIN_EXE_layerlab")).args(["doctor", "--json"]).output();
    let survey: Value =
        doctor.ok().and_then(|out| serde_json::from_slice(&out.stdout).ok()).unwrap_or_default();
    let works = |name: &str| survey["findings"][name].as_str().is_some_and(|found| found.starts_with("ok"));
    let private = survey["backend"] == "tap" || survey["backend"] == "veth";
    if !private {
        let _ = writeln!(
            std::io::stderr(),
            "no private network on this machine: these trials do not run (layerlab doctor says why)"
        );
    }
    let mut trials = Vec::new();
    for backend in BACKENDS {
        let there = private && works(if backend == "tap" { "TAP" } else { "veth" });
        for (name, trial) in TRIALS {
            trials.push(
                Trial::test(format!("{backend}::{name}"), move || trial(backend)).with_ignored_flag(!there),
            );
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A comparison's lines.
struct Lines(Vec<Value>);

/// Runs `layerlab loss --json` with the words.
fn loss(backend: &str, words: &str) -> Result<Lines, Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_layerlab"))
        .args(["loss", "--json", "--backend", backend])
        .args(words.split_ascii_whitespace())
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("{words}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    Ok(Lines(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?))
}

impl Lines {
    fn of<'a>(&'a self, kind: &'a str, lane: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |l| l["kind"] == kind && l["lane"] == lane)
    }

    fn lane<'a>(&'a self, lane: &'a str) -> &'a Value {
        self.of("lane", lane).next().expect("the lane ran")
    }

    /// When each message was first delivered, in ns.
    fn received(&self, lane: &str) -> Vec<Option<u64>> {
        self.of("message", lane).map(|m| m["received_ns"][0].as_u64()).collect()
    }

    /// Frames with data towards the server.
    fn data<'a>(&'a self, lane: &'a str) -> impl Iterator<Item = &'a Value> {
        self.of("frame", lane).filter(|f| f["data"] == true && f["direction"] == "to-server")
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

fn n(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// Lab 14: nothing gets through, and each wait is twice the one before (RFC 6298 s5.5). The first may be a tail-loss
/// probe's.
fn patience_doubles(backend: &str) -> Outcome {
    let words = "--lanes tcp --messages 1 --delay 5ms --drop data#1+ --wait 5s --ledger";
    let lines = loss(backend, words)?;
    let sent: Vec<u64> = lines.data("tcp-cubic").map(|f| n(&f["at_ns"])).collect();
    let gaps: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    check(gaps.len() >= 4, || format!("only {gaps:?}"))?;
    for pair in gaps[2..].windows(2).take(2) {
        // On a busy machine a timer fires late, by as much whatever the wait was.
        check(pair[1].abs_diff(2 * pair[0]) < 350_000_000, || format!("not twice as long: {gaps:?}"))?;
    }
    let lane = lines.lane("tcp-cubic");
    check(lane["delivered"] == 0 && lane["lost"] == 1, || lane.to_string())
}

/// Lab 15: a hole in the middle is told of by the segments behind it; one at the end by nothing but time.
fn which_segment(backend: &str) -> Outcome {
    // Nine segments at once, the third lost: those behind it earn acknowledgments with SACK blocks that grow.
    let full = "--lanes tcp --size 1444 --every 0ms --delay 10ms --ledger";
    let lines = loss(backend, &format!("{full} --messages 9 --drop data#3"))?;
    let again: Vec<&Value> = lines.of("retransmission", "tcp-cubic").collect();
    let dropped: Vec<&Value> = lines.data("tcp-cubic").filter(|f| !f["dropped"].is_null()).collect();
    check(dropped.len() == 1, || format!("{dropped:?}"))?;
    let lost: Vec<&&Value> = again.iter().filter(|r| r["of"] == dropped[0]["frame"]).collect();
    check(lost.len() == 1 && lost[0]["trigger"] == "fast", || format!("{again:?}"))?;
    // Besides, a probe of the end where a busy machine is late with its answers.
    check(again.len() == 1 || again[0]["trigger"] == "probe", || format!("{again:?}"))?;
    let mut told = sacks(&lines);
    // Such a probe is answered with what was told before.
    told.dedup();
    // Six, unless some arrived while the program was in recv(): its kernel puts those aside, joins them, and
    // acknowledges them as one (tcp_add_backlog).
    check((1..=6).contains(&told.len()), || format!("acknowledgments with SACK blocks: {told:?}"))?;
    check(told.is_sorted(), || format!("they do not grow: {told:?}"))?;
    check(told.last() == Some(&(9 * 1448 + 1)), || format!("the last tells of the ninth segment: {told:?}"))?;

    // The last of three: no acknowledgment tells of it.
    let lines = loss(backend, &format!("{full} --messages 3 --drop data#3"))?;
    let again: Vec<&Value> = lines.of("retransmission", "tcp-cubic").collect();
    let by_time = again.iter().all(|r| r["trigger"] == "probe" || r["trigger"] == "timeout");
    check(!again.is_empty() && by_time, || format!("{again:?}"))?;
    check(sacks(&lines).is_empty(), || format!("{:?}", sacks(&lines)))?;
    check(lines.lane("tcp-cubic")["delivered"] == 3, || lines.lane("tcp-cubic").to_string())?;

    // Without SACK the duplicates carry nothing, and three of them do (RFC 5681 s3.2). Six come, unless some were
    // joined, as above; fewer than three leave it to time.
    let lines = loss(backend, &format!("{full} --messages 9 --drop data#3 --sysctl net.ipv4.tcp_sack=0"))?;
    let again: Vec<&Value> = lines.of("retransmission", "tcp-cubic").collect();
    let back = lines.of("frame", "tcp-cubic").filter(|f| f["direction"] == "to-client");
    let duplicates = back.filter(|f| f["tcp"]["ack"] == 2 * 1448 + 1).count() - 1;
    let by = if duplicates >= 3 { "fast" } else { "timeout" };
    let dropped = lines.data("tcp-cubic").find(|f| !f["dropped"].is_null());
    let lost = again.iter().find(|r| dropped.is_some_and(|f| r["of"] == f["frame"]));
    check(lost.is_some_and(|r| r["trigger"] == by), || format!("{duplicates} duplicates: {again:?}"))?;
    check(again.len() == 1 || by == "timeout" || again[0]["trigger"] == "probe", || format!("{again:?}"))?;
    check(sacks(&lines).is_empty(), || format!("{:?}", sacks(&lines)))
}

/// The end of the furthest block of each acknowledgment with SACK blocks.
fn sacks(lines: &Lines) -> Vec<u64> {
    let back = lines.of("frame", "tcp-cubic").filter(|f| f["direction"] == "to-client");
    let furthest = |f: &Value| f["tcp"]["sack"].as_array()?.iter().map(|block| n(&block[1])).max();
    back.filter_map(furthest).collect()
}

/// Lab 16: segments sent in each round trip from the first.
fn window_growth(backend: &str) -> Outcome {
    let lines = loss(backend, "--bulk 400kB --delay 50ms --ledger")?;
    for lane in ["tcp-reno", "tcp-cubic", "tcp-bbr"] {
        if lines.of("lane", lane).next().is_none() {
            // This kernel has no such congestion control.
            continue;
        }
        let flights = flights(&lines, lane);
        // A busy machine's kernel, late with the last of a flight, counts it to the next.
        check((9..=11).contains(&flights[0]), || {
            format!("{lane}: a first window of ten (RFC 6928), not {flights:?}")
        })?;
        check(flights[0] < flights[1] && flights[1] < flights[2], || format!("{lane} grows: {flights:?}"))?;
        if lane == "tcp-reno" {
            // Slow start: twice as many each round trip (RFC 5681 s3.1).
            check((16..=22).contains(&flights[1]) && (30..=44).contains(&flights[2]), || {
                format!("{lane}: {flights:?}")
            })?;
        }
    }
    Ok(())
}

/// How many segments with data left in each of the first three flights: a flight ends when the client hears that the first
/// of it has come, however late the machine is.
fn flights(lines: &Lines, lane: &str) -> [usize; 3] {
    let data = lines.data(lane).map(|f| (n(&f["at_ns"]), f));
    let back = lines.of("frame", lane).filter(|f| f["direction"] == "to-client");
    let mut told: Vec<(u64, &Value)> = data.chain(back.map(|f| (n(&f["arrived_ns"][0]), f))).collect();
    told.sort_by_key(|(at, _)| *at);
    let (mut flights, mut flight, mut first) = ([0; 3], 0, None);
    for (_, frame) in told {
        if frame["direction"] == "to-server" {
            first = first.or(frame["tcp"]["seq"].as_u64());
            flights[flight] += 1;
        } else if first.is_some() && frame["tcp"]["ack"].as_u64() > first {
            (first, flight) = (None, flight + 1);
            if flight == flights.len() {
                break;
            }
        }
    }
    flights
}

/// Lab 17: the handshake costs one round trip, once. A busy machine is late, and never early.
fn first_byte(backend: &str) -> Outcome {
    let lines = loss(backend, "--lanes tcp,udp --messages 2 --delay 50ms --ledger")?;
    let [tcp, udp] = ["tcp-cubic", "udp"].map(|lane| n(&lines.lane(lane)["first_ns"]) / 1_000_000);
    check(udp >= 50 && tcp >= 150, || format!("TCP {tcp} ms, UDP {udp} ms: light is no slower than that"))?;
    // Nothing of UDP's goes before its data, and of TCP's a handshake: the data wait for the answer to it.
    let first = |lane| lines.of("frame", lane).next().expect("a frame");
    check(first("udp")["data"] == true, || first("udp").to_string())?;
    let (syn, data) = (first("tcp-cubic"), lines.data("tcp-cubic").next().expect("data"));
    check(syn["tcp"]["flags"] == "SYN" && n(&data["at_ns"]) - n(&syn["at_ns"]) >= 100_000_000, || {
        format!("{syn} {data}")
    })
}

/// Lab 17 still: twice what the link carries.
fn over_the_rate(backend: &str) -> Outcome {
    let words = "--lanes tcp,udp --messages 300 --size 1000 --every 4ms --rate 1mbit --limit 10 --delay 10ms";
    let lines = loss(backend, words)?;
    let (tcp, udp) = (lines.lane("tcp-cubic"), lines.lane("udp"));
    check((90..200).contains(&n(&udp["lost"])), || format!("UDP lost {} of 300", udp["lost"]))?;
    check(tcp["lost"] == 0 && tcp["delivered"] == 300, || format!("TCP lost {}", tcp["lost"]))?;
    let full = |lane: &Value| {
        let dropped = lane["dropped"].as_array().expect("a list").iter();
        dropped.filter(|d| d["rule"] == "queue full").map(|d| n(&d["frames"])).sum::<u64>()
    };
    check(full(tcp) > 0 && full(udp) == n(&udp["lost"]), || format!("{} and {}", full(tcp), full(udp)))
}

/// Lab 18: ten messages, the third lost.
fn missing_brick(backend: &str) -> Outcome {
    let lines = loss(backend, "--messages 10 --every 10ms --delay 25ms --drop data#3 --ledger")?;
    let udp = lines.received("udp");
    let missing: Vec<usize> = (0..10).filter(|i| udp[*i].is_none()).collect();
    check(missing == [2], || format!("UDP misses {missing:?}"))?;

    let tcp = lines.received("tcp-cubic");
    let tcp: Vec<u64> = tcp.into_iter().map(|at| at.expect("TCP delivers all")).collect();
    check(tcp.is_sorted(), || format!("TCP in order: {tcp:?}"))?;
    // Those that had come before the third came again were all read when it had: at one moment, but for the program's
    // own calls.
    let stalled = n(&lines.lane("tcp-cubic")["stalled"]) as usize;
    check(stalled >= 3, || format!("{stalled} messages waited"))?;
    let together = tcp[2 + stalled] - tcp[2];
    check(together < 5_000_000, || format!("3 to {} took {together} ns: {tcp:?}", 3 + stalled))?;
    for message in lines.of("message", "tcp-cubic").skip(3).take(stalled) {
        check(n(&message["reached_ns"]) < n(&message["in_order_ns"]), || message.to_string())?;
        check(n(&message["in_order_ns"]) <= n(&message["received_ns"][0]), || message.to_string())?;
    }
    // UDP's fourth waited for nothing: the third never came. TCP's did: its own way, the news of it back, and the
    // third's second way.
    let fourth = lines.of("message", "tcp-cubic").nth(3).expect("a fourth message");
    check(n(&fourth["received_ns"][0]) - n(&fourth["sent_ns"]) >= 75_000_000, || fourth.to_string())?;

    // Acknowledged and sent again, the third comes in the end, and holds up none. (A busy machine's acknowledgments may
    // be late: then others are sent again too.)
    let arq = lines.lane("arq");
    check(arq["delivered"] == 10 && n(&arq["sent_again"]["timeout"]) >= 1, || arq.to_string())?;
    check(lines.lane("tcp-cubic")["dropped"] == lines.lane("udp")["dropped"], || "another frame".to_owned())
}

/// Our acknowledge-and-resend under heavy loss: every message once, not in order, none waiting for another.
fn resending(backend: &str) -> Outcome {
    let lines = loss(backend, "--lanes arq --messages 100 --every 2ms --loss 20% --delay 5ms --seed 7")?;
    let arq = lines.lane("arq");
    check(arq["delivered"] == 100 && arq["duplicated"] == 0, || arq.to_string())?;
    check(n(&arq["reordered"]) > 0 && arq["stalled"] == 0, || arq.to_string())?;
    check(n(&arq["sent_again"]["timeout"]) >= 10, || arq.to_string())
}

/// The same seed, the same fates of the same data frames: in every run, in every lane, as documented.
fn same_losses(backend: &str) -> Outcome {
    let page = include_str!("../docs/wire.md");
    let documented = page
        .split_once("seed 7 --loss 20%\n  to-server ")
        .and_then(|(_, rest)| rest.lines().next())
        .expect("docs/wire.md shows what seed 7 decides");
    for run in 0..20 {
        // TCP takes longer over so much loss; a few times will do.
        let lanes = if run < 2 { "tcp,udp,arq" } else { "udp" };
        let lines = loss(
            backend,
            &format!("--lanes {lanes} --messages 60 --every 0ms --loss 20% --seed 7 --ledger"),
        )?;
        for lane in lines.0.iter().filter(|l| l["kind"] == "lane") {
            let name = lane["lane"].as_str().expect("a name");
            let fates: String =
                lines.data(name).take(60).map(|f| if f["dropped"].is_null() { '.' } else { 'x' }).collect();
            check(documented.starts_with(&fates) && fates.len() > 10, || {
                format!("run {run}, {name}: {fates}\n            documented: {documented}")
            })?;
        }
    }
    Ok(())
}

/// A run whose captures lie in a folder of their own, which goes with it.
struct Captured {
    folder: PathBuf,
    lines: Lines,
}

impl Drop for Captured {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a capture shows of a packet: when, from the client or not, and its octets.
struct Shown {
    at: u64,
    from_client: bool,
    bytes: Vec<u8>,
}

impl Captured {
    fn of(backend: &str, name: &str, words: &str) -> Result<Captured, Failed> {
        let folder = std::env::temp_dir().join(format!("layerlab-{name}-{}-{backend}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let words = format!("{words} --capture {}", folder.join("run.pcapng").display());
        // Made first, so that the folder goes even when the run fails.
        let mut captured = Captured { folder, lines: Lines(Vec::new()) };
        captured.lines = loss(backend, &words)?;
        Ok(captured)
    }

    fn seen(&self, lane: &str, host: &str) -> Result<Vec<Shown>, Failed> {
        let file = File::open(self.folder.join(format!("run-{lane}-{host}.pcapng")))?;
        let mut reader = Reader::new(file).map_err(|e| e.to_string())?;
        let mut all = Vec::new();
        while let Some(record) = reader.next_record().map_err(|e| e.to_string())? {
            // The client's link-layer address ends in 0a, the server's in 0b.
            let from_client = record.bytes.get(11) == Some(&0x0a);
            all.push(Shown { at: record.at_unix_ns, from_client, bytes: record.bytes.to_vec() });
        }
        Ok(all)
    }
}

/// The wire measured from outside: what left one host and what reached the other, from two captures alone.
fn two_captures(backend: &str) -> Outcome {
    let words = "--messages 100 --every 2ms --loss 10% --delay 5ms --seed 7";
    let run = Captured::of(backend, "ledger", words)?;
    for lane in ["tcp-cubic", "udp", "arq"] {
        let told = run.lines.lane(lane);
        for (way, direction, from_client, sender, receiver) in [
            ("to_server", "to-server", true, "client", "server"),
            ("to_client", "to-client", false, "server", "client"),
        ] {
            let count = |host: &str| -> Result<u64, Failed> {
                Ok(run.seen(lane, host)?.iter().filter(|p| p.from_client == from_client).count() as u64)
            };
            let (left, came) = (count(sender)?, count(receiver)?);
            let rules = told["dropped"].as_array().expect("a list").iter();
            let dropped: u64 = rules.filter(|d| d["direction"] == direction).map(|d| n(&d["frames"])).sum();
            check(left == n(&told["frames"][way]) && left - came == dropped, || {
                format!(
                    "{lane} {way}: {left} left, {came} came; the ledger: {} and {dropped}",
                    told["frames"][way]
                )
            })?;
            check(told["observed"][way]["lost"] == dropped, || told["observed"].to_string())?;
        }
    }
    Ok(())
}

/// How much was lost and how long the rest took, from two captures: what was asked for. Of chance alone each bound is missed
/// once in ten thousand seeds, and this is one seed; how late the machine itself was only goes upwards.
fn distributions(backend: &str) -> Outcome {
    const COUNT: usize = 250;
    let words =
        format!("--lanes udp --messages {COUNT} --every 11ms --delay 20ms --jitter 5ms --loss 10% --seed 7");
    let run = Captured::of(backend, "shares", &words)?;
    // A datagram's number: 14 octets of Ethernet, 20 of IP and 8 of UDP before it.
    let number = |p: &Shown| Some(u32::from_be_bytes(*p.bytes.get(42..46)?.first_chunk()?));
    let times = |host: &str| -> Result<Vec<Option<u64>>, Failed> {
        let mut times = vec![None; COUNT];
        for packet in run.seen("udp", host)?.iter().filter(|p| p.from_client) {
            if let Some(time) = number(packet).and_then(|n| times.get_mut(n as usize)) {
                *time = Some(packet.at);
            }
        }
        Ok(times)
    };
    let (left, came) = (times("client")?, times("server")?);
    check(left.iter().all(Option::is_some), || "a datagram never left".to_owned())?;
    let mut took: Vec<f64> =
        left.iter().zip(&came).filter_map(|(l, c)| Some((c.as_ref()? - l.as_ref()?) as f64 / 1e6)).collect();
    took.sort_by(f64::total_cmp);
    let (lost, expected) = ((COUNT - took.len()) as f64, COUNT as f64 * 0.1);
    // Binomial: 3.9 standard deviations to either side.
    check((lost - expected).abs() < 3.9 * (expected * 0.9).sqrt(), || format!("{lost} of {COUNT} lost"))?;
    // Uniform from 15 to 25 ms. Kolmogorov's distance below 2.23 / sqrt(n); a busy machine adds to some.
    check(took[0] >= 15.0, || format!("one took only {} ms", took[0]))?;
    let n = took.len() as f64;
    let early =
        took.iter().enumerate().map(|(i, t)| (i as f64 + 1.0) / n - ((t - 15.0) / 10.0).clamp(0.0, 1.0));
    let early = early.fold(0.0, f64::max);
    check(early < 2.23 / n.sqrt(), || format!("too many are early: {early}"))?;
    let middle = took[took.len() / 2];
    check((19.0..24.5).contains(&middle), || format!("half took less than {middle} ms, not about 20"))
}
