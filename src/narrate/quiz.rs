//! A lab as it is read: events, facts that were checked, and predictions beside what was observed.

use super::dice::lost_of;
use super::push::wrapped;
use super::text::{NO_BREAK, clip, columns, hanging, safe, wrap};
use std::time::Duration;

/// Columns that a lab is written in.
const WIDTH: usize = 80;
/// What stands before a line's text.
const MARGIN: usize = 9;

/// What came of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// A capture cannot tell.
    NotInCapture,
}

/// A prediction beside what was observed.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The question.
    pub ask: &'a str,
    /// What was predicted.
    pub predicted: Option<&'a str>,
    /// What was observed.
    pub observed: &'a str,
    /// Whether they agree.
    pub right: Option<bool>,
    /// They agree, and are not the same number.
    pub near: bool,
    /// What the student wrote that they saw, and whether that agrees.
    pub typed: Option<(&'a str, Option<bool>)>,
    /// What there is to say to this wrong answer.
    pub often: Option<&'a str>,
    /// The frames to look at.
    pub frames: &'a [u64],
}

/// A command behind `before`, as a shell takes it: where it is long, in several lines.
#[must_use]
pub fn command(before: &str, typed: &str) -> String {
    // The end of a line takes a blank and the backslash, what goes on stands four columns further in.
    let width = WIDTH - before.len() - 6;
    let mut mark = None;
    let together = |c: char| match (c, mark) {
        ('\'' | '"', None) => {
            mark = Some(c);
            c.to_string()
        }
        (_, Some(open)) if c == open => {
            mark = None;
            c.to_string()
        }
        // Between quotation marks a backslash would be one.
        (' ', Some(_)) => NO_BREAK.to_owned(),
        _ => c.to_string(),
    };
    let typed: String = typed.chars().map(together).collect();
    format!(
        "{before}{}\n",
        wrap(&typed, width, width).join(&format!(" \\\n{}    ", " ".repeat(before.len())))
    )
}

/// Fields that a lab wants to be seen.
#[must_use]
pub fn fields(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(" | ")
}

/// An event of the run: when, on which host, its sentence, and the [`fields`] that the lab wants to be seen.
#[must_use]
pub fn event(at_ns: Option<u64>, host: Option<&str>, sentence: &str, fields: &str) -> String {
    let host = host.map(|host| format!("{host} ")).unwrap_or_default();
    let bar = if fields.is_empty() { "" } else { " | " };
    let sentence = format!("{host}{}{bar}{}", safe(sentence, false), safe(fields, false));
    match at_ns {
        // Milliseconds, the unit that all labs count in; a float is exact enough for two digits.
        Some(at) => lines(&format!("{:>8.2} ", at as f64 / 1e6), &sentence),
        // What a program printed keeps its lines, unless one was never made for a screen.
        None if columns(&sentence) > WIDTH => wrapped(&sentence, WIDTH) + "\n",
        None => format!("{sentence}\n"),
    }
}

/// Events that are not told here.
#[must_use]
pub fn left_out(events: usize) -> String {
    lines("     ... ", &format!("{events} more, left out here: --all tells them, --step shows each"))
}

/// A question, with its choices where it has any.
#[must_use]
pub fn question(ask: &str, choices: &[&str]) -> String {
    let mut text = lines("PREDICT", ask);
    for (n, choice) in (1..).zip(choices) {
        text.push_str(&lines("", &format!("{n}  {choice}")));
    }
    text
}

/// The same question once more, when all has been seen and nothing is said of it yet.
#[must_use]
pub fn observe(ask: &str) -> String {
    format!("\n{}{}", lines("OBSERVE", ask), lines("", "What did you see? (Enter alone: nothing.)"))
}

/// What there is to say of a fact that fails.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// Its name.
    pub id: &'a str,
    /// As it is written.
    pub expected: &'a str,
    /// What was seen.
    pub seen: &'a str,
    /// The frames that it rests on.
    pub frames: &'a [u64],
    /// Names in it that no event has.
    pub absent: &'a [String],
}

