//! Runs the programs: one thread that hears of their ends, of signals and of time.

use super::{Control, Ended, GRACE, Hearers, Programs, StartError, asked};
use crate::host::{
    Addressing, Change, Home, HostAddress, PrivateNetwork, Running, Terminal, listeners, signal,
    stop_together,
};
use crate::host::{HostError, tcp_sockets};
use crate::live::private::{Scene, Wings, conduct};
use crate::live::setup::{RunError, Setup};
use crate::model::{Exit, Listener, Outcome, ProgramNote, Run, Side, Sink, TcpState};
use std::ffi::OsString;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often the server's host is looked at until it listens.
const LOOK: Duration = Duration::from_millis(5);
/// A server that listens on its loopback alone may still be about to listen elsewhere.
const SECOND_LOOK: Duration = Duration::from_millis(300);
/// How long what the client left behind may take to arrive.
const LAST_WAY: Duration = Duration::from_secs(10);
/// How long a server whose client has gone may take to notice by itself.
const NOTICE: Duration = Duration::from_millis(500);

impl Programs {
    /// Whose end is the run's, and who has the terminal: the client, where there is one.
    const fn lead(&self) -> Side {
        if self.client.is_some() { Side::Client } else { Side::Server }
    }

    fn words(&self, side: Side) -> Option<&Vec<OsString>> {
        match side {
            Side::Client => self.client.as_ref(),
            Side::Server => self.server.as_ref(),
        }
    }
}

enum Message {
    Changed(Side, Change),
    Signal(i32),
}

/// See [`super::run`].
pub(super) fn run(
    programs: &Programs,
    setup: &Setup,
    sink: &mut dyn Sink,
    hearers: Hearers,
    control: Option<Control>,
) -> Result<(Ended, Outcome), RunError> {
    let (outbox, inbox) = channel();
    let signals = outbox.clone();
    signal::to_pass_on(move |number| drop(signals.send(Message::Signal(number))))
        .map_err(|source| RunError::Programs { step: "listening for signals", source })?;
    let never = AtomicBool::new(false);
    let (ended, outcome) = conduct(setup, sink, &never, |scene: &Scene<'_>| {
        let homes = homes(scene.network)?;
        if let Some(control) = control {
            asked::serve(control, scene.rewirer.clone(), &homes, scene.run)
                .map_err(|source| RunError::Programs { step: "listening for questions", source })?;
        }
        let mut director = Director {
            programs: programs.clone(),
            addresses: [scene.run.client.ip, scene.run.server.ip].map(|ip| ip.to_string()),
            hearers,
            named: homes.iter().all(Home::is_named),
            homes,
            running: [None; 2],
            ended: [None; 2],
            inbox,
            outbox,
            terminal: Terminal::of_stdin(),
            interrupted: false,
            kill_at: None,
            timeout_at: None,
            timed_out: false,
            server: reachable_at(scene.run, programs.port),
        };
        Ok(move |wings: &Wings<'_>| {
            let failed = director.direct(wings).err();
            director.finish(failed)
        })
    })?;
    Ok((ended.unwrap_or_default(), outcome))
}

fn reachable_at(run: &Run, port: Option<u16>) -> SocketAddr {
    SocketAddr::new(run.server.ip, port.unwrap_or(0))
}

fn homes(network: &PrivateNetwork) -> Result<[Home; 2], HostError> {
    let hosts = hosts_file(network.addressing());
    let [client, server] = Side::BOTH.map(|side| Home::open(network.host(side), side, hosts.clone()));
    Ok([client?, server?])
}

/// What both hosts' `/etc/hosts` says.
fn hosts_file(addressing: &Addressing) -> String {
    let mut text = String::from("127.0.0.1\tlocalhost\n");
    if addressing.client.ipv6.is_some() {
        text.push_str("::1\tlocalhost ip6-localhost ip6-loopback\n");
    }
    for HostAddress { side, ipv4, ipv6, .. } in [&addressing.client, &addressing.server] {
        text.push_str(&format!("{ipv4}\t{}\n", side.name()));
        text.extend(ipv6.map(|ip| format!("{ip}\t{}\n", side.name())));
    }
    text
}

struct Director {
    programs: Programs,
    /// The client's, the server's.
    addresses: [String; 2],
    hearers: Hearers,
    named: bool,
    homes: [Home; 2],
    running: [Option<Running>; 2],
    ended: [Option<Exit>; 2],
    inbox: Receiver<Message>,
    outbox: Sender<Message>,
    terminal: Option<Terminal>,
    /// A signal was passed on before: the next one kills.
    interrupted: bool,
    kill_at: Option<Instant>,
    timeout_at: Option<Instant>,
    timed_out: bool,
    server: SocketAddr,
}

