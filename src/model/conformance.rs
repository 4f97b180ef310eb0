//! What a conformance checker finds out about somebody else's WebSocket server: the rule that was tried, what was
//! expected, what came, and what passed on the wire.

use super::cite::Cite;
use super::field::Header;
use super::place::Side;
use std::time::Duration;

/// What a case comes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// As the rule asks.
    Ok,
    /// Allowed, but not as a SHOULD asks, or later than possible.
    NonStrict,
    /// The RFC leaves it to the server; what it chose is worth knowing.
    Informational,
    /// A MUST is broken.
    Failed,
    /// The connection did not end as a WebSocket connection ends.
    Unclean,
    /// The server lacks what the case needs: it was not tried.
    NotApplicable,
}

impl Verdict {
    /// Every verdict, in the order in which they are counted.
    pub const ALL: [Verdict; 6] = [
        Verdict::Ok,
        Verdict::NonStrict,
        Verdict::Informational,
        Verdict::Failed,
        Verdict::Unclean,
        Verdict::NotApplicable,
    ];

    /// `ok`, `non_strict`, `informational`, `failed`, `unclean` or `not_applicable`.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::NonStrict => "non_strict",
            Verdict::Informational => "informational",
            Verdict::Failed => "failed",
            Verdict::Unclean => "unclean",
            Verdict::NotApplicable => "not_applicable",
        }
    }

    /// The larger, the worse; of several verdicts about one case the worst counts.
    pub const fn severity(self) -> u8 {
        match self {
            Verdict::Ok => 0,
            Verdict::NotApplicable => 1,
            Verdict::Informational => 2,
            Verdict::NonStrict => 3,
            Verdict::Unclean => 4,
            Verdict::Failed => 5,
        }
    }

    /// Whether it makes the whole server's answer a no.
    pub const fn is_bad(self) -> bool {
        matches!(self, Verdict::Failed | Verdict::Unclean)
    }
}

