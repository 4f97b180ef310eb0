//! A lab's file to a [`Lab`]: Markdown, of which the fenced blocks `lab`, `predict`, `run`, `check` and `change` say
//! something to the program. What stands in an HTML comment is read too, and never shown.

mod blocks;
mod commands;
mod kinds;
mod names;
mod pieces;
mod place;
mod truth;
mod values;

use super::error::{LabError, Problem};
use super::expression::Expression;
use pieces::{Piece, pieces};

/// A lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    /// The file, as it was named.
    pub file: String,
    /// Its number.
    pub number: u32,
    /// What its first heading says.
    pub title: String,
    /// The part of the course.
    pub module: String,
    /// Whether a short course may leave it out.
    pub extension: bool,
    /// How long it takes.
    pub minutes: u32,
    /// At which layers it plays, in OSI's numbers.
    pub layers: String,
    /// What it needs of the machine.
    pub needs: Needs,
    /// The list under `## Sources`.
    pub sources: Vec<String>,
    /// The rest, in the order of the file.
    pub parts: Vec<Part>,
}

/// What a lab needs of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Two private hosts and a wire.
    PrivateNetwork,
    /// Nothing but layerlab.
    Nothing,
}

/// A piece of a lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where it begins, 1 the first line.
    pub line: usize,
    /// Not shown: it stands in a comment.
    pub hidden: bool,
    /// What it is.
    pub what: What,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Markdown for people.
    Prose(String),
    /// A question whose answer is committed before anything is shown.
    Predict(Predict),
    /// A command.
    Run(Run),
    /// What must be true of the run above.
    Check(Vec<Statement>),
    /// Another command in the place of the run above.
    Change(Change),
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Predict {
    /// Its name in the lab.
    pub id: String,
    /// The question.
    pub ask: String,
    /// What the answer is.
    pub answer: Answer,
    /// Wrong answers that are often given, and what there is to say to them.
    pub often: Vec<(String, String)>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What an expression gives; right within this part of it, 0 for exactly.
    Expression {
        /// The expression.
        expression: Expression,
        /// How far off is still right, as a part of the observed.
        within: f64,
        /// What the number counts, where it is one: `frames`, `ms`. Empty where nothing is said.
        unit: String,
    },
    /// The choice whose fact holds.
    Choices(Vec<(String, Expression)>),
}

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Where it stands.
    pub line: usize,
    /// As it stands there, with `layerlab`.
    pub command: String,
    /// Its words, without `layerlab`.
    pub words: Vec<String>,
    /// It writes text for people alone: no `--json`.
    pub text: bool,
    /// Words that differ from student to student.
    pub vary: Vec<Vary>,
    /// Fields that are shown of each frame that has them.
    pub show: Vec<String>,
}

/// A word of a command that differs from student to student.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// What facts call it.
    pub name: String,
    /// What it may be; the first stands in the file.
    pub options: Vec<String>,
}

/// A line of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Where it stands.
    pub line: usize,
    /// A let's name, or a fact's.
    pub name: String,
    /// A let: nothing is claimed.
    pub is_let: bool,
    /// The comment above it: the fact in words, and why it is no stricter.
    pub words: String,
    /// As it is written.
    pub text: String,
    /// The expression.
    pub expression: Expression,
    /// The number that a time is compared with, where it is too small for one: its unit was forgotten.
    pub no_unit: Option<f64>,
}

/// Another command, and the facts that it breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The command.
    pub run: Run,
    /// Names of facts of the run above; empty where it is a suggestion.
    pub breaks: Vec<String>,
}

impl Answer {
    /// What it is worked out from.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let (one, choices) = match self {
            Answer::Expression { expression, .. } => (Some(expression), None),
            Answer::Choices(choices) => (None, Some(choices)),
        };
        one.into_iter().chain(choices.into_iter().flatten().map(|(_, fact)| fact))
    }
}

impl Predict {
    /// What may be chosen; nothing where a number or a text is asked for.
    #[must_use]
    pub fn choices(&self) -> Vec<&str> {
        match &self.answer {
            Answer::Choices(choices) => choices.iter().map(|(words, _)| &**words).collect(),
            Answer::Expression { .. } => Vec::new(),
        }
    }
}

impl Run {
    /// Whether a capture of it can be kept: it is one run, on a wire of ours.
    #[must_use]
    pub fn can_be_kept(&self) -> bool {
        let many = self.words.starts_with(&["ws".to_owned(), "compare".to_owned()])
            || self.words.first().is_some_and(|word| word == "loss");
        !self.is_local() && !many
    }

    /// Whether it runs on every machine: it writes text alone, or says itself where it takes place.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.text || self.words.iter().any(|word| word == "--net" || word.starts_with("--net="))
    }
}

impl Lab {
    /// Whether the checks of a run end with this part: then its questions are answered.
    #[must_use]
    pub fn ends_checks(&self, part: usize) -> bool {
        let is_check =
            |nth: usize| self.parts.get(nth).is_some_and(|part| matches!(part.what, What::Check(_)));
        is_check(part) && !is_check(part + 1)
    }

