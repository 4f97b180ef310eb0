//! A sweep's rows as lines of JSON: what `--json` prints, what a file keeps, and what a later run reads back.
//!
//! The first line says what the sweep is, each other one is a run that is done. A file whose last line is torn
//! (the disk was full, the power failed) is good up to there.

use super::{Cell, Plan, Row};
use crate::report::loss::Transport;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use thiserror::Error;

/// Why a file of rows cannot be continued.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RowsError {
    /// It is something else.
    #[error("it holds no sweep of layerlab's: its first line is no header")]
    NoSweep,
    /// It holds another sweep.
    #[error("it holds another sweep: {name} was {was} there and is {is} now")]
    Another {
        /// What differs.
        name: &'static str,
        /// In the file.
        was: String,
        /// Asked for now.
        is: String,
    },
    /// A line inside it is no row of the sweep.
    #[error("line {0} is no row of this sweep")]
    Line(usize),
}

/// What a file held.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Kept {
    /// Its rows, each of another cell.
    pub rows: Vec<Row>,
    /// How many octets of it are whole lines; what follows is a torn line, to be cut off.
    pub whole: usize,
}

/// What makes two sweeps the same.
fn parameters(plan: &Plan) -> [(&'static str, Value); 7] {
    let delays: Vec<f64> = plan.delays.iter().map(|d| super::ms(*d)).collect();
    let transports: Vec<String> = plan.transports.iter().map(Transport::name).collect();
    [
        ("loss_percent", json!(plan.losses)),
        ("delay_ms", json!(delays)),
        ("transports", json!(transports)),
        ("runs", json!(plan.runs)),
        ("seed", json!(plan.seed)),
        ("load", json!(plan.load)),
        ("wire", json!(plan.wire)),
    ]
}

/// The first line, without its end.
pub fn header(plan: &Plan, command: &str, version: &str) -> String {
    let mut object = json!({"type": "sweep", "schema": 1, "command": command, "version": version});
    for (name, value) in parameters(plan) {
        object[name] = value;
    }
    object.to_string()
}

/// A row's line, without its end.
pub fn line(row: &Row) -> String {
    let cell = &row.cell;
    json!({
        "type": "row",
        "loss_percent": cell.loss,
        "delay_ms": super::ms(cell.delay),
        "transport": cell.transport.name(),
        "run": cell.run,
        "seed": cell.seed,
        "goodput_bit_s": row.goodput,
        "p50_ms": row.p50,
        "p99_ms": row.p99,
        "max_ms": row.max,
        "messages": row.messages,
        "lost": row.lost,
        "frames": row.frames,
        "dropped": row.dropped,
        "retransmissions": row.retransmissions,
        "late_ms": row.late,
        "took_ms": row.took,
        "failed": row.failed,
    })
    .to_string()
}

/// The seed in a file's header: a sweep that is continued without naming one goes on with it.
pub fn seed(text: &str) -> Option<u64> {
    let head: Value = serde_json::from_str(text.lines().next()?).ok()?;
    (head["type"] == "sweep").then(|| head["seed"].as_u64()).flatten()
}

/// Reads what was kept of this very sweep. An empty text has kept nothing.
///
/// # Errors
/// [`RowsError`].
pub fn read(text: &str, plan: &Plan) -> Result<Kept, RowsError> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines().enumerate();
    let Some((_, first)) = lines.next() else {
        // Less than a line: nothing, or the beginning of a header that was torn.
        let ours = header(plan, "", "");
        let start = ours.find("\"command\"").unwrap_or(0).min(text.len());
        return if text.starts_with(&ours[..start]) { Ok(Kept::default()) } else { Err(RowsError::NoSweep) };
    };
    let head: Value = serde_json::from_str(first).map_err(|_| RowsError::NoSweep)?;
    if head["type"] != "sweep" || head["schema"] != 1 {
        return Err(RowsError::NoSweep);
    }
    for (name, is) in parameters(plan) {
        if head[name] != is {
            return Err(RowsError::Another { name, was: head[name].to_string(), is: is.to_string() });
        }
    }
    let mut cells: BTreeSet<(String, u64)> = plan.cells().map(|cell| (cell.key(), cell.seed)).collect();
    let mut rows = Vec::new();
    for (i, line) in lines {
        let row = parsed(line, plan).ok_or(RowsError::Line(i + 1))?;
        // A row that stands there twice, or is of no cell of this sweep, was not written by it.
        if !cells.remove(&(row.cell.key(), row.cell.seed)) {
            return Err(RowsError::Line(i + 1));
        }
        rows.push(row);
    }
    Ok(Kept { rows, whole })
}

fn parsed(line: &str, plan: &Plan) -> Option<Row> {
    let o: Value = serde_json::from_str(line).ok()?;
    let transport = o["transport"].as_str()?;
    let optional = |name: &str| match &o[name] {
        Value::Null => Some(None),
        value => value.as_f64().map(Some),
    };
    let cell = Cell {
        loss: o["loss_percent"].as_f64()?,
        delay: Duration::try_from_secs_f64(o["delay_ms"].as_f64()? / 1e3).ok()?,
        transport: plan.transports.iter().find(|t| t.name() == transport)?.clone(),
        run: u32::try_from(o["run"].as_u64()?).ok()?,
        seed: o["seed"].as_u64()?,
    };
    Some(Row {
        cell,
        goodput: o["goodput_bit_s"].as_f64()?,
        p50: optional("p50_ms")?,
        p99: optional("p99_ms")?,
        max: optional("max_ms")?,
        messages: o["messages"].as_u64()?,
        lost: o["lost"].as_u64()?,
        frames: o["frames"].as_u64()?,
        dropped: o["dropped"].as_u64()?,
        retransmissions: o["retransmissions"].as_u64()?,
        late: o["late_ms"].as_f64()?,
        took: o["took_ms"].as_f64()?,
        failed: match &o["failed"] {
            Value::Null => None,
            value => Some(value.as_str()?.to_owned()),
        },
    })
}
