//! One JSON object a line. The schema is docs/json.md, field by field; a test holds the two together.

mod queue;
mod websocket;

use super::sentence::{Narrator, Sentence};
use super::style::Glyphs;
use crate::model::{
    ArpOperation, Call, Carried, CheckedBy, Delivery, Direction, Endpoint, Errno, Event, Evidence, Fate,
    Flow, Heading, How, IcmpKind, Ip, Located, Malformed, Outcome, Packet, Place, Problem, Returned, Row,
    Rule, Run, Seen, Sink, SocketKind, Standing, Tcp, TcpInfo, TcpNote, TlsHandshake, Value, What,
    WireChange,
};
use serde_json::{Map, Value as Any, json};
use std::fmt::Write as _;
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
    let pair = |p: [u64; 2]| {
        let mut o = Object::new();
        for d in Direction::BOTH {
            put(&mut o, &d.name().replace('-', "_"), p[d.index()]);
        }
        Any::Object(o)
    };
    let mut o = kind("outcome");
    put(&mut o, "at_ns", outcome.at.as_nanos());
    put(&mut o, "took_ns", nanos(outcome.took));
    put(&mut o, "frames", pair(outcome.frames));
    put(&mut o, "dropped", pair(outcome.dropped));
    put(&mut o, "octets", pair(outcome.octets));
    put(&mut o, "interrupted", outcome.interrupted);
    if let Some(signal) = outcome.signal {
        put(&mut o, "signal", signal.name());
    }
    o
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
            call_fields(&mut o, *fd, call);
        }
        What::Returned { fd, call, result, took, tcp_info } => {
            put(&mut o, "what", "returned");
            call_fields(&mut o, *fd, call);
            result_fields(&mut o, result);
            put(&mut o, "took_ns", nanos(*took));
            put_some(&mut o, "tcp_info", tcp_info.as_deref().map(info_object));
        }
        What::Frame(seen) => {
            put(&mut o, "what", "frame");
            frame_fields(&mut o, seen);
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
        bytes_fields(&mut o, located);
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

fn call_fields(o: &mut Object, fd: Option<i32>, call: &Call) {
    put(o, "call", call.name());
    put_some(o, "fd", fd);
    match call {
        Call::Socket(kind) => put(
            o,
            "socket",
            match kind {
                SocketKind::Stream => "stream",
                SocketKind::Datagram => "datagram",
            },
        ),
        Call::SetOption(option) => {
            put(o, "option", option.name);
            put(o, "value", option.value.as_str());
        }
        Call::Bind(addr) | Call::Connect(addr) => put(o, "address", addr.to_string()),
        Call::Listen(backlog) => put(o, "backlog", *backlog),
        Call::Send { len } => put(o, "offered", *len),
        Call::SendTo { len, to } => {
            put(o, "offered", *len);
            put(o, "address", to.to_string());
        }
        Call::Recv { size } | Call::RecvFrom { size } => put(o, "room", *size),
        Call::Shutdown(how) => put(
            o,
            "how",
            match how {
                How::Read => "read",
                How::Write => "write",
                How::Both => "both",
            },
        ),
        Call::Accept | Call::Close => {}
    }
}

fn result_fields(o: &mut Object, result: &Result<Returned, Errno>) {
    put(o, "ok", result.is_ok());
    match result {
        Ok(Returned::Done) => {}
        Ok(Returned::Descriptor(fd)) => put(o, "new_fd", *fd),
        Ok(Returned::Local(addr)) => put(o, "local", addr.to_string()),
        Ok(Returned::Accepted { fd, peer }) => {
            put(o, "new_fd", *fd);
            put(o, "peer", peer.to_string());
        }
        Ok(Returned::Octets(n)) => put(o, "octets", *n),
        Ok(Returned::Datagram { len, from, truncated_from }) => {
            put(o, "octets", *len);
            put(o, "peer", from.to_string());
            put_some(o, "truncated_from", *truncated_from);
        }
        Err(errno) => {
            put(o, "errno", errno.name);
            put(o, "errno_code", errno.code);
        }
    }
}

fn info_object(info: &TcpInfo) -> Any {
    json!({
        "state": info.state.name(),
        "rtt_ns": nanos(info.rtt),
        "rttvar_ns": nanos(info.rttvar),
        "rto_ns": nanos(info.rto),
        "snd_cwnd": info.snd_cwnd,
        "snd_ssthresh": info.snd_ssthresh,
        "snd_mss": info.snd_mss,
        "pmtu": info.pmtu,
        "unacked": info.unacked,
        "backoff": info.backoff,
        "total_retrans": info.total_retrans,
    })
}

fn frame_fields(o: &mut Object, seen: &Seen) {
    put(o, "frame.number", seen.id.0);
    put(o, "direction", seen.direction.name());
    put(o, "frame.len", seen.len);
    put(o, "eth.src", mac(seen.source));
    put(o, "eth.dst", mac(seen.destination));
    match &seen.packet {
        Packet::Arp(arp) => {
            let opcode = match arp.operation {
                ArpOperation::Request => 1,
                ArpOperation::Reply => 2,
                ArpOperation::Other(n) => n,
            };
            put(o, "arp.opcode", opcode);
            put(o, "arp.src.hw_mac", mac(arp.sender_mac));
            put(o, "arp.src.proto_ipv4", arp.sender_ip.to_string());
            put(o, "arp.dst.hw_mac", mac(arp.target_mac));
            put(o, "arp.dst.proto_ipv4", arp.target_ip.to_string());
            put_some(o, "answers", arp.answers.map(|id| id.0));
            if arp.operation == ArpOperation::Request {
                put(o, "repeat", arp.repeat);
            }
        }
        Packet::Ip(ip, carried) => {
            ip_fields(o, ip);
            carried_fields(o, carried, ip.source.is_ipv6());
        }
        Packet::Other(kind) => put(o, "eth.type", format!("0x{kind:04x}")),
        Packet::Malformed(m) => malformed(o, m),
    }
}

fn ip_fields(o: &mut Object, ip: &Ip) {
    let v6 = ip.source.is_ipv6();
    put(o, if v6 { "ipv6.src" } else { "ip.src" }, ip.source.to_string());
    put(o, if v6 { "ipv6.dst" } else { "ip.dst" }, ip.destination.to_string());
    put(o, if v6 { "ipv6.hlim" } else { "ip.ttl" }, ip.ttl);
    if !v6 {
        put(o, "ip.len", ip.len);
        put(o, "ip.flags.df", ip.df);
        put_some(o, "ip.checksum.status", ip.checksum_good.map(u8::from));
    }
    if let Some(f) = ip.fragment {
        put(o, "fragment", json!({"id": f.id, "offset": f.offset, "len": f.len, "more": f.more}));
    }
}

fn carried_fields(o: &mut Object, carried: &Carried, v6: bool) {
    match carried {
        Carried::Tcp(tcp) => tcp_fields(o, tcp),
        Carried::Udp(udp) => {
            put(o, "udp.srcport", udp.source_port);
            put(o, "udp.dstport", udp.destination_port);
            put(o, "udp.length", udp.len + 8);
            put_some(o, "udp.checksum.status", udp.checksum_good.map(u8::from));
        }
        Carried::Icmp(icmp) => {
            let name = if icmp.v6 { "icmpv6" } else { "icmp" };
            put(o, &format!("{name}.type"), icmp.kind_number);
            put(o, &format!("{name}.code"), icmp.code);
            if let IcmpKind::FragmentationNeeded { mtu } = icmp.kind {
                put(o, &format!("{name}.mtu"), mtu);
            }
            put_some(o, "about", icmp.about.map(|id| id.0));
            if let Some((id, seq)) = icmp.echo {
                let (ident, sequence) = if icmp.v6 {
                    ("icmpv6.echo.identifier", "icmpv6.echo.sequence_number")
                } else {
                    ("icmp.ident", "icmp.seq")
                };
                put(o, ident, id);
                put(o, sequence, seq);
            }
            put_some(o, &format!("{name}.checksum.status"), icmp.checksum_good.map(u8::from));
        }
        Carried::Fragment { protocol } => put(o, if v6 { "ipv6.fraghdr.nxt" } else { "ip.proto" }, *protocol),
        Carried::Other(protocol) => put(o, if v6 { "ipv6.nxt" } else { "ip.proto" }, *protocol),
        Carried::Malformed(m) => malformed(o, m),
    }
}

fn malformed(o: &mut Object, m: &Malformed) {
    let problem = match m.problem {
        Problem::Truncated { .. } => "truncated",
        Problem::BadLength { .. } => "bad_length",
        Problem::BadVersion { .. } => "bad_version",
    };
    put(o, "malformed", json!({"protocol": m.protocol.name(), "offset": m.offset, "problem": problem}));
}

fn tcp_fields(o: &mut Object, tcp: &Tcp) {
    put(o, "tcp.stream", tcp.stream);
    put(o, "tcp.srcport", tcp.source_port);
    put(o, "tcp.dstport", tcp.destination_port);
    put(o, "tcp.flags", format!("0x{:04x}", tcp.flags.0));
    put(o, "flags", tcp.flags.names().collect::<Vec<_>>());
    put(o, "tcp.seq", tcp.seq);
    put_some(o, "tcp.ack", tcp.ack);
    put(o, "tcp.len", tcp.len);
    put(o, "tcp.window_size", tcp.window);
    put_some(o, "tcp.options.mss_val", tcp.mss);
    if !tcp.sack.is_empty() {
        put(o, "sack", tcp.sack.iter().map(|(l, r)| json!([l, r])).collect::<Vec<_>>());
    }
    put_some(o, "tcp.checksum.status", tcp.checksum_good.map(u8::from));
    if !tcp.notes.is_empty() {
        put(o, "analysis", tcp.notes.iter().map(analysis).collect::<Vec<_>>());
    }
}

fn analysis(note: &TcpNote) -> Any {
    match note {
        TcpNote::HandshakeSyn => json!({"note": "handshake_syn"}),
        TcpNote::HandshakeSynAck { answers } => json!({"note": "handshake_syn_ack", "frame": answers.0}),
        TcpNote::HandshakeAck { answers } => json!({"note": "handshake_ack", "frame": answers.0}),
        TcpNote::Refused { answers } => json!({"note": "refused", "frame": answers.0}),
        TcpNote::Reset => json!({"note": "reset"}),
        TcpNote::Acknowledges { last } => json!({"note": "acknowledges", "frame": last.0}),
        TcpNote::DuplicateAck { nth, of } => json!({"note": "duplicate_ack", "frame": of.0, "nth": nth}),
        TcpNote::Retransmission { of, duplicate_acks, needless } => {
            json!({"note": "retransmission", "frame": of.0, "duplicate_acks": duplicate_acks, "needless": needless})
        }
        TcpNote::OutOfOrder => json!({"note": "out_of_order"}),
        TcpNote::FirstFin => json!({"note": "first_fin"}),
        TcpNote::SecondFin => json!({"note": "second_fin"}),
        TcpNote::ZeroWindow => json!({"note": "zero_window"}),
        TcpNote::WindowUpdate => json!({"note": "window_update"}),
        TcpNote::ZeroWindowProbe => json!({"note": "zero_window_probe"}),
        TcpNote::KeepAlive => json!({"note": "keep_alive"}),
        TcpNote::KeepAliveAck => json!({"note": "keep_alive_ack"}),
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
        Rule::Mtu { mtu, icmp } => json!({"rule": name, "mtu": mtu, "icmp": icmp}),
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

/// The octets, and the header fields found in them, under Wireshark's names. A name that occurs more
/// than once in a frame (an ICMP error quotes a whole IP header) has an array.
fn bytes_fields(o: &mut Object, located: &Located) {
    let mut hex = String::with_capacity(located.bytes.len() * 2);
    for b in &located.bytes {
        let _ = write!(hex, "{b:02x}");
    }
    put(o, "bytes", hex);
    if located.headers.is_empty() {
        return;
    }
    let mut fields = Object::new();
    for field in located.headers.iter().flat_map(|h| &h.fields) {
        let value = match &field.value {
            Value::Uint(v) => Any::from(*v),
            Value::Bool(b) => Any::from(*b),
            other => Any::from(other.to_string()),
        };
        match fields.get_mut(field.name) {
            None => put(&mut fields, field.name, value),
            Some(Any::Array(many)) => many.push(value),
            Some(one) => *one = Any::Array(vec![one.take(), value]),
        }
    }
    put(o, "fields", fields);
}