impl Director {
    fn direct(&mut self, wings: &Wings<'_>) -> Result<(), StartError> {
        if !self.named {
            self.note(&ProgramNote::NoNames);
        }
        self.timeout_at = self.programs.timeout.map(|time| Instant::now() + time);
        let lead = self.programs.lead();
        if self.programs.server.is_some() {
            self.start(Side::Server)?;
        }
        if self.programs.client.is_some() {
            if self.programs.server.is_some() && !self.await_listener(wings) {
                return Ok(());
            }
            self.start(Side::Client)?;
        }
        while self.runs(lead) {
            self.hear(None);
        }
        if let (Some(terminal), Some(exit)) = (&self.terminal, self.ended[lead as usize]) {
            terminal.take_back(matches!(exit, Exit::Signal(_)));
        }
        if self.runs(Side::Server) {
            self.let_arrive(wings);
            self.end_server();
        }
        Ok(())
    }

    /// Kills what is left, and sums up.
    fn finish(self, failed: Option<StartError>) -> Ended {
        let running: Vec<Running> = self.running.into_iter().flatten().collect();
        if let (Some(terminal), false) = (&self.terminal, running.is_empty()) {
            terminal.take_back(true);
        }
        let [client, server] = self.homes;
        let [first, second] = self.running;
        client.end(first.as_slice());
        server.end(second.as_slice());
        let [client, server] = self.ended;
        Ended { client, server, failed, timed_out: self.timed_out }
    }

    fn note(&mut self, note: &ProgramNote) {
        (self.hearers.note)(note);
    }

    fn runs(&self, side: Side) -> bool {
        self.running[side as usize].is_some()
    }

    fn start(&mut self, side: Side) -> Result<(), StartError> {
        let words = self.programs.words(side).cloned().unwrap_or_default();
        let failed = |source| StartError {
            side,
            command: words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default(),
            source,
        };
        let [first, rest @ ..] = words.as_slice() else {
            return Err(failed(io::ErrorKind::NotFound.into()));
        };
        let mut command = Command::new(first);
        command.args(rest).env("LAYERLAB_HOST", side.name());
        for (name, address) in
            ["LAYERLAB_CLIENT_ADDR", "LAYERLAB_SERVER_ADDR"].into_iter().zip(&self.addresses)
        {
            command.env(name, address);
        }
        if self.server.port() > 0 {
            command.env("LAYERLAB_SERVER_PORT", self.server.port().to_string());
        }
        let leads = side == self.programs.lead();
        if !leads {
            self.lend_output(&mut command).map_err(failed)?;
        }
        let terminal = self.terminal.as_ref().filter(|_| leads);
        let running = self.homes[side as usize].start(command, terminal).map_err(failed)?;
        self.running[side as usize] = Some(running);
        let outbox = self.outbox.clone();
        running.watch(move |change| outbox.send(Message::Changed(side, change)).is_ok()).map_err(failed)
    }

    /// The server speaks to standard error, or to whoever hears it.
    fn lend_output(&mut self, command: &mut Command) -> io::Result<()> {
        command.stdin(Stdio::null());
        let Some(mut hear) = self.hearers.output.take() else {
            command.stdout(duplicate_of_stderr()?);
            return Ok(());
        };
        let (mut from, to) = io::pipe()?;
        command.stdout(to.try_clone()?).stderr(to);
        let listening = move || {
            let mut buffer = vec![0; 1 << 16];
            // Its end, or a pipe that broke: nothing more will come.
            while let Ok(len @ 1..) = from.read(&mut buffer) {
                hear(&buffer[..len]);
            }
        };
        std::thread::Builder::new().name("server's words".to_owned()).spawn(listening).map(drop)
    }

    /// Waits until the server listens. False when it ended instead.
    fn await_listener(&mut self, wings: &Wings<'_>) -> bool {
        let Some(patience) = self.programs.patience else { return self.server_still_runs() };
        let began = Instant::now();
        let mut alone_since: Option<Instant> = None;
        loop {
            let all = wings.network.host(Side::Server).call(listeners).ok().and_then(Result::ok);
            let wanted = |at: &Listener| self.programs.port.is_none_or(|port| at.at.port() == port);
            let (at, alone): (Vec<Listener>, Vec<Listener>) =
                all.unwrap_or_default().into_iter().filter(wanted).partition(Listener::is_reachable);
            if let Some(first) = at.first() {
                self.server.set_port(first.at.port());
                self.note(&ProgramNote::Listens { at, after: began.elapsed() });
                return true;
            }
            if let Some(&first) = alone.first()
                && alone_since.get_or_insert_with(Instant::now).elapsed() >= SECOND_LOOK
            {
                self.server.set_port(first.at.port());
                self.note(&ProgramNote::ListensToItselfAlone { at: first, reachable: self.server });
                return true;
            }
            if began.elapsed() >= patience {
                self.note(&ProgramNote::DoesNotListen { after: patience, port: self.programs.port });
                return true;
            }
            self.hear(Some(Instant::now() + LOOK));
            if !self.server_still_runs() {
                return false;
            }
        }
    }

