//! A writer of SVG and HTML in which every element is closed and every text escaped, by construction.
//!
//! What it writes is well-formed XML as well (Extensible Markup Language 1.0 s2.1), so that a page can be
//! checked, and read by a program, with any XML parser.

use std::fmt::{self, Display, Write};

/// An attribute: its name and its value, escaped when written.
pub(super) type Attribute<'a> = (&'a str, &'a dyn Display);

/// Elements, written one after the other.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// `<name ...>`, what `inside` writes, `</name>`, on lines of their own.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[Attribute<'_>],
        inside: impl FnOnce(&mut Markup),
    ) {
        self.start(name, attributes);
        self.0.push_str(">\n");
        inside(self);
        self.end(name);
    }

    /// `<name ...>text</name>` on one line.
    pub(super) fn text(&mut self, name: &str, attributes: &[Attribute<'_>], text: &str) {
        self.inline(name, attributes, |m| m.words(text));
    }

    /// The same with more than words inside.
    pub(super) fn inline(
        &mut self,
        name: &str,
        attributes: &[Attribute<'_>],
        inside: impl FnOnce(&mut Markup),
    ) {
        self.start(name, attributes);
        self.0.push('>');
        inside(self);
        self.end(name);
    }

    /// `<name ... />`.
    pub(super) fn empty(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.start(name, attributes);
        self.0.push_str("/>\n");
    }

    /// Words inside an element.
    pub(super) fn words(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// A word in an element of its own inside a line.
    pub(super) fn word(&mut self, name: &str, attributes: &[Attribute<'_>], text: &str) {
        self.text(name, attributes, text);
        self.0.pop();
    }

    /// What is markup already: a drawn chart, our own style sheet.
    pub(super) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn start(&mut self, name: &str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            escape(&value.to_string(), &mut self.0);
            self.0.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }
}

/// Markup's own characters are escaped. What XML cannot hold at all (s2.2) becomes U+FFFD.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// A coordinate, to a tenth of a pixel: no picture shows more, and the shorter text is easier to read.
#[derive(Clone, Copy)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // -0.0 and 0.0 are the same place.
        let tenths = (self.0 * 10.0).round() + 0.0;
        if tenths % 10.0 == 0.0 { write!(f, "{}", tenths / 10.0) } else { write!(f, "{:.1}", tenths / 10.0) }
    }
}

/// The `d` attribute of a path.
#[derive(Default)]
pub(super) struct PathData(String);

impl PathData {
    pub(super) fn move_to(&mut self, x: f64, y: f64) -> &mut PathData {
        self.add('M', &[x, y])
    }

    pub(super) fn line_to(&mut self, x: f64, y: f64) -> &mut PathData {
        self.add('L', &[x, y])
    }

    pub(super) fn horizontal_to(&mut self, x: f64) -> &mut PathData {
        self.add('H', &[x])
    }

    pub(super) fn vertical_to(&mut self, y: f64) -> &mut PathData {
        self.add('V', &[y])
    }

    pub(super) fn close(&mut self) -> &mut PathData {
        self.add('Z', &[])
    }

    /// A circle of this radius.
    pub(super) fn circle(&mut self, x: f64, y: f64, r: f64) -> &mut PathData {
        self.move_to(x - r, y);
        for turn in [2.0 * r, -2.0 * r] {
            let _ = write!(self.0, "a{r} {r} 0 1 0 {turn} 0", r = Px(r), turn = Px(turn));
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, letter: char, at: &[f64]) -> &mut PathData {
        self.0.push(letter);
        for (i, value) in at.iter().enumerate() {
            let _ = write!(self.0, "{}{}", if i == 0 { "" } else { " " }, Px(*value));
        }
        self
    }
}

impl Display for PathData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