    /// Reads a lab.
    ///
    /// # Errors
    /// The first thing that cannot be understood: file, line, remedy.
    pub fn parse(file: &str, text: &str) -> Result<Lab, LabError> {
        let error = |line: usize, problem: Problem| LabError { file: file.to_owned(), line, problem };
        // The mark that some editors begin a file of UTF-8 with is no part of its text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let control = |line: &str| line.chars().find(|c| c.is_control() && *c != '\t');
        let found = (1..).zip(text.lines()).find_map(|(number, line)| Some((number, control(line)?)));
        if let Some((number, found)) = found {
            return Err(error(number, Problem::Control(found)));
        }
        let mut front: Option<(usize, Vec<(usize, &str)>)> = None;
        let mut parts = Vec::new();
        for piece in pieces(text).map_err(|(line, problem)| error(line, problem))? {
            let what = match piece.fence {
                None => What::Prose(piece.text()),
                Some(fence) => {
                    let (word, rest) = fence.info.split_once(' ').unwrap_or((fence.info, ""));
                    match word {
                        "lab" if front.is_some() => return Err(error(piece.line, Problem::SecondFront)),
                        "lab" => {
                            front = Some((piece.line, piece.lines));
                            continue;
                        }
                        _ => match blocks::block(word, rest.trim(), &piece) {
                            Ok(Some(what)) => what,
                            // A block for people.
                            Ok(None) => What::Prose(piece.fenced()),
                            Err((line, problem)) => return Err(error(line, problem)),
                        },
                    }
                }
            };
            parts.push(Part { line: piece.line, hidden: piece.hidden, what });
        }
        let (line, lines) = front.ok_or_else(|| error(1, Problem::NoFront))?;
        let front = blocks::front(line, &lines).map_err(|wrong| place::of(wrong, line, &lines));
        let mut lab = front.map_err(|(line, problem)| error(line, problem))?;
        lab.file = file.to_owned();
        let heading = parts.iter().find_map(|part| match &part.what {
            What::Prose(text) => text.lines().find_map(|line| line.strip_prefix("# ")),
            _ => None,
        });
        lab.title = heading.ok_or_else(|| error(1, Problem::NoTitle))?.trim().to_owned();
        lab.sources = sources(text);
        if lab.sources.is_empty() {
            return Err(error(text.lines().count().max(1), Problem::NoSources));
        }
        lab.parts = parts;
        lab.vary_changes();
        let lets = names::check(&lab).map_err(|(line, problem)| error(line, problem))?;
        for part in &mut lab.parts {
            let What::Check(statements) = &mut part.what else { continue };
            statements.iter_mut().for_each(|one| one.no_unit = kinds::no_unit(&one.expression, &lets));
        }
        Ok(lab)
    }

    /// What varies in a run varies in its changes too, where it makes no other command of them: a file from elsewhere
    /// starts no program.
    fn vary_changes(&mut self) {
        let mut above: &[Vary] = &[];
        for part in &mut self.parts {
            match &mut part.what {
                What::Run(run) => above = &run.vary,
                What::Change(Change { run, .. }) => {
                    let may = |vary: &&Vary| commands::may_vary(&run.words, &vary.options);
                    run.vary.extend(above.iter().filter(may).cloned());
                }
                _ => {}
            }
        }
    }

    /// What is checked of a run: the blocks between it and the next; `part` is the run's own place, or one behind it.
    #[must_use]
    pub fn checks(&self, part: usize) -> Vec<&[Statement]> {
        let is_run = |part: &Part| matches!(part.what, What::Run(_));
        let run = self.parts[..=part].iter().rposition(is_run).unwrap_or(0);
        let behind = self.parts[run + 1..].iter().take_while(|part| !is_run(part));
        let checks = behind.filter_map(|part| match &part.what {
            What::Check(statements) => Some(&**statements),
            _ => None,
        });
        checks.collect()
    }

    /// The lab's questions, in order.
    pub fn questions(&self) -> impl Iterator<Item = &Predict> {
        self.parts.iter().filter_map(|part| match &part.what {
            What::Predict(predict) => Some(predict),
            _ => None,
        })
    }

    /// The lab's runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.parts.iter().filter_map(|part| match &part.what {
            What::Run(run) => Some(run),
            _ => None,
        })
    }
}

/// The items of the list under `## Sources`; an item may go on in indented lines.
fn sources(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let under = text.lines().skip_while(|line| line.trim() != "## Sources").skip(1);
    for line in under.take_while(|line| !line.starts_with('#')) {
        match (line.strip_prefix("- "), items.last_mut()) {
            (Some(item), _) => items.push(item.trim().to_owned()),
            (None, Some(last)) if line.starts_with("  ") => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => {}
        }
    }
    items
}

type Wrong = (usize, Problem);

#[cfg(test)]
mod tests;
