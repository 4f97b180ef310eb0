//! `layerlab lab worksheet`: what crossed the wire, with blanks to fill in.

use super::args::{ColumnArg, WorksheetArgs};
use super::play::shell;
use super::{cannot, open_for, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::parse::{Predict, Run};
use crate::lab::run::Runner;
use crate::lab::session::Session;
use crate::lab::student::order;
use crate::lab::{Lab, Record};
use crate::narrate::worksheet::{Head, Row, worksheet};
use anyhow::Context;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// Rows of a sheet at the most: more is no exercise.
const ROWS_MAX: usize = 40;

/// `layerlab lab worksheet`.
pub(crate) fn run(args: &WorksheetArgs) -> anyhow::Result<Answer> {
    let lab = open_for(&args.lab, args.place.student.as_deref())?;
    let session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    let (nth, run) = chosen(&lab, args.run.map(usize::from))?;
    let words = session.words(run);
    let record = runner.run(&words, run.text, None).map_err(cannot)?;
    let frames: Vec<_> = record.lines.iter().filter(|line| line["what"] == "frame").collect();
    let lost = record.lines.iter().filter(|line| line["fate"] == "dropped").map(|line| &line["frame.number"]);
    let lost: Vec<&Value> = lost.collect();
    let rows: Vec<Row> = frames
        .iter()
        .take(ROWS_MAX)
        .map(|frame| row(frame, lost.contains(&&frame["frame.number"])))
        .collect();
    let questions: Vec<String> = lab.questions().map(question).collect();
    let asked: Vec<usize> = args.blank.iter().map(|column| *column as usize).collect();
    let has = |columns: &[usize]| {
        rows.iter().any(|row| columns.iter().any(|column| !row.cells[*column].is_empty()))
    };
    // TCP's numbers, where there are any.
    let blank = match asked.is_empty() {
        true if has(&[ColumnArg::Seq as usize]) => vec![ColumnArg::Seq as usize, ColumnArg::Ack as usize],
        true => vec![ColumnArg::Direction as usize, ColumnArg::Protocol as usize, ColumnArg::Len as usize],
        false if has(&asked) => asked,
        false => {
            let text = "no frame of this run has anything in these columns: blank another, such as direction";
            return Err(Usage(text.to_owned()).into());
        }
    };
    let answers = match &args.key {
        Some(_) => answers(&lab, args, &runner, nth, record.clone())?,
        None => Vec::new(),
    };
    let shuffled = order(record.run["seed"].as_u64().unwrap_or(0), rows.len());
    let head = Head {
        title: &format!("Lab {}: {}", lab.number, lab.title),
        command: &format!("layerlab {}", shell(&words)),
        frames: frames.len(),
        student: args.place.student.as_deref().unwrap_or(""),
        questions: &questions,
        answers: &answers,
    };
    let (sheet, key) = worksheet(&head, &rows, &blank, args.shuffle.then_some(&shuffled));
    if let Some(file) = &args.key {
        // A key that was printed before belongs to its own sheet, and a lab's file to its author.
        let new = File::create_new(file).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Usage(format!(
                "{} is there already: name another file for the key, or take it away",
                file.display()
            )),
            _ => Usage(format!("the key cannot be written to {}: {error}", file.display())),
        });
        let written = new?.write_all(key.as_bytes());
        written.with_context(|| format!("the key cannot be written to {}", file.display()))?;
    }
    io::stdout().lock().write_all(sheet.as_bytes())?;
    Ok(Answer::Yes)
}

/// The run that is asked for, 1 the first, or the first that has frames.
fn chosen(lab: &Lab, asked: Option<usize>) -> Result<(usize, &Run), Usage> {
    let shown: Vec<(usize, &Run)> = (1..).zip(lab.runs()).filter(|(_, run)| run.can_be_kept()).collect();
    let found = shown.iter().find(|(nth, _)| asked.is_none_or(|asked| asked == *nth));
    found.copied().ok_or_else(|| {
        let names: Vec<String> = shown.iter().map(|(nth, _)| nth.to_string()).collect();
        Usage(match (&names[..], asked) {
            ([], _) | (_, None) => format!("no run of lab {} has frames to show", lab.number),
            (names, Some(asked)) => format!(
                "lab {} has no run {asked} with frames to show: name one of these with --run: {}",
                lab.number,
                names.join(", ")
            ),
        })
    })
}

/// A question with its choices.
fn question(predict: &Predict) -> String {
    match &predict.choices()[..] {
        [] => predict.ask.clone(),
        choices => format!("{} ({})", predict.ask, choices.join(" | ")),
    }
}

/// What each question's answer is, in the order of the questions: all of the lab's runs are made for it.
fn answers(
    lab: &Lab,
    args: &WorksheetArgs,
    runner: &Runner,
    made: usize,
    record: Record,
) -> anyhow::Result<Vec<String>> {
    let mut records = Vec::new();
    let session = Session::new(lab, args.place.student.as_deref());
    for (nth, run) in (1..).zip(lab.runs()) {
        records.push(match nth == made {
            true => record.clone(),
            false => runner.run(&session.words(run), run.text, None).map_err(cannot)?,
        });
    }
    let none = BTreeMap::new();
    let session = Session::replay(lab, args.place.student.as_deref(), records, &none, none.clone());
    let observed = |predict: &Predict| {
        let answered = session.answered.iter().find(|answered| answered.id == predict.id);
        answered.map(|answered| answered.observed.clone()).unwrap_or_default()
    };
    Ok(lab.questions().map(observed).collect())
}

fn row(frame: &Value, lost: bool) -> Row {
    let shown = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let flags = frame["flags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let direction = if frame["direction"] == "to-server" { "client > server" } else { "server > client" };
    let length = match frame["udp.length"].as_u64() {
        // A UDP header has 8 octets (RFC 768).
        Some(length) => length.saturating_sub(8).to_string(),
        None => shown(&frame["tcp.len"]),
    };
    // A float is exact enough for two digits of a millisecond.
    let time = frame["at_ns"].as_u64().map(|at| format!("{:.2}", at as f64 / 1e6)).unwrap_or_default();
    Row {
        number: shown(&frame["frame.number"]),
        time,
        cells: [
            direction.to_owned(),
            shown(&frame["protocol"]).to_uppercase(),
            flags.collect::<Vec<_>>().join(","),
            shown(&frame["tcp.seq"]),
            shown(&frame["tcp.ack"]),
            length,
            if lost { "dropped" } else { "" }.to_owned(),
        ],
    }
}