/// A fact that was checked.
#[must_use]
pub fn fact(verdict: Verdict, words: &str, failed: &Failed<'_>) -> String {
    let mut text = match verdict {
        Verdict::Holds => lines("ok       ", words),
        Verdict::Fails => lines("NOT SO   ", words),
        Verdict::NotInCapture => {
            lines("?        ", &format!("{words} (This capture cannot tell: it has no system calls.)"))
        }
    };
    if verdict == Verdict::Fails {
        text.push_str(&lines("", &format!("{} expects: {}", failed.id, failed.expected)));
        text.push_str(&lines("", &format!("seen: {}{}", safe(failed.seen, false), within(failed.frames))));
        if !failed.absent.is_empty() {
            text.push_str(&lines("", &format!("No event of this run has: {}", failed.absent.join(", "))));
        }
    }
    text
}

/// A fact as it is written, and what was seen: for who teaches.
#[must_use]
pub fn detail(expected: &str, seen: &str) -> String {
    lines("", &safe(expected, false)) + &lines("", &format!("seen: {}", safe(seen, false)))
}

/// A fact that a change has to break, what it wants, what the change showed, and whether that broke it.
#[must_use]
pub fn changed(holds: bool, words: &str, fact: &Failed<'_>) -> String {
    let Failed { id, expected, seen, .. } = fact;
    let (head, so) = match holds {
        true => ("HOLDS    ", "so it holds, and should not."),
        false => ("broken   ", "so it fails, as it should."),
    };
    let mut text = lines(head, words);
    text.push_str(&lines("", &format!("{id} wants: {expected}")));
    text.push_str(&lines("", &format!("seen here: {}; {so}", safe(seen, false))));
    text
}

/// A change that breaks no fact is not run.
#[must_use]
pub fn not_run(typed: &str) -> String {
    format!(
        "\n{}{}",
        command("not run: ", typed),
        lines("", "It names no fact that it breaks (breaks: ...).")
    )
}

/// The result of a question, beside what was predicted. A wrong prediction is answered with what many say and where
/// to look, never with blame.
#[must_use]
pub fn result(told: &Told<'_>) -> String {
    let mut text = lines("\nPREDICT  ", told.ask);
    let look = || match told.frames {
        [] => String::new(),
        frames => format!(" Look at{}.", named(frames)),
    };
    let observed = quoted(told.observed);
    text.push_str(&match (told.predicted, told.right, told.often) {
        (Some(said), Some(true), _) if told.near => {
            lines("RESULT   ", &format!("{observed}: your {} is near enough.", quoted(said)))
        }
        (Some(_), Some(true), _) => lines("RESULT   ", &format!("{observed}, as you said.")),
        (Some(said), Some(false), Some(often)) => {
            let mut text = lines("RESULT   ", &format!("{observed}, not {}.", quoted(said)));
            text.push_str(&lines("", &format!("Many say {}: {often}.{}", quoted(said), look())));
            text
        }
        (Some(said), Some(false), None) => {
            lines("RESULT   ", &format!("{observed}, not {}.{}", quoted(said), look()))
        }
        _ => lines("RESULT   ", &observed),
    });
    match told.typed {
        Some((_, Some(true))) => text.push_str(&lines("", "You saw it.")),
        Some((saw, Some(false))) => {
            let saw = quoted(saw);
            text.push_str(&lines("", &format!("You wrote that you saw {saw}: look once more.{}", look())));
        }
        Some((_, None)) | None => {}
    }
    text
}

/// How many predictions of a quiz that was left are kept, where it goes on.
#[must_use]
pub fn goes_on(kept: usize, of: usize, file: &str) -> String {
    let asks = if kept < of { "; you are asked for the others" } else { "" };
    let text = format!("{}. What was committed stays so{asks}.", kept_in(kept, of, &safe(file, false)));
    hanging("", &text, 0, WIDTH) + "\n"
}

