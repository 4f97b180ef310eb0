//! What holds for the papers: Markdown, the change log, the manifest, the top level of the house.

use super::rooms::MAY_IMPORT;
use super::source::{Code, Finding};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is a file of the house: its path and, where it is text, its text.
pub(crate) type Files = BTreeMap<String, Option<String>>;

/// What may stand at the top level.
const TOP: [&str; 17] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "clippy.toml",
    "deny.toml",
    "docs",
    "labs",
    "rustfmt.toml",
    "src",
];

/// `tests` beside [`TOP`]: always there, for this file is in it.
const MUST: [&str; 10] = [
    "tests",
    "src",
    "docs",
    "Cargo.toml",
    "Cargo.lock",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "deny.toml",
];

/// Crates that speak to an operating system: optional, so that the pure rooms build without any.
const OS_CRATES: [&str; 12] = [
    "crossterm",
    "libc",
    "mio",
    "neli",
    "netlink-packet-core",
    "netlink-packet-route",
    "netlink-sys",
    "nix",
    "pnet",
    "rustix",
    "signal-hook",
    "socket2",
];

/// The two commands that the README opens with.
const FIRST_COMMANDS: [&str; 2] = ["cargo run --release -- tour", "cargo test"];

/// The top level holds what the plan says and nothing else.
pub(crate) fn top_level(files: &Files) -> Vec<Finding> {
    let top: BTreeSet<&str> = files.keys().filter_map(|p| p.split('/').next()).collect();
    let strange = top.iter().filter(|name| !TOP.contains(*name) && **name != "tests");
    let strange = strange.map(|name| Finding::new(name, 0, "is not planned for the top level"));
    let missing = MUST.iter().filter(|name| !top.contains(*name));
    strange.chain(missing.map(|name| Finding::new(name, 0, "is missing from the top level"))).collect()
}

/// Text is UTF-8 without tabs, trailing blanks or a missing last newline. Recorded data is left as it was.
pub(crate) fn text(path: &str, text: Option<&str>) -> Vec<Finding> {
    const TEXT: [&str; 12] =
        ["md", "rs", "toml", "lock", "json", "svg", "txt", "html", "sh", "py", "csv", "lab"];
    let file = path.rsplit('/').next().unwrap_or(path);
    let extension = file.rsplit_once('.').map_or("", |(_, e)| e);
    let is_text = TEXT.contains(&extension) || !file.contains('.') || file.starts_with('.');
    if path.starts_with("tests/data/") || !is_text {
        return Vec::new();
    }
    let Some(text) = text else { return vec![Finding::new(path, 0, "is not UTF-8")] };
    let mut findings = Vec::new();
    for (n, line) in (1..).zip(text.lines()) {
        if line.contains('\t') {
            findings.push(Finding::new(path, n, "a tab"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(path, n, "blanks at the end of the line"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(path, text.lines().count(), "no newline at the end"));
    }
    findings
}

/// Relative links in Markdown lead to a file of the house, and to a heading of it where they name one.
pub(crate) fn links(path: &str, files: &Files) -> Vec<Finding> {
    let Some(Some(text)) = files.get(path) else { return Vec::new() };
    let mut findings = Vec::new();
    for (n, line) in prose(text) {
        for target in targets(&line) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() { path.to_owned() } else { resolve(path, file) };
            let folder = format!("{to}/");
            let is_folder = files.keys().any(|f| f.starts_with(&folder));
            if !files.contains_key(&to) && !is_folder {
                findings.push(Finding::new(path, n, format!("`{target}` leads nowhere")));
            } else if !anchor.is_empty() && !has_heading(files.get(&to), anchor) {
                findings.push(Finding::new(path, n, format!("`{target}`: no such heading")));
            }
        }
    }
    findings
}

/// The lines outside code blocks, numbered, without their inline code.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (n, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((n, line.split('`').step_by(2).collect::<Vec<_>>().join("")));
        }
    }
    lines
}

