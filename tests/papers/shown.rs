//! What a paper shows, beside what is printed.

use libtest_mimic::Failed;

/// Stands for what is left out.
const ELISION: &str = "...";

/// Says where what is shown is not what was printed.
pub(crate) fn difference(shown: &[String], printed: &str) -> Option<String> {
    let mut shown: Vec<String> = shown.iter().map(|line| kinds(line)).collect();
    while shown.last().is_some_and(String::is_empty) {
        shown.pop();
    }
    let mut lines: Vec<String> = printed.lines().map(kinds).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let reached = furthest(&shown, &lines);
    if reached == usize::MAX {
        return None;
    }
    let line = shown.get(reached).map_or("(the end)", |line| line);
    Some(format!("is not printed, or not there: {line}\nprinted was:\n{}", end(printed)))
}

/// The end of what was printed: enough to see what is wrong.
pub(crate) fn end(printed: &str) -> String {
    let lines: Vec<&str> = printed.trim_end().lines().collect();
    let begin = lines.len().saturating_sub(60);
    let before = if begin > 0 { format!("({begin} lines before)\n") } else { String::new() };
    before + &lines[begin..].join("\n")
}

/// The first shown line that no way of reading the elisions finds in its place; `usize::MAX` when all are found.
fn furthest(shown: &[String], printed: &[String]) -> usize {
    // Where in `printed` the next shown line may stand.
    let mut open: Vec<usize> = vec![0];
    for (nth, line) in shown.iter().enumerate() {
        open = if line == ELISION {
            open.first().map(|first| (*first..=printed.len()).collect()).unwrap_or_default()
        } else {
            let next = open.iter().filter(|at| printed.get(**at).is_some_and(|text| fits(line, text)));
            next.map(|at| at + 1).collect()
        };
        if open.is_empty() {
            return nth;
        }
    }
    if open.contains(&printed.len()) { usize::MAX } else { shown.len() }
}

/// Whether a printed line is the shown one, `...` in it standing for any text.
fn fits(shown: &str, printed: &str) -> bool {
    let pieces: Vec<&str> = shown.split(ELISION).map(str::trim).collect();
    let [first, middle @ .., last] = &pieces[..] else { return shown == printed };
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    for piece in middle {
        match rest.split_once(piece) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A line with what differs from run to run by its nature named by its kind: a time (a number with a point, or with
/// the unit ns, us, ms or s behind it), an ephemeral port (32768 to 60999), a number of ten digits or more (a seed, an
/// initial sequence number), and of `3:115`, a message and when it came, the second. Blanks count once: columns follow the
/// numbers' widths.
pub(crate) fn kinds(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let inside = text.ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_');
        let digits = if inside {
            0
        } else {
            rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len())
        };
        let number = rest[..digits].trim_end_matches('.');
        if number.is_empty() || !c.is_ascii_digit() {
            text.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        rest = &rest[number.len()..];
        text.push_str(kind(number, rest).unwrap_or(number));
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let word = |word: &str| match word.split_once(':') {
        Some((nth, at)) if is_number(nth) && is_number(at) => format!("{nth}:TIME"),
        _ => word.to_owned(),
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn kind(number: &str, behind: &str) -> Option<&'static str> {
    let unit = behind.trim_start_matches(' ').split(|c: char| !c.is_alphanumeric()).next();
    let unit = unit.is_some_and(|unit| ["ns", "us", "ms", "s"].contains(&unit));
    let points = number.matches('.').count();
    if points == 1 && !behind.starts_with('%') || points == 0 && unit {
        return Some("TIME");
    }
    match number.parse::<u64>() {
        Ok(32768..=60999) => Some("PORT"),
        Ok(_) if number.len() >= 10 => Some("NUMBER"),
        _ => None,
    }
}

/// The comparison itself: what it lets through, and what it does not.
pub(crate) fn tried() -> Result<(), Failed> {
    let printed = "  1.234 wire  #3 seq=0\n\nsecond 10.0.0.2:7\nport 41022, 5 of 10\n1:25 2:--\nlast\n";
    let holds =
        |shown: &str| difference(&shown.lines().map(str::to_owned).collect::<Vec<_>>(), printed).is_none();
    for right in [
        printed,
        "...",
        "22.1 wire #3 seq=0\n...\nlast",
        "...\nport 50000, ... of 10\n...\nlast",
        "...\n1:26 2:--\nlast",
        "...\nsecond 10.0.0.2:7\n...",
        "1.0 wire ...\n\nsecond ...:7\nport 33333, 5 of 10\n1:1 2:--\nlast\n\n",
    ] {
        if !holds(right) {
            return Err(format!("this is what is printed: {right}").into());
        }
    }
    for wrong in [
        "",
        "...\nlast\nmore",
        "1.234 wire #4 seq=0\n...",
        "...\nsecond 10.0.0.3:7\n...",
        "...\nport 41022, 6 of 10\n...",
        "...\nlast\n...\nsecond ...\n...",
        "...\nport 41022, 5 of\n...\nlast",
        "...\n1:26 2:30\nlast",
        "1.234 wire #3 seq=0\nsecond 10.0.0.2:7\n...",
        "...\nsecond 10.0.0.2:7",
    ] {
        if holds(wrong) {
            return Err(format!("this is not what is printed: {wrong}").into());
        }
    }
    Ok(())
}