fn kept_in(kept: usize, of: usize, file: &str) -> String {
    format!("{kept} of {of} predictions {} kept in {file}", if kept == 1 { "is" } else { "are" })
}

/// A prediction that was kept, in the place where it was typed.
#[must_use]
pub fn kept(said: &str) -> String {
    lines("you:     ", &format!("{} (kept)", safe(said, false)))
}

/// A quiz that is left at a question: what becomes of the answers so far.
#[must_use]
pub fn left(kept: usize, of: usize, file: Option<&str>) -> String {
    match file.filter(|_| kept > 0) {
        Some(file) => format!("{}: the same command goes on with the next", kept_in(kept, of, file)),
        None => "a prediction is asked for first: type one, or leave out --quiz".to_owned(),
    }
}

/// What was said or seen: several words stand between quotation marks, so that it is plain where they end; a number with
/// its unit needs none.
fn quoted(said: &str) -> String {
    let said = safe(said, false);
    if said.contains(' ') && !said.starts_with(|c: char| c.is_ascii_digit()) {
        format!("\"{said}\"")
    } else {
        said
    }
}

/// How many facts hold.
#[must_use]
pub fn tally(verdicts: &[Verdict], unclear: usize) -> String {
    let count = |which| verdicts.iter().filter(|verdict| **verdict == which).count();
    let (all, holds, unknown) = (verdicts.len(), count(Verdict::Holds), count(Verdict::NotInCapture));
    let mut text = format!("\n{holds} of {all} facts hold");
    if unknown > 0 {
        text.push_str(&format!("; of {unknown} a capture cannot tell"));
    }
    text.push_str(&questions(unclear));
    text.push_str(".\n");
    text
}

/// How many facts the changes were to break, and how many of these hold all the same.
#[must_use]
pub fn changes(asked: usize, unbroken: usize) -> String {
    let so = match (asked, unbroken) {
        (0, _) => return String::new(),
        (_, 0) => "Its changes break each fact that they should".to_owned(),
        (_, 1) => "1 fact holds where a change should have broken it: it checks too little".to_owned(),
        (_, n) => format!("{n} facts hold where a change should have broken them: they check too little"),
    };
    format!("{so} ({} of {asked}).\n", asked - unbroken)
}

/// Facts that every run of the lab shows, the changed ones too.
#[must_use]
pub fn never_broken(ids: &[&str]) -> String {
    if ids.is_empty() {
        String::new()
    } else {
        hanging("", &format!("No change breaks: {}", ids.join(", ")), 0, WIDTH)
    }
}

/// A question that a run does not answer, or not with one choice alone: what was observed is none, or more, of these.
#[must_use]
pub fn unclear(id: &str, observed: &str) -> String {
    let told = match observed.strip_suffix(" of these") {
        Some(many) => {
            let many = safe(many, false);
            format!("The question \"{id}\" has no one answer: {many} of its choices was seen to be right.")
        }
        None => format!("The question \"{id}\" has no answer: what it asks for was not seen in these runs."),
    };
    lines("NOT SO   ", &told)
}

/// How many questions have no one answer, behind the facts that hold.
fn questions(unclear: usize) -> String {
    match unclear {
        0 => String::new(),
        1 => ", and 1 question has no one answer".to_owned(),
        n => format!(", and {n} questions have no one answer"),
    }
}

/// Columns of a lab's number and title, in a table of labs.
const TITLE: usize = 46;

/// The row of a lab that is being checked.
#[must_use]
pub fn row_begins(number: u32, title: &str) -> String {
    let title: String = safe(title, false).chars().take(TITLE).collect();
    format!("{number:>3}  {title:<TITLE$}  ")
}

/// Its end: what came of it, and how long it took.
#[must_use]
pub fn row_ends(verdicts: &[Verdict], unclear: usize, passed: bool, took: Duration) -> String {
    let count = |which| verdicts.iter().filter(|verdict| **verdict == which).count();
    let open = match count(Verdict::NotInCapture) {
        0 => String::new(),
        n => format!(", {n} open"),
    };
    let head = if passed { "ok  " } else { "NOT SO" };
    let (holds, of) = (count(Verdict::Holds), verdicts.len());
    let unclear = if unclear > 0 { format!(", {unclear} unclear") } else { String::new() };
    format!("{head} {holds:>2} of {of:>2}{open}{unclear} {:>6.1} s\n", took.as_secs_f64())
}

