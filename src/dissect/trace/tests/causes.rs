//! What had become of the octets when they were sent again.

use super::*;
use crate::model::{Call, Claim, Returned, Side};

#[test]
fn spurious_ones_say_why_nothing_had_come_back() {
    // Delayed: it arrives after it was sent again.
    let mut play = Play::opened();
    let late = play.frame(ToServer, 20_000, (ACK, 1, 1, 100, &[]), Some(400_000), &[]);
    play.data(264, 1, 100);
    let arrives = Time::from_millis(420);
    assert_eq!(play.causes(), [LossCause::UnderWay { frame: name(late), arrives }]);
    assert_eq!(play.causes()[0].is_spurious(), Some(true));

    // The acknowledgment was dropped.
    let mut play = Play::opened();
    let whole = play.data(20, 1, 100);
    let ack = play.frame(ToClient, 30_000, (ACK, 1, 101, 0, &[]), None, &[]);
    play.data(264, 1, 100);
    let by = Rule::Script("tcp.data".into());
    assert_eq!(play.causes(), [LossCause::AckDropped { frame: name(whole), ack: name(ack), by }]);

    // The acknowledgment had a flipped bit; so had the next, and the first is told of.
    let mut play = Play::opened();
    let whole = play.data(20, 1, 100);
    let by = Rule::Random(0.3);
    let damaged = |play: &mut Play| {
        let ack = play.ack(30, 101, &[]);
        let row = play.trace.frames.last_mut().unwrap().row.as_mut().unwrap();
        row.fate = Fate::Delivered(Delivery { corrupted: Some((7, by.clone())), ..Delivery::plain(row.at) });
        ack
    };
    let ack = damaged(&mut play);
    damaged(&mut play);
    play.data(264, 1, 100);
    let by = by.clone();
    assert_eq!(play.causes(), [LossCause::AckCorrupted { frame: name(whole), ack: name(ack), by }]);
    assert_eq!(play.causes()[0].is_spurious(), Some(true));

    // It was on its way.
    let mut play = Play::opened();
    let whole = play.data(20, 1, 100);
    let ack = play.frame(ToClient, 30_000, (ACK, 1, 101, 0, &[]), Some(500_000), &[]);
    play.data(264, 1, 100);
    let arrives = Time::from_millis(530);
    assert_eq!(play.causes(), [LossCause::AckUnderWay { frame: name(whole), ack: name(ack), arrives }]);

    // There was none.
    let mut play = Play::opened();
    let whole = play.data(20, 1, 100);
    play.data(264, 1, 100);
    assert_eq!(play.causes(), [LossCause::NotAcknowledged { frame: name(whole) }]);
}

#[test]
fn what_had_come_once_is_not_lost_with_a_later_copy() {
    // It came, its acknowledgment did not; the copy was dropped, and sent again for the same reason as before.
    let mut play = Play::opened();
    let whole = play.data(20, 1, 100);
    let ack = play.frame(ToClient, 30_000, (ACK, 1, 101, 0, &[]), None, &[]);
    play.lost(264, 1, 100);
    play.data(764, 1, 100);
    let by = Rule::Script("tcp.data".into());
    let cause = LossCause::AckDropped { frame: name(whole), ack: name(ack), by };
    assert_eq!(play.causes(), [cause.clone(), cause]);
}

#[test]
fn two_segments_sent_again_as_one_are_needed_if_either_is() {
    let mut play = Play::opened();
    play.data(20, 1, 100);
    let lost = play.lost(21, 101, 100);
    play.frame(ToClient, 30_000, (ACK, 1, 101, 0, &[]), None, &[]);
    play.data(264, 1, 200);
    let by = Rule::Script("tcp.data".into());
    assert_eq!(play.causes(), [LossCause::Dropped { frame: name(lost), by }]);
}

#[test]
fn a_flipped_bit_is_a_loss() {
    let mut play = Play::opened();
    let bad = play.data(20, 1, 100);
    let by = Rule::Random(0.05);
    let row = play.trace.frames.last_mut().unwrap().row.as_mut().unwrap();
    row.fate = Fate::Delivered(Delivery { corrupted: Some((7, by.clone())), ..Delivery::plain(row.at) });
    play.data(264, 1, 100);
    assert_eq!(play.causes(), [LossCause::Corrupted { frame: name(bad), by }]);
}

/// What is said of the RST that a server sends at 60 ms; 100 octets came to it before.
fn reset(read: Option<usize>, close: bool) -> Claim {
    let mut play = Play::opened();
    let call = |play: &mut Play, ms, fd, call, returned| {
        let what =
            What::Returned { fd: Some(fd), call, result: Ok(returned), took: Duration::ZERO, tcp_info: None };
        play.tell_at(Time::from_millis(ms), Place::Host(Side::Server), what);
    };
    let accepted = Returned::Accepted { fd: 5, peer: "10.0.0.1:40000".parse().unwrap() };
    call(&mut play, 21, 4, Call::Accept, accepted);
    play.data(30, 1, 100);
    play.ack(40, 101, &[]);
    if let Some(read) = read {
        call(&mut play, 50, 5, Call::Recv { size: 4096 }, Returned::Octets(read));
    }
    if close {
        call(&mut play, 60, 5, Call::Close, Returned::Done);
    }
    let id =
        play.frame(ToClient, 60_000, (TcpFlags::RST | ACK, 1, 101, 0, &[]), Some(AWAY), &[TcpNote::Reset]);
    let chain = play.trace.explain().chain(Asked::Id(FrameId(id))).unwrap();
    chain.links[0].claim.clone()
}

#[test]
fn a_reset_for_what_a_program_left_unread_says_so_where_the_calls_show_it() {
    let side = Side::Server;
    assert_eq!(reset(None, true), Claim::ClosedUnread { side, read: 0, unread: 100 });
    assert_eq!(reset(Some(60), true), Claim::ClosedUnread { side, read: 60, unread: 40 });
    assert_eq!(reset(Some(100), true), Claim::ResetUnexplained);
    assert_eq!(reset(None, false), Claim::ResetUnexplained);
}
