//! What a queue's server holds, as tables: its queues, who reads them, and the journal.

use super::grid::grid;
use serde_json::Value;
use std::fmt::Write;

/// The tables of a server's report (docs/protocols/queue.md, REPORT).
pub fn queues(report: &Value, width: usize) -> String {
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let queues = list(&report["queues"]);
    if queues.is_empty() {
        return "No queues.\n".to_owned() + &journal(&report["journal"]);
    }
    let columns = ["kind", "ready", "unacked", "octets", "oldest", "published"];
    let rows: Vec<(String, Vec<String>)> = queues
        .iter()
        .map(|queue| {
            let oldest = queue["oldest_ms"].as_u64().map_or("-".to_owned(), age);
            let row = vec![
                text(&queue["kind"]),
                number(&queue["ready"]),
                number(&queue["unacked"]),
                number(&queue["bytes"]),
                oldest,
                number(&queue["published"]),
            ];
            (text(&queue["name"]), row)
        })
        .collect();
    let mut out = grid(&columns, &rows, width);
    for queue in &queues {
        remarks(queue, &mut out);
    }
    let consumers: Vec<(String, Vec<String>)> = queues
        .iter()
        .flat_map(|queue| {
            let name = text(&queue["name"]);
            list(&queue["consumers"]).into_iter().map(move |consumer| (name.clone(), consumer))
        })
        .map(|(name, consumer)| {
            let row = vec![
                text(&consumer["client"]),
                text(&consumer["mode"]),
                number(&consumer["prefetch"]),
                number(&consumer["unacked"]),
                number(&consumer["delivered"]),
            ];
            (name, row)
        })
        .collect();
    if !consumers.is_empty() {
        out.push('\n');
        out += &grid(&["consumer", "mode", "prefetch", "unacked", "delivered"], &consumers, width);
    }
    out + &journal(&report["journal"])
}

/// What is not as it is with most queues.
fn remarks(queue: &Value, out: &mut String) {
    let mut parts = Vec::new();
    let counts = [
        ("acked", "acknowledged"),
        ("redelivered", "redelivered"),
        ("duplicates", "known already and not stored"),
        ("refused", "refused"),
        ("nacked", "handed back"),
        ("dead_lettered", "dead letters"),
        ("lost", "dropped"),
        ("purged", "purged"),
    ];
    for (key, what) in counts {
        if let Some(n) = queue[key].as_u64().filter(|n| *n > 0) {
            parts.push(format!("{n} {what}"));
        }
    }
    if !parts.is_empty() {
        let _ = writeln!(out, "  {}: {}", text(&queue["name"]), parts.join(", "));
    }
}

fn journal(journal: &Value) -> String {
    if journal.is_null() {
        return "\nNo journal: what is here ends with the server.\n".to_owned();
    }
    let mut out = format!(
        "\nJournal: {} octets, files: {}; {} records in {} commits, {} at once at most; {} fsyncs.\n",
        number(&journal["octets"]),
        number(&journal["files"]),
        number(&journal["records"]),
        number(&journal["commits"]),
        number(&journal["largest_commit"]),
        number(&journal["fsyncs"]),
    );
    if let Some(why) = journal["failing"].as_str() {
        let _ = writeln!(out, "Nothing is confirmed at the moment: {why}");
    }
    out
}

fn text(value: &Value) -> String {
    // A name comes from a peer: nothing of it may move the cursor.
    let plain = value.as_str().unwrap_or("-").chars();
    plain.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn number(value: &Value) -> String {
    value.as_u64().map_or("-".to_owned(), |n| n.to_string())
}

fn age(ms: u64) -> String {
    match ms {
        0..=999 => format!("{ms}ms"),
        1000..=599_999 => format!("{}s", ms / 1000),
        600_000..=35_999_999 => format!("{}min", ms / 60_000),
        _ => format!("{}h", ms / 3_600_000),
    }
}
