//! `layerlab tour`: five moments of the course. What is asked, which lines of a run answer it, and in which words.
//!
//! Numbers are never in the words: what stands in braces is worked out from the run that was just made, by the lab's
//! own expressions (`docs/labs.md`), and the lab's own questions and facts are used where there are any.

use super::text::{hanging, safe};

/// A moment of the course.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The lab that it is from.
    pub lab: u32,
    /// What is done in it, one run each.
    pub acts: &'static [Act],
}

/// A question, the run that answers it, and the answer.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    /// The question.
    pub ask: Ask,
    /// A filter: the lines of the run that are shown.
    pub show: &'static str,
    /// What there is to say of the answer. What stands in braces is an expression over the run.
    pub says: &'static str,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// The lab's own, by its name there; the run is the lab's next.
    OfLab(&'static str),
    /// Another, about a run that the lab has not, with the expression that answers it.
    Own {
        /// The question.
        ask: &'static str,
        /// The command, without `layerlab`.
        command: &'static str,
        /// The answer.
        answer: &'static str,
    },
}

/// On two hosts and a wire.
pub const MOMENTS: [Moment; 5] = [
    Moment {
        lab: 4,
        acts: &[Act {
            ask: Ask::OfLab("before_hello"),
            show: "frame && id <= data.id",
            says: "{count(arp && id < data.id)} are ARP, because Ethernet wants an address of its own, and \
                {count(tcp && id < data.id)} are TCP's handshake: where does each side begin to count?",
        }],
    },
    Moment {
        lab: 5,
        acts: &[Act {
            ask: Ask::OfLab("recvs"),
            show: "returned && call == \"send\" && place == \"client\" || tcp.len > 0 && direction == \"to-server\" \
                || returned && call == \"recv\" && place == \"server\" && octets > 0",
            says: "{len(sent)} sends, {len(carried)} segments, {len(took)} recv(): TCP carries octets, and nobody \
                remembers where a send ended.",
        }],
    },
    Moment {
        lab: 18,
        acts: &[
            Act {
                ask: Ask::OfLab("before"),
                show: "fate == \"dropped\" || id == repeated.id \
                    || returned && call == \"recv\" && place == \"server\" && octets > 0",
                says: "m3 was sent again {(repeated.at_ns - missing.at_ns) / 1000000} ms later. What had come behind it \
                    waited in the kernel, for TCP gives octets in order or not at all.",
            },
            Act {
                ask: Ask::OfLab("udp"),
                show: "fate == \"dropped\" || returned && call == \"recvfrom\" && place == \"server\" && ok == 1",
                says: "Of {datagrams} datagrams {count(fate == \"dropped\")} is gone; nobody was told, and none of the \
                    others waited for it. The first {count(udp && direction == \"to-server\" \
                    && sentence contains \"until ARP\")} left together, for their kernel held them until ARP was \
                    answered.",
            },
        ],
    },
    Moment {
        lab: 21,
        acts: &[Act {
            ask: Ask::OfLab("same"),
            show: "websocket && (step == \"request\" || step == \"response\" || step == \"opened\") \
                || websocket.opcode == 1",
            says: "{join(opened.ends, \" and \")}, before and after. The server took the key, put a text behind it that \
                stands in the RFC, and its SHA-1 in base64 is {response.accept.expected}.",
        }],
    },
    Moment {
        lab: 26,
        acts: &[Act {
            ask: Ask::OfLab("twice"),
            show: "fate == \"dropped\" || type_name == \"DELIVER\" || type_name == \"ACK\"",
            says: "{count(fate == \"dropped\")} ACK was lost, and to the server a lost ACK looks like a dead worker: so it \
                delivers again. By its id, {text(delivery.layerlab.queue.id)}, the worker knows it.",
        }],
    },
];

