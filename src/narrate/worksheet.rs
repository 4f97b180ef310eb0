//! A worksheet: what crossed the wire as a table in Markdown, with blanks to fill in, and its key.

use super::quiz::command;
use super::text::hanging;

/// Columns of the text; a table is as wide as its rows.
const WIDTH: usize = 80;

/// A frame, as a worksheet shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Its number on the wire.
    pub number: String,
    /// When it entered the wire.
    pub time: String,
    /// Direction, protocol, flags, sequence number, acknowledgment number, octets of payload, what the wire did to it where
    /// it did not carry it: [`COLUMNS`].
    pub cells: [String; 7],
}

/// The columns that may be left blank.
pub const COLUMNS: [&str; 7] = ["direction", "protocol", "flags", "seq", "ack", "len", "fate"];

/// A worksheet's head.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The lab.
    pub title: &'a str,
    /// The command whose frames these are.
    pub command: &'a str,
    /// How many frames it has; a sheet may have the first of them alone.
    pub frames: usize,
    /// Whose it is; empty for a line to write a name on.
    pub student: &'a str,
    /// The lab's questions.
    pub questions: &'a [String],
    /// What was observed, for the key; empty where nobody wants one.
    pub answers: &'a [String],
}

/// The sheet, and the key: the same table without blanks. Where `order` is given the rows stand in it, and their
/// numbers are blanks too, and their times are left out: they would give the order away.
#[must_use]
pub fn worksheet(
    head: &Head<'_>,
    rows: &[Row],
    blank: &[usize],
    order: Option<&[usize]>,
) -> (String, String) {
    let name = if head.student.is_empty() { "______________________" } else { head.student };
    let mut sheet = format!("# {}\n\nName: {name}\n\n", head.title);
    for (n, question) in (1..).zip(head.questions) {
        sheet.push_str(&asked(n, question));
        sheet.push_str("   Before: ________  After: ________\n\n");
    }
    let what = if order.is_some() { "Put the frames in their order, and fill in" } else { "Fill in" };
    let which = match rows.len() {
        some if some < head.frames => format!("Here are the first {some} of the {} frames", head.frames),
        _ => "The frames are those".to_owned(),
    };
    sheet.push_str(&format!("{what} what is missing. {which} of\n\n{}\n", command("    ", head.command)));
    let mut key = format!("# {}: key\n\n", head.title);
    for (n, (question, answer)) in (1..).zip(head.questions.iter().zip(head.answers)) {
        key.push_str(&asked(n, question));
        key.push_str(&format!("   {answer}\n\n"));
    }
    if order.is_some() {
        key.push_str("Rows that look alike on the sheet may change places.\n\n");
    }
    let inside = |n: &&usize| **n < rows.len();
    let places: Vec<usize> = match order {
        Some(order) => order.iter().filter(inside).copied().collect(),
        None => (0..rows.len()).collect(),
    };
    let timeless: Vec<Row>;
    let shown = match order {
        Some(_) => {
            timeless = rows.iter().map(|row| Row { time: String::new(), ..row.clone() }).collect();
            &timeless[..]
        }
        None => rows,
    };
    table(&mut sheet, &places, shown, |row, column| match column {
        None => order.is_some(),
        Some(column) => blank.contains(&column) && !row.cells[column].is_empty(),
    });
    table(&mut key, &places, rows, |_, _| false);
    (sheet, key)
}

/// A question as an item of a list.
fn asked(n: usize, question: &str) -> String {
    let head = format!("{n}. ");
    hanging(&head, question, head.len(), WIDTH) + "\n"
}

/// A table in Markdown; a column that is `None` is the number or the time. A column without a word is left out.
fn table(to: &mut String, places: &[usize], rows: &[Row], is_blank: impl Fn(&Row, Option<usize>) -> bool) {
    let used = |column: &usize| rows.iter().any(|row| !row.cells[*column].is_empty());
    let used: Vec<usize> = (0..COLUMNS.len()).filter(used).collect();
    to.push_str("| # | ms |");
    used.iter().for_each(|column| to.push_str(&format!(" {} |", COLUMNS[*column])));
    to.push_str("\n|---|---|");
    to.push_str(&"---|".repeat(used.len()));
    to.push('\n');
    for place in places {
        let row = &rows[*place];
        to.push('|');
        let cells = [(None, &row.number), (None, &row.time)];
        let used = used.iter().map(|column| (Some(*column), &row.cells[*column]));
        for (column, cell) in cells.into_iter().chain(used) {
            let shown = if !cell.is_empty() && is_blank(row, column) { "____" } else { cell };
            to.push_str(&format!(" {shown} |"));
        }
        to.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_blanks_and_the_key_has_none() {
        let row = |number: &str, seq: &str| Row {
            number: number.into(),
            time: "1.5".into(),
            cells: ["A>B", "TCP", "SYN", seq, "", "0", ""].map(String::from),
        };
        let head = Head {
            title: "Lab 4",
            command: "layerlab tcp echo",
            frames: 2,
            student: "",
            questions: &["How many?".into()],
            answers: &["2".into()],
        };
        let rows = [row("1", "0"), row("2", "7")];
        let (sheet, key) = worksheet(&head, &rows, &[3, 4], None);
        assert!(sheet.contains("| 1 | 1.5 | A>B | TCP | SYN | ____ | 0 |"), "{sheet}");
        assert!(sheet.contains("1. How many?") && key.contains("| 2 | 1.5 | A>B | TCP | SYN | 7 | 0 |"));
        assert!(!key.contains("____") && key.contains("1. How many?\n\n   2\n"), "{key}");
        let (sheet, key) = worksheet(&head, &rows, &[3], Some(&[1, 0]));
        assert!(sheet.contains("| ____ |  | A>B |") && !sheet.contains("| 2 |"), "{sheet}");
        assert!(key.find("| 2 |").unwrap() < key.find("| 1 |").unwrap());
    }

    #[test]
    fn a_sheet_says_that_it_has_not_all_frames_and_wraps_what_is_long() {
        let long = "word ".repeat(40);
        let (question, command) = (format!("{long}?"), format!("layerlab tcp echo {long}"));
        let head = Head {
            title: "Lab 4",
            command: &command,
            frames: 7,
            student: "",
            questions: &[question],
            answers: &[],
        };
        let (sheet, _) = worksheet(&head, &[Row::default()], &[], None);
        assert!(
            sheet.contains("Here are the first 1 of the 7 frames of\n\n    layerlab tcp echo word"),
            "{sheet}"
        );
        assert!(sheet.lines().all(|line| line.chars().count() <= 80), "{sheet}");
        let (sheet, _) = worksheet(&Head { frames: 1, ..head }, &[Row::default()], &[], None);
        assert!(sheet.contains("The frames are those of\n\n    layerlab"), "{sheet}");
    }
}