/// The targets of `[text](target)` and `[name]: target` in a line.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let defined = line.strip_prefix('[').and_then(|l| l.split_once("]: ")).map(|(_, target)| target.trim());
    inline.chain(defined).collect()
}

/// `to` as seen from the folder of the file at `from`.
fn resolve(from: &str, to: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn has_heading(text: Option<&Option<String>>, anchor: &str) -> bool {
    let Some(Some(text)) = text else { return false };
    let slug = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
    };
    text.lines().filter(|l| l.starts_with('#')).any(|l| slug(l.trim_start_matches('#')) == anchor)
}

/// The change log keeps a place for what is not released yet, before every release.
pub(crate) fn changelog(path: &str, text: &str) -> Vec<Finding> {
    match text.lines().find(|l| l.starts_with("## ")) {
        Some("## [Unreleased]") => Vec::new(),
        _ => vec![Finding::new(path, 0, "its first section is not `## [Unreleased]`")],
    }
}

/// The README's first two commands are the ones that show everything and test everything.
pub(crate) fn readme(path: &str, text: &str) -> Vec<Finding> {
    let mut fenced = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && !line.trim().is_empty() {
            commands.push(line.split(" #").next().unwrap_or(line).trim_start_matches("$ ").trim());
        }
    }
    if commands.iter().take(2).eq(&FIRST_COMMANDS) {
        return Vec::new();
    }
    vec![Finding::new(path, 0, format!("its first commands are not `{}`", FIRST_COMMANDS.join("` and `")))]
}

/// The manifest keeps what other files say of it.
pub(crate) fn manifest(path: &str, text: &str) -> Vec<Finding> {
    const FACTS: [&str; 8] = [
        "license = \"MIT OR Apache-2.0\"",
        "readme = \"README.md\"",
        "edition = \"2024\"",
        "unsafe_code = \"deny\"",
        "unreachable_pub = \"warn\"",
        "missing_docs = \"warn\"",
        "print_stdout = \"warn\"",
        "print_stderr = \"warn\"",
    ];
    let missing = FACTS.iter().filter(|fact| !text.lines().any(|l| l.trim() == **fact));
    let missing = missing.map(|fact| Finding::new(path, 0, format!("lacks `{fact}`")));
    // What only tests use is in no build of the program.
    let mut for_tests = false;
    let forced = (1..).zip(text.lines()).filter(|(_, line)| {
        if line.starts_with('[') {
            for_tests = line.contains("dev-dependencies");
        }
        let name = line.split([' ', '=', '.']).next().unwrap_or_default();
        !for_tests && OS_CRATES.contains(&name) && line.contains('=') && !line.contains("optional = true")
    });
    let forced =
        forced.map(|(n, _)| Finding::new(path, n, "a crate of the operating system must be optional"));
    missing.chain(forced).collect()
}

/// The table in `docs/architecture.md` says what [`MAY_IMPORT`] enforces.
pub(crate) fn table(path: &str, text: &str) -> Vec<Finding> {
    let words = |cell: &str| -> BTreeSet<String> { cell.split(',').map(|w| w.trim().to_owned()).collect() };
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let rows = text.lines().skip_while(|l| !l.starts_with("| room |")).skip(2);
    for row in rows.take_while(|l| l.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        if let [rooms, allowed, ..] = cells.as_slice() {
            let allowed =
                words(allowed).into_iter().filter(|w| w != "nothing of ours").collect::<BTreeSet<_>>();
            said.extend(words(rooms).into_iter().map(|room| (room, allowed.clone())));
        }
    }
    let mut findings = Vec::new();
    for (room, allowed) in MAY_IMPORT {
        let enforced: BTreeSet<String> = allowed.iter().map(|a| (*a).to_owned()).collect();
        if said.remove(room).as_ref() != Some(&enforced) {
            findings.push(Finding::new(
                path,
                0,
                format!("the table's row for `{room}` is not what is enforced"),
            ));
        }
    }
    findings.extend(
        said.keys().map(|room| Finding::new(path, 0, format!("the table's row `{room}` is no room"))),
    );
    findings
}

