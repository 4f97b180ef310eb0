//! Conversations played segment by segment, in TCP's own words.

use super::*;
use crate::model::{Delivery, Rule, TcpFlags, TcpNote};
use crate::stack::l4_transport::tcp::SackBlocks;
use TcpNote::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const RST: TcpFlags = TcpFlags::RST;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
const PORTS: (u16, u16) = (40_000, 7);

/// A segment with no octets and a window of 1000.
fn segment(flags: TcpFlags, seq: u32, ack: u32) -> TcpFacts<'static> {
    TcpFacts {
        source_port: 0,
        destination_port: 0,
        seq,
        ack,
        flags,
        window: 1000,
        mss: None,
        window_scale: None,
        sack_permitted: false,
        sack: SackBlocks::NONE,
        timestamps: None,
        payload_len: 0,
        payload: &[],
        payload_offset: 54,
        checksum_good: Some(true),
    }
}

fn data(seq: u32, ack: u32, len: u32) -> TcpFacts<'static> {
    TcpFacts { payload_len: len, ..segment(ACK, seq, ack) }
}

/// A conversation: frames are numbered from 1 and come a millisecond apart.
struct Talk {
    conversations: Conversations,
    frames: u64,
}

impl Talk {
    fn new() -> Talk {
        Talk { conversations: Conversations::new(), frames: 0 }
    }

    /// One whose handshake is done: the client's data begins at `c + 1`, the server's at `s + 1`. Frames 1 to 3.
    fn opened(c: u32, s: u32) -> Talk {
        let mut talk = Talk::new();
        talk.client(segment(SYN, c, 0));
        talk.server(segment(SYN | ACK, s, c.wrapping_add(1)));
        talk.client(segment(ACK, c.wrapping_add(1), s.wrapping_add(1)));
        talk
    }

    fn now(&self) -> Time {
        Time::from_millis(self.frames)
    }

    fn see(&mut self, from_client: bool, arrival: Arrival, facts: TcpFacts<'static>) -> Tcp {
        self.frames += 1;
        let (source, destination) = if from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let (source_port, destination_port) = if from_client { PORTS } else { (PORTS.1, PORTS.0) };
        let ip = IpFacts {
            source,
            destination,
            ttl: 64,
            len: 40,
            id: 0,
            df: true,
            fragment: None,
            protocol: 6,
            checksum_good: Some(true),
        };
        let facts = TcpFacts { source_port, destination_port, ..facts };
        self.conversations.see(FrameId(self.frames), self.now(), arrival, &ip, &facts)
    }

    fn client(&mut self, facts: TcpFacts<'static>) -> Tcp {
        self.see(true, Arrival::Unknown, facts)
    }

    fn server(&mut self, facts: TcpFacts<'static>) -> Tcp {
        self.see(false, Arrival::Unknown, facts)
    }
}

fn frame(id: u64) -> FrameId {
    FrameId(id)
}

/// Of SYN-ACKs the first that arrives opens the connection; of SYNs the last that had arrived is answered.
#[test]
fn a_handshake_answers_what_had_arrived() {
    let at = |ms| Arrival::At(Time::from_millis(ms));
    let mut talk = Talk::new();
    talk.see(true, at(2), segment(SYN, 100, 0));
    talk.see(true, at(30), segment(SYN, 100, 0));
    let syn_ack = talk.see(false, at(4), segment(SYN | ACK, 900, 101));
    assert!(syn_ack.notes.contains(&HandshakeSynAck { answers: frame(1) }), "{:?}", syn_ack.notes);
    talk.see(false, at(5), segment(SYN | ACK, 900, 101));
    let ack = talk.see(true, at(7), segment(ACK, 101, 901));
    assert_eq!(ack.notes, [HandshakeAck { answers: frame(3) }]);

    let mut talk = Talk::new();
    talk.see(true, at(2), segment(SYN, 100, 0));
    talk.see(true, at(3), segment(SYN, 100, 0));
    talk.see(true, at(4), segment(SYN, 100, 0));
    talk.frames += 10;
    let syn_ack = talk.see(false, Arrival::Never, segment(SYN | ACK, 900, 101));
    assert!(syn_ack.notes.contains(&HandshakeSynAck { answers: frame(3) }), "{:?}", syn_ack.notes);
    talk.see(false, at(15), segment(SYN | ACK, 900, 101));
    let ack = talk.see(true, at(17), segment(ACK, 101, 901));
    assert_eq!(ack.notes, [HandshakeAck { answers: frame(15) }]);
}

