//! `queue serve`, `publish`, `consume`, `inspect`: what is printed, how each ends, and a disk that is full.

use crate::child::{Bounded, Folder, Ran, in_namespace, layerlab, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdout, Command, Stdio};

/// A server that listens on any free port, ended with this.
struct Server {
    bounded: Bounded,
    out: BufReader<ChildStdout>,
    at: String,
    /// What it said before.
    said: String,
}

impl Server {
    fn start(options: &[&str]) -> Server {
        let mut arguments = vec!["queue", "serve", "-q", "--listen", "0"];
        arguments.extend(options);
        Server::of(layerlab(arguments))
    }

    fn of(command: Command) -> Server {
        let mut bounded = Bounded::start(command);
        let mut out = BufReader::new(bounded.child().stdout.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended: {said}{}", bounded.end().err);
            match line.trim_end().strip_prefix("listening on 127") {
                Some(rest) => return Server { bounded, out, at: format!("127{rest}"), said },
                None => said.push_str(&line),
            }
        }
    }

    fn ask(&self, line: &str) -> Ran {
        run(&format!("queue {line} --at {}", self.at))
    }

    fn inspect(&self) -> Value {
        serde_json::from_str(self.ask("inspect --json").out(0)).unwrap()
    }

    /// Ctrl-C, and its last words.
    fn stop(mut self) -> Ran {
        signal(&mut self.bounded, Signal::INT);
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        self.bounded.end()
    }
}

