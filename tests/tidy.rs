//! The rules of the house, as tests. Each rule is a function from a path and a text to findings, and is tried
//! beside its code on a small file that breaks it and one that keeps it; here every rule meets the real files.
//!
//! What the rules are for stands in `docs/architecture.md`.

#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/source.rs"]
mod source;

use papers::Files;
use source::Finding;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The files of the house: what git would commit, or, where there is no git, what lies there.
fn house() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    for path in tracked(root).unwrap_or_else(|| lying(root)) {
        if let Ok(bytes) = fs::read(root.join(&path)) {
            files.insert(path, String::from_utf8(bytes).ok());
        }
    }
    assert!(files.contains_key("Cargo.toml") && files.contains_key("src/lib.rs"), "the house was not found");
    files
}

/// What git tracks, and what is new and not ignored below the top level (a capture that somebody left at the
/// top is not our business).
fn tracked(root: &Path) -> Option<Vec<String>> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>())
    };
    let mut paths = git(&["ls-files", "-z"])?;
    let new = git(&["ls-files", "-z", "--others", "--exclude-standard"])?;
    paths.extend(new.into_iter().filter(|p| p.contains('/')));
    (!paths.is_empty()).then_some(paths)
}

/// Every file below `root` but build output.
fn lying(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let skipped =
                ["target", ".git", "tests/fuzz/target", "tests/fuzz/corpus", "tests/fuzz/artifacts"];
            if skipped.contains(&inside.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(inside);
            }
        }
    }
    paths
}

/// Every Rust file of the house, with its text.
fn rust() -> BTreeMap<String, String> {
    let files = house().into_iter().filter(|(path, _)| path.ends_with(".rs"));
    files.filter_map(|(path, text)| text.map(|text| (path, text))).collect()
}

fn each_rust_file(rule: fn(&str, &str) -> Vec<Finding>) -> Vec<Finding> {
    rust().iter().flat_map(|(path, text)| rule(path, text)).collect()
}

fn one(path: &str, rule: fn(&str, &str) -> Vec<Finding>) -> Vec<Finding> {
    match house().get(path) {
        Some(Some(text)) => rule(path, text),
        _ => vec![Finding::new(path, 0, "is missing")],
    }
}

#[track_caller]
fn none(mut findings: Vec<Finding>) {
    findings.sort();
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} to put right:\n{}", list.len(), list.join("\n"));
}

#[test]
fn rooms_import_what_the_table_allows() {
    none(each_rust_file(rooms::imports));
}

#[test]
fn layers_import_downwards() {
    none(rooms::layers(&rust()));
}

#[test]
fn unsafe_code_is_in_host_and_explained() {
    none(each_rust_file(rooms::unsafety));
}

#[test]
fn pure_rooms_read_no_clock_socket_file_environment_or_randomness() {
    none(each_rust_file(rooms::purity));
}

#[test]
fn only_the_program_prints() {
    none(each_rust_file(rooms::prints));
}

#[test]
fn nothing_is_a_stub() {
    none(each_rust_file(rooms::stubs));
}

#[test]
fn no_file_is_too_long() {
    none(each_rust_file(files::length));
}

#[test]
fn names_say_what_is_inside() {
    none(house().keys().flat_map(|path| files::name(path)).collect());
}

#[test]
fn modules_say_what_they_are_for() {
    none(each_rust_file(files::module_docs));
}

#[test]
fn the_top_level_is_the_planned_one() {
    none(papers::top_level(&house()));
}

#[test]
fn text_is_clean() {
    none(house().iter().flat_map(|(path, text)| papers::text(path, text.as_deref())).collect());
}

#[test]
fn links_lead_somewhere() {
    let files = house();
    none(files.keys().filter(|p| p.ends_with(".md")).flat_map(|p| papers::links(p, &files)).collect());
}

#[test]
fn the_papers_say_what_is() {
    none(one("CHANGELOG.md", papers::changelog));
    none(one("Cargo.toml", papers::manifest));
    none(one("docs/architecture.md", papers::table));
}