    fn server_still_runs(&mut self) -> bool {
        if let Some(exit) = self.ended[Side::Server as usize] {
            if !self.interrupted && !self.timed_out {
                self.note(&ProgramNote::NeverListened { exit });
            }
            return false;
        }
        true
    }

    /// What the client sent and its kernel still has to bring over arrives before the server is ended.
    fn let_arrive(&mut self, wings: &Wings<'_>) {
        // Nobody who ends a run by a signal wants to wait for that; but the server has the signal too, and
        // may be about to end by itself.
        let until = Instant::now() + if self.interrupted { NOTICE } else { LAST_WAY };
        let mut quiet_since: Option<Instant> = None;
        while self.runs(Side::Server) && Instant::now() < until {
            if self.interrupted
                || has(
                    wings.network,
                    Side::Client,
                    &[TcpState::FinWait1, TcpState::Closing, TcpState::LastAck],
                )
                || !wings.is_quiet()
            {
                quiet_since = None;
            } else {
                // All has arrived; now its program may read it, and end by itself.
                let reading = has(wings.network, Side::Server, &[TcpState::CloseWait]);
                let since = quiet_since.get_or_insert_with(Instant::now);
                if !reading || since.elapsed() >= NOTICE {
                    return;
                }
            }
            self.hear(Some(Instant::now() + LOOK));
        }
    }

    fn end_server(&mut self) {
        let Some(server) = self.running[Side::Server as usize] else { return };
        server.signal(signal_hook::consts::SIGTERM);
        self.kill_at.get_or_insert_with(|| Instant::now() + GRACE);
        while self.runs(Side::Server) {
            self.hear(None);
        }
    }

    /// Waits for the next message, until `until` at most, and does what it asks for.
    fn hear(&mut self, until: Option<Instant>) {
        let until = [until, self.kill_at, self.timeout_at].into_iter().flatten().min();
        let heard = match until {
            Some(until) => self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match heard {
            Ok(Message::Changed(side, Change::Ended)) => self.take_note_of_end(side),
            Ok(Message::Changed(side, Change::Stopped)) => self.stop_with(side),
            Ok(Message::Signal(number)) => self.pass_on(number),
            // This director holds an end itself, so only time can be up.
            Err(_) => self.look_at_clock(),
        }
    }

    fn take_note_of_end(&mut self, side: Side) {
        let Some(running) = self.running[side as usize].take() else { return };
        self.ended[side as usize] = running.reap();
        if let (Side::Server, true, Some(exit)) = (side, self.runs(Side::Client), self.ended[side as usize])
            && !self.interrupted
            && !self.timed_out
        {
            self.note(&ProgramNote::EndedEarly { exit });
        }
    }

    fn pass_on(&mut self, number: i32) {
        if self.interrupted {
            return self.kill();
        }
        self.interrupted = true;
        self.running.iter().flatten().for_each(|running| running.signal(number));
        // A program may have its own use for Ctrl-C; of the others it is known what is meant.
        if number != signal_hook::consts::SIGINT {
            self.kill_at.get_or_insert_with(|| Instant::now() + GRACE);
        }
    }

    fn look_at_clock(&mut self) {
        let now = Instant::now();
        if self.kill_at.is_some_and(|at| at <= now) {
            for side in Side::BOTH.into_iter().filter(|side| self.runs(*side)).collect::<Vec<_>>() {
                self.note(&ProgramNote::Killed { side, after: GRACE });
            }
            self.kill();
        }
        if self.timeout_at.take_if(|at| *at <= now).is_some()
            && let Some(after) = self.programs.timeout
        {
            self.timed_out = true;
            self.note(&ProgramNote::TimedOut { after });
            self.running.iter().flatten().for_each(|running| running.signal(signal_hook::consts::SIGTERM));
            self.kill_at.get_or_insert(now + GRACE);
        }
    }

    fn kill(&mut self) {
        self.kill_at = None;
        self.running.iter().flatten().for_each(|running| running.signal(signal_hook::consts::SIGKILL));
    }

    /// The program that has the terminal was stopped (Ctrl-Z): this process stops too, so that the shell
    /// notices, and goes on with it.
    fn stop_with(&mut self, side: Side) {
        if let Some(running) = self.running[side as usize]
            && side == self.programs.lead()
            && Terminal::is_stdin()
        {
            stop_together(running, &mut self.terminal);
        }
    }
}

/// Whether a host has a TCP connection in one of these states.
fn has(network: &PrivateNetwork, side: Side, states: &[TcpState]) -> bool {
    let sockets = network.host(side).call(tcp_sockets);
    sockets.is_ok_and(|found| found.is_ok_and(|all| all.iter().any(|socket| states.contains(&socket.state))))
}

fn duplicate_of_stderr() -> io::Result<Stdio> {
    use std::os::fd::AsFd;
    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
}
