//! A quiz that is left in the middle, and gone on with.

use super::child::{self, Folder};
use super::typed;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Who stops in the middle has lost nothing, and is told that it is not all.
#[test]
fn what_was_answered_before_a_quiz_was_left_is_kept() {
    let own = Folder::new();
    let folder = own.path();
    let file = folder.join("left.json");
    let name = file.to_str().unwrap();
    let (code, _, err) = typed(&["lab", "run", "4", "--quiz", "--answers", name], "3\n2\n");
    assert_eq!(code, 2, "{err}");
    let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&kept["complete"], &kept["pass"]), (&false.into(), &false.into()));
    assert_eq!(
        (&kept["predictions"][0]["predicted"], &kept["predictions"][0]["right"]),
        (&"3".into(), &false.into())
    );
    let (code, out, _) = typed(&["lab", "grade", name], "");
    assert!(code == 1 && out.contains("no capture of run 2"), "{out}");
}

/// The same command goes on where a quiz was left, however that was: what was committed is neither asked again nor changed.
#[test]
fn a_quiz_that_was_left_goes_on_with_the_first_question_without_an_answer() {
    let own = Folder::new();
    let file = own.file("ada.json");
    let line = ["lab", "run", "4", "--quiz", "--student", "ada", "--answers", &file];
    let (code, out, err) = typed(&line, "3\n");
    assert!(code == 2 && !out.contains("$ layerlab") && out.ends_with("\n"), "{out}");
    let told = format!("1 of 3 predictions is kept in {file}: the same command goes on with the next");
    assert!(err.contains(&told), "{err}");
    // What was kept stays kept while it goes on, also where that is left by a signal, in the middle of a line.
    let kept = || serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    let predicted = |nth: usize| kept()["predictions"][nth]["predicted"].clone();
    let mut left = Command::new(child::LAYERLAB);
    let mut left = left.args(line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    left.stdin.as_mut().unwrap().write_all(b"1\nnoth").unwrap();
    let mut shown = BufReader::new(left.stdout.take().unwrap());
    // The third question stands behind the first run's explanation.
    while kept()["predictions"].as_array().is_none_or(|all| all.len() < 2) || kept()["captures"][0].is_null()
    {
        let mut line = String::new();
        assert_ne!(shown.read_line(&mut line).unwrap(), 0, "it ended before its first run");
    }
    let signalled = Command::new("kill").args(["-TERM", &left.id().to_string()]).status().unwrap();
    assert!(signalled.success() && left.wait().unwrap().code().is_none());
    assert_eq!((predicted(0), predicted(1), &kept()["complete"]), ("3".into(), "x".into(), &false.into()));
    // Not another's, nor without the questions.
    for (more, why) in [
        (&["--student", "grace", "--quiz"][..], "holds the answers of \"ada\": go on with --student \"ada\""),
        (&["--quiz"], "--student \"ada\""),
        (&["--student", "ada"], "add --quiz to go on with it"),
    ] {
        let (code, out, err) = typed(&[&["lab", "run", "4", "--answers", &file], more].concat(), "");
        assert!(code == 2 && out.is_empty() && err.contains(why), "{more:?}: {err}");
    }
    let (code, _, err) = typed(&["lab", "run", "2", "--quiz", "--student", "ada", "--answers", &file], "");
    assert!(code == 2 && err.contains("holds answers to lab 4, "), "{err}");
    let (code, out, err) = typed(&[&line[..], &["--recall"]].concat(), "refused\n");
    assert_eq!(code, 0, "{err}{out}");
    let begin = out.split("PREDICT").next().unwrap().replace('\n', " ");
    assert!(
        begin.contains("2 of 3 predictions are kept in ") && begin.contains("stays so; you are asked"),
        "{out}"
    );
    assert!(out.contains("you:     3 (kept)") && out.contains("you:     x (kept)"), "{out}");
    assert!(out.contains("RESULT   5, not 3.") && !out.contains("From lab"), "{out}");
    // Worked out again it is one whole lab; and whole it is not gone on with any more.
    let (code, out, err) = typed(&["lab", "grade", "--json", &file], "");
    assert_eq!(code, 0, "{err}{out}");
    let grade: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&grade["predicted"], &grade["right"]), (&3.into(), &1.into()), "{grade}");
    assert_eq!(
        (&grade["missing"], &grade["remarks"]),
        (&Value::Array(vec![]), &Value::Array(vec![])),
        "{grade}"
    );
    let whole = fs::read(&file).unwrap();
    let (code, out, err) = typed(&line, "5\n");
    assert!(
        code == 2 && out.is_empty() && err.contains("gone through to its end: name another file"),
        "{err}"
    );
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn what_a_student_saw_is_not_asked_for_again() {
    let own = Folder::new();
    let file = own.file("ada.json");
    let line = ["lab", "run", "4", "--quiz", "--observe", "--student", "ada", "--answers", &file];
    let (code, _, err) = typed(&line, "5\n2\n4\nx+1\n");
    assert!(code == 2 && err.contains("2 of 3 predictions are kept"), "{err}");
    let (code, out, err) = typed(&line, "refused\nrefused\n");
    assert_eq!(code, 0, "{err}{out}");
    assert_eq!(out.matches("OBSERVE").count(), 1, "{out}");
    assert!(out.contains("You wrote that you saw 4") && out.contains("You saw it."), "{out}");
    // Whose runs have another seed each time is asked what there is to see now.
    let file = own.file("nobody.json");
    let line = ["lab", "run", "4", "--quiz", "--observe", "--answers", &file];
    assert_eq!(typed(&line, "5\n2\n4\nx+1\n").0, 2);
    let (_, out, _) = typed(&line, "5\nx+1\nrefused\nrefused\n");
    assert!(out.matches("OBSERVE").count() == 3 && !out.contains("that you saw 4"), "{out}");
}

