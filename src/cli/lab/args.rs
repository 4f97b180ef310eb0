//! What was typed behind `layerlab lab`.

use crate::cli::args::LookArgs;
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args, Subcommand, ValueEnum, ValueHint};
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
    /// Only check: run the commands of labs and hold every claim against what crossed the wire
    #[command(after_help = "Exit status: 0 every claim holds; 1 one does not; 2 the lab's file is wrong; \
        3 this machine can't.")]
    Check(CheckArgs),
    /// A table of what crossed the wire, with blanks to fill in; the key goes to another file
    Worksheet(WorksheetArgs),
    /// Work answers out again, from the captures that lie beside them
    #[command(
        after_help = "Exit status: 0 all passed; 1 one did not; 2 a file could not be graded, its row says why. \
        No marks are given for a right prediction."
    )]
    Grade(GradeArgs),
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
    /// As this student has it, with their own parameters
    #[arg(long, value_name = "ID", conflicts_with = "teacher", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) student: Option<String>,
}

/// Where a lab's commands run.
#[derive(Args, Debug)]
pub(crate) struct PlaceOfLab {
    /// How the private hosts are joined to the wire: auto, tap or veth
    #[arg(long, value_name = "KIND", value_parser = ["auto", "tap", "veth"], help_heading = "Network")]
    pub(crate) backend: Option<String>,
    /// The number from which every random decision derives
    #[arg(long, value_name = "N", help_heading = "Network", conflicts_with = "student")]
    pub(crate) seed: Option<u64>,
    /// Seed and parameters of this student
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
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
    /// Run nothing: show and check what was recorded on another machine
    #[arg(long, conflicts_with_all = ["answers", "backend", "seed", "student", "recall"])]
    pub(crate) recorded: bool,
    /// With --quiz: first a question each of the labs two and five before this one
    #[arg(long, requires = "quiz")]
    pub(crate) recall: bool,
    /// With --quiz: after each run say what you saw, before any result is told
    #[arg(long, requires = "quiz")]
    pub(crate) observe: bool,
    /// Show every check with what was expected and seen, and ask nothing
    #[arg(long, conflicts_with = "quiz")]
    pub(crate) teacher: bool,
    /// Each run one step at a time: on the whole screen of a terminal, else a line of input for each (docs/view.md)
    #[arg(long)]
    pub(crate) step: bool,
    /// Every event of a long run, not only the first, the last and those of lost frames
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Keep predictions and checks here, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) answers: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceOfLab,
}

/// Options of `lab check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Numbers of labs, or files of your own [default: the whole course]
    #[arg(value_name = "LAB")]
    pub(crate) labs: Vec<String>,
    /// Run nothing: check what was recorded of the course on another machine
    #[arg(long, conflicts_with_all = ["capture", "keep", "changes", "backend", "seed", "student"])]
    pub(crate) recorded: bool,
    /// Check this capture in the place of a run (given again, of the next), or those of a directory
    #[arg(long, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath, action = ArgAction::Append)]
    pub(crate) capture: Vec<PathBuf>,
    /// Keep what happens in each run here, for --capture
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "capture")]
    pub(crate) keep: Option<PathBuf>,
    /// Try the lab itself: run each of its changes that says what it breaks, and see that these facts fail
    #[arg(long, conflicts_with = "capture")]
    pub(crate) changes: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: PlaceOfLab,
}

/// Options of `lab worksheet`.
#[derive(Args, Debug)]
pub(crate) struct WorksheetArgs {
    /// A lab's number, or a file of your own
    pub(crate) lab: String,
    /// The columns to leave blank [default: what the run's facts and questions name; else seq,ack, or where no frame has
    /// these direction,protocol,len]
    #[arg(long, value_enum, value_name = "COLUMN,..", value_delimiter = ',')]
    pub(crate) blank: Vec<ColumnArg>,
    /// Shuffle the rows, without their numbers and times: the order is asked for too
    #[arg(long)]
    pub(crate) shuffle: bool,
    /// Which of the lab's runs, 1 the first; of a long one 40 frames [default: the first that has frames]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) run: Option<u8>,
    /// Write the key here
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: PlaceOfLab,
}

/// A column of a worksheet, in the order of `narrate::worksheet::COLUMNS`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum ColumnArg {
    /// From whom to whom
    Direction,
    /// Which of several TCP connections
    Stream,
    /// What the frame carries
    Protocol,
    /// TCP's flags
    Flags,
    /// The sequence number, relative
    Seq,
    /// The acknowledgment number, relative
    Ack,
    /// Octets of payload
    Len,
    /// Octets of the whole frame
    #[value(name = "frame.len")]
    FrameLen,
    /// What is complete with it at layer 7: HTTP's method or status, a WebSocket opcode, a type of the queue's frames
    Application,
    /// Whether the wire dropped it
    Fate,
}

impl ColumnArg {
    /// Whether a field of a filter says what stands in the column.
    pub(crate) fn is_of(self, field: &str) -> bool {
        let begins = |with: &[&str]| with.iter().any(|begin| field.starts_with(begin));
        match self {
            ColumnArg::Direction => field == "direction",
            ColumnArg::Stream => field == "tcp.stream",
            ColumnArg::Protocol => ["arp", "tcp", "udp", "icmp", "protocol"].contains(&field),
            ColumnArg::Flags => field == "flags" || begins(&["tcp.flags"]),
            ColumnArg::Seq => begins(&["tcp.seq"]),
            ColumnArg::Ack => begins(&["tcp.ack"]),
            ColumnArg::Len => ["tcp.len", "udp.length"].contains(&field),
            ColumnArg::FrameLen => field == "frame.len",
            ColumnArg::Application => {
                ["websocket", "queue", "type_name", "opcode_name"].contains(&field)
                    || begins(&["http.", "websocket.", "layerlab.", "accept."])
            }
            ColumnArg::Fate => ["fate", "by.rule"].contains(&field),
        }
    }
}

/// Options of `lab grade`.
#[derive(Args, Debug)]
pub(crate) struct GradeArgs {
    /// Answers that `lab run --answers` wrote, or captures that it kept beside them
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Grade answers of its number by this lab of your own, not by the course's (may be given again)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, action = ArgAction::Append)]
    pub(crate) lab: Vec<String>,
    /// As CSV
    #[arg(long, group = "form", help_heading = "Output")]
    pub(crate) csv: bool,
    /// As JSON, one line a file
    #[arg(long, group = "form", help_heading = "Output")]
    pub(crate) json: bool,
    /// As JUnit's XML
    #[arg(long, group = "form", help_heading = "Output")]
    pub(crate) junit: bool,
}
