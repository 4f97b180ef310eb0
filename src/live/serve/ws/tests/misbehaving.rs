//! Peers that break rules, stall, or send without end.

use super::*;

/// The code of the one Close that a server's octets end with.
fn code_of(octets: &[u8]) -> u16 {
    let at =
        octets.iter().position(|&octet| octet == 0x88).unwrap_or_else(|| panic!("no Close: {octets:x?}"));
    let body = &octets[at + 2..];
    assert_eq!(usize::from(octets[at + 1]), body.len(), "something follows the Close: {octets:x?}");
    u16::from_be_bytes([body[0], body[1]])
}

#[test]
fn a_broken_rule_is_answered_with_its_code_and_the_end() {
    let server = start(WsServe { limits: Limits { frame: 5000, message: 5000, fragments: 10 }, ..options() });
    let mut unmasked = vec![0x81, 5];
    unmasked.extend(b"Hello");
    let fragments: Vec<u8> =
        [frame(0x01, b"")].into_iter().chain((0..11).map(|_| frame(0, b""))).flatten().collect();
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("bad UTF-8", frame(0x81, b"ok\xff"), 1007),
        (
            "bad UTF-8 in a fragment, found before the end",
            frame(0x01, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xf5"),
            1007,
        ),
        ("unmasked", unmasked, 1002),
        ("a reserved opcode", frame(0x83, b""), 1002),
        ("a reserved bit", frame(0xc1, b""), 1002),
        ("a continuation of nothing", frame(0x80, b""), 1002),
        (
            "a header that announces 2^62 octets",
            vec![0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            1009,
        ),
        (
            "a message of two frames over the limit",
            [frame(0x02, &[0; 4000]), frame(0x80, &[0; 4000])].concat(),
            1009,
        ),
        ("too many fragments", fragments, 1008),
    ];
    let count = cases.len() as u64;
    for (what, octets, code) in cases {
        let mut stream = server.raw();
        stream.write_all(&octets).unwrap();
        assert_eq!(code_of(&rest_of(&mut stream)), code, "{what}");
    }
    let summary = server.stop();
    assert_eq!((summary.opened, summary.faults), (count, count));
}

#[test]
fn sixty_five_thousand_fragments_are_one_message() {
    let server = start(options());
    let mut stream = server.raw();
    let mut octets = frame(0x02, b"0");
    for _ in 1..65_535 {
        octets.extend(frame(0x00, b"n"));
    }
    octets.extend(frame(0x80, b"9"));
    let mut writer = stream.try_clone().unwrap();
    let thread = thread::spawn(move || writer.write_all(&octets).unwrap());
    let mut back = vec![0; 10 + 65_536];
    stream.read_exact(&mut back).unwrap();
    thread.join().unwrap();
    assert_eq!(back[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!((back[10], back[11], back[65_545]), (b'0', b'n', b'9'));
    assert_eq!(server.stop().messages, 1);
}

#[test]
fn who_does_not_finish_the_handshake_is_closed() {
    let within = Duration::from_millis(300);
    let server = start(WsServe { handshake_within: within, ..options() });
    let (mut silent, mut half) = (server.tcp(), server.tcp());
    half.write_all(&HANDSHAKE[..HANDSHAKE.len() - 2]).unwrap();
    let began = Instant::now();
    assert_eq!(rest_of(&mut silent), b"");
    let told = String::from_utf8(rest_of(&mut half)).unwrap();
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(server.stop().silent, 2);
}

#[test]
fn a_handshake_that_never_ends_is_cut_off() {
    let server = start(options());
    let mut stream = server.tcp();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    // The server may be gone before all is written.
    let _ = stream.write_all(&b"X: yyyyyyyyyyyyyyyy\r\n".repeat(1000));
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told);
    assert!(told.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&told));
    assert_eq!(server.stop().refused, 1);
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from() {
    let server = start(WsServe { recv_size: 64 << 10, ..options() });
    let mut stream = server.raw();
    stream.set_nonblocking(true).unwrap();
    let (message, mut sent, mut at) = (frame(0x82, &pattern(30_000)), 0_u64, 0);
    // Until the kernels' buffers in both directions are full and nothing moves for a while.
    let mut stuck = Instant::now();
    while stuck.elapsed() < Duration::from_millis(500) {
        match stream.write(&message[at..]) {
            Ok(n) => {
                sent += n as u64;
                at = (at + n) % message.len();
                stuck = Instant::now();
            }
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
        assert!(sent < 200 << 20, "the server takes without end");
    }
    // Others are served meanwhile.
    let mut other = server.connect("/");
    other.send(Message::text("still here?")).unwrap();
    assert_eq!(other.read().unwrap(), Message::text("still here?"));
    // The rest of the message at hand, then every answer.
    stream.set_nonblocking(false).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let rest = message[at..].to_vec();
    let thread = thread::spawn(move || writer.write_all(&rest).unwrap());
    let whole = (sent + (message.len() - at) as u64) / message.len() as u64;
    let mut answer = vec![0; 4 + 30_000];
    for n in 0..whole {
        stream.read_exact(&mut answer).unwrap();
        assert!(answer[..4] == [0x82, 126, 0x75, 0x30] && answer[4..] == pattern(30_000), "answer {n}");
    }
    thread.join().unwrap();
    let summary = server.stop();
    assert!(summary.stalls >= 1);
    assert!(summary.peak_held <= 2 * (64 << 10) + 30_000, "{summary:?}");
    assert_eq!(summary.messages, whole + 1);
}

#[test]
fn a_flood_leaves_the_others_their_turn() {
    let server = start(options());
    let flood: Vec<_> = (0..3)
        .map(|_| {
            let stream = server.raw();
            let (mut writer, mut reader) = (stream.try_clone().unwrap(), stream);
            thread::spawn(move || {
                let many = frame(0x81, b"flood").repeat(5000);
                let drain = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                let began = Instant::now();
                while began.elapsed() < Duration::from_secs(1) {
                    writer.write_all(&many).unwrap();
                }
                writer.shutdown(std::net::Shutdown::Both).unwrap();
                let _ = drain.join();
            })
        })
        .collect();
    let mut client = server.connect("/");
    for n in 0..20 {
        client.send(Message::text(n.to_string())).unwrap();
        assert_eq!(client.read().unwrap(), Message::text(n.to_string()));
    }
    flood.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(server.stop().messages > 20_000);
}

#[test]
fn messages_that_are_not_whole_are_bounded_all_together() {
    let limits = Limits { frame: 1 << 20, message: 1 << 20, fragments: 100 };
    let server = start(WsServe { limits, budget: 0, ..options() });
    // The budget is at least four messages of the largest size: eight that stay unfinished are too many.
    let mut streams: Vec<_> = (0..8).map(|_| server.raw()).collect();
    let unfinished = &frame(0x82, &pattern(1 << 20))[..900_000];
    for stream in &mut streams {
        stream.write_all(unfinished).unwrap();
    }
    let refused = streams.iter_mut().filter_map(|stream| {
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).is_ok().then(|| code_of(&octets))
    });
    let refused: Vec<u16> = refused.collect();
    assert!((1..8).contains(&refused.len()) && refused.iter().all(|&code| code == 1013), "{refused:?}");
    let count = refused.len() as u64;
    assert_eq!(server.stop().overloaded, count);
}

#[test]
fn silence_is_asked_and_then_given_up() {
    let every = Duration::from_millis(200);
    let server = start(WsServe { ping_every: Some(every), ..options() });
    let (mut alive, mut dead) = (server.connect("/"), server.raw());
    let thread = thread::spawn(move || {
        // tungstenite answers Pings while it reads.
        let pings = (0..5).filter(|_| alive.read().unwrap().is_ping()).count();
        alive.send(Message::text("here")).unwrap();
        (pings, alive.read().unwrap())
    });
    assert_eq!(rest_of(&mut dead), [0x89, 0]);
    let (pings, back) = thread.join().unwrap();
    assert_eq!(pings, 5);
    assert_eq!(back, Message::text("here"));
    assert_eq!(server.stop().silent, 1);
}

#[test]
fn idle_connections_are_closed_with_1001() {
    let server = start(WsServe { idle: Some(Duration::from_millis(200)), ..options() });
    let mut client = server.connect("/");
    assert_eq!(closed(&mut client), (1001, "silent for too long".into()));
    let summary = server.stop();
    assert_eq!((summary.silent, summary.abnormal), (1, 0));
}

#[test]
fn a_close_that_nobody_answers_is_waited_for_in_vain_but_not_for_ever() {
    let idle = Some(Duration::from_millis(200));
    let server = start(WsServe { idle, close_within: Duration::from_millis(200), ..options() });
    let mut deaf = server.raw();
    let began = Instant::now();
    assert_eq!(code_of(&rest_of(&mut deaf)), 1001);
    assert!(began.elapsed() < Duration::from_secs(10));
    let summary = server.stop();
    assert_eq!((summary.silent, summary.abnormal), (2, 1));
}
