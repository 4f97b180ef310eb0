//! One JSON object a line. The schema is docs/json.md, field by field; a test holds the two together.

mod call;
mod frame;
mod queue;
mod websocket;

use super::sentence::{Narrator, Sentence};
use super::style::Glyphs;
use super::verdict::unused;
use crate::model::{
    CheckedBy, Delivery, Direction, Endpoint, Event, Evidence, Fate, Flow, Heading, Outcome, Place, Row,
    Rule, Run, Sink, Standing, TlsHandshake, TooBig, Unused, Value, What, WireChange,
};
use serde_json::{Map, Value as Any, json};
use std::io::{self, Write};
use std::time::Duration;

/// The schema's version: raised when a field changes its meaning or goes; new fields do not raise it.
pub const SCHEMA: u32 = 1;

type Object = Map<String, Any>;

/// A sink that writes one JSON object a line: `run`, then `event`s in time order, then `outcome`. A
/// closed pipe gives [`Flow::Stop`], not an error. Does not flush between lines: give it a line-buffered
/// writer where that matters.
pub struct Json<W: Write> {
    out: W,
    narrator: Narrator,
    closed: bool,
}

impl<W: Write> Json<W> {
    /// JSON lines written to `out`.
    pub fn new(out: W) -> Json<W> {
        Json { out, narrator: Narrator::new(Glyphs::ASCII), closed: false }
    }

    /// The writer, with everything that was written.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn line(&mut self, object: Object) -> io::Result<Flow> {
        if self.closed {
            return Ok(Flow::Stop);
        }
        let mut text = Any::Object(object).to_string();
        text.push('\n');
        self.pipe(|out| out.write_all(text.as_bytes()))
    }

    fn pipe(&mut self, f: impl FnOnce(&mut W) -> io::Result<()>) -> io::Result<Flow> {
        match f(&mut self.out) {
            Ok(()) => Ok(Flow::Continue),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(Flow::Stop)
            }
            Err(e) => Err(e),
        }
    }
}

impl<W: Write> Sink for Json<W> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.narrator.begin(run);
        self.line(run_object(run)).map(|_| ())
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if self.closed {
            return Ok(Flow::Stop);
        }
        let told = self.narrator.tell(event);
        self.line(event_object(event, &told))
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.line(outcome_object(outcome))?;
        self.pipe(Write::flush).map(|_| ())
    }
}

fn kind(name: &str) -> Object {
    let mut o = Object::new();
    put(&mut o, "schema", SCHEMA);
    put(&mut o, "kind", name);
    o
}

fn put(o: &mut Object, key: &str, value: impl Into<Any>) {
    o.insert(key.to_owned(), value.into());
}

