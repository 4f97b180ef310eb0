//! What came of students' answers, worked out again: for their teacher.

use super::text::{clip, hanging, safe};

/// Columns that a grade is written in.
const WIDTH: usize = 80;
/// What stands before a line's text.
const MARGIN: usize = 9;

/// What came of a student's answers.
#[derive(Debug, Clone, Copy)]
pub struct Graded<'a> {
    /// The file.
    pub file: &'a str,
    /// The lab's number; none for a file that could not be graded.
    pub lab: Option<u32>,
    /// Whose it is; empty where nobody says.
    pub student: &'a str,
    /// Whether it passed.
    pub passed: bool,
    /// Facts that the captures show.
    pub holds: usize,
    /// Those that they show not to hold.
    pub fails: &'a [String],
    /// Predictions that were right.
    pub right: usize,
    /// Predictions.
    pub predicted: usize,
    /// Those of them that no capture can judge.
    pub unjudged: usize,
    /// Of what they wrote that they saw, how much is right.
    pub seen: usize,
    /// And how much there is.
    pub typed: usize,
    /// What cannot be read, each with the reason.
    pub unread: &'a [String],
    /// Runs of which there should be a capture, and none is.
    pub missing: &'a [usize],
    /// Facts that no capture can tell: their names.
    pub opens: &'a [String],
    /// Runs, 1 the first, whose capture is another's.
    pub others: &'a [usize],
    /// What there is to say besides.
    pub remarks: &'a [String],
}

/// One line a file, and below it what stands against it.
#[must_use]
pub fn graded(told: &Graded<'_>) -> String {
    let Some(lab) = told.lab else {
        return told.unread.iter().map(|why| lines("NOT READ ", why)).collect();
    };
    let saw = match told.typed {
        0 => String::new(),
        typed => format!(", {} of {typed} observations", told.seen),
    };
    let unjudged = match told.unjudged {
        0 => String::new(),
        n => format!(", {n} open"),
    };
    let whose = if told.student.is_empty() {
        "no student named".to_owned()
    } else {
        format!("student {}", told.student)
    };
    let mut text = lines(
        if told.passed { "passed" } else { "NOT YET" },
        &format!(
            "lab {lab}, {whose} ({}): {}, {} open, {} of {} predictions right{unjudged}{saw}",
            told.file,
            shown(told.holds),
            told.opens.len(),
            told.right,
            told.predicted - told.unjudged,
        ),
    );
    let mut below = |what: &str| text.push_str(&lines("", what));
    for why in told.unread {
        below(&format!("{why}: this run shows nothing."));
    }
    if told.holds == 0 && told.fails.is_empty() && told.unread.is_empty() {
        below("No capture lies beside it: nothing can be worked out again.");
    } else if !told.missing.is_empty() {
        let runs: Vec<String> = told.missing.iter().map(usize::to_string).collect();
        below(&format!("Not complete: there is no capture of run {}.", runs.join(", ")));
    }
    if !told.fails.is_empty() {
        below(&format!("The captures show that these are not so: {}.", told.fails.join(", ")));
    }
    if !told.others.is_empty() {
        let runs: Vec<String> = told.others.iter().map(usize::to_string).collect();
        let why = match told.student {
            "" => "is a student's, and the file names nobody",
            _ => "is another's: it does not have this student's name, or not their seed",
        };
        below(&format!("What is kept of run {} {why}.", runs.join(", ")));
    }
    // Where a capture is missing or unread, that is why.
    if !told.opens.is_empty() && told.missing.is_empty() && told.unread.is_empty() {
        below(&format!("No capture can tell: {}.", some(told.opens)));
    }
    for remark in told.remarks {
        below(remark);
    }
    text
}

/// How many facts the captures show.
#[must_use]
pub fn shown(holds: usize) -> String {
    format!("{holds} {} shown", if holds == 1 { "fact" } else { "facts" })
}

