//! The labs that layerlab carries, so that the program alone is the course.

/// Each lab's file and its text, by number.
pub const LABS: &[(&str, &str)] = &[
    ("labs/04-handshake.md", include_str!("../../labs/04-handshake.md")),
];
