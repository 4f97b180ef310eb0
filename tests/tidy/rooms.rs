//! Who may import whom, and what each room must not contain.

use super::source::{Code, Finding, Path};
use std::collections::BTreeMap;

/// The table of `docs/architecture.md`, row by row: what is not listed is forbidden.
pub(crate) const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("stack", &["model"]),
    ("wire", &["model"]),
    ("capture", &["model"]),
    ("host", &["model"]),
    ("narrate", &["model"]),
    ("report", &["model"]),
    ("sim", &["model", "stack", "wire"]),
    ("dissect", &["model", "stack", "capture"]),
    ("live", &["model", "stack", "wire", "host"]),
    ("lab", &["model", "stack", "wire", "capture", "host", "narrate", "report", "sim", "dissect", "live"]),
    (
        "cli",
        &["model", "stack", "wire", "capture", "host", "narrate", "report", "sim", "dissect", "live", "lab"],
    ),
    // src/main.rs: parse, run, exit status.
    ("main", &["cli"]),
];

/// Rooms that read no clock, socket, file, environment or randomness: everything is passed in.
const PURE: [&str; 8] = ["model", "stack", "wire", "capture", "dissect", "sim", "narrate", "report"];

/// Names that a pure room never uses, however they were brought in.
const IMPURE_NAMES: [&str; 23] = [
    "Instant",
    "SystemTime",
    "UNIX_EPOCH",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "ToSocketAddrs",
    "OpenOptions",
    "stdin",
    "stdout",
    "stderr",
    "thread_rng",
    "ThreadRng",
    "OsRng",
    "SysRng",
    "getrandom",
    "from_os_rng",
    "libc",
    "mio",
    "socket2",
];

/// Paths that a pure room never uses, in whole or by what lies below them.
const IMPURE_PATHS: [&str; 7] =
    ["std::fs", "std::env", "std::process", "std::thread", "std::os", "rand::rng", "rand::random"];

/// The room of a file under `src`, or `None` for `lib.rs`, which only lists them.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    match first.strip_suffix(".rs") {
        Some("lib") => None,
        Some(file) => Some(file),
        None => Some(first),
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// A room imports only what the table lists, and nothing hides what it imports.
pub(crate) fn imports(path: &str, text: &str) -> Vec<Finding> {
    let Some(room) = room(path) else { return Vec::new() };
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
        return vec![Finding::new(path, 0, format!("`{room}` is no room of docs/architecture.md"))];
    };
    let code = match Code::read(path, text, true) {
        Ok(code) => code,
        Err(finding) => return vec![finding],
    };
    let own = |p: &&Path| p.segments.first().is_some_and(|s| s == "crate");
    let complaint = |p: &Path| match p.segments.get(1).map(String::as_str) {
        None if p.renamed => {
            Some("renames the crate: imports under the new name are out of sight".to_owned())
        }
        None => None,
        Some("*") => Some("imports the whole crate".to_owned()),
        Some(other) if other == room || allowed.contains(&other) => None,
        Some(other) => Some(format!("`{room}` may not import `{other}`")),
    };
    let found = |p: &Path| complaint(p).map(|what| Finding::new(path, p.line, what));
    code.paths.iter().filter(own).filter_map(found).collect()
}

/// The layer that a file of `stack`, or a path into it, belongs to: 7 for `l7_application`. `None` for what
/// the layers share.
fn layer<S: AsRef<str>>(segments: &[S]) -> Option<u8> {
    let name = segments.first()?.as_ref();
    name.strip_prefix('l')?.split('_').next()?.parse().ok()
}

