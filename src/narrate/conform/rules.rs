//! The rules that a conformance checker tries, a sentence each.

use crate::model::conformance::Clause;

/// The rule in one sentence.
pub(super) const fn rule(clause: Clause) -> &'static str {
    match clause {
        Clause::Length => "a payload's length stands in 7 bits, or in 16 or 64 more",
        Clause::ShortestLength => "a length must be written in the shortest form that holds it",
        Clause::TopBit => "the highest bit of a 64-bit length must be 0",
        Clause::AnyCut => "TCP carries octets: a frame may come in any number of pieces, or with others",
        Clause::AnyKey => "the masking key may be any 32 bits",
        Clause::Masked => "a client must mask its frames, and a server must close on one that is not masked",
        Clause::ReservedOpcode => "an unknown opcode must fail the connection",
        Clause::ReservedBits => "a reserved bit that no extension defines must fail the connection",
        Clause::Pong => "a Ping must be answered by a Pong with the same payload",
        Clause::ManyPings => "of several Pings at least the newest must be answered",
        Clause::UnaskedPong => "a Pong that nobody asked for is allowed, and expects no answer",
        Clause::ControlLength => "a control frame's payload must be at most 125 octets",
        Clause::ControlWhole => "a control frame must not be fragmented",
        Clause::Fragments => "the fragments of a message, in order, are its payload",
        Clause::Between => {
            "control frames may come between the fragments of a message, and are answered there"
        }
        Clause::Continuation => "a continuation frame needs an unfinished message to continue",
        Clause::OneMessage => "a message's fragments must not be interleaved with another message's",
        Clause::Text => "a text message is UTF-8, wherever its frames are cut",
        Clause::BadText => "text that is not UTF-8 must fail the connection",
        Clause::Binary => "a binary message holds any octets",
        Clause::Close => "a Close must be answered by a Close, typically with the same code",
        Clause::CloseCode => {
            "a Close holds a code that may be sent: not 0-999, 1004-1006, 1015, 5000 or more"
        }
        Clause::CloseBody => "a Close body is empty, or begins with a code of 2 octets",
        Clause::CloseReason => "a Close reason is UTF-8",
        Clause::AfterClose => "nothing counts that comes after a Close",
        Clause::EndOfTcp => "after both Closes the server ends TCP, first",
        Clause::EndAfterFault => "a server that fails the connection ends TCP",
        Clause::ClientGone => "a client that ends TCP is gone: the server ends it too",
        Clause::Size => "how large a message may be is the server's choice; it says 1009 to a larger one",
        Clause::Accept => "Sec-WebSocket-Accept is the base64 of the SHA-1 of the key and the fixed text",
        Clause::Switch => "the answer says Upgrade: websocket and Connection: Upgrade",
        Clause::Method => "a handshake's method is GET",
        Clause::HttpVersion => "a handshake is HTTP/1.1 or later",
        Clause::Host => "a handshake names its Host",
        Clause::HostOnce => "a request with more than one Host must be answered 400",
        Clause::Upgrade => "a handshake has an Upgrade field that holds websocket",
        Clause::Connection => "a handshake has a Connection field that holds Upgrade",
        Clause::Key => "a handshake has a Sec-WebSocket-Key: the base64 of 16 octets",
        Clause::KeyOnce => "Sec-WebSocket-Key must not appear more than once",
        Clause::Version => {
            "a version that the server does not speak must be refused, naming in Sec-WebSocket-Version those that it speaks"
        }
        Clause::FieldCase => "field names compare without regard to case, and so does websocket in Upgrade",
        Clause::FieldList => "Connection and Upgrade are lists: other elements may stand beside",
        Clause::OtherFields => "fields that the server does not know are ignored",
        Clause::HeadSize => "a head that is too large may be refused with 431",
        Clause::Early => {
            "a client must wait for the answer before it sends frames; what a server does is its choice"
        }
        Clause::Subprotocol => "the answer names a subprotocol only if the client offered it",
        Clause::Extension => "the answer names an extension only if the client offered it",
        Clause::ExtensionGrammar => {
            "Sec-WebSocket-Extensions that breaks its grammar must fail the handshake"
        }
        Clause::DeflateOffer => "an offer with an unknown, repeated or invalid parameter must be declined",
        Clause::ServerTakeover => "who accepts server_no_context_takeover must say so, and do so",
        Clause::ClientTakeover => {
            "client_no_context_takeover tells that the client will not refer to earlier messages"
        }
        Clause::ServerWindow => {
            "who accepts server_max_window_bits must name as many bits or fewer, and keep to them"
        }
        Clause::ClientWindow => "client_max_window_bits may be answered only where it was offered",
        Clause::DeflateFallback => "of several offers the server takes one that it can accept",
        Clause::Rsv1 => "RSV1 (compressed) may stand on a message's first frame alone",
        Clause::Inflate => "a message with RSV1 is compressed: the receiver inflates it",
        Clause::Uncompressed => "each message may be sent compressed or not, as its sender likes",
        Clause::CompressedFragments => {
            "a compressed message may be fragmented, with RSV1 on its first frame alone"
        }
        Clause::Takeover => "unless agreed otherwise, a message may refer to the octets of those before it",
        Clause::Blocks => "a message may be made of DEFLATE blocks of any kind and number",
        Clause::FinalBlock => "a message may end with a DEFLATE block that has BFINAL set",
        Clause::EmptyCompressed => "an empty message may be compressed too",
        Clause::BadDeflate => "data that does not inflate fails the connection",
    }
}
