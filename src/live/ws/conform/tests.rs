//! The runner over real sockets: a server that nobody here wrote, ours, and wrong ones.

use super::{ConformError, Plan};
use crate::model::conformance::{Came, Finding, Need, Verdict};
use crate::stack::l7_application::ws::conform::{Case, Target, cases};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// A server for every connection that comes, each on a thread; they end with the test's process.
fn serve(each: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> Plan {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            thread::spawn(move || each(stream));
        }
    });
    Plan {
        url: format!("ws://{at}/").parse().unwrap(),
        #[cfg(feature = "tls")]
        tls: None,
        fields: Vec::new(),
        timeout: Duration::from_secs(20),
        parallel: 4,
        seed: 1,
        max: 256 << 10,
    }
}

fn tungstenite_echo(stream: TcpStream) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
            return;
        }
    }
    // A fault's Close still waits to be sent.
    let _ = socket.flush();
}

fn run(plan: &Plan, cases: &[Case], target: &Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    plan.run(cases, target, &AtomicBool::new(false), &mut |finding| {
        findings.push(finding);
        Ok(())
    })
    .unwrap();
    findings
}

#[test]
fn a_server_that_nobody_here_wrote_is_surveyed_and_tried_in_order() {
    let plan = serve(tungstenite_echo);
    let target = plan.survey(&AtomicBool::new(false)).unwrap();
    assert_eq!((target.text, target.binary, target.deflate), (true, true, None));
    // Its own ways: a bad handshake ends without an HTTP response, and so does one that comes octet by octet.
    let groups = [
        "framing/",
        "opcode/",
        "reserved/",
        "ping/",
        "pong/",
        "control/",
        "fragments/",
        "utf8/",
        "close/",
        "sizes/",
        "deflate/offer",
    ];
    let cases: Vec<Case> = cases(plan.max as usize)
        .into_iter()
        .filter(|case| groups.iter().any(|group| case.id.starts_with(group)))
        .collect();
    let findings = run(&plan, &cases, &target);
    let order: Vec<&str> = findings.iter().map(|finding| finding.case.as_str()).collect();
    assert_eq!(order, cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>());
    for finding in &findings {
        let deflate = finding.came == Came::Lacks(Need::Deflate);
        assert_eq!(deflate, finding.verdict == Verdict::NotApplicable, "{}", finding.case);
        assert!(!finding.verdict.is_bad(), "{} {:?} {:?}", finding.case, finding.verdict, finding.came);
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    // It ends TCP without a Close on most faults.
    assert!(count(Verdict::Ok) > 150 && count(Verdict::NonStrict) > 50, "{} ok", count(Verdict::Ok));
}

#[test]
fn a_server_that_never_ends_tcp_is_found_by_waiting_and_not_for_ever() {
    let plan = serve(|stream| {
        let keeps = stream.try_clone();
        tungstenite_echo(stream);
        // The other end of the socket stays open.
        let _keeps = keeps;
        thread::sleep(Duration::from_secs(60));
    });
    let plan = Plan { timeout: Duration::from_secs(3), ..plan };
    let target = Target { deflate: None, ..plan.target() };
    let cases: Vec<Case> = cases(1).into_iter().filter(|case| case.id == "close/server-ends-tcp").collect();
    let findings = run(&plan, &cases, &target);
    assert_eq!(findings[0].verdict, Verdict::Unclean);
    assert_eq!(findings[0].came, Came::NotEnded { after: plan.timeout });
}

#[test]
fn what_is_no_websocket_server_is_said_in_one_sentence() {
    let answer = |text: &'static str| {
        serve(move |mut stream| {
            let mut room = [0; 1024];
            let _ = stream.read(&mut room);
            let _ = stream.write_all(text.as_bytes());
        })
    };
    let survey = |plan: &Plan| plan.survey(&AtomicBool::new(false)).unwrap_err();
    let not_found = survey(&answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    assert!(matches!(not_found, ConformError::Refused { status: 404, .. }), "{not_found}");
    for words in ["", "SSH-2.0-x\r\n", "\u{1}\u{2}"] {
        let error = survey(&answer(words));
        assert!(matches!(error, ConformError::NotHttp { .. }), "{words:?}: {error:?}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plan = Plan { url: format!("ws://{nobody}/").parse().unwrap(), ..answer("") };
    assert!(survey(&plan).to_string().contains("refused the connection"));
}

#[test]
fn a_server_that_sends_without_end_is_given_up() {
    let plan = serve(|mut stream| {
        let mut room = [0; 4096];
        let n = stream.read(&mut room).unwrap_or(0);
        let request = String::from_utf8_lossy(&room[..n]).into_owned();
        let key =
            request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
        let accept = crate::stack::l7_application::ws::handshake::AcceptSteps::of(key).accept;
        let head = format!(
            "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(b"\x8a\x00\x8a\x00").is_ok() {}
    });
    let plan = Plan { timeout: Duration::from_millis(100), ..plan };
    let cases: Vec<Case> = cases(1).into_iter().filter(|case| case.id == "framing/text-1").collect();
    let findings = run(&plan, &cases, &plan.target());
    assert!(findings[0].verdict.is_bad(), "{:?}", findings[0]);
    assert!(findings[0].passed.len() < 40);
}

#[test]
fn masks_follow_from_the_seed_and_the_case_alone() {
    let plan = serve(|_| {});
    let all = cases(1);
    let keys: BTreeSet<[u8; 4]> = all.iter().map(|case| plan.masks(case).key()).collect();
    assert_eq!(keys.len(), all.len());
    assert_eq!(plan.masks(&all[3]).key(), plan.clone().masks(&all[3]).key());
}
