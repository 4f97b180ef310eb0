//! Labs 1 and 2: who speaks first, and how many octets are on the wire. Lab 13: what does not fit.

use crate::lab::{each, everywhere, everywhere_with, number};

const BROADCAST: &str = "ff:ff:ff:ff:ff:ff";

#[test]
fn arp_speaks_before_udp() {
    for lab in everywhere("udp echo hello --no-reply") {
        let frames = lab.frames();
        assert_eq!(each(&frames, "protocol"), ["arp", "arp", "udp"]);
        assert_eq!((&frames[0]["arp.opcode"], &frames[0]["eth.dst"]), (&1.into(), &BROADCAST.into()));
        assert_eq!((&frames[1]["arp.opcode"], &frames[1]["eth.dst"]), (&2.into(), &frames[0]["eth.src"]));
        assert_eq!(frames[1]["answers"], frames[0]["frame.number"]);
        assert_eq!(frames[2]["eth.dst"], frames[1]["arp.src.hw_mac"]);
    }
}

#[test]
fn early_datagrams_wait_for_arp_and_all_arrive() {
    for lab in everywhere("udp echo a b c --burst") {
        let frames = lab.all("frame", |frame| frame["direction"] == "to-server");
        // A late request of one unicast frame to confirm the neighbour is no failure; it would come seconds later.
        assert_eq!(each(&frames[..4], "protocol"), ["arp", "udp", "udp", "udp"]);
        assert_eq!(lab.gave("server", "recvfrom")[..3], ["1", "1", "1"]);
    }
}

#[test]
fn an_absent_host_is_asked_for_three_times() {
    for lab in everywhere("tcp echo --absent-host") {
        let frames = lab.frames();
        assert_eq!(each(&frames, "protocol"), ["arp"; 3]);
        assert_eq!(each(&frames, "eth.dst"), [BROADCAST; 3]);
        assert_eq!(lab.gave("client", "connect"), ["EHOSTUNREACH"]);
    }
    for lab in everywhere("udp echo --absent-host --wait 3500ms") {
        assert_eq!(each(&lab.frames(), "protocol"), ["arp"; 3]);
        // sendto() succeeded, and nobody told the program that it was in vain.
        assert_eq!(
            (lab.gave("client", "sendto"), lab.gave("client", "recvfrom")),
            (vec!["5".into()], vec!["EAGAIN".into()])
        );
    }
}

#[test]
fn five_octets_and_what_the_layers_add() {
    for lab in everywhere("tcp echo hello") {
        let data = lab.data("to-server");
        assert_eq!(each(&data, "tcp.len"), [5]);
        // 14 Ethernet, 20 IP, 32 TCP with timestamps.
        assert_eq!((number(data[0], "frame.len"), number(data[0], "ip.len")), (71, 57));
        assert!(data[0]["tcp.dstport"].is_u64() && data[0]["ip.checksum.status"] == 1);
    }
    for lab in everywhere("udp echo hello") {
        let udp = lab.of("udp");
        assert_eq!(
            (each(&udp, "frame.len"), each(&udp, "udp.length")),
            (vec![&47.into(); 2], vec![&13.into(); 2])
        );
    }
    for lab in everywhere("udp echo --size 0") {
        assert_eq!(each(&lab.of("udp"), "frame.len"), [42, 42]);
    }
}

#[test]
fn a_datagram_too_large_for_a_frame_is_two_fragments() {
    for lab in everywhere("udp echo --size 1472 --no-reply") {
        assert_eq!(each(&lab.of("udp"), "frame.len"), [1514]);
        assert!(lab.all("frame", |frame| !frame["fragment"].is_null()).is_empty());
    }
    for lab in everywhere("udp echo --size 1473 --no-reply") {
        let parts = lab.all("frame", |frame| !frame["fragment"].is_null());
        let of = |key: &str| -> Vec<_> { parts.iter().map(|part| part["fragment"][key].clone()).collect() };
        assert_eq!((of("offset"), of("len")), (vec![0.into(), 1480.into()], vec![1480.into(), 1.into()]));
        assert_eq!(of("more"), [true, false]);
        assert_eq!(of("id")[0], of("id")[1]);
        assert_eq!(lab.gave("server", "recvfrom")[0], "1473");
    }
}

#[test]
fn a_small_mtu_is_told_by_icmp_and_the_segments_shrink() {
    for lab in everywhere("tcp echo --mtu 1200 --size 3000") {
        let icmp = lab.of("icmp");
        assert!(!icmp.is_empty());
        for told in &icmp {
            assert_eq!(
                (number(told, "icmp.type"), number(told, "icmp.code"), number(told, "icmp.mtu")),
                (3, 4, 1200)
            );
        }
        let dropped = lab.dropped();
        assert!(
            dropped.iter().all(|row| row["by"]["rule"] == "mtu" && row["by"]["icmp"] == true),
            "{dropped:?}"
        );
        let (before, after): (Vec<_>, Vec<_>) = lab
            .data("to-server")
            .into_iter()
            .partition(|data| number(data, "frame.number") < number(icmp[0], "frame.number"));
        assert!(before.iter().any(|data| number(data, "tcp.len") == 1448), "{before:?}");
        // 1200 less 20 IP and 32 TCP.
        assert!(after.iter().any(|data| number(data, "tcp.len") == 1148), "{after:?}");
    }
}

#[test]
fn what_is_too_large_and_may_be_split_is_told_as_that() {
    for lab in everywhere_with("udp echo --mtu 1000 --size 3000 --wait 200ms", 1) {
        assert_eq!(each(&each_by(&lab), "reply"), ["may_split"; 2]);
        assert!(lab.dropped().iter().all(|row| row["sentence"].as_str().unwrap().contains("DF is clear")));
    }
    // The wire's own ICMP, of 576 octets, does not cross what it tells of.
    for lab in everywhere("tcp echo --mtu 560 --size 1000") {
        let icmp = lab.of("icmp");
        assert!(!icmp.is_empty() && icmp.iter().all(|message| number(message, "icmp.mtu") == 560));
        assert!(icmp.iter().all(|message| lab.fate(message)["fate"] != "dropped"));
        assert_eq!(each(&each_by(&lab), "reply").iter().filter(|reply| **reply != "icmp").count(), 0);
    }
}

fn each_by(lab: &crate::lab::Lab) -> Vec<&serde_json::Value> {
    lab.dropped().into_iter().map(|row| &row["by"]).collect()
}

#[test]
fn a_black_hole_lets_the_small_pass_and_the_large_never() {
    for lab in everywhere("udp echo --mtu 1200 --no-icmp --dont-fragment --size 1000 --wait 200ms") {
        assert_eq!((lab.dropped().len(), lab.gave("client", "recvfrom")), (0, vec!["1000".to_owned()]));
    }
    for lab in everywhere_with("tcp echo --mtu 1200 --no-icmp --size 3000 --timeout 1s", 1) {
        assert!(lab.of("icmp").is_empty());
        assert!(lab.dropped().iter().all(|row| row["by"]["rule"] == "mtu" && row["by"]["icmp"] == false));
        let large = lab.data("to-server");
        let large: Vec<_> = large.into_iter().filter(|data| number(data, "ip.len") > 1200).collect();
        assert!(large.len() > 1, "it was tried again");
        assert!(large.iter().all(|data| lab.fate(data)["fate"] == "dropped"));
        // Either side may lose its patience first; no octet came back.
        assert!(lab.gave("client", "recv").iter().all(|gave| gave == "EAGAIN" || gave == "0"));
    }
}
