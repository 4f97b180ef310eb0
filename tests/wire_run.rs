//! `layerlab wire run`, through the built program: other people's programs on the two hosts. The programs are
//! the shell's own and layerlab itself, which every machine that runs this has.
#![cfg(target_os = "linux")]

#[path = "wire_run/control.rs"]
mod control;
mod terminal;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const LAYERLAB: &str = env!("CARGO_BIN_EXE_layerlab");

/// A hang fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(60);

fn layerlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(LAYERLAB);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `wire run` and more arguments, on one backend.
fn wire_run(backend: &str, arguments: &[&str]) -> Command {
    let mut command = layerlab(&["wire", "run", "--backend", backend]);
    command.args(arguments);
    command
}

struct Told {
    code: i32,
    out: String,
    err: String,
}

fn told(output: Output) -> Told {
    let text = |octets| String::from_utf8_lossy(octets).into_owned();
    Told {
        code: output.status.code().expect("ended by itself"),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

#[track_caller]
fn run(backend: &str, arguments: &[&str]) -> Told {
    told(wire_run(backend, arguments).output().unwrap())
}

/// The backends that this machine and this user have. Where there is none, that is tried instead: a clear no.
fn backends() -> Vec<&'static str> {
    let works =
        |backend: &&str| wire_run(backend, &["--quiet", "--", "true"]).output().unwrap().status.success();
    let all: Vec<_> = ["tap", "veth"].into_iter().filter(works).collect();
    if all.is_empty() {
        let doctor = told(layerlab(&["doctor"]).output().unwrap());
        let refused = told(layerlab(&["wire", "run", "--", "true"]).output().unwrap());
        assert_eq!((doctor.code, refused.code), (3, 3), "{}", refused.err);
        assert!(refused.err.contains("layerlab doctor"), "{}", refused.err);
    }
    all
}

/// A folder that anybody may write to, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("layerlab-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// Everything that the pipe still gives, if its other end is closed by everybody in time.
#[track_caller]
fn to_the_end(mut pipe: impl Read + Send + 'static) -> String {
    let (tell, end) = channel();
    std::thread::spawn(move || {
        let mut all = String::new();
        let _ = pipe.read_to_string(&mut all);
        let _ = tell.send(all);
    });
    end.recv_timeout(GUARD).expect("somebody still holds the other end of the pipe")
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

const SERVE: &str = "exec \"$LAYERLAB\" tcp serve --listen 0.0.0.0:7000 --quiet";

#[test]
fn standard_streams_and_status_are_the_clients() {
    for backend in backends() {
        let mut child = wire_run(backend, &["--", "sh", "-c", "cat; echo words >&2; exit 7"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"in and out\n").unwrap();
        let told = told(child.wait_with_output().unwrap());
        assert_eq!((told.code, told.out.as_str()), (7, "in and out\n"), "{}", told.err);
        assert!(told.err.starts_with("words\n"), "{}", told.err);
        assert!(told.err.contains("no frame crossed"), "{}", told.err);
        assert_eq!(run(backend, &["--client", "kill -TERM $$"]).code, 128 + 15);
        assert_eq!(run(backend, &["--client", "kill -KILL $$"]).code, 128 + 9);
        // Without a client the server has them.
        let alone = run(backend, &["--server", "echo alone; exit 3", "--quiet"]);
        assert_eq!((alone.code, alone.out.as_str(), alone.err.as_str()), (3, "alone\n", ""));
    }
}

#[test]
fn the_client_starts_when_the_server_listens_and_reaches_it_by_name() {
    for backend in backends() {
        let client = "echo $LAYERLAB_HOST $LAYERLAB_CLIENT_ADDR $LAYERLAB_SERVER_ADDR $LAYERLAB_SERVER_PORT; \
                      exec \"$LAYERLAB\" tcp send server:7000 hello --quiet";
        let server = format!("sleep 0.3; {SERVE}");
        let output =
            wire_run(backend, &["--server", &server, "--client", client, "--seed", "1", "--delay", "2ms"])
                .env("LAYERLAB", LAYERLAB)
                .output();
        let told = told(output.unwrap());
        assert_eq!(told.code, 0, "{}", told.err);
        assert_eq!(told.out, "client 10.0.0.1 10.0.0.2 7000\n");
        assert!(told.err.contains("the server listens on tcp 0.0.0.0:7000 after"), "{}", told.err);
        assert!(told.err.contains("5 octets received, 5 sent"), "the server's words: {}", told.err);
        assert!(told.err.contains("to-client") && told.err.contains(" 0 dropped"), "{}", told.err);
    }
}

#[test]
fn the_hosts_have_names_processes_and_loopback_of_their_own() {
    let before = fs::read("/etc/hosts").unwrap();
    for backend in backends() {
        let client = "cat /etc/hosts; hostname 2>/dev/null || cat /proc/sys/kernel/hostname; cat /proc/net/dev; \
                      test -d /proc/1 && echo first $$";
        let told = run(backend, &["--client", client, "--quiet"]);
        assert!(
            told.out.contains("10.0.0.1\tclient\n") && told.out.contains("10.0.0.2\tserver\n"),
            "{}",
            told.out
        );
        assert!(told.out.contains("\nclient\n") && told.out.contains("lo:"), "{}", told.out);
        // Its own process numbers: the machine's would be larger.
        assert!(told.out.contains("\nfirst 2\n"), "{}", told.out);
        let both = run(backend, &["-6", "--client", "grep -c fd00:6c61:6221 /etc/hosts", "--quiet"]);
        assert_eq!(both.out, "2\n");
    }
    assert_eq!(fs::read("/etc/hosts").unwrap(), before);
}

#[test]
fn what_cannot_start_is_told_with_a_shells_status() {
    for backend in backends() {
        let told = run(backend, &["--", "layerlab-no-such-command"]);
        assert_eq!(told.code, 127, "{}", told.err);
        assert!(told.err.contains("there is no such command"), "{}", told.err);
        let told = run(backend, &["--", "/etc/hosts"]);
        assert_eq!(told.code, 126, "{}", told.err);
        assert_eq!(run(backend, &["--client", "layerlab-no-such-command"]).code, 127);
        let told = run(backend, &["--server", "layerlab-no-such-command", "--client", "echo started"]);
        assert_eq!((told.code, told.out.as_str()), (127, ""), "{}", told.err);
        assert!(told.err.contains("before it listened: the client was not started"), "{}", told.err);
        let told = run(backend, &["--server", "exit 0", "--client", "echo started"]);
        assert_eq!((told.code, told.out.as_str()), (1, ""), "{}", told.err);
    }
}

#[test]
fn a_server_that_ends_early_or_does_not_listen_is_told() {
    for backend in backends() {
        let told =
            run(backend, &["--server", "sleep 0.1; exit 4", "--no-wait", "--client", "sleep 3; echo on"]);
        assert_eq!((told.code, told.out.as_str()), (0, "on\n"), "{}", told.err);
        assert!(told.err.contains("the server ended with status 4; the client goes on"), "{}", told.err);
        let told = run(backend, &["--server", "sleep 60", "--wait", "200ms", "--client", "echo on"]);
        assert_eq!((told.code, told.out.as_str()), (0, "on\n"), "{}", told.err);
        assert!(told.err.contains("listens on no port after 200 ms"), "{}", told.err);
        let lonely = SERVE.replace("0.0.0.0", "127.0.0.1");
        let mut command = wire_run(backend, &["--server", &lonely, "--client", "echo on"]);
        let told = self::told(command.env("LAYERLAB", LAYERLAB).output().unwrap());
        assert_eq!(told.code, 0, "{}", told.err);
        assert!(
            told.err.contains("only its own host can reach it") && told.err.contains("10.0.0.2:7000"),
            "{}",
            told.err
        );
    }
}

#[test]
fn wrong_usage_is_refused_before_anything_starts() {
    for (arguments, sentence) in [
        (&[][..], "required"),
        (&["--rate", "0bit", "--", "true"], "no frame would ever leave"),
        (&["--client", "true", "--", "true"], "cannot be used with"),
        (&["--net", "loopback", "--", "true"], "need the private network"),
        (&["--step", "--", "true"], "--step needs the keyboard"),
        (&["--log", "x", "--", "true"], "--log says where"),
    ] {
        let mut command = layerlab(&["wire", "run"]);
        let told = told(command.args(arguments).output().unwrap());
        assert_eq!(told.code, 2, "{arguments:?}: {}", told.err);
        assert!(told.err.contains(sentence), "{arguments:?}: {}", told.err);
    }
}

#[test]
fn signals_are_passed_on_to_both() {
    for backend in backends() {
        let scratch = Scratch::new("signals");
        for (name, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
            let side = |side: &str| {
                let file = scratch.file(side);
                let path = file.display();
                // A loop of short sleeps: a shell hears of a signal when its child has ended.
                format!(
                    "trap 'echo {number} >{path}; exit {number}' {number}; : >{path}; echo up >&2; while :; do sleep 0.05; done"
                )
            };
            let mut command =
                wire_run(backend, &["--no-wait", "--server", &side("server"), "--client", &side("client")]);
            let mut child = command.spawn().unwrap();
            let mut err = BufReader::new(child.stderr.take().unwrap());
            for _ in 0..2 {
                err.read_line(&mut String::new()).unwrap();
            }
            signal(&child, name);
            to_the_end(err);
            assert_eq!(child.wait().unwrap().code(), Some(number), "{name}");
            for side in ["client", "server"] {
                assert_eq!(text(&scratch.file(side)), format!("{number}\n"), "{name} at the {side}");
            }
        }
    }
}

/// Descendants that left their group and session hold the standard output too: it ends when all are gone.
const LEAVES_DAEMONS: &str =
    "trap '' TERM HUP INT; (setsid sleep 1000 &) ; (trap '' TERM; sleep 1000 &) ; echo up";

#[test]
fn nothing_is_left_at_the_end() {
    for backend in backends() {
        let mut child = wire_run(backend, &["--quiet", "--client", LEAVES_DAEMONS]).spawn().unwrap();
        assert_eq!(to_the_end(child.stdout.take().unwrap()), "up\n");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn kill_nine_leaves_nothing() {
    for backend in backends() {
        let client = format!("{LEAVES_DAEMONS}; sleep 1000");
        let server = LEAVES_DAEMONS.replace("up", "up >&2") + "; sleep 1000";
        let mut child =
            wire_run(backend, &["--no-wait", "--server", &server, "--client", &client]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut err = BufReader::new(child.stderr.take().unwrap());
        for pipe in [&mut out as &mut dyn BufRead, &mut err] {
            pipe.read_line(&mut String::new()).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        to_the_end(out);
        to_the_end(err);
    }
}

#[test]
fn a_hang_ends_by_timeout_and_a_deaf_program_is_killed() {
    for backend in backends() {
        let began = Instant::now();
        let told = run(backend, &["--timeout", "300ms", "--client", "sleep 1000"]);
        assert_eq!(told.code, 124, "{}", told.err);
        assert!(told.err.contains("--timeout are over"), "{}", told.err);
        let told =
            run(backend, &["--timeout", "300ms", "--client", "trap '' TERM; while :; do sleep 1; done"]);
        assert_eq!(told.code, 124, "{}", told.err);
        assert!(
            told.err.contains("the client had not ended 3 s after it was asked to: killed"),
            "{}",
            told.err
        );
        assert!(began.elapsed() < GUARD);
    }
}

#[test]
fn a_flood_passes_and_fills_nothing() {
    for backend in backends() {
        let mut child =
            wire_run(backend, &["--quiet", "--client", "head -c 50000000 /dev/zero"]).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        assert_eq!(std::io::copy(&mut out, &mut std::io::sink()).unwrap(), 50_000_000);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut child =
            wire_run(backend, &["--quiet", "--no-wait", "--server", "yes", "--client", "sleep 0.2"])
                .spawn()
                .unwrap();
        let mut err = child.stderr.take().unwrap();
        assert!(std::io::copy(&mut err, &mut std::io::sink()).unwrap() > 0);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        // Whoever reads may go: the client has its own SIGPIPE, as in any pipe.
        let mut child = wire_run(backend, &["--quiet", "--", "yes"]).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(128 + 13));
    }
}

#[test]
fn what_the_client_left_on_its_way_arrives_before_the_server_is_ended() {
    for backend in backends() {
        let server = SERVE.replace("serve", "serve --discard");
        let client = "exec \"$LAYERLAB\" tcp send server:7000 --size 100000 --no-wait --quiet";
        let arguments = ["--rate", "1mbit", "--delay", "30ms", "--server", &server, "--client", client];
        let told = told(wire_run(backend, &arguments).env("LAYERLAB", LAYERLAB).output().unwrap());
        assert_eq!(told.code, 0, "{}", told.err);
        assert!(told.err.contains("100000 octets received"), "{}", told.err);
    }
}

#[test]
fn the_wire_loses_what_it_was_asked_to_and_the_capture_has_it() {
    for backend in backends() {
        let scratch = Scratch::new("capture");
        let (capture, log) = (scratch.file("run.pcapng"), scratch.file("run.jsonl"));
        let client = "exec \"$LAYERLAB\" tcp send server:7000 hello --quiet";
        let output =
            wire_run(backend, &["--drop", "tcp.data#1", "--server", SERVE, "--client", client, "--json"])
                .args(["--capture".as_ref(), capture.as_os_str(), "--log".as_ref(), log.as_os_str()])
                .env("LAYERLAB", LAYERLAB)
                .output();
        let told = told(output.unwrap());
        assert_eq!((told.code, told.out.as_str()), (0, ""), "{}", told.err);
        assert!(told.err.contains("5 octets received, 5 sent"), "{}", told.err);
        assert!(told.err.contains("1 dropped\n             1: script 'tcp.data#1'"), "{}", told.err);
        let log = text(&log);
        assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
        assert!(log.contains("retransmission") && log.contains("68656c6c6f"), "{log}");
        assert_eq!(&fs::read(&capture).unwrap()[..4], [0x0a, 0x0d, 0x0d, 0x0a], "a section header block");
        // The story on standard error, the capture on standard output.
        let output = wire_run(
            backend,
            &["--show", "--ascii", "--capture", "-", "--server", SERVE, "--client", client],
        )
        .env("LAYERLAB", LAYERLAB)
        .output();
        let told = self::told(output.unwrap());
        assert!(told.out.starts_with("\n\r\r\n"), "a section header block");
        assert!(told.err.contains("client>server TCP") && told.err.contains("SYN"), "{}", told.err);
    }
}

#[test]
fn runs_beside_each_other_do_not_meet() {
    for backend in backends() {
        let client = "exec \"$LAYERLAB\" tcp send server:7000 --size \"$LAYERLAB_TEST\" --quiet";
        let runs: Vec<(usize, Child)> = (1..5)
            .map(|size| {
                let mut command = wire_run(backend, &["--quiet", "--server", SERVE, "--client", client]);
                let command = command.env("LAYERLAB", LAYERLAB).env("LAYERLAB_TEST", size.to_string());
                (size, command.spawn().unwrap())
            })
            .collect();
        for (size, child) in runs {
            let told = told(child.wait_with_output().unwrap());
            assert_eq!(told.code, 0, "{}", told.err);
            assert!(told.err.contains("1 connection accepted, 1 at once"), "{}", told.err);
            assert!(told.err.contains(&format!("{size} octet")), "{}", told.err);
        }
    }
}
