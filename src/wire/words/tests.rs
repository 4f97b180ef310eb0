//! Options: what they mean, what they complain of, and that a spec prints words that make it.

use super::super::script::tests::any_script;
use super::super::spec::{Gemodel, ReorderBy, Schedule};
use super::super::{SWAP_HOLD, fuzz_words};
use super::*;
use proptest::prelude::*;

fn spec(line: &str) -> Spec {
    line.parse().unwrap_or_else(|e| panic!("{line}: {e}"))
}

fn complaint(line: &str) -> String {
    line.parse::<Spec>().map_or_else(|e| e.to_string(), |s| panic!("{line} parses to '{s}'"))
}

#[test]
fn words_mean_what_they_say() {
    let wire = spec(
        "--loss 5% --to-client-delay=20ms --to-client-jitter 5ms --rate 1mbit --limit 100 --mtu 1200 --no-icmp",
    );
    let server = wire.direction(Direction::ToServer);
    let client = wire.direction(Direction::ToClient);
    assert_eq!(server.loss, Loss::Random(Percent::new(5.0).unwrap()));
    assert_eq!(client.loss, server.loss);
    assert_eq!((server.delay, client.delay), (Duration::ZERO, Duration::from_millis(20)));
    assert_eq!(client.jitter.spread, Duration::from_millis(5));
    assert_eq!((client.rate.unwrap().bits(), client.limit), (1_000_000, 100));
    assert_eq!((client.mtu, client.icmp), (Some(1200), false));
}

#[test]
fn gemodel_fills_in_as_netem_does() {
    let model = |line: &str| match line.parse::<Loss>().unwrap() {
        Loss::Gemodel(Gemodel { p, r, loss_in_bad, loss_in_good }) => {
            [p, r, loss_in_bad, loss_in_good].map(|x| x.to_string())
        }
        other => panic!("{other}"),
    };
    assert_eq!(model("gemodel:1%"), ["1%", "99%", "100%", "0%"], "Bernoulli");
    assert_eq!(model("gemodel:1%,25%"), ["1%", "25%", "100%", "0%"], "simple Gilbert");
    assert_eq!(model("gemodel:1%,25%,80%"), ["1%", "25%", "80%", "0%"], "Gilbert");
    assert_eq!(model("gemodel:1%,25%,80%,0.5%"), ["1%", "25%", "80%", "0.5%"], "Gilbert-Elliott");
}

#[test]
fn reorder_has_two_forms() {
    let parse = |s: &str| s.parse::<Reorder>().map(|r| (r.p.to_string(), r.gap, r.how)).unwrap();
    let late = ReorderBy::Late(Duration::from_millis(20));
    assert_eq!(parse("5%"), ("5%".into(), 1, ReorderBy::Swap));
    assert_eq!(parse("5%,4"), ("5%".into(), 4, ReorderBy::Swap));
    assert_eq!(parse("5%,20ms"), ("5%".into(), 1, late));
    assert_eq!(parse("5%,4,20ms"), ("5%".into(), 4, late));
}

#[test]
fn one_direction_outdoes_both_in_any_order() {
    let wire = spec("--to-client-loss none --loss 5%");
    assert_eq!(wire.to_string(), "--to-server-loss 5%");
    assert_eq!(spec("--cut 2s --to-client-restore 4s --to-client-cut 6s").to_string(), {
        "--to-server-cut 2s --to-client-cut 2s --to-client-cut 6s --to-client-restore 4s"
    });
}

#[test]
fn a_wire_that_does_nothing_says_nothing() {
    assert_eq!(Spec::default().to_string(), "");
    for line in [
        "",
        "  ",
        "--loss 0%",
        "--loss none --rate none --mtu none --reorder none",
        "delay 0s",
        "--reorder 0%",
    ] {
        assert_eq!(spec(line), Spec::default(), "{line}");
    }
    assert!(spec("").is_transparent());
    assert!(!spec("--drop 1").is_transparent());
}

#[test]
fn the_list_names_every_word() {
    assert!(Word::ALL.iter().all(|w| LIST.split([' ', ',']).any(|l| l == w.name())));
    assert_eq!(SWAP_HOLD, Duration::from_millis(100), "docs/wire.md says so");
}

