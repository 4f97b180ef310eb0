//! What a host's kernel counted, read inside its network namespace at the end of its program.

use layerlab::host::connections_closing;
use layerlab::live::calls::Program;
use layerlab::live::echo::tcp::TcpEcho;
use layerlab::live::echo::{Ending, Experiment, ServerCue};
use layerlab::model::Side;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Counters by their names in `TcpExt` and `Tcp`.
pub(crate) type Counters = BTreeMap<String, u64>;

pub(crate) fn say(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// An experiment, and what each side's kernel counted while it ran.
#[derive(Clone)]
pub(crate) struct Counted {
    echo: TcpEcho,
    sides: Arc<[Mutex<Counters>; 2]>,
}

impl Counted {
    pub(crate) fn new(echo: TcpEcho) -> Counted {
        Counted { echo, sides: Arc::default() }
    }

    pub(crate) fn counters(&self) -> [Counters; 2] {
        [0, 1].map(|side| self.sides[side].lock().unwrap().clone())
    }

    fn count(&self, side: Side) {
        // What the kernel still has to send again counts too.
        let until = Instant::now() + Duration::from_secs(3);
        thread::sleep(Duration::from_millis(50));
        while connections_closing() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        let mut counters = Counters::new();
        for (file, wanted) in [("netstat", "TcpExt:"), ("snmp", "Tcp:")] {
            let text = fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
            let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(wanted)).collect();
            let [names, values] = &lines[..] else { panic!("{file} has no two lines {wanted}") };
            let pairs = names.split_whitespace().zip(values.split_whitespace()).skip(1);
            counters.extend(pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))));
        }
        *self.sides[side as usize].lock().unwrap() = counters;
    }
}

impl Experiment for Counted {
    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let ending = self.echo.server(program, at, cue);
        self.count(Side::Server);
        ending
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        let ending = self.echo.client(program, to);
        self.count(Side::Client);
        ending
    }

    fn absent_host(&self) -> bool {
        self.echo.absent_host()
    }

    fn closed_port(&self) -> bool {
        self.echo.closed_port()
    }
}
