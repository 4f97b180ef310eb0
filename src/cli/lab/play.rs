//! `layerlab lab run`: a lab in the order of its file, with predictions first.

use super::answers::{begin, beside, keep};
use super::args::RunLabArgs;
use super::source::{Source, has_recording};
use super::{cannot, check, open, open_for, runner, show};
use crate::cli::args::ModelArg;
use crate::cli::exit::{Answer, Usage};
use crate::cli::view::{self, Screen};
use crate::cli::{keys, plan};
use crate::lab::filter::field;
use crate::lab::keep::Keep;
use crate::lab::parse::{Predict, Statement, What};
use crate::lab::quiz::{self as questions, Answered};
use crate::lab::run::Runner;
use crate::lab::session::Session;
use crate::lab::{Lab, Record, Value};
use crate::model::{Flow, Side};
use crate::narrate::quiz;
use anyhow::Context;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::mem;
use std::rc::Rc;

/// Events of a run that are told at most, without `--all`: of them the first, the last, and those of frames that were
/// lost.
const SHOWN: usize = 40;
const AT_BEGIN: usize = 4;
const AT_END: usize = 6;
const LOST: usize = 6;
/// Of so many of these also the frame itself, and the one that brings its octets again.
const REPAIRED: usize = 2;
/// So few are not left out between two that are told.
const FEW: usize = 3;
/// What q does between the steps of a lab's run.
const GOES_ON: &str = "on with the lab";
/// How often a prediction that is no answer may be put right.
const TRIES: usize = 5;

/// `layerlab lab run`.
pub(crate) fn run(args: &RunLabArgs) -> anyhow::Result<Answer> {
    let lab = open_for(&args.lab, args.place.student.as_deref())?;
    let mut session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    if args.recorded {
        has_recording(&lab)?;
    }
    begin(args, &mut session)?;
    let (kept, questions) = (session.committed(), lab.questions().count());
    let mut out = io::stdout().lock();
    writeln!(out, "Lab {}, {} minutes. Layers: {}\n", lab.number, lab.minutes, lab.layers)?;
    if args.recorded {
        out.write_all(quiz::recorded().as_bytes())?;
    }
    if let Some(file) = args.answers.as_ref().filter(|_| kept > 0) {
        out.write_all(quiz::goes_on(kept, questions, &file.display().to_string()).as_bytes())?;
    }
    // It was asked before the first prediction was.
    if args.recall && kept == 0 {
        recall(&mut out, &lab, &runner)?;
    }
    let mut captures: Vec<Option<String>> = Vec::new();
    let mut facts = String::new();
    for (nth, part) in lab.parts.iter().enumerate() {
        if let What::Predict(predict) = &part.what {
            out.write_all(show::question(predict).as_bytes())?;
            let said = session.said(predict);
            if let Some(said) = &said {
                out.write_all(quiz::kept(said).as_bytes())?;
            }
            let predicted = match said {
                None if args.quiz => typed(&mut out, predict, false)?,
                said => said,
            };
            if args.quiz && predicted.is_none() {
                let file = args.answers.as_ref().map(|file| file.display().to_string());
                return Err(Usage(quiz::left(session.committed(), questions, file.as_deref())).into());
            }
            session.predicted(predict, predicted);
            keep(args, &session, &captures)?;
            continue;
        }
        if let What::Check(statements) = &part.what {
            facts.push_str(&checked(&mut session, statements, args.teacher));
            // What was predicted stands beside what was seen before any fact gives it away.
            if lab.ends_checks(nth) {
                if args.observe {
                    observe(&mut out, &mut session, &|session| keep(args, session, &captures))?;
                }
                for answered in session.reveal() {
                    out.write_all(result(&answered).as_bytes())?;
                }
                write!(out, "\n{}", mem::take(&mut facts))?;
                keep(args, &session, &captures)?;
            }
            continue;
        }
        step(&mut out, nth, &mut session, &runner, args, &mut captures)?;
    }
    for answered in session.end() {
        out.write_all(result(&answered).as_bytes())?;
    }
    keep(args, &session, &captures)?;
    let verdicts: Vec<_> = session.checked.iter().map(check::verdict).collect();
    out.write_all(quiz::tally(&verdicts, session.unclear().len()).as_bytes())?;
    Ok(if session.passed() { Answer::Yes } else { Answer::No })
}

