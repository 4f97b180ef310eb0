//! A command line's words, as a shell would cut them: blanks separate, quotation marks keep together.

use super::Problem;

/// Cuts a line into words.
///
/// # Errors
/// A quotation mark without its partner.
pub(crate) fn words(line: &str) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    match quote {
        Some(mark) => Err(Problem::Quote(mark)),
        None => {
            words.extend(word);
            Ok(words)
        }
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
}
