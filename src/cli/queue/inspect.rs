//! `layerlab queue inspect`.

use super::shared::AtArgs;
use crate::cli::exit::Answer;
use crate::report::queues;
use anyhow::Context;
use clap::Args;
use serde_json::Value;
use std::io::{self, Write};

/// Options of `queue inspect`.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// The queue [default: all]
    queue: Option<String>,
    #[command(flatten)]
    at: AtArgs,
    /// The server's own report, as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Answer> {
    let mut client = args.at.connect()?;
    let report = client.inspect(args.queue.as_deref())?;
    client.close()?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{report}")?;
        return Ok(Answer::Yes);
    }
    let report: Value = serde_json::from_str(&report).context("the server's report is no JSON")?;
    out.write_all(queues(&report, 80).as_bytes())?;
    Ok(Answer::Yes)
}