#[test]
fn a_whole_conversation_across_the_end_of_sequence_space() {
    let (c, s) = (u32::MAX - 2, u32::MAX);
    let mut talk = Talk::new();
    let syn = talk.client(segment(SYN, c, 0));
    assert_eq!((syn.seq, syn.ack, syn.stream), (0, None, 0));
    assert_eq!(syn.notes, [HandshakeSyn]);
    let syn_ack = talk.server(segment(SYN | ACK, s, c.wrapping_add(1)));
    assert_eq!((syn_ack.seq, syn_ack.ack), (0, Some(1)));
    assert_eq!(syn_ack.notes, [HandshakeSynAck { answers: frame(1) }]);
    let ack = talk.client(segment(ACK, c.wrapping_add(1), 0));
    assert_eq!((ack.seq, ack.ack), (1, Some(1)));
    assert_eq!(ack.notes, [HandshakeAck { answers: frame(2) }]);
    let hello = talk.client(data(c.wrapping_add(1), 0, 5));
    assert_eq!((hello.seq, hello.len, hello.notes), (1, 5, vec![]));
    let got = talk.server(segment(ACK, 0, c.wrapping_add(6)));
    assert_eq!((got.ack, got.notes), (Some(6), vec![Acknowledges { last: frame(4) }]));
    let back = talk.server(data(0, c.wrapping_add(6), 5));
    assert_eq!(back.notes, []);
    let fin = talk.client(segment(FIN | ACK, c.wrapping_add(6), 5));
    assert_eq!(fin.notes, [FirstFin, Acknowledges { last: frame(6) }]);
    let fin = talk.server(segment(FIN | ACK, 5, c.wrapping_add(7)));
    assert_eq!(fin.notes, [SecondFin, Acknowledges { last: frame(7) }]);
    let last = talk.client(segment(ACK, c.wrapping_add(7), 6));
    assert_eq!((last.seq, last.ack), (7, Some(7)));
    assert_eq!(last.notes, [Acknowledges { last: frame(8) }]);
}

#[test]
fn an_acknowledgment_names_the_last_segment_that_it_covers_whole() {
    let mut talk = Talk::opened(0, 0);
    for seq in [1, 11, 21] {
        talk.client(data(seq, 1, 10));
    }
    assert_eq!(talk.server(segment(ACK, 1, 25)).notes, [Acknowledges { last: frame(5) }]);
    assert_eq!(talk.server(segment(ACK, 1, 31)).notes, [Acknowledges { last: frame(6) }]);
    // An older one again, then one of octets that nobody sent: nothing is acknowledged for the first time.
    assert_eq!(talk.server(segment(ACK, 1, 11)).notes, []);
    assert_eq!(talk.server(segment(ACK, 1, 99)).notes, []);
}

#[test]
fn windows_are_scaled_where_both_sides_offered_it() {
    let mut talk = Talk::new();
    let scaled = |shift| TcpFacts { window_scale: Some(shift), ..segment(SYN, 0, 0) };
    assert_eq!(talk.client(scaled(7)).window, 1000);
    assert_eq!(talk.server(TcpFacts { flags: SYN | ACK, ack: 1, ..scaled(99) }).window, 1000);
    assert_eq!(talk.client(segment(ACK, 1, 1)).window, 128_000);
    assert_eq!(talk.server(segment(ACK, 1, 1)).window, 1000 << 14);
    let mut talk = Talk::new();
    talk.client(scaled(7));
    talk.server(segment(SYN | ACK, 0, 1));
    assert_eq!(talk.client(segment(ACK, 1, 1)).window, 1000);
}

#[test]
fn a_refusal_is_no_reset() {
    let mut talk = Talk::new();
    talk.client(segment(SYN, 100, 0));
    let rst = talk.server(TcpFacts { window: 0, ..segment(RST | ACK, 0, 101) });
    // Wireshark, too, shows a first segment that is no SYN as number 1.
    assert_eq!((rst.seq, rst.ack, rst.notes), (1, Some(1), vec![Refused { answers: frame(1) }]));
    talk.client(segment(SYN, 100, 0));
    assert_eq!(talk.server(segment(RST | ACK, 0, 101)).notes, [Refused { answers: frame(3) }]);
    // A RST that acknowledges something else answers no SYN.
    assert_eq!(talk.server(segment(RST | ACK, 0, 500)).notes, []);
    let mut talk = Talk::opened(0, 0);
    assert_eq!(talk.server(segment(RST | ACK, 1, 1)).notes, [Reset]);
    assert_eq!(talk.server(segment(RST, 1, 0)).notes, []);
}

