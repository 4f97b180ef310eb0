//! Labs 15 and 18, seeds: which segment is lost matters, one missing brick, and the same seed decides the same.

use crate::lab::{Lab, each, everywhere, everywhere_with, note, number};
use serde_json::Value;

/// The pause that RFC 6298 (2.4) and Linux put before a retransmission that nothing but time asks for, at the
/// least: not asserted as a time, but told by the note that a retransmission carries.
fn duplicate_acks(frame: &Value) -> u64 {
    number(note(frame, "retransmission").expect("a retransmission"), "duplicate_acks")
}

#[test]
fn a_segment_lost_in_the_middle_is_asked_for_and_the_last_is_not() {
    // Nine full segments; the third is lost. SACK tells which.
    for lab in everywhere("tcp echo --delay 10ms --size 13032 --drop tcp.data#3 --half-close") {
        let data = lab.data("to-server");
        assert_eq!(each(&data[..9], "tcp.len"), [1448; 9]);
        let lost = data[2];
        assert_eq!(lab.fate(lost)["by"]["script"], "tcp.data#3");
        let acks: Vec<&Value> =
            lab.noted("duplicate_ack").into_iter().filter(|ack| ack["direction"] == "to-client").collect();
        // Seven with the FIN's, unless some came while the program was in recv(): its kernel joins those, and answers them
        // as one.
        assert!(!acks.is_empty());
        let mut edge = 0;
        for ack in &acks {
            assert_eq!(ack["tcp.ack"], lost["tcp.seq"]);
            let blocks = ack["sack"].as_array().unwrap();
            let right = blocks.iter().filter_map(|block| block[1].as_u64()).max().unwrap();
            assert!(blocks[0][0].as_u64() > lost["tcp.seq"].as_u64() && right >= edge, "{blocks:?}");
            edge = right;
        }
        assert!(edge > 9 * 1448, "the last tells of the ninth: {edge}");
        let (again, others): (Vec<&Value>, Vec<&Value>) = lab
            .noted("retransmission")
            .into_iter()
            .filter(|f| f["direction"] == "to-server")
            .partition(|f| f["tcp.seq"] == lost["tcp.seq"]);
        assert_eq!(again.len(), 1, "{again:?}");
        assert!(duplicate_acks(again[0]) >= acks.len().min(3) as u64, "{}", again[0]);
        assert_eq!(note(again[0], "retransmission").unwrap()["frame"], lost["frame.number"]);
        // Where a busy machine's answers are late, the end is probed; what lies between is not sent again.
        let edge = each(&others, "tcp.seq").into_iter().filter_map(Value::as_u64).min();
        assert!(edge.is_none_or(|edge| edge > 8 * 1448), "{others:?}");
    }
    // Three segments; the last is lost: nothing comes after it that could tell, no FIN either.
    for lab in everywhere("tcp echo --delay 10ms --size 4344 --drop tcp.data#3 --no-read --idle 800ms") {
        let again: Vec<&Value> =
            lab.noted("retransmission").into_iter().filter(|f| f["direction"] == "to-server").collect();
        assert!(!again.is_empty());
        let before = |ack: &&&Value| number(ack, "id") < number(again[0], "id");
        assert_eq!(lab.noted("duplicate_ack").iter().filter(before).count(), 0);
        assert_eq!(duplicate_acks(again[0]), 0);
    }
}

#[test]
fn without_sack_duplicate_acks_say_nothing_but_that_something_came() {
    let line =
        "tcp echo --delay 10ms --size 13032 --drop tcp.data#3 --half-close --sysctl net.ipv4.tcp_sack=0";
    for lab in everywhere(line) {
        let acks = lab.noted("duplicate_ack");
        assert!(!acks.is_empty());
        assert!(acks.iter().all(|ack| ack["sack"].is_null()));
        let again = lab.noted("retransmission");
        let lost = again.iter().find(|f| f["tcp.seq"] == 2 * 1448 + 1).expect("it was sent again");
        assert!(acks.iter().all(|ack| ack["tcp.ack"] == lost["tcp.seq"]), "{acks:?}");
    }
}

/// Octets that the server's program had after each recv().
fn growth(lab: &Lab) -> Vec<(u64, u64)> {
    let mut sum = 0;
    let received = lab.back("server", "recv").into_iter().filter(|call| call["ok"] == true);
    received
        .map(|call| {
            sum += number(call, "octets");
            (number(call, "id"), sum)
        })
        .collect()
}

