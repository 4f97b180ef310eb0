//! What was typed wrong, and what ran and could not do it: exit status and one sentence.

use crate::child::{Bounded, Folder, LAYERLAB, Ran, in_namespace, layerlab, ran, run};
use layerlab::capture::Reader;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// Its one line on standard error, with nothing on standard output.
#[track_caller]
fn one_sentence(ran: &Ran, code: i32) -> String {
    assert_eq!(ran.code(), code, "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.starts_with("layerlab: "), "{}", ran.err);
    ran.err.clone()
}

#[test]
fn wrong_usage_is_2_and_says_what_to_write() {
    for (line, says) in [
        ("tcp echo --loss 200%", "'200%' is more than all"),
        ("tcp echo --loss 0.05", "5%"),
        ("tcp echo --delay abc", "'abc' is not a time: write one such as 20ms"),
        ("tcp echo --delay 20", "20ms"),
        ("tcp echo --drop tcp.dat#3", "tcp.data"),
        ("tcp echo --rate 10", "mbit"),
        ("tcp echo --limit 3", "--rate"),
        ("tcp echo -6 --mtu 1000", "--mtu 1280"),
        ("udp echo -6 --to-client-mtu 1279", "--mtu 1280"),
        ("tcp echo -6 --at 1s mtu=1000", "--mtu 1280"),
        ("wire run -6 --mtu 1000 -- true", "--mtu 1280"),
        ("tcp echo --jitter 5ms", "--delay"),
        ("tcp echo --sysctl kernel.hostname=x", "net."),
        ("tcp echo --keepalive 1ms", "whole seconds"),
        ("tcp echo --split 0", "--split 4,100"),
        ("tcp echo --send-after-close --close-first client", "--close-first server"),
        ("tcp ecko", "a similar subcommand exists: 'echo'"),
        ("layer", "a similar subcommand exists: 'layers'"),
        ("bogus", "unrecognized subcommand 'bogus'"),
        ("tcp echo --lss 5%", "a similar argument exists: '--loss'"),
        ("tcp echo --nonsense", "--nonsense"),
        ("tcp echo --json --quiet", "cannot be used with"),
        ("tcp echo --net loopback --loss 5%", "loopback has no wire of ours"),
        ("udp echo --net loopback --routers 2", "--routers needs the private network"),
        ("tcp serve --listen nowhere", "[::1]:7000"),
        ("completions klingon", "bash"),
    ] {
        let ran = run(line);
        assert_eq!(ran.code(), 2, "{line}: {}", ran.err);
        assert!(ran.err.contains(says), "{line} does not say {says:?}: {}", ran.err);
        assert_eq!(ran.out, "", "{line}");
    }
    // Without a subcommand the help is the answer, and the status says that nothing was done.
    for line in ["", "tcp", "udp"] {
        let ran = run(line);
        assert_eq!(ran.code(), 2, "{line}");
        assert!(ran.err.contains("Usage: layerlab"), "{line}: {}", ran.err);
    }
}

#[test]
fn a_capture_that_cannot_be_made_is_1_and_named() {
    let folder = Folder::new();
    let missing = folder.file("missing/run.pcapng");
    let said = one_sentence(&run(&format!("tcp echo --capture {missing}")), 1);
    assert!(said.contains(&missing) && said.contains("No such file"), "{said}");
    let said = one_sentence(&run(&format!("tcp echo --capture {}", folder.file("."))), 1);
    assert!(said.contains("Is a directory"), "{said}");
}

#[test]
fn a_full_output_is_1_and_said_once() {
    for line in [
        "--help",
        "layers",
        "explain",
        "explain mtu",
        "doctor --json",
        "man",
        "completions zsh",
        "tour",
        "tcp echo",
        "udp echo --json",
        "tcp echo --net loopback",
    ] {
        let mut command = layerlab(line.split_whitespace());
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
        let said = one_sentence(&ran(command), 1);
        assert_eq!(said.matches("No space left on device").count(), 1, "{line}: {said}");
    }
}

#[test]
fn a_closed_pipe_is_success_without_a_word() {
    for line in [
        "--help",
        "layers",
        "man",
        "tour",
        "tcp echo --size 100000",
        "udp echo --json --count 50",
        "tcp echo --net loopback",
    ] {
        // As `| head -1` does: one line is read, then nobody listens.
        let mut bounded = Bounded::start(layerlab(line.split_whitespace()));
        let mut first = String::new();
        BufReader::with_capacity(64, bounded.child().stdout.take().unwrap()).read_line(&mut first).unwrap();
        let ran = bounded.end();
        assert_eq!((ran.code(), ran.err.as_str()), (0, ""), "{line}");
        assert!(!first.is_empty(), "{line}");
    }
    let mut shell = Command::new("sh");
    let script = format!("{{ {LAYERLAB} tcp echo; echo status $? >&2; }} | head -n 1");
    shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = ran(shell);
    assert_eq!((ran.code(), ran.out.lines().count(), ran.err.as_str()), (0, 1, "status 0\n"));
}

#[test]
fn a_closed_standard_error_leaves_the_status() {
    for (line, status) in [("loss --net loopback", 2), ("why /nonexistent", 1), ("--nonsense", 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = layerlab(line.split_whitespace());
        command.stderr(writer).stdout(Stdio::null()).stdin(Stdio::null());
        assert_eq!(command.status().unwrap().code(), Some(status), "{line}");
    }
}

#[test]
fn a_full_disk_ends_the_run_and_leaves_a_capture_that_can_be_read() {
    let folder = Folder::new();
    // A small disk that only this child sees; what is on it at the end comes through standard output.
    let script = "mount -t tmpfs -o size=32k none \"$DISK\" || exit 77
        \"$@\" --capture \"$DISK/run.pcapng\" >/dev/null
        status=$?
        cat \"$DISK/run.pcapng\" && exit $status";
    let mut command = in_namespace("m", script, &["tcp", "echo", "--size", "200000"]);
    let kept = folder.file("kept");
    command.env("DISK", folder.path()).stdout(File::create(&kept).unwrap());
    let ran = ran(command);
    let said = one_sentence(&ran, 1);
    assert!(said.contains("No space left on device"), "{said}");
    let mut octets = Vec::new();
    File::open(&kept).unwrap().read_to_end(&mut octets).unwrap();
    assert!(octets.len() > 16 << 10, "{} octets of 32 KiB", octets.len());
    let mut reader = Reader::new(octets.as_slice()).unwrap();
    let mut frames = 0;
    while reader.next_record().unwrap().is_some() {
        frames += 1;
    }
    assert!(frames > 5, "{frames} frames");
}
