//! Labs: Markdown files that read well on their own, that the program runs, and whose every claim is checked
//! against what crossed the wire. What a file may say stands in `docs/labs.md`.
//!
//! ```text
//!   parse       a file -> Lab, its expressions read by `expression`
//!   run         a lab's commands, run by layerlab itself -> Record (its JSON lines)
//!   filter      a display filter over one JSON line
//!   facts       what an expression says over a whole Record
//!   check       facts -> expected, seen, which frames
//!   quiz        predictions, committed before anything is shown
//!   session     all of these in the order of the file
//!   answers     what is kept of a session, as JSON
//!   grade       answers, worked out again from the captures beside them
//!   student     seed and parameters from a student's name
//!   keep        what is kept of a run: a capture with its stamp
//!   shelf       the labs that layerlab carries
//!   recorded    a recording of each of their runs
//! ```

pub mod answers;
pub mod check;
mod error;
pub mod expression;
pub mod facts;
pub mod filter;
pub mod grade;
pub mod keep;
pub mod parse;
pub mod quiz;
mod record;
pub mod recorded;
pub mod run;
pub mod session;
pub mod shelf;
pub mod student;
mod value;
mod words;

pub use error::{LabError, Problem};
pub use parse::{Lab, Part};
pub use record::Record;
pub use value::Value;

/// The body of a fuzz target: a lab's file from anywhere is read or refused, and what is read is worked out over lines
/// from anywhere, without a panic. The file, a line of four dashes, and the run's lines.
#[doc(hidden)]
pub fn fuzz_lab(text: &str) {
    let (file, lines) = text.split_once("\n----\n").unwrap_or((text, ""));
    if let Ok(lab) = Lab::parse("fuzz.md", file) {
        let runs = lab.runs().map(|_| Record::read(lines, Some(0))).collect();
        let session =
            session::Session::replay(&lab, Some("fuzz"), runs, &Default::default(), Default::default());
        let _ = answers::json(&session, &[]);
    }
    if let Ok(expression) = expression::parse(file) {
        let _ = facts::seen(&expression, &Record::read(lines, None), &Default::default());
    }
}
