//! `layerlab lab worksheet`: what crossed the wire, with blanks to fill in.

use super::args::WorksheetArgs;
use super::{cannot, open_for, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::parse::What;
use crate::lab::session::Session;
use crate::lab::student::order;
use crate::narrate::worksheet::{Head, Row, worksheet};
use anyhow::Context;
use serde_json::Value;
use std::fs;
use std::io::{self, Write};

/// Rows of a sheet at the most: more is no exercise.
const ROWS_MAX: usize = 40;

/// `layerlab lab worksheet`.
pub(crate) fn run(args: &WorksheetArgs) -> anyhow::Result<Answer> {
    let lab = open_for(&args.lab, args.place.student.as_deref())?;
    let session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    let nth = usize::from(args.run);
    let Some(run) = lab.runs().nth(nth - 1).filter(|run| run.can_be_kept()) else {
        return Err(Usage(format!(
            "run {nth} of lab {} has no frames to show: name another with --run",
            lab.number
        ))
        .into());
    };
    let words = session.words(run);
    let record = runner.run(&words, run.text, None).map_err(cannot)?;
    let frames = record.lines.iter().filter(|line| line["what"] == "frame");
    let rows: Vec<Row> = frames.take(ROWS_MAX).map(|frame| row(frame)).collect();
    let questions: Vec<String> = lab
        .parts
        .iter()
        .filter_map(|part| match &part.what {
            What::Predict(predict) => Some(predict.ask.clone()),
            _ => None,
        })
        .collect();
    let blank: Vec<usize> = args.blank.iter().map(|column| *column as usize).collect();
    let shuffled = order(record.run["seed"].as_u64().unwrap_or(0), rows.len());
    let head = Head {
        title: &format!("Lab {}: {}", lab.number, lab.title),
        command: &format!("layerlab {}", words.join(" ")),
        student: args.place.student.as_deref().unwrap_or(""),
        questions: &questions,
    };
    let (sheet, key) = worksheet(&head, &rows, &blank, args.shuffle.then_some(&shuffled));
    io::stdout().lock().write_all(sheet.as_bytes())?;
    if let Some(file) = &args.key {
        fs::write(file, key).with_context(|| format!("the key cannot be written to {}", file.display()))?;
    }
    Ok(Answer::Yes)
}

fn row(frame: &Value) -> Row {
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
        ],
    }
}