/// Nothing was worked out.
pub const NOTHING_SHOWN: &str = "no capture shows any fact";
/// Of a fact.
pub const NOT_SO: &str = "the capture shows that it is not so";
/// A run is missing.
pub const NO_CAPTURE: &str = "a run of the lab left no capture";
/// The runs are another's.
pub const OTHER_SEED: &str = "the runs have another student's seed";
/// Nobody knows whose the runs are.
pub const NO_SEED: &str = "no student is named, or no capture says with which seed it was made";
/// The captures do not say whose they are.
pub const ANYBODYS: &str = "No capture here says with which seed it was made, as those do that `lab run --answers` keeps: these runs may be anybody's.";
/// Nobody is named, and others are.
pub const NAMELESS: &str = "Nobody is named in it, and others here are: `lab run --student ID` gives everybody numbers of their own.";

/// Names that are told one by one.
const NAMES: usize = 4;
/// Characters of a title that somebody wrote.
const TITLE: usize = 60;

/// `a, b, c, d and 5 more`.
fn some(names: &[String]) -> String {
    let (first, rest) = names.split_at(names.len().min(NAMES));
    let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("{}{rest}", first.join(", "))
}

/// What a file says, and its captures show otherwise.
#[must_use]
pub fn denied(names: &[String]) -> String {
    format!("The file says otherwise than its captures, and these count: {}.", some(names))
}

/// A capture of layerlab's without what `lab run` writes at the end.
#[must_use]
pub fn unstamped(name: &str) -> String {
    format!("{name} does not say which run it is: its end is missing, or `lab run --answers` did not keep it")
}

/// Answers of a lab that has the number of one of the course.
#[must_use]
pub fn other_title(name: &str, said: &str, lab: u32, title: &str) -> String {
    let said = clip(said, TITLE, "\u{2026}");
    format!(
        "{name} is of \"{said}\", and lab {lab} of the course is \"{title}\": give the file of your own with --lab FILE"
    )
}

/// A capture of another run than it is handed in as.
#[must_use]
pub fn elsewhere(name: &str, lab: u32, run: u32) -> String {
    format!("{name} says that it is of run {run} of lab {lab}")
}

/// Questions of the lab that the file leaves out.
#[must_use]
pub fn left_out(ids: &[String]) -> String {
    format!("The file leaves out questions of the lab: {}.", some(ids))
}

/// The same lab of the same student.
#[must_use]
pub fn twice(lab: u32, others: &[String]) -> String {
    format!("The same student has lab {lab} here once more: {}.", some(others))
}

/// Files that could not be graded, for who sees only a table.
#[must_use]
pub fn not_graded(files: &[String]) -> String {
    let why = if files.len() == 1 { "its row says" } else { "their rows say" };
    format!("not graded, and {why} why: {}", files.join(", "))
}

/// A text behind a head, wrapped and indented.
fn lines(head: &str, text: &str) -> String {
    hanging(head, &safe(text, false), MARGIN, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_is_a_line_and_what_stands_against_it_below() {
        let (unread, remarks) = (["a-1.pcapng: it is cut".to_owned()], ["Look\u{1b} here.".to_owned()]);
        let told = Graded {
            file: "a.json",
            lab: Some(4),
            student: "ada",
            passed: false,
            holds: 1,
            fails: &["isn".to_owned()],
            right: 0,
            predicted: 5,
            unjudged: 2,
            seen: 0,
            typed: 0,
            unread: &unread,
            missing: &[2],
            opens: &["a".to_owned(), "b".to_owned()],
            others: &[1, 3],
            remarks: &remarks,
        };
        let expected = "NOT YET  lab 4, student ada (a.json): 1 fact shown, 2 open, 0 of 3 predictions\n         right, 2 open\n         \
            a-1.pcapng: it is cut: this run shows nothing.\n         \
            Not complete: there is no capture of run 2.\n         \
            The captures show that these are not so: isn.\n         \
            What is kept of run 1, 3 is another's: it does not have this student's\n         \
            name, or not their seed.\n         \
            Look\\x1b here.\n";
        assert_eq!(graded(&told), expected);
        let whole = graded(&Graded { unread: &[], missing: &[], ..told });
        assert!(whole.contains("No capture can tell: a, b.\n"), "{whole}");
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
        assert!(denied(&names).ends_with(": a, b, c, d and 1 more."));
        assert!(denied(&names[..4]).ends_with(": a, b, c, d."));
        let none = Graded { lab: None, unread: &["x.json is a directory".to_owned()], ..told };
        assert_eq!(graded(&none), "NOT READ x.json is a directory\n");
    }
}