#[test]
fn a_syn_again_is_a_retransmission_and_another_syn_another_stream() {
    let mut talk = Talk::new();
    talk.see(true, Arrival::Never, segment(SYN, 5, 0));
    let again = talk.client(segment(SYN, 5, 0));
    let repeats = Retransmission { of: frame(1), duplicate_acks: 0, needless: false };
    assert_eq!((again.stream, again.notes), (0, vec![HandshakeSyn, repeats]));
    let syn_ack = talk.server(segment(SYN | ACK, 9, 6));
    assert_eq!(syn_ack.notes, [HandshakeSynAck { answers: frame(2) }]);
    let other = talk.client(segment(SYN, 77, 0));
    assert_eq!((other.stream, other.seq, other.notes), (1, 0, vec![HandshakeSyn]));
    assert_eq!(talk.server(segment(SYN | ACK, 1, 78)).stream, 1);
}

#[test]
fn the_syn_that_is_known_to_be_lost_is_not_the_one_answered() {
    let mut talk = Talk::new();
    talk.see(true, Arrival::At(Time::ZERO), segment(SYN, 5, 0));
    talk.see(true, Arrival::Never, segment(SYN, 5, 0));
    assert_eq!(talk.server(segment(SYN | ACK, 9, 6)).notes, [HandshakeSynAck { answers: frame(1) }]);
}

/// Nine segments of 10 octets, the third lost; the server's duplicates take 2 ms to arrive.
fn lost_third(ledger: bool) -> Talk {
    let mut talk = Talk::opened(0, 0);
    for i in 0..9 {
        let arrival = match (ledger, i) {
            (false, _) => Arrival::Unknown,
            (true, 2) => Arrival::Never,
            (true, _) => Arrival::At(talk.now()),
        };
        talk.see(true, arrival, data(1 + i * 10, 1, 10));
    }
    let acks: Vec<Vec<TcpNote>> = (0..7)
        .map(|_| {
            let arrival = if ledger {
                Arrival::At(talk.now() + std::time::Duration::from_millis(3))
            } else {
                Arrival::Unknown
            };
            talk.see(false, arrival, segment(ACK, 1, 21)).notes
        })
        .collect();
    assert_eq!(acks[0], [Acknowledges { last: frame(5) }]);
    for (n, notes) in acks[1..].iter().enumerate() {
        assert_eq!(*notes, [DuplicateAck { nth: n as u32 + 1, of: frame(13) }]);
    }
    talk
}

#[test]
fn a_retransmission_knows_what_was_lost_and_how_many_duplicates_its_sender_had() {
    // Without a ledger all six are taken to have been seen.
    let notes = lost_third(false).client(data(21, 1, 10)).notes;
    assert_eq!(notes, [Retransmission { of: frame(6), duplicate_acks: 6, needless: false }]);
    // With one, those that had arrived count: sent in frames 14 to 19, each arriving 2 ms after it was sent.
    let mut talk = lost_third(true);
    let notes = talk.client(data(21, 1, 10)).notes;
    assert_eq!(notes, [Retransmission { of: frame(6), duplicate_acks: 5, needless: false }]);
    // The next segment had arrived: to send it again is needless. So is half of it.
    let notes = talk.client(data(31, 1, 5)).notes;
    assert_eq!(notes, [Retransmission { of: frame(7), duplicate_acks: 0, needless: true }]);
    // Octets of both: not all of them had arrived... until the retransmission counts. Five of the six duplicates had
    // come before frame 20, and tell nothing of it.
    let notes = talk.client(data(21, 1, 20)).notes;
    assert_eq!(notes, [Retransmission { of: frame(20), duplicate_acks: 1, needless: false }]);
    // Acknowledged, and sent again all the same; the frame that delivered the hole is not known.
    let notes = talk.server(segment(ACK, 1, 91)).notes;
    assert_eq!(notes, [Acknowledges { last: frame(12) }]);
    let notes = talk.client(data(81, 1, 10)).notes;
    assert_eq!(notes, [Retransmission { of: frame(12), duplicate_acks: 0, needless: true }]);
}