fn signal(bounded: &mut Bounded, signal: Signal) {
    let id = i32::try_from(bounded.child().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

#[test]
fn messages_go_in_and_come_out_on_every_carrier() {
    let server = Server::start(&["--ws", "0", "--udp", "0"]);
    let others: Vec<&str> =
        server.said.lines().filter_map(|line| line.strip_prefix("listening on ")).collect();
    assert!(
        others[0].starts_with("ws://127.0.0.1:") && others[1].starts_with("udp://127.0.0.1:"),
        "{others:?}"
    );
    for at in [&server.at[..], others[0], others[1]] {
        let published = run(&format!("queue publish --at {at} jobs one two three"));
        assert_eq!(published.out(0), "");
        assert_eq!(published.err, "layerlab: 3 messages published, 3 confirmed\n");
        let consumed = run(&format!("queue consume --at {at} jobs --count 3"));
        assert_eq!(
            (consumed.out(0), &consumed.err[..]),
            ("one\ntwo\nthree\n", "layerlab: 3 messages taken\n")
        );
        let none = run(&format!("queue consume --at {at} jobs --count 1 --wait 50ms -q"));
        assert_eq!((none.code(), &none.out[..], &none.err[..]), (1, "", ""), "fewer than were asked for");
    }
    let ended = server.stop();
    assert_eq!(ended.code(), 0);
    assert!(ended.err.contains("9 messages published, 9 delivered, 0 left"), "{}", ended.err);
}

#[test]
fn an_id_is_stored_once_and_each_answer_can_be_seen() {
    let server = Server::start(&[]);
    assert_eq!(server.ask("publish jobs a b --id run -v --window 1").out(0), "1  confirmed\n2  confirmed\n");
    let again = server.ask("publish jobs a b c --id run -v --window 1");
    let known = "known already: stored before at offset";
    let said = format!(
        "1  {known} 0, and not again\n1  confirmed\n2  {known} 1, and not again\n2  confirmed\n3  confirmed\n"
    );
    assert_eq!(again.out(0), said);
    assert_eq!(again.err, "layerlab: 3 messages published, 3 confirmed, 2 known already, not stored again\n");
    let json = server.ask("consume jobs --json --count 1 --requeue");
    let first: Value = serde_json::from_str(json.out(0)).unwrap();
    assert_eq!(first, serde_json::json!({ "offset": 0, "deliveries": 1, "id": "run-1", "body": "a" }));
    let json = server.ask("consume jobs --json --count 3 --no-ack");
    let first: Value = serde_json::from_str(json.out(0).lines().next().unwrap()).unwrap();
    assert!(first["deliveries"].as_u64().unwrap() > 1);
    assert!(
        json.err.starts_with("layerlab: 3 messages taken, ") && json.err.contains("not for the first time"),
        "{}",
        json.err
    );
    assert_eq!(server.inspect()["queues"][0]["ready"], 3);
    let table = server.ask("inspect");
    assert!(
        table.out(0).contains("jobs") && table.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        table.out
    );
}

#[test]
fn a_refusal_is_one_sentence_and_no_success() {
    let server = Server::start(&[]);
    let full = server.ask("publish small a b c --max-messages 2");
    assert_eq!(full.code(), 1);
    assert!(
        full.err.contains("2 confirmed, 1 refused") && full.err.contains("1 message refused: "),
        "{}",
        full.err
    );
    for line in ["consume nowhere --no-declare", "inspect nowhere", "publish small x --topic"] {
        let no = server.ask(line);
        assert_eq!((no.code(), &no.out[..], no.err.lines().count()), (1, "", 1), "{line}: {}", no.err);
    }
    let absent = run("queue inspect --at 127.0.0.1:1");
    assert_eq!((absent.code(), absent.err.lines().count()), (1, 1));
    assert!(absent.err.contains("start a server there (`layerlab queue serve`)"), "{}", absent.err);
    for line in [
        "queue publish",
        "queue publish q x --at nowhere",
        "queue publish q x --count 3",
        "queue consume q --from yesterday",
        "queue consume q --requeue",
        "queue serve --fsync always",
        "queue serve --data /tmp/x --fsync sometimes",
        "queue serve --segment 10",
    ] {
        let wrong = run(line);
        assert_eq!((wrong.code(), &wrong.out[..]), (2, ""), "{line}: {}", wrong.err);
    }
}

#[test]
fn the_journal_is_kept_over_a_kill_and_by_one_server_at_a_time() {
    let folder = Folder::new();
    let data = folder.file("data");
    let server = Server::start(&["--data", &data]);
    assert_eq!(server.said, "", "nothing was found");
    server.ask("publish jobs one two three").out(0);
    server.ask("consume jobs --count 1 -q").out(0);
    let second = run(&format!("queue serve -q --listen 0 --data {data}"));
    assert_eq!(second.code(), 1);
    assert!(
        second.err.contains("is in use by another server: stop that one, or choose another directory"),
        "{}",
        second.err
    );
    // An ACK is not answered: on a busy machine it may still be on its way.
    let acknowledged = || server.inspect()["queues"][0]["acked"] == 1;
    for _ in 0..100 {
        if acknowledged() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // Killed.
    drop(server);
    let server = Server::start(&["--data", &data]);
    assert!(server.said.starts_with("journal: ") && server.said.contains("in 1 file"), "{}", server.said);
    assert_eq!(server.ask("consume jobs --count 2 -q").out(0), "two\nthree\n");
    assert_eq!(server.stop().code(), 0);
    // A damaged octet is told with its place.
    let file = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|end| end == "journal")).min().unwrap();
    let mut octets = std::fs::read(&file).unwrap();
    let at = octets.windows(3).position(|three| three == b"two").unwrap();
    octets[at] ^= 1;
    std::fs::write(&file, octets).unwrap();
    let server = Server::start(&["--data", &data]);
    assert!(
        server.said.contains("journal: damaged in file 1, ") && server.said.contains(": a message is lost"),
        "{}",
        server.said
    );
    assert_eq!(server.inspect()["queues"][0]["ready"], 0);
}

#[test]
fn who_reads_no_further_and_who_is_stopped_lose_nothing() {
    let server = Server::start(&[]);
    server.ask("publish jobs --count 2000 --size 100 -q").out(0);
    // The reader goes: that is success, and what was not written was not acknowledged.
    let mut bounded =
        Bounded::start(layerlab(["queue", "consume", "jobs", "--at", &server.at, "--prefetch", "10", "-q"]));
    let mut out = BufReader::new(bounded.child().stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    drop(out);
    assert_eq!(bounded.end().code(), 0);
    // Ctrl-C: what it printed is acknowledged.
    let left = server.inspect()["queues"][0]["ready"].as_u64().unwrap();
    assert!(left > 0, "it took all before it noticed");
    let mut bounded = Bounded::start(layerlab(["queue", "consume", "jobs", "--at", &server.at]));
    let mut out = BufReader::new(bounded.child().stdout.take().unwrap());
    let mut printed = 0;
    while printed < left {
        line.clear();
        out.read_line(&mut line).unwrap();
        printed += 1;
    }
    signal(&mut bounded, Signal::INT);
    let ran = bounded.end();
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let report = server.inspect();
    assert_eq!((&report["queues"][0]["ready"], &report["queues"][0]["unacked"]), (&0.into(), &0.into()));
}

/// Lines that come slowly: the server hears of the publisher all the while, and Ctrl-C of a silent one ends it.
#[test]
fn a_publisher_that_waits_for_its_lines_is_no_silent_client() {
    let server = Server::start(&["--idle", "1s"]);
    let mut command = layerlab(["queue", "publish", "jobs", "-v", "--at", &server.at]);
    command.stdin(Stdio::piped());
    let mut bounded = Bounded::start(command);
    let mut input = bounded.child().stdin.take().unwrap();
    let mut out = BufReader::new(bounded.child().stdout.take().unwrap());
    for n in 1..=2 {
        input.write_all(b"a line\n").unwrap();
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{n}  confirmed\n"));
        // Twice as long as a silent client may be.
        std::thread::sleep(std::time::Duration::from_millis(2000));
    }
    signal(&mut bounded, Signal::INT);
    let ran = bounded.end();
    assert_eq!(ran.code(), 1, "{}", ran.err);
    assert_eq!(ran.err, "layerlab: 2 messages published, 2 confirmed\n");
}

/// A small disk of our own: a tmpfs in a mount namespace.
#[test]
fn on_a_full_disk_publishing_is_refused_and_goes_on_when_there_is_room() {
    let script = "mkdir -p \"$2\" && mount -t tmpfs -o size=512k none \"$2\" && head -c 200k /dev/zero >\"$2/ballast\" && \
                  exec \"$1\" queue serve -q --listen 0 --segment 65536 --data \"$2/data\"";
    let folder = Folder::new();
    let disk = folder.file("disk");
    let mut server = Server::of(in_namespace("m", script, &[&disk]));
    let id = server.bounded.child().id();
    // The first that does not fit waits for its confirmation; what comes behind is refused.
    let filled = server.ask("publish jobs --count 600 --size 1000 --window 1 --id m -v --timeout 3s");
    assert_eq!(filled.code(), 1);
    assert!(filled.err.contains("1 without an answer"), "{}", filled.err);
    let confirmed = filled.out.lines().filter(|line| line.ends_with("  confirmed")).count();
    let refused = server.ask("publish jobs more");
    assert_eq!(refused.code(), 1);
    assert!(
        refused.err.contains("1 message refused: the journal cannot be written: No space left"),
        "{}",
        refused.err
    );
    assert!(confirmed > 50, "{confirmed}");
    assert!(
        server.inspect()["journal"]["failing"].as_str().unwrap().starts_with("the journal cannot be written")
    );
    // Somebody makes room, seen through the server's own root.
    std::fs::remove_file(format!("/proc/{id}/root{disk}/ballast")).unwrap();
    let mut more = server.ask("publish jobs last --id late");
    for _ in 0..100 {
        if more.code() == 0 {
            break;
        }
        more = server.ask("publish jobs last --id late");
    }
    assert_eq!(more.code(), 0, "{}", more.err);
    assert_eq!(server.inspect()["journal"]["failing"], Value::Null);
    let consumed = server.ask("consume jobs --json --wait 3s -q");
    let ids: Vec<String> = consumed
        .out(0)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    for n in 1..=confirmed {
        assert!(ids.contains(&format!("m-{n}")), "m-{n} was confirmed");
    }
    assert_eq!(ids.last().map(String::as_str), Some("late-1"));
    assert_eq!(server.stop().code(), 0);
}
