//! The labs that layerlab carries, so that the program alone is the course.

/// Each lab's file and its text, by number.
pub const LABS: &[(&str, &str)] = &[
    ("labs/01-who-speaks-first.md", include_str!("../../labs/01-who-speaks-first.md")),
    ("labs/02-five-octets.md", include_str!("../../labs/02-five-octets.md")),
    ("labs/03-ttl.md", include_str!("../../labs/03-ttl.md")),
    ("labs/04-handshake.md", include_str!("../../labs/04-handshake.md")),
    ("labs/05-three-sends.md", include_str!("../../labs/05-three-sends.md")),
    ("labs/06-four-ways-to-stop.md", include_str!("../../labs/06-four-ways-to-stop.md")),
    ("labs/07-nobody-accepts.md", include_str!("../../labs/07-nobody-accepts.md")),
    ("labs/08-address-in-use.md", include_str!("../../labs/08-address-in-use.md")),
    ("labs/09-forty-milliseconds.md", include_str!("../../labs/09-forty-milliseconds.md")),
    ("labs/10-full-bucket.md", include_str!("../../labs/10-full-bucket.md")),
    ("labs/11-udp-keeps-edges.md", include_str!("../../labs/11-udp-keeps-edges.md")),
    ("labs/12-nobody-home.md", include_str!("../../labs/12-nobody-home.md")),
    ("labs/13-does-not-fit.md", include_str!("../../labs/13-does-not-fit.md")),
    ("labs/14-patience-doubles.md", include_str!("../../labs/14-patience-doubles.md")),
    ("labs/15-which-segment.md", include_str!("../../labs/15-which-segment.md")),
    ("labs/16-window-growth.md", include_str!("../../labs/16-window-growth.md")),
    ("labs/18-one-missing-brick.md", include_str!("../../labs/18-one-missing-brick.md")),
    ("labs/20-draw-your-own-edges.md", include_str!("../../labs/20-draw-your-own-edges.md")),
    ("labs/21-upgrade.md", include_str!("../../labs/21-upgrade.md")),
    ("labs/22-read-the-frame.md", include_str!("../../labs/22-read-the-frame.md")),
    ("labs/26-at-least-once.md", include_str!("../../labs/26-at-least-once.md")),
    ("labs/27-work-or-fan-out.md", include_str!("../../labs/27-work-or-fan-out.md")),
];
