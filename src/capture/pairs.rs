//! `key=value` pairs on one line: the notation of the machine-readable comments.
//!
//! A value is bare when it holds none of space, `"` and `\`, else it stands in double quotes, where `\\`, `\"`
//! and `\xNN` (control characters) are escapes. So a line never breaks, and every string comes back as it was.

use super::mark::MarkError;
use std::fmt::Write;

/// Appends ` key=value`, quoting the value.
pub(super) fn push_quoted(line: &mut String, key: &str, value: &str) {
    line.push(' ');
    line.push_str(key);
    line.push_str("=\"");
    for c in value.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(line, "\\x{:02x}", c as u32);
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

/// Appends ` key=value`, bare: for numbers and words that never hold a space.
pub(super) fn push(line: &mut String, key: &str, value: impl std::fmt::Display) {
    let _ = write!(line, " {key}={value}");
}

/// The pairs of a line, in order.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads `key=value` pairs to the end of `text`.
    pub(super) fn parse(text: &str) -> Result<Pairs, MarkError> {
        let mut pairs = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (key, after) =
                rest.split_once('=').ok_or_else(|| MarkError::NotAPair { got: rest.to_owned() })?;
            if key.is_empty() || key.contains([' ', '"']) {
                return Err(MarkError::NotAPair { got: key.to_owned() });
            }
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquote(key, quoted)?,
                None => {
                    let end = after.find(' ').unwrap_or(after.len());
                    (after[..end].to_owned(), &after[end..])
                }
            };
            pairs.push((key.to_owned(), value));
            rest = after.trim_start();
        }
        Ok(Pairs(pairs))
    }

    /// The value of a key that may be absent.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str) -> Result<&str, MarkError> {
        self.get(key).ok_or(MarkError::Missing { key })
    }

    /// The value of a key that must be there, parsed.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &'static str) -> Result<T, MarkError> {
        let value = self.need(key)?;
        value.parse().map_err(|_| MarkError::Value { key: key.to_owned(), got: value.to_owned() })
    }
}

/// The text up to the closing quote, unescaped, and what follows it.
fn unquote<'a>(key: &str, quoted: &'a str) -> Result<(String, &'a str), MarkError> {
    let bad = || MarkError::Value { key: key.to_owned(), got: quoted.to_owned() };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[i + 1..])),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                Some((_, 'x')) => {
                    let mut code = 0;
                    for _ in 0..2 {
                        let (_, digit) = chars.next().ok_or_else(bad)?;
                        code = code * 16 + digit.to_digit(16).ok_or_else(bad)?;
                    }
                    value.push(char::from_u32(code).ok_or_else(bad)?);
                }
                _ => return Err(bad()),
            },
            c => value.push(c),
        }
    }
    Err(bad())
}
