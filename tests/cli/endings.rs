//! How a run ends that does not end by itself: SIGINT, SIGTERM, SIGKILL.

use crate::child::{Bounded, Folder, LAYERLAB, layerlab};
use crate::lab::Lab;
use layerlab::capture::Reader;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn signal(bounded: &mut Bounded, signal: Signal) {
    let id = i32::try_from(bounded.child().id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

/// Starts a run, reads its lines until one holds `mark`, sends the signal, and gives everything it said.
#[track_caller]
fn interrupted(arguments: &[&str], mark: &str, with: Signal) -> (i32, String, String) {
    let mut bounded = Bounded::start(layerlab(arguments));
    let mut out = BufReader::new(bounded.child().stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains(mark) {
        assert!(out.read_line(&mut said).unwrap() > 0, "it ended before {mark:?}: {said}");
    }
    signal(&mut bounded, with);
    out.read_to_string(&mut said).unwrap();
    let ran = bounded.end();
    (ran.code(), said, ran.err)
}

const SIGNALS: [(Signal, &str, &str); 2] = [
    (Signal::INT, "SIGINT", "interrupted by SIGINT (Ctrl-C)"),
    (Signal::TERM, "SIGTERM", "interrupted by SIGTERM"),
];

#[test]
fn a_signal_ends_a_run_with_its_name_and_a_capture_that_can_be_read() {
    for (with, name, sentence) in SIGNALS {
        for net in ["private", "loopback"] {
            let folder = Folder::new();
            let file = folder.file("run.pcapng");
            let mut arguments = vec!["tcp", "echo", "--idle", "50s", "--net", net];
            if net == "private" {
                arguments.extend(["--capture", &file]);
            }
            arguments.push("--json");
            let (code, said, err) = interrupted(&arguments, "\"call\":\"recv\",\"fd\"", with);
            assert_eq!((code, err.as_str()), (1, ""), "{name}");
            let lab = Lab::read(&said);
            assert_eq!((&lab.outcome["interrupted"], &lab.outcome["signal"]), (&true.into(), &name.into()));
            if net == "private" {
                let (packets, frames) = (packets(&file), lab.frames().len());
                assert!(packets + 1 >= frames, "{packets} packets of {frames} frames");
            }
        }
        // JSON is written at once; the timeline is for people, and only where they look at it line by line.
        let (code, said, _) = interrupted(&["udp", "serve", "--listen", "0"], "listening on", with);
        assert!(code == 0 && said.contains(sentence), "{said}");
    }
}

#[test]
fn a_second_signal_ends_a_run_that_cannot_end() {
    for (with, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // Nobody reads: the program waits in write() for ever.
        let mut bounded = Bounded::start(layerlab(["tcp", "echo", "--size", "300000", "--json"]));
        let out = bounded.child().stdout.take().unwrap();
        let full = || rustix::io::ioctl_fionread(&out).unwrap();
        let (mut before, mut since) = (0, Instant::now());
        while before < 4096 || since.elapsed() < Duration::from_millis(600) {
            thread::sleep(Duration::from_millis(20));
            if full() != before {
                (before, since) = (full(), Instant::now());
            }
        }
        signal(&mut bounded, with);
        thread::sleep(Duration::from_millis(50));
        assert!(bounded.child().try_wait().unwrap().is_none(), "the first signal waits for the output");
        // Two equal signals are one until the first has been delivered.
        while bounded.child().try_wait().unwrap().is_none() {
            signal(&mut bounded, with);
            thread::sleep(Duration::from_millis(100));
        }
        let ended = bounded.end();
        drop(out);
        assert_eq!((ended.code(), ended.err.as_str()), (code, ""));
    }
}

#[test]
fn kill_9_leaves_a_capture_that_can_be_read() {
    let folder = Folder::new();
    let file = folder.file("run.pcapng");
    let line = format!("udp echo --no-reply --every 1ms --count 99999 --quiet --capture {file}");
    let mut bounded = Bounded::start(layerlab(line.split(' ')));
    while fs::metadata(&file).map_or(0, |file| file.len()) < 80_000 {
        assert!(bounded.child().try_wait().unwrap().is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    signal(&mut bounded, Signal::KILL);
    assert_eq!(bounded.end().status.code(), None);
    assert!(packets(&file) > 50);
}

/// Packets in a capture that reads to its end.
#[track_caller]
fn packets(file: &str) -> usize {
    let mut reader = Reader::new(File::open(file).unwrap()).unwrap();
    let mut packets = 0;
    while reader.next_record().unwrap().is_some() {
        packets += 1;
    }
    packets
}

/// A shell in a user namespace, told line by line what to do. Its limits count the namespaces of everything
/// that it starts.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn new() -> Shell {
        let mut command = Command::new("unshare");
        command.args(["-Ur", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Shell { child, input, output }
    }

    /// What a line of script prints, in one line.
    #[track_caller]
    fn say(&mut self, script: &str) -> String {
        writeln!(self.input, "{script}").unwrap();
        let mut answer = String::new();
        if self.output.read_line(&mut answer).unwrap() == 0 {
            let mut err = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            panic!("{script}: the shell is gone: {err}");
        }
        answer.trim_end().to_owned()
    }

    fn limit(&mut self, room: u32) {
        let said = self.say(&format!("echo {room} > /proc/sys/user/max_net_namespaces; echo $?"));
        assert_eq!(said, "0", "a limit of its own");
    }

    /// Whether a run finds room.
    fn fits(&mut self) -> bool {
        let status = self
            .say(&format!("timeout 30 {LAYERLAB} udp echo --net private --quiet >/dev/null 2>&1; echo $?"));
        assert!(status == "0" || status == "3", "status {status}");
        status == "0"
    }

    /// Whether a run finds room before long. The kernel takes namespaces apart some time after their last process,
    /// those of attempts in vain too: so each attempt waits longer than the one before.
    fn fits_in_time(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(20);
        let mut pause = Duration::from_millis(10);
        while !self.fits() {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(500));
        }
        true
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Interfaces of the machine, and mounts that hold a namespace.
fn machine() -> BTreeSet<String> {
    let interfaces =
        fs::read_dir("/sys/class/net").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let pinned = mounts.lines().filter(|line| line.contains(" - nsfs ")).map(str::to_owned);
    interfaces.chain(pinned).collect()
}

/// Processes whose command line holds this word.
fn alive(word: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|octet| *octet == 0).any(|argument| argument == word.as_bytes())
    })
    .collect()
}

/// The kernel itself counts namespaces: the limit leaves room for the namespaces of one run, so the next run only fits when
/// nothing of the killed one is left.
#[test]
fn kill_9_leaves_no_process_no_namespace_and_no_interface() {
    let before = machine();
    let mut shell = Shell::new();
    let mut room = 1;
    shell.limit(room);
    while !shell.fits() {
        room += 1;
        assert!(room < 12, "a run needs that many namespaces?");
        // What the attempt in vain has made is taken apart before the next.
        thread::sleep(Duration::from_millis(200));
        shell.limit(room);
    }
    let seed = format!("77310{}", std::process::id());
    let mut random = 0x6c61_7965_726c_6162u64;
    for round in 0..8 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // Some 20 ms go into building the hosts: half of the moments lie there.
        let moment = Duration::from_micros((random >> 33) % if round % 2 == 0 { 25_000 } else { 150_000 });
        // A connection that was open keeps its namespace a while, until the kernel gives up its FIN: see the pinned
        // tcp_orphan_retries.
        let program =
            if round < 2 { "tcp echo --idle 50s" } else { "udp echo --no-reply --every 5ms --count 9999" };
        let line = format!("{LAYERLAB} {program} --net private --routers 2 --seed {seed}");
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let id: u32 = shell.say(&format!("{line} >/dev/null 2>&1 & echo $!")).parse().unwrap();
            thread::sleep(moment);
            let status = shell.say(&format!("kill -9 {id} 2>/dev/null; wait {id}; echo $?"));
            if status == "137" {
                break;
            }
            // One that found no room, because the one before is still being taken apart, does not count.
            assert!(
                status == "3" && Instant::now() < until,
                "round {round}: it ended by itself with {status}"
            );
            thread::sleep(Duration::from_millis(50));
        }
        // A child that was forked to try things out, or to map users, ends when it finds its parent gone.
        while !alive(&seed).is_empty() {
            assert!(
                Instant::now() < until,
                "round {round}, killed after {moment:?}: {:?} lives on",
                alive(&seed)
            );
            thread::sleep(Duration::from_millis(10));
        }
        assert!(shell.fits_in_time(), "round {round}, killed after {moment:?}: a namespace is left");
    }
    drop(shell);
    let after = machine();
    assert!(after.is_subset(&before), "{:?} are new", after.difference(&before).collect::<Vec<_>>());
}
