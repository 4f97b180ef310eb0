//! Header fields and how they are looked up (RFC 9110 s5).

/// The fields of a head, in the order in which they came. Names compare without regard to case
/// (RFC 9110 s5.1); several lines of one name are one list (s5.3).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// None yet.
    pub const fn new() -> Fields {
        Fields(Vec::new())
    }

    /// Adds a line. The caller vouches for the name being a token and the value holding no CR, LF or NUL:
    /// see [`Fields::is_encodable`].
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// [`Fields::push`], for building a head in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Fields {
        self.push(name, value);
        self
    }

    /// Every line: the name as it was written, and the value without surrounding blanks.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of every line of this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The first line's value, where it is ASCII or UTF-8 text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The elements of the comma-separated list that all lines of this name make together
    /// (RFC 9110 s5.6.1): trimmed, empty ones left out, commas inside quoted strings not counted. A line that is
    /// not UTF-8 counts as empty.
    pub fn list<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).filter_map(|value| std::str::from_utf8(value).ok()).flat_map(list)
    }

    /// Whether the list of this name has this element, without regard to case: `Connection: keep-alive,
    /// Upgrade` has `upgrade`.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.list(name).any(|e| e.eq_ignore_ascii_case(element))
    }

    /// Whether every name is a token (RFC 9110 s5.6.2) and no value holds an octet that would end its line.
    pub fn is_encodable(&self) -> bool {
        self.iter().all(|(name, value)| {
            is_token(name) && !value.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0))
        })
    }
}

/// Splits at the commas that stand outside quoted strings, trims blanks, and leaves out empty elements.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    split_outside_quotes(value, ',').map(|e| e.trim_matches([' ', '\t'])).filter(|e| !e.is_empty())
}

/// Splits at each `separator` that stands outside a quoted string (RFC 9110 s5.6.4).
pub(crate) fn split_outside_quotes(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c: char| {
        let outside = !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        outside && c == separator
    })
}

/// Whether this is a token: one or more letters, digits or ``!#$%&'*+-.^_`|~`` (RFC 9110 s5.6.2).
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|o| o.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&o))
}
