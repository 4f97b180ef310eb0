//! Labs 11 and 12: UDP keeps edges, and nobody is at home.

use crate::lab::{each, everywhere, everywhere_with, number};
use serde_json::Value;

#[test]
fn datagrams_keep_their_edges() {
    // The third is empty: a datagram without octets is a datagram.
    let arguments = ["AB", "CD", ""];
    for backend in ["--backend=veth", "--backend=auto"] {
        let ran = crate::child::ran(crate::child::layerlab(
            ["udp", "echo", "--burst", "--json", backend].into_iter().chain(arguments),
        ));
        let lab = crate::lab::Lab::read(ran.out(0));
        assert_eq!(lab.gave("server", "recvfrom")[..3], ["2", "2", "0"]);
        assert_eq!(lab.gave("client", "recvfrom"), ["2", "2", "0"]);
        let received = lab.back("server", "recvfrom");
        let says = |nth: usize| received[nth]["sentence"].as_str().unwrap().to_owned();
        assert!(says(0).contains("\"AB\"") && says(1).contains("\"CD\""), "{} {}", says(0), says(1));
        // Each direction keeps its order; how the two mix is the scheduler's.
        for direction in ["to-server", "to-client"] {
            let datagrams =
                lab.all("frame", |frame| frame["direction"] == direction && frame["protocol"] == "udp");
            assert_eq!(each(&datagrams, "udp.length"), [10, 10, 8], "{direction}");
        }
    }
}

#[test]
fn what_does_not_fit_of_a_datagram_is_gone() {
    for lab in everywhere_with("udp echo 0123456789 --recv-size 4 --no-reply", 0) {
        let got: Vec<&Value> =
            lab.back("server", "recvfrom").into_iter().filter(|call| call["ok"] == true).collect();
        assert_eq!((each(&got, "octets"), each(&got, "truncated_from")), (vec![&4.into()], vec![&10.into()]));
    }
}

#[test]
fn the_largest_datagram_goes_and_one_octet_more_makes_no_frame() {
    for lab in everywhere("udp echo --size 65507 --no-reply --rcvbuf 1000000") {
        assert_eq!(lab.gave("client", "sendto"), ["65507"]);
        let parts = lab.all("frame", |frame| !frame["fragment"].is_null());
        let octets: u64 = parts.iter().map(|part| number(&part["fragment"], "len")).sum();
        assert_eq!((parts.len(), octets), (45, 65_515));
        assert_eq!(lab.gave("server", "recvfrom")[0], "65507");
    }
    for lab in everywhere_with("udp echo --size 65508", 1) {
        assert_eq!(lab.gave("client", "sendto"), ["EMSGSIZE"]);
        assert!(lab.frames().is_empty(), "{:?}", lab.frames());
        assert_eq!(number(&lab.outcome["frames"], "to_server"), 0);
    }
}

#[test]
fn a_closed_port_is_answered_by_icmp_and_only_a_connected_socket_hears_of_it() {
    for lab in everywhere("udp echo --closed-port --wait 300ms a b") {
        let icmp = lab.of("icmp");
        assert_eq!(
            (each(&icmp, "icmp.type"), each(&icmp, "icmp.code")),
            (vec![&3.into(); 2], vec![&3.into(); 2])
        );
        assert_eq!(each(&icmp, "about"), each(&lab.of("udp"), "frame.number"));
        assert_eq!(lab.gave("client", "sendto"), ["1", "1"]);
        assert_eq!(lab.gave("client", "recvfrom"), ["EAGAIN", "EAGAIN"]);
    }
    // Sent without waiting for an answer in between, but not before the first's ICMP is back.
    for lab in everywhere("udp echo --closed-port --connect-udp --no-reply --every 1s a b") {
        assert_eq!(lab.gave("client", "send"), ["1", "ECONNREFUSED"]);
        assert_eq!((lab.of("udp").len(), lab.of("icmp").len()), (1, 1));
        let refused = lab.back("client", "send")[1];
        assert!(refused["octets"].is_null() && refused["errno_code"] == 111, "{refused}");
    }
    for lab in everywhere("udp echo --closed-port --connect-udp --wait 300ms a") {
        assert_eq!(lab.gave("client", "recv"), ["ECONNREFUSED"]);
    }
}

#[test]
fn connecting_a_udp_socket_sends_nothing() {
    for lab in everywhere("udp echo --connect-udp hello") {
        let connected = lab.back("client", "connect")[0];
        assert_eq!(connected["ok"], true);
        assert!(lab.frames().iter().all(|frame| number(frame, "id") > number(connected, "id")));
    }
}
