//! The course: every lab on both backends with each of its changes, what `lab` says of a file that is wrong, and a
//! quiz as a student types it.

#[path = "cli/child.rs"]
#[allow(dead_code)]
mod child;

use layerlab::lab::parse::{Lab, What};
use layerlab::lab::shelf;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn labs() -> Vec<Lab> {
    shelf::LABS.iter().map(|(file, text)| Lab::parse(file, text).unwrap_or_else(|e| panic!("{e}"))).collect()
}

/// How private hosts are joined here.
fn backends() -> &'static [&'static str] {
    match File::options().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => &["veth", "tap"],
        Err(_) => &["veth"],
    }
}

/// Every fact holds, and every change breaks what it says: a check that cannot fail is none.
#[test]
fn every_lab_holds_and_breaks_where_it_says() {
    let mut wrong = Vec::new();
    for lab in labs() {
        for backend in backends() {
            let mut command = Command::new(child::LAYERLAB);
            command.args(["lab", "check", &lab.number.to_string(), "--changes", "--backend", backend]);
            // A lab with its changes is many runs, so it has no guard but each run's own.
            let output = command.stdin(Stdio::null()).output().expect("layerlab starts");
            if output.status.code() != Some(0) {
                let said = [output.stdout, output.stderr].concat();
                wrong.push(format!("lab {} on {backend}:\n{}", lab.number, String::from_utf8_lossy(&said)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fact_is_broken_by_a_change() {
    for lab in labs() {
        let (mut facts, mut broken) = (BTreeSet::new(), BTreeSet::new());
        for part in &lab.parts {
            match &part.what {
                What::Check(all) => {
                    facts.extend(all.iter().filter(|s| !s.is_let).map(|s| s.name.clone()));
                    for fact in all.iter().filter(|s| !s.is_let) {
                        assert!(
                            !fact.words.is_empty() || fact.name == "fins" || fact.name == "offset",
                            "{}: {}",
                            lab.file,
                            fact.name
                        );
                    }
                }
                What::Change(change) => broken.extend(change.breaks.iter().cloned()),
                _ => {}
            }
        }
        let never: Vec<_> = facts.difference(&broken).collect();
        assert!(never.is_empty(), "{}: no change breaks {never:?}", lab.file);
    }
}

/// The shelf has every file of `labs/`, the contents name every lab, and a student sees at least one question and
/// one thing to change.
#[test]
fn the_shelf_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("labs");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| format!("labs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|file| file.ends_with(".md") && file != "labs/README.md")
        .collect();
    files.sort();
    assert_eq!(files, shelf::LABS.iter().map(|(file, _)| (*file).to_owned()).collect::<Vec<_>>());
    let contents = fs::read_to_string(folder.join("README.md")).unwrap();
    for lab in labs() {
        let row = format!("[{}]({})", lab.title, lab.file.trim_start_matches("labs/"));
        assert!(contents.contains(&row), "labs/README.md lacks {row}");
        assert!(lab.file.starts_with(&format!("labs/{:02}-", lab.number)), "{}", lab.file);
        let has = |what: fn(&What) -> bool| lab.parts.iter().any(|part| !part.hidden && what(&part.what));
        assert!(has(|what| matches!(what, What::Predict(_))), "{}", lab.file);
        assert!(has(|what| matches!(what, What::Change(_))), "{}", lab.file);
    }
}

/// What a student types, and what stands there then.
fn typed(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(child::LAYERLAB);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_quiz_shows_nothing_before_it_is_answered() {
    let answers = std::env::temp_dir().join(format!("layerlab-answers-{}.json", std::process::id()));
    let file = answers.to_str().unwrap();
    let (code, out, err) = typed(&["lab", "run", "4", "--quiz", "--answers", file], "3\nperhaps\n2\n");
    assert_eq!(code, 0, "{err}{out}");
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("no {text:?} in {out}"));
    let run = at("$ layerlab tcp echo hello");
    // The question, what was no answer, and only then the run; the result beside the prediction after it.
    assert!(at("PREDICT  How many frames") < run && at("write one of: x, x+1") < run);
    assert!(run < at("RESULT   5, not 3.") && at("RESULT   5, not 3.") < at("Many say 3: the handshake"));
    assert!(at("RESULT   x+1, as you said.") < at("## Why"));
    assert!(!out[..run].contains("ARP") && !out[..run].contains("order:"), "{}", &out[..run]);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&answers).unwrap()).unwrap();
    fs::remove_file(&answers).unwrap();
    assert_eq!((&kept["lab"], &kept["pass"]), (&4.into(), &true.into()));
    let first = &kept["predictions"][0];
    assert_eq!(
        (&first["predicted"], &first["observed"], &first["right"]),
        (&"3".into(), &"5".into(), &false.into())
    );
    assert_eq!(kept["checks"][0]["verdict"], "holds");
}

#[test]
fn without_an_answer_a_quiz_shows_nothing() {
    let (code, out, err) = typed(&["lab", "run", "4", "--quiz"], "");
    assert_eq!(code, 2, "{err}");
    assert!(!out.contains("$ layerlab"), "{out}");
    assert!(err.contains("leave out --quiz"), "{err}");
}

#[test]
fn what_a_student_is_shown_has_no_answers() {
    let (_, shown, _) = typed(&["lab", "show", "4"], "");
    assert!(shown.contains("PREDICT") && shown.contains("    layerlab tcp echo hello\n"), "{shown}");
    assert!(!shown.contains("count(") && !shown.contains("often") && !shown.contains("breaks"), "{shown}");
    assert!(typed(&["lab", "show", "4", "--teacher"], "").1.contains("breaks: "));
}

#[test]
fn a_student_has_parameters_of_their_own() {
    let of = |id: &str| {
        let (code, out, err) = typed(&["lab", "check", "2", "--student", id, "--json"], "");
        assert_eq!(code, 0, "{id}: {err}{out}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let (one, again) = (of("ada"), of("ada"));
    assert_eq!(one["seed"], again["seed"]);
    assert_eq!(one["student"], "ada");
    assert_ne!(one["seed"], of("grace")["seed"]);
}

/// A capture in the place of a run: what is about system calls is left open, the rest is checked.
#[test]
fn a_capture_is_checked_too() {
    let file = std::env::temp_dir().join(format!("layerlab-lab21-{}.pcapng", std::process::id()));
    let capture = file.to_str().unwrap();
    let ran = child::ran(child::layerlab(["ws", "echo", "hello", "--quiet", "--capture", capture]));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let (code, out, err) = typed(&["lab", "check", "21", "--capture", capture], "");
    assert_eq!(code, 0, "{err}{out}");
    let (code, out, _) = typed(&["lab", "check", "22", "--capture", capture], "");
    assert_eq!((code, out.as_str()), (2, ""), "a capture for each run");
    let (code, out, _) = typed(&["lab", "check", "2", "--capture", capture, "--capture", capture], "");
    assert!(code == 1 && out.contains("NOT SO"), "{out}");
    fs::remove_file(&file).unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let folder = std::env::temp_dir().join(format!("layerlab-labs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("mine.md");
    let (_, lab) = shelf::LABS.iter().find(|(file, _)| file.contains("04-")).unwrap();
    fs::write(
        &file,
        lab.replace("let syn = first(tcp.flags == 0x0002)", "let syn = first(tcp.flags = 0x0002)"),
    )
    .unwrap();
    let name = file.to_str().unwrap();
    let (code, out, err) = typed(&["lab", "check", name], "");
    assert_eq!((code, &*out), (2, ""));
    let line = lab.lines().position(|line| line.starts_with("let syn")).unwrap() + 1;
    assert!(err.contains(&format!("mine.md:{line}: in \"first(tcp.flags = 0x0002)\", column 17")), "{err}");
    assert!(err.contains("write `==`"), "{err}");
    fs::remove_dir_all(&folder).unwrap();
    let (code, _, err) = typed(&["lab", "check", "99"], "");
    assert!(code == 2 && err.contains("layerlab lab list"), "{err}");
}

/// Where no private network can be had, that is this machine's doing and no failed check.
#[test]
fn a_missing_privilege_is_no_failed_check() {
    // Room for no user namespace, and no capability to do without one.
    const NO_USER_NAMESPACES: &str = "echo 0 > /proc/sys/user/max_user_namespaces || exit 77
        exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"";
    let ran = child::ran(child::in_namespace("", NO_USER_NAMESPACES, &["lab", "check", "4"]));
    assert_eq!(ran.code(), 3, "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("NOT SO"), "{}", ran.out);
}