/// Its end, where this machine cannot run it.
#[must_use]
pub fn row_cannot() -> &'static str {
    "not on this machine\n"
}

/// What stands below the rows: in how many labs all facts hold, and in how many of all questions have no one answer.
#[must_use]
pub fn rows_end(hold: usize, unclear: usize, of: usize, took: Duration) -> String {
    let unclear =
        if unclear > 0 { format!("; in {unclear} a question has no one answer") } else { String::new() };
    format!(
        "\nIn {hold} of {of} labs every fact that was checked holds{unclear}. {:.1} s\n",
        took.as_secs_f64()
    )
}

/// What a lab that was recorded begins with.
#[must_use]
pub fn recorded() -> &'static str {
    "Nothing is run here: what you see was recorded on another machine.\n\n"
}

fn within(frames: &[u64]) -> String {
    if frames.is_empty() { String::new() } else { format!(" ({})", named(frames).trim_start()) }
}

/// ` frame 3`, ` frames 1-5`, ` frames 1, 4, 7 and 5 more`.
fn named(frames: &[u64]) -> String {
    match frames {
        [] => String::new(),
        [one] => format!(" frame {one}"),
        [first, .., last] if last - first + 1 == frames.len() as u64 => format!(" frames {first}-{last}"),
        more => {
            let list: Vec<String> = more.iter().take(6).map(u64::to_string).collect();
            let rest = more.len() - list.len();
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!(" frames {}{rest}", list.join(", "))
        }
    }
}

/// What crossed the wire to one side: frames, those of them that it dropped, and how often one or several in a row.
#[must_use]
pub fn crossed(to: &str, crossed: [u64; 3]) -> String {
    lines("", &format!("on the wire to the {to}: {}", lost_of(crossed)))
}

/// What is wrong with an answer, before it is typed once more.
#[must_use]
pub fn again(error: &str) -> String {
    lines("", &safe(error, false))
}

/// A run that has not ended, in one line of at most `width` columns: for how long, and what came last.
#[must_use]
pub fn running(since: Duration, newest: &str, width: usize) -> String {
    let newest = if newest.is_empty() { "running" } else { newest };
    clip(&format!("{:>8.1} s  {}", since.as_secs_f64(), safe(newest, false)), width, "\u{2026}")
}

