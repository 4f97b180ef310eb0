//! How output looks: width, glyphs, colour, which layer models. All of it passed in.

use crate::model::{OsiSpan, Standing};

/// The narrowest width that is honoured, in columns; a smaller request gets this.
pub const MIN_WIDTH: usize = 60;

/// The width used when nobody says otherwise, in columns (a projector's and a printed page's).
pub const MAX_WIDTH: usize = 80;

/// Which layer models are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Models {
    /// The OSI reference model's numbers alone.
    Osi,
    /// The TCP/IP model's names alone.
    TcpIp,
    /// Both.
    #[default]
    Both,
}

impl Models {
    /// Columns that [`Models::label`] takes at most.
    pub(super) const fn columns(self) -> usize {
        match self {
            Models::Osi => 4,
            Models::TcpIp => 11,
            Models::Both => 14,
        }
    }

    /// Where something stands, in the chosen models: `L4 Transport`, `L4`, `Transport`; `API` for
    /// what is no layer's.
    pub fn label(self, standing: Standing) -> String {
        let Some(osi) = standing.osi else { return "API".to_owned() };
        let tcpip = standing.tcpip.map_or("-", |l| l.name());
        match self {
            Models::Osi => level(osi),
            Models::TcpIp => tcpip.to_owned(),
            Models::Both => format!("{} {tcpip}", level(osi)),
        }
    }
}

fn level(span: OsiSpan) -> String {
    let mark = if span.convention { "~" } else { "" };
    if span.low == span.high {
        format!("{mark}L{}", span.low)
    } else if span.convention {
        format!("{mark}L{}/{}", span.low, span.high)
    } else {
        format!("{mark}L{}-{}", span.low, span.high)
    }
}

/// When the kernel's view of a connection (`TCP_INFO`) gets a line of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TcpInfoShow {
    /// Never.
    Off,
    /// When something in it changed since the last line for that socket.
    #[default]
    Changes,
    /// After every call that brings it.
    All,
}

/// The few characters that are not ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glyphs {
    /// Whether only ASCII is used, payload text included.
    pub ascii: bool,
    /// Between sender and receiver.
    pub arrow: &'static str,
    /// For what is left out or not over yet.
    pub ellipsis: &'static str,
}

impl Glyphs {
    /// Plain ASCII.
    pub const ASCII: Glyphs = Glyphs { ascii: true, arrow: ">", ellipsis: "..." };
    /// With arrows.
    pub const UNICODE: Glyphs = Glyphs { ascii: false, arrow: "→", ellipsis: "…" };
}

/// How a [`Timeline`](super::Timeline) looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Style {
    /// Columns; no line is wider. Raised to [`MIN_WIDTH`].
    pub width: usize,
    /// ASCII only.
    pub ascii: bool,
    /// ANSI colours. Never the only carrier of a meaning.
    pub color: bool,
    /// Which layer models are shown.
    pub models: Models,
    /// Every row of the wire's ledger gets a line, not only the remarkable ones.
    pub ledger: bool,
    /// Also what a layer cannot see, said once, when it first acts.
    pub verbose: bool,
    /// Also the octets of each event that brings them, by layer.
    pub bytes: bool,
    /// With `bytes`: every octet of a payload, not only the first 256.
    pub whole: bool,
    /// When `TCP_INFO` is shown.
    pub tcp_info: TcpInfoShow,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            width: MAX_WIDTH,
            ascii: false,
            color: false,
            models: Models::Both,
            ledger: false,
            verbose: false,
            bytes: false,
            whole: false,
            tcp_info: TcpInfoShow::Changes,
        }
    }
}

impl Style {
    /// The glyphs that go with [`Style::ascii`].
    pub const fn glyphs(&self) -> Glyphs {
        if self.ascii { Glyphs::ASCII } else { Glyphs::UNICODE }
    }

    /// The width that is really used.
    pub fn columns(&self) -> usize {
        self.width.max(MIN_WIDTH)
    }
}

/// What a stretch of text is, for colouring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ink {
    /// As it is.
    Plain,
    /// The client's doing.
    Client,
    /// The server's doing.
    Server,
    /// A loss, an error.
    Alarm,
    /// What may be skipped: layer columns, octets' offsets.
    Dim,
    /// A heading.
    Bold,
}

impl Ink {
    /// `text` in this ink, or as it is when `color` is off.
    pub fn paint(self, color: bool, text: &str) -> String {
        let code = match self {
            _ if !color || text.is_empty() => return text.to_owned(),
            Ink::Plain => return text.to_owned(),
            Ink::Client => "36",
            Ink::Server => "35",
            Ink::Alarm => "1;31",
            Ink::Dim => "2",
            Ink::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