/// On loopback, where only system calls are seen.
pub const ON_LOOPBACK: [Moment; 3] = [
    Moment {
        lab: 4,
        acts: &[Act {
            ask: Ask::Own {
                ask: "Five octets there and back. How many calls does that take the server's program?",
                command: "tcp echo hello --net loopback",
                answer: "count(returned && place == \"server\")",
            },
            show: "returned && place == \"server\"",
            says: "accept(), {count(returned && call == \"accept\")} of them, makes no connection: it takes one that the two \
                kernels have made.",
        }],
    },
    Moment {
        lab: 5,
        acts: &[Act {
            ask: Ask::Own {
                ask: "Three sends over TCP. How many recv() does the server need for them?",
                command: "tcp echo AB CD EF --burst --read-after 100ms --net loopback",
                answer: "count(returned && call == \"recv\" && place == \"server\" && octets > 0)",
            },
            show: "returned && (call == \"send\" && place == \"client\" \
                || call == \"recv\" && place == \"server\" && octets > 0)",
            says: "{count(returned && call == \"send\" && place == \"client\")} sends: TCP carries octets, and nobody \
                remembers where a send ended.",
        }],
    },
    Moment {
        lab: 11,
        acts: &[Act {
            ask: Ask::Own {
                ask: "Three sends over UDP. How many recvfrom() does the server need for them?",
                command: "udp echo AB CD EF --burst --net loopback",
                answer: "count(returned && call == \"recvfrom\" && place == \"server\" && ok == 1)",
            },
            show: "returned && (call == \"sendto\" && place == \"client\" \
                || call == \"recvfrom\" && place == \"server\" && ok == 1)",
            says: "A datagram arrives whole or not at all: UDP keeps edges.",
        }],
    },
];

/// Columns that it is written in.
const WIDTH: usize = 80;
/// What stands before the words of an event: its time and its layer.
const MARGIN: usize = 25;
/// Lines of a run that are shown; where there are more, the first and the last.
const FIRST: usize = 5;
const LAST: usize = 2;

/// What is said before the first moment.
#[must_use]
pub fn opening(private: bool) -> String {
    let place = if private {
        "Five moments of a course, each on two hosts of your own, joined by a wire. Their TCP, UDP, IP and ARP are \
            your kernel's own; what is shown was on the wire just now. Nothing leaves this machine, and nothing of it stays. \
            With --step it waits for you."
    } else {
        "Moments of a course, on this machine's loopback interface. No wire of ours is there, so only system calls are \
            shown: `layerlab doctor` says how to see the frames."
    };
    paragraph(place)
}

/// The title of a moment.
#[must_use]
pub fn title(nth: usize, of: usize, title: &str) -> String {
    format!("{nth} of {of}  {}", safe(title, true))
}

/// Which lab it is from, and at which layers that plays.
#[must_use]
pub fn place(lab: u32, layers: &str) -> String {
    format!("        lab {lab}, layers: {layers}\n")
}

/// One line of a run, as its JSON tells it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// When.
    pub at_ns: u64,
    /// OSI's layer; none for a system call.
    pub osi: Option<&'a str>,
    /// The layer of TCP/IP.
    pub tcpip: Option<&'a str>,
    /// The host of a system call.
    pub host: Option<&'a str>,
    /// The sentence.
    pub sentence: &'a str,
    /// What the sentence adds to the event, where it adds anything.
    pub note: Option<&'a str>,
}

