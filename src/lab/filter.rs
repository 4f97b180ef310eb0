//! A display filter over one line of a run: its fields by the names that they have in `--json`, which are
//! Wireshark's where they have a dot.

use super::value::Value;
use serde_json::Value as Json;

/// Names of fields that only a system call gives, never a capture.
const OF_CALLS: [&str; 16] = [
    "called",
    "returned",
    "call",
    "connections",
    "errno",
    "errno_code",
    "octets",
    "offered",
    "ok",
    "took_ns",
    "tcp_info",
    "truncated_from",
    "peer",
    "exit",
    "line",
    "waiting",
];

/// Whether a field is known of system calls alone.
pub(crate) fn is_of_calls(name: &str) -> bool {
    OF_CALLS.contains(&name)
        || ["tcp_info.", "connections.", "waiting."].iter().any(|inside| name.starts_with(inside))
}

/// A field of a line: by its whole name, among a frame's header fields, or inside an object or each member of an
/// array (`by.rule`, `analysis.note`).
#[must_use]
pub fn field(line: &Json, name: &str) -> Value {
    for place in [line, &line["fields"]] {
        if let Some(found) = place.get(name) {
            return Value::of(found);
        }
    }
    inside(line, name)
}

fn inside(place: &Json, name: &str) -> Value {
    match place {
        Json::Array(members) => {
            let found = members.iter().map(|member| inside(member, name));
            let found: Vec<_> = found.filter(|value| *value != Value::Missing).collect();
            if found.is_empty() { Value::Missing } else { Value::List(found) }
        }
        Json::Object(object) => {
            if let Some(found) = object.get(name) {
                return Value::of(found);
            }
            let mut dots = name.match_indices('.');
            let deeper = dots.find_map(|(dot, _)| Some(inside(object.get(&name[..dot])?, &name[dot + 1..])));
            deeper.unwrap_or(Value::Missing)
        }
        _ => Value::Missing,
    }
}

/// A bare name: what the line is (`frame`, `returned`, `websocket`), a protocol whose header the frame has, or else a
/// field that is there.
#[must_use]
pub fn present(line: &Json, name: &str) -> bool {
    let is = |key: &str| line[key].as_str() == Some(name);
    if is("what") || is("kind") && line["what"].is_null() {
        return true;
    }
    let header = || {
        let object = line.as_object()?;
        object.keys().find(|key| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    field(line, name) != Value::Missing
        || line["what"] == "frame" && !name.contains('.') && (is("protocol") || header().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found_where_they_stand() {
        let line = json!({"what": "frame", "protocol": "tcp", "tcp.len": 5, "analysis": [{"note": "reset"}, {"note": "x", "nth": 2}],
            "fields": {"tcp.flags.syn": false, "tcp.seq_raw": 77}, "by": {"rule": "cut"}, "accept": {"key": null}});
        assert_eq!(field(&line, "tcp.len"), Value::Number(5.0));
        assert_eq!(field(&line, "tcp.seq_raw"), Value::Number(77.0));
        assert_eq!(field(&line, "by.rule"), Value::Text("cut".into()));
        assert_eq!(field(&line, "analysis.nth"), Value::List(vec![Value::Number(2.0)]));
        for name in ["accept.key", "udp.length", "by.what", "analysis.of"] {
            assert_eq!(field(&line, name), Value::Missing, "{name}");
        }
    }

    #[test]
    fn a_bare_name_is_a_kind_of_line_a_protocol_or_a_field() {
        let frame = json!({"kind": "event", "what": "frame", "protocol": "icmp", "ip.ttl": 1, "icmp.type": 3, "tcp.len": 0});
        for name in ["frame", "icmp", "ip", "icmp.type", "tcp.len"] {
            assert!(present(&frame, name), "{name}");
        }
        for name in ["udp", "fate", "icmp.mtu", "event", "i"] {
            assert!(!present(&frame, name), "{name}");
        }
        let fate = json!({"kind": "event", "what": "fate", "frame.number": 1, "fate": "dropped"});
        assert!(present(&fate, "fate") && !present(&fate, "frame"));
        assert!(present(&json!({"kind": "push", "way": "polling"}), "push"));
    }
}
