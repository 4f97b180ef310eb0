//! Scripts: what they count, what they name, how they print.

use super::*;
use proptest::prelude::*;

const DATA: Class = Class::TCP.with(Class::IPV4).with(Class::TCP_ACK).with(Class::TCP_DATA);
const SYN: Class = Class::TCP.with(Class::IPV4).with(Class::TCP_SYN);
const SYNACK: Class = SYN.with(Class::TCP_ACK);
const ACK: Class = Class::TCP.with(Class::IPV4).with(Class::TCP_ACK);

fn selector(text: &str) -> Selector {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn a_kind_counts_what_its_name_says() {
    use Direction::ToServer;
    let counts = |text: &str, class| selector(text).counts(ToServer, class);
    assert!(counts("tcp.syn#1", SYN));
    assert!(!counts("tcp.syn#1", SYNACK), "a SYN-ACK is no SYN here");
    assert!(counts("tcp.synack#1", SYNACK));
    assert!(counts("tcp.ack#1", ACK));
    for other in [Class::TCP_DATA, Class::TCP_FIN, Class::TCP_SYN, Class::TCP_RST] {
        assert!(!counts("tcp.ack#1", ACK.with(other)), "only a pure ACK counts: {other:?}");
    }
    assert!(counts("tcp.data#1", DATA) && counts("tcp#1", DATA) && counts("ip#1", DATA));
    assert!(counts("tcp.data#1", DATA.with(Class::TCP_FIN)), "a FIN may carry data");
    assert!(!counts("udp#1", DATA) && !counts("arp#1", DATA) && !counts("ipv6#1", DATA));
    assert!(counts("1", Class::NONE) && counts("frame#1", Class::NONE));
}

#[test]
fn data_is_what_carries_data_whatever_the_transport() {
    let data = selector("data#1");
    for class in [DATA, Class::UDP.with(Class::IPV4), Class::FRAGMENT.with(Class::IPV4)] {
        assert!(data.counts(Direction::ToServer, class), "{class:?}");
    }
    for class in [SYN, ACK, Class::ARP, Class::ICMP.with(Class::IPV4), Class::NONE] {
        assert!(!data.counts(Direction::ToServer, class), "{class:?}");
    }
}

#[test]
fn towards_the_server_unless_said() {
    let counted = |text: &str| Direction::BOTH.map(|d| selector(text).counts(d, Class::UDP));
    assert_eq!(counted("udp#1"), [true, false]);
    assert_eq!(counted("to-server:udp#1"), [true, false]);
    assert_eq!(counted("to-client:udp#1"), [false, true]);
    assert_eq!(counted("to-client:5"), [false, true]);
    assert_eq!(counted("any:udp#1"), [true, true]);
}

#[test]
fn lists_ranges_and_open_ends() {
    let named = |text: &str| (1..=9).filter(|n| selector(text).names(*n)).collect::<Vec<u64>>();
    assert_eq!(named("tcp#3"), [3]);
    assert_eq!(named("tcp#3-5"), [3, 4, 5]);
    assert_eq!(named("tcp#3,5"), [3, 5]);
    assert_eq!(named("tcp#7+"), [7, 8, 9]);
    assert_eq!(named("1,3-4,8+"), [1, 3, 4, 8, 9]);
}

#[test]
fn a_rule_counts_its_own_kind_alone() {
    let mut scripts = Scripts::new(&[Script::parse(Action::Drop, "tcp.data#2").unwrap()]);
    let mut dropped = |direction, class| {
        scripts.ask(direction, class).drop.map(|rule| rule == Rule::Script("tcp.data#2".into()))
    };
    use Direction::{ToClient, ToServer};
    assert_eq!(dropped(ToServer, SYN), None);
    assert_eq!(dropped(ToServer, DATA), None);
    assert_eq!(dropped(ToClient, DATA), None, "the other direction is not counted");
    assert_eq!(dropped(ToServer, ACK), None);
    assert_eq!(dropped(ToServer, DATA), Some(true));
    assert_eq!(dropped(ToServer, DATA), None);
}

#[test]
fn any_counts_both_directions_together() {
    let mut scripts = Scripts::new(&[Script::parse(Action::Dup, "any:udp#3").unwrap()]);
    let mut asked = |direction| scripts.ask(direction, Class::UDP).dup.is_some();
    assert!(!asked(Direction::ToServer) && !asked(Direction::ToClient) && asked(Direction::ToServer));
}

fn rule_text() -> impl Strategy<Value = String> {
    let prefix = prop::sample::select(vec!["", "to-server:", "to-client:", "any:"]);
    let kind = prop::sample::select(
        KINDS.iter().map(|k| format!("{}#", k.word)).chain(["".into()]).collect::<Vec<_>>(),
    );
    let item = prop_oneof![
        (1..2000_u64).prop_map(|n| n.to_string()),
        (1..2000_u64).prop_map(|n| format!("{n}+")),
        (1..2000_u64, 0..50_u64).prop_map(|(n, m)| format!("{n}-{}", n + m)),
    ];
    (prefix, kind, prop::collection::vec(item, 1..4)).prop_map(|(p, k, l)| format!("{p}{k}{}", l.join(",")))
}

pub(crate) fn any_script() -> impl Strategy<Value = Script> {
    let action = prop_oneof![
        Just(Action::Drop),
        Just(Action::Dup),
        (0..100_000_000_u64).prop_map(|ns| Action::Delay(Duration::from_nanos(ns))),
        Just(Action::Swap),
    ];
    (action, rule_text()).prop_map(|(action, rule)| Script::parse(action, &rule).unwrap())
}

proptest! {
    #[test]
    fn a_rule_prints_as_typed(text in rule_text()) {
        prop_assert_eq!(selector(&text).to_string(), text);
    }

    #[test]
    fn nothing_typed_panics(text in "(to-server:|any:|x:)?[a-z.]{0,8}#?[0-9,+#:-]{0,12}(=[0-9]{0,4}m?s?)?") {
        let _ = text.parse::<Selector>();
        let _ = Script::parse_delay(&text);
    }
}