/// Inside `stack` a layer imports only layers below it, and its own. What the layers share (a file directly in
/// `stack`) counts as high as the highest layer that it imports itself.
pub(crate) fn layers(files: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // module of stack -> the modules of stack that it imports, with lines
    let mut imports: BTreeMap<String, Vec<(String, usize, String)>> = BTreeMap::new();
    for (path, text) in files {
        let Some(inside) = path.strip_prefix("src/stack/") else { continue };
        let Ok(code) = Code::read(path, text, true) else { continue };
        let module = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs").to_owned();
        let list = imports.entry(module).or_default();
        for p in &code.paths {
            if let [krate, stack, below, ..] = p.segments.as_slice()
                && krate == "crate"
                && stack == "stack"
            {
                list.push((path.clone(), p.line, below.clone()));
            }
        }
    }
    let height = |module: &str| -> u8 {
        let (mut seen, mut todo, mut height) = (Vec::new(), vec![module.to_owned()], 0);
        while let Some(m) = todo.pop() {
            if seen.contains(&m) {
                continue;
            }
            match layer(&[&m]) {
                Some(n) => height = height.max(n),
                None => todo.extend(imports.get(&m).into_iter().flatten().map(|(_, _, below)| below.clone())),
            }
            seen.push(m);
        }
        height
    };
    for (module, list) in &imports {
        let Some(mine) = layer(&[module]) else { continue };
        for (path, line, below) in list {
            // What `mod.rs` re-exports has no module of its own: it is as high as `mod.rs`.
            let known = imports.contains_key(below);
            let theirs = height(if known { below } else { "mod" });
            if theirs > mine {
                let what = format!("layer {mine} imports `stack::{below}`, which is layer {theirs}");
                findings.push(Finding::new(path, *line, what));
            }
        }
    }
    findings
}

/// `unsafe` stands under `src/host` alone, and says why: a comment with `SAFETY` just above.
pub(crate) fn unsafety(path: &str, text: &str) -> Vec<Finding> {
    let Ok(code) = Code::read(path, text, true) else { return Vec::new() };
    let lines: Vec<&str> = text.lines().collect();
    let explained = |line: usize| {
        let above = lines[..line].iter().rev().take(12);
        above.take_while(|l| !l.trim().is_empty()).any(|l| l.contains("SAFETY") || l.contains("# Safety"))
    };
    let complaint = |line| match room(path) {
        Some("host") if explained(line) => None,
        Some("host") => Some("`unsafe` without a SAFETY comment above it"),
        _ => Some("`unsafe` outside src/host"),
    };
    let uses = code.names.iter().filter(|n| n.text == "unsafe");
    uses.filter_map(|n| complaint(n.line).map(|what| Finding::new(path, n.line, what))).collect()
}

/// A pure room takes everything as an argument, tests included: a test that reads a clock is not repeatable.
pub(crate) fn purity(path: &str, text: &str) -> Vec<Finding> {
    if !room(path).is_some_and(|r| PURE.contains(&r)) {
        return Vec::new();
    }
    let Ok(code) = Code::read(path, text, true) else { return Vec::new() };
    let names = code.names.iter().filter(|n| IMPURE_NAMES.contains(&n.text.as_str()));
    let mut findings: Vec<Finding> =
        names.map(|n| Finding::new(path, n.line, format!("`{}` in a pure room", n.text))).collect();
    for p in &code.paths {
        let whole = p.segments.join("::");
        let hit = IMPURE_PATHS.iter().any(|bad| whole == *bad || whole.starts_with(&format!("{bad}::")));
        let hidden = p.segments.len() == 1 && p.renamed || whole == "std::*";
        if hit || hidden {
            findings.push(Finding::new(path, p.line, format!("`{whole}` in a pure room")));
        }
    }
    findings
}

/// Only programs print (a bench is one): the library hands its words to a writer.
pub(crate) fn prints(path: &str, text: &str) -> Vec<Finding> {
    if matches!(room(path), Some("cli" | "main")) || is_test_file(path) || path.starts_with("benches/") {
        return Vec::new();
    }
    macros(path, text, &["print", "println", "eprint", "eprintln"], "outside src/cli and src/main.rs")
}

