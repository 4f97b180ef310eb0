//! The trailer of the course: what each moment shows was observed in its run.

use crate::child::{in_namespace, ran, run};
use crate::output::json;
use crate::refused::NO_USER_NAMESPACES;

/// The moments of a tour: what stands between one title and the next.
fn moments(out: &str) -> Vec<&str> {
    let mut begins: Vec<usize> = (1..10).filter_map(|nth| out.find(&format!("\n{nth} of "))).collect();
    begins.push(out.find("\nNext:").expect("what to do next"));
    begins.windows(2).map(|pair| &out[pair[0]..pair[1]]).collect()
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn five_moments_each_with_a_few_lines_and_an_answer() {
    let ran = run("tour --seed 4");
    let out = ran.out(0);
    let moments = moments(out);
    let [handshake, sends, brick, upgrade, ack] = moments[..] else { panic!("{out}") };
    has(
        handshake,
        &["lab 4, layers: 4", "$ layerlab tcp echo hello\n", "L2-3 Link", "SYN,ACK seq=0 ack=1", "\"hello\""],
    );
    has(handshake, &["RESULT   5\n", "2 are ARP", "3 are\n", "MORE     layerlab lab run 4 --quiz"]);
    has(sends, &["len=4 \"CDEF\"", "= 6 \"ABCDEF\"", "RESULT   1\n", "3 sends, 2 segments, 1 recv()"]);
    has(
        brick,
        &["dropped by the wire: script 'tcp.data#3'", "script 'udp#3'", "RESULT   2\n", "RESULT   9\n"],
    );
    has(
        upgrade,
        &["HTTP/1.1 101 Switching Protocols", "WebSocket is open", "RESULT   the same\n", "10.0.0.2:80"],
    );
    has(ack, &["DELIVER", "X #", "redelivered", "RESULT   2\n", "order-17"]);
    has(out, &["6 runs, ", "layerlab tour --seed 4\n"]);
    for run in out.split("$ layerlab ").skip(1) {
        let shown = run.split("\nRESULT").next().unwrap().lines();
        let events = shown.filter(|line| line.contains(" API ") || line.contains("L")).count();
        assert!((3..=8).contains(&events), "{events} events: {run}");
    }
    for (moment, cause) in [(brick, "len=2 \"m3\""), (ack, "client>server ACK ")] {
        for (at, _) in moment.match_indices(" X #") {
            let id = moment[at + 3..].split(' ').next().unwrap();
            let before = moment[..at].lines().rev().nth(1).unwrap();
            assert!(before.contains(&format!("{id} client>server")) && before.contains(cause), "{moment}");
        }
    }
    let brick = brick.replace("\n         ", " ");
    assert!(
        brick.contains("left together, for their kernel held them until ARP") && !brick.contains("first 0"),
        "{brick}"
    );
    let missing = moments.iter().any(|moment| moment.contains("NOT SO") || moment.contains("nothing"));
    assert!(!missing && out.is_ascii(), "{out}");
    assert!(run("tour --quiet").out(0).is_empty());
}

/// Its accept value is this run's: what is said comes from what crossed the wire.
#[test]
fn what_is_said_is_of_this_run() {
    let accept = json("tour --seed 4 --json", 0);
    let accept =
        accept.iter().find_map(|line| line["accept"]["sent"].as_str()).expect("an accept value").to_owned();
    let (one, other) = (run("tour --seed 4"), run("tour --seed 5"));
    assert!(one.out(0).replace("\n         ", " ").contains(&accept), "{accept}: {}", one.out);
    assert!(!other.out(0).contains(&accept), "{}", other.out);
}

#[test]
fn on_loopback_only_calls_are_shown() {
    let asked = run("tour --net loopback");
    let out = asked.out(0);
    has(out, &["only system calls", "= 6 \"ABCDEF\"", "RESULT   1\n", "RESULT   3\n"]);
    assert_eq!((moments(out).len(), out.contains("L4 ")), (3, false), "{out}");
    let refused = run("tour --net loopback --backend veth");
    assert_eq!(refused.code(), 2, "{}", refused.err);
    // A machine that can do no more gets the same, and is told why; one that must do more says that it cannot.
    let alone = |words: &[&str]| ran(in_namespace("", NO_USER_NAMESPACES, words));
    let fell_back = alone(&["tour"]);
    has(fell_back.out(0), &["only system calls", "RESULT   3\n"]);
    has(&fell_back.err, &["no private network here", "user.max_user_namespaces=0"]);
    assert_eq!(alone(&["tour", "--backend", "veth"]).code(), 3);
    let told = alone(&["tour", "--json"]);
    assert_eq!(told.out(0).lines().filter(|line| line.contains("\"kind\":\"run\"")).count(), 3);
}

/// Two waits: before a run, and behind its answer.
#[test]
fn a_step_waits_before_a_run_and_behind_its_answer() {
    let ran = run("tour --step");
    assert!(ran.err.contains("no more waiting"), "{}", ran.err);
    assert_eq!(moments(ran.out(0)).len(), 5);
}
