//! Text that is safe to print, and lines that fit.

use crate::model::Time;
use std::fmt::Write as _;
use std::time::Duration;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` with everything escaped that a terminal would act on or that would mislead a reader:
/// control characters, bidirectional and invisible format characters, combining marks. With `ascii`
/// everything beyond ASCII is escaped too. Escapes are Rust's: `\n`, `\x1b`, `\u{202e}`.
pub fn safe(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_safe(&mut out, c, ascii);
    }
    out
}

fn push_octet(out: &mut String, octet: u8) {
    let _ = write!(out, "\\x{octet:02x}");
}

/// One character, escaped where a terminal would act on it or where it has no column of its own.
fn push_safe(out: &mut String, c: char, ascii: bool) {
    match c {
        '\'' | '"' | '\\' => out.push(c),
        '\t' | '\r' | '\n' => out.extend(c.escape_default()),
        _ if c.is_ascii_control() => push_octet(out, c as u8),
        _ if ascii || c.width().unwrap_or(0) == 0 => out.extend(c.escape_default()),
        _ => out.extend(c.escape_debug()),
    }
}

/// Whether octets are UTF-8 without control characters. A character that their end cuts is no objection: they may be a sample,
/// or a segment's.
fn is_text(octets: &[u8]) -> bool {
    let valid = match std::str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&octets[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    valid.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\r' | '\n'))
}

/// Octets as a quoted text of at most `limit` columns: UTF-8 as it reads; where they are not all of it printable, what
/// is not ASCII as `\xNN`, each octet alike, though some happen to spell a letter. Ends in an ellipsis after the quote when some were left out. Never contains a control character.
pub fn preview(bytes: &[u8], limit: usize, ascii: bool) -> String {
    // A character takes at least one octet and at most ten columns when escaped: what lies far
    // beyond the limit need not be looked at.
    let seen = &bytes[..bytes.len().min(limit.saturating_mul(4).saturating_add(8))];
    let mut out = String::from("\"");
    let mut columns = 2;
    let mut whole = seen.len() == bytes.len();
    let text = is_text(seen);
    'all: for chunk in seen.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut one = String::new();
            if matches!(c, '"' | '\\') {
                one.push('\\');
            }
            if text || c.is_ascii() {
                push_safe(&mut one, c, ascii);
            } else {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|octet| push_octet(&mut one, octet));
            }
            if columns + one.width() > limit {
                whole = false;
                break 'all;
            }
            columns += one.width();
            out.push_str(&one);
        }
        for b in chunk.invalid() {
            if columns + 4 > limit {
                whole = false;
                break 'all;
            }
            columns += 4;
            push_octet(&mut out, *b);
        }
    }
    out.push('"');
    if !whole {
        out.push_str(if ascii { "..." } else { "…" });
    }
    out
}

/// Milliseconds with three decimals, without the unit: `10.305`.
pub(super) fn ms(at: Time) -> String {
    let micros = at.as_nanos() / 1_000;
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

/// A duration as a person says it: `10.305 ms`, `40 us`, `2.5 s`.
pub(super) fn span(d: Duration) -> String {
    let ns = d.as_nanos();
    if ns >= 1_000_000_000 {
        trim(d.as_secs_f64(), "s")
    } else if ns >= 1_000_000 {
        trim(ns as f64 / 1e6, "ms")
    } else {
        trim(ns as f64 / 1e3, "us")
    }
}

fn trim(value: f64, unit: &str) -> String {
    let digits = format!("{value:.3}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits} {unit}")
}

/// A probability as a percentage without needless zeros: `5%`, `0.25%`.
pub(super) fn percent(p: f64) -> String {
    let digits = format!("{:.4}", p * 100.0);
    format!("{}%", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A number with its unit's plural: `1 octet`, `2 octets`.
pub(super) fn count(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Columns that `text` takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// `text` followed by blanks up to `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(text))));
    out
}

/// `text` preceded by blanks up to `width` columns.
pub(super) fn right(text: &str, width: usize) -> String {
    let mut out: String = std::iter::repeat_n(' ', width.saturating_sub(columns(text))).collect();
    out.push_str(text);
    out
}

/// `text` in at most `width` columns; what is left out leaves an ellipsis where there is room for one.
pub(super) fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let (mark, room) = match width.checked_sub(columns(ellipsis)) {
        Some(room) => (ellipsis, room),
        None => ("", width),
    };
    let mut out = String::new();
    for c in text.chars() {
        out.push(c);
        if columns(&out) > room {
            out.pop();
            break;
        }
    }
    format!("{}{mark}", out.trim_end())
}

/// A blank at which no line is broken. [`wrap`] turns it into a plain one. [`safe`] lets none through.
pub(super) const NO_BREAK: &str = "\u{a0}";

