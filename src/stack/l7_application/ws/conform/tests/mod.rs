//! The checker checked: a right server passes every case, and each wrong one is found by the cases about its
//! fault and by no other.

mod sloppy;

use super::{Ask, Case, Target, Trial, cases, groups};
use crate::model::conformance::{Came, Clause, Finding, Need, Verdict};
use crate::stack::l7_application::http1::{HeadDecoder, Limits as HeadLimits, RequestHead};
use crate::stack::l7_application::ws::handshake::{DeflateWish, ServerPolicy};
use crate::stack::l7_application::ws::{
    Endpoint, Limits, Listener, Masks, Message, Progress, Reply, Rule, Sender, Setup,
};
use sloppy::{Sloppy, Wrong};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Octets of the largest message in these tests.
const MAX: usize = 1 << 20;

/// Whoever answers.
trait Server {
    /// Takes octets; what it sends is appended. Whether it ended TCP.
    fn receive(&mut self, octets: &[u8], out: &mut Vec<u8>) -> bool;
    /// The client ended its half.
    fn finish(&mut self) -> bool;
}

impl Server for Sloppy {
    fn receive(&mut self, octets: &[u8], out: &mut Vec<u8>) -> bool {
        Sloppy::receive(self, octets);
        out.append(&mut self.out);
        self.ended
    }

    fn finish(&mut self) -> bool {
        Sloppy::finish(self);
        self.ended
    }
}

/// The server of the house.
struct Ours {
    head: Option<HeadDecoder<RequestHead>>,
    endpoint: Option<Endpoint>,
    echo: bool,
}

struct Echo(bool);

impl Listener for Echo {
    fn message(&mut self, message: Message<'_>, reply: &mut Reply<'_>) {
        if self.0 {
            let _ = reply.message(message.kind, message.payload());
        }
    }
}

impl Ours {
    fn new(echo: bool) -> Ours {
        let limits = HeadLimits { head: 128 << 10, ..HeadLimits::default() };
        Ours { head: Some(HeadDecoder::new(limits)), endpoint: None, echo }
    }
}

impl Server for Ours {
    fn receive(&mut self, octets: &[u8], out: &mut Vec<u8>) -> bool {
        let mut rest = octets.to_vec();
        if let Some(decoder) = &mut self.head {
            let Ok((taken, head)) = decoder.feed(octets) else { return true };
            let Some(head) = head else { return false };
            self.head = None;
            let policy = ServerPolicy { deflate: Some(DeflateWish::default()), ..ServerPolicy::default() };
            let answer = policy.answer(&head);
            answer.head.encode(out);
            let Ok(agreed) = answer.result else { return true };
            let limits = Limits { frame: 64 << 20, message: 64 << 20, fragments: 1 << 20 };
            let setup = Setup { limits, deflate: agreed.deflate, deflate_from: 0, ..Setup::default() };
            self.endpoint = Some(Endpoint::new(Sender::server(), &setup));
            rest.drain(..taken);
        }
        let Some(endpoint) = &mut self.endpoint else { return true };
        !matches!(endpoint.receive(&mut rest, out, &mut Echo(self.echo)), Ok(Progress::Open))
    }

    fn finish(&mut self) -> bool {
        true
    }
}

fn target() -> Target {
    Target {
        host: "example.org".into(),
        path: "/".into(),
        fields: Vec::new(),
        text: true,
        binary: true,
        deflate: Some(true),
        max: MAX as u64,
    }
}

/// One case, without sockets: silence is when neither has anything to say.
fn play(case: &Case, target: &Target, server: &mut dyn Server) -> Finding {
    let mut trial = Trial::new(case, target, Masks::seeded(1));
    let mut ended = false;
    for turn in 0.. {
        assert!(turn < 2_000_000, "{} does not end", case.id);
        let mut out = Vec::new();
        match trial.ask() {
            Ask::Done => break,
            Ask::Finish => ended |= server.finish(),
            Ask::Wait(_) => {
                trial.silence(Duration::from_secs(1));
                continue;
            }
            Ask::Write { octets, .. } if !ended => {
                let octets = octets.to_vec();
                ended |= server.receive(&octets, &mut out);
                trial.wrote(octets.len());
            }
            Ask::Write { .. } => trial.cannot_write(),
        }
        if !out.is_empty() {
            trial.receive(&mut out);
        }
        if ended {
            trial.end(false);
        }
    }
    trial.finding(Duration::ZERO)
}

