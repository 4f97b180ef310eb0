//! What stands above and below a timeline.

use super::style::{Ink, Models, Style};
use super::text::{columns, count, pad, right, safe, span, wrap};
use super::verdict::unused;
use crate::model::{Backend, Direction, Endpoint, Interrupt, Outcome, Run, Value};

/// Columns of the time, right aligned.
pub(super) const TIME: usize = 9;
/// Columns of who acts.
pub(super) const WHO: usize = 6;
/// Columns of a row's name.
const NAME: usize = 8;

/// A named row, wrapped.
fn row(out: &mut String, name: &str, text: &str, style: &Style) {
    let room = style.columns() - NAME - 1;
    for (i, part) in wrap(&safe(text, style.ascii), room, room).into_iter().enumerate() {
        let name = pad(if i == 0 { name } else { "" }, NAME);
        out.push_str(format!("{name} {part}").trim_end());
        out.push('\n');
    }
}

/// What runs, and where.
pub(super) fn run(run: &Run, style: &Style) -> String {
    let mut out = String::new();
    for line in wrap(&safe(&run.command, style.ascii), style.columns(), style.columns()) {
        out.push_str(&Ink::Bold.paint(style.color, &line));
        out.push('\n');
    }
    row(&mut out, "net", &where_it_runs(run), style);
    row(&mut out, "client", &endpoint(&run.client), style);
    row(&mut out, "server", &endpoint(&run.server), style);
    match (run.backend.has_wire(), run.wire.is_empty()) {
        (false, _) => {}
        (true, true) => row(&mut out, "wire", "no impairment", style),
        (true, false) => row(&mut out, "wire", &run.wire, style),
    }
    // Where there is no wire of ours, nothing is drawn by lot.
    let seed = if run.backend.has_wire() { format!("seed {}; ", run.seed) } else { String::new() };
    let text = format!("{seed}{}; layerlab {}", run.system, run.version);
    row(&mut out, "run", &text, style);
    out
}

fn where_it_runs(run: &Run) -> String {
    let mut text = match run.backend {
        Backend::Tap => "private: two hosts, joined by a wire of ours (TAP)".to_owned(),
        Backend::Veth => "private: two hosts, joined by a wire of ours (veth)".to_owned(),
        Backend::Loopback => {
            "loopback: this machine's own network, no wire of ours; what no frame shows is inferred"
                .to_owned()
        }
        Backend::OwnLoopback => {
            "a loopback interface of its own, in a namespace that only this run is in: no wire of ours, no \
             other program's ports"
                .to_owned()
        }
        Backend::Network => {
            "the real network, through this machine's own interfaces; no wire of ours; what no frame \
             shows is inferred"
                .to_owned()
        }
    };
    if run.mtu > 0 {
        text.push_str(&format!("; MTU {}", run.mtu));
    }
    if run.routers > 0 {
        text.push_str(&format!("; {} on the path", count(run.routers.into(), "router")));
    }
    text
}

fn endpoint(end: &Endpoint) -> String {
    match end.mac {
        None if end.ip.is_unspecified() => "any address".to_owned(),
        Some(mac) => format!("{}  {}", end.ip, Value::Mac(mac)),
        None => end.ip.to_string(),
    }
}

/// What the marks mean, and the names of the columns.
pub(super) fn legend(style: &Style) -> String {
    let mut out = String::new();
    row(
        &mut out,
        "marks",
        "last column, how we know: F a frame, L the wire's ledger, S a system call, ? inferred. \
         API: the socket interface, which is no layer. [..]: the source; a call's is its manual page. \
         #n: the wire's number of a frame (a capture's comments have it). seq, ack: relative to each side's first \
         number, as in Wireshark",
        style,
    );
    let layer = match style.models {
        Models::Osi => "OSI",
        Models::TcpIp => "TCP/IP",
        Models::Both => "OSI TCP/IP",
    };
    let left = format!("{} {} what", right("ms", TIME), pad("who", WHO));
    let tail = format!("{}  ", pad(layer, style.models.columns()));
    let line = format!("{}{tail}", pad(&left, style.columns() - columns(&tail)));
    out.push_str(&format!("\n{}\n", Ink::Dim.paint(style.color, line.trim_end())));
    out
}

/// How it ended.
pub(super) fn outcome(outcome: &Outcome, stopped: bool, style: &Style) -> String {
    let arrow = style.glyphs().arrow;
    let both = |values: [String; 2]| {
        Direction::BOTH
            .map(|d| format!("{}{arrow}{} {}", d.from().name(), d.to().name(), values[d.index()]))
            .join(", ")
    };
    let mut out = String::from("\n");
    let ended = match (outcome.interrupted, outcome.signal) {
        (false, _) if stopped => "stopped at your key",
        (false, _) if outcome.cut => "the capture cannot be read any further",
        (false, _) => "done",
        (true, None) => "interrupted",
        (true, Some(Interrupt::Int)) => "interrupted by SIGINT (Ctrl-C)",
        (true, Some(Interrupt::Term)) => "interrupted by SIGTERM",
    };
    let unseen = match (stopped, outcome.cut) {
        (true, _) => "; the hosts had not waited for your keys",
        (false, true) => "",
        (false, false) => "",
    };
    row(&mut out, "end", &format!("{ended} after {}{unseen}", span(outcome.took)), style);
    if outcome.frames != [0, 0] {
        let frames = [0, 1].map(|i| format!("{} ({})", outcome.frames[i], count(outcome.octets[i], "octet")));
        row(&mut out, "frames", &both(frames), style);
        row(&mut out, "dropped", &both([0, 1].map(|i| outcome.dropped[i].to_string())), style);
    }
    for script in &outcome.unused {
        row(&mut out, "unused", &unused(script), style);
    }
    out
}