/// The lines: without what they explain, and not all where there are many.
#[must_use]
pub fn lines(all: &[Line<'_>]) -> String {
    if all.len() <= FIRST + LAST + 1 {
        return all.iter().map(line).collect();
    }
    let (first, last) = (&all[..FIRST], &all[all.len() - LAST..]);
    let between = all.len() - FIRST - LAST;
    let between = format!("{:>7} {:16} ({between} more)\n", "...", "");
    first.iter().map(line).chain([between]).chain(last.iter().map(line)).collect()
}

fn line(line: &Line<'_>) -> String {
    let whole = line.sentence;
    let end = line.note.and_then(|note| whole.find(&format!(": {note}")));
    let end = end.or_else(|| whole.rfind(" [").filter(|_| whole.ends_with(']')));
    let head = whole.get(..end.unwrap_or(whole.len())).unwrap_or(whole);
    // How long a call took stands in the times.
    let took = |tail: &str| tail.starts_with(|c: char| c.is_ascii_digit()) && tail.split(' ').count() == 2;
    let head = head.rsplit_once(" after ").filter(|(_, tail)| took(tail)).map_or(head, |(head, _)| head);
    let layer = match line.osi {
        Some(osi) => {
            let (about, osi) = osi.strip_prefix('~').map_or(("", osi), |osi| ("~", osi));
            format!("{about}L{osi} {}", line.tcpip.unwrap_or_default())
        }
        None => "API".to_owned(),
    };
    let host = line.host.map(|host| format!("{host} ")).unwrap_or_default();
    // A float is exact enough for a tenth of a millisecond.
    let at = format!("{:>7.1} {layer:<16} ", line.at_ns as f64 / 1e6);
    hanging(&at, &safe(&format!("{host}{head}"), false), MARGIN, WIDTH)
}

/// What was observed, and what there is to say of it.
#[must_use]
pub fn answer(observed: &str, says: &str) -> String {
    let mut text = "\n".to_owned() + &hanging("RESULT   ", &safe(observed, false), 9, WIDTH);
    if !says.is_empty() {
        text.push_str(&hanging("WHY      ", &safe(says, false), 9, WIDTH));
    }
    text
}

/// Where to go on from a moment.
#[must_use]
pub fn more(lab: u32) -> String {
    format!("MORE     layerlab lab run {lab} --quiz\n")
}

/// What is said behind the last moment.
#[must_use]
pub fn closing(runs: usize, frames: u64, seed: u64) -> String {
    let counted = match frames {
        0 => format!("{runs} runs. "),
        _ => format!("{runs} runs, {frames} frames. "),
    };
    let again = paragraph(&format!("{counted}The same once more:"));
    format!(
        "\n{again}  layerlab tour --seed {seed}\n\nNext:\n  \
         layerlab lab list                      the course: expect first, then see\n  \
         layerlab tcp echo --bytes              every header field of every frame\n  \
         layerlab loss                          TCP beside UDP on a bad wire\n  \
         layerlab ws serve                      a page that shows your browser's frames\n  \
         layerlab explain                       what the words mean\n"
    )
}

fn paragraph(text: &str) -> String {
    hanging("", text, 0, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sentence: &str, note: Option<&str>) -> String {
        line(&Line {
            at_ns: 3_080_000,
            osi: Some("~7"),
            tcpip: Some("Application"),
            host: None,
            sentence,
            note,
        })
    }

    #[test]
    fn no_number_stands_in_the_words() {
        for act in MOMENTS.iter().chain(&ON_LOOPBACK).flat_map(|moment| moment.acts) {
            let words = act.says.split(['{', '}']).step_by(2);
            let number =
                |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok();
            let mut all = words.flat_map(str::split_whitespace).map(|word| word.trim_end_matches('.'));
            assert!(!all.any(number), "{}", act.says);
        }
    }

    #[test]
    fn a_line_is_the_event_without_its_explanation() {
        assert_eq!(
            told("#1 a>b ARP who has x?: because [RFC 826]", Some("because")),
            "    3.1 ~L7 Application  #1 a>b ARP who has x?\n"
        );
        assert_eq!(told("#2 a>b [x] y [RFC 1]", None), "    3.1 ~L7 Application  #2 a>b [x] y\n");
        assert_eq!(told("#2 a>b y", None), "    3.1 ~L7 Application  #2 a>b y\n");
        let call = Line {
            at_ns: 0,
            osi: None,
            tcpip: None,
            host: Some("server"),
            sentence: "recv(5) = 2 [recv(2)]",
            note: None,
        };
        assert_eq!(line(&call), "    0.0 API              server recv(5) = 2\n");
        let late = Line { sentence: "recv(5) = 2 \"x after y\" after 2.5 ms [recv(2)]", ..call };
        assert_eq!(line(&late), "    0.0 API              server recv(5) = 2 \"x after y\"\n");
    }

    #[test]
    fn many_lines_are_the_first_and_the_last() {
        let all: Vec<String> = (0..20).map(|n| format!("#{n} {}", "word ".repeat(20))).collect();
        let all: Vec<Line<'_>> = all
            .iter()
            .map(|sentence| Line {
                at_ns: 1,
                osi: Some("4"),
                tcpip: Some("Transport"),
                host: None,
                sentence,
                note: None,
            })
            .collect();
        let text = lines(&all);
        assert!(
            text.contains("(13 more)")
                && text.contains("#4 ")
                && text.contains("#18 ")
                && !text.contains("#5 ")
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!lines(&all[..8]).contains("more"));
    }
}
