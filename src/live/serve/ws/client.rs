//! One client of the WebSocket server: its socket, how far it has come, and the little that is kept for it.

use super::frames::Watched;
use crate::live::serve::stream::Stream;
use crate::stack::l7_application::http1::{HeadDecoder, RequestHead};
use crate::stack::l7_application::ws::Endpoint;
use std::time::Instant;

/// One connection.
pub(in crate::live::serve) struct Client {
    pub(super) stream: Stream,
    pub(super) phase: Phase,
    /// Reading must go on until the kernel says that nothing is there.
    pub(super) drain: bool,
    /// A Ping of ours was sent into its silence.
    pub(super) pinged: bool,
    /// Octets that its unfinished message holds, as the room has counted them.
    pub(super) unfinished: usize,
}

/// How far it has come. Boxed: a connection that waits holds no more than it needs.
pub(super) enum Phase {
    /// The request's head is awaited, until then.
    Shaking(Box<HeadDecoder<RequestHead>>, Instant),
    /// Frames.
    Open(Box<Open>),
    /// Nothing more is to be said. Our direction is ended once all is sent, and what comes is thrown away until the
    /// peer ends its own, or until then.
    Ending {
        /// Until when.
        by: Instant,
        /// Our direction was ended.
        shut: bool,
    },
}

/// An open connection.
pub(super) struct Open {
    pub(super) endpoint: Endpoint,
    /// What was said to all, and where in it this member is; `None` where nothing is said to all.
    pub(super) place: Option<u64>,
    /// Its name in the chat.
    pub(super) name: Option<Box<str>>,
    /// Whom its frames are shown to.
    pub(super) watched: Option<Box<Watched>>,
    /// The mailbox that it watches.
    pub(super) watches: Option<u64>,
    /// Whether permessage-deflate was agreed on.
    pub(super) deflate: bool,
    /// Until when the peer may answer our Close.
    pub(super) close_by: Option<Instant>,
}
