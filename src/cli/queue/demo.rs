//! `layerlab queue demo`.

use super::naive;
use crate::cli::args::{CommonSocketArgs, NetArgs, ShowArgs};
use crate::cli::exit::{Answer, Usage, cut_short};
use crate::cli::listeners::Listeners;
use crate::cli::plan::{self, Ground};
use crate::cli::run::note;
use crate::host::{entropy, signal};
use crate::live::queue::demo::{Demo, Scene, is_scenic};
use crate::live::setup::{RunError, Setup};
use crate::live::{loopback, private};
use crate::model::deed::{Answer as Told, Deed, Deeds};
use crate::model::queue::Step;
use crate::model::{Event, What};
use crate::narrate::demo::{self as words, Words};
use crate::wire::Spec;
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(crate) const AFTER_HELP: &str = "\
Without a scene all of them are played, each on a fresh network. Shown are the queue's
frames and what the wire lost; --frames shows every frame, with TCP's own.

Exit status: 0 each scene came out as it should, 1 one did not.";

/// The port that `queue serve` has too.
const PORT: u16 = 7100;

/// A scene by name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum SceneArg {
    /// A consumer is away: what was published meanwhile is missed
    Missed,
    /// The same with an offset: it is replayed
    Replayed,
    /// Two readers of a topic: both get every event, but for the one before they came
    Fanout,
    /// The acknowledgment is lost: the handler runs twice, the effect is once
    LostAck,
    /// A worker goes with two messages in hand: another gets them first
    Holding,
    /// Six tasks, two workers, one of them slow: as they come, in turns
    Turns,
    /// The same with prefetch 1: who is done gets the next
    Prefetch,
    /// A queue of three gets five messages: the last are refused
    Full,
    /// The same with drop-oldest: the first are lost
    DropOldest,
    /// Over UDP without confirmations: a lost datagram is lost
    Datagram,
    /// The same with confirmations: it is sent again, and stored once
    Confirmed,
    /// No network: a stream with a bare length, and one bit wrong in it
    Naive,
}

/// Options of `queue demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Scenes [default: all]
    #[arg(value_enum)]
    scene: Vec<SceneArg>,
    /// Show every frame, not only the queue's
    #[arg(long, help_heading = "Output")]
    frames: bool,
    #[command(flatten)]
    net: NetArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// A scene, what the wire does in it, and the words.
struct Act {
    scene: Scene,
    /// Of the wire.
    script: &'static str,
    words: Words,
}

/// The client's fourth and fifth datagrams: HELLO, DECLARE and so on come before.
const ACK_LOST: &str = "--drop to-server:udp#5";
const SECOND_LOST: &str = "--drop to-server:udp#4";

