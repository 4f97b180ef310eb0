//! `layerlab queue declare`, `purge` and `delete`.

use super::shared::{AtArgs, DeclareArgs};
use crate::cli::exit::Answer;
use crate::cli::real;
use clap::Args;

/// Options of `queue declare`.
#[derive(Args, Debug)]
pub(crate) struct DeclareOneArgs {
    /// The queue
    queue: String,
    #[command(flatten)]
    at: AtArgs,
    #[command(flatten)]
    declare: DeclareArgs,
}

/// Options of `queue purge` and `queue delete`.
#[derive(Args, Debug)]
pub(crate) struct OneArgs {
    /// The queue
    queue: String,
    #[command(flatten)]
    at: AtArgs,
}

/// `queue declare`.
pub(crate) fn declare(args: &DeclareOneArgs) -> anyhow::Result<Answer> {
    let mut client = args.at.connect()?;
    args.declare.declare_exactly(&mut client, &args.queue)?;
    client.close()?;
    Ok(Answer::Yes)
}

/// `queue purge`.
pub(crate) fn purge(args: &OneArgs) -> anyhow::Result<Answer> {
    let mut client = args.at.connect()?;
    let dropped = client.purge(&args.queue)?;
    client.close()?;
    real::note(&format!("{} dropped", real::plural(dropped, "message")))?;
    Ok(Answer::Yes)
}

/// `queue delete`.
pub(crate) fn delete(args: &OneArgs) -> anyhow::Result<Answer> {
    let mut client = args.at.connect()?;
    client.delete(&args.queue)?;
    client.close()?;
    Ok(Answer::Yes)
}
