//! What can be wrong with a lab's file: where, what, and what to write instead.

use super::expression::ExpressionError;

/// A lab's file that cannot be understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct LabError {
    /// The file, as it was named.
    pub file: String,
    /// The line, 1 the first.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a lab's file, and the remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No block ```` ```lab ````.
    #[error(
        "no lab block: begin with ```lab and the lines number:, module:, minutes:, layers:, needs:, then ```"
    )]
    NoFront,
    /// A second one.
    #[error("a second lab block: a file is one lab")]
    SecondFront,
    /// No heading.
    #[error("no title: write a line `# ` and the lab's title")]
    NoTitle,
    /// A line of the front matter is missing.
    #[error("the lab block has no {0}: add a line `{0}: ...`")]
    Missing(&'static str),
    /// What stands behind the backticks does not fit the block.
    #[error("```{found} begins no block: write {expected}")]
    Opening {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A line that is no `key: value`.
    #[error("\"{}\" is no line of this block: write {expected}", short(found, 0))]
    Line {
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The same behind an empty line: perhaps it is no line of the block at all.
    #[error(
        "\"{}\" is no line of the block that begins in line {begun}: close that with a line ``` if it ends above; \
        else write {expected}",
        short(found, 0)
    )]
    Behind {
        /// What stands there.
        found: String,
        /// Where the block begins.
        begun: usize,
        /// What may stand there.
        expected: &'static str,
    },
    /// A line of its own that is indented.
    #[error("`{0}` is indented, and so goes on with the line above: begin it at the left margin")]
    Indented(String),
    /// A value that does not fit its key.
    #[error("{key} cannot be \"{}\": write {expected}", short(found, 0))]
    Value {
        /// The key.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The block does not end.
    #[error("this block does not end: close it with a line {0}")]
    Open(String),
    /// The block does not end before the next.
    #[error(
        "this block does not end before the one in line {0}: close it with a line ```, or begin and close a block that \
        shows others with ````"
    )]
    Within(usize),
    /// A block for the program whose fence is another than the one it knows.
    #[error(
        "{found:?} before {kind} begins a block for people, in which nothing is checked: write ```{kind} at the left margin"
    )]
    Fence {
        /// What stands before the word.
        found: String,
        /// The word.
        kind: &'static str,
    },
    /// A comment that does not end.
    #[error("this comment does not end, and hides what stands below it: close it with a line -->")]
    Comment,
    /// A line of a block that is there twice.
    #[error("a second line `{0}:`: leave one of them")]
    Again(String),
    /// A block without anything in it.
    #[error("this {0} block is empty: write something in it, or take it away")]
    Empty(&'static str),
    /// A block whose name is nearly one that means something.
    #[error("```{found} means nothing: write ```{kind}, or another word for a block that is for people")]
    Kind {
        /// What stands there.
        found: String,
        /// What is probably meant.
        kind: &'static str,
    },
    /// A command that is not layerlab's own.
    #[error("a lab runs layerlab's own commands alone: begin the line with `layerlab `")]
    Command,
    /// A command that is not for labs.
    #[error("a lab does not run `layerlab {found}`: it runs {may}")]
    NotForLabs {
        /// The words behind `layerlab`.
        found: String,
        /// What it may run.
        may: String,
    },
    /// An option that writes a file.
    #[error("a lab writes no files: take {0} away; `lab check --keep` keeps what crosses the wire")]
    Writes(String),
    /// An option that stands behind every command anyway, or where the lab is run.
    #[error("the program adds {0} itself: take it away")]
    Added(&'static str),
    /// What only a shell would understand.
    #[error(
        "{0:?} is for a shell, and a lab's command has none: take it away, or put quotation marks around a word that is meant so"
    )]
    Shell(String),
    /// A control character, which a terminal would obey.
    #[error("the character {0:?} is for terminals, not for a text: take it away")]
    Control(char),
    /// A quotation mark without its partner.
    #[error("a quotation mark {0} has no partner: close it")]
    Quote(char),
    /// A check, a change or a prediction with no run to be about.
    #[error("this {0} block has no run to be about: write a ```run block {1} it")]
    NoRun(&'static str, &'static str),
    /// An expression.
    #[error("in `{}`, column {column}: {error}", short(text, .error.column))]
    Expression {
        /// The expression.
        text: String,
        /// The column in the file's line.
        column: usize,
        /// What is wrong with it.
        error: ExpressionError,
    },
    /// A name that stands for nothing.
    #[error("{0} is not known here: write `let {0} = ...` above")]
    Unknown(String),
    /// A name whose let stands below its use.
    #[error("{name} is not known here, only from line {line} on: put what names it above its use")]
    Below {
        /// The name.
        name: String,
        /// Where it is named.
        line: usize,
    },
    /// A field of which nobody says whose.
    #[error("{0} is said of each event: put it into count(), first() or another function")]
    Bare(String),
    /// A field that no line of a run can have.
    #[error("no line of a run has a field {name}{}: its name is the one that --json writes (docs/json.md), for a header's Wireshark's", near.as_ref().map(|near| format!(" (did you mean {near}?)")).unwrap_or_default())]
    NoField {
        /// The name.
        name: String,
        /// The field that is probably meant.
        near: Option<String>,
    },
    /// A text, where a field is a number.
    #[error("{field} is a number, never {text:?}: write {}", number.as_deref().unwrap_or("a number, without quotes"))]
    NoText {
        /// The field.
        field: String,
        /// What it is compared with.
        text: String,
        /// The number that was meant.
        number: Option<String>,
    },
    /// A text that a field cannot be.
    #[error("{field} is never {text:?}{remedy}")]
    NoValue {
        /// The field.
        field: String,
        /// What it is compared with.
        text: String,
        /// What it can be.
        remedy: String,
    },
    /// The same name twice.
    #[error("{0} is there twice: names of facts, predictions and lets are used once in a lab")]
    Twice(String),
    /// More than anybody would read.
    #[error("a lab has {0} facts and lets at most: make two labs of it")]
    TooMany(usize),
    /// A let that would hide a field.
    #[error("{name} is a field's name: give {what} another")]
    Hides {
        /// The name.
        name: String,
        /// Whose name it is.
        what: &'static str,
    },
    /// A let that is called as a function or an operator is.
    #[error("{name} is a word of the language: give {what} another name")]
    Word {
        /// The name.
        name: String,
        /// Whose name it is.
        what: &'static str,
    },
    /// A let that no expression could name.
    #[error(
        "{name} is no name for {what}, which has letters, digits and _, and no digit first: write {better}"
    )]
    Name {
        /// The name.
        name: String,
        /// Whose name it is.
        what: &'static str,
        /// What it may be.
        better: String,
    },
    /// What has to be true or false, and is something else.
    #[error("{found} is {what}, neither true nor false: compare it, such as `{found} == ...`")]
    NoTruth {
        /// The part that stands there.
        found: String,
        /// What it gives.
        what: &'static str,
    },
    /// A prediction without a question or an answer.
    #[error("this prediction has no {0}: add a line `{1}`")]
    Prediction(&'static str, &'static str),
    /// A line that means nothing beside this answer.
    #[error("`{line}:` is for a number, and the answer is {what}: take the line away")]
    NoNumber {
        /// The line.
        line: &'static str,
        /// What the answer is.
        what: &'static str,
    },
    /// A time that would be shown in nanoseconds, as if they were something else.
    #[error("the answer is a time, and times are nanoseconds: write `answer: (...) / 1{0}` for `unit: {0}`")]
    Nanoseconds(&'static str),
    /// A question with a single choice.
    #[error("this question has one choice, so nothing is to be chosen: add another line `choice WORDS: ...`")]
    OneChoice,
    /// What many answer is none of the choices.
    #[error("{0:?} is none of the choices: write one of them behind `often`")]
    NoChoice(String),
    /// Words that are no command of the program's.
    #[error("`{command}`: {said}")]
    Words {
        /// The command with these words.
        command: String,
        /// What is wrong with them.
        said: String,
    },
    /// A change says that it breaks something which is not there.
    #[error("no fact {0} is checked after the run: name one that is")]
    NoFact(String),
    /// No sources.
    #[error(
        "no sources: end with a heading `## Sources` and a list, such as `- RFC 9293 s3.5: the handshake`"
    )]
    NoSources,
}

/// Characters of a text that are shown at most.
const SHOWN: usize = 60;

/// The part of a long text around this column, 1 the first.
fn short(text: &str, column: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    let begin = column.saturating_sub(SHOWN / 2).min(all.len().saturating_sub(SHOWN));
    let end = all.len().min(begin + SHOWN);
    let mark = |cut: bool| if cut { "..." } else { "" };
    let part: String = all[begin..end].iter().collect();
    format!("{}{part}{}", mark(begin > 0), mark(end < all.len()))
}
