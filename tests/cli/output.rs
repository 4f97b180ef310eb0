//! What commands print that run no experiment, and the JSON that scripts read.

use crate::child::run;
use crate::lab::Lab;
use serde_json::Value;

pub(crate) fn json(line: &str, code: i32) -> Vec<Value> {
    let ran = run(line);
    let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let values: Vec<Value> = ran.out(code).lines().map(parse).collect();
    assert!(!values.is_empty() && values.iter().all(Value::is_object), "{line}");
    values
}

#[test]
fn explain_knows_words_and_suggests_for_the_others() {
    let known = run("explain mtu");
    assert!(known.out(0).contains("MTU"), "{}", known.out);
    assert_eq!(json("explain mtu --json", 0).len(), 1);
    assert!(json("explain --json", 0).len() > 50);
    let near = run("explain wndow");
    assert_eq!((near.code(), near.out.as_str()), (1, ""));
    assert_eq!(near.err, "'wndow' is not in the glossary. Near it: window.\n");
    let nonsense = run("explain nonsense");
    assert_eq!(nonsense.code(), 1);
    assert_eq!(nonsense.err.lines().count(), 1);
    assert!(nonsense.err.contains("`layerlab explain` lists every word"), "{}", nonsense.err);
}

#[test]
fn layers_shows_each_model_and_both() {
    let both = run("layers");
    assert!(both.out(0).contains("OSI") && both.out.contains("TCP/IP"));
    for line in ["layers", "layers --model osi", "layers --model tcpip --ascii", "explain", "explain tcp"] {
        let ran = run(line);
        assert!(ran.out(0).lines().all(|line| line.chars().count() <= 80), "{line}: {}", ran.out);
    }
    assert!(run("layers --ascii").out(0).is_ascii());
    assert_eq!(json("layers --json", 0)[0]["kind"], "layers");
}

#[test]
fn doctor_says_what_will_be_used() {
    let told = run("doctor --json");
    let value: Value = serde_json::from_str(&told.out).unwrap();
    let backend = value["backend"].as_str().unwrap();
    // A private network, or exit status 3 and a remedy for each backend that cannot be had.
    assert_eq!(told.code(), if backend == "loopback" { 3 } else { 0 });
    for better in value["unavailable"].as_array().unwrap() {
        assert!(better["why"].as_str().is_some_and(|why| !why.is_empty()), "{better}");
        assert!(!better["remedies"].as_array().unwrap().is_empty(), "{better}");
    }
    let text = run("doctor");
    assert!(text.out.contains(&format!("will use     {backend}")), "{}", text.out);
    let ran = Lab::run("udp echo", 0);
    assert_eq!(ran.run["backend"], backend, "doctor foretold something else");
}

#[test]
fn every_run_is_json_lines_when_asked() {
    // Six runs one after the other: each begins and ends.
    let kinds: Vec<Value> = json("tour --json", 0).into_iter().map(|line| line["kind"].clone()).collect();
    let count = |kind: &str| kinds.iter().filter(|k| **k == kind).count();
    assert_eq!((count("run"), count("outcome")), (6, 6));
    assert_eq!((&kinds[0], kinds.last().unwrap()), (&"run".into(), &"outcome".into()));
    // On loopback as well, where nothing but calls may be seen.
    let lab = Lab::run("tcp echo --net loopback --seed 9 one two", 0);
    assert!(["loopback", "own_loopback"].contains(&lab.run["backend"].as_str().unwrap()));
    assert_eq!(lab.run["seed"], 9);
    assert_eq!(lab.gave("client", "send"), ["3", "3"]);
}

#[test]
fn a_timeline_is_at_most_80_columns_and_ascii_when_asked() {
    for line in ["tour", "tcp echo --bytes --verbose --ledger", "udp echo --closed-port --wait 100ms a"] {
        let ran = run(line);
        for line in ran.out(0).lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        }
        assert!(run(&format!("{line} --ascii")).out(0).is_ascii(), "{line}");
    }
    let quiet = run("tcp echo --quiet");
    assert_eq!((quiet.out(0), quiet.err.as_str()), ("", ""));
}
