//! `layerlab lab`: what it says of a file that is wrong, a quiz as a student types it, captures and grades. The labs
//! themselves are run by tests/course.rs.

#[path = "cli/child.rs"]
#[allow(dead_code)]
mod child;
#[path = "labs/grade.rs"]
mod grade;
#[path = "labs/left.rs"]
mod left;
#[path = "labs/sheet.rs"]
mod sheet;

use child::Folder;
use layerlab::lab::parse::{Lab, What};
use layerlab::lab::shelf;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn labs() -> Vec<Lab> {
    shelf::LABS.iter().map(|(file, text)| Lab::parse(file, text).unwrap_or_else(|e| panic!("{e}"))).collect()
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
    let folder = Folder::new();
    let file = &*folder.file("ada.json");
    let (code, out, err) =
        typed(&["lab", "run", "4", "--quiz", "--answers", file], "3\nperhaps\n2\nrefused\n");
    assert_eq!(code, 0, "{err}{out}");
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("no {text:?} in {out}"));
    let run = at("$ layerlab tcp echo hello");
    // The question, what was no answer, and only then the run; the result beside the prediction after it.
    assert!(
        at("PREDICT  How many frames") < run && at("write one of these, or its number: 1 x; 2 x+1") < run
    );
    assert!(run < at("RESULT   5, not 3.") && at("RESULT   5, not 3.") < at("Many say 3: the handshake"));
    assert!(at("RESULT   x+1, as you said.") < at("## Why"));
    assert!(!out[..run].contains("ARP") && !out[..run].contains("order:"), "{}", &out[..run]);
    let kept: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!((&kept["lab"], &kept["pass"]), (&4.into(), &true.into()));
    let first = &kept["predictions"][0];
    assert_eq!(
        (&first["predicted"], &first["observed"], &first["right"]),
        (&"3".into(), &"5".into(), &false.into())
    );
    assert_eq!(kept["checks"][0]["verdict"], "holds");
}

/// Predict, observe, explain: what was seen is asked for before anything is told, and worked out again by the grade.
#[test]
fn what_was_seen_is_asked_for_before_it_is_told() {
    let own = Folder::new();
    let folder = own.path();
    let file = folder.join("ada.json");
    let name = file.to_str().unwrap();
    let line = ["lab", "run", "4", "--quiz", "--observe", "--answers", name];
    let (code, out, err) = typed(&line, "3\n2\n5\nx\n2\n2\n");
    assert_eq!(code, 0, "{err}{out}");
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("no {text:?} in {out}"));
    assert!(at("$ layerlab tcp echo hello") < at("OBSERVE  How many frames"));
    assert!(
        at("OBSERVE  The SYN") < at("RESULT   5, not 3.") && at("RESULT   5, not 3.") < at("You saw it.")
    );
    assert!(at("You wrote that you saw x") > at("RESULT   x+1, as you said."), "{out}");
    let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let first = &kept["predictions"][0];
    assert_eq!((&first["observed_typed"], &first["observed_right"]), (&"5".into(), &true.into()));
    // What the file says of itself has no weight.
    let text =
        fs::read_to_string(&file).unwrap().replace("\"observed_typed\": \"5\"", "\"observed_typed\": \"7\"");
    fs::write(&file, text).unwrap();
    let (_, out, err) = typed(&["lab", "grade", "--json", name], "");
    let grade: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!((&grade["observed"], &grade["observed_right"]), (&3.into(), &1.into()));
}

/// Lab 4 has a lab two before it, and none five before.
#[test]
fn what_was_learned_is_asked_for_again() {
    let (code, out, err) = typed(&["lab", "run", "4", "--quiz", "--recall"], "71\n5\n2\n2\n");
    assert_eq!(code, 0, "{err}{out}");
    let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("no {text:?} in {out}"));
    assert!(
        at("From lab 2: ") < at("RESULT   71, as you said.") && at("RESULT   71") < at("RESULT   5, as"),
        "{out}"
    );
    assert_eq!(out.matches("From lab").count(), 1);
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

/// A question is about what this student's run sends, and a number may be typed as people type it.
#[test]
fn a_student_is_asked_about_their_own_word() {
    let mut words = BTreeSet::new();
    for id in ["a", "b", "c", "d", "e", "f"] {
        let asked = |typed_in: &str| typed(&["lab", "run", "2", "--quiz", "--student", id], typed_in);
        let (_, out, _) = asked("");
        let word =
            out.split("PREDICT  \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        if !words.insert(word.clone()) {
            continue;
        }
        let (code, out, err) =
            asked(&format!("{} octets\nperhaps\nabout {}\n", 66 + word.len(), 42 + word.len()));
        assert_eq!(code, 0, "{err}{out}");
        assert!(out.contains(&format!("$ layerlab tcp echo {word}\n")), "{out}");
        assert!(out.matches(", as you said.").count() == 2 && out.contains("write one number, "), "{out}");
    }
    assert!(words.len() > 1, "{words:?}");
}