/// Every fuzz target is declared, everything declared is there, and every `fuzz_...` body that stands beside
/// the code it tries (so that it keeps compiling) is called by a target.
pub(crate) fn fuzz_targets(files: &Files) -> Vec<Finding> {
    const MANIFEST: &str = "tests/fuzz/Cargo.toml";
    const FOLDER: &str = "tests/fuzz/fuzz_targets/";
    let targets: Vec<&String> = files.keys().filter(|p| p.starts_with(FOLDER)).collect();
    let Some(Some(manifest)) = files.get(MANIFEST) else {
        return vec![Finding::new(MANIFEST, 0, "is missing")];
    };
    let declared: Vec<String> = manifest
        .lines()
        .filter_map(|l| l.trim().strip_prefix("path = \"fuzz_targets/")?.strip_suffix('"'))
        .map(|file| format!("{FOLDER}{file}"))
        .collect();
    let undeclared = targets.iter().filter(|t| !declared.contains(t));
    let undeclared = undeclared.map(|t| Finding::new(t, 0, "is not declared in tests/fuzz/Cargo.toml"));
    let absent = declared.iter().filter(|d| !files.contains_key(*d));
    let absent = absent.map(|d| Finding::new(MANIFEST, 0, format!("declares {d}, which is not there")));
    let called = |body: &str| {
        let code = targets.iter().filter_map(|t| Code::read(t, files[*t].as_deref()?, true).ok());
        code.flat_map(|code| code.names).any(|name| name.text == body)
    };
    let uncalled = fuzz_bodies(files).into_iter().filter(|(_, _, body)| !called(body));
    let uncalled =
        uncalled.map(|(path, line, body)| Finding::new(path, line, format!("no fuzz target calls `{body}`")));
    undeclared.chain(absent).chain(uncalled).collect()
}

