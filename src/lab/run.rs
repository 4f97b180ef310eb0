//! A lab's commands, run: layerlab itself, as a program of its own with `--json`, for at most [`LONGEST`].

use super::keep::{Keep, Kept, kept};
use super::record::Record;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any lab's command takes, on a busy machine.
pub const LONGEST: Duration = Duration::from_secs(90);

/// Octets of output that are read; the longest run of the course has some seven million.
const OUTPUT_MAX: usize = 32 << 20;

/// A command that did not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It does not start.
    #[error("layerlab {words} does not start: {source}")]
    Start {
        /// The words typed.
        words: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// It took too long, and was ended.
    #[error("layerlab {words} was ended after {} seconds: run it by itself to see where it waits", LONGEST.as_secs())]
    TooLong {
        /// The words typed.
        words: String,
    },
    /// It says more than is read: what was left out could have shown anything.
    #[error("layerlab {words} says more than {} MiB, and no run of a lab does", OUTPUT_MAX >> 20)]
    TooMuch {
        /// The words typed.
        words: String,
    },
    /// This machine can't.
    #[error("{said}")]
    MachineCannot {
        /// What it said.
        said: String,
    },
    /// layerlab does not take these words: the lab is wrong.
    #[error("layerlab {words} is not understood, so the lab is wrong: {said}")]
    Usage {
        /// The words typed.
        words: String,
        /// What it said.
        said: String,
    },
    /// A run that cannot be kept.
    #[error("what was recorded cannot be kept in {file}: {source}")]
    Keep {
        /// Where.
        file: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A capture that cannot be read.
    #[error("{said}")]
    Capture {
        /// What was said of it.
        said: String,
    },
    /// It ended by a signal.
    #[error("layerlab {words} ended by a signal: {said}")]
    Signal {
        /// The words typed.
        words: String,
        /// What it said.
        said: String,
    },
}

/// What runs them.
#[derive(Debug, Clone)]
pub struct Runner {
    /// The program.
    pub program: PathBuf,
    /// `--backend`, where it was asked for.
    pub backend: Option<String>,
    /// Where the lab needs two private hosts a run without them is none: no loopback in their place.
    pub private: bool,
    /// `--seed`, where it was asked for.
    pub seed: Option<u64>,
    /// Who hears of a command while it runs.
    pub meanwhile: Option<fn(Meanwhile<'_>)>,
}

/// What there is to tell of a command before its end.
#[derive(Debug, Clone, Copy)]
pub enum Meanwhile<'a> {
    /// It runs.
    Runs {
        /// For so long.
        since: Duration,
        /// What it said last; empty before there is anything.
        newest: &'a str,
    },
    /// It has ended.
    Ended,
}

/// How often is told of a command that runs.
const MEANWHILE: Duration = Duration::from_millis(100);
/// How soon it is seen that it has ended.
const LOOK: Duration = Duration::from_millis(5);

impl Runner {
    /// Runs layerlab with these words. Some commands write text for people alone. What crosses the wire and what
    /// the programs asked of their hosts is kept in a capture where a file is named; of a command that makes several runs,
    /// the lines that it prints.
    ///
    /// # Errors
    /// When it did not run to its end, or could not be kept. That its answer is no is no error.
    pub fn run(&self, words: &[String], text: bool, keep: Option<&Keep>) -> Result<Record, RunError> {
        let mut all = words.to_vec();
        let has =
            |all: &[String], option: &str| all.iter().any(|word| word.split('=').next() == Some(option));
        if !text {
            all.push("--json".to_owned());
            if let Some(seed) = self.seed.filter(|_| !has(&all, "--seed")) {
                all.push(format!("--seed={seed}"));
            }
            // A run that says itself where it takes place has no wire of ours.
            let elsewhere = has(&all, "--net");
            if self.private && !elsewhere {
                all.push("--net=private".to_owned());
            }
            if let Some(backend) = self.backend.as_ref().filter(|_| !elsewhere && !has(&all, "--backend")) {
                all.push(format!("--backend={backend}"));
            }
        }
        if let Some(keep) = keep.filter(|keep| !keep.is_lines()) {
            all.push(format!("--capture={}", keep.file.display()));
            all.push("--vantage=wire".to_owned());
        }
        let (printed, said, exit) = self.output(&all)?;
        let words = words.join(" ");
        let said = said.trim().trim_start_matches("layerlab: ").to_owned();
        match exit {
            Some(2) => Err(RunError::Usage { words, said }),
            Some(3) => Err(RunError::MachineCannot { said }),
            Some(exit) => {
                if let Some(keep) = keep {
                    keep.complete(&printed, exit)?;
                }
                Ok(Record::read(&printed, Some(exit)))
            }
            None => Err(RunError::Signal { words, said }),
        }
    }

    /// What a capture tells.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn dissect(&self, capture: &Path) -> Result<Record, RunError> {
        let opened = File::open(capture).map_err(|error| RunError::Capture {
            said: format!("the capture {} cannot be opened: {error}", capture.display()),
        })?;
        let name = capture.to_string_lossy();
        let kept = whole(&name, BufReader::new(opened))?;
        self.told(&["dissect", "--json", "--", &name].map(str::to_owned), kept, &[])
    }

    /// What a capture that stands in memory tells.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn dissect_octets(&self, capture: &'static [u8]) -> Result<Record, RunError> {
        let words = ["dissect", "--json", "-"].map(str::to_owned);
        self.told(&words, whole("-", capture)?, capture)
    }

    fn told(&self, words: &[String], kept: Kept, input: &'static [u8]) -> Result<Record, RunError> {
        let (printed, said, exit) = self.output_of(words, input)?;
        match exit {
            Some(0) => Ok(Record::captured(&printed, kept)),
            _ => Err(RunError::Capture { said: said.trim().trim_start_matches("layerlab: ").to_owned() }),
        }
    }

    fn output(&self, words: &[String]) -> Result<(String, String, Option<i32>), RunError> {
        self.output_of(words, &[])
    }

    fn output_of(
        &self,
        words: &[String],
        input: &'static [u8],
    ) -> Result<(String, String, Option<i32>), RunError> {
        let joined = || words.join(" ");
        let start = |source| RunError::Start { words: joined(), source };
        let mut command = Command::new(&self.program);
        let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.args(words).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(start)?;
        if let Some(mut pipe) = child.stdin.take() {
            // Who does not read it to its end has said why.
            thread::spawn(move || drop(pipe.write_all(input)));
        }
        let newest = self.meanwhile.map(|_| Newest::default());
        let out = child.stdout.take().map(|pipe| collect(pipe, newest.clone()));
        let err = child.stderr.take().map(|pipe| collect(pipe, None));
        let status = wait(&mut child, |since| {
            if let Some((tell, newest)) = self.meanwhile.zip(newest.as_ref()) {
                tell(Meanwhile::Runs {
                    since,
                    newest: &newest.lock().unwrap_or_else(PoisonError::into_inner),
                });
            }
        });
        if let Some(tell) = self.meanwhile {
            tell(Meanwhile::Ended);
        }
        let octets = |pipe: Option<thread::JoinHandle<Vec<u8>>>| {
            pipe.and_then(|pipe| pipe.join().ok()).unwrap_or_default()
        };
        let (out, err) = (octets(out), octets(err));
        let code = status.map_err(start)?.ok_or_else(|| RunError::TooLong { words: joined() })?;
        if out.len() > OUTPUT_MAX {
            return Err(RunError::TooMuch { words: joined() });
        }
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        Ok((text(out), text(err), code))
    }
}