/// No stub and no left-over probe anywhere.
pub(crate) fn stubs(path: &str, text: &str) -> Vec<Finding> {
    macros(path, text, &["todo", "unimplemented", "dbg"], "has no place in finished code")
}

/// Nothing is kept that nobody uses: the compiler's word on it is not silenced under `src`.
pub(crate) fn dead_code(path: &str, text: &str) -> Vec<Finding> {
    const SILENCED: [&str; 5] = ["dead_code", "unused", "unused_imports", "unused_variables", "unused_mut"];
    let Ok(code) = Code::read(path, text, true) else { return Vec::new() };
    let pairs = code.names.windows(2).filter(|pair| {
        let silences = matches!(pair[0].text.as_str(), "allow" | "expect");
        room(path).is_some() && silences && SILENCED.contains(&pair[1].text.as_str())
    });
    pairs.map(|pair| Finding::new(path, pair[1].line, format!("`{}` is silenced", pair[1].text))).collect()
}

fn macros(path: &str, text: &str, forbidden: &[&str], why: &str) -> Vec<Finding> {
    let Ok(code) = Code::read(path, text, true) else { return Vec::new() };
    let uses = code.names.iter().filter(|n| n.bang && forbidden.contains(&n.text.as_str()));
    uses.map(|n| Finding::new(path, n.line, format!("`{}!` {why}", n.text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_follow_the_table() {
        let bad = |path, text| !imports(path, text).is_empty();
        assert!(!bad("src/dissect/mod.rs", "use crate::{model::Event, stack::l2_link, capture::Reader};"));
        assert!(bad("src/dissect/mod.rs", "use crate::live::Pump;"));
        assert!(bad("src/wire/loss.rs", "use super::super::stack::l2_link;"));
        assert!(!bad("src/wire/loss.rs", "use super::Spec; pub(crate) fn f() {} pub(super) fn g() {}"));
        assert!(bad("src/model/event.rs", "fn f() -> crate::narrate::Words { loop {} }"));
        assert!(bad("src/capture/mod.rs", "#[cfg(test)] mod tests { use crate::stack::checksum; }"));
        assert!(bad("src/narrate/mod.rs", "use crate as lab; use lab::host;"));
        assert!(bad("src/narrate/mod.rs", "use crate::*;"));
        assert!(bad("src/toolbox/mod.rs", ""), "a room that nobody planned");
        assert!(bad("src/main.rs", "fn main() { layerlab::live::run() }"));
        assert!(!bad("src/main.rs", "fn main() { layerlab::cli::main() }"));
        assert!(!bad("src/lib.rs", "pub mod model; pub mod wire;"));
    }

    #[test]
    fn every_row_of_the_table_names_rooms() {
        let rooms: Vec<&str> = MAY_IMPORT.iter().map(|(room, _)| *room).collect();
        for (room, allowed) in MAY_IMPORT {
            assert!(allowed.iter().all(|a| rooms.contains(a) && *a != room), "row {room}");
        }
        assert!(PURE.iter().all(|p| rooms.contains(p)));
    }

    #[test]
    fn a_layer_imports_downwards() {
        let stack = |files: &[(&str, &str)]| {
            layers(&files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect())
        };
        let ip = ("src/stack/l3_internet/ipv4.rs", "pub struct Packet;");
        assert!(
            stack(&[ip, ("src/stack/l4_transport/udp.rs", "use crate::stack::l3_internet::ipv4;")])
                .is_empty()
        );
        assert_eq!(
            stack(&[ip, ("src/stack/l2_link/arp.rs", "use crate::stack::l3_internet::ipv4;")]).len(),
            1
        );
        assert_eq!(
            stack(&[ip, ("src/stack/l2_link/arp.rs", "use super::super::l3_internet::ipv4;")]).len(),
            1
        );
        // A shared file is as high as what it imports; one that imports no layer is open to all.
        let frame = ("src/stack/frame.rs", "use super::l3_internet::ipv4;");
        assert_eq!(stack(&[ip, frame, ("src/stack/l2_link/arp.rs", "use crate::stack::frame;")]).len(), 1);
        let sum = ("src/stack/checksum.rs", "pub fn f() {}");
        assert!(stack(&[ip, sum, ("src/stack/l2_link/arp.rs", "use crate::stack::checksum::f;")]).is_empty());
        // So are names that mod.rs re-exports.
        let top = ("src/stack/mod.rs", "pub use self::l3_internet::ipv4::Packet;");
        assert_eq!(stack(&[ip, top, ("src/stack/l2_link/arp.rs", "use crate::stack::Packet;")]).len(), 1);
    }

    #[test]
    fn unsafe_is_for_the_host_and_has_a_reason() {
        let code = "fn f() {\n    // SAFETY: the descriptor is ours.\n    unsafe { g() }\n}";
        assert!(unsafety("src/host/tap.rs", code).is_empty());
        assert_eq!(unsafety("src/live/pump.rs", code).len(), 1);
        assert_eq!(unsafety("src/host/tap.rs", "fn f() {\n    unsafe { g() }\n}").len(), 1);
        assert!(unsafety("src/live/pump.rs", "// unsafe\nconst S: &str = \"unsafe\";").is_empty());
    }

    #[test]
    fn pure_rooms_read_nothing() {
        let bad = |path, text| !purity(path, text).is_empty();
        for text in [
            "use std::time::Instant;",
            "use std::time::{Duration, SystemTime};",
            "use std::time; fn f() { time::Instant::now(); }",
            "use std::{fs, io};",
            "use std::net::{IpAddr, UdpSocket};",
            "fn f() { std::env::var(\"A\").ok(); }",
            "fn f() -> u8 { rand::random() }",
            "fn f() { let r = rand::rng(); }",
            "use std as s;",
            "use std::*;",
            "extern crate libc;",
            "#[cfg(test)] mod tests { use std::time::Instant; }",
        ] {
            assert!(bad("src/wire/mod.rs", text), "{text}");
            assert!(!bad("src/host/mod.rs", text), "{text}");
        }
        assert!(!bad("src/wire/mod.rs", "use std::time::Duration; use std::net::IpAddr; use std::io::Read;"));
        assert!(!bad("src/wire/mod.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\"); // std::fs, Instant"));
    }

    #[test]
    fn only_the_program_prints() {
        assert_eq!(prints("src/wire/mod.rs", "fn f() { println!(\"x\"); eprint!(\"y\") }").len(), 2);
        assert!(prints("benches/wire/main.rs", "fn f() { println!(\"x\"); }").is_empty());
        assert!(prints("src/cli/mod.rs", "fn f() { println!(\"x\"); }").is_empty());
        assert!(
            prints(
                "src/wire/mod.rs",
                "//! println!(\"x\")\nfn println() {} fn f(print: u8) -> bool { print != 1 }"
            )
            .is_empty()
        );
    }

    #[test]
    fn unused_code_is_not_kept() {
        assert_eq!(dead_code("src/live/pump.rs", "#![allow(dead_code)]\nfn f() {}").len(), 1);
        assert_eq!(
            dead_code("src/live/pump.rs", "#[expect(unused, reason = \"later\")]\nfn f() {}").len(),
            1
        );
        assert!(dead_code("src/live/pump.rs", "#[allow(unsafe_code)]\nfn f() {}").is_empty());
        assert!(dead_code("tests/a.rs", "#[allow(dead_code)]\nmod a;").is_empty());
    }

    #[test]
    fn stubs_are_found() {
        assert_eq!(
            stubs("tests/cli.rs", "fn f() { todo!() } fn g() { dbg!(1); } fn h() { unimplemented!() }").len(),
            3
        );
        assert!(stubs("tests/cli.rs", "fn todo() { /* todo!() */ }").is_empty());
    }
}
