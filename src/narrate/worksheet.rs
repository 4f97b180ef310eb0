//! A worksheet: what crossed the wire as a table in Markdown, with blanks to fill in, and its key.

use super::quiz;
use super::text::{columns, hanging, wrap};

/// Columns that a worksheet is written in.
const WIDTH: usize = 80;
/// Columns of what a frame says at layer 7.
const WORDS: usize = 24;
/// What stands for what is to be filled in.
const BLANK: &str = "____";

/// A frame, as a worksheet shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Its number on the wire.
    pub number: String,
    /// When it entered the wire.
    pub time: String,
    /// What stands in each column, empty for nothing: [`COLUMNS`].
    pub cells: [String; COLUMNS.len()],
}

/// The columns that may be left blank: from whom to whom, the connection's number, protocol, flags, relative numbers, octets of
/// payload, octets of the frame, what is complete with it at layer 7, and what the wire did to it where it did not carry it.
pub const COLUMNS: [&str; 10] =
    ["direction", "stream", "protocol", "flags", "seq", "ack", "len", "frame.len", "application", "fate"];
const DIRECTION: usize = 0;
const STREAM: usize = 1;
const FLAGS: usize = 3;
const SEQ: usize = 4;
const ACK: usize = 5;
const FRAME_LEN: usize = 7;
const APPLICATION: usize = 8;
const FATE: usize = 9;

/// Columns that a table of more than [`WIDTH`] can do without, the first to go first.
const SPARED: [usize; 4] = [ACK, SEQ, FRAME_LEN, FLAGS];

/// A worksheet's head.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The lab.
    pub title: &'a str,
    /// The command whose frames these are.
    pub command: &'a str,
    /// How many frames it has in all, and how many of them stand before the first row.
    pub frames: usize,
    /// See `frames`.
    pub before: usize,
    /// Whose it is; empty for a line to write a name on.
    pub student: &'a str,
    /// The lab's questions.
    pub questions: &'a [String],
    /// What was observed, for the key; empty where nobody wants one.
    pub answers: &'a [String],
}

/// From whom to whom, as the frame's sentence has it: `client > server`, `router > client`, `client > all`.
#[must_use]
pub fn direction(sentence: &str) -> Option<String> {
    let (from, to) = sentence.split(' ').nth(1)?.split_once('>')?;
    Some(format!("{from} > {}", if to == "*" { "all" } else { to }))
}

/// What is complete with a frame at layer 7, each by its name: `Text,Close`.
#[must_use]
pub fn application(names: &[String]) -> String {
    // Wireshark's name of the opcode is longer than the narration's.
    let names: Vec<&str> =
        names.iter().map(|name| name.strip_prefix("Connection ").unwrap_or(name)).collect();
    let runs = names.chunk_by(|one, next| one == next);
    let runs: Vec<String> = runs
        .map(|run| if run.len() > 1 { format!("{} {}", run.len(), run[0]) } else { run[0].to_owned() })
        .collect();
    super::text::clip(&runs.join(","), WORDS, "...")
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
        sheet.push_str(&item(n, question));
        sheet.push_str("\n   Before: ________  After: ________\n\n");
    }
    let table = Table::of(rows, blank);
    sheet.push_str(&table.introduction(head, order.is_some()));
    let mut key = format!("# {}: key\n\n", head.title);
    for (n, (question, answer)) in (1..).zip(head.questions.iter().zip(head.answers)) {
        key.push_str(&format!("{}\n{}\n", item(n, question), hanging("", answer, 3, WIDTH)));
    }
    if order.is_some() {
        key.push_str("Rows that look alike on the sheet may change places.\n\n");
    }
    let inside = |n: &&usize| **n < rows.len();
    let places: Vec<usize> = match order {
        Some(order) => order.iter().filter(inside).copied().collect(),
        None => (0..rows.len()).collect(),
    };
    table.write(&mut sheet, &places, order.is_some(), true);
    table.write(&mut key, &places, false, false);
    (sheet, key)
}

/// A numbered question.
fn item(n: usize, question: &str) -> String {
    let number = format!("{n}. ");
    hanging(&number, question, number.len(), WIDTH)
}

/// The table in Markdown.
struct Table<'a> {
    rows: &'a [Row],
    blank: &'a [usize],
    /// The columns that it has: those with a word in them, as far as there is room.
    shown: Vec<usize>,
}