macro_rules! clauses {
    ($($(#[$doc:meta])* $name:ident = $rfc:literal $section:literal;)*) => {
        /// A rule that a case tries.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Clause {
            $($(#[$doc])* $name,)*
        }

        impl Clause {
            /// Every rule.
            pub const ALL: &[Clause] = &[$(Clause::$name,)*];

            /// Where it stands.
            pub const fn cite(self) -> Cite {
                match self {
                    $(Clause::$name => Cite::rfc($rfc, $section),)*
                }
            }
        }
    };
}

clauses! {
    /// A length stands in 7, 16 or 64 bits.
    Length = 6455 "5.2";
    /// A length stands in the shortest form.
    ShortestLength = 6455 "5.2";
    /// The highest bit of a 64-bit length is 0.
    TopBit = 6455 "5.2";
    /// TCP carries octets: frames may be cut anywhere and joined.
    AnyCut = 9293 "2.2";
    /// Any masking key is good.
    AnyKey = 6455 "5.3";
    /// A client masks.
    Masked = 6455 "5.1";
    /// Opcodes 3 to 7 and 11 to 15 are reserved.
    ReservedOpcode = 6455 "5.2";
    /// The reserved bits are 0.
    ReservedBits = 6455 "5.2";
    /// A Ping is answered by a Pong with its payload.
    Pong = 6455 "5.5.2";
    /// Of many Pings at least the newest is answered.
    ManyPings = 6455 "5.5.3";
    /// A Pong that nobody asked for is not answered.
    UnaskedPong = 6455 "5.5.3";
    /// A control frame has at most 125 octets.
    ControlLength = 6455 "5.5";
    /// A control frame is not fragmented.
    ControlWhole = 6455 "5.5";
    /// Fragments make one message.
    Fragments = 6455 "5.4";
    /// Control frames may come between fragments.
    Between = 6455 "5.4";
    /// A continuation needs a message to continue.
    Continuation = 6455 "5.4";
    /// A message begins after the one before has ended.
    OneMessage = 6455 "5.4";
    /// Text is UTF-8.
    Text = 6455 "5.6";
    /// Text that is not UTF-8 fails the connection.
    BadText = 6455 "8.1";
    /// Binary messages hold any octets.
    Binary = 6455 "5.6";
    /// A Close is answered by a Close.
    Close = 6455 "5.5.1";
    /// Which codes may be sent.
    CloseCode = 6455 "7.4";
    /// A Close body is empty or begins with a code.
    CloseBody = 6455 "5.5.1";
    /// A Close reason is UTF-8.
    CloseReason = 6455 "5.5.1";
    /// Nothing follows a Close.
    AfterClose = 6455 "5.5.1";
    /// The server ends TCP after the closing handshake.
    EndOfTcp = 6455 "7.1.1";
    /// After a fault TCP is ended.
    EndAfterFault = 6455 "7.1.7";
    /// A client that ends TCP is gone.
    ClientGone = 6455 "7.1.4";
    /// Sizes are limited as the server likes.
    Size = 6455 "10.4";
    /// The accept value is computed from the key.
    Accept = 6455 "4.2.2";
    /// The answer names what it switches to.
    Switch = 6455 "4.2.2";
    /// The method is GET.
    Method = 6455 "4.2.1";
    /// The request is HTTP/1.1 or later.
    HttpVersion = 6455 "4.2.1";
    /// The request names its host.
    Host = 6455 "4.2.1";
    /// Exactly one `Host`.
    HostOnce = 9112 "3.2";
    /// The request asks for `websocket`.
    Upgrade = 6455 "4.2.1";
    /// `Connection` names `upgrade`.
    Connection = 6455 "4.2.1";
    /// The key is base64 of 16 octets.
    Key = 6455 "4.2.1";
    /// The key stands there once.
    KeyOnce = 6455 "11.3.1";
    /// The version is 13; another is answered with those that are spoken.
    Version = 6455 "4.2.2";
    /// Field names are compared without regard to case.
    FieldCase = 9110 "5.1";
    /// `Connection` is a list.
    FieldList = 9110 "5.6.1";
    /// Unknown fields are ignored.
    OtherFields = 6455 "4.2.1";
    /// A head too large may be refused.
    HeadSize = 6585 "5";
    /// The client waits for the answer before it sends frames.
    Early = 6455 "4.1";
    /// A subprotocol is chosen among those offered.
    Subprotocol = 6455 "4.2.2";
    /// An extension is chosen among those offered.
    Extension = 6455 "9.1";
    /// `Sec-WebSocket-Extensions` keeps to its grammar.
    ExtensionGrammar = 6455 "9.1";
    /// An offer with wrong parameters is declined.
    DeflateOffer = 7692 "7.1";
    /// `server_no_context_takeover`.
    ServerTakeover = 7692 "7.1.1.1";
    /// `client_no_context_takeover`.
    ClientTakeover = 7692 "7.1.1.2";
    /// `server_max_window_bits`.
    ServerWindow = 7692 "7.1.2.1";
    /// `client_max_window_bits`.
    ClientWindow = 7692 "7.1.2.2";
    /// Several offers: the first that is good.
    DeflateFallback = 7692 "5.1";
    /// RSV1 stands on a message's first frame alone.
    Rsv1 = 7692 "6.1";
    /// A compressed message is inflated.
    Inflate = 7692 "7.2.2";
    /// Compression is each message's own choice.
    Uncompressed = 7692 "6";
    /// Fragments of a compressed message.
    CompressedFragments = 7692 "6.1";
    /// A message may refer to those before it.
    Takeover = 7692 "7.2.3.2";
    /// A block of any kind may be used.
    Blocks = 7692 "7.2.3";
    /// A block with BFINAL set.
    FinalBlock = 7692 "7.2.3.4";
    /// An empty compressed message.
    EmptyCompressed = 7692 "7.2.3.6";
    /// Data that does not inflate.
    BadDeflate = 7692 "7.2.2";
}

/// What a case waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Echoes of so many messages, and so many Pongs.
    Answers {
        /// Echoes.
        messages: usize,
        /// Pongs.
        pongs: usize,
    },
    /// The failure of the connection.
    Failure {
        /// Close codes that say why, the best first.
        codes: Vec<u16>,
        /// Whether the end of TCP alone is as good.
        bare: bool,
    },
    /// A Close with one of these codes; `None` is an empty body.
    Close {
        /// The codes.
        codes: Vec<Option<u16>>,
    },
    /// The end of TCP by the server.
    End,
    /// 101, and nothing wrong in what the case looks at.
    Switch,
    /// 101, and an extension as it was offered.
    Agreement,
    /// 101, and no extension.
    NoExtension,
    /// Any answer but 101.
    Refusal {
        /// The statuses that say why, the best first; empty for any that says no.
        statuses: Vec<u16>,
        /// Whether `Sec-WebSocket-Version` must be there.
        version: bool,
    },
}

/// What came in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Came {
    /// What was expected.
    AsExpected,
    /// Nothing, or not enough.
    Silence {
        /// How long was waited.
        after: Duration,
        /// Answers that had come.
        got: usize,
        /// Answers that were expected.
        of: usize,
    },
    /// A message that differs from the one sent.
    OtherEcho {
        /// Whether it has the opcode that was sent.
        same_kind: bool,
        /// Its octets of payload.
        len: u64,
        /// Octets that were sent.
        sent: u64,
        /// The first octet that differs.
        differs_at: Option<u64>,
    },
    /// A message that nobody sent.
    UnaskedMessage {
        /// Octets of payload.
        len: u64,
    },
    /// A Pong with another payload.
    OtherPong {
        /// The payload that came.
        payload: Vec<u8>,
    },
    /// Fewer Pongs than Pings, the newest among them.
    PongsLeftOut {
        /// Pongs that came.
        got: usize,
        /// Pings that were sent.
        of: usize,
    },
    /// A Pong to a Ping that was sent after the fault, and no failure.
    WentOn,
    /// A Pong to a Ping that was sent after the Close.
    PongAfterClose,
    /// What had to fail was taken as a message.
    TookIt {
        /// Octets of the message.
        len: u64,
    },
    /// The failure came, but only when more was sent.
    Late,
    /// A Close with this code; `None` for an empty body.
    Closed {
        /// The code.
        code: Option<u16>,
        /// Octets of the reason.
        reason: String,
    },
    /// The end of TCP, without a Close.
    Ended {
        /// By a reset.
        reset: bool,
    },
    /// TCP was not ended.
    NotEnded {
        /// How long was waited.
        after: Duration,
    },
    /// A frame that breaks a rule itself.
    Broke {
        /// The rule, as the decoder says it.
        rule: String,
        /// Where it stands.
        cite: Cite,
    },
    /// An HTTP answer.
    Status {
        /// The status.
        status: u16,
    },
    /// The handshake's answer breaks a rule.
    Answer {
        /// The rule, as the judge says it.
        rule: String,
        /// Where it stands.
        cite: Cite,
    },
    /// A refusal without `Sec-WebSocket-Version`.
    NoVersion {
        /// Its status.
        status: u16,
    },
    /// An extension, though none fits the offer.
    Extension {
        /// The field's value.
        got: String,
    },
    /// The offer was declined, as a server may.
    Declined,
    /// No connection could be made.
    NoConnection {
        /// What the operating system said.
        reason: String,
    },
    /// The server lacks what the case needs.
    Lacks(Need),
}

/// What a case needs of a server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Need {
    /// Text messages come back.
    TextEcho,
    /// Binary messages come back.
    BinaryEcho,
    /// permessage-deflate is agreed on.
    Deflate,
    /// The server allows a client's messages to refer to those before.
    ClientTakeover,
}

/// Something that passed between the checker and the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Who sent it.
    pub from: Side,
    /// What it was.
    pub what: Traffic,
}

/// What passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Traffic {
    /// A frame: the first of its octets, how many it has, and its fields.
    Frame {
        /// Its first octets.
        octets: Vec<u8>,
        /// All its octets.
        len: u64,
        /// Its header's fields; `None` below two octets.
        header: Option<Header>,
    },
    /// The head of a request or a response, as far as it is kept.
    Head(Vec<u8>),
    /// The end of TCP.
    End {
        /// By a reset.
        reset: bool,
    },
    /// More was left out.
    More(usize),
}

/// A case and what it came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The case's name, `group/case`.
    pub case: String,
    /// The rule that it tries.
    pub clause: Clause,
    /// The verdict.
    pub verdict: Verdict,
    /// What was waited for when it was decided.
    pub expected: Expected,
    /// What came.
    pub came: Came,
    /// What passed, in order.
    pub passed: Vec<Passed>,
    /// From the connection's beginning to its end.
    pub took: Duration,
}
