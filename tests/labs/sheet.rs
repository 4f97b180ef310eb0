//! `layerlab lab worksheet` and `lab check --changes`, as they are printed.

use super::child::Folder;
use super::typed;
use std::fs;

#[test]
fn a_worksheet_has_blanks_and_its_key_lies_apart() {
    let own = Folder::new();
    let key = own.path().join("key.md");
    let line = ["lab", "worksheet", "4", "--blank", "seq,ack", "--shuffle", "--key", key.to_str().unwrap()];
    let (code, sheet, err) = typed(&line, "");
    assert_eq!(code, 0, "{err}");
    let key_text = fs::read_to_string(&key).unwrap();
    assert!(sheet.contains("| SYN,ACK | ____ | ____ | 0 |"), "{sheet}");
    assert!(key_text.contains("| SYN,ACK | 0 | 1 | 0 |") && !key_text.contains("____"), "{key_text}");
    assert!(sheet.contains("1. How many frames"), "{sheet}");
    let (code, _, err) = typed(&["lab", "worksheet", "4", "--run", "9"], "");
    assert!(code == 2 && err.contains("has no run 9") && err.contains("--run: 1, 2"), "{err}");
    // Its first run is without a network.
    let (code, sheet, err) = typed(&["lab", "worksheet", "20"], "");
    assert!(code == 0 && sheet.contains("    layerlab tcp echo red "), "{err}{sheet}");
    assert!(sheet.contains("| SYN | ____ |"), "{sheet}");
}

/// A sheet, and its key.
fn of(lab: &str, more: &[&str]) -> (String, String) {
    let own = Folder::new();
    let key = own.file("key.md");
    let (code, sheet, err) = typed(&[&["lab", "worksheet", lab, "--key", &key], more].concat(), "");
    assert_eq!(code, 0, "{err}");
    let key = fs::read_to_string(key).unwrap();
    for text in [&sheet, &key] {
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    (sheet, key)
}

#[test]
fn a_sheet_of_several_connections_tells_them_apart() {
    let (sheet, key) = of("7", &["--student", "12"]);
    assert!(sheet.contains("| # | ms | direction | stream | protocol | flags |"), "{sheet}");
    // Whose a SYN is can be seen, and what the numbers count from is said.
    assert!(
        key.contains(" client > server | 0 | TCP | SYN |") && key.contains(" | 4 | TCP | SYN |"),
        "{key}"
    );
    let prose = sheet.replace('\n', " ");
    assert!(prose.contains("`seq` and `ack` are relative") && prose.contains("`tcp.stream`"), "{sheet}");
    assert!(prose.contains("The frames are those of"), "{sheet}");
}

#[test]
fn a_broadcast_goes_to_all() {
    let (sheet, key) = of("12", &["--blank", "direction"]);
    assert!(key.contains(" | client > all | ARP |") && key.contains(" | server > client | ARP |"), "{key}");
    let prose = sheet.replace('\n', " ");
    assert!(prose.contains("a broadcast goes to `all`") && !sheet.contains("client > all |"), "{sheet}");
}

#[test]
fn what_a_lab_is_about_is_asked_for() {
    let (sheet, key) = of("2", &[]);
    assert!(sheet.contains("| len | frame.len |"), "{sheet}");
    assert!(sheet.contains(" | ____ | ____ |") && key.contains(" | 5 | 71 |"), "{sheet}{key}");
    let (sheet, key) = of("21", &[]);
    assert!(sheet.contains(" application |") && key.contains(" GET |") && key.contains(" 101 |"), "{key}");
    assert!(
        key.contains(" Text |") && key.contains(" Close |") && !sheet.contains(" Text |"),
        "{sheet}{key}"
    );
}

/// Of a long run the sheet says which frames it has, and they are those that are asked for.
#[test]
fn the_frames_that_were_dropped_stand_on_the_sheet_that_asks_for_them() {
    let (sheet, key) = of("17", &["--run", "4"]);
    assert!(sheet.contains("Here are the first 40 of the "), "{sheet}");
    assert_eq!(sheet.lines().filter(|line| line.starts_with("| ")).count(), 41);
    assert!(key.contains("| 1 | "), "{key}");
    let (sheet, key) = of("17", &["--run", "4", "--blank", "fate"]);
    assert!(sheet.contains("Here are 40 of the "), "{sheet}");
    assert!(key.contains(" | dropped |") && !sheet.contains(" | dropped |"), "{key}");
}

/// What a change showed stands beside what its fact wants, and whether that is as it should be.
#[test]
fn a_change_that_breaks_its_facts_is_told_with_them() {
    let (code, out, err) = typed(&["lab", "check", "12", "--changes"], "");
    assert_eq!(code, 0, "{err}{out}");
    let out = out.replace("\n         ", " ");
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("no {text:?} in {out}"));
    assert!(at("\ninstead: layerlab udp echo") < at("\nbroken   "), "{out}");
    assert!(at(" wants: ") < at(" seen here: "), "{out}");
    assert!(at("; so it fails, as it should.") < at(" facts hold.\nIts changes break each fact"), "{out}");
    // One that breaks nothing is only to be tried.
    assert!(out.contains("\nnot run: layerlab udp echo"), "{out}");
}
