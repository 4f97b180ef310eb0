//! Steps of a run that was told as JSON lines (docs/json.md): the same blocks, from the same facts.

use super::super::blocks::{Block, Blocks, End, Joint, Rung};
use super::super::ladder::short;
use super::super::text::{NO_BREAK, ms, safe};
use crate::model::{Direction, Evidence, Located, Place, Protocol, Side, Time};
use serde_json::Value;

impl Blocks {
    /// What is to be shown now that this line came, with its octets and what else is to be seen of it; nothing for a
    /// line that is no event.
    pub(super) fn told(&mut self, line: &Value, bytes: Option<Located>, info: &str) -> Vec<Block> {
        let Some(block) = block(line, bytes, self.ellipsis()) else { return Vec::new() };
        let info = Some(info).filter(|info| !info.is_empty()).map(|info| safe(info, true));
        let (joint, block) = joint(line, Block { info, ..block });
        let id = line["id"].as_u64().unwrap_or(0);
        self.join(id, line["cause"].as_u64(), joint, block)
    }
}

fn block(line: &Value, bytes: Option<Located>, ellipsis: &str) -> Option<Block> {
    let text = |key: &str| line[key].as_str();
    let what = text("what")?;
    let sentence = safe(text("sentence")?, true);
    let protocol = text("protocol").and_then(|name| Protocol::ALL.into_iter().find(|p| p.name() == name))?;
    let mut notes: Vec<String> = line["notes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|note| note["kind"] != "blind_spot")
        .filter_map(|note| note["text"].as_str().map(|text| safe(text, true)))
        .collect();
    let source = text("cite").map(|cite| format!("[{}]", safe(cite, true)));
    // A sentence is `head: note; note [source]`.
    let bare =
        source.as_ref().and_then(|source| sentence.strip_suffix(source)).unwrap_or(&sentence).trim_end();
    let head = bare.strip_suffix(&format!(": {}", notes.join("; "))).unwrap_or(bare).to_owned();
    // A call's own page in the manual has its name: the line says it already.
    let page = |source: &String| source.trim_start_matches('[').split('(').next().map(str::to_owned);
    let own = |source: &String| {
        page(source).is_some_and(|page| text("call").is_some_and(|call| call.starts_with(&page)))
    };
    let label = match text("call") {
        None => short(&head, ">"),
        Some(call) if what == "called" => format!("{call}() {ellipsis}"),
        Some(call) => match text("errno") {
            Some(errno) => format!("{call}() {errno}"),
            None => {
                let value = line["new_fd"].as_u64().or(line["octets"].as_u64()).unwrap_or(0);
                format!("{call}() = {value}")
            }
        },
    };
    let direction = match text("heading") {
        Some("to-server") => Some(Direction::ToServer),
        Some("to-client") => Some(Direction::ToClient),
        _ => None,
    };
    let crosses = matches!(what, "frame" | "websocket" | "queue");
    let mut source = source.filter(|source| !own(source)).map(|source| source.replace(' ', NO_BREAK));
    if let Some(note) = notes.first_mut()
        && let Some(source) = source.take()
    {
        note.push_str(&format!(" {source}"));
    }
    Some(Block {
        at: Time::from_nanos(line["at_ns"].as_u64()?),
        place: match text("place")? {
            "client" => Place::Host(Side::Client),
            "server" => Place::Host(Side::Server),
            other => match other.strip_prefix("router").and_then(|hop| hop.parse().ok()) {
                Some(hop) => Place::Router(hop),
                None => Place::Wire,
            },
        },
        alarm: line["ok"] == false || matches!(what, "wire" | "wire_set"),
        standing: protocol.standing(),
        evidence: match text("evidence")? {
            "frame" => Evidence::Frame,
            "ledger" => Evidence::Ledger,
            "syscall" => Evidence::Syscall,
            _ => Evidence::Inferred,
        },
        head,
        source,
        notes,
        info: None,
        label,
        rung: direction.filter(|_| crosses).map(|direction| Rung {
            direction,
            end: End::Arrives,
            carried: what != "frame",
        }),
        bytes,
        picture: None,
    })
}

/// How it goes with its neighbours.
fn joint(line: &Value, mut block: Block) -> (Joint, Block) {
    let joint = match line["what"].as_str() {
        Some("called") => Joint::Called,
        Some("returned") => Joint::Returned,
        Some("frame") => Joint::Frame,
        Some("fate") => {
            let end = match line["fate"].as_str() {
                Some("dropped") => End::Lost,
                Some("duplicated") => End::Twice,
                _ => End::Arrives,
            };
            let deliveries = line["deliveries"].as_array();
            let touched =
                |copy: &Value| ["reordered", "corrupted", "held"].iter().any(|key| !copy[key].is_null());
            let shown = end != End::Arrives || deliveries.is_some_and(|copies| copies.iter().any(touched));
            if shown {
                block.alarm = true;
            } else {
                let arrives = line["deliveries"][0]["at_ns"].as_u64();
                let arrives = arrives.filter(|at| line["entered_ns"].as_u64().is_some_and(|from| from < *at));
                block.head = match arrives {
                    Some(at) => format!(", arrives{NO_BREAK}{}", ms(Time::from_nanos(at))),
                    None => String::new(),
                };
            }
            Joint::Fate { end, shown }
        }
        _ => Joint::Other,
    };
    (joint, block)
}