#[test]
fn a_file_that_is_no_answers_file_is_not_written_over() {
    let own = Folder::new();
    let file = own.file("ada.json");
    for text in [
        "my essay",
        "{}",
        "{\"kind\": \"lab\", \"lab\": 4, \"title\": \"x\", \"schema\": 2, \"complete\": false}",
    ] {
        fs::write(&file, text).unwrap();
        let (code, out, err) = typed(&["lab", "run", "4", "--quiz", "--answers", &file], "5\n");
        assert!(code == 2 && out.is_empty() && err.contains("name another file, or take it away"), "{err}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let (code, _, err) = typed(&["lab", "run", "4", "--answers", own.path().to_str().unwrap()], "");
    assert!(code == 2 && err.contains("cannot be read"), "{err}");
}

/// Opening what was left takes nothing from it: the runs that were made, what was found of them, or a file of somebody's.
#[test]
fn what_was_found_before_a_lab_was_left_stays_until_its_run_is_made_again() {
    let own = Folder::new();
    let file = own.file("ada.json");
    let line = ["lab", "run", "4", "--quiz", "--answers", &file];
    let (code, _, err) = typed(&line, "3\n1\n");
    assert_eq!(code, 2, "{err}");
    let kept = || serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    let first = kept();
    assert!(!first["checks"].as_array().unwrap().is_empty() && first["captures"][0].is_string(), "{first}");
    // A number that somebody wrote there is a prediction, and a question that reads otherwise by now is another.
    let mut edited = first.clone();
    edited["predictions"][0]["predicted"] = 3.into();
    edited["predictions"][1]["ask"] = "Another?".into();
    fs::write(&file, edited.to_string()).unwrap();
    let (code, out, err) = typed(&line, "");
    assert!(code == 2 && out.contains("you:     3 (kept)"), "{out}{err}");
    for key in ["checks", "captures", "seed", "predictions"] {
        assert_eq!(kept()[key], edited[key], "{key}");
    }
    // What another program wrote in a capture's place.
    let capture = own.file("ada-1.pcapng");
    fs::write(&capture, "my notes").unwrap();
    let (code, _, err) = typed(&line, "1\n");
    assert!(code == 2 && err.contains("ada-1.pcapng is there already"), "{err}");
    assert_eq!(fs::read_to_string(&capture).unwrap(), "my notes");
}
