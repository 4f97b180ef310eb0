//! One HTML page that holds everything: it opens from disk, asks no network for anything and runs no script.

use super::chart::Chart;
use super::markup::Markup;
use super::table::Table;

/// The page's only style sheet.
const STYLE: &str = include_str!("page.css");

/// What a browser may do with the page: apply the style sheet of this very hash, and nothing else (W3C Content
/// Security Policy Level 3). A test computes the hash anew.
const POLICY: &str = "default-src 'none'; style-src 'sha256-fA6TKYm8I6nlWbyRsgC++FTDg5cEii9vOGuk2FU2Wq4='; base-uri 'none'; form-action 'none'";

/// Who made the page, near its beginning: this tells our pages from others'.
pub const GENERATOR: &str = "layerlab report 1";

/// Rows of a table that the page shows; the CSV file has them all.
const ROWS: usize = 500;

/// A page.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// What it answers, in a few sentences.
    pub lede: Vec<String>,
    /// The setting, option by option, as it would be typed.
    pub setting: Vec<String>,
    /// The sections in their order.
    pub sections: Vec<Section>,
    /// What is needed to do the run again: the command, the seed, the versions.
    pub again: Vec<(String, String)>,
    /// Files beside the page: name and what is in it.
    pub files: Vec<(String, String)>,
}

/// A section.
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What stands in it.
    pub parts: Vec<Part>,
}

/// A part of a section.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// A picture.
    Picture(Chart),
    /// A table, in sight.
    Table(String, Table),
    /// A table behind its caption, to be opened, and the file that has all of its rows.
    Folded(String, Table, String),
}

impl Page {
    /// The page.
    pub fn to_html(&self) -> String {
        let mut m = Markup::default();
        m.raw("<!DOCTYPE html>\n");
        m.element("html", &[("lang", &"en"), ("xmlns", &"http://www.w3.org/1999/xhtml")], |m| {
            m.element("head", &[], |m| {
                m.empty("meta", &[("charset", &"utf-8")]);
                m.empty("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
                m.empty("meta", &[("name", &"generator"), ("content", &GENERATOR)]);
                let viewport = "width=device-width, initial-scale=1";
                m.empty("meta", &[("name", &"viewport"), ("content", &viewport)]);
                m.empty("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
                m.text("title", &[], &self.title);
                m.inline("style", &[], |m| m.raw(STYLE));
            });
            m.element("body", &[], |m| {
                m.element("header", &[], |m| {
                    m.text("h1", &[], &self.title);
                    self.lede.iter().for_each(|words| m.text("p", &[], words));
                    m.inline("p", &[], |m| {
                        for option in &self.setting {
                            m.word("code", &[("class", &"option")], option);
                            m.words(" ");
                        }
                    });
                });
                m.element("main", &[], |m| self.sections.iter().for_each(|s| s.write(m)));
                m.element("footer", &[], |m| self.footer(m));
            });
        });
        m.into_string()
    }

    fn footer(&self, m: &mut Markup) {
        m.text("h2", &[], "To do it again");
        m.element("dl", &[], |m| {
            for (name, value) in &self.again {
                m.text("dt", &[], name);
                m.inline("dd", &[], |m| m.word("code", &[], value));
            }
        });
        if self.files.is_empty() {
            return;
        }
        m.text("h2", &[], "The same numbers as files");
        m.element("ul", &[], |m| {
            for (name, what) in &self.files {
                m.inline("li", &[], |m| {
                    m.word("a", &[("href", name)], name);
                    m.words(": ");
                    m.words(what);
                });
            }
        });
    }
}

impl Section {
    fn write(&self, m: &mut Markup) {
        m.element("section", &[], |m| {
            m.text("h2", &[], &self.heading);
            for part in &self.parts {
                match part {
                    Part::Text(words) => m.text("p", &[], words),
                    Part::Picture(chart) => m.element("figure", &[], |m| {
                        m.raw(&chart.to_svg());
                        m.text("figcaption", &[], &chart.title);
                    }),
                    Part::Table(caption, table) => {
                        m.element("div", &[("class", &"wide")], |m| table.write_html(m, caption, ROWS));
                    }
                    Part::Folded(caption, table, file) => m.element("details", &[], |m| {
                        let rows = table.rows.len();
                        let are = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
                        m.text("summary", &[], &format!("The numbers: {caption} ({are})"));
                        m.element("div", &[("class", &"wide")], |m| table.write_html(m, caption, ROWS));
                        if rows > ROWS {
                            let rest = rows - ROWS;
                            m.text("p", &[], &format!("The other {rest} rows stand in {file}."));
                        }
                    }),
                }
            }
        });
    }
}
