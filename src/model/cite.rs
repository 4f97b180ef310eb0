//! Where a rule stands.

use std::fmt;

/// A document that states a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Document {
    /// An RFC, by number.
    Rfc(u16),
    /// A manual page, such as `tcp(7)`.
    Man(&'static str),
    /// Any other document, by its usual short name, such as `IEEE 802.3` or `ISO/IEC 7498-1`.
    Named(&'static str),
}

/// A document and, where there is one, the section.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cite {
    /// The document.
    pub document: Document,
    /// The section as the document numbers it (`3.5`), or empty for the whole document.
    pub section: &'static str,
}

impl Cite {
    /// A section of an RFC; `""` for the whole.
    pub const fn rfc(number: u16, section: &'static str) -> Cite {
        Cite { document: Document::Rfc(number), section }
    }

    /// A manual page, such as `tcp(7)`.
    pub const fn man(page: &'static str) -> Cite {
        Cite { document: Document::Man(page), section: "" }
    }

    /// A section of any other document; `""` for the whole.
    pub const fn named(name: &'static str, section: &'static str) -> Cite {
        Cite { document: Document::Named(name), section }
    }
}

impl fmt::Display for Cite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.document {
            Document::Rfc(n) => write!(f, "RFC {n}")?,
            Document::Man(name) | Document::Named(name) => f.write_str(name)?,
        }
        if !self.section.is_empty() {
            write!(f, " s{}", self.section)?;
        }
        Ok(())
    }
}