/// A question beside what was observed.
fn result(answered: &Answered) -> String {
    quiz::result(&quiz::Told {
        ask: &answered.ask,
        predicted: answered.predicted.as_deref(),
        observed: &answered.observed,
        right: answered.right,
        near: answered.near,
        typed: answered.typed.as_ref().map(|(typed, right)| (&**typed, *right)),
        often: answered.often.as_deref(),
        frames: &answered.frames,
    })
}

/// A question each of the labs two and five before this one: what is asked for again is remembered. Their answers
/// are observed too, so their runs are made for it.
fn recall(out: &mut dyn Write, lab: &Lab, runner: &Runner) -> anyhow::Result<()> {
    for back in [2, 5] {
        let Some(Ok((old, _))) = lab.number.checked_sub(back).map(|number| open(&number.to_string())) else {
            continue;
        };
        writeln!(out, "From lab {}: {}", old.number, old.title)?;
        let mut session = Session::new(&old, None);
        let mut asked = false;
        for (nth, part) in old.parts.iter().enumerate() {
            match &part.what {
                What::Predict(predict) if !asked => {
                    out.write_all(show::question(predict).as_bytes())?;
                    let Some(predicted) = typed(out, predict, false)? else {
                        return Err(Usage(quiz::left(0, 1, None)).into());
                    };
                    session.predicted(predict, Some(predicted));
                    asked = true;
                }
                What::Run(run) => {
                    let record = runner.run(&session.words(run), run.text, None).map_err(cannot)?;
                    session.ran(run, record);
                }
                What::Check(statements) => {
                    session.check(statements);
                }
                What::Predict(_) | What::Prose(_) | What::Change(_) => {}
            }
            let answered = if old.ends_checks(nth) { session.reveal() } else { Vec::new() };
            if let Some(answered) = answered.first() {
                writeln!(out, "{}", result(answered))?;
                break;
            }
        }
    }
    Ok(())
}

