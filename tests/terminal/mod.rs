//! A terminal for a program under test, typed at by a script: `script`, of util-linux, makes it.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What takes longer hangs.
const GUARD: Duration = Duration::from_secs(60);

/// A shell's command in a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Receiver<Vec<u8>>,
    until: Instant,
}

impl Terminal {
    pub(crate) fn of(command: &str) -> Terminal {
        // Whoever started the tests in the background had Ctrl-C ignored, and a shell keeps what it was given.
        let mut child = Command::new("env")
            .args(["--default-signal", "script", "-qec", command, "/dev/null"])
            .env("TERM", "xterm")
            .env_remove("COLUMNS")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script, of util-linux");
        let (keys, mut written) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, screen) = channel();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(n @ 1..) = written.read(&mut some) {
                let _ = tell.send(some[..n].to_vec());
            }
        });
        Terminal { child, keys, screen, until: Instant::now() + GUARD }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// What is written next; nothing when the terminal has ended. `missing` says what is waited for.
    #[track_caller]
    pub(crate) fn written(&mut self, missing: impl Fn() -> String) -> Option<Vec<u8>> {
        match self.screen.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
            Ok(some) => Some(some),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                panic!("after {} s: {}", GUARD.as_secs(), missing());
            }
        }
    }

    /// The command's status.
    pub(crate) fn status(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

/// Waits for each word, behind the one before, and types what follows it. Gives the status and all that was written.
#[track_caller]
#[allow(dead_code, reason = "who looks at the screen as it stands has a dialogue of its own")]
pub(crate) fn type_at(command: &str, dialogue: &[(&str, &str)]) -> (i32, String) {
    let mut terminal = Terminal::of(command);
    let (mut octets, mut from) = (Vec::new(), 0);
    let mut words = dialogue;
    loop {
        let all = String::from_utf8_lossy(&octets).into_owned();
        if let [(word, keys), rest @ ..] = words
            && let Some(at) = all[from..].find(word)
        {
            from += at + word.len();
            terminal.press(keys);
            words = rest;
            continue;
        }
        let missing = || format!("{:?} is missing in {:?}", words.first(), &all[from..]);
        match terminal.written(missing) {
            Some(some) => octets.extend(some),
            None if words.is_empty() => return (terminal.status(), all),
            None => panic!("it ended, and {}", missing()),
        }
    }
}
