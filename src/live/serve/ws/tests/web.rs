//! The handshake's refusals, the page, and the frames that it shows.

use super::*;
use serde_json::Value;

/// One request on a connection of its own: the head, and the body.
fn ask(server: &Running, request: &str) -> (String, String) {
    let mut stream = server.tcp();
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).unwrap();
    let whole = String::from_utf8(rest_of(&mut stream)).unwrap();
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn the_page_is_whole_and_may_load_nothing_from_elsewhere() {
    let server = start(WsServe { path: Some("/chat".into()), ..options() });
    for (path, kind) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let (head, body) = ask(&server, &format!("GET {path} HTTP/1.1\nHost: h\n\n"));
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&format!("Content-Type: {kind}")),
            "{head}"
        );
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("Content-Security-Policy: default-src 'none'; script-src 'self';"), "{head}");
        let elsewhere = ["http://", "https://", "//cdn"].into_iter().find(|at| body.contains(at));
        assert_eq!(elsewhere, None, "{path}");
        // What the policy forbids is not there to be forbidden.
        assert!(!body.contains("style=") && !body.contains("onclick=\""), "{path}");
        let (again, nothing) = ask(&server, &format!("HEAD {path} HTTP/1.1\nHost: h\n\n"));
        assert_eq!((again, nothing.as_str()), (head, ""));
    }
    assert_eq!(server.stop().pages, 6);
}

#[test]
fn a_refusal_says_what_would_be_better() {
    let origins = Some(vec!["http://good.example".to_owned()]);
    let server = start(WsServe { path: Some("/chat".into()), origins, ..options() });
    let upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";
    let cases = [
        (format!("GET /elsewhere HTTP/1.1\nHost: h\n{upgrade}\n"), "404 Not Found", None),
        ("GET /elsewhere HTTP/1.1\nHost: h\n\n".into(), "404 Not Found", None),
        ("GET /chat HTTP/1.1\nHost: h\n\n".into(), "426 Upgrade Required", Some("Upgrade: websocket")),
        (format!("POST /chat HTTP/1.1\nHost: h\n{upgrade}\n"), "405 Method Not Allowed", Some("Allow: GET")),
        ("POST / HTTP/1.1\nHost: h\n\n".into(), "405 Method Not Allowed", Some("Allow: GET")),
        (
            format!("GET /chat HTTP/1.1\nHost: h\nOrigin: http://evil.example\n{upgrade}\n"),
            "403 Forbidden",
            None,
        ),
        (
            format!("GET /chat HTTP/1.1\nHost: h\n{}\n", upgrade.replace("13", "8")),
            "426 Upgrade Required",
            Some("Sec-WebSocket-Version: 13"),
        ),
        (format!("GET /chat HTTP/1.1\n{upgrade}\n"), "400 Bad Request", None),
        ("\u{1}nonsense\n\n".into(), "400 Bad Request", None),
    ];
    let count = cases.len() as u64;
    for (request, status, field) in cases {
        let (head, body) = ask(&server, &request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {head}");
        assert!(field.is_none_or(|field| head.contains(field)), "{request}: {head}");
        assert!(head.contains("Connection: ") && head.contains("close") && body.is_empty(), "{head}");
    }
    let good = server.request("/chat?x=1").with_header("Origin", "http://GOOD.example");
    assert!(server.try_connect(good).is_ok());
    assert!(server.try_connect(server.request("/chat")).is_ok(), "a client that is no browser has no origin");
    let summary = server.stop();
    assert_eq!((summary.refused, summary.opened), (count, 2));
}

#[test]
fn a_subprotocol_is_agreed_on() {
    let server = start(WsServe { subprotocols: vec!["chat.v2".into(), "chat.v1".into()], ..options() });
    let request = server.request("/").with_sub_protocol("chat.v9").with_sub_protocol("chat.v1");
    let (_, response) = tungstenite::client(request, server.tcp()).unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "chat.v1");
    server.stop();
}