/// The sentences that a person reads, whole.
#[test]
fn every_complaint_says_what_to_do() {
    let told = [
        (
            "--loss 200%",
            "--loss: a percentage goes from 0% to 100%, and '200%' is more than all: write 100% for every frame",
        ),
        (
            "--loss -5%",
            "--loss: a percentage goes from 0% to 100%, and '-5%' is less than none: write 0% for never",
        ),
        ("--loss 5", "--loss: '5' has no unit: write '5%' for 5 in a hundred"),
        (
            "--loss 0.05",
            "--loss: '0.05' has no unit: write '0.05%' for 0.05 in a hundred, or '5%' for the fraction 0.05",
        ),
        ("--loss abc", "--loss: 'abc' is not a percentage: write one such as 5% or 0.1%"),
        ("--loss bursts:3%", "--loss: 'bursts:3%' is not a loss: write one such as 5% or gemodel:1%,25%"),
        (
            "--loss gemodel:",
            "--loss: gemodel takes 1 to 4 percentages, and 'gemodel:' has 0: write gemodel:P,R[,1-H[,1-K]], such as gemodel:1%,25%",
        ),
        (
            "--loss gemodel:.0132,.25",
            "--loss: '.0132' has no unit: write '.0132%' for .0132 in a hundred, or '1.32%' for the fraction .0132",
        ),
        ("--delay abc", "--delay: 'abc' is not a time: write one such as 20ms"),
        ("--delay 20", "--delay: '20' has no unit: write '20ms' for milliseconds, or us or s instead of ms"),
        ("--delay 20m", "--delay: 'm' in '20m' is no unit of time here: use s, ms, us or ns, such as 20ms"),
        (
            "--delay 2000000s",
            "--delay: '2000000s' is longer than a day, the longest time here: write 86400s or less",
        ),
        (
            "--delay 20ms --to-client-jitter 30ms",
            "to-client: a jitter of 30ms around a delay of 20ms would deliver frames before they were sent: give --delay 30ms or more",
        ),
        (
            "--jitter 5ms,normal",
            "--jitter: 'normal' is no distribution that this wire has: write uniform, such as 5ms,uniform",
        ),
        (
            "--reorder 5%,x",
            "--reorder: 'x' in '5%,x' is neither a gap nor a time: write P[,GAP][,TIME], such as 5%, 5%,4 or 5%,20ms",
        ),
        (
            "--reorder 5%,0",
            "--reorder: '0' is not a gap in frames: write a whole number from 1 to 4294967295, such as 4",
        ),
        (
            "--rate 10",
            "--rate: '10' has no unit: write '10mbit' for megabits a second, or kbit or gbit instead of mbit",
        ),
        (
            "--rate 10mb",
            "--rate: 'mb' in '10mb' is no unit of rate here: use bit, kbit, mbit or gbit (bits a second), such as 10mbit",
        ),
        (
            "--rate 0mbit",
            "--rate: at '0mbit' no frame would ever leave: write 1bit or more, or 'none' for no limit",
        ),
        (
            "--rate 101tbit",
            "--rate: '101tbit' is more than 100tbit, the highest rate here: write less, or 'none' for no limit",
        ),
        ("--rate fast", "--rate: 'fast' is not a rate: write one such as 10mbit"),
        (
            "--rate 1mbit --limit 0",
            "--limit: '0' is not a limit in frames: write a whole number from 1 to 65536, such as 100",
        ),
        (
            "--limit 5",
            "to-server: --limit bounds the rate limiter's queue, and there is no rate: give --rate too",
        ),
        (
            "--mtu 20",
            "--mtu: '20' is not an MTU in octets of IP packet: write a whole number from 68 to 65535, such as 1200",
        ),
        (
            "--no-icmp",
            "to-server: --no-icmp keeps the wire silent about its MTU, and there is none: give --mtu too",
        ),
        ("--no-icmp=yes", "--no-icmp takes no value: write it alone"),
        (
            "--restore 4s",
            "to-server: the wire is whole at 4s, so --restore 4s has nothing to restore: give an earlier --cut",
        ),
        (
            "--cut 2s --cut 3s",
            "to-server: the wire is cut already at 3s: give a --restore before --cut 3s, or leave this cut out",
        ),
        ("--cut 2s --restore 2s", "to-server: --cut and --restore at the same moment, 2s: move one of them"),
        (
            "--loss 1% --loss 2%",
            "--loss was given twice: keep one, or give each direction its own with --to-server-loss and --to-client-loss",
        ),
        ("--loss", "--loss needs a value: write --loss P%|gemodel:P,R[,1-H[,1-K]]"),
        (
            "--los 5%",
            "'--los' is no option of the wire (did you mean 'loss'?); the options are loss, delay, jitter, reorder, duplicate, corrupt, rate, limit, mtu, no-icmp, cut, restore, dice, drop, dup, delay-frame and swap",
        ),
        (
            "--drop tcp.dat#3",
            "--drop: 'tcp.dat' is no kind of frame (did you mean 'tcp.data'?); the kinds are frame, data, arp, ip, ipv6, icmp, fragment, udp, tcp, tcp.syn, tcp.synack, tcp.ack, tcp.data, tcp.fin and tcp.rst",
        ),
        (
            "--drop to-sever:udp#1",
            "--drop: 'to-sever' is no direction: write to-server:, to-client: or any: before the rule (did you mean 'to-server'?)",
        ),
        ("--drop tcp.data", "--drop: 'tcp.data' does not say which one: write 'tcp.data#1' for the first"),
        (
            "--drop tcp.data#0",
            "--drop: '0' in 'tcp.data#0' is not a frame's number: write #3, #3-5, #3,5 or #3+ (from 3 on), counted from 1",
        ),
        (
            "--drop udp#5-3",
            "--drop: the range '5-3' in 'udp#5-3' runs backwards: write the smaller number first",
        ),
        (
            "--delay-frame udp#1",
            "--delay-frame: 'udp#1' does not say for how long: write RULE=TIME, such as tcp.data#3=50ms",
        ),
    ];
    for (line, sentence) in told {
        assert_eq!(complaint(line), sentence, "{line}");
    }
}

