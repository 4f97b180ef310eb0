//! What students claim, and what is true.

/// A claim that is often heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Misconception {
    /// The claim.
    pub claim: &'static str,
    /// What is true instead.
    pub truth: &'static str,
    /// Where that stands, or what shows it.
    pub source: &'static str,
}

const fn not(claim: &'static str, truth: &'static str, source: &'static str) -> Misconception {
    Misconception { claim, truth, source }
}

/// The claims that are settled here.
pub const MISCONCEPTIONS: &[Misconception] = &[
    not(
        "\"Bidirectional\" is what WebSocket adds.",
        "HTTP/1.1 is two-way but takes turns; full duplex means that each side sends at will. TCP has it already; \
         WebSocket adds messages, a closing handshake and browser security.",
        "RFC 6455 s1.2, s1.5; RFC 9293 s2.2",
    ),
    not("Push is impossible with HTTP.", "Long polling and streaming push.", "RFC 6202"),
    not(
        "WebSocket is faster.",
        "It saves octets, not time on the way: no request is repeated and a frame's header takes 2 to 14 octets. Both \
         are carried by TCP, which is as fast for one as for the other.",
        "RFC 6455 s1.5, s5.2; RFC 6202",
    ),
    not("Packets travel over WebSocket.", "Messages do, made of frames.", "RFC 6455 s5"),
    not(
        "Socket.IO tries WebSocket first, and polling is the fallback.",
        "The default order is the reverse: polling first, then an upgrade.",
        "Engine.IO protocol",
    ),
    not(
        "An HTTP connection becomes a WebSocket.",
        "True for HTTP/1.1 (status 101); HTTP/2 and HTTP/3 use an extended CONNECT (status 200).",
        "RFC 6455 s1.7; RFC 8441; RFC 9220",
    ),
    not(
        "Every listener hears a server's emit.",
        "The server picks sockets: one, a room, all. It knows no handlers.",
        "Socket.IO documentation: rooms",
    ),
    not(
        "A missed event is ignored. / A missed event is buffered.",
        "Both, by direction. A client buffers what it emits while disconnected. What a server emits meanwhile is lost, \
         unless recovery or a replay from an offset finds it. What was sent before the cut was noticed may be lost.",
        "Socket.IO documentation: delivery guarantees",
    ),
    not(
        "A queue solves it.",
        "It does with an offset or an acknowledgment, with de-duplication, and with bounded retention.",
        "Socket.IO documentation: delivery guarantees",
    ),
    not(
        "A socket is a class with a namespace.",
        "That is a Socket.IO Socket: always say so. A socket is an endpoint; a connection is named by both endpoints; \
         a listener and the sockets that it accepts share a port.",
        "RFC 9293 s2.2",
    ),
    not(
        "WebSocket is an API.",
        "A protocol and, apart from it, a browser's API; clients need no browser.",
        "RFC 6455 s1.7",
    ),
    not(
        "A client is a browser, a server is a computer.",
        "Both are roles that programs play, per connection.",
        "RFC 9110 s3.3",
    ),
    not(
        "OSI layers hold protocols; layer 5 controls ports; layer 6 encrypts.",
        "OSI is a reference model; ports are in layer 4; the Internet has no layer 5 or 6.",
        "ISO/IEC 7498-1 s7; RFC 1122 s1.1.3",
    ),
    not("The \"TCP model\" maps addresses to MACs.", "ARP does that.", "RFC 826"),
    not(
        "TCP is a stream of packets.",
        "A stream of octets: the boundaries of writes, of segments and of reads have nothing to do with each other.",
        "RFC 9293 s2.2, s3.7",
    ),
    not(
        "UDP establishes connections.",
        "It has none. connect() on a UDP socket sends no frame at all.",
        "RFC 768",
    ),
    not(
        "UDP is faster.",
        "It saves one round trip at the start. On a connection that is open already the two are equal, and UDP has no \
         more bandwidth.",
        "RFC 9293 s3.5; RFC 768; try: layerlab loss",
    ),
    not(
        "A packet has ports and a tail.",
        "Ports belong to TCP and UDP. IP, TCP and UDP have no trailer; Ethernet's FCS is the frame's, and captures do \
         not have it.",
        "RFC 1122 s1.3.3",
    ),
];
