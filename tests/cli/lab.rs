//! A run as its JSON lines tell it, on each backend that the caller may use.

use crate::child::{layerlab, ran};
use serde_json::Value;
use std::fs::File;

/// How the private hosts are joined here: by veth pairs always, by TAP devices where /dev/net/tun opens.
fn backends() -> &'static [&'static str] {
    match File::options().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => &["veth", "tap"],
        Err(_) => &["veth"],
    }
}

/// Runs it on every backend; a backend that refuses fails the test with the program's own sentence.
#[track_caller]
pub(crate) fn everywhere(line: &str) -> Vec<Lab> {
    everywhere_with(line, 0)
}

/// As [`everywhere`], of a run that ends with this status.
#[track_caller]
pub(crate) fn everywhere_with(line: &str, code: i32) -> Vec<Lab> {
    let labs = backends().iter().map(|backend| {
        let lab = Lab::run(&format!("{line} --backend {backend}"), code);
        assert_eq!(lab.run["backend"], *backend);
        lab
    });
    labs.collect()
}

/// A run's JSON lines.
pub(crate) struct Lab {
    pub(crate) run: Value,
    pub(crate) events: Vec<Value>,
    pub(crate) outcome: Value,
    /// What the programs of `queue demo` noted.
    pub(crate) deeds: Vec<Value>,
}

impl Lab {
    /// Runs `layerlab` with these arguments and `--json`.
    #[track_caller]
    pub(crate) fn run(line: &str, code: i32) -> Lab {
        let ran = ran(layerlab(line.split_whitespace().chain(["--json"])));
        assert_eq!(ran.code(), code, "layerlab {line}: {}{}", ran.err, ran.out);
        Lab::read(&ran.out)
    }

    /// Reads the lines, which must be what docs/json.md says: a run, its events in time order, an outcome.
    #[track_caller]
    pub(crate) fn read(lines: &str) -> Lab {
        let parse = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
            assert!(value.is_object() && value["schema"] == 1, "{line}");
            value
        };
        let mut lines: Vec<Value> = lines.lines().map(parse).collect();
        assert!(lines.len() >= 2, "{lines:?}");
        let deeds = lines.extract_if(.., |line| line["kind"] == "deed").collect();
        let (outcome, run) = (lines.pop().unwrap(), lines.remove(0));
        assert_eq!((run["kind"].as_str(), outcome["kind"].as_str()), (Some("run"), Some("outcome")));
        let mut at = 0;
        for (id, event) in (1..).zip(&lines) {
            assert_eq!((event["kind"].as_str(), event["id"].as_u64()), (Some("event"), Some(id)));
            assert!(event["cause"].is_null() || event["cause"].as_u64() < Some(id), "{event}");
            assert!(event["at_ns"].as_u64() >= Some(at), "told too late: {event}");
            at = event["at_ns"].as_u64().unwrap();
        }
        Lab { run, events: lines, outcome, deeds }
    }

    /// The events of this kind that hold to `which`.
    pub(crate) fn all(&self, what: &str, which: impl Fn(&Value) -> bool) -> Vec<&Value> {
        self.events.iter().filter(|event| event["what"] == what && which(event)).collect()
    }

    /// The frames that entered the wire.
    pub(crate) fn frames(&self) -> Vec<&Value> {
        self.all("frame", |_| true)
    }

    /// The frames of a protocol.
    pub(crate) fn of(&self, protocol: &str) -> Vec<&Value> {
        self.all("frame", |frame| frame["protocol"] == protocol)
    }

    /// The TCP segments of one direction that carry data.
    pub(crate) fn data(&self, direction: &str) -> Vec<&Value> {
        self.all("frame", |frame| frame["direction"] == direction && frame["tcp.len"].as_u64() > Some(0))
    }

    /// The frames with this note of analysis.
    pub(crate) fn noted(&self, note: &str) -> Vec<&Value> {
        self.all("frame", |frame| self::note(frame, note).is_some())
    }

    /// How calls of a side came back.
    pub(crate) fn back(&self, side: &str, call: &str) -> Vec<&Value> {
        self.all("returned", |event| event["place"] == side && event["call"] == call)
    }

    /// What those calls gave: octets, or the error's name.
    pub(crate) fn gave(&self, side: &str, call: &str) -> Vec<String> {
        let told = |event: &&Value| match (&event["errno"], &event["octets"]) {
            (Value::String(errno), _) => errno.clone(),
            (_, octets) => octets.to_string(),
        };
        self.back(side, call).iter().map(told).collect()
    }

    /// The ledger's rows.
    pub(crate) fn fates(&self) -> Vec<&Value> {
        self.all("fate", |_| true)
    }

    /// The ledger's row of a frame.
    #[track_caller]
    pub(crate) fn fate(&self, frame: &Value) -> &Value {
        let number = &frame["frame.number"];
        self.fates().into_iter().find(|fate| fate["frame.number"] == *number).expect("a fate for every frame")
    }

    /// The rows of frames that were dropped.
    pub(crate) fn dropped(&self) -> Vec<&Value> {
        self.all("fate", |fate| fate["fate"] == "dropped")
    }

    /// The states of the connections that a host's kernel still holds at the end.
    pub(crate) fn left(&self, side: &str) -> Vec<&str> {
        let told = self.all("connections", |event| event["place"] == side);
        let rows = told.iter().flat_map(|event| event["connections"].as_array().unwrap());
        rows.map(|row| row["state"].as_str().unwrap()).collect()
    }
}

/// A frame's note of this name.
pub(crate) fn note<'a>(frame: &'a Value, name: &str) -> Option<&'a Value> {
    frame["analysis"].as_array()?.iter().find(|note| note["note"] == name)
}

/// A number of an event.
#[track_caller]
pub(crate) fn number(event: &Value, key: &str) -> u64 {
    event[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {event}"))
}

/// This key's value in each of these events.
pub(crate) fn each<'a>(events: &[&'a Value], key: &str) -> Vec<&'a Value> {
    events.iter().map(|event| &event[key]).collect()
}