/// What was seen, before it is told: who predicts and then looks, learns from both.
fn observe(
    out: &mut dyn Write,
    session: &mut Session<'_>,
    keep: &dyn Fn(&Session<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for predict in session.due() {
        out.write_all(quiz::observe(&predict.ask).as_bytes())?;
        if let Some(saw) = typed(out, predict, true)? {
            session.saw(predict, saw);
            keep(session)?;
        }
    }
    Ok(())
}

/// An answer, put right where it is none; nothing at the end of the input, after too many of these, or, where that
/// `may_be_empty`, for an empty line.
fn typed(out: &mut dyn Write, predict: &Predict, may_be_empty: bool) -> io::Result<Option<String>> {
    for _ in 0..TRIES {
        write!(out, "you:     ")?;
        out.flush()?;
        let mut typed = String::new();
        if io::stdin().lock().read_line(&mut typed)? == 0 {
            // What is said next begins a line of its own.
            writeln!(out)?;
            break;
        }
        if may_be_empty && typed.trim().is_empty() {
            break;
        }
        match questions::read(predict, &typed) {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => out.write_all(quiz::again(&error.to_string()).as_bytes())?,
        }
    }
    Ok(None)
}

fn step(
    out: &mut dyn Write,
    place: usize,
    session: &mut Session<'_>,
    runner: &Runner,
    args: &RunLabArgs,
    captures: &mut Vec<Option<String>>,
) -> anyhow::Result<()> {
    let part = &session.lab.parts[place];
    match &part.what {
        What::Run(run) => {
            let command = format!("layerlab {}", shell(&session.words(run)));
            writeln!(out, "{}", quiz::command("$ ", &command))?;
            out.flush()?;
            // Beside the answers lies what they can be worked out from again.
            let nth = captures.len() + 1;
            let answers = args.answers.as_ref().filter(|_| run.can_be_kept());
            let beside = answers.map(|file| Keep {
                file: beside(file, nth),
                lab: session.lab.number,
                run: nth as u32,
                student: session.student.as_ref().map(|student| student.id.clone()),
            });
            captures.push(
                beside.as_ref().and_then(|keep| Some(keep.file.file_name()?.to_string_lossy().into_owned())),
            );
            let source = match beside {
                Some(keep) => Source::Keep(keep),
                None if args.recorded && !run.is_local() => Source::Recorded,
                None => Source::Run,
            };
            let record = source.record(session, run, nth, runner)?;
            session.ran(run, record);
            keep(args, session, captures)?;
            let facts = session.check_instead(&session.lab.checks(place), session.record());
            let rests: Vec<BTreeSet<u64>> = facts.into_iter().map(|checked| checked.events).collect();
            tell(out, session.record(), &command, &run.show, &rests, args)?;
        }
        _ => out.write_all(show::seen(part).as_bytes())?,
    }
    Ok(())
}

/// The facts of a block, each with what came of it.
fn checked(session: &mut Session<'_>, statements: &[Statement], teacher: bool) -> String {
    let mut text = String::new();
    for checked in session.check(statements) {
        text.push_str(&check::told(checked));
        if teacher {
            text.push_str(&quiz::detail(&checked.expected, &checked.seen));
        }
    }
    text
}

/// The words as a shell takes them.
pub(super) fn shell(words: &[String]) -> String {
    let plain = |word: &String| {
        let bare = |c: char| c.is_ascii_alphanumeric() || "-_.:,/=%+".contains(c);
        if !word.is_empty() && word.chars().all(bare) { word.clone() } else { format!("'{word}'") }
    };
    words.iter().map(plain).collect::<Vec<_>>().join(" ")
}

/// What happened, a line an event: what a call gave, and what crossed the wire.
fn tell(
    out: &mut dyn Write,
    record: &Record,
    title: &str,
    show: &[String],
    rests: &[BTreeSet<u64>],
    args: &RunLabArgs,
) -> anyhow::Result<()> {
    let mut wait = None;
    // What a program only printed has no steps.
    let step = args.step && record.lines.iter().any(|line| line["kind"] == "event");
    // What stands on the ordinary screen is read before the whole screen covers it.
    if step && view::is_possible() && keys::offer("its steps on the whole screen", GOES_ON)? == Flow::Continue
    {
        let style = plan::plain_style(args.look, ModelArg::Both, false);
        Screen::show(title, style, record.lines.iter().map(|line| (&**line, fields(line, show))))
            .context("the terminal does not take the whole screen")?;
    } else if step && !view::is_possible() {
        wait = Some(keys::step(GOES_ON));
    }
    let shown: Vec<_> = record.lines.iter().filter(|line| Record::is_told(line)).collect();
    let all = args.all || wait.is_some();
    let mut chosen = if all { (0..shown.len()).collect() } else { chosen(&shown, rests) };
    fill(&mut chosen);
    let mut left_out = 0;
    for (nth, line) in shown.iter().enumerate() {
        if !chosen.contains(&nth) {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            out.write_all(quiz::left_out(mem::take(&mut left_out)).as_bytes())?;
        }
        let sentence = Record::sentence(line).unwrap_or_default();
        // What a host's program or kernel did; a frame's sentence has its direction.
        let host = line["place"].as_str().filter(|place| *place != "wire");
        let fields = fields(line, show);
        out.write_all(quiz::event(line["at_ns"].as_u64(), host, sentence, &fields).as_bytes())?;
        if let Some(step) = &mut wait {
            out.flush()?;
            // Whoever has seen enough goes on with the lab.
            if step()? == Flow::Stop {
                break;
            }
        }
    }
    for side in [Side::Server, Side::Client] {
        let crossed @ [_, lost, _] = crossed(record, side);
        if lost > 0 {
            out.write_all(quiz::crossed(side.name(), crossed).as_bytes())?;
        }
    }
    Ok(())
}

/// The fields that the lab wants to be seen, of a frame that has them.
fn fields(line: &Json, show: &[String]) -> String {
    let found = show.iter().map(|name| (&**name, field(line, name)));
    let found = found.filter(|(_, value)| line["what"] == "frame" && *value != Value::Missing);
    quiz::fields(&found.map(|(name, value)| (name, value.shown())).collect::<Vec<_>>())
}

/// The frames to this side: how many, how many of them the wire dropped, and how often one or several in a row.
fn crossed(record: &Record, to: Side) -> [u64; 3] {
    let heading = format!("to-{}", to.name());
    let of = |what: &str| -> Vec<u64> {
        let lines = record.lines.iter().filter(|line| line["what"] == what && line["direction"] == *heading);
        let lines = lines.filter(|line| what == "frame" || line["fate"] == "dropped");
        lines.filter_map(|line| line["frame.number"].as_u64()).collect()
    };
    let (frames, lost) = (of("frame"), BTreeSet::from_iter(of("fate")));
    let rows = frames.chunk_by(|a, b| lost.contains(a) == lost.contains(b));
    let runs = rows.filter(|row| lost.contains(&row[0])).count();
    [frames.len() as u64, lost.len() as u64, runs as u64]
}

/// A few lines are told sooner than that they are left out.
fn fill(chosen: &mut BTreeSet<usize>) {
    let mut next = 0;
    for nth in chosen.clone() {
        if nth - next <= FEW {
            chosen.extend(next..nth);
        }
        next = nth + 1;
    }
}

/// Whether a frame has the octets of an earlier one once more.
fn brings_again(frame: &Json, number: &Json) -> bool {
    let notes = frame["analysis"].as_array();
    notes.into_iter().flatten().any(|note| note["note"] == "retransmission" && note["frame"] == *number)
}

/// Which of the lines are told: the last, those of frames that were lost (of the first of them also how that came right),
/// those that the lab's facts rest on (first those of facts that rest on few), and, where there is room, the first.
fn chosen(shown: &[&Rc<Json>], rests: &[BTreeSet<u64>]) -> BTreeSet<usize> {
    let mut chosen: BTreeSet<usize> = (shown.len().saturating_sub(AT_END)..shown.len()).collect();
    let lost: Vec<usize> = (0..shown.len()).filter(|nth| shown[*nth]["fate"] == "dropped").collect();
    let (first, more) = lost.split_at(lost.len().min(LOST));
    chosen.extend(first);
    for number in first.iter().take(REPAIRED).map(|nth| &shown[*nth]["frame.number"]) {
        let frame =
            |is: &dyn Fn(&Json) -> bool| shown.iter().position(|line| line["what"] == "frame" && is(line));
        chosen.extend(frame(&|line| line["frame.number"] == *number));
        chosen.extend(frame(&|line| brings_again(line, number)));
    }
    let mut rests: Vec<_> = rests.iter().collect();
    rests.sort_by_key(|rests| rests.len());
    for rests in rests {
        let is_of = |nth: &usize| shown[*nth]["id"].as_u64().is_some_and(|id| rests.contains(&id));
        let room = (SHOWN - AT_BEGIN).saturating_sub(chosen.len());
        let is_new = |nth: &usize| !chosen.contains(nth) && more.binary_search(nth).is_err();
        let new: Vec<usize> = (0..shown.len()).filter(is_of).filter(is_new).collect();
        // Of more than there is room for a few show what they are.
        let most = if new.len() > room { room.min(FEW) } else { room };
        chosen.extend(new.into_iter().take(most));
    }
    for nth in 0..shown.len() {
        if chosen.len() >= SHOWN {
            break;
        }
        chosen.insert(nth);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_the_first_that_is_lost_it_is_told_how_it_came_right() {
        let frame = |number: u64| json!({"what": "frame", "frame.number": number, "id": number + 1000});
        let mut lines: Vec<Json> = (1..=200).map(frame).collect();
        lines[179]["analysis"] = json!([{"note": "acknowledges", "frame": 100},
            {"note": "retransmission", "frame": 100}]);
        for (nth, number) in (0..30).map(|nth| (100 + 2 * nth, 100 + nth)) {
            lines.insert(
                nth,
                json!({"what": "fate", "fate": "dropped", "frame.number": number, "id": number}),
            );
        }
        let shown: Vec<Rc<Json>> = lines.into_iter().map(Rc::new).collect();
        let shown: Vec<&Rc<Json>> = shown.iter().collect();
        // A fact that rests on all that was dropped makes no list of them.
        let rests = [(100..130).collect(), (1050..1100).collect()];
        let told: Vec<&Json> = chosen(&shown, &rests).into_iter().map(|nth| &**shown[nth]).collect();
        let frames: Vec<u64> = told
            .iter()
            .filter(|line| line["what"] == "frame")
            .filter_map(|line| line["frame.number"].as_u64())
            .collect();
        assert!([100, 101, 180, 200].iter().all(|number| frames.contains(number)), "{frames:?}");
        assert_eq!(told.iter().filter(|line| line["what"] == "fate").count(), LOST);
        assert!(told.len() <= SHOWN);
        // What rests on very many leaves room for how it began.
        assert_eq!(frames.iter().filter(|number| (50..100).contains(*number)).count(), FEW);
        assert!((1..=20).all(|number| frames.contains(&number)), "{frames:?}");
    }
}