#[test]
fn a_page_is_shown_the_frames_of_its_own_connection() {
    let server = start(options());
    let frames =
        || server.try_connect(server.request("/frames").with_sub_protocol("layerlab.frames")).unwrap();
    let (mut watching, mut idle) = (frames(), frames());
    let told = |client: &mut Client| -> Value {
        serde_json::from_str(client.read().unwrap().to_text().unwrap()).unwrap()
    };
    let (greeting, other) = (told(&mut watching), told(&mut idle));
    assert_eq!((&greeting["path"], &greeting["mode"]), (&"/".into(), &"echo".into()));
    assert_ne!(greeting["id"], other["id"]);
    let mut client = server.connect(&format!("/?frames={}", greeting["id"].as_str().unwrap()));
    let shook = told(&mut watching);
    assert!(shook["request"].as_str().unwrap().starts_with("GET /?frames="), "{shook}");
    assert!(shook["response"].as_str().unwrap().starts_with("HTTP/1.1 101 "), "{shook}");
    client.send(Message::text("Hello")).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("Hello"));
    let (asked, answered) = (told(&mut watching), told(&mut watching));
    assert_eq!(
        (&asked["n"], &asked["from"], &asked["opcode"]),
        (&1.into(), &"client".into(), &"Text".into())
    );
    assert_eq!(asked["payload"], "48656c6c6f");
    // The key that tungstenite drew masks what is shown as masked.
    let octets = |value: &Value| -> Vec<u8> {
        let text = value.as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let key = octets(&asked["websocket.masking_key"]);
    let clear: Vec<u8> =
        octets(&asked["masked"]).iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key).collect();
    assert_eq!(clear, b"Hello");
    assert_eq!(octets(&asked["header"]), [&[0x81, 0x85], &key[..]].concat());
    assert_eq!((&answered["from"], &answered["header"]), (&"server".into(), &"8105".into()));
    assert_eq!(answered["websocket.masking_key"], Value::Null);
    // A large one is shown by its beginning.
    client.send(Message::binary(pattern(300_000))).unwrap();
    client.read().unwrap();
    let asked = told(&mut watching);
    assert_eq!(
        (&asked["websocket.payload_length"], octets(&asked["payload"])),
        (&300_000.into(), pattern(64))
    );
    // Who watches too slowly misses some, and is told how many.
    for _ in 0..20 {
        client.write(Message::text("x".repeat(100))).unwrap();
    }
    client.flush().unwrap();
    client.close(None).unwrap();
    let last = loop {
        let frame = told(&mut watching);
        if frame["opcode"] == "Connection Close" && frame["from"] == "server" {
            break frame;
        }
    };
    assert_eq!(last["n"], 2 + 2 + 40 + 2);
    // The other page saw nothing of it.
    idle.get_mut().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(idle.read().is_err());
    server.stop();
}

#[test]
fn a_watcher_that_sleeps_costs_no_more_than_its_mailbox() {
    let server = start(options());
    let mut watching =
        server.try_connect(server.request("/frames").with_sub_protocol("layerlab.frames")).unwrap();
    let greeting: Value = serde_json::from_str(watching.read().unwrap().to_text().unwrap()).unwrap();
    let mut client = server.connect(&format!("/?frames={}", greeting["id"].as_str().unwrap()));
    for _ in 0..200 {
        for _ in 0..200 {
            client.write(Message::text("y".repeat(60))).unwrap();
        }
        client.flush().unwrap();
        for _ in 0..200 {
            client.read().unwrap();
        }
    }
    // 80,000 frames were told, 300 octets each: far more than the kernel and the mailbox hold.
    client.close(None).unwrap();
    let (mut shown, mut missed) = (0_u64, 0);
    watching.get_mut().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    while let Ok(message) = watching.read() {
        let told: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        shown += u64::from(!told["n"].is_null());
        missed += told["missed"].as_u64().unwrap_or(0);
    }
    let summary = server.stop();
    assert!(summary.unshown > 0 && missed <= summary.unshown, "{summary:?}");
    assert_eq!(shown + summary.unshown, 80_002);
}

#[test]
fn one_page_too_many_is_told_so() {
    let server = start(options());
    let frames =
        || server.try_connect(server.request("/frames").with_sub_protocol("layerlab.frames")).unwrap();
    let mut watching: Vec<_> = (0..16).map(|_| frames()).collect();
    assert!(watching.iter_mut().all(|page| page.read().unwrap().to_text().unwrap().contains("\"id\"")));
    assert_eq!(closed(&mut frames()), (1013, "as many pages watch as may".into()));
    // Who goes makes room.
    let mut gone = watching.pop().unwrap();
    gone.close(None).unwrap();
    while gone.read().is_ok() {}
    assert!(frames().read().unwrap().to_text().unwrap().contains("\"id\""));
    server.stop();
}

#[test]
fn the_servers_own_page_is_always_let_in_and_it_alone_is_shown_frames() {
    for origins in [None, Some(vec!["http://good.example".to_owned()])] {
        let others = origins.is_none();
        let server = start(WsServe { origins, ..options() });
        let port = server.at.port();
        let talks =
            |origin: &str| server.try_connect(server.request("/").with_header("Origin", origin)).map(drop);
        let watches = |origin: &str| {
            let request = server.request("/frames").with_sub_protocol("layerlab.frames");
            server.try_connect(request.with_header("Origin", origin)).map(drop)
        };
        for own in [format!("http://127.0.0.1:{port}"), format!("http://LOCALHOST:{port}")] {
            assert_eq!((talks(&own), watches(&own)), (Ok(()), Ok(())), "{own}");
        }
        assert_eq!(talks("http://good.example"), Ok(()));
        // A page of another server on this machine, and a name that somebody points here.
        for other in ["http://127.0.0.1:1".to_owned(), format!("http://evil.example:{port}"), "null".into()] {
            assert_eq!(talks(&other), if others { Ok(()) } else { Err(403) }, "{other}");
            assert_eq!(watches(&other), Err(403), "{other}");
        }
        server.stop();
    }
}