/// A text behind a head, wrapped and indented.
fn lines(head: &str, text: &str) -> String {
    hanging(head, text, MARGIN, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_time_is_no_wider_than_the_screen() {
        let text = event(None, None, &"word ".repeat(40), "");
        assert!(text.lines().count() > 2 && text.lines().all(|line| columns(line) <= WIDTH), "{text}");
        // One that fits stands as it was printed.
        assert_eq!(event(None, None, "  a   b", ""), "  a   b\n");
    }

    #[test]
    fn a_long_command_is_one_that_a_shell_takes() {
        let option = "--drop 'to-client: tcp.data#3'";
        let long = command("instead: ", &format!("layerlab tcp echo hello {}", [option; 6].join(" ")));
        assert!(long.lines().count() > 2 && long.lines().all(|line| columns(line) <= WIDTH), "{long}");
        let (last, wrapped) =
            long.lines().collect::<Vec<_>>().split_last().map(|(l, w)| (*l, w.to_vec())).unwrap();
        assert!(wrapped.iter().all(|line| line.ends_with(" \\")) && !last.ends_with('\\'), "{long}");
        // What stands between quotation marks stays in one line.
        assert_eq!(long.matches("'to-client: tcp.data#3'").count(), 6, "{long}");
        assert_eq!(command("$ ", "layerlab tcp echo 'a  b'"), "$ layerlab tcp echo 'a  b'\n");
    }

    #[test]
    fn what_came_last_stands_behind_the_time_in_one_line() {
        let since = Duration::from_millis(12_340);
        assert_eq!(running(since, "SYN again\u{1b}", 80), "    12.3 s  SYN again\\x1b");
        assert_eq!(running(since, "", 80), "    12.3 s  running");
        assert_eq!(running(since, "SYN again", 16), "    12.3 s  SYN\u{2026}");
    }

    #[test]
    fn a_wrong_prediction_is_answered_without_shame() {
        let told = Told {
            ask: "How many frames?",
            predicted: Some("3"),
            observed: "5",
            right: Some(false),
            near: false,
            typed: None,
            often: Some("the handshake is three, but two were ARP"),
            frames: &[1, 2, 3, 4, 5],
        };
        let many =
            "         Many say 3: the handshake is three, but two were ARP. Look at frames\n         1-5.\n";
        assert_eq!(result(&told), format!("\nPREDICT  How many frames?\nRESULT   5, not 3.\n{many}"));
        let right = Told { predicted: Some("5"), right: Some(true), often: None, ..told };
        assert!(result(&right).ends_with("RESULT   5, as you said.\n"));
        let near = result(&Told { predicted: Some("6"), near: true, ..right });
        assert!(near.ends_with("RESULT   5: your 6 is near enough.\n"));
        let typed = |right| result(&Told { typed: Some(("4", Some(right))), ..told });
        assert!(typed(true).ends_with("         You saw it.\n"));
        assert!(
            typed(false)
                .ends_with("         You wrote that you saw 4: look once more. Look at frames 1-5.\n")
        );
        let none = Told { predicted: None, right: None, often: None, ..told };
        assert!(result(&none).ends_with("RESULT   5\n"));
    }

    #[test]
    fn of_a_change_it_is_said_what_it_showed_and_what_was_wanted() {
        let fact =
            Failed { id: "two", expected: "count(tcp) == 2", seen: "7 != 2", frames: &[], absent: &[] };
        let wants = "         two wants: count(tcp) == 2\n         seen here: ";
        assert_eq!(
            changed(false, "Two segments.", &fact),
            format!("broken   Two segments.\n{wants}7 != 2; so it fails, as it should.\n")
        );
        let holds = changed(true, "Two segments.", &Failed { seen: "2 == 2", ..fact });
        assert_eq!(holds, format!("HOLDS    Two segments.\n{wants}2 == 2; so it holds, and should not.\n"));
        assert_eq!(changes(3, 0), "Its changes break each fact that they should (3 of 3).\n");
        assert!(changes(3, 2).starts_with("2 facts hold where") && changes(0, 0).is_empty());
        assert!(not_run(&"word ".repeat(40)).lines().all(|line| columns(line) <= WIDTH));
    }

    #[test]
    fn a_fact_that_fails_says_what_was_expected_and_seen() {
        let absent = ["tcpp".to_owned()];
        let failed =
            Failed { id: "two", expected: "count(tcp) == 2", seen: "7", frames: &[3, 9], absent: &absent };
        let text = fact(Verdict::Fails, "Two segments.", &failed);
        assert!(
            text.contains("NOT SO   Two segments.\n") && text.contains("seen: 7 (frames 3, 9)"),
            "{text}"
        );
        assert_eq!(fact(Verdict::Holds, "It is so.", &failed), "ok       It is so.\n");
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(
            tally(&[Verdict::Holds, Verdict::NotInCapture], 0),
            "\n1 of 2 facts hold; of 1 a capture cannot tell.\n"
        );
        assert_eq!(tally(&[Verdict::Holds], 1), "\n1 of 1 facts hold, and 1 question has no one answer.\n");
        let row = row_ends(&[Verdict::Holds], 2, false, Duration::ZERO);
        assert_eq!(row, "NOT SO  1 of  1, 2 unclear    0.0 s\n");
        assert!(rows_end(3, 1, 3, Duration::ZERO).contains("holds; in 1 a question has no one answer."));
    }
}
