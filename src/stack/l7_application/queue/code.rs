//! Why something was refused or a connection ended: a number for programs.

/// A reason.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// Nothing is wrong: who sends it is done.
    Normal,
    /// The server is being stopped.
    GoingAway,
    /// Nothing was heard for too long.
    Idle,
    /// The octets were no frame, or a corrupted one.
    BadFrame,
    /// The frame's payload was not what its type says.
    BadMessage,
    /// A frame that may not come at this point, or from this side.
    Unexpected,
    /// The receiver does not read what it asked for.
    TooSlow,
    /// The token is nobody's.
    Unauthenticated,
    /// The user has no right to do this with this queue.
    Forbidden,
    /// There is no such queue.
    NoQueue,
    /// The queue stands, but was declared otherwise.
    Differs,
    /// The queue is full.
    Full,
    /// The message alone is over a bound.
    TooLarge,
    /// No such message is waiting for this acknowledgment.
    NotUnacked,
    /// No such subscription, or the number is taken.
    BadSubscription,
    /// Not with this kind of queue.
    NotHere,
    /// A field's value makes no sense.
    BadValue,
    /// A limit of the server.
    Limit,
    /// The journal could not be written: nothing is confirmed.
    Storage,
    /// A code of a later version.
    Other(u16),
}

const TABLE: [(u16, Code, &str); 19] = [
    (0, Code::Normal, "normal"),
    (1, Code::GoingAway, "going-away"),
    (2, Code::Idle, "idle"),
    (10, Code::BadFrame, "bad-frame"),
    (11, Code::BadMessage, "bad-message"),
    (12, Code::Unexpected, "unexpected"),
    (13, Code::TooSlow, "too-slow"),
    (20, Code::Unauthenticated, "unauthenticated"),
    (21, Code::Forbidden, "forbidden"),
    (30, Code::NoQueue, "no-queue"),
    (31, Code::Differs, "differs"),
    (32, Code::Full, "full"),
    (33, Code::TooLarge, "too-large"),
    (34, Code::NotUnacked, "not-unacked"),
    (35, Code::BadSubscription, "bad-subscription"),
    (36, Code::NotHere, "not-here"),
    (37, Code::BadValue, "bad-value"),
    (40, Code::Limit, "limit"),
    (41, Code::Storage, "storage"),
];

impl Code {
    /// The number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Code::Other(number) => number,
            known => TABLE.iter().find(|row| row.1 == known).map_or(u16::MAX, |row| row.0),
        }
    }

    /// The name in the specification; `None` for a code of a later version.
    pub fn name(self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.1 == self).map(|row| row.2)
    }

    /// All that have a meaning, by number.
    pub fn all() -> impl Iterator<Item = Code> {
        TABLE.iter().map(|row| row.1)
    }
}

impl From<u16> for Code {
    fn from(number: u16) -> Code {
        TABLE.iter().find(|row| row.0 == number).map_or(Code::Other(number), |row| row.1)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.number()),
            None => write!(f, "{}", self.number()),
        }
    }
}
