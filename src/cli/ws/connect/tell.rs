//! What happens on the connection, in the words of every other command: with `-v` sentences on standard error, with `--json`
//! a line an event on standard output.

use super::args::WsConnectArgs;
use super::show::Screen;
use crate::cli::args::{ColorArg, LookArgs, ModelArg};
use crate::cli::{plan, real};
use crate::dissect::Overheard;
use crate::host::{Clock, signal};
use crate::live::ws::Dialled;
use crate::model::websocket::Step;
use crate::model::{
    Call, Event, EventId, Evidence, Flow, Heading, Outcome, Place, Protocol, Returned, Side, Sink, Time, What,
};
use crate::narrate::{Json, Style, Timeline, client};
use std::cell::RefCell;
use std::io::{self, LineWriter, Stdout, Write};
use std::rc::Rc;

/// Octets of a payload that a JSON line has at most.
const SAMPLE: usize = 64 << 10;

/// What is written here is taken out again.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Who is told.
enum To {
    Nobody,
    /// A person. Whether of every frame.
    Reader(Box<Timeline<Shared>>, Shared, bool),
    Program(Box<Json<LineWriter<Stdout>>>),
}

/// Tells it.
pub(super) struct Teller {
    to: To,
    clock: Clock,
    heard: Rc<RefCell<Vec<Event>>>,
    last: u64,
}

impl Teller {
    pub(super) fn new(args: &WsConnectArgs, clock: Clock) -> Teller {
        let to = if args.json {
            To::Program(Box::new(Json::new(LineWriter::new(io::stdout()))))
        } else if args.verbose > 0 {
            let look = LookArgs { color: ColorArg::Never, ascii: args.ascii };
            let style = Style {
                width: plan::width(None, true),
                verbose: args.verbose > 1,
                ..plan::plain_style(look, ModelArg::Both, true)
            };
            let out = Shared::default();
            To::Reader(Box::new(Timeline::new(out.clone(), style)), out, args.verbose > 1)
        } else {
            To::Nobody
        };
        Teller { to, clock, heard: Rc::default(), last: 0 }
    }

    /// Who hears the octets of both sides, if anybody wants to know.
    pub(super) fn ear(&self) -> Option<impl FnMut(Time, Side, &[u8]) + 'static> {
        let overheard = match self.to {
            To::Nobody => return None,
            To::Reader(..) => Overheard::new(Side::Client),
            To::Program(_) => Overheard::new(Side::Client).telling(SAMPLE),
        };
        let (mut overheard, heard) = (overheard, Rc::clone(&self.heard));
        Some(move |at, side, octets: &[u8]| heard.borrow_mut().extend(overheard.hear(at, side, octets)))
    }

    /// TCP is connected.
    pub(super) fn dialled(&mut self, dialled: &Dialled, screen: &mut Screen) -> io::Result<()> {
        if let To::Program(json) = &mut self.to {
            json.begin(&real::describe(&self.clock, dialled.local.ip(), dialled.peer.ip()))?;
        }
        let what = What::Returned {
            fd: dialled.descriptor(),
            call: Call::Connect(dialled.peer),
            result: Ok(Returned::Local(dialled.local)),
            took: dialled.took,
            tcp_info: None,
        };
        self.happened(Protocol::Sockets, what, screen)
    }

    /// Something of our own happened now.
    pub(super) fn happened(&mut self, protocol: Protocol, what: What, screen: &mut Screen) -> io::Result<()> {
        let event = Event {
            id: EventId(0),
            cause: None,
            at: self.clock.now(),
            place: Place::Host(Side::Client),
            heading: Heading::Local,
            protocol,
            what,
            bytes: None,
            evidence: Evidence::Syscall,
            cite: None,
        };
        self.tell(&event, screen)
    }

    /// Tells what was heard since the last time.
    pub(super) fn catch_up(&mut self, screen: &mut Screen) -> io::Result<()> {
        let heard = std::mem::take(&mut *self.heard.borrow_mut());
        heard.iter().try_for_each(|event| self.tell(event, screen))
    }

    fn tell(&mut self, event: &Event, screen: &mut Screen) -> io::Result<()> {
        self.last += 1;
        let event = Event { id: EventId(self.last), ..event.clone() };
        match &mut self.to {
            To::Nobody => Ok(()),
            To::Program(json) => match json.event(&event)? {
                Flow::Continue => Ok(()),
                Flow::Stop => Err(io::ErrorKind::BrokenPipe.into()),
            },
            To::Reader(timeline, text, all) => {
                if !*all && is_data(&event) {
                    return Ok(());
                }
                timeline.event(&event)?;
                let text = std::mem::take(&mut *text.0.borrow_mut());
                for line in String::from_utf8_lossy(&text).lines() {
                    screen.detail(line.to_owned())?;
                }
                fields(&event).into_iter().try_for_each(|line| screen.detail(line))
            }
        }
    }

    /// It is over.
    pub(super) fn finish(mut self, interrupted: bool) -> io::Result<()> {
        let To::Program(json) = &mut self.to else { return Ok(()) };
        let at = self.clock.now();
        let signal = signal::raised_by().filter(|_| interrupted);
        json.finish(&Outcome { at, took: at.since(Time::ZERO), interrupted, signal, ..Outcome::default() })
    }
}

/// Whether it is a frame of a message.
fn is_data(event: &Event) -> bool {
    matches!(&event.what, What::WebSocket(seen)
        if matches!(&seen.step, Step::Frame(frame) if !frame.is_control()))
}

/// The lines of a head, as they stand.
fn fields(event: &Event) -> Vec<String> {
    let What::WebSocket(seen) = &event.what else { return Vec::new() };
    match &seen.step {
        Step::Request(head) => client::fields('>', &head.fields),
        Step::Response(head) => client::fields('<', &head.fields),
        _ => Vec::new(),
    }
}