/// Answers are worked out again from the captures beside them, and not believed.
#[test]
fn answers_are_worked_out_again() {
    let own = Folder::new();
    let folder = own.path();
    let file = folder.join("ada-04.json");
    let name = file.to_str().unwrap();
    let (code, out, err) =
        typed(&["lab", "run", "4", "--quiz", "--student", "ada", "--answers", name], "5\n1\n2\n");
    assert_eq!(code, 0, "{err}{out}");
    let (code, out, err) = typed(&["lab", "grade", "--json", name], "");
    assert_eq!(code, 0, "{err}{out}");
    let grade: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&grade["seed"], &grade["pass"], &grade["student"]),
        (&"own".into(), &true.into(), &"ada".into())
    );
    assert_eq!((&grade["predicted"], &grade["right"]), (&3.into(), &2.into()));
    assert!(grade["holds"].as_u64() >= Some(8), "{grade}");
    // What the file claims has no weight: with another's name on it, or another lab's number, or without captures.
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, written.replace("\"ada\"", "\"grace\"")).unwrap();
    let (code, out, _) = typed(&["lab", "grade", name], "");
    assert!(code == 1 && out.contains("What is kept of run 1, 2 is another's"), "{out}");
    fs::write(&file, written.replace("\"lab\": 4", "\"lab\": 11")).unwrap();
    let (code, out, _) = typed(&["lab", "grade", "--csv", name], "");
    assert!(code == 2 && out.contains("lab 11 of the course is"), "{out}");
    fs::write(&file, written.replace("-1.pcapng", "-7.pcapng").replace("-2.pcapng", "-8.pcapng")).unwrap();
    let (code, out, _) = typed(&["lab", "grade", name], "");
    assert!(code == 1 && out.contains("No capture lies beside it"), "{out}");
    fs::write(&file, "[]").unwrap();
    assert_eq!(typed(&["lab", "grade", name], "").0, 2);
    // The captures alone say whose they are, and of which lab and run.
    let [one, two] = ["ada-04-1.pcapng", "ada-04-2.pcapng"].map(|name| folder.join(name));
    let both = [one.to_str().unwrap(), two.to_str().unwrap()];
    let (code, out, err) = typed(&["lab", "grade", "--json", both[0], both[1]], "");
    assert_eq!(code, 0, "{err}{out}");
    let grade: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&grade["student"], &grade["lab"], &grade["open"]), (&"ada".into(), &4.into(), &0.into()));
    assert!(grade["kernel"].as_str().is_some_and(|kernel| kernel.starts_with("linux")), "{grade}");
    assert_eq!(grade["checks"][0]["verdict"], "holds");
    let (code, out, _) = typed(&["lab", "grade", "--csv", both[0], both[0]], "");
    assert!(code == 2 && out.contains("both run 1 of lab 4"), "{out}");
    // One run for another, one that is cut, and one that is no capture at all.
    fs::write(&file, &written).unwrap();
    let octets = fs::read(&one).unwrap();
    fs::copy(&two, &one).unwrap();
    let (code, out, _) = typed(&["lab", "grade", name], "");
    assert!(code == 1 && out.replace("\n        ", "").contains("lab 4: this run shows nothing."), "{out}");
    for hostile in
        [&octets[..octets.len() / 2], &b"\x0a\x0d\x0d\x0a nonsense"[..], &b"\x1f\x8b\x08 nonsense"[..], b""]
    {
        fs::write(&one, hostile).unwrap();
        let (code, out, err) = typed(&["lab", "grade", name], "");
        assert!(code == 1 && !err.contains("panic"), "{out}{err}");
    }
    let (code, out, _) = typed(&["lab", "grade", "--csv", both[0]], "");
    assert!(code == 2 && out.contains("holds no answers"), "{out}");
}

/// The captures of one machine stand in for the runs of another.
#[test]
fn what_one_machine_kept_another_checks() {
    let own = Folder::new();
    let folder = own.path();
    let name = folder.to_str().unwrap();
    for lab in ["2", "15", "20"] {
        let (code, out, err) = typed(&["lab", "check", lab, "--keep", name], "");
        assert_eq!(code, 0, "{err}{out}");
        let (code, out, err) = typed(&["lab", "check", lab, "--capture", name], "");
        assert_eq!(code, 0, "{err}{out}");
        assert!(out.contains("ok  "), "{out}");
    }
}

