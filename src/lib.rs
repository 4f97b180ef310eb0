//! layerlab: see every byte of your sockets, and which layer it sits on.
//!
//! The map of the rooms. A dependency points one way: downwards on this page.
//!
//! ```text
//!   cli      what was typed, what it means, one file a subcommand
//!   lab      the course: lab files, what they check, and how a student goes through one
//!    |
//!   live     event loop, sockets, experiments, the pump (hosts <-> wire)
//!    |
//!   dissect  captured frames -> flows -> events
//!    |
//!   stack    the protocols, pure, by layer    wire     the impaired wire, pure
//!   host     namespaces, TAP, raw packets     capture  pcapng in and out
//!   narrate  event -> sentence, ladder, JSON   report  tables and plots
//!    |
//!   model    vocabulary: layer, protocol, time, side, event, evidence, cite, sink
//! ```
//!
//! `live` and `dissect` never import each other and know no sink by name: both emit
//! [`model::Event`]s to a `&mut dyn` [`model::Sink`]. Who may import whom is written down, and
//! enforced, in `tests/tidy.rs`.

pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dissect;
#[cfg(feature = "os")]
pub mod host;
pub mod lab;
#[cfg(feature = "os")]
pub mod live;
pub mod model;
pub mod narrate;
pub mod report;
pub mod stack;
pub mod wire;
