//! The view on the whole screen, at a terminal of its own: keys go through, and the terminal is left as it was found.

use crate::child::{Folder, LAYERLAB, run};
use crate::terminal::Terminal;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How a program takes the whole screen, and gives it back.
const TAKEN: &str = "\x1b[?1049h";
const GIVEN_BACK: &str = "\x1b[?1049l";

/// Runs a shell's command in a terminal of 80 x 24: waits until each word is on the screen before it types what follows.
/// Gives the status and all that was written.
#[track_caller]
fn type_at(command: &str, dialogue: &[(&str, &str)]) -> (i32, String) {
    type_at_and(command, dialogue, |_| ())
}

/// As [`type_at`]; `then` is done when the last word has been on the screen, and is told in which folder the command runs.
#[track_caller]
fn type_at_and(command: &str, dialogue: &[(&str, &str)], then: impl FnOnce(&Path)) -> (i32, String) {
    let mut then = Some(then);
    let folder = Folder::new();
    // `stty` says before and after how the terminal is.
    let mut terminal = Terminal::of(&format!(
        "cd {} && stty rows 24 cols 80 && stty -a >before; {command}; status=$?; \
         stty -a | diff - before && echo same modes; exit $status",
        folder.path().display()
    ));
    let mut octets = Vec::new();
    let mut screen = vt100::Parser::new(24, 80, 0);
    let mut words = dialogue;
    loop {
        let now = screen.screen().contents();
        if let [(word, keys), rest @ ..] = words
            && now.contains(word)
        {
            terminal.press(keys);
            words = rest;
            continue;
        }
        if words.is_empty()
            && let Some(then) = then.take()
        {
            then(folder.path());
        }
        let missing = || format!("{:?} is missing in\n{now}", words.first());
        match terminal.written(missing) {
            Some(some) => {
                screen.process(&some);
                octets.extend(some);
            }
            None if words.is_empty() => {
                return (terminal.status(), String::from_utf8_lossy(&octets).into_owned());
            }
            None => panic!("it ended, and {}", missing()),
        }
    }
}

/// That the whole screen was taken once, given back, and the terminal's modes with it. What came after that.
#[track_caller]
fn ordinary_again(screen: &str) -> &str {
    assert_eq!((screen.matches(TAKEN).count(), screen.matches(GIVEN_BACK).count()), (1, 1), "{screen}");
    let after = screen.split_once(GIVEN_BACK).unwrap().1;
    assert!(after.contains("\x1b[?25h"), "the cursor: {after}");
    assert!(after.contains("same modes"), "{after}");
    after
}

fn echo(more: &str) -> String {
    format!("{LAYERLAB} tcp echo hello --net loopback {more}")
}

#[test]
fn keys_go_through_and_q_leaves() {
    let (status, screen) = type_at(
        &echo("--step"),
        &[("step 1 of", " "), ("step 2 of", "G"), ("the end", "?"), ("any key", "q"), ("the end", "q")],
    );
    let after = ordinary_again(&screen);
    assert_eq!(status, 0, "{after}");
    assert!(after.contains("done after"), "{after}");
    // Steps do not stay behind on the ordinary screen.
    assert!(!after.contains("socket("), "{after}");
}

#[test]
fn whoever_leaves_early_is_told_so() {
    let (status, screen) = type_at(&echo("--count 50 --every 100ms --step"), &[("step 1 of", "q")]);
    let after = ordinary_again(&screen);
    assert_eq!(status, 0, "{after}");
    assert!(after.contains("stopped at your key"), "{after}");
}

#[test]
fn ctrl_c_is_sigint() {
    let (status, screen) = type_at(&echo("--count 50 --every 100ms --view"), &[("step ", "\x03")]);
    let after = ordinary_again(&screen);
    assert_eq!(status, 1, "{after}");
    assert!(after.contains("interrupted by SIGINT"), "{after}");
}

#[test]
fn signals_give_the_terminal_back() {
    for (signal, of_run, of_file) in [("TERM", 1, 143), ("HUP", 129, 129)] {
        let signalled = |command: &str| {
            let command = format!("sh -c 'echo $$ >id; exec {command}'");
            type_at_and(&command, &[("step 1 of", "")], |folder| {
                let id = fs::read_to_string(folder.join("id")).unwrap();
                let sent = Command::new("kill").args([&format!("-{signal}"), id.trim()]).status();
                assert!(sent.unwrap().success());
            })
        };
        let (status, screen) = signalled(&echo("--count 80 --every 100ms --step"));
        let after = ordinary_again(&screen);
        assert_eq!(status, of_run, "{signal}: {after}");
        let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/captures/tcp_echo.pcapng");
        let (status, screen) = signalled(&format!("{LAYERLAB} dissect {capture} --step"));
        let after = ordinary_again(&screen);
        assert_eq!(status, of_file, "{signal}: {after}");
    }
}

