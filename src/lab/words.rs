//! A command line's words, as a shell would cut them: blanks separate, quotation marks keep together. What else a shell
//! understands is refused: it would become words of a message.

use super::Problem;

/// Cuts a line into words.
///
/// # Errors
/// A quotation mark without its partner, or what only a shell would understand.
pub(crate) fn words(line: &str) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut of_shell = false;
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => {
                if of_shell {
                    return Err(Problem::Shell(word.unwrap_or_default()));
                }
                words.extend(word.take());
            }
            (None, c) => {
                // Several commands in one, a pipe, a file in the place of what is shown.
                of_shell |= "|&;<>".contains(c);
                word.get_or_insert_default().push(c);
            }
        }
    }
    match quote {
        Some(mark) => Err(Problem::Quote(mark)),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_keep_together_and_make_empty_words() {
        assert_eq!(
            words(r#"udp echo AB  "" 'tcp.data#3' a"b c"d"#).unwrap(),
            ["udp", "echo", "AB", "", "tcp.data#3", "ab cd"]
        );
        assert_eq!(words("a 'b"), Err(Problem::Quote('\'')));
        assert!(words("  ").unwrap().is_empty());
    }

    #[test]
    fn what_is_for_a_shell_is_refused_unless_it_is_quoted() {
        for line in [
            "a | b", "a && b", "a || b", "a ; b", "a; b", "a &", "a > f", "a >f", "a 2> f", "a 2>&1",
            "a < f", "a|b", "x'y'>f",
        ] {
            assert!(matches!(words(line), Err(Problem::Shell(_))), "{line}");
        }
        assert_eq!(words("a '|' \"b;\" x'>' 'c&d'").unwrap(), ["a", "|", "b;", "x>", "c&d"]);
    }
}