/// What docs/labs.md says of the language is what there is.
#[test]
fn the_paper_names_every_function_and_key() {
    let paper = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/labs.md")).unwrap();
    for function in layerlab::lab::expression::Function::ALL {
        assert!(paper.contains(&format!("`{}", function.name())), "{}()", function.name());
    }
    let (_, out, _) = typed(&["lab", "check", "20", "--json"], "");
    let answers: Value = serde_json::from_str(&out).unwrap();
    for key in answers.as_object().unwrap().keys().chain(answers["checks"][0].as_object().unwrap().keys()) {
        assert!(paper.contains(&format!("`{key}`")), "{key}");
    }
}

/// A capture in the place of a run: what is about system calls is left open, the rest is checked.
#[test]
fn a_capture_is_checked_too() {
    let own = Folder::new();
    let folder = own.path();
    let capture = |name: &str, more: &[&str]| {
        let file = folder.join(name).to_str().unwrap().to_owned();
        let words = ["tcp", "echo", "hello", "--quiet", "--capture", &file];
        let ran = child::ran(child::layerlab(words.into_iter().chain(more.iter().copied())));
        (file, ran)
    };
    let ((open, ran), (closed, refused)) = (capture("open", &[]), capture("closed", &["--closed-port"]));
    assert_eq!((ran.code(), refused.code()), (0, 0), "{}{}", ran.err, refused.err);
    let (code, out, err) = typed(&["lab", "check", "4", "--capture", &open, "--capture", &closed], "");
    assert_eq!(code, 0, "{err}{out}");
    let capture = &*open;
    let (code, out, _) = typed(&["lab", "check", "22", "--capture", capture], "");
    assert_eq!((code, out.as_str()), (2, ""), "a capture for each run");
    let (code, out, _) = typed(&["lab", "check", "2", "--capture", capture, "--capture", capture], "");
    assert!(code == 1 && out.contains("NOT SO"), "{out}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let own = Folder::new();
    let folder = own.path();
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
    assert!(err.contains(&format!("mine.md:{line}: in `first(tcp.flags = 0x0002)`, column 27")), "{err}");
    assert!(err.contains("write `==`"), "{err}");
    let (code, _, err) = typed(&["lab", "check", "99"], "");
    assert!(code == 2 && err.contains("layerlab lab list"), "{err}");
}

/// A lab that needs nothing but the program: its question, fact and change are put in.
fn wheel(predict: &str, facts: &str) -> String {
    format!(
        "# Mine\n\n```lab\nnumber: 99\nmodule: Z. Mine\nminutes: 5\nlayers: 1\nneeds: nothing\n```\n\n\
         ```predict lost\nask: How many?\n{predict}\n```\n\n\
         ```run text\nlayerlab wire dice --loss 5% --frames 100 --json\n```\n\n\
         ```check\n{facts}\n```\n\n\
         ```change text\nlayerlab wire dice --frames 100 --json\nbreaks: some\n```\n\n## Sources\n\n- mine\n"
    )
}

/// A lab whose question has no answer is wrong, whatever its facts say.
#[test]
fn a_question_without_one_answer_fails_the_lab() {
    let own = Folder::new();
    let folder = own.path();
    let file = folder.join("mine.md");
    let name = file.to_str().unwrap();
    let of = |predict: &str, more: &[&str]| {
        fs::write(&file, wheel(predict, "some: first(dice).lost > 0\nall: first(dice).frames == 100"))
            .unwrap();
        let (code, out, err) = typed(&[&["lab", "check", name], more].concat(), "");
        assert_eq!(err, "");
        (code, out)
    };
    assert_eq!(of("answer: first(dice).lost", &[]).0, 0);
    assert_eq!(of("choice some: exit == 0\nchoice none: exit == 1", &[]).0, 0);
    for (predict, observed, told) in [
        (
            "answer: first(dice).latency_ns",
            "nothing",
            "no answer: what it asks for was not seen in these runs.",
        ),
        (
            "choice some: exit == 1\nchoice none: exit == 2",
            "none of these",
            "no one answer: none of its choices was",
        ),
        (
            "choice some: exit == 0\nchoice none: !(exit == 2)",
            "more than one of these",
            "no one answer: more than one",
        ),
    ] {
        let (code, out) = of(predict, &[]);
        assert_eq!(code, 1, "{out}");
        let said = format!("NOT SO   The question \"lost\" has {told}");
        assert!(out.replace("\n        ", "").contains(&said), "{out}");
        assert!(out.contains("2 of 2 facts hold, and 1 question has no one answer."), "{out}");
        let (code, out) = of(predict, &["--json"]);
        let answers: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &answers["pass"]), (1, &false.into()));
        assert_eq!(answers["predictions"][0]["observed"], observed);
    }
    // Which facts no change breaks is told, and costs nothing.
    let (code, out) = of("answer: 5", &["--changes"]);
    assert!(
        code == 0 && out.contains("2 of 2 facts hold.\n") && out.ends_with("\nNo change breaks: all\n"),
        "{out}"
    );
    assert!(!of("answer: 5", &[]).1.contains("No change"));
    // One that a change was to break, and did not, fails the lab, in every form.
    let lab = fs::read_to_string(&file).unwrap();
    fs::write(&file, lab.replace("breaks: some", "breaks: all")).unwrap();
    let (code, out, err) = typed(&["lab", "check", name, "--changes", "--json"], "");
    let answers: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!((code, &answers["pass"]), (1, &false.into()));
}