fn act(scene: SceneArg) -> Option<Act> {
    let (scene, script, words) = match scene {
        SceneArg::Naive => return None,
        SceneArg::Missed => (
            Scene::Missed,
            "",
            Words {
                title: "Away, and nobody keeps anything",
                question: "A reader hears e1 and goes away; e2 and e3 are published; it comes back; then e4. Which does it get?",
                why: "It asked for what is new from now on. What was published while it was away was for nobody: \
                      to send is not to be heard.",
                change: "layerlab queue demo replayed",
            },
        ),
        SceneArg::Replayed => (
            Scene::Replayed,
            "",
            Words {
                title: "Away, and back with an offset",
                question: "The same, but the reader remembers how far it was, and asks the topic from there on. Which does it get?",
                why: "A topic keeps its messages, numbered. \"From offset 1\" says what was missed; without the number \
                      the server could not know.",
                change: "layerlab queue demo replayed --frames: which of these frames carry TCP's acknowledgments?",
            },
        ),
        SceneArg::Fanout => (
            Scene::Fanout,
            "",
            Words {
                title: "Two readers, and each gets everything",
                question: "e0 is published to a topic that nobody reads. Two readers come; then e1, e2 and e3. Which does each get?",
                why: "A topic hands every event to everybody who listens: nobody takes one away from another. e0 was published                       before anybody had asked, and to ask for what is new begins behind it.",
                change: "layerlab queue demo turns: the same for a work queue, where each task is for one",
            },
        ),
        SceneArg::LostAck => (
            Scene::LostAck,
            ACK_LOST,
            Words {
                title: "The acknowledgment is lost, not the message",
                question: "A worker does what the message says and acknowledges it, but the wire drops that datagram. \
                           How often does its handler run?",
                why: "To the server a lost ACK and a lost message look alike: no ACK. It hands the message out again. \
                      So at least once means perhaps twice; the worker kept the ids that were done, and so the effect was once.",
                change: "layerlab queue demo lost-ack --loss 20% --seed 1",
            },
        ),
        SceneArg::Holding => (
            Scene::Holding,
            "",
            Words {
                title: "Gone with two messages in hand",
                question: "Worker A takes m1 and m2 and goes without a word. m3 waits. In which order does worker B get them?",
                why: "What was in hand and not acknowledged went back to the head of the queue, in its order, marked as handed \
                      out before. The server learned of it from TCP: the kernel closed the dead worker's socket.",
                change: "layerlab queue demo holding --delay 200ms: how long until the server knows?",
            },
        ),
        SceneArg::Turns => (
            Scene::Workers { prefetch: 0 },
            "",
            Words {
                title: "Six tasks, two workers, in turns",
                question: "One worker needs 20 ms for a task, the other 200 ms. Each may have many in hand. How many does each get?",
                why: "The server hands out in turns whatever comes, without a look at who is done: the slow one gets as many, \
                      and the last of them wait behind it.",
                change: "layerlab queue demo prefetch",
            },
        ),
        SceneArg::Prefetch => (
            Scene::Workers { prefetch: 1 },
            "",
            Words {
                title: "The same with prefetch 1",
                question: "Now each worker may have one task in hand. How many does each get?",
                why: "Nobody gets a second task before the first is acknowledged, so who is done gets the next. The price: \
                      an ACK's way there and a message's way back between two tasks.",
                change: "layerlab queue demo prefetch --delay 50ms",
            },
        ),
        SceneArg::Full => (
            Scene::Bound { drop_oldest: false },
            "",
            Words {
                title: "A slow reader meets the bound",
                question: "A queue holds three messages. Five are published before anybody reads. What does the publisher hear?",
                why: "A queue without a bound only moves the trouble to memory. This one says no, and the publisher knows \
                      which messages are still its own.",
                change: "layerlab queue demo drop-oldest",
            },
        ),
        SceneArg::DropOldest => (
            Scene::Bound { drop_oldest: true },
            "",
            Words {
                title: "The same, and the oldest makes room",
                question: "The queue drops its oldest message for each new one. What does the publisher hear, and what does the reader get?",
                why: "Every publish was confirmed, and yet two messages are gone: a confirmation promises what the queue was \
                      declared to do, no more.",
                change: "layerlab queue publish --help: --when-full dead-letter keeps them elsewhere",
            },
        ),
        SceneArg::Datagram => (
            Scene::Datagram { confirmed: false },
            SECOND_LOST,
            Words {
                title: "Datagrams, and nobody asks",
                question: "Three messages go out as datagrams, unconfirmed; the wire drops the second. Who notices?",
                why: "UDP promises nothing, and nobody above it asked. At most once: two of three, and no error anywhere.",
                change: "layerlab queue demo confirmed",
            },
        ),
        SceneArg::Confirmed => (
            Scene::Datagram { confirmed: true },
            SECOND_LOST,
            Words {
                title: "Datagrams, confirmed",
                question: "The same datagram is lost, but now each message is to be confirmed. What happens?",
                why: "No CONFIRM came, so the publisher sent the same octets again: an acknowledgment at layer 7 did what \
                      TCP would have done at layer 4. Had the CONFIRM been lost, the id would have kept the copy out.",
                change: "layerlab queue demo confirmed --drop to-client:udp#3",
            },
        ),
    };
    Some(Act { scene, script, words })
}

/// Runs it.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<Answer> {
    let all: Vec<SceneArg> =
        if args.scene.is_empty() { SceneArg::value_variants().to_vec() } else { args.scene.clone() };
    if all.len() > 1 && (args.net.capture.file.is_some() || args.net.why.is_some()) {
        return Err(Usage("--capture and --why are about one run: name one scene".to_owned()).into());
    }
    let ground = plan::ground(&args.net)?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let seed = args.net.place.seed.unwrap_or_else(entropy::seed);
    let width = plan::style(&args.show, args.net.capture.is_stdout()).width;
    let mut well = true;
    for (n, name) in all.iter().enumerate() {
        let Some(act) = act(*name) else {
            say(args, &naive::play(n + 1, all.len(), width))?;
            continue;
        };
        if matches!(ground, Ground::Loopback { .. }) && !act.script.is_empty() {
            note("this scene needs a wire that loses a frame, and loopback has none: left out")?;
            well = false;
            continue;
        }
        say(args, &format!("{}\n", words::before(&act.words, n + 1, all.len(), width)))?;
        let demo = Demo::new(act.scene);
        if let Some(answer) = one(args, &ground, &demo, &act, seed, &stop)? {
            return Ok(answer);
        }
        let deeds = demo.deeds();
        if args.show.json && !args.net.capture.is_stdout() {
            let mut out = io::stdout().lock();
            deeds.iter().try_for_each(|deed| writeln!(out, "{}", words::json(deed)))?;
        }
        let as_expected = came_out(act.scene, &deeds);
        well &= as_expected;
        say(
            args,
            &format!("\n{}\n{}", words::noted(&deeds), words::after(&act.words, &deeds, as_expected, width)),
        )?;
        if let Some(failure) = demo.failure() {
            note(&failure)?;
        }
    }
    Ok(if well { Answer::Yes } else { Answer::No })
}

