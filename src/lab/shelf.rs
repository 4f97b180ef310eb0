//! The labs that layerlab carries, so that the program alone is the course.

/// Each lab's file and its text, by number.
pub const LABS: &[(&str, &str)] = &[
    ("labs/01-who-speaks-first.md", include_str!("../../labs/01-who-speaks-first.md")),
    ("labs/02-five-octets.md", include_str!("../../labs/02-five-octets.md")),
    ("labs/04-handshake.md", include_str!("../../labs/04-handshake.md")),
    ("labs/05-three-sends.md", include_str!("../../labs/05-three-sends.md")),
    ("labs/11-udp-keeps-edges.md", include_str!("../../labs/11-udp-keeps-edges.md")),
    ("labs/15-which-segment.md", include_str!("../../labs/15-which-segment.md")),
    ("labs/20-draw-your-own-edges.md", include_str!("../../labs/20-draw-your-own-edges.md")),
    ("labs/21-upgrade.md", include_str!("../../labs/21-upgrade.md")),
    ("labs/22-read-the-frame.md", include_str!("../../labs/22-read-the-frame.md")),
    ("labs/26-at-least-once.md", include_str!("../../labs/26-at-least-once.md")),
    ("labs/27-work-or-fan-out.md", include_str!("../../labs/27-work-or-fan-out.md")),
];