/// A pipe that nobody writes into is not waited for.
#[cfg(unix)]
#[test]
fn a_pipe_with_a_name_is_no_file() {
    let own = Folder::new();
    let pipe = own.path().join("pipe").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for words in [
        &["check", &pipe][..],
        &["run", &pipe],
        &["show", &pipe],
        &["worksheet", &pipe],
        &["grade", &pipe],
        &["grade", "--lab", &pipe, "a.json"],
        &["check", "4", "--capture", &pipe, "--capture", &pipe],
        &["check", "/dev/zero"],
    ] {
        let (code, out, err) = typed(&[&["lab"], words].concat(), "");
        assert!(code == 2 && (out + &err).contains("no file"), "{words:?}: {code} {err}");
    }
    let (_, lab) = shelf::LABS.iter().find(|(file, _)| file.contains("04-")).unwrap();
    let (code, _, err) = typed(&["lab", "show", "/dev/stdin"], lab);
    assert_eq!(code, 0, "what is piped in is read: {err}");
}

/// What was typed wrong is status 2, and nothing is claimed before it is seen.
#[test]
fn what_was_typed_wrong_is_no_answer() {
    let own = Folder::new();
    let folder = own.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (_, lab) = shelf::LABS.iter().find(|(file, _)| file.contains("04-")).unwrap();
    let [mine, latin, dir, wrong] = ["mine.md", "latin.md", "", "wrong.md"].map(path);
    fs::write(&mine, lab.replace("number: 4\n", "number: 99\n")).unwrap();
    fs::write(&latin, [lab.as_bytes(), b"\ncaf\xe9\n"].concat()).unwrap();
    fs::write(&wrong, lab.replacen("layerlab tcp echo hello\n", "layerlab tcp echo hello --delayy\n", 1))
        .unwrap();
    let nofile = path("nofile.md");
    for words in ["check", "run", "show", "worksheet"] {
        for (file, part) in [
            (&nofile, "no file that can be read: No such file"),
            (&dir, "no file that can be read: Is a directory"),
            (&latin, &*format!("latin.md:{}: a character here is not in UTF-8", lab.lines().count() + 2)),
            (&wrong, "`layerlab tcp echo hello --delayy`: unexpected argument '--delayy' found"),
        ] {
            let (code, out, err) = typed(&["lab", words, file], "");
            assert!((code, &*out) == (2, "") && err.contains(part), "{words} {file}: {code} {out}{err}");
        }
    }
    for (words, part) in [
        (
            &["check", "5", "--capture", &dir][..],
            "05-1.pcapng is not there: `layerlab lab check 5 --keep DIR`",
        ),
        (&["check", "4", "--capture", &nofile, "--capture", &nofile], "nofile.md is not there"),
        (&["check", "4", "--keep", "/proc/x"], "--keep /proc/x cannot be made"),
        (&["check", &mine, "--capture", &dir], &*format!("`layerlab lab check {mine} --keep DIR`")),
        (&["check", &mine, "--recorded"], "mine.md: layerlab carries recordings of the course alone"),
        (&["check", "4", &mine, "--recorded"], "no recording of"),
        (&["run", &mine, "--recorded"], "no recording of"),
    ] {
        let (code, out, err) = typed(&[&["lab"], words].concat(), "");
        assert!((code, &*out) == (2, "") && err.contains(part), "{words:?}: {code} {out}{err}");
    }
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