#[test]
fn each_part_of_a_segment_is_named_by_the_frame_that_carried_it() {
    let mut talk = Talk::opened(0, 0);
    talk.client(data(1, 1, 1448)); // frame 4
    let of = |talk: &mut Talk, seq, len| match talk.client(data(seq, 1, len)).notes[..] {
        [Retransmission { of, .. }] => of,
        ref other => panic!("{other:?}"),
    };
    // Sent again in two pieces, since a SACK option leaves less room: each repeats frame 4, not the other piece.
    assert_eq!(of(&mut talk, 1, 1436), frame(4));
    assert_eq!(of(&mut talk, 1437, 12), frame(4));
    assert_eq!(of(&mut talk, 1437, 12), frame(6));
    assert_eq!(of(&mut talk, 1, 1448), frame(5));
}

#[test]
fn an_acknowledgment_after_a_loss_is_of_the_frame_that_arrived() {
    let mut talk = Talk::opened(0, 0);
    talk.see(true, Arrival::Never, data(1, 1, 10));
    talk.see(true, Arrival::At(Time::ZERO), data(1, 1, 10));
    talk.see(true, Arrival::At(Time::ZERO), data(1, 1, 10));
    assert_eq!(talk.server(segment(ACK, 1, 11)).notes, [Acknowledges { last: frame(5) }]);
}

#[test]
fn what_a_sack_block_holds_is_sent_again_needlessly() {
    let mut talk = Talk::opened(0, 100);
    for i in 0..3 {
        talk.client(data(1 + i * 10, 101, 10));
    }
    let sack = SackBlocks::new(&[(11, 31)]).unwrap();
    let ack = talk.server(TcpFacts { sack, ..segment(ACK, 101, 1) });
    assert_eq!(ack.sack, [(11, 31)]);
    let needless = |tcp: Tcp| matches!(tcp.notes[..], [Retransmission { needless: true, .. }]);
    assert!(!needless(talk.client(data(1, 101, 10))));
    assert!(needless(talk.client(data(11, 101, 10))));
}

#[test]
fn a_duplicate_with_sack_blocks_may_change_the_window() {
    let mut talk = Talk::opened(0, 100);
    for i in 0..3 {
        talk.client(data(1 + i * 10, 101, 10));
    }
    let sack = SackBlocks::new(&[(11, 21)]).unwrap();
    let first = talk.server(TcpFacts { sack, window: 1100, ..segment(ACK, 101, 1) });
    assert_eq!(first.notes, [DuplicateAck { nth: 1, of: frame(2) }]);
    let plain = talk.server(TcpFacts { window: 1200, ..segment(ACK, 101, 1) });
    assert_eq!(plain.notes, [WindowUpdate]);
}

#[test]
fn data_of_the_same_number_does_not_break_a_run() {
    let mut talk = Talk::opened(0, 0);
    talk.client(data(1, 1, 10));
    let nth = |tcp: Tcp| match tcp.notes[..] {
        [DuplicateAck { nth, of }] => Some((nth, of)),
        _ => None,
    };
    assert_eq!(nth(talk.server(segment(ACK, 1, 1))), Some((1, frame(2))));
    assert_eq!(nth(talk.server(data(1, 1, 10))), None);
    assert_eq!(nth(talk.server(segment(ACK, 11, 1))), Some((2, frame(2))));
}

#[test]
fn octets_after_a_gap_are_out_of_order_and_those_that_fill_it_are_new() {
    let mut talk = Talk::opened(0, 0);
    assert_eq!(talk.client(data(11, 1, 10)).notes, [OutOfOrder]);
    assert_eq!(talk.client(data(1, 1, 10)).notes, []);
    assert_eq!(talk.client(data(21, 1, 10)).notes, []);
    assert_eq!(talk.server(segment(ACK, 1, 31)).notes, [Acknowledges { last: frame(6) }]);
    // Across old and new octets: the old ones make it a retransmission, of the frame that had the first.
    let notes = talk.client(data(25, 1, 20)).notes;
    assert_eq!(notes, [Retransmission { of: frame(6), duplicate_acks: 0, needless: true }]);
}