/// What was not OK of the cases.
fn deviations(cases: &[Case], mut server: impl FnMut() -> Box<dyn Server>) -> BTreeMap<String, Finding> {
    let target = target();
    let findings = cases.iter().map(|case| play(case, &target, &mut *server()));
    findings.filter(|finding| finding.verdict != Verdict::Ok).map(|f| (f.case.clone(), f)).collect()
}

fn list(findings: &BTreeMap<String, Finding>) -> String {
    findings.values().map(|f| format!("{:?} {} {:?}\n", f.verdict, f.case, f.came)).collect()
}

/// Every case but those with a lot to send: the sloppy server looks at all its octets for each frame.
fn small() -> Vec<Case> {
    cases(MAX)
        .into_iter()
        .filter(|case| !case.id.starts_with("sizes/") && !case.id.contains("-mib-"))
        .collect()
}

#[test]
fn a_right_server_passes_every_case() {
    let found = deviations(&cases(MAX), || Box::new(Ours::new(true)));
    assert!(found.is_empty(), "{}", list(&found));
    let found = deviations(&small(), || Box::new(Sloppy::new(Wrong::Nothing)));
    assert!(found.is_empty(), "{}", list(&found));
}

/// Each fault, and the cases that find it; `*` is any text.
const FOUND_BY: &[(Wrong, &[&str])] = &[
    (Wrong::TakesUnmasked, &["framing/unmasked-*"]),
    (
        Wrong::TakesReservedBits,
        &["reserved/*", "deflate/reserved-*", "deflate/rsv1-*", "close/server-ends-tcp-after-a-bad-frame"],
    ),
    (Wrong::TakesReservedOpcodes, &["opcode/*"]),
    (Wrong::TakesLongControl, &["*-of-126", "*-of-65536"]),
    (Wrong::TakesControlWithoutFin, &["control/*-without-fin", "control/close-in-two-fragments"]),
    (Wrong::TakesLongForms, &["framing/length-*-bits"]),
    (Wrong::TakesTopBit, &["framing/length-*"]),
    (Wrong::TakesContinuationFirst, &["fragments/*continuation-*"]),
    (Wrong::TakesMessageInMessage, &["fragments/*-in-text*", "fragments/text-in-*"]),
    (Wrong::EchoesBadText, BAD_TEXT),
    (Wrong::SaysNoBadText, BAD_TEXT),
    (Wrong::NoPong, PONGS),
    (Wrong::PongToNewestAlone, &["ping/*-in-one-write", "ping/10-cut-every-5", "fragments/ten-pings-*"]),
    (Wrong::AnswersPongs, &["pong/*", "fragments/pong-*"]),
    (Wrong::ChangesAnOctet, &["framing/*-127", "framing/text-127-cut-every-3"]),
    (
        Wrong::LosesEmptyMessages,
        &["framing/*-0", "fragments/all-empty-*", "deflate/empty", "deflate/empty-uncompressed"],
    ),
    (
        Wrong::WaitsForTheMessageBeforePongs,
        &[
            "fragments/empty-ping-between*",
            "fragments/ping-answered-before-the-rest",
            "fragments/ten-pings-between*",
        ],
    ),
    (Wrong::NoCloseAnswer, CLOSES),
    (Wrong::OtherCloseAnswer, CLOSES),
    (Wrong::EchoesIllegalCodes, &["close/bad-code-*"]),
    (Wrong::TakesHalfACode, &["close/body-of-1-octet"]),
    (Wrong::TakesBadReasons, &["close/bad-reason-*"]),
    (
        Wrong::EchoesAfterClose,
        &["close/then-text", "close/then-begun-text", "close/then-bad-frame", "close/then-64-kib"],
    ),
    (Wrong::PongsAfterClose, &["close/then-ping"]),
    (Wrong::NeverEndsTcp, &["close/server-ends-tcp*", "close/then-*", "close/client-ends-tcp*"]),
    (Wrong::OtherAccept, &["handshake/accept*"]),
    (Wrong::NoUpgradeInAnswer, &["handshake/answer-switches"]),
    (Wrong::InventsSubprotocol, &["handshake/*subprotocol*"]),
    (Wrong::InventsExtension, &["handshake/*extension*", "deflate/declined-*"]),
    (Wrong::TakesPost, &["handshake/method-*"]),
    (Wrong::TakesOldHttp, &["handshake/http-1.0"]),
    (Wrong::TakesAnyVersion, &["handshake/*version*"]),
    (Wrong::NamesNoVersion, &["handshake/version-*"]),
    (Wrong::TakesAnyKey, &["handshake/key-*", "handshake/no-key", "handshake/two-keys"]),
    (Wrong::CaresForCase, &["handshake/names-*"]),
    (Wrong::TakesUnknownParameters, &["deflate/declined-unknown-*"]),
    (Wrong::TakesRsv1OnContinuations, &["deflate/rsv1-on-a-continuation*"]),
    (Wrong::ForgetsTheContext, &["deflate/refers-*"]),
    (Wrong::KeepsTheContext, &["deflate/server-forgets", "deflate/both-forget"]),
    (Wrong::FailsOnFinalBlocks, &["deflate/final-block", "deflate/after-a-final-block"]),
];

