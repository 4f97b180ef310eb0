//! Tables: the numbers under a picture, as HTML, CSV and JSON.

use super::markup::Markup;
use super::scale::number;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// What stands in one place of a table.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A whole number.
    Whole(u64),
    /// A number, shown with this many digits after the point.
    Number(f64, u8),
    /// A number with as many digits as it has.
    Exact(f64),
    /// Nothing: it does not apply, or was not measured.
    Empty,
}

impl Cell {
    /// Words.
    pub fn text(words: impl Into<String>) -> Cell {
        Cell::Text(words.into())
    }

    /// A number, or nothing.
    pub fn some(value: Option<f64>, digits: u8) -> Cell {
        value.map_or(Cell::Empty, |value| Cell::Number(value, digits))
    }

    /// A whole number, or nothing.
    pub fn some_whole(value: Option<u64>) -> Cell {
        value.map_or(Cell::Empty, Cell::Whole)
    }

    fn is_number(&self) -> bool {
        matches!(self, Cell::Whole(_) | Cell::Number(..) | Cell::Exact(_))
    }

    /// As a person reads it.
    fn shown(&self) -> String {
        match self {
            Cell::Text(words) => words.clone(),
            Cell::Whole(n) => number(*n as f64),
            Cell::Exact(n) => number(*n),
            Cell::Number(n, digits) if n.is_finite() => format!("{n:.*}", usize::from(*digits)),
            Cell::Number(..) | Cell::Empty => "–".to_owned(),
        }
    }

    /// As a program reads it: no separators, nothing for nothing.
    fn plain(&self) -> String {
        match self {
            Cell::Text(words) => words.clone(),
            Cell::Whole(n) => n.to_string(),
            Cell::Exact(n) => n.to_string(),
            Cell::Number(n, digits) if n.is_finite() => format!("{n:.*}", usize::from(*digits)),
            Cell::Number(..) | Cell::Empty => String::new(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Text(words) => json!(words),
            Cell::Whole(n) => json!(n),
            Cell::Exact(n) => json!(n),
            // The same digits as in the CSV: the two say the same.
            Cell::Number(n, _) if n.is_finite() => json!(self.plain().parse::<f64>().unwrap_or(*n)),
            Cell::Number(..) | Cell::Empty => Value::Null,
        }
    }
}

/// A table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Each column's name for programs, and its heading for people.
    pub columns: Vec<(&'static str, &'static str)>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Comma-separated values with a heading line (RFC 4180); lines end in LF.
    pub fn to_csv(&self) -> String {
        let mut out = String::new();
        let names = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::plain).collect());
        for row in std::iter::once(names).chain(rows) {
            let row: Vec<String> = row;
            let fields: Vec<String> = row.into_iter().map(quoted).collect();
            let _ = writeln!(out, "{}", fields.join(","));
        }
        out
    }

    /// One object a row, the columns' names its keys.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
            Value::Object(names.zip(row.iter().map(Cell::json)).collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// As an HTML table of at most `most` rows. The first column heads its row.
    pub(super) fn write_html(&self, m: &mut Markup, caption: &str, most: usize) {
        m.element("table", &[], |m| {
            m.text("caption", &[], caption);
            // A column of numbers is set to the right, its heading too.
            let right: Vec<bool> = (0..self.columns.len())
                .map(|i| self.rows.iter().any(|row| row.get(i).is_some_and(Cell::is_number)))
                .collect();
            let class = |i: usize| if right.get(i) == Some(&true) { "number" } else { "words" };
            m.element("thead", &[], |m| {
                m.element("tr", &[], |m| {
                    for (i, (_, heading)) in self.columns.iter().enumerate() {
                        m.text("th", &[("scope", &"col"), ("class", &class(i))], heading);
                    }
                });
            });
            m.element("tbody", &[], |m| {
                for row in self.rows.iter().take(most) {
                    m.element("tr", &[], |m| {
                        for (i, cell) in row.iter().enumerate() {
                            let shown = cell.shown();
                            if i == 0 {
                                m.text("th", &[("scope", &"row"), ("class", &class(i))], &shown);
                            } else {
                                m.text("td", &[("class", &class(i))], &shown);
                            }
                        }
                    });
                }
            });
        });
    }
}

/// A field in quotes where it must be (RFC 4180 s2).
fn quoted(field: String) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}