/// Plays a scene; an answer where it was cut short.
fn one(
    args: &DemoArgs,
    ground: &Ground,
    demo: &Demo,
    act: &Act,
    seed: u64,
    stop: &AtomicBool,
) -> anyhow::Result<Option<Answer>> {
    let wanted = (!args.frames).then_some(is_wanted as fn(&Event) -> bool);
    let mut listeners = Listeners::of_some(&args.show, &args.net.capture, wanted)?;
    let overheard = crate::cli::why::Overheard::of(&args.net)?;
    if let Some(overheard) = &overheard {
        listeners.add(overheard.ear());
    }
    let common = CommonSocketArgs { ttl: None, port: PORT, timeout: Duration::from_secs(3) };
    let mut setup = Setup { seed, ..plan::setup(&args.net, &common, &[], listeners.any()) };
    if !act.script.is_empty() {
        let script: Spec = act.script.parse().context("the scene's own wire")?;
        setup.wire.scripts.extend(script.scripts);
    }
    let mut sink = listeners.into_sink();
    let finished = match ground {
        Ground::Private => private::run(demo, &setup, &mut sink, stop),
        Ground::Loopback { own, .. } => loopback::run(demo, &setup, *own, &mut sink, stop),
    };
    let finished = finished.map_err(|error| match error {
        RunError::Host(error) => plan::cannot(error),
        error => error.into(),
    })?;
    if let Some(overheard) = overheard {
        overheard.tell(&args.show, args.net.capture.is_stdout())?;
    }
    Ok(cut_short(&finished))
}

/// The queue's own steps, without openings and ends; and whatever went wrong.
fn is_wanted(event: &Event) -> bool {
    match &event.what {
        What::Queue(queue) => match &queue.step {
            Step::Frame(frame) => is_scenic(frame.kind) || queue.step.is_failure(),
            Step::Fault(_) | Step::Lost(_) => true,
            Step::Ended { .. } => false,
        },
        What::Wire(_) | What::WireSet(_) => true,
        _ => false,
    }
}

/// Words between the scenes; none beside JSON lines, which speak for themselves.
fn say(args: &DemoArgs, text: &str) -> io::Result<()> {
    match (args.show.quiet || args.show.json, args.net.capture.is_stdout()) {
        (true, _) => Ok(()),
        (false, true) => writeln!(io::stderr(), "{text}"),
        (false, false) => writeln!(io::stdout().lock(), "{text}"),
    }
}

/// Whether what the programs noted is what the scene is about.
fn came_out(scene: Scene, deeds: &Deeds) -> bool {
    let handled: Vec<(&str, &str, u32)> = deeds
        .iter()
        .filter_map(|(_, deed)| match deed {
            Deed::Handled { who, body, deliveries, .. } => Some((*who, &**body, *deliveries)),
            _ => None,
        })
        .collect();
    let bodies: Vec<&str> = handled.iter().map(|(_, body, _)| *body).collect();
    let by = |name: &str| handled.iter().filter(|(who, ..)| *who == name).count();
    let refused = deeds
        .iter()
        .filter(|(_, deed)| matches!(deed, Deed::Published { answer: Told::Refused(32), .. }))
        .count();
    let effects = deeds.iter().filter(|(_, deed)| matches!(deed, Deed::Effect { known: false, .. })).count();
    match scene {
        Scene::Missed => bodies == ["e1", "e4"],
        Scene::Replayed => bodies == ["e1", "e2", "e3", "e4"],
        Scene::Fanout => ["reader A", "reader B"].iter().all(|name| {
            let of = handled.iter().filter(|(who, ..)| who == name).map(|(_, body, _)| *body);
            of.eq(["e1", "e2", "e3"])
        }),
        Scene::LostAck => bodies.len() == 2 && handled[1].2 > 1 && effects == 1,
        Scene::Holding => {
            let second: Vec<_> = handled.iter().filter(|(who, ..)| *who == "worker B").collect();
            bodies.len() == 5
                && matches!(
                    second[..],
                    [("worker B", "m1", 2..), ("worker B", "m2", 2..), ("worker B", "m3", 1)]
                )
        }
        Scene::Workers { prefetch: 1 } => by("fast") + by("slow") == 6 && by("slow") < by("fast"),
        Scene::Workers { .. } => by("fast") == 3 && by("slow") == 3,
        Scene::Bound { drop_oldest: false } => bodies == ["m1", "m2", "m3"] && refused == 2,
        Scene::Bound { drop_oldest: true } => bodies == ["m3", "m4", "m5"] && refused == 0,
        Scene::Datagram { confirmed: false } => bodies == ["11 C", "33 C"],
        Scene::Datagram { confirmed: true } => {
            let mut sorted = bodies;
            sorted.sort_unstable();
            sorted == ["11 C", "22 C", "33 C"]
        }
    }
}
