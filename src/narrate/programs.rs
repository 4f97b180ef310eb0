//! What is said of programs on the two hosts, and the few lines that end such a run.

use super::sentence::{Doing, rule_words};
use super::text::{count, hanging, span};
use super::verdict::unused;
use crate::model::{Direction, Exit, Listener, Outcome, ProgramNote};
use std::net::SocketAddr;

/// How a program ended: `with status 1`, `by signal 15 (SIGTERM)`.
pub fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Status(127) => "with status 127 (a shell's word for: no such command)".to_owned(),
        Exit::Status(126) => "with status 126 (a shell's word for: this file cannot be executed)".to_owned(),
        Exit::Status(code) => format!("with status {code}"),
        Exit::Signal(number) => match signal_name(number) {
            Some(name) => format!("by signal {number} ({name})"),
            None => format!("by signal {number}"),
        },
    }
}

/// The numbers that are the same on every Linux (signal(7)).
const fn signal_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

fn listener(listener: &Listener) -> String {
    format!("{} {}", listener.protocol.name(), listener.at)
}

/// One sentence, without a full stop, about what happened to the programs.
pub fn program_note(note: &ProgramNote) -> String {
    match note {
        ProgramNote::Listens { at, after } => {
            let list: Vec<String> = at.iter().map(listener).collect();
            format!("the server listens on {} after {}: the client starts", list.join(" and "), span(*after))
        }
        ProgramNote::ListensToItselfAlone { at, reachable } => {
            let better = SocketAddr::new(reachable.ip(), at.at.port());
            format!(
                "the server listens on {} alone, where only its own host can reach it;\n\
                 have it bind {better} or all addresses. The client starts all the same",
                listener(at)
            )
        }
        ProgramNote::DoesNotListen { after, port: Some(port) } => format!(
            "nothing listens on port {port} of the server's host after {}: the client starts all the same",
            span(*after)
        ),
        ProgramNote::DoesNotListen { after, port: None } => format!(
            "the server listens on no port after {}: the client starts all the same\n\
             (--wait waits longer, --no-wait not at all)",
            span(*after)
        ),
        ProgramNote::NeverListened { exit } => {
            format!("the server ended {} before it listened: the client was not started", exit_words(*exit))
        }
        ProgramNote::EndedEarly { exit } => {
            format!("the server ended {}; the client goes on without it", exit_words(*exit))
        }
        ProgramNote::TimedOut { after } => {
            format!("the {} of --timeout are over: the programs are asked to end", span(*after))
        }
        ProgramNote::Killed { side, after } => {
            format!("the {} had not ended {} after it was asked to: killed", side.name(), span(*after))
        }
        ProgramNote::NoNames => "this machine has no /etc/hosts, so the names client and server are unknown \
             here: use\n$LAYERLAB_CLIENT_ADDR and $LAYERLAB_SERVER_ADDR"
            .to_owned(),
    }
}

/// What crossed the wire, one line a direction, and what was dropped by which rule.
pub fn wire_summary(outcome: &Outcome) -> String {
    let crossed = outcome.frames != [0, 0];
    let mut out =
        format!("the wire, {}:{}\n", span(outcome.took), if crossed { "" } else { " no frame crossed it" });
    for direction in Direction::BOTH.into_iter().filter(|_| crossed) {
        let way = direction.index();
        out.push_str(&format!(
            "  {:9}  {}, {}, {} dropped\n",
            direction.name(),
            count(outcome.frames[way], "frame"),
            count(outcome.octets[way], "octet"),
            outcome.dropped[way]
        ));
        for (rule, dropped) in outcome.dropped_by.iter().filter(|(_, dropped)| dropped[way] > 0) {
            out.push_str(&format!(
                "             {}: {}\n",
                dropped[way],
                rule_words(rule, Doing::Loss, true)
            ));
        }
    }
    for script in &outcome.unused {
        out.push_str(&hanging("  ", &unused(script), 2, 80));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Rule, Time, Unused};
    use std::time::Duration;

    #[test]
    fn the_summary_has_each_direction_and_each_rule() {
        let outcome = Outcome {
            at: Time::from_millis(1500),
            frames: [10, 1],
            dropped: [3, 0],
            dropped_by: vec![(Rule::Random(0.05), [2, 0]), (Rule::Cut, [1, 0])],
            unused: Vec::new(),
            octets: [1000, 66],
            took: Duration::from_millis(1500),
            interrupted: false,
            cut: false,
            signal: None,
        };
        assert_eq!(
            wire_summary(&outcome),
            "the wire, 1.5 s:\n  \
               to-server  10 frames, 1000 octets, 3 dropped\n             \
                          2: loss 5% (random)\n             \
                          1: the wire was cut\n  \
               to-client  1 frame, 66 octets, 0 dropped\n"
        );
    }

    #[test]
    fn a_script_that_touched_nothing_stands_below_also_where_no_frame_crossed() {
        let script = Unused {
            option: "dup",
            rule: "udp#1".into(),
            kind: "udp",
            direction: None,
            seen: [0, 0],
            instead: None,
        };
        let outcome = Outcome { unused: vec![script], ..Outcome::default() };
        assert_eq!(
            wire_summary(&outcome),
            "the wire, 0 us: no frame crossed it\n  --dup 'udp#1' touched no frame: no udp frame crossed the wire\n"
        );
    }

    #[test]
    fn an_end_is_said_as_it_was() {
        assert_eq!(exit_words(Exit::Status(0)), "with status 0");
        assert_eq!(exit_words(Exit::Signal(15)), "by signal 15 (SIGTERM)");
        assert_eq!(exit_words(Exit::Signal(44)), "by signal 44");
        assert!(exit_words(Exit::Status(127)).contains("no such command"));
    }
}
