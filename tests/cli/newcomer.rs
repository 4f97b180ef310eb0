//! What somebody meets who types the README's commands for the first time.

use crate::child::{layerlab, run};
use crate::lab::Lab;
use std::process::Output;

#[test]
fn a_no_says_why_in_one_sentence_however_quiet() {
    let quiet = run("udp echo --quiet --wait 200ms --drop udp#1");
    assert_eq!((quiet.code(), quiet.out.as_str()), (1, ""));
    assert_eq!(
        quiet.err,
        "layerlab: 0 of 1 messages came back; the client's recvfrom() gave EAGAIN; 1 frame dropped: script 'udp#1'\n"
    );
    let told = run("udp echo --wait 200ms --drop udp#1");
    assert_eq!(told.err, quiet.err);
    assert!(told.out(1).contains("#3 was dropped: script 'udp#1'"), "{}", told.out);
    assert!(!told.out.contains("no error of the network"), "{}", told.out);
    let whole = run("udp echo --quiet");
    assert_eq!((whole.code(), whole.err.as_str()), (0, ""));
}

#[test]
fn an_icmp_error_that_nobody_is_told_of_is_named() {
    let ran = run("udp echo --closed-port --wait 200ms");
    assert!(ran.out(0).contains("a connected one is (--connect-udp)"), "{}", ran.out);
}

#[test]
fn a_server_does_not_wait_for_a_client_that_has_failed() {
    let ran = Lab::run("tcp echo --routers 1 --ttl 1", 1);
    let accept =
        |what: &str| ran.events.iter().filter(|e| e["what"] == what && e["call"] == "accept").count();
    assert_eq!((accept("called"), accept("returned")), (1, 0));
}

#[test]
fn what_is_about_frames_is_refused_where_there_are_none() {
    for command in ["tcp serve", "udp serve", "tcp send localhost:9", "udp send localhost:9"] {
        for option in ["--bytes", "--ledger"] {
            let ran = run(&format!("{command} {option}"));
            assert_eq!((ran.code(), ran.out.as_str()), (2, ""));
            assert!(ran.err.contains("sees none"), "{}", ran.err);
        }
    }
    assert!(!run("tcp serve --help").out(0).contains("--ledger"));
}

#[test]
fn loopback_says_whose_it_is_and_blames_no_checksum() {
    let ran = run("tcp echo --net loopback");
    let own = ran.out(0).contains("in a namespace that only this run is");
    assert!(own || ran.out.contains("this machine's own network"), "{}", ran.out);
    assert!(!ran.out.contains("checksum bad"), "{}", ran.out);
    assert_eq!(ran.out.matches("are left out").count(), usize::from(own), "{}", ran.out);
}

#[test]
fn text_is_as_wide_as_asked_for() {
    let widest = |columns: &str| {
        let Output { stdout, .. } = layerlab(["udp", "echo"]).env("COLUMNS", columns).output().unwrap();
        String::from_utf8(stdout).unwrap().lines().map(|line| line.chars().count()).max().unwrap()
    };
    assert!(widest("64") <= 64);
    assert!((65..=80).contains(&widest("200")));
}

#[test]
fn steps_without_a_terminal_end_with_the_input() {
    let ran = run("udp echo --step");
    assert!(ran.out(0).contains("done after"), "{}", ran.out);
    assert!(ran.err.contains("no terminal"), "{}", ran.err);
}

/// Its direction is the server's unless it says otherwise: what it asks for instead does what was meant.
#[test]
fn a_script_that_touched_no_frame_is_named_with_what_to_write_instead() {
    let told = run("tcp echo hello --drop tcp.synack#1 --drop tcp.data#3");
    let out = told.out(0).replace("\n         ", " ");
    assert!(out.contains("write --drop 'to-client:tcp.synack#1'\n"), "{out}");
    assert!(
        out.contains("'tcp.data#3' touched no frame: only 1 tcp.data frame went to the server\n"),
        "{out}"
    );
    let meant = Lab::run("tcp echo hello --drop to-client:tcp.synack#1", 0);
    assert!(meant.outcome["unused"].is_null(), "{}", meant.outcome);
    assert_eq!(meant.outcome["dropped"]["to_client"], 1);
    // Of several runs on one wire: only what none of them met.
    let compared = run("ws compare --count 1 --every 50ms --drop tcp.synack#1 --drop to-client:tcp.data#1");
    let told: Vec<&str> = compared.err.lines().filter(|line| line.contains("touched no frame")).collect();
    assert!(told.len() == 1 && told[0].contains("to the client went 4:"), "{}", compared.err);
    let both = run("wire run --client true --drop any:udp#1");
    assert!(both.err.contains("--drop 'any:udp#1' touched no frame: no udp frame"), "{}", both.err);
}

/// That nothing comes is said, not left to be concluded from an absence; a capture of the run says it too.
#[test]
fn a_call_that_never_came_back_is_told_at_the_end() {
    let path = std::env::temp_dir().join(format!("layerlab-waiting-{}.pcapng", std::process::id()));
    let line = format!("udp echo --size 1473 --wait 100ms --drop fragment#2 --capture {}", path.display());
    let ran = run(&line);
    let dissected = run(&format!("dissect {} --json", path.display()));
    std::fs::remove_file(&path).unwrap();
    let line =
        |out: &str| out.lines().find(|line| line.contains("never came back")).unwrap_or(out).to_owned();
    let (live, file) = (line(ran.out(1)), line(dissected.out(0)));
    assert!(live.contains("server") && live.contains("recvfrom("), "{live}");
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    assert!(words.join(" ").contains("and nothing ever came"), "{}", ran.out);
    assert!(file.contains("and nothing ever came") && file.contains("\"what\":\"waiting\""), "{file}");
    // One came: the wait for the next is told without that.
    let whole = Lab::run("udp echo hello", 0);
    let [waiting] = whole.all("waiting", |_| true)[..] else { panic!("{:?}", whole.events) };
    let sentence = waiting["sentence"].as_str().unwrap();
    assert!(waiting["place"] == "server" && !sentence.contains("nothing"), "{sentence}");
    assert!(Lab::run("tcp echo hello", 0).all("waiting", |_| true).is_empty());
}
