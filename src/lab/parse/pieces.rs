//! A lab's lines, put together: prose, and what stands between fences (CommonMark 0.31 s4.5).

use super::blocks::KINDS;
use super::{Problem, Wrong};

/// Lines that belong together.
pub(super) struct Piece<'t> {
    /// Where it begins.
    pub(super) line: usize,
    pub(super) hidden: bool,
    /// None for prose.
    pub(super) fence: Option<Fence<'t>>,
    /// Its lines, fences left out, each with its number.
    pub(super) lines: Vec<(usize, &'t str)>,
}

impl Piece<'_> {
    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// With its fences.
    pub(super) fn fenced(&self) -> String {
        match &self.fence {
            Some(Fence { blanks, marks, info }) => {
                format!("{blanks}{marks}{info}\n{}{blanks}{marks}\n", self.text())
            }
            None => self.text(),
        }
    }
}

/// The line with which a block begins.
#[derive(Clone, Copy)]
pub(super) struct Fence<'t> {
    blanks: &'t str,
    /// Three or more backticks or tildes.
    marks: &'t str,
    /// What stands behind them.
    pub(super) info: &'t str,
}

impl<'t> Fence<'t> {
    /// A line that is one: up to three blanks may stand before it.
    fn of(line: &'t str) -> Option<Fence<'t>> {
        let bare = line.trim_start_matches(' ');
        let (blanks, mark) = (&line[..line.len() - bare.len()], bare.chars().next()?);
        let info = bare.trim_start_matches(mark);
        let marks = &bare[..bare.len() - info.len()];
        // Of backticks: what has one more behind it is a piece of code in a line.
        let is_fence = match mark {
            '`' => !info.contains('`'),
            _ => mark == '~',
        };
        (is_fence && blanks.len() <= 3 && marks.len() >= 3).then(|| Fence {
            blanks,
            marks,
            info: info.trim(),
        })
    }

    fn closes(&self, open: &Fence<'_>) -> bool {
        self.info.is_empty() && self.marks.starts_with(open.marks)
    }
}

/// What it begins for the program.
fn kind(fence: &Fence<'_>) -> Option<&'static str> {
    let word = fence.info.split(' ').next().unwrap_or_default();
    KINDS.into_iter().find(|kind| *kind == word)
}

/// What is for the program begins with three backticks at the left margin. Any other fence, and one in a list or in a
/// quotation, would begin a block for people, and nothing in it would be checked.
fn refused(line: &str) -> Option<Problem> {
    let marks = line.trim_start_matches(|c: char| c.is_ascii_digit() || " \t>*+-.)".contains(c));
    let fence = Fence::of(marks)?;
    let kind = kind(&fence)?;
    let before = format!("{}{}", &line[..line.len() - marks.len()], fence.marks);
    (before != "```").then_some(Problem::Fence { found: before, kind })
}

/// Prose and fenced blocks, in order.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Wrong> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    // The line where the comment began.
    let mut comment: Option<usize> = None;
    let mut open: Option<Piece<'_>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let fence = Fence::of(line);
        if let Some(piece) = &mut open {
            if fence.is_some_and(|fence| piece.fence.as_ref().is_some_and(|open| fence.closes(open))) {
                pieces.extend(open.take());
            } else if line.starts_with("```")
                && fence.is_some_and(|fence| fence.marks == "```" && kind(&fence).is_some())
                && piece.fence.as_ref().is_some_and(|open| open.marks == "```")
            {
                return Err((piece.line, Problem::Within(number)));
            } else {
                piece.lines.push((number, line));
            }
            continue;
        }
        if let Some(problem) = refused(line) {
            return Err((number, problem));
        }
        let hidden = comment.is_some();
        if let Some(fence) = fence {
            open = Some(Piece { line: number, hidden, fence: Some(fence), lines: Vec::new() });
            continue;
        }
        // A comment begins and ends on lines of its own, as docs/labs.md says.
        if hidden || line.trim_start().starts_with("<!--") {
            comment = behind(line, number, comment)?;
            continue;
        }
        match pieces.last_mut() {
            Some(last) if last.fence.is_none() => last.lines.push((number, line)),
            _ => pieces.push(Piece { line: number, hidden, fence: None, lines: vec![(number, line)] }),
        }
    }
    match (open, comment) {
        (Some(piece), _) => {
            Err((piece.line, Problem::Open(piece.fence.map_or("", |fence| fence.marks).to_owned())))
        }
        (None, Some(began)) => Err((began, Problem::Comment)),
        (None, None) => Ok(pieces),
    }
}

/// The line in which the comment began that goes on behind this one. HTML's comments do not stand in one another: one
/// that begins in another shows that the first did not end.
fn behind(line: &str, number: usize, mut comment: Option<usize>) -> Result<Option<usize>, Wrong> {
    let mut rest = line;
    loop {
        let (begin, end) = (rest.find("<!--"), rest.find("-->"));
        (comment, rest) = match (comment, begin, end) {
            (None, Some(begin), _) => (Some(number), &rest[begin + 4..]),
            (Some(began), Some(begin), end) if end.is_none_or(|end| begin < end) => {
                return Err((began, Problem::Comment));
            }
            (Some(_), _, Some(end)) => (None, &rest[end + 3..]),
            _ => return Ok(comment),
        };
    }
}
