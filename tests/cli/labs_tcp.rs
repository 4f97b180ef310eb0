//! Labs 4, 6, 7 and 8: how a connection begins, how it ends, and who does not call accept().

use crate::lab::{Lab, each, everywhere, number};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn three_segments_make_a_connection() {
    for lab in everywhere("tcp echo --bytes hello") {
        let frames = lab.frames();
        assert_eq!(each(&frames[..5], "protocol"), ["arp", "arp", "tcp", "tcp", "tcp"]);
        let [syn, syn_ack, ack] = [2, 3, 4].map(|n| frames[n]);
        assert_eq!(
            [syn, syn_ack, ack].map(|f| f["tcp.flags"].as_str().unwrap()),
            ["0x0002", "0x0012", "0x0010"]
        );
        assert_eq!([syn, syn_ack, ack].map(|f| number(f, "tcp.len")), [0; 3]);
        let raw = |frame: &Value, name: &str| -> u32 {
            let field = &frame["fields"][name];
            field
                .as_str()
                .map_or_else(|| field.as_u64().unwrap(), |text| text.parse().unwrap())
                .try_into()
                .unwrap()
        };
        let isn = [syn, syn_ack].map(|frame| raw(frame, "tcp.seq_raw"));
        assert_eq!(raw(syn_ack, "tcp.ack_raw"), isn[0].wrapping_add(1));
        assert_eq!(raw(ack, "tcp.ack_raw"), isn[1].wrapping_add(1));
        assert_eq!(raw(ack, "tcp.seq_raw"), isn[0].wrapping_add(1));
        for (frame, name) in [(syn, "handshake_syn"), (syn_ack, "handshake_syn_ack"), (ack, "handshake_ack")]
        {
            assert!(crate::lab::note(frame, name).is_some(), "{frame}");
        }
        // connect() was called before the SYN, and came back after the SYN-ACK was on its way.
        let connect = lab.back("client", "connect")[0];
        let called = connect["cause"].as_u64().unwrap();
        assert!(called < number(syn, "id") && number(syn_ack, "id") < number(connect, "id"));
    }
}

#[test]
fn a_closed_port_resets() {
    for lab in everywhere("tcp echo --closed-port --bytes") {
        let tcp = lab.of("tcp");
        assert_eq!(each(&tcp, "tcp.flags"), ["0x0002", "0x0014"]);
        let fields = &tcp[1]["fields"];
        assert_eq!(fields["tcp.seq_raw"].to_string().trim_matches('"'), "0");
        assert_eq!(number(tcp[1], "tcp.ack"), 1);
        assert!(crate::lab::note(tcp[1], "refused").is_some());
        assert_eq!(lab.gave("client", "connect"), ["ECONNREFUSED"]);
    }
}

#[test]
fn time_wait_stays_with_the_side_that_closed_first() {
    for (first, line) in [("client", "tcp echo"), ("server", "tcp echo --close-first server")] {
        let other = if first == "client" { "server" } else { "client" };
        for lab in everywhere(line) {
            let (one, two) = (lab.noted("first_fin"), lab.noted("second_fin"));
            assert_eq!((one.len(), two.len()), (1, 1));
            assert_eq!(one[0]["direction"], format!("to-{other}"));
            assert_eq!(two[0]["direction"], format!("to-{first}"));
            assert_eq!((lab.left(first), lab.left(other)), (vec!["TIME-WAIT"], vec![]));
        }
    }
}

/// The delay holds the state until it is looked at, right after shutdown().
#[test]
fn a_half_closed_connection_goes_on_in_the_other_direction() {
    for lab in everywhere("tcp echo --half-close one two --delay 20ms") {
        let fin = lab.noted("first_fin")[0];
        assert_eq!(fin["direction"], "to-server");
        let fresh = |d: &&Value| crate::lab::note(d, "retransmission").is_none();
        let later: Vec<&Value> = lab
            .data("to-client")
            .into_iter()
            .filter(|d| number(d, "id") > number(fin, "id"))
            .filter(fresh)
            .collect();
        assert_eq!(later.iter().map(|data| number(data, "tcp.len")).sum::<u64>(), 6);
        let states: Vec<&Value> =
            lab.events.iter().filter(|e| e["place"] == "client").map(|e| &e["tcp_info"]["state"]).collect();
        assert!(states.iter().any(|s| **s == "FIN-WAIT-1" || **s == "FIN-WAIT-2"), "{states:?}");
        assert_eq!(lab.back("client", "shutdown")[0]["how"], "write");
    }
}

#[test]
fn a_close_with_octets_unread_is_a_reset() {
    for lab in everywhere("tcp echo --no-read --close-first server") {
        let reset = lab.noted("reset");
        assert_eq!(each(&reset, "direction"), ["to-client"]);
        assert!(lab.noted("first_fin").is_empty() && lab.noted("second_fin").is_empty());
        assert_eq!(lab.gave("client", "recv"), ["ECONNRESET"]);
    }
    for lab in everywhere("tcp echo --reset") {
        assert_eq!(each(&lab.noted("reset"), "direction"), ["to-server"]);
        assert_eq!((lab.left("client"), lab.left("server")), (vec![], vec![]));
    }
}

#[test]
fn after_the_peers_close_the_first_send_succeeds_and_the_second_does_not() {
    for lab in everywhere("tcp echo --close-first server --send-after-close") {
        // hello, then twice `late`.
        assert_eq!(lab.gave("client", "send"), ["5", "4", "EPIPE"]);
        let late = lab.data("to-server")[1];
        let reset = lab.noted("reset")[0];
        assert!(reset["direction"] == "to-client" && number(reset, "id") > number(late, "id"));
    }
}

#[test]
fn a_backlog_of_one_holds_two_connections() {
    let line = "tcp echo --no-accept --backlog 1 --clients 5 --timeout 1500ms";
    for lab in everywhere(line) {
        let mut connects = lab.back("client", "connect");
        assert_eq!(connects.len(), 5);
        connects.retain(|connect| connect["ok"] == true);
        assert_eq!(connects.len(), 2, "backlog + 1");
        let streams =
            |frames: &[&Value]| -> BTreeSet<u64> { frames.iter().map(|f| number(f, "tcp.stream")).collect() };
        assert_eq!(streams(&lab.noted("handshake_syn")).len(), 5);
        // Three were sent again: they were dropped silently, by the listener's kernel and not by the wire.
        let again: Vec<&Value> =
            lab.noted("retransmission").into_iter().filter(|f| f["tcp.flags"] == "0x0002").collect();
        assert_eq!(streams(&again).len(), 3, "{again:?}");
        assert!(lab.dropped().is_empty() && lab.noted("refused").is_empty());
        assert!(lab.back("server", "accept").is_empty());
    }
}

#[test]
fn an_address_in_use_is_free_only_if_both_sockets_say_so() {
    for (which, ok) in [("none", false), ("old", false), ("new", false), ("both", true)] {
        let lab = Lab::run(&format!("tcp echo --backend veth --reuseaddr {which}"), 0);
        assert_eq!(lab.left("server"), ["TIME-WAIT"], "{which}");
        let binds = lab.back("server", "bind");
        assert_eq!(binds.len(), 2);
        assert_eq!((&binds[0]["ok"], &binds[1]["ok"]), (&true.into(), &ok.into()), "{which}");
        if !ok {
            assert_eq!(binds[1]["errno"], "EADDRINUSE");
        }
    }
}
