//! Both sides' frames to legal or not (RFC 6455 s4, s5.4, s5.5, s7): role-free, so the same rules serve a
//! client, a server and a capture.
//!
//! Each side has a [`State`]; what a side does is an [`Act`]. The rules are the rows of [`TRANSITIONS`]: what no row
//! allows is a fault. The diagrams in docs/protocols/websocket.md are drawn from the same rows.

use super::error::{Fault, Rule};
use super::frame::{FrameHeader, Opcode};
use crate::model::{Cite, Side};

/// Where one side stands, by what it sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum State {
    /// CONNECTING: nothing was asked yet.
    Connecting,
    /// CONNECTING: the client's request was sent, the server has not answered.
    Requested,
    /// OPEN, between messages.
    Open,
    /// OPEN, inside a fragmented message of its own.
    Message,
    /// CLOSING: it sent its Close and must send nothing more.
    Closing,
    /// CLOSED: its half of the TCP connection ended.
    Closed,
}

impl State {
    /// Every state.
    pub const ALL: [State; 6] =
        [State::Connecting, State::Requested, State::Open, State::Message, State::Closing, State::Closed];

    /// A name for tables.
    pub const fn name(self) -> &'static str {
        match self {
            State::Connecting => "CONNECTING",
            State::Requested => "REQUESTED",
            State::Open => "OPEN",
            State::Message => "OPEN_IN_MESSAGE",
            State::Closing => "CLOSING",
            State::Closed => "CLOSED",
        }
    }
}

/// What a side does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Act {
    /// The client sends its opening handshake.
    Request,
    /// The server answers 101.
    Accept,
    /// The server answers anything else.
    Refuse,
    /// A data frame that is a whole message: Text or Binary with FIN.
    Whole,
    /// A data frame that begins a fragmented message: Text or Binary without FIN.
    First,
    /// A continuation without FIN.
    More,
    /// A continuation with FIN.
    Last,
    /// A Ping.
    Ping,
    /// A Pong.
    Pong,
    /// A Close.
    Close,
    /// It ends its half of the TCP connection.
    End,
}

impl Act {
    /// Every act.
    pub const ALL: [Act; 11] = [
        Act::Request,
        Act::Accept,
        Act::Refuse,
        Act::Whole,
        Act::First,
        Act::More,
        Act::Last,
        Act::Ping,
        Act::Pong,
        Act::Close,
        Act::End,
    ];

    /// A name for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Act::Request => "GET with Upgrade",
            Act::Accept => "101",
            Act::Refuse => "other status",
            Act::Whole => "Text/Binary FIN=1",
            Act::First => "Text/Binary FIN=0",
            Act::More => "Continuation FIN=0",
            Act::Last => "Continuation FIN=1",
            Act::Ping => "Ping",
            Act::Pong => "Pong",
            Act::Close => "Close",
            Act::End => "TCP FIN",
        }
    }

    /// The act that sending a frame is.
    #[inline]
    pub const fn of(header: &FrameHeader) -> Act {
        match (header.opcode, header.fin) {
            (Opcode::Text | Opcode::Binary, true) => Act::Whole,
            (Opcode::Text | Opcode::Binary, false) => Act::First,
            (Opcode::Continuation, false) => Act::More,
            (Opcode::Continuation, true) => Act::Last,
            (Opcode::Ping, _) => Act::Ping,
            (Opcode::Pong, _) => Act::Pong,
            (Opcode::Close, _) => Act::Close,
        }
    }
}

/// A row of the table: a side in state `from` may do `act`, and is in state `to` then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// The side's state before.
    pub from: State,
    /// What it does.
    pub act: Act,
    /// Its state after.
    pub to: State,
    /// Where the rule stands.
    pub cite: Cite,
}

const fn row(from: State, act: Act, to: State, section: &'static str) -> Transition {
    Transition { from, act, to, cite: Cite::rfc(6455, section) }
}

/// Everything that a side may do. The handshake's acts (the first three of [`Act`]) move both sides at once; every
/// other moves the side that does it.
pub const TRANSITIONS: [Transition; 19] = [
    row(State::Connecting, Act::Request, State::Requested, "4.1"),
    row(State::Connecting, Act::End, State::Closed, "7.1.4"),
    row(State::Requested, Act::Accept, State::Open, "4.2.2"),
    row(State::Requested, Act::Refuse, State::Closed, "4.2.2"),
    row(State::Requested, Act::End, State::Closed, "7.1.4"),
    row(State::Open, Act::Whole, State::Open, "5.6"),
    row(State::Open, Act::First, State::Message, "5.4"),
    row(State::Open, Act::Ping, State::Open, "5.5.2"),
    row(State::Open, Act::Pong, State::Open, "5.5.3"),
    row(State::Open, Act::Close, State::Closing, "7.1.2"),
    row(State::Open, Act::End, State::Closed, "7.1.5"),
    row(State::Message, Act::More, State::Message, "5.4"),
    row(State::Message, Act::Last, State::Open, "5.4"),
    row(State::Message, Act::Ping, State::Message, "5.5"),
    row(State::Message, Act::Pong, State::Message, "5.5"),
    row(State::Message, Act::Close, State::Closing, "5.5"),
    row(State::Message, Act::End, State::Closed, "7.1.5"),
    row(State::Closing, Act::End, State::Closed, "7.1.1"),
    // The handshake failed or the connection ended: nothing follows, and a second FIN says nothing new.
    row(State::Closed, Act::End, State::Closed, "7.1.4"),
];