/// What `lab` put into a capture that can be read to its end. `dissect` alone would tell of one that is cut what is left.
fn whole(name: &str, capture: impl BufRead) -> Result<Kept, RunError> {
    kept(capture).map_err(|error| RunError::Capture { said: format!("{name}: {error}") })
}

/// The exit status (none for one by a signal), or `None` when it had to be ended.
fn wait(child: &mut Child, tell: impl Fn(Duration)) -> io::Result<Option<Option<i32>>> {
    let began = Instant::now();
    let mut told = began;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code()));
        }
        if began.elapsed() >= LONGEST {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if told.elapsed() >= MEANWHILE {
            told = Instant::now();
            tell(began.elapsed());
        }
        thread::sleep(LOOK);
    }
}

/// What a command said last.
type Newest = Arc<Mutex<String>>;

/// Reads a pipe to its end, and keeps so much of it that too much shows.
fn collect(pipe: impl Read + Send + 'static, newest: Option<Newest>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        let mut pipe = BufReader::new(pipe).take(OUTPUT_MAX as u64 + 1);
        // A pipe that breaks ends the output: what the exit status says counts.
        let mut line = 0;
        while let Ok(1..) = pipe.read_until(b'\n', &mut octets) {
            let said = newest.as_ref().and_then(|newest| Some((newest, said(&octets[line..])?)));
            if let Some((newest, said)) = said {
                *newest.lock().unwrap_or_else(PoisonError::into_inner) = said;
            }
            line = octets.len();
        }
        let _ = io::copy(pipe.get_mut(), &mut io::sink());
        octets
    })
}

/// What a line of output tells, where it is one that is told.
fn said(line: &[u8]) -> Option<String> {
    let line = serde_json::from_slice(line).ok()?;
    Record::is_told(&line).then(|| Record::sentence(&line).map(str::to_owned))?
}
