//! Layer 7: the protocols of applications, pure. Each has a codec (one direction's octets to messages), a
//! dialogue (both sides' messages to legal or not), a machine (a role, with timers) and its explanations.

pub mod arq;
pub mod framing;
pub mod http1;
pub mod queue;
pub mod ws;