/// [`TRANSITIONS`] by state and act; made by the compiler.
const NEXT: [[Option<State>; Act::ALL.len()]; State::ALL.len()] = {
    let mut next = [[None; Act::ALL.len()]; State::ALL.len()];
    let mut n = 0;
    while n < TRANSITIONS.len() {
        let row = TRANSITIONS[n];
        next[row.from as usize][row.act as usize] = Some(row.to);
        n += 1;
    }
    next
};

/// The state of the connection in RFC 6455's words (s7.1.3, s7.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Connection {
    /// The opening handshake is under way.
    Connecting,
    /// Both sides may send.
    Open,
    /// A Close was sent by either side, or one half of the TCP connection ended.
    Closing,
    /// The TCP connection ended.
    Closed,
}

/// An act of the handshake that cannot come now: before the request, or after the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} cannot come in state {}", act.name(), state.name())]
pub struct OutOfTurn {
    /// The state that both sides were in.
    pub state: State,
    /// The act.
    pub act: Act,
}

/// Both sides of one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialogue {
    states: [State; 2],
    said_close: [bool; 2],
}

impl Default for Dialogue {
    fn default() -> Dialogue {
        Dialogue::new()
    }
}

impl Dialogue {
    /// Before the handshake.
    pub const fn new() -> Dialogue {
        Dialogue { states: [State::Connecting; 2], said_close: [false; 2] }
    }

    /// After a handshake that somebody else judged.
    pub const fn open() -> Dialogue {
        Dialogue { states: [State::Open; 2], said_close: [false; 2] }
    }

    /// Where a side stands.
    #[inline]
    pub const fn state(&self, side: Side) -> State {
        self.states[side as usize]
    }

    /// Whether a side sent its Close.
    #[inline]
    pub const fn said_close(&self, side: Side) -> bool {
        self.said_close[side as usize]
    }

    /// Whether both sides sent a Close: whatever ends TCP now, the connection closes cleanly (s7.1.4).
    pub const fn is_clean(&self) -> bool {
        self.said_close[0] && self.said_close[1]
    }

    /// The connection's state in RFC 6455's words.
    pub fn connection(&self) -> Connection {
        let any = |wanted: &[State]| self.states.iter().any(|s| wanted.contains(s));
        if self.states == [State::Closed; 2] {
            Connection::Closed
        } else if any(&[State::Connecting, State::Requested]) {
            Connection::Connecting
        } else if any(&[State::Closing, State::Closed]) {
            Connection::Closing
        } else {
            Connection::Open
        }
    }

    /// An act of the handshake: `Request`, `Accept` or `Refuse`. Fails, and changes nothing, when it is not its turn.
    pub fn handshake(&mut self, act: Act) -> Result<(), OutOfTurn> {
        let state = self.states[0];
        let next = NEXT[state as usize][act as usize];
        let agreed = self.states[0] == self.states[1];
        let ours = matches!(act, Act::Request | Act::Accept | Act::Refuse);
        let next = next.filter(|_| agreed && ours).ok_or(OutOfTurn { state, act })?;
        self.states = [next; 2];
        Ok(())
    }

    /// `sender` sends a frame. Fails, and changes nothing, when no row of the table allows it.
    #[inline]
    pub fn frame(&mut self, sender: Side, header: &FrameHeader) -> Result<(), Fault> {
        let state = self.states[sender as usize];
        let act = Act::of(header);
        match NEXT[state as usize][act as usize] {
            Some(next) => {
                self.states[sender as usize] = next;
                self.said_close[sender as usize] |= matches!(act, Act::Close);
                Ok(())
            }
            None => Err(Fault { blame: sender, rule: Dialogue::refused(state, header.opcode) }),
        }
    }

    /// `sender` ends its half of the TCP connection: always possible, clean or not.
    pub fn end(&mut self, sender: Side) {
        self.states[sender as usize] = State::Closed;
    }

    /// The rule that a frame breaks which no row allows.
    fn refused(state: State, opcode: Opcode) -> Rule {
        match state {
            State::Connecting | State::Requested => Rule::BeforeOpen { opcode },
            State::Open => Rule::NothingToContinue,
            State::Message => Rule::MessageUnfinished { opcode },
            State::Closing | State::Closed => Rule::AfterClose { opcode },
        }
    }
}