impl<'a> Table<'a> {
    fn of(rows: &'a [Row], blank: &'a [usize]) -> Table<'a> {
        let used = |column: &usize| rows.iter().any(|row| !row.cells[*column].is_empty());
        let mut table = Table { rows, blank, shown: (0..COLUMNS.len()).filter(used).collect() };
        for spared in SPARED {
            if table.width() > WIDTH && !blank.contains(&spared) {
                table.shown.retain(|column| *column != spared);
            }
        }
        table
    }

    fn width(&self) -> usize {
        let wide = |cell: &str| columns(cell) + " |".len() + 1;
        let row = |row: &Row| {
            let cells = self.shown.iter().map(|column| wide(&row.cells[*column]));
            1 + wide(&row.number) + wide(&row.time) + cells.sum::<usize>()
        };
        let head: usize = self.shown.iter().map(|column| wide(COLUMNS[*column])).sum();
        self.rows.iter().map(row).max().unwrap_or(0).max("| # | ms |".len() + head)
    }

    /// What is to be done, whose frames these are, and what stands in columns that do not say it themselves.
    fn introduction(&self, head: &Head<'_>, shuffled: bool) -> String {
        let (rows, frames) = (self.rows.len(), head.frames);
        let what = if shuffled { "Put the frames in their order, and fill in" } else { "Fill in" };
        let which = match (rows == frames, head.before) {
            (true, _) => "The frames are those of".to_owned(),
            (false, 0) => format!("Here are the first {rows} of the {frames} frames of"),
            (false, _) => {
                format!("Here are {rows} of the {frames} frames, from #{} on, of", self.rows[0].number)
            }
        };
        let mut text = hanging("", &format!("{what} what is missing. {which}"), 0, WIDTH);
        text.push_str(&format!("\n{}\n", quiz::command("    ", head.command)));
        let has = |column: usize| self.shown.contains(&column);
        let asked = |column: usize| has(column) && self.blank.contains(&column);
        let mut notes = Vec::new();
        if asked(DIRECTION) {
            notes.push(
                "`direction` is `client > server`, `server > client`, or so; a broadcast goes to `all`.",
            );
        }
        if has(STREAM) {
            notes.push(
                "`stream` is the number of the TCP connection, 0 the first (`tcp.stream` in Wireshark).",
            );
        }
        if has(SEQ) || has(ACK) {
            notes.push(
                "`seq` and `ack` are relative, as Wireshark shows them: each side's first number counts as 0.",
            );
        }
        if has(APPLICATION) {
            notes.push(
                "`application` is what is complete with the frame at layer 7: of HTTP a request's method or an \
                 answer's status, of WebSocket a frame's opcode, of the queue a frame's type.",
            );
        }
        if asked(FATE) {
            notes.push("`fate` is `dropped` where the wire dropped the frame, else nothing.");
        }
        if !notes.is_empty() {
            text.push_str(&format!("{}\n\n", wrap(&notes.join(" "), WIDTH, WIDTH).join("\n")));
        }
        text
    }

    /// `shuffled`: numbers are blanks, and there are no times. Of the key nothing is blank.
    fn write(&self, to: &mut String, places: &[usize], shuffled: bool, blanks: bool) {
        to.push_str("| # | ms |");
        self.shown.iter().for_each(|column| to.push_str(&format!(" {} |", COLUMNS[*column])));
        to.push_str("\n|---|---|");
        to.push_str(&"---|".repeat(self.shown.len()));
        to.push('\n');
        for row in places.iter().map(|place| &self.rows[*place]) {
            let (number, time) = if shuffled { (BLANK, "") } else { (&*row.number, &*row.time) };
            to.push_str(&format!("| {number} | {time} |"));
            for column in &self.shown {
                let cell = &*row.cells[*column];
                // Where only frames that were dropped had a blank, it would say which.
                let is_asked = blanks && self.blank.contains(column) && (*column == FATE || !cell.is_empty());
                to.push_str(&format!(" {} |", if is_asked { BLANK } else { cell }));
            }
            to.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize, seq: &str, fate: &str) -> Row {
        Row {
            number: number.to_string(),
            time: "1.5".into(),
            cells: ["A > B", "", "TCP", "SYN", seq, "", "0", "", "", fate].map(String::from),
        }
    }

    fn head<'a>(questions: &'a [String], answers: &'a [String]) -> Head<'a> {
        Head {
            title: "Lab 4",
            command: "layerlab tcp echo",
            frames: 2,
            before: 0,
            student: "",
            questions,
            answers,
        }
    }

    #[test]
    fn a_sheet_has_blanks_and_the_key_has_none() {
        let (questions, answers) = (["How many?".to_owned()], ["2".to_owned()]);
        let head = head(&questions, &answers);
        let rows = [row(1, "0", ""), row(2, "7", "")];
        let (sheet, key) = worksheet(&head, &rows, &[SEQ, ACK], None);
        assert!(sheet.contains("| 1 | 1.5 | A > B | TCP | SYN | ____ | 0 |"), "{sheet}");
        assert!(sheet.contains("1. How many?") && key.contains("| 2 | 1.5 | A > B | TCP | SYN | 7 | 0 |"));
        assert!(!key.contains("____") && key.contains("1. How many?\n\n   2\n"), "{key}");
        assert!(
            sheet.contains("those of\n\n    layerlab tcp echo\n\n`seq` and `ack` are relative"),
            "{sheet}"
        );
        let (sheet, key) = worksheet(&head, &rows, &[SEQ], Some(&[1, 0]));
        assert!(sheet.contains("| ____ |  | A > B |") && !sheet.contains("| 2 |"), "{sheet}");
        assert!(key.find("| 2 |").unwrap() < key.find("| 1 |").unwrap());
    }

    #[test]
    fn of_what_is_not_on_the_sheet_is_said_how_much_there_is() {
        let rows = [row(8, "0", ""), row(9, "7", "")];
        let of = |frames, before| {
            let sheet = worksheet(&Head { frames, before, ..head(&[], &[]) }, &rows, &[SEQ], None).0;
            sheet.lines().find(|line| line.starts_with("Fill in")).unwrap().to_owned()
        };
        assert_eq!(of(2, 0), "Fill in what is missing. The frames are those of");
        assert_eq!(of(403, 0), "Fill in what is missing. Here are the first 2 of the 403 frames of");
        assert_eq!(of(403, 7), "Fill in what is missing. Here are 2 of the 403 frames, from #8 on, of");
    }

    #[test]
    fn blanks_do_not_say_which_frames_were_dropped() {
        let rows = [row(1, "0", ""), row(2, "0", "dropped")];
        let sheet = worksheet(&head(&[], &[]), &rows, &[FATE], None).0;
        assert_eq!(sheet.matches("| 0 | 0 | ____ |").count(), 2, "{sheet}");
        assert!(sheet.contains("`fate` is `dropped` where"), "{sheet}");
    }

    #[test]
    fn a_table_that_is_too_wide_does_without_what_is_not_asked() {
        let mut wide = row(1036, "1448000", "dropped");
        wide.cells[0] = "client > server".into();
        wide.cells[ACK] = "1448000".into();
        wide.cells[APPLICATION] = application(&["Text", "Text", "Connection Close"].map(String::from));
        assert_eq!(wide.cells[APPLICATION], "2 Text,Close");
        let line = |blank: &[usize]| {
            let sheet = worksheet(&head(&[], &[]), &[wide.clone()], blank, None).0;
            assert!(sheet.lines().all(|line| columns(line) <= WIDTH), "{sheet}");
            sheet.lines().last().unwrap().to_owned()
        };
        assert_eq!(line(&[APPLICATION]), "| 1036 | 1.5 | client > server | TCP | SYN | 0 | ____ | dropped |");
        assert!(line(&[ACK]).contains("| TCP | ____ | 0 | 2 Text,Close | dropped |"), "{}", line(&[ACK]));
    }

    #[test]
    fn questions_are_wrapped_behind_their_numbers() {
        let long = ["word ".repeat(40)];
        let (sheet, key) = worksheet(&head(&long, &long), &[row(1, "0", "")], &[SEQ], None);
        for text in [sheet, key] {
            assert!(text.lines().all(|line| columns(line) <= WIDTH) && text.contains("\n   word"), "{text}");
        }
    }

    #[test]
    fn a_direction_is_the_one_of_the_sentence() {
        for (sentence, shown) in [
            ("#1 client>* ARP who has 10.0.0.2?", "client > all"),
            ("#2 server>client ARP 10.0.0.2 is at", "server > client"),
            ("#5 router1>client ICMP 11/0", "router1 > client"),
        ] {
            assert_eq!(direction(sentence).as_deref(), Some(shown));
        }
        assert_eq!(direction("no frame"), None);
    }
}
