//! Where something stands in the file that was read from several of its lines, put together.

use super::{Problem, Wrong};

/// A block's problem with what only the block's lines tell: where in the file an expression is wrong, and whether what is
/// no line of the block stands behind an empty one, as what follows a block does.
pub(super) fn of((line, problem): Wrong, begun: usize, lines: &[(usize, &str)]) -> Wrong {
    match problem {
        Problem::Expression { text, error, .. } => {
            let (line, column) = character(lines, line, error.column);
            (line, Problem::Expression { text, column, error })
        }
        Problem::Line { found, expected }
            if lines.iter().any(|(number, text)| number + 1 == line && text.trim().is_empty()) =>
        {
            (line, Problem::Behind { found, begun, expected })
        }
        problem => (line, problem),
    }
}

/// Line and column of the nth character, 1 the first, of the expression that begins in this line: behind `=` in a let,
/// else behind a colon. Indented lines go on with it, a blank between one and the next.
fn character(lines: &[(usize, &str)], begun: usize, nth: usize) -> (usize, usize) {
    let (mut left, mut place) = (nth, (begun, nth));
    for (number, line) in lines.iter().copied().filter(|(number, _)| *number >= begun) {
        let is_first = number == begun;
        let sign = if line.starts_with("let ") { '=' } else { ':' };
        let behind = if is_first { line.find(sign).map_or(0, |at| at + 1) } else { 0 };
        let value = &line[behind..];
        // An empty line, or in a check a comment, may stand between.
        if value.trim().is_empty() && !is_first || line.trim().starts_with('#') {
            continue;
        }
        if !is_first && !line.starts_with([' ', '\t']) {
            break;
        }
        let before = line.chars().count() - value.trim_start().chars().count();
        place = (number, before + left);
        let length = value.trim().chars().count();
        if left <= length {
            break;
        }
        left -= length + 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_of_an_expression_has_its_place_in_the_file() {
        let lines = [
            (7, "let a =  bc"),
            (8, "\t def"),
            (9, ""),
            (10, "  # why"),
            (11, "   gh"),
            (12, "é: x"),
            (13, " y"),
        ];
        let at = |begun: usize, nth| character(&lines, begun, nth);
        // `bc def gh`
        assert_eq!(
            [1, 2, 4, 6, 8, 9].map(|nth| at(7, nth)),
            [(7, 10), (7, 11), (8, 3), (8, 5), (11, 4), (11, 5)]
        );
        // Behind the end.
        assert_eq!((at(7, 10), at(12, 1), at(12, 4)), ((11, 6), (12, 4), (13, 3)));
    }
}