/// `text` behind `head`, wrapped at `width` and indented by `margin` columns, as wide as the head is made.
pub(super) fn hanging(head: &str, text: &str, margin: usize, width: usize) -> String {
    let mut all = String::new();
    for (nth, line) in wrap(text, width - margin, width - margin).iter().enumerate() {
        let before = if nth == 0 { head } else { "" };
        all.push_str(format!("{before:<margin$}{line}").trim_end());
        all.push('\n');
    }
    all
}

/// Breaks `text` at blanks into lines of at most `first`, then `rest` columns. A word wider than a
/// line is broken anywhere. Blanks at a break are dropped; there is at least one line.
pub(super) fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    let room = |lines: &Vec<String>| if lines.is_empty() { first.max(1) } else { rest.max(1) };
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let need = columns(word);
        let gap = usize::from(!line.is_empty());
        if used + gap + need <= room(&lines) {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            used += gap + need;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if need > room(&lines) && need <= rest && lines.is_empty() {
            // Too wide for the first line only: leave that one empty rather than break the word.
            lines.push(String::new());
        }
        for c in word.chars() {
            let w = c.width().unwrap_or(0);
            if used + w > room(&lines) && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += w;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines.iter().map(|l| l.replace(NO_BREAK, " ").trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(span(Duration::from_micros(10_305)), "10.305 ms");
        assert_eq!(span(Duration::from_micros(40)), "40 us");
        assert_eq!(span(Duration::from_millis(2_500)), "2.5 s");
        assert_eq!(span(Duration::ZERO), "0 us");
        assert_eq!(ms(Time::from_micros(10_305)), "10.305");
        assert_eq!(percent(0.05), "5%");
        assert_eq!(percent(0.0132), "1.32%");
    }

    #[test]
    fn a_terminal_is_never_hijacked() {
        assert_eq!(preview(b"\x1b[31mred\x07", 40, false), r#""\x1b[31mred\x07""#);
        assert_eq!(preview("a\u{202e}b".as_bytes(), 40, false), r#""a\u{202e}b""#);
        assert_eq!(preview(b"\xff\xfehi\n", 40, false), r#""\xff\xfehi\n""#);
        assert_eq!(preview("h\u{e9}".as_bytes(), 40, false), "\"h\u{e9}\"");
        assert_eq!(preview("h\u{e9}".as_bytes(), 40, true), r#""h\u{e9}""#);
        assert_eq!(preview(b"0123456789", 7, true), "\"01234\"...");
        assert_eq!(safe("a\x1b]0;x\x07b\u{200b}c\u{301}", false), "a\\x1b]0;x\\x07b\\u{200b}c\\u{301}");
        assert_eq!(safe("it's \"5%\"", true), "it's \"5%\"");
    }

    #[test]
    fn an_octet_has_one_notation() {
        assert_eq!(preview(b"\x81\x85\x00\x1b+\x18\x7f\t", 60, false), r#""\x81\x85\x00\x1b+\x18\x7f\t""#);
        // d3 89 is a Cyrillic letter where all is text, and two octets where it is not.
        assert_eq!(
            preview(b"\x88\x82\xce7\xd3\x89\xcd\xdf", 60, false),
            r#""\x88\x82\xce7\xd3\x89\xcd\xdf""#
        );
        assert_eq!(preview(b"\x05\xd3\x89", 60, false), r#""\x05\xd3\x89""#);
        assert_eq!(preview("7\u{489}\r\n\u{e9}".as_bytes(), 60, true), r#""7\u{489}\r\n\u{e9}""#);
        let russian = "\u{43f}\u{440}\u{438}";
        assert_eq!(preview(russian.as_bytes(), 60, false), format!("\"{russian}\""));
        // A sample may end within a letter.
        assert_eq!(preview(&russian.as_bytes()[..5], 60, false), "\"\u{43f}\u{440}\\xd0\"");
    }

    #[test]
    fn words_wrap_and_long_ones_break() {
        assert_eq!(wrap("aa bb cc", 5, 5), ["aa bb", "cc"]);
        assert_eq!(wrap("abcdefgh", 3, 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3, 3), [""]);
        assert_eq!(wrap("abcdef", 3, 8), ["", "abcdef"]);
    }

    proptest! {
        #[test]
        fn lines_fit_and_nothing_is_lost(text in ".{0,200}", first in 2usize..40, rest in 2usize..40) {
            let clean = safe(&text, false);
            let lines = wrap(&clean, first, rest);
            for (i, line) in lines.iter().enumerate() {
                let room = if i == 0 { first } else { rest };
                prop_assert!(columns(line) <= room);
            }
            let squeeze = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(squeeze(&lines.concat()), squeeze(&clean));
        }

        #[test]
        fn previews_are_printable(bytes in proptest::collection::vec(any::<u8>(), 0..200), limit in 3usize..60) {
            for ascii in [false, true] {
                let shown = preview(&bytes, limit, ascii);
                prop_assert!(shown.chars().all(|c| !c.is_control()));
                prop_assert!(columns(&shown) <= limit + 3);
                prop_assert!(!ascii || shown.is_ascii());
            }
        }
    }
}
