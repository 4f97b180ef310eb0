//! A machine that refuses. The refusals are made in a user namespace of the test's own: its limits and mounts
//! are seen by its children alone, and go with them.

use crate::child::{in_namespace, ran};
use crate::lab::Lab;

/// No user namespaces: their number is limited to none, and the capabilities that would do without are taken away.
pub(crate) const NO_USER_NAMESPACES: &str = "echo 0 > /proc/sys/user/max_user_namespaces || exit 77
    exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"";

/// No /dev/net/tun, on a machine that may have one.
const NO_TUN: &str =
    "mount -t tmpfs none /dev/net 2>/dev/null || [ ! -e /dev/net/tun ] || exit 77; exec \"$@\"";

#[test]
fn without_user_namespaces_the_private_network_is_3_with_a_remedy() {
    for line in [
        &["tcp", "echo", "--net", "private"][..],
        &["tcp", "echo", "--loss", "5%"],
        &["udp", "echo", "--routers", "2"],
        &["udp", "echo", "--capture", "/nonexistent/x.pcapng"],
        &["tour", "--net", "private"],
    ] {
        let ran = ran(in_namespace("", NO_USER_NAMESPACES, line));
        assert_eq!(ran.code(), 3, "{line:?}: {}", ran.err);
        assert!(ran.err.contains("user.max_user_namespaces=0"), "{}", ran.err);
        assert!(ran.err.contains("What helps:\n  sudo sysctl -w user.max_user_namespaces="), "{}", ran.err);
        assert!(ran.err.contains("layerlab doctor"), "{}", ran.err);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn without_user_namespaces_auto_falls_back_to_loopback_and_says_so() {
    let ran = ran(in_namespace("", NO_USER_NAMESPACES, &["tcp", "echo", "--json"]));
    let lab = Lab::read(ran.out(0));
    assert_eq!(lab.run["backend"], "loopback");
    assert!(lab.frames().is_empty(), "no frame can be seen there");
    assert!(lab.events.iter().all(|event| event["evidence"] != "frame"));
    assert!(ran.err.contains("no private network here, so this runs on loopback"), "{}", ran.err);
    assert!(
        ran.err.contains("user.max_user_namespaces=0") && ran.err.contains("layerlab doctor"),
        "{}",
        ran.err
    );
    let ran = crate::child::ran(in_namespace("", NO_USER_NAMESPACES, &["tour"]));
    assert!(ran.out(0).contains("loopback"), "{}", ran.out);
}

#[test]
fn doctor_names_the_refusal_and_exits_with_3() {
    let ran = ran(in_namespace("", NO_USER_NAMESPACES, &["doctor", "--json"]));
    let told: serde_json::Value = serde_json::from_str(ran.out(3)).unwrap();
    assert_eq!(told["backend"], "loopback");
    let better = told["unavailable"].as_array().unwrap();
    assert_eq!(better.iter().map(|b| b["backend"].as_str().unwrap()).collect::<Vec<_>>(), ["tap", "veth"]);
    assert!(
        better
            .iter()
            .all(|b| b["remedies"][0]["commands"][0].as_str().unwrap().contains("max_user_namespaces"))
    );
}

#[test]
fn without_a_tun_device_veth_is_used_and_tap_is_3() {
    let ran = ran(in_namespace("m", NO_TUN, &["udp", "echo", "--json"]));
    assert_eq!(Lab::read(ran.out(0)).run["backend"], "veth");
    let ran = crate::child::ran(in_namespace("m", NO_TUN, &["udp", "echo", "--backend", "tap"]));
    assert_eq!(ran.code(), 3);
    assert!(ran.err.contains("/dev/net/tun: ENOENT") && ran.err.contains("modprobe tun"), "{}", ran.err);
}

#[test]
fn without_room_for_namespaces_the_step_is_named() {
    let script = "echo 1 > /proc/sys/user/max_net_namespaces || exit 77; exec \"$@\"";
    let ran = ran(in_namespace("", script, &["tcp", "echo", "--net", "private"]));
    assert_eq!(ran.code(), 3, "{}", ran.err);
    assert!(ran.err.contains("create a network namespace") && ran.err.contains("ENOSPC"), "{}", ran.err);
}