#[test]
fn without_the_view_or_a_terminal_that_takes_it_lines_are_stepped() {
    for how in ["--step --view=never", "--step"] {
        let dumb = if how == "--step" { "TERM=dumb " } else { "" };
        let (status, screen) = type_at(
            &format!("{dumb}{}", echo(how)),
            &[("space: next step", " "), ("space: next step", "a"), ("done after", "")],
        );
        assert_eq!(status, 0, "{screen}");
        assert!(!screen.contains(TAKEN) && screen.contains("same modes"), "{screen}");
    }
}

#[test]
fn each_run_of_a_lab_is_shown_and_left_for_the_next() {
    let (status, screen) = type_at(
        &format!("{LAYERLAB} lab run 4 --recorded --step --ascii"),
        &[
            ("space: its steps", " "),
            ("layerlab tcp echo hello ", "G"),
            ("the end", "q"),
            ("space: its steps", " "),
            // The lab wants these numbers to be seen: of the SYN, behind socket(), connect() and the two frames of ARP.
            ("tcp echo hello --closed-port ", "    "),
            ("tcp.seq_raw ", "G"),
            ("the end", "q"),
            ("facts hold", ""),
        ],
    );
    assert_eq!(status, 0, "{screen}");
    assert_eq!((screen.matches(TAKEN).count(), screen.matches(GIVEN_BACK).count()), (2, 2), "{screen}");
    assert!(screen.contains("same modes"), "{screen}");
}

#[test]
fn a_signal_ends_a_lab_in_its_view() {
    let run = format!("timeout --foreground --preserve-status 4 {LAYERLAB} lab run 4 --recorded --step");
    let (status, screen) = type_at(&run, &[("space: its steps", " "), ("step 1 of", "")]);
    ordinary_again(&screen);
    assert_eq!(status, 143, "{screen}");
}

#[test]
fn a_long_run_of_a_lab_is_told_in_part() {
    let lab = "# Many\n\n```lab\nnumber: 99\nmodule: T. Tried\nminutes: 1\nlayers: 4\n\
                needs: nothing\n```\n\n\
               ```run\nlayerlab udp echo --count 60 --net loopback\n```\n\n```check\n# It is sent.\n\
               sent: count(call == \"sendto\") > 0\n```\n\n## Sources\n\n- RFC 768\n";
    let folder = Folder::new();
    let file = folder.file("many.md");
    std::fs::write(&file, lab).unwrap();
    let told = |more: &str| run(&format!("lab run {file} {more}")).out(0).to_owned();
    let (some, all) = (told(""), told("--all"));
    let events = |told: &str| told.lines().filter(|line| line.contains(" sendto(")).count();
    assert_eq!(events(&all), 120, "{all}");
    assert!(!all.contains("left out here"), "{all}");
    assert!(events(&some) < 40 && some.contains("more, left out here: --all tells them"), "{some}");
}

#[test]
fn without_a_terminal_a_labs_events_are_stepped_by_lines_of_input() {
    let stepped = run("lab run 4 --recorded --step");
    assert!(stepped.err.contains("no more waiting"), "{}", stepped.err);
    assert!(stepped.out(0).contains("facts hold"), "{}", stepped.out);
}

/// A lab's command that takes longer than a second says on a terminal what came last; nothing of it stays.
#[test]
fn a_lab_says_what_came_last_while_its_command_runs() {
    let folder = Folder::new();
    let lab = folder.path().join("slow.md");
    let text = "# Slow\n\n```lab\nnumber: 99\nmodule: A. Layers\nminutes: 1\nlayers: 4\n\
                needs: private network\n```\n\n```run\nlayerlab tcp echo --delay 400ms\n```\n\n```check\nopens: count(tcp.flags.syn == 1) >= 2\n```\n\n## Sources\n\n- RFC 9293 s3.5: the handshake\n";
    std::fs::write(&lab, text).unwrap();
    let command = format!("{LAYERLAB} lab run {}", lab.display());
    let (status, screen) = type_at(&command, &[(" s  ", "")]);
    assert_eq!(status, 0, "{screen}");
    let during: Vec<&str> = screen.split('\r').filter(|part| part.ends_with("\x1b[K")).collect();
    assert!(during.iter().any(|part| part.contains(" s  ") && part.contains("SYN")), "{during:?}");
    let mut after = vt100::Parser::new(200, 80, 0);
    after.process(screen.as_bytes());
    let after = after.screen().contents();
    assert!(after.contains("SYN,ACK") && !after.contains(" s  "), "{after}");
    // Where nobody watches nothing is said.
    let piped = run(&format!("lab run {}", lab.display()));
    assert!(piped.code() == 0 && !piped.out.contains('\r') && piped.err.is_empty(), "{}", piped.err);
}
