//! `layerlab lab worksheet`: what crossed the wire, with blanks to fill in.

use super::args::{ColumnArg, WorksheetArgs};
use super::play::shell;
use super::{cannot, open_for, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::expression::Expression;
use crate::lab::facts::{Names, names};
use crate::lab::parse::{Predict, Run, What};
use crate::lab::run::Runner;
use crate::lab::session::Session;
use crate::lab::student::order;
use crate::lab::{Lab, Part, Record};
use crate::narrate::worksheet::{Head, Row, application, direction, worksheet};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;

/// Rows of a sheet at the most: more is no exercise.
const ROWS_MAX: usize = 40;
/// Rows before the first that has something in a column that is asked for, where that comes late.
const ROWS_BEFORE: usize = 4;
/// Columns that are left blank where nobody says which.
const BLANKS: usize = 2;

/// `layerlab lab worksheet`.
pub(crate) fn run(args: &WorksheetArgs) -> anyhow::Result<Answer> {
    let lab = open_for(&args.lab, args.place.student.as_deref())?;
    let session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    let (nth, place, run) = chosen(&lab, args.run.map(usize::from))?;
    let words = session.words(run);
    let record = runner.run(&words, run.text, None).map_err(cannot)?;
    let mut rows = rows(&record);
    let questions: Vec<String> = lab.questions().map(question).collect();
    let has = |column: &usize| rows.iter().any(|row| !row.cells[*column].is_empty());
    let about = about(&lab, place);
    let blank: Vec<usize> = match args.blank.is_empty() {
        true => default_blanks(&about, &has),
        false => args.blank.iter().map(|column| *column as usize).filter(&has).collect(),
    };
    if blank.is_empty() {
        let text = "no frame of this run has anything in these columns: blank another, such as direction";
        return Err(Usage(text.to_owned()).into());
    }
    // A column more, where somebody wants it.
    let frame_len = ColumnArg::FrameLen as usize;
    if !blank.contains(&frame_len) && !about.contains(&ColumnArg::FrameLen) {
        rows.iter_mut().for_each(|row| row.cells[frame_len].clear());
    }
    let (window, frames) = (window(&rows, &blank), rows.len());
    let (before, rows) = (window.start, &rows[window]);
    let answers = match &args.key {
        Some(_) => answers(&lab, args, &runner, nth, record.clone())?,
        None => Vec::new(),
    };
    let shuffled = order(record.run["seed"].as_u64().unwrap_or(0), rows.len());
    let head = Head {
        title: &format!("Lab {}: {}", lab.number, lab.title),
        command: &format!("layerlab {}", shell(&words)),
        frames,
        before,
        student: args.place.student.as_deref().unwrap_or(""),
        questions: &questions,
        answers: &answers,
    };
    let (sheet, key) = worksheet(&head, rows, &blank, args.shuffle.then_some(&shuffled));
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

/// The run that is asked for, 1 the first, or the first that has frames: its number, and its place in the lab.
fn chosen(lab: &Lab, asked: Option<usize>) -> Result<(usize, usize, &Run), Usage> {
    let runs = lab.parts.iter().enumerate().filter_map(|(place, part)| match &part.what {
        What::Run(run) => Some((place, run)),
        _ => None,
    });
    let runs = (1..).zip(runs).map(|(nth, (place, run))| (nth, place, run));
    let shown: Vec<(usize, usize, &Run)> = runs.filter(|(_, _, run)| run.can_be_kept()).collect();
    let found = shown.iter().find(|(nth, ..)| asked.is_none_or(|asked| asked == *nth));
    found.copied().ok_or_else(|| {
        let names: Vec<String> = shown.iter().map(|(nth, ..)| nth.to_string()).collect();
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

/// The columns that the run at this place is about, the most first: those that the questions before it and the facts behind
/// it name. From whom to whom and which protocol is asked in nearly every filter: once is nothing.
fn about(lab: &Lab, place: usize) -> Vec<ColumnArg> {
    let is_run = |part: &Part| matches!(part.what, What::Run(_));
    let begin = lab.parts[..place].iter().rposition(is_run).unwrap_or(0);
    let asked = lab.parts[begin..place].iter().filter_map(|part| match &part.what {
        What::Predict(predict) => Some(predict.answer.expressions().collect()),
        _ => None,
    });
    let facts = lab.checks(place).into_iter().flatten().filter(|statement| !statement.is_let);
    let claims: Vec<Vec<&Expression>> = asked.chain(facts.map(|fact| vec![&fact.expression])).collect();
    let mut about: Vec<(usize, ColumnArg)> = Vec::new();
    for column in ColumnArg::value_variants() {
        let mut times = 0;
        for claim in &claims {
            let mut named = false;
            for expression in claim {
                names(expression, Names::Own, &mut |name, _| {
                    // `syn.tcp.seq_raw` is a field of a let.
                    let field = name.split_once('.').map_or(name, |(_, field)| field);
                    named |= column.is_of(name) || column.is_of(field);
                });
            }
            times += usize::from(named);
        }
        let usual = matches!(column, ColumnArg::Direction | ColumnArg::Protocol);
        times -= usize::from(usual && times > 0);
        if times > 0 {
            about.push((times, *column));
        }
    }
    about.sort_by_key(|(times, _)| Reverse(*times));
    about.into_iter().map(|(_, column)| column).collect()
}

/// What is left blank where nobody says what: what the run is about, as far as it can be worked out from the rest of its row
/// and the others; else TCP's numbers, where there are any.
fn default_blanks(about: &[ColumnArg], has: &dyn Fn(&usize) -> bool) -> Vec<usize> {
    use ColumnArg::{Ack, Direction, Fate, Len, Protocol, Seq, Stream};
    let guesses = [Stream, Fate];
    let named = about.iter().filter(|column| !guesses.contains(column)).map(|column| *column as usize);
    let named: Vec<usize> = named.filter(has).take(BLANKS).collect();
    match named.is_empty() {
        false => named,
        true if has(&(Seq as usize)) => vec![Seq as usize, Ack as usize],
        true => vec![Direction as usize, Protocol as usize, Len as usize],
    }
}

/// Which frames stand on the sheet: the first, or, where a blank column has nothing for long, those around its first.
fn window(rows: &[Row], blank: &[usize]) -> Range<usize> {
    let first = |column: &usize| rows.iter().position(|row| !row.cells[*column].is_empty());
    let latest = blank.iter().filter_map(first).max().unwrap_or(0);
    let begin = if latest < ROWS_MAX / 2 { 0 } else { latest - ROWS_BEFORE };
    let begin = begin.min(rows.len().saturating_sub(ROWS_MAX));
    begin..rows.len().min(begin + ROWS_MAX)
}

/// Every frame of a run.
fn rows(record: &Record) -> Vec<Row> {
    let lines = || record.lines.iter().map(|line| &**line);
    let lost: BTreeSet<u64> = lines()
        .filter(|line| line["fate"] == "dropped")
        .filter_map(|line| line["frame.number"].as_u64())
        .collect();
    // What layer 7 says is told with the frame that has its last octet.
    let mut said: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in lines() {
        let told = |key| Some(shown(&line[key])).filter(|text| !text.is_empty());
        let keys = ["http.request.method", "http.response.code", "opcode_name", "type_name"];
        if let (Some(name), Some(frame)) = (keys.into_iter().find_map(told), line["last_frame"].as_u64()) {
            said.entry(frame).or_default().push(name);
        }
    }
    let frames: Vec<&Value> = lines().filter(|line| line["what"] == "frame").collect();
    let streams: BTreeSet<u64> = frames.iter().filter_map(|frame| frame["tcp.stream"].as_u64()).collect();
    let row = |frame: &Value| {
        let number = frame["frame.number"].as_u64().unwrap_or(0);
        let flags = frame["flags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let of_side =
            || if frame["direction"] == "to-server" { "client > server" } else { "server > client" };
        let direction = frame["sentence"].as_str().and_then(direction);
        let length = match frame["udp.length"].as_u64() {
            // A UDP header has 8 octets (RFC 768).
            Some(length) => length.saturating_sub(8).to_string(),
            None => shown(&frame["tcp.len"]),
        };
        // A float is exact enough for two digits of a millisecond.
        let time = frame["at_ns"].as_u64().map(|at| format!("{:.2}", at as f64 / 1e6)).unwrap_or_default();
        Row {
            number: number.to_string(),
            time,
            cells: [
                direction.unwrap_or_else(|| of_side().to_owned()),
                if streams.len() > 1 { shown(&frame["tcp.stream"]) } else { String::new() },
                shown(&frame["protocol"]).to_uppercase(),
                flags.collect::<Vec<_>>().join(","),
                shown(&frame["tcp.seq"]),
                shown(&frame["tcp.ack"]),
                length,
                shown(&frame["frame.len"]),
                application(said.get(&number).map_or(&[][..], |names| names)),
                if lost.contains(&number) { "dropped" } else { "" }.to_owned(),
            ],
        }
    };
    frames.into_iter().map(row).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::shelf;

    fn carried(number: usize) -> (Lab, Vec<usize>) {
        let (file, text) =
            shelf::LABS.iter().find(|(file, _)| file.starts_with(&format!("labs/{number:02}-"))).unwrap();
        let lab = Lab::parse(file, text).unwrap();
        let runs = (0..lab.parts.len()).filter(|nth| matches!(lab.parts[*nth].what, What::Run(_)));
        let runs = runs.collect();
        (lab, runs)
    }

    #[test]
    fn what_a_lab_is_about_is_left_blank() {
        use ColumnArg::*;
        let of = |number, run: usize| {
            let (lab, runs) = carried(number);
            default_blanks(&about(&lab, runs[run - 1]), &|_| true)
        };
        let columns =
            |columns: &[ColumnArg]| columns.iter().map(|column| *column as usize).collect::<Vec<_>>();
        for (number, run, expected) in [
            (2, 1, &[FrameLen, Len][..]),
            (4, 1, &[Seq, Ack]),
            (7, 1, &[Flags]),
            (12, 1, &[Protocol]),
            (21, 1, &[Application, Flags]),
            (26, 1, &[Application]),
            // Nothing that a column has is named, or only what cannot be worked out.
            (10, 2, &[Seq, Ack]),
            (17, 4, &[Seq, Ack]),
        ] {
            assert_eq!(of(number, run), columns(expected), "lab {number}, run {run}");
        }
    }

    #[test]
    fn what_has_its_first_late_is_shown_from_there_on() {
        let rows: Vec<Row> = (0..100).map(|_| Row::default()).collect();
        let fate = ColumnArg::Fate as usize;
        let of = |len: usize, first: usize| {
            let mut rows = rows[..len].to_vec();
            rows[first].cells[fate] = "dropped".into();
            window(&rows, &[fate])
        };
        assert_eq!(window(&rows, &[fate]), 0..40);
        assert_eq!([of(100, 3), of(100, 50), of(100, 99), of(30, 29)], [0..40, 46..86, 60..100, 0..30]);
    }

    #[test]
    fn a_row_says_whose_connection_it_is_and_what_is_in_it() {
        let line = |number: u64, stream: u64, to: &str| {
            format!(
                r#"{{"kind":"event","what":"frame","frame.number":{number},"protocol":"tcp","tcp.stream":{stream},"frame.len":77,"direction":"to-server","sentence":"\u0023{number} client>{to} TCP"}}"#
            )
        };
        let text = r#"{"kind":"event","what":"websocket","opcode_name":"Text","last_frame":2}"#;
        let status = r#"{"kind":"event","what":"websocket","http.response.code":101,"last_frame":2}"#;
        let fate = r#"{"kind":"event","what":"fate","fate":"dropped","frame.number":1}"#;
        let two = [&line(1, 0, "*"), fate, &line(2, 1, "server"), status, text].join("\n");
        let both = rows(&Record::read(&two, Some(0)));
        assert_eq!(both[0].cells, ["client > all", "0", "TCP", "", "", "", "", "77", "", "dropped"]);
        assert_eq!(both[1].cells, ["client > server", "1", "TCP", "", "", "", "", "77", "101,Text", ""]);
        // Of one connection the number says nothing.
        assert_eq!(rows(&Record::read(&line(1, 0, "server"), Some(0)))[0].cells[1], "");
    }
}