#[test]
fn windows_that_close_and_open() {
    let mut talk = Talk::opened(0, 0);
    let window = |w, seq, ack| TcpFacts { window: w, ..segment(ACK, seq, ack) };
    talk.client(data(1, 1, 10));
    assert_eq!(talk.server(window(0, 1, 11)).notes, [ZeroWindow, Acknowledges { last: frame(4) }]);
    // Linux probes with an empty segment just below what it would send.
    assert_eq!(talk.client(segment(ACK, 10, 1)).notes, [ZeroWindowProbe]);
    assert_eq!(talk.server(window(0, 1, 11)).notes, [ZeroWindow]);
    // Others send the octet that is next; it is no data until the window takes it.
    assert_eq!(talk.client(data(11, 1, 1)).notes, [ZeroWindowProbe]);
    assert_eq!(talk.client(data(11, 1, 1)).notes, [ZeroWindowProbe]);
    assert_eq!(talk.server(window(500, 1, 11)).notes, [WindowUpdate]);
    assert_eq!(talk.server(window(700, 1, 11)).notes, [WindowUpdate]);
    // Less room is neither an update nor a duplicate.
    assert_eq!(talk.server(window(600, 1, 11)).notes, []);
    assert_eq!(talk.client(data(11, 1, 5)).notes, []);
    assert_eq!(talk.server(window(600, 1, 11)).notes, [DuplicateAck { nth: 1, of: frame(5) }]);
}

#[test]
fn keep_alives_ask_and_are_answered() {
    let mut talk = Talk::opened(0, 0);
    talk.client(data(1, 1, 10));
    // Not acknowledged yet: one octet below the next is the last octet again, and Wireshark would call it a keep-alive.
    let again = Retransmission { of: frame(4), duplicate_acks: 0, needless: false };
    assert_eq!(talk.client(data(10, 1, 1)).notes, [again]);
    talk.server(segment(ACK, 1, 11));
    assert_eq!(talk.client(segment(ACK, 10, 1)).notes, [KeepAlive]);
    assert_eq!(talk.server(segment(ACK, 1, 11)).notes, [KeepAliveAck]);
    assert_eq!(talk.client(data(10, 1, 1)).notes, [KeepAlive]);
    assert_eq!(talk.server(segment(ACK, 1, 11)).notes, [KeepAliveAck]);
    // The answer may give more room at the same time.
    talk.client(segment(ACK, 10, 1));
    let more = TcpFacts { window: 2000, ..segment(ACK, 1, 11) };
    assert_eq!(talk.server(more).notes, [KeepAliveAck]);
    talk.server(segment(ACK, 1, 11));
    // Nobody asked for this one, and nothing is missing.
    talk.client(segment(ACK, 11, 1));
    assert_eq!(talk.server(segment(ACK, 1, 11)).notes, []);
}

#[test]
fn an_acknowledgment_again_with_nothing_under_way_is_no_duplicate() {
    // The acknowledgment of the FIN is lost, the FIN comes again needlessly and is acknowledged again.
    let mut talk = Talk::opened(0, 0);
    talk.client(segment(FIN | ACK, 1, 1));
    talk.server(segment(FIN | ACK, 1, 2));
    talk.see(true, Arrival::Never, segment(ACK, 2, 2));
    talk.server(segment(FIN | ACK, 1, 2));
    assert_eq!(talk.client(segment(ACK, 2, 2)).notes, []);
}

#[test]
fn a_capture_that_begins_late_claims_no_handshake() {
    let mut talk = Talk::new();
    let first = talk.client(data(1000, 2000, 10));
    assert_eq!((first.seq, first.ack, first.notes), (1, Some(1), vec![]));
    let ack = talk.server(segment(ACK, 2000, 1010));
    assert_eq!((ack.seq, ack.ack, ack.notes), (1, Some(11), vec![Acknowledges { last: frame(1) }]));
    let mut talk = Talk::new();
    assert_eq!(talk.server(segment(SYN | ACK, 5, 10)).notes, []);
    assert_eq!(talk.client(segment(ACK, 10, 6)).notes, [Acknowledges { last: frame(1) }]);
}

#[test]
fn arrival_is_what_the_ledger_says() {
    assert!(matches!(Arrival::of(None), Arrival::Unknown));
    let at = Time::from_millis;
    let broken = Delivery { corrupted: Some((1, Rule::Cut)), ..Delivery::plain(at(1)) };
    assert!(Arrival::of(Some(&Fate::Delivered(broken.clone()))).is_never());
    assert!(Arrival::of(Some(&Fate::Dropped { by: Rule::Cut })).is_never());
    let twice = Fate::Duplicated { first: broken, second: Delivery::plain(at(2)), by: Rule::Cut };
    assert!(matches!(Arrival::of(Some(&twice)), Arrival::At(t) if t == at(2)));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut talk = Talk::opened(0, 0);
    let mut seq = 1u32;
    for _ in 0..half::SENT_MAX + 1000 {
        talk.client(data(seq, 1, 100));
        seq = seq.wrapping_add(100);
    }
    let remembered: usize = talk.conversations.flows.values_mut().map(|f| f.remembered()).sum();
    assert_eq!(remembered, half::SENT_MAX + 1, "and the server's SYN");
    // Acknowledged segments are forgotten but for the last.
    talk.server(segment(ACK, 1, seq));
    let remembered: usize = talk.conversations.flows.values_mut().map(|f| f.remembered()).sum();
    assert!(remembered < 100, "{remembered}");
}

