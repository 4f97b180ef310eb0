//! What was typed behind `layerlab lab`.

use clap::{ArgAction, Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `layerlab lab ...`
#[derive(Subcommand, Debug)]
pub(crate) enum LabCommand {
    /// The labs of the course
    List(ListArgs),
    /// A lab's text
    Show(ShowLabArgs),
    /// Go through a lab: its commands are run, what they show is told, and every claim is checked
    Run(RunLabArgs),
    /// Only check: run a lab's commands and hold every claim against what crossed the wire
    #[command(after_help = "Exit status: 0 every claim holds; 1 one does not; 2 the lab's file is wrong; \
        3 this machine can't.")]
    Check(CheckArgs),
}

/// Options of `lab list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// As JSON, one lab a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `lab show`.
#[derive(Args, Debug)]
pub(crate) struct ShowLabArgs {
    /// A lab's number, or a file of your own
    pub(crate) lab: String,
    /// The whole file: answers, checks and what is hidden from students
    #[arg(long)]
    pub(crate) teacher: bool,
}

/// Where a lab's commands run.
#[derive(Args, Debug)]
pub(crate) struct PlaceOfLab {
    /// How the private hosts are joined to the wire: auto, tap or veth
    #[arg(long, value_name = "KIND", value_parser = ["auto", "tap", "veth"], help_heading = "Network")]
    pub(crate) backend: Option<String>,
    /// The number from which every random decision derives
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub(crate) seed: Option<u64>,
    /// Seed and parameters of this student
    #[arg(long, value_name = "ID")]
    pub(crate) student: Option<String>,
}

/// Options of `lab run`.
#[derive(Args, Debug)]
pub(crate) struct RunLabArgs {
    /// A lab's number, or a file of your own
    pub(crate) lab: String,
    /// Ask for each prediction, and show nothing before it is committed
    #[arg(long)]
    pub(crate) quiz: bool,
    /// Show every check with what was expected and seen, and ask nothing
    #[arg(long, conflicts_with = "quiz")]
    pub(crate) teacher: bool,
    /// Keep predictions and checks here, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) answers: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceOfLab,
}

/// Options of `lab check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// A lab's number, or a file of your own
    pub(crate) lab: String,
    /// Check this capture in the place of a run; given again, of the lab's next run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, action = ArgAction::Append)]
    pub(crate) capture: Vec<PathBuf>,
    /// Try the lab itself: run each of its changes, and see that the facts fail that it breaks
    #[arg(long, conflicts_with = "capture")]
    pub(crate) changes: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: PlaceOfLab,
}