/// The functions under `src` named `fuzz_...`: path, line, name.
fn fuzz_bodies(files: &Files) -> Vec<(&str, usize, String)> {
    let mut bodies = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/") && path.ends_with(".rs")) {
        let Some(Ok(code)) = text.as_deref().map(|text| Code::read(path, text, true)) else { continue };
        for pair in code.names.windows(2) {
            if pair[0].text == "fn" && pair[1].text.starts_with("fuzz_") {
                bodies.push((path.as_str(), pair[1].line, pair[1].text.clone()));
            }
        }
    }
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(p, t)| ((*p).to_owned(), Some((*t).to_owned()))).collect()
    }

    #[test]
    fn the_top_level_is_the_planned_one() {
        let planned: Vec<(&str, &str)> = TOP.iter().chain(&["tests"]).map(|name| (*name, "")).collect();
        assert!(top_level(&house(&planned)).is_empty());
        let mut more = planned.clone();
        more.push(("notes.txt", ""));
        assert_eq!(top_level(&house(&more)).len(), 1);
        let fewer: Vec<_> = planned.into_iter().filter(|(p, _)| *p != "deny.toml").collect();
        assert_eq!(top_level(&house(&fewer)).len(), 1);
    }

    #[test]
    fn text_is_clean() {
        assert!(text("docs/a.md", Some("# A\n\ntext\n")).is_empty());
        assert_eq!(text("docs/a.md", Some("a\tb\nc \nd")).len(), 3);
        assert_eq!(text("docs/a.md", None).len(), 1);
        assert_eq!(text(".ci/run", Some("a \n")).len(), 1);
        assert!(text("docs/a.png", None).is_empty());
        assert!(text("tests/data/golden.txt", Some("a\t")).is_empty());
    }

    #[test]
    fn links_lead_somewhere() {
        let target = ("docs/b.md", "# B\n\n## The frame's life: one\n");
        let findings =
            |text| links("docs/a.md", &house(&[("docs/a.md", text), target, ("src/wire/mod.rs", "")]));
        assert!(
            findings(
                "[b](b.md) [c](../src/wire/) [d](https://example.org/x) [e](b.md#the-frames-life-one)\n"
            )
            .is_empty()
        );
        assert!(
            findings("`[x](y.md)`\n```\n[x](y.md)\n```\n# Own\n[o](#own)\n[b]: ../docs/b.md\n").is_empty()
        );
        assert_eq!(findings("[x](y.md)\n").len(), 1);
        assert_eq!(findings("[x](b.md#no-such)\n").len(), 1);
        assert_eq!(findings("[x]: y.md\n").len(), 1);
        assert_eq!(findings("[x](../src/wires)\n").len(), 1);
    }

    #[test]
    fn the_changelog_has_a_place_for_the_next_release() {
        assert!(changelog("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n").is_empty());
        assert_eq!(changelog("CHANGELOG.md", "# Changelog\n\n## [0.1.0]\n\n## [Unreleased]\n").len(), 1);
    }

    #[test]
    fn the_readme_opens_with_the_two_commands() {
        let good = "# L\n\n```sh\ncargo run --release -- tour   # a minute\ncargo test\n```\n";
        assert!(readme("README.md", good).is_empty());
        assert_eq!(readme("README.md", &good.replace("cargo test", "make")).len(), 1);
        assert_eq!(readme("README.md", "# L\n").len(), 1);
    }

    #[test]
    fn the_manifest_keeps_its_facts() {
        let good = "license = \"MIT OR Apache-2.0\"\nreadme = \"README.md\"\nedition = \"2024\"\nunsafe_code = \"deny\"\n\
            unreachable_pub = \"warn\"\nmissing_docs = \"warn\"\nprint_stdout = \"warn\"\nprint_stderr = \"warn\"\n\
            mio = { version = \"1\", optional = true }\n";
        assert_eq!(manifest("Cargo.toml", good), []);
        assert_eq!(manifest("Cargo.toml", &good.replace(", optional = true", "")).len(), 1);
        let tests = format!("{good}[dev-dependencies]\npnet = \"0.35\"\n[target.'x'.dependencies]\n");
        assert_eq!(manifest("Cargo.toml", &tests), []);
        assert_eq!(manifest("Cargo.toml", &format!("{tests}libc = \"0.2\"\n")).len(), 1);
        assert_eq!(manifest("Cargo.toml", &good.replace("\"deny\"", "\"warn\"")).len(), 1);
    }

    #[test]
    fn the_written_table_is_the_enforced_one() {
        let mut text = "| room | may import |\n|---|---|\n".to_owned();
        for (room, allowed) in MAY_IMPORT {
            let cell = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
            text += &format!("| {room} | {cell} |\n");
        }
        assert_eq!(table("docs/architecture.md", &text), []);
        assert_eq!(
            table("docs/architecture.md", &text.replace("| wire | model |", "| wire | model, stack |")).len(),
            1
        );
        assert_eq!(table("docs/architecture.md", &text.replace("| wire |", "| wirr |")).len(), 2);
        assert_eq!(table("docs/architecture.md", "").len(), MAY_IMPORT.len());
    }

    #[test]
    fn fuzz_targets_are_declared() {
        let manifest = ("tests/fuzz/Cargo.toml", "[[bin]]\nname = \"arp\"\npath = \"fuzz_targets/arp.rs\"\n");
        let arp = ("tests/fuzz/fuzz_targets/arp.rs", "");
        assert!(fuzz_targets(&house(&[manifest, arp])).is_empty());
        assert_eq!(fuzz_targets(&house(&[manifest])).len(), 1);
        assert_eq!(fuzz_targets(&house(&[manifest, arp, ("tests/fuzz/fuzz_targets/udp.rs", "")])).len(), 1);
        assert_eq!(fuzz_targets(&house(&[arp])).len(), 1);
        let body = ("src/capture/mod.rs", "pub fn fuzz_reader(data: &[u8]) {}");
        let target =
            ("tests/fuzz/fuzz_targets/arp.rs", "fuzz_target!(|d: &[u8]| layerlab::capture::fuzz_reader(d));");
        assert!(fuzz_targets(&house(&[manifest, target, body])).is_empty());
        assert_eq!(fuzz_targets(&house(&[manifest, arp, body])).len(), 1);
    }
}