#[test]
fn one_missing_brick_holds_up_a_stream_and_no_datagram() {
    let messages = "m1 m2 m3 m4 m5 m6 m7 m8 m9 ma --burst --every 10ms --delay 25ms --seed 7";
    for lab in everywhere(&format!("tcp echo {messages} --nodelay --drop tcp.data#3")) {
        let again = lab.noted("retransmission");
        let lost = lab.data("to-server")[2];
        let again = again
            .iter()
            .find(|f| f["direction"] == "to-server" && f["tcp.seq"] == lost["tcp.seq"])
            .expect("it was sent again");
        // Until the missing one is there the program has two messages, whatever else has arrived.
        let (before, after): (Vec<_>, Vec<_>) =
            growth(&lab).into_iter().partition(|(id, _)| *id < number(again, "id"));
        assert!(before.iter().all(|(_, sum)| *sum <= 4), "{before:?}");
        let next = after.iter().find(|(_, sum)| *sum > 4).expect("the missing one came");
        assert!(next.1 > 6, "the missing one and those behind it come together: {after:?}");
        assert_eq!(after.last().unwrap().1, 20);
        let text: String = lab.back("server", "recv").iter().filter_map(|call| quoted(call)).collect();
        assert_eq!(text, "m1m2m3m4m5m6m7m8m9ma", "order is kept");
    }
    for lab in everywhere_with(&format!("udp echo {messages} --drop udp#3 --wait 300ms"), 1) {
        let text: Vec<String> =
            lab.back("server", "recvfrom").iter().filter_map(|call| quoted(call)).collect();
        assert_eq!(text, ["m1", "m2", "m4", "m5", "m6", "m7", "m8", "m9", "ma"]);
        assert_eq!(each(&lab.dropped(), "index"), [4], "ARP's request was the first frame");
    }
}

/// The text that a call's sentence quotes.
fn quoted(call: &Value) -> Option<String> {
    call["sentence"].as_str()?.split('"').nth(1).map(str::to_owned)
}

/// What the ledger decided, by direction, in the order of the index.
fn decisions(lab: &Lab) -> [Vec<(u64, String)>; 2] {
    ["to-server", "to-client"].map(|direction| {
        let mut rows: Vec<(u64, String)> = lab
            .all("fate", |fate| fate["direction"] == direction)
            .into_iter()
            .map(|fate| {
                let copies = fate["deliveries"].as_array().map_or(0, Vec::len);
                let odd = |key| {
                    fate["deliveries"].as_array().is_some_and(|d| d.iter().any(|d| !Value::is_null(&d[key])))
                };
                let marks = format!("{} {copies} {} {}", fate["fate"], odd("corrupted"), odd("reordered"));
                (number(fate, "index"), format!("{marks} {}", fate["by"]))
            })
            .collect();
        rows.sort();
        rows
    })
}

#[test]
fn the_same_seed_decides_the_same_and_another_does_not() {
    for line in [
        "udp echo --count 30 --burst --wait 100ms --loss 20% --duplicate 20%",
        "udp echo --count 30 --burst --wait 100ms --loss gemodel:10%,30% --corrupt 20%",
        "udp echo --count 30 --burst --wait 100ms --drop udp#2 --dup to-client:2 --swap 5 --reorder 10%,2ms",
        "tcp echo --count 20 --burst --nodelay --timeout 800ms --loss 10%",
    ] {
        let run = |seed: u32| {
            let ran = crate::child::run(&format!("{line} --seed {seed} --json --backend veth"));
            // Whether all came through is not the question here.
            assert!(ran.code() <= 1, "{}", ran.err);
            let lab = Lab::read(&ran.out);
            assert_eq!(number(&lab.run, "seed"), u64::from(seed));
            decisions(&lab)
        };
        let (one, two, other) = (run(3), run(3), run(4));
        let mut differs = false;
        for way in 0..2 {
            // A frame more or less is the kernel's choice, and the scheduler's.
            let common = one[way].len().min(two[way].len());
            assert!(common >= 5, "{line}: only {common} frames to compare");
            assert_eq!(one[way][..common], two[way][..common], "{line}");
            differs |= one[way].iter().zip(&other[way]).any(|(one, other)| one != other);
        }
        assert!(differs, "{line}: seed 4 decides as seed 3 does");
    }
}
