//! What is said to all: broadcast and chat.

use super::*;
use std::sync::mpsc;

fn text(client: &mut Client) -> String {
    client.read().unwrap().into_text().unwrap().to_string()
}

#[test]
fn a_broadcast_reaches_all_others_once_and_in_one_order() {
    let server = start(WsServe { mode: Mode::Broadcast, ..options() });
    let mut clients: Vec<_> = (0..20).map(|_| server.connect("/")).collect();
    // A round trip each: all are members before anything is said.
    for client in &mut clients {
        client.send(Message::Ping("in".into())).unwrap();
        assert!(client.read().unwrap().is_pong());
    }
    for n in 0..50 {
        clients[n % 2].send(Message::text(n.to_string())).unwrap();
    }
    clients[1].send(Message::binary(pattern(200_000))).unwrap();
    let read = |client: &mut Client, count| (0..count).map(|_| client.read().unwrap()).collect::<Vec<_>>();
    let third = read(&mut clients[2], 51);
    for client in &mut clients[3..] {
        assert!(read(client, 51) == third);
    }
    // Each of the two speakers gets what the other said, in the order in which it said it.
    let numbers =
        |from: usize| (from..50).step_by(2).map(|n| Message::text(n.to_string())).collect::<Vec<_>>();
    assert!(read(&mut clients[1], 25) == numbers(0));
    let first = read(&mut clients[0], 26);
    assert!(first[..25] == numbers(1) && first[25] == Message::binary(pattern(200_000)));
    server.stop();
}

#[test]
fn who_reads_too_slowly_is_let_go_and_the_others_miss_nothing() {
    let lag = 1 << 20;
    let server = start(WsServe { mode: Mode::Broadcast, lag, ..options() });
    let (mut speaker, mut listener, slow) = (server.connect("/"), server.connect("/"), server.connect("/"));
    listener.send(Message::Ping("in".into())).unwrap();
    assert!(listener.read().unwrap().is_pong());
    let (tell, heard) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut got = 0;
        while got < 400 {
            let Message::Binary(octets) = listener.read().unwrap() else { panic!() };
            assert!(octets[..4] == u32::to_be_bytes(got) && octets.len() == 100_000);
            got += 1;
            let _ = tell.send(());
        }
        listener
    });
    for n in 0..400_u32 {
        let mut octets = pattern(100_000);
        octets[..4].copy_from_slice(&n.to_be_bytes());
        speaker.send(Message::binary(octets)).unwrap();
        // The speaker stays five ahead of the listener at most: half of what may lag.
        if n >= 5 {
            heard.recv().unwrap();
        }
    }
    let listener = thread.join().unwrap();
    // The slow one: whole frames in order, then why it goes.
    let mut slow = slow;
    let mut got = 0;
    let said = loop {
        match slow.read().unwrap() {
            Message::Binary(octets) => {
                assert!(octets[..4] == u32::to_be_bytes(got));
                got += 1;
            }
            Message::Close(close) => break close.unwrap(),
            other => panic!("{other}"),
        }
    };
    assert_eq!((u16::from(said.code), said.reason.as_str()), (1008, "reads too slowly"));
    assert!((1..400).contains(&got), "{got}");
    drop((speaker, listener));
    let summary = server.stop();
    assert_eq!(summary.behind, 1);
    assert!(summary.peak_held < 200_000, "{summary:?}");
}

#[test]
fn a_chat_tells_who_comes_speaks_and_goes() {
    let server = start(WsServe { mode: Mode::Chat, ..options() });
    let mut anna = server.connect("/");
    assert_eq!(text(&mut anna), "* join guest1");
    anna.send(Message::text("/nick anna")).unwrap();
    assert_eq!(text(&mut anna), "* nick guest1 anna");
    let mut bob = server.connect("/");
    assert_eq!((text(&mut bob), text(&mut anna)), ("* join guest2".into(), "* join guest2".into()));
    bob.send(Message::text("/nick anna")).unwrap();
    assert_eq!(text(&mut bob), "* refused anna");
    bob.send(Message::text("hello, anna")).unwrap();
    let expected = String::from("guest2: hello, anna");
    assert_eq!((text(&mut anna), text(&mut bob)), (expected.clone(), expected));
    bob.send(Message::binary(b"\0".as_slice())).unwrap();
    assert_eq!(closed(&mut bob), (1003, "a chat takes text".into()));
    assert_eq!(text(&mut anna), "* leave guest2");
    server.stop();
}

#[test]
fn who_was_told_close_has_no_say_any_more() {
    let server = start(WsServe { mode: Mode::Chat, ..options() });
    let mut anna = server.connect("/");
    assert_eq!(text(&mut anna), "* join guest1");
    let mut bob = server.connect("/");
    assert_eq!(text(&mut anna), "* join guest2");
    // In the same read as the message that is refused, and after it.
    bob.write(Message::binary(b"\0".as_slice())).unwrap();
    bob.write(Message::text("in the same read")).unwrap();
    bob.flush().unwrap();
    thread::sleep(Duration::from_millis(100));
    bob.send(Message::text("later")).unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(text(&mut bob), "* join guest2");
    assert_eq!(closed(&mut bob), (1003, "a chat takes text".into()));
    assert_eq!(text(&mut anna), "* leave guest2");
    server.stop();
}