const BAD_TEXT: &[&str] =
    &["utf8/bad-*", "utf8/at-once-*", "deflate/bad-text*", "close/server-ends-tcp-after-bad-text"];
const PONGS: &[&str] = &[
    "ping/*",
    "pong/*",
    "fragments/ping-*",
    "fragments/empty-ping-*",
    "fragments/ten-pings-*",
    "utf8/ping-*",
    "deflate/ping-between",
    "deflate/refers-past-*",
    "handshake/ping-with-the-request",
];
const CLOSES: &[&str] = &[
    "close/code-*",
    "close/reason-*",
    "close/cut-*",
    "close/empty-body",
    "close/then-*",
    "close/after-*",
    "close/server-ends-tcp",
    "fragments/close-between",
];

fn fits(id: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => id == pattern,
        Some((start, rest)) => id.strip_prefix(start).is_some_and(|id| {
            id.char_indices().map(|(n, _)| n).chain([id.len()]).any(|n| fits(&id[n..], rest))
        }),
    }
}

#[test]
fn each_wrong_server_is_found_by_the_cases_about_its_fault_and_by_no_other() {
    let all = small();
    let mut report = String::new();
    for (wrong, patterns) in FOUND_BY {
        let found = deviations(&all, || Box::new(Sloppy::new(*wrong)));
        let meant: BTreeSet<&str> = all
            .iter()
            .map(|case| case.id.as_str())
            .filter(|id| patterns.iter().any(|pattern| fits(id, pattern)))
            .collect();
        let seen: BTreeSet<&str> = found.keys().map(String::as_str).collect();
        let missed: Vec<_> = meant.difference(&seen).collect();
        let others: Vec<_> =
            seen.difference(&meant).map(|id| &found[*id]).map(|f| (&f.case, f.verdict, &f.came)).collect();
        if !missed.is_empty() || !others.is_empty() || meant.is_empty() {
            report.push_str(&format!("{wrong:?}: not found by {missed:?}; found by {others:#?}\n"));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn without_an_echo_nothing_is_green_that_needs_one() {
    let silent = Target { text: false, binary: false, ..target() };
    let mut tried = 0;
    for case in cases(MAX) {
        if let Some(need) = case.lacks(&silent) {
            assert!(matches!(need, Need::TextEcho | Need::BinaryEcho), "{} {need:?}", case.id);
            continue;
        }
        tried += 1;
        let finding = play(&case, &silent, &mut Ours::new(false));
        assert_eq!(finding.verdict, Verdict::Ok, "{} {:?}", finding.case, finding.came);
    }
    assert!(tried > 150, "{tried}");
}

#[test]
fn the_table_is_whole() {
    let all = cases(MAX);
    assert!(all.len() >= 150, "{} cases", all.len());
    let names: BTreeSet<&str> = all.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(names.len(), all.len(), "a name is there twice");
    let groups = groups(&all);
    assert_eq!(
        groups.iter().collect::<BTreeSet<_>>().len(),
        groups.len(),
        "a group is in two places: {groups:?}"
    );
    let tried: BTreeSet<Clause> = all.iter().map(|case| case.clause).collect();
    let untried: Vec<_> = Clause::ALL.iter().filter(|clause| !tried.contains(clause)).collect();
    assert!(untried.is_empty(), "no case tries {untried:?}");
}

#[test]
fn a_server_that_says_nothing_fails_every_case_and_hangs_none() {
    struct Deaf;
    impl Server for Deaf {
        fn receive(&mut self, _: &[u8], _: &mut Vec<u8>) -> bool {
            false
        }
        fn finish(&mut self) -> bool {
            false
        }
    }
    for case in cases(MAX) {
        let finding = play(&case, &target(), &mut Deaf);
        assert_ne!(finding.verdict, Verdict::Ok, "{}", finding.case);
        assert!(matches!(finding.came, Came::Silence { .. }), "{} {:?}", finding.case, finding.came);
    }
}

#[test]
fn a_fault_is_said_as_what_it_is() {
    let found = |wrong: Wrong, id: &str| {
        let cases = cases(MAX);
        let case = cases.iter().find(|case| case.id == id).unwrap();
        let finding = play(case, &target(), &mut Sloppy::new(wrong));
        (finding.verdict, finding.came)
    };
    let closed = |code: u16| Came::Closed { code: Some(code), reason: String::new() };
    for (wrong, id, verdict, came) in [
        (Wrong::TakesUnmasked, "framing/unmasked-ping", Verdict::Failed, Came::WentOn),
        (Wrong::TakesUnmasked, "framing/unmasked-text", Verdict::Failed, Came::TookIt { len: 5 }),
        // That it answers with 1002 is a SHOULD (RFC 6455 s7.1.7), so another code is not strict.
        (Wrong::SaysOtherCode, "reserved/001-text", Verdict::NonStrict, closed(1008)),
        (Wrong::SaysNothingOnFaults, "reserved/001-text", Verdict::NonStrict, Came::Ended { reset: false }),
        // But a server may close without a word on a frame that is not masked (s5.1).
        (Wrong::SaysNothingOnFaults, "framing/unmasked-text", Verdict::Ok, Came::AsExpected),
        // The echo is a fault of its own.
        (
            Wrong::EchoesBadText,
            "utf8/bad-octet-ff",
            Verdict::Failed,
            Came::Broke { rule: Rule::Utf8 { offset: 0 }.to_string(), cite: Rule::Utf8 { offset: 0 }.cite() },
        ),
        (Wrong::SaysNoBadText, "utf8/bad-octet-ff", Verdict::Failed, Came::WentOn),
        (Wrong::OtherCloseAnswer, "close/code-1000", Verdict::NonStrict, closed(4321)),
        (Wrong::NoCloseAnswer, "close/code-1000", Verdict::Unclean, Came::Ended { reset: false }),
        (
            Wrong::NeverEndsTcp,
            "close/server-ends-tcp",
            Verdict::Unclean,
            Came::NotEnded { after: Duration::from_secs(1) },
        ),
        (
            Wrong::PongToNewestAlone,
            "ping/2-in-one-write",
            Verdict::NonStrict,
            Came::PongsLeftOut { got: 1, of: 2 },
        ),
        (
            Wrong::PongWithoutPayload,
            "ping/4-octets",
            Verdict::Failed,
            Came::OtherPong { payload: Vec::new() },
        ),
        (
            Wrong::Truncates,
            "framing/text-65536",
            Verdict::Failed,
            Came::OtherEcho { same_kind: true, len: 65_535, sent: 65_536, differs_at: None },
        ),
        (
            Wrong::TextForBinary,
            "framing/binary-1",
            Verdict::Failed,
            Came::OtherEcho { same_kind: false, len: 1, sent: 1, differs_at: None },
        ),
        (Wrong::TakesPost, "handshake/method-post", Verdict::Failed, Came::Status { status: 101 }),
        (Wrong::NamesNoVersion, "handshake/version-14", Verdict::Failed, Came::NoVersion { status: 426 }),
        (Wrong::LimitsMessages, "sizes/1-mib-text", Verdict::Ok, Came::AsExpected),
        (Wrong::EchoesTwice, "framing/key-of-zero", Verdict::Failed, Came::UnaskedMessage { len: 5 }),
    ] {
        assert_eq!(found(wrong, id), (verdict, came), "{wrong:?} {id}");
    }
}

#[test]
fn a_limit_is_the_servers_own_affair() {
    let case = cases(4 << 20).into_iter().find(|case| case.id == "sizes/4-mib-text").unwrap();
    let finding = play(&case, &target(), &mut Sloppy::new(Wrong::LimitsMessages));
    assert_eq!(finding.verdict, Verdict::Informational);
    assert_eq!(finding.came, Came::Closed { code: Some(1009), reason: String::new() });
}
