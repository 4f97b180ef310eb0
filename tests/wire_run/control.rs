//! Running networks, from outside: found by name, changed, joined.

use super::terminal::type_at;
use super::{
    GUARD, LAYERLAB, SERVE, Scratch, Told, backends, layerlab, run, text, to_the_end, told, wire_run,
};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

#[track_caller]
fn wire(arguments: &[&str]) -> Told {
    told(layerlab(&["wire"]).args(arguments).output().unwrap())
}

/// A name that no other test of any process has.
fn name(of: &str, backend: &str) -> String {
    format!("{of}-{backend}-{}", std::process::id())
}

fn is_listed(name: &str) -> bool {
    wire(&["list"]).out.lines().any(|line| line.split(' ').next() == Some(name))
}

/// A network whose client answers each line of its input with what `client` prints.
struct Network {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Network {
    fn start(backend: &str, name: &str, client: &str, more: &[&str]) -> Network {
        let client = format!("echo up; while read line; do {client}; done");
        let mut command =
            wire_run(backend, &["--name", name, "--server", SERVE, "--client", &client, "--quiet"]);
        let mut child = command.args(more).env("LAYERLAB", LAYERLAB).stdin(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut network = Network { child, input, output: BufReader::new(output) };
        assert_eq!(network.line(), "up");
        network
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn ask(&mut self) -> String {
        self.input.write_all(b"\n").unwrap();
        self.line()
    }

    fn end(mut self) -> i32 {
        drop(self.input);
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn the_wire_of_a_running_network_changes_from_the_next_frame_on() {
    for backend in backends() {
        let scratch = Scratch::new("set");
        let log = scratch.file("log");
        let name = name("set", backend);
        let send =
            "\"$LAYERLAB\" tcp send server:7000 hello --timeout 700ms --quiet >/dev/null 2>&1; echo $?";
        let mut network =
            Network::start(backend, &name, send, &["--show", "--ascii", "--log", log.to_str().unwrap()]);
        assert_eq!(network.ask(), "0");
        let cut = wire(&["set", &name, "--cut"]);
        assert_eq!(cut.code, 0, "{}", cut.err);
        assert!(cut.out.starts_with(&format!("{name}: cut\n{name} is now: --cut ")), "{}", cut.out);
        assert_eq!(network.ask(), "1", "nothing crosses a wire that is cut");
        let twice = wire(&["set", &name, "--cut"]);
        assert_eq!(twice.code, 1);
        assert!(twice.err.contains("the wire is cut already"), "{}", twice.err);
        assert_eq!(wire(&["set", &name, "--restore", "--to-client-delay", "20ms"]).code, 0);
        assert_eq!(network.ask(), "0");
        // A change that does not go with the rest changes nothing.
        let before = wire(&["list"]).out;
        let refused = wire(&["set", &name, "--limit", "5", "--delay", "1ms"]);
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("there is no rate"), "{}", refused.err);
        let line = |out: &str| out.lines().find(|line| line.starts_with(&name)).map(str::to_owned);
        assert_eq!(line(&wire(&["list"]).out), line(&before));
        assert!(line(&before).unwrap().contains("--to-client-delay 20ms"), "{before}");
        assert_eq!(network.end(), 0);
        let log = text(&log);
        assert!(log.contains("the wire is set: cut") && log.contains("the wire is cut"), "{log}");
        assert!(log.contains("the wire is set: restore to-client-delay=20ms"), "{log}");
        assert!(log.contains("dropped by the wire: the wire was cut"), "{log}");
        assert!(!is_listed(&name));
    }
}

#[test]
fn a_name_stands_for_one_network_and_goes_with_it() {
    for backend in backends() {
        let name = name("name", backend);
        let network = Network::start(backend, &name, "echo", &[]);
        assert!(is_listed(&name));
        let json = wire(&["list", "--json"]).out;
        assert!(
            json.lines()
                .any(|line| line.contains(&format!("\"name\":\"{name}\",\"pid\":{}", network.child.id())))
        );
        let taken = run(backend, &["--name", &name, "--", "true"]);
        assert_eq!(taken.code, 2);
        assert!(taken.err.contains("is running already"), "{}", taken.err);
        assert_eq!(run(backend, &["--name", "a/b", "--", "true"]).code, 2);
        // Killed, it is gone at once, and its name is free.
        let Network { mut child, .. } = network;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_listed(&name));
        assert_eq!(run(backend, &["--name", &name, "--quiet", "--", "true"]).code, 0);
    }
    let absent = wire(&["set", "no-such-network", "--loss", "1%"]);
    assert_eq!(absent.code, 1);
    assert!(absent.err.contains("wire list"), "{}", absent.err);
    assert_eq!(wire(&["set", "a b", "--loss", "1%"]).code, 1);
    assert_eq!(wire(&["set", "some", "--loss", "5"]).code, 2);
    assert_eq!(wire(&["set", "some"]).code, 2);
}

#[test]
fn a_bad_question_harms_nobody() {
    for backend in backends() {
        let name = name("bad", backend);
        let network = Network::start(backend, &name, "echo", &[]);
        let user = fs::metadata("/proc/self").unwrap().uid();
        let address = SocketAddr::from_abstract_name(format!("layerlab/{user}/{name}")).unwrap();
        for question in [&b""[..], b"\xff\xfe", b"set ", b"join nobody", b"dance", &[b'a'; 100_000]] {
            let mut stream = UnixStream::connect_addr(&address).unwrap();
            stream.set_read_timeout(Some(GUARD)).unwrap();
            // Too long a question may be cut off while it is asked.
            let _ = stream.write_all(question);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            assert!(answer.is_empty() || answer.starts_with("no\n"), "{question:?}: {answer}");
        }
        // Somebody who never asks is not waited for longer than two seconds.
        let _silent = UnixStream::connect_addr(&address).unwrap();
        let began = Instant::now();
        assert!(is_listed(&name));
        assert!(began.elapsed() < Duration::from_secs(4));
        assert_eq!(network.end(), 0);
    }
}

#[test]
fn a_shell_joins_the_host_that_it_names() {
    for backend in backends() {
        let name = name("join", backend);
        let network = Network::start(backend, &name, "echo", &[]);
        let here = std::env::current_dir().unwrap();
        let command = "cat /proc/sys/kernel/hostname; echo $LAYERLAB_HOST $LAYERLAB_SERVER_ADDR; pwd; \
                       \"$LAYERLAB\" tcp send server:7000 hello --quiet && echo reached; exit 5";
        for host in ["client", "server"] {
            let mut shell = layerlab(&["wire", "shell", host, "--name", &name, "--", "sh", "-c", command]);
            let told = told(shell.env("LAYERLAB", LAYERLAB).output().unwrap());
            assert_eq!(told.code, 5, "{}", told.err);
            assert_eq!(told.out, format!("{host}\n{host} 10.0.0.2\n{}\nreached\n", here.display()));
        }
        let told = wire(&["shell", "client", "--name", &name, "--loss", "5%"]);
        assert_eq!(told.code, 2);
        assert!(told.err.contains(&format!("wire set {name}")), "{}", told.err);
        assert_eq!(wire(&["shell", "client", "--name", &name, "--", "layerlab-no-such"]).code, 127);
        // It ends with the network.
        let mut guest =
            layerlab(&["wire", "shell", "server", "--name", &name, "--", "sh", "-c", "echo in; sleep 1000"]);
        let mut guest = guest.spawn().unwrap();
        let mut out = BufReader::new(guest.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        assert_eq!(network.end(), 0);
        to_the_end(out);
        assert_eq!(guest.wait().unwrap().code(), Some(128 + 9));
    }
}

/// Ctrl-Z stops a job, and the shell goes on. A shell that has not yet noticed that the job was killed wants to be told
/// twice that it shall end. The job says itself that it runs.
const STOPPED: &[(&str, &str)] = &[
    ("ready>", "sh -c 'echo st\"\"arted; exec sleep 100'\n"),
    ("started", ""),
    ("\n", "\x1a"),
    ("ready>", "kill -9 %1\n"),
    ("ready>", "exit 3\nexit 3\n"),
];

/// Ctrl-C ends a job, not the shell.
const INTERRUPTED: &[(&str, &str)] = &[
    ("ready>", "sh -c 'echo st\"\"arted; exec sleep 100'\n"),
    ("started", ""),
    ("\n", "\x03"),
    ("ready>", "exit 3\n"),
];

#[test]
fn job_control_works_in_a_shell_of_either_kind() {
    for backend in backends() {
        let name = name("jobs", backend);
        let shell = |host: &str, more: &str| {
            format!("env PS1='ready>' ENV= {LAYERLAB} wire shell {host} --name {name} {more} -- sh -i")
        };
        let has_job_control = |command: &str| {
            let (status, screen) = type_at(command, STOPPED);
            assert_eq!(status, 3, "{screen}");
            assert!(screen.contains("Stopped"), "{screen}");
            let (status, screen) = type_at(command, INTERRUPTED);
            assert_eq!(status, 3, "{screen}");
        };
        has_job_control(&shell("client", &format!("--backend {backend}")));
        let network = Network::start(backend, &name, "echo", &[]);
        has_job_control(&shell("server", ""));
        assert_eq!(network.end(), 0);
    }
}

#[test]
fn a_client_in_a_terminal_has_its_ctrl_c_and_the_servers_lines_have_a_name() {
    for backend in backends() {
        // The key comes behind the server's lines, and they behind the client's trap.
        let scratch = Scratch::new("trap");
        let ready = scratch.file("ready");
        let ready = ready.display();
        let run = format!(
            "{LAYERLAB} wire run --backend {backend} --no-wait \
             --server 'until test -e {ready}; do sleep 0.02; done; echo one; echo two; sleep 100' \
             --client 'trap \"echo caught\" INT; : >{ready}; sleep 100; exit 6'"
        );
        let (status, screen) = type_at(&run, &[("server| one", ""), ("server| two", "\x03"), ("caught", "")]);
        assert_eq!(status, 6, "{screen}");
    }
}

#[test]
fn a_time_script_changes_the_wire_and_is_told() {
    for backend in backends() {
        let arguments =
            ["udp", "echo", "--backend", backend, "--count", "26", "--every", "100ms", "--wait", "60ms"];
        let script = [
            "--seed",
            "1",
            "--at",
            "700ms",
            "loss=100%",
            "--at",
            "1500ms",
            "loss=0,to-client-delay=5ms",
            "--json",
            "x",
        ];
        let told = told(layerlab(&arguments).args(script).output().unwrap());
        // A datagram each 100 ms: some before, some in those 800 ms, some after, on a busy machine too.
        assert_eq!(told.code, 1, "{}", told.err);
        let lines: Vec<&str> = told.out.lines().collect();
        assert!(
            lines[0].contains("\"wire\":\"--at 700ms loss=100% --at 1500ms 'loss=0% to-client-delay=5ms'\""),
            "{}",
            lines[0]
        );
        let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        assert_eq!(count("\"what\":\"wire_set\",\"set\":\"loss=100%\",\"wire\":\"--loss 100%\""), 1);
        assert_eq!(count("\"wire\":\"--to-client-delay 5ms\""), 1);
        let dropped = |line: &&&str| line.contains("\"fate\":\"dropped\"") && line.contains("\"to-server\"");
        assert!(lines.iter().filter(dropped).count() >= 1, "{}", told.out);
        assert!(count("\"delayed_ns\":5000000") >= 1, "{}", told.out);
    }
    for (at, says) in [
        (["1s", "los=5%"], "loss"),
        (["soon", "loss=5%"], "not a time"),
        (["1s", "limit=5"], "there is no rate"),
        (["1s", "cut=2s"], "takes no value"),
    ] {
        let told = told(layerlab(&["tcp", "echo", "--at"]).args(at).output().unwrap());
        assert_eq!(told.code, 2, "{at:?}: {}", told.err);
        assert!(told.err.contains(says), "{at:?}: {}", told.err);
    }
}

#[test]
fn a_preset_is_its_words_and_what_is_typed_outdoes_them() {
    for backend in backends() {
        let arguments = ["tcp", "echo", "--backend", backend, "--preset", "4g", "--delay", "1ms", "--ascii"];
        let told = told(layerlab(&arguments).output().unwrap());
        assert_eq!(told.code, 0, "{}", told.err);
        let words = "--delay 1ms --to-server-rate 750kbit --to-client-rate 1600kbit";
        assert!(told.out.contains(words), "{}", told.out);
    }
    let unknown = told(layerlab(&["tcp", "echo", "--preset", "5g"]).output().unwrap());
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("satellite"), "{}", unknown.err);
}