#[test]
fn many_connections_together_are_bounded() {
    let mut conversations = Conversations::new();
    let ip = |port: u32| IpFacts {
        source: IpAddr::V4(Ipv4Addr::from_bits(port)),
        destination: SERVER,
        ttl: 64,
        len: 40,
        id: 0,
        df: true,
        fragment: None,
        protocol: 6,
        checksum_good: None,
    };
    let mut n = 0;
    for flow in 0..FLOWS_MAX as u32 * 2 {
        for i in 0..100 {
            n += 1;
            let tcp =
                conversations.see(FrameId(n), Time::ZERO, Arrival::Unknown, &ip(flow), &data(i * 10, 0, 10));
            assert_eq!(tcp.stream, flow);
        }
    }
    assert!(conversations.flows.len() <= FLOWS_MAX);
    let remembered: usize = conversations.flows.values_mut().map(|f| f.remembered()).sum();
    assert!(remembered <= SENT_TOTAL_MAX, "{remembered}");
}

prop_compose! {
    fn any_segment()(
        flags in prop_oneof![Just(0x10u16), Just(0x02), Just(0x12), Just(0x11), 0u16..0x1000],
        seq in prop_oneof![0u32..50, (u32::MAX - 20)..=u32::MAX, any::<u32>()],
        ack in prop_oneof![0u32..50, (u32::MAX - 20)..=u32::MAX, any::<u32>()],
        window in prop_oneof![Just(0u16), Just(1000), any::<u16>()],
        scale in proptest::option::of(any::<u8>()),
        len in prop_oneof![0u32..12, 0u32..70_000],
        blocks in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..=4),
    ) -> TcpFacts<'static> {
        TcpFacts {
            window, window_scale: scale, payload_len: len, sack: SackBlocks::new(&blocks).unwrap_or(SackBlocks::NONE),
            ..segment(TcpFlags(flags), seq, ack)
        }
    }
}

proptest! {
    #[test]
    fn any_segments_in_any_order_are_taken(
        segments in proptest::collection::vec((any::<bool>(), 0u8..3, any_segment()), 0..200)
    ) {
        let mut talk = Talk::new();
        for (from_client, arrival, facts) in segments {
            let arrival = match arrival {
                0 => Arrival::Unknown,
                1 => Arrival::Never,
                _ => Arrival::At(talk.now()),
            };
            let tcp = talk.see(from_client, arrival, facts);
            let earlier = |id: FrameId| id.0 < talk.frames;
            for note in &tcp.notes {
                match note {
                    HandshakeSynAck { answers } | HandshakeAck { answers } | Refused { answers } =>
                        prop_assert!(earlier(*answers)),
                    Acknowledges { last } => prop_assert!(earlier(*last)),
                    DuplicateAck { nth, of } => prop_assert!(earlier(*of) && *nth > 0),
                    Retransmission { of, .. } => prop_assert!(earlier(*of)),
                    _ => {}
                }
            }
        }
    }

    /// However a stream is cut into segments, sent again and acknowledged, what is remembered of it stays in order.
    #[test]
    fn any_cuts_of_a_stream_are_remembered_in_order(
        isn in any::<u32>(),
        cuts in proptest::collection::vec((0u32..200, 1u32..50, any::<bool>()), 1..60)
    ) {
        let mut talk = Talk::opened(isn, 0);
        for (at, len, acknowledge) in cuts {
            talk.client(data(isn.wrapping_add(1 + at), 1, len));
            if acknowledge {
                talk.server(segment(ACK, 1, isn.wrapping_add(1 + at)));
            }
            for flow in talk.conversations.flows.values_mut() {
                let sent: Vec<_> = flow.halves[0].overlapping(i64::MIN, i64::MAX).collect();
                prop_assert!(sent.iter().all(|s| s.start < s.end));
                prop_assert!(sent.windows(2).all(|w| w[0].end <= w[1].start));
            }
        }
    }
}
