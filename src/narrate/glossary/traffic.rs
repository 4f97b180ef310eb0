//! How much is under way: streams, flights, bursts, and what holds a sender back.

use super::Layer::{At, Of};
use super::{Entry, entry};
use crate::model::{Cite, Protocol};

const TCP: super::Layer = Of(Protocol::Tcp);

/// Between a sender and a receiver.
pub(super) const TRAFFIC: &[Entry] = &[
    entry(
        "stream",
        &["byte stream", "octet stream"],
        TCP,
        "Octets in order, numbered one by one, without marks between them: what TCP carries each way.",
        "A stream is a row of packets or of messages.",
        "It has no edges but its two ends. Where a message ends the application has to say in the octets.",
        Cite::rfc(9293, "2.2"),
    ),
    entry(
        "flight",
        &["in flight", "flight size", "unacknowledged"],
        TCP,
        "What a sender has sent and nobody has acknowledged yet; also what it sends in one round trip.",
        "What is in flight is on the wire.",
        "It may have arrived: as long as its ACK is on the way back the sender counts it.",
        Cite::rfc(5681, "2"),
    ),
    entry(
        "burst",
        &["bursts", "burstiness"],
        At("1-7", "every layer"),
        "Several of a kind close together: frames lost in a row, or sends without a pause between them.",
        "Five per cent of loss is five per cent, however it falls.",
        "Losses in a row do other harm than the same number far apart. The Gilbert-Elliott model makes them; --burst sends so.",
        Cite::man("tc-netem(8)"),
    ),
    entry(
        "flow control",
        &["receiver flow control"],
        TCP,
        "The receiver tells how much room it has (the window), and the sender sends no more.",
        "It protects the network.",
        "It protects the receiver's buffer: a program that reads slowly slows its peer down. The network's part is \
         congestion control.",
        Cite::rfc(9293, "3.8.6"),
    ),
    entry(
        "congestion control",
        &["congestion control algorithm", "congestion"],
        TCP,
        "The sender keeps a limit of its own (the congestion window), which grows with ACKs and shrinks with loss.",
        "The receiver's window does that.",
        "Nobody tells a sender what the path bears. It tries: slow start, then congestion avoidance; reno, cubic and bbr \
         differ in how.",
        Cite::rfc(5681, "3"),
    ),
];
