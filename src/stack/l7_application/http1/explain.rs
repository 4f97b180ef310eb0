//! A head's fields where they lie, under Wireshark's names.

use super::fields::is_token;
use crate::model::{Field, Header, Protocol, Value};
use std::ops::Range;

/// Wireshark's name for a header field that it knows by itself; others are `http.request.line` or
/// `http.response.line`.
pub fn field_name(name: &str, request: bool) -> &'static str {
    const KNOWN: [(&str, &str); 19] = [
        ("accept", "http.accept"),
        ("accept-encoding", "http.accept_encoding"),
        ("accept-language", "http.accept_language"),
        ("cache-control", "http.cache_control"),
        ("connection", "http.connection"),
        ("content-length", "http.content_length_header"),
        ("content-type", "http.content_type"),
        ("cookie", "http.cookie"),
        ("date", "http.date"),
        ("host", "http.host"),
        ("sec-websocket-accept", "http.sec_websocket_accept"),
        ("sec-websocket-extensions", "http.sec_websocket_extensions"),
        ("sec-websocket-key", "http.sec_websocket_key"),
        ("sec-websocket-protocol", "http.sec_websocket_protocol"),
        ("sec-websocket-version", "http.sec_websocket_version"),
        ("server", "http.server"),
        ("transfer-encoding", "http.transfer_encoding"),
        ("upgrade", "http.upgrade"),
        ("user-agent", "http.user_agent"),
    ];
    let known = KNOWN.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, shark)| *shark);
    known.unwrap_or(if request { "http.request.line" } else { "http.response.line" })
}

/// The fields of one whole head, `octets` up to and with its empty line, lying `base` octets into its frame.
/// Lenient: a malformed line is left out. `None` when there is no start line of HTTP/1.
pub fn head(octets: &[u8], base: usize) -> Option<Header> {
    let mut lines = Lines { octets, at: 0 };
    let start = lines.next()?;
    let mut fields = Vec::new();
    let request = start_line(octets, start, base, &mut fields)?;
    for line in lines.take_while(|line| !line.is_empty()) {
        fields.extend(field_line(octets, line, base, request));
    }
    Some(Header { protocol: Protocol::Http, at: base..base + octets.len(), fields })
}

/// The lines of a head as ranges, without their ends.
struct Lines<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let length = self.octets[start..].iter().position(|&o| o == b'\n')?;
        self.at = start + length + 1;
        let end = start + length;
        let cr = end > start && self.octets[end - 1] == b'\r';
        Some(start..end - usize::from(cr))
    }
}

fn field(name: &'static str, at: Range<usize>, base: usize, value: Value) -> Field {
    Field { name, at: at.start + base..at.end + base, bits: None, value, meaning: None }
}

fn text(octets: &[u8], at: Range<usize>) -> Value {
    Value::Text(String::from_utf8_lossy(&octets[at]).into_owned())
}

/// The three parts of the start line; whether it is a request's.
fn start_line(octets: &[u8], line: Range<usize>, base: usize, fields: &mut Vec<Field>) -> Option<bool> {
    let start = &octets[line.clone()];
    let first = line.start + start.iter().position(|&o| o == b' ')?;
    if start.starts_with(b"HTTP/1.") {
        let code_end = octets[first + 1..line.end].iter().position(|&o| o == b' ');
        let code_end = code_end.map_or(line.end, |n| first + 1 + n);
        let code = std::str::from_utf8(&octets[first + 1..code_end]).ok()?.parse().ok()?;
        fields.push(field("http.response.version", line.start..first, base, text(octets, line.start..first)));
        fields.push(field("http.response.code", first + 1..code_end, base, Value::Uint(code)));
        if code_end < line.end {
            let phrase = code_end + 1..line.end;
            fields.push(field("http.response.phrase", phrase.clone(), base, text(octets, phrase)));
        }
        return Some(false);
    }
    let last = line.start + start.iter().rposition(|&o| o == b' ')?;
    if first == last || !octets[last + 1..line.end].starts_with(b"HTTP/1.") {
        return None;
    }
    let parts = [
        ("http.request.method", line.start..first),
        ("http.request.uri", first + 1..last),
        ("http.request.version", last + 1..line.end),
    ];
    fields.extend(parts.map(|(name, at)| field(name, at.clone(), base, text(octets, at))));
    Some(true)
}

fn field_line(octets: &[u8], line: Range<usize>, base: usize, request: bool) -> Option<Field> {
    let colon = line.start + octets[line.clone()].iter().position(|&o| o == b':')?;
    let name = std::str::from_utf8(&octets[line.start..colon]).ok().filter(|name| is_token(name))?;
    let name = field_name(name, request);
    let raw = &octets[colon + 1..line.end];
    let blanks = raw.iter().take_while(|&&o| matches!(o, b' ' | b'\t')).count();
    let kept = raw.trim_ascii().len();
    let value = colon + 1 + blanks..colon + 1 + blanks + kept;
    // Wireshark's `http.request.line` is the whole line; tshark shows its CRLF too.
    let shown = if name.ends_with(".line") { line.clone() } else { value };
    Some(field(name, line, base, text(octets, shown)))
}
