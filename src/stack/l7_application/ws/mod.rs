//! WebSocket (RFC 6455), with permessage-deflate (RFC 7692): messages in both directions over one TCP
//! connection, opened by an HTTP/1.1 upgrade.

pub mod close;
pub mod codec;
pub mod conform;
pub mod deflate;
pub mod dialogue;
mod endpoint;
mod error;
pub mod explain;
pub mod facts;
mod frame;
pub mod handshake;
pub mod machine;
pub mod mask;
mod message;
mod observer;
mod sender;
mod url;
mod utf8;

pub use close::CloseCode;
pub use codec::{Decoder, Piece, Pieces};
pub use dialogue::Dialogue;
pub use endpoint::{Endpoint, Listener, Progress, Reply, Setup};
pub use error::{Fault, Misuse, Rule};
pub use frame::{FrameHeader, MAX_CONTROL, MAX_HEADER, Opcode, View};
pub use machine::WebSocket;
pub use message::{Assembler, Frame, Kind, Limits, Message, Unit};
pub use observer::{Observer, Seen, Whole};
pub use sender::{Masks, Sender};
pub use url::{Url, UrlError};
pub use utf8::{BadAt, Utf8};

use crate::model::Side;

#[cfg(test)]
mod tests;

/// The body of a fuzz target: no octets, from either side, make the decoder, the dialogue or an endpoint panic, and none
/// make an endpoint answer more than they are long, but for one Close. The first octet chooses the set-up and the cuts.
#[doc(hidden)]
pub fn fuzz_frames(octets: &[u8]) {
    struct Deaf;
    impl Listener for Deaf {
        fn message(&mut self, message: Message<'_>, _: &mut Reply<'_>) {
            assert!(message.payload().len() <= 300);
        }
    }
    let [choice, octets @ ..] = octets else { return };
    let limits = Limits { frame: 200, message: 300, fragments: 5 };
    let deflate = (choice & 1 != 0).then(|| [deflate::Window { bits: 9, takeover: choice & 2 != 0 }; 2]);
    for sender in [Sender::server(), Sender::client(Masks::seeded(1))] {
        let mut endpoint = Endpoint::new(sender, &Setup { limits, deflate, ..Setup::default() });
        let (mut out, mut copy) = (Vec::new(), octets.to_vec());
        for part in copy.chunks_mut(usize::from(choice >> 2) + 1) {
            if endpoint.receive(part, &mut out, &mut Deaf).is_err() {
                break;
            }
        }
        // A masked Pong is 4 octets longer than the unmasked Ping of 2 that it answers.
        assert!(out.len() <= octets.len() * 3 + MAX_HEADER);
    }
    let _ = explain::frame(octets, 0);
    let mut observer = Observer::new(limits, crate::stack::l7_application::http1::Limits::default(), 9);
    let mut told = 0;
    for (n, part) in octets.chunks(13).enumerate() {
        observer.feed([Side::Client, Side::Server][n % 2], part, &mut |_| told += 1);
    }
    assert!(told <= 2 * octets.len());
}

/// The body of a fuzz target: no octets make a client or a server panic, before or after the handshake, or keep it from
/// coming to an end.
#[doc(hidden)]
pub fn fuzz_machine(octets: &[u8]) {
    use crate::model::{Input, Machine, Outbox, Time};
    use std::sync::Arc;
    let settings = Arc::new(machine::Settings { tell_frames: Some(4), ..machine::Settings::default() });
    let request = || handshake::ClientRequest::new("h", "/", [0; 16]);
    let answer = || handshake::ServerPolicy::default().answer(&request().head()).head;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    request().head().encode(&mut asked);
    answer().encode(&mut answered);
    for prefix in [&[][..], &asked, &answered] {
        let server = WebSocket::server(Time::ZERO, Arc::default(), settings.clone());
        for mut end in [server, WebSocket::client(request(), Masks::seeded(1), settings.clone())] {
            let mut out = Outbox::new();
            let _ = end.handle(Time::ZERO, Input::Command(machine::Command::Begin), &mut out);
            for part in prefix.chunks(64).chain(octets.chunks(11)) {
                assert!(end.handle(Time::ZERO, Input::Stream(part), &mut out).is_ok());
            }
            assert!(end.handle(Time::ZERO, Input::Eof, &mut out).is_ok());
            assert!(matches!(out.events.back(), Some(machine::Event::Closed { .. })));
            assert!(end.deadline().is_none());
        }
    }
}