prop_compose! {
    fn any_percent()(p in prop_oneof![Just(0.0), Just(100.0), 0.0..=100.0_f64]) -> Percent { Percent::new(p).unwrap() }
}

fn any_time(max: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![0..=max, (0..=max / 1_000_000).prop_map(|ms| ms * 1_000_000)].prop_map(Duration::from_nanos)
}

fn any_loss() -> impl Strategy<Value = Loss> {
    let gemodel = (any_percent(), any_percent(), any_percent(), any_percent()).prop_map(
        |(p, r, loss_in_bad, loss_in_good)| Loss::Gemodel(Gemodel { p, r, loss_in_bad, loss_in_good }),
    );
    let random = any_percent().prop_map(|p| if p.is_zero() { Loss::None } else { Loss::Random(p) });
    prop_oneof![Just(Loss::None), random, gemodel]
}

fn any_reorder() -> impl Strategy<Value = Option<Reorder>> {
    let how = prop_oneof![Just(ReorderBy::Swap), any_time(50_000_000).prop_map(ReorderBy::Late)];
    prop::option::of((any_percent(), 1..6_u32, how).prop_map(|(p, gap, how)| Reorder { p, gap, how }))
        .prop_map(|r| r.filter(|r| !r.p.is_zero()))
}

fn any_cuts() -> impl Strategy<Value = Schedule> {
    prop::collection::btree_set(0..500_u64, 0..4).prop_map(|times| {
        let mut cuts = Schedule::default();
        for (i, ms) in times.into_iter().enumerate() {
            let change = if i % 2 == 0 { WireChange::Cut } else { WireChange::Restored };
            cuts.add(Duration::from_millis(ms), change);
        }
        cuts
    })
}

prop_compose! {
    fn any_direction()(
        loss in any_loss(),
        (delay, jitter) in (any_time(50_000_000), 0..=100_u32),
        reorder in any_reorder(),
        (duplicate, corrupt) in (any_percent(), any_percent()),
        rate in prop::option::of((10_000..1_000_000_000_u64, 1..2000_u32)),
        mtu in prop::option::of((68..9000_u32, any::<bool>())),
        cuts in any_cuts(),
        data in any::<bool>(),
    ) -> DirectionSpec {
        let mut spec = DirectionSpec { loss, delay, reorder, duplicate, corrupt, cuts, ..DirectionSpec::default() };
        spec.jitter.spread = delay * jitter / 100;
        spec.dice = if data { Keying::Data } else { Keying::Frame };
        if let Some((bits, limit)) = rate {
            spec.rate = Rate::new(bits);
            spec.limit = limit;
        }
        if let Some((mtu, icmp)) = mtu {
            (spec.mtu, spec.icmp) = (Some(mtu), icmp);
        }
        spec
    }
}

/// Half of the time both directions alike.
pub(crate) fn any_spec() -> impl Strategy<Value = Spec> {
    (any_direction(), prop::option::of(any_direction()), prop::collection::vec(any_script(), 0..3)).prop_map(
        |(server, client, scripts)| {
            let client = client.unwrap_or_else(|| server.clone());
            Spec { directions: [server, client], scripts }
        },
    )
}

proptest! {
    #[test]
    fn a_spec_prints_words_that_make_it(spec in any_spec()) {
        prop_assert_eq!(spec.check(), Ok(()));
        let words = spec.to_string();
        let again = words.parse::<Spec>();
        prop_assert_eq!(again.as_ref(), Ok(&spec), "{}", words);
        prop_assert_eq!(words.replace("--", "").parse::<Spec>(), Ok(spec), "the dashes may be left out");
    }

    #[test]
    fn whatever_is_typed(text in "(--)?(to-server-|to-client-)?(loss|jitter|reorder|rate|drop|cut|no-icmp|mtu|x)[ =][a-z0-9.,:#%+-]{0,16}( .{0,12})?") {
        fuzz_words(&text);
    }
}