/// Puts the value if there is one; absent facts have no key.
fn put_some(o: &mut Object, key: &str, value: Option<impl Into<Any>>) {
    if let Some(v) = value {
        put(o, key, v);
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn mac(m: [u8; 6]) -> String {
    Value::Mac(m).to_string()
}

fn run_object(run: &Run) -> Object {
    let end = |e: &Endpoint| json!({"ip": e.ip.to_string(), "mac": e.mac.map(mac)});
    let mut o = kind("run");
    put(&mut o, "command", run.command.as_str());
    put(&mut o, "version", run.version.as_str());
    put(&mut o, "system", run.system.as_str());
    put(&mut o, "seed", run.seed);
    put(&mut o, "backend", run.backend.name());
    put(&mut o, "wire", run.wire.as_str());
    put(&mut o, "mtu", run.mtu);
    put(&mut o, "routers", run.routers);
    put(&mut o, "client", end(&run.client));
    put(&mut o, "server", end(&run.server));
    put(&mut o, "epoch_unix_ns", run.epoch_unix_ns);
    o
}

fn outcome_object(outcome: &Outcome) -> Object {
    let mut o = kind("outcome");
    put(&mut o, "at_ns", outcome.at.as_nanos());
    put(&mut o, "took_ns", nanos(outcome.took));
    put(&mut o, "frames", pair(outcome.frames));
    put(&mut o, "dropped", pair(outcome.dropped));
    put(&mut o, "octets", pair(outcome.octets));
    if !outcome.unused.is_empty() {
        put(&mut o, "unused", outcome.unused.iter().map(unused_object).collect::<Vec<_>>());
    }
    put(&mut o, "interrupted", outcome.interrupted);
    if let Some(signal) = outcome.signal {
        put(&mut o, "signal", signal.name());
    }
    if outcome.cut {
        put(&mut o, "cut", true);
    }
    o
}

fn pair(of: [u64; 2]) -> Any {
    let mut o = Object::new();
    for d in Direction::BOTH {
        put(&mut o, &d.name().replace('-', "_"), of[d.index()]);
    }
    Any::Object(o)
}

fn unused_object(script: &Unused) -> Any {
    let mut o = Object::new();
    put(&mut o, "option", script.option);
    put(&mut o, "rule", &*script.rule);
    put(&mut o, "kind", script.kind);
    put_some(&mut o, "direction", script.direction.map(Direction::name));
    put(&mut o, "seen", pair(script.seen));
    put_some(&mut o, "instead", script.instead.as_deref());
    put(&mut o, "sentence", unused(script));
    Any::Object(o)
}

fn layer(standing: Standing) -> Any {
    json!({"osi": standing.osi.map(|s| s.to_string()), "tcpip": standing.tcpip.map(|l| l.name())})
}

fn event_object(event: &Event, told: &Sentence) -> Object {
    let mut o = kind("event");
    put(&mut o, "id", event.id.0);
    put_some(&mut o, "cause", event.cause.map(|c| c.0));
    put(&mut o, "at_ns", event.at.as_nanos());
    put(
        &mut o,
        "place",
        match event.place {
            Place::Host(side) => side.name().to_owned(),
            Place::Wire => "wire".to_owned(),
            Place::Router(hop) => format!("router{hop}"),
        },
    );
    put_some(
        &mut o,
        "heading",
        match event.heading {
            Heading::Toward(d) => Some(d.name()),
            Heading::Local => None,
        },
    );
    put(&mut o, "protocol", event.protocol.name());
    put(&mut o, "layer", layer(event.standing()));
    put(&mut o, "evidence", evidence(event.evidence));
    put_some(&mut o, "cite", told.cite.map(|c| c.to_string()));
    put(&mut o, "sentence", told.to_string());
    let notes: Vec<Any> = told
        .notes
        .iter()
        .map(|n| json!({"text": n.text, "kind": n.kind.name(), "evidence": evidence(n.evidence), "cite": n.cite.map(|c| c.to_string())}))
        .collect();
    if !notes.is_empty() {
        put(&mut o, "notes", notes);
    }
    match &event.what {
        What::Called { fd, call } => {
            put(&mut o, "what", "called");
            call::fields(&mut o, *fd, call);
        }
        What::Returned { fd, call, result, took, tcp_info } => {
            put(&mut o, "what", "returned");
            call::fields(&mut o, *fd, call);
            call::result(&mut o, result);
            put(&mut o, "took_ns", nanos(*took));
            put_some(&mut o, "tcp_info", tcp_info.as_deref().map(call::info));
        }
        What::Frame(seen) => {
            put(&mut o, "what", "frame");
            frame::fields(&mut o, seen);
        }
        What::Fate(row) => {
            put(&mut o, "what", "fate");
            fate_fields(&mut o, row);
        }
        What::Connections(left) => {
            put(&mut o, "what", "connections");
            let left: Vec<Any> = left
                .iter()
                .map(|s| json!({"local": s.local.to_string(), "remote": s.remote.to_string(), "state": s.state.name()}))
                .collect();
            put(&mut o, "connections", left);
        }
        What::Waiting(calls) => {
            put(&mut o, "what", "waiting");
            put(&mut o, "waiting", calls.iter().map(call::waiting).collect::<Vec<_>>());
        }
        What::WebSocket(seen) => {
            put(&mut o, "what", "websocket");
            websocket::fields(&mut o, seen);
        }
        What::Queue(seen) => {
            put(&mut o, "what", "queue");
            queue::fields(&mut o, seen);
        }
        What::Tls(settled) => {
            put(&mut o, "what", "tls");
            put(&mut o, "tls", tls_object(settled));
        }
        What::WireSet(set) => {
            put(&mut o, "what", "wire_set");
            put(&mut o, "set", set.words.as_str());
            match &set.refused {
                None => put(&mut o, "wire", set.wire.as_str()),
                Some(why) => put(&mut o, "refused", why.as_str()),
            }
        }
        What::Wire(change) => {
            put(&mut o, "what", "wire");
            put(
                &mut o,
                "change",
                match change {
                    WireChange::Cut => "cut",
                    WireChange::Restored => "restored",
                },
            );
        }
    }
    if let Some(located) = &event.bytes {
        frame::bytes(&mut o, located);
    }
    o
}

fn tls_object(settled: &TlsHandshake) -> Any {
    let TlsHandshake { server, version, cipher_suite, key_exchange, alpn, certificates, checked_by, took } =
        settled;
    let checked_by = match checked_by {
        CheckedBy::System => "system",
        CheckedBy::File(_) => "file",
        CheckedBy::Nobody => "nobody",
    };
    json!({
        "server": server,
        "version": version,
        "cipher_suite": cipher_suite,
        "key_exchange": key_exchange,
        "alpn": alpn,
        "certificates": certificates,
        "checked_by": checked_by,
        "took_ns": nanos(*took),
    })
}

fn evidence(e: Evidence) -> &'static str {
    match e {
        Evidence::Frame => "frame",
        Evidence::Ledger => "ledger",
        Evidence::Syscall => "syscall",
        Evidence::Inferred => "inferred",
    }
}

fn rule(rule: &Rule) -> Any {
    let name = rule.name();
    match rule {
        Rule::Random(p) => json!({"rule": name, "probability": p}),
        Rule::GilbertElliott { bad } => json!({"rule": name, "bad": bad}),
        Rule::QueueFull { limit } => json!({"rule": name, "limit": limit}),
        Rule::Script(line) => json!({"rule": name, "script": &**line}),
        Rule::Cut => json!({"rule": name}),
        Rule::Mtu { mtu, reply } => {
            json!({"rule": name, "mtu": mtu, "icmp": *reply == TooBig::Icmp, "reply": reply.name()})
        }
        Rule::TtlExceeded { hop } | Rule::ForRouter { hop } => json!({"rule": name, "hop": hop}),
    }
}

fn delivery(d: &Delivery) -> Any {
    let mut o = Object::new();
    put(&mut o, "at_ns", d.at.as_nanos());
    put(&mut o, "queued_ns", nanos(d.queued));
    put(&mut o, "delayed_ns", nanos(d.delayed));
    put_some(&mut o, "reordered", d.reordered.as_ref().map(rule));
    if let Some((bit, by)) = &d.corrupted {
        put(&mut o, "corrupted", json!({"bit": bit, "by": rule(by)}));
    }
    if let Some((extra, by)) = &d.held {
        put(&mut o, "held", json!({"by_ns": nanos(*extra), "by": rule(by)}));
    }
    Any::Object(o)
}

fn fate_fields(o: &mut Object, row: &Row) {
    put(o, "frame.number", row.id.0);
    put(o, "direction", row.direction.name());
    put(o, "index", row.index);
    put(o, "entered_ns", row.at.as_nanos());
    put(o, "frame.len", row.len);
    let (name, by) = match &row.fate {
        Fate::Delivered(_) => ("delivered", None),
        Fate::Duplicated { by, .. } => ("duplicated", Some(by)),
        Fate::Dropped { by } => ("dropped", Some(by)),
    };
    put(o, "fate", name);
    put_some(o, "by", by.map(rule));
    put(o, "deliveries", row.fate.deliveries().map(delivery).collect::<Vec<_>>());
}
