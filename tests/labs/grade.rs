//! `layerlab lab grade`: whose runs they are, captures that are cut, files that are none, labs of one's own.

use super::child::Folder;
use super::typed;
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

/// The answers of a student who ran a lab, in this file.
fn answered(folder: &Folder, lab: &str, student: &str, name: &str) -> String {
    let file = folder.file(name);
    let (code, out, err) = typed(&["lab", "run", lab, "--student", student, "--answers", &file], "");
    assert_eq!(code, 0, "{err}{out}");
    file
}

/// The status, and one grade a line.
fn graded(files: &[&str]) -> (i32, Vec<Value>) {
    let (code, out, err) = typed(&[&["lab", "grade", "--json"], files].concat(), "");
    let grades = out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{out}{err}")));
    (code, grades.collect())
}

/// Lab 19's commands name their seed themselves, each student another.
#[test]
fn a_lab_whose_commands_name_their_seed_is_passed_by_who_ran_it() {
    let folder = Folder::new();
    let file = answered(&folder, "19", "ada", "ada.json");
    let (code, grades) = graded(&[&file]);
    assert_eq!(
        (code, &grades[0]["seed"], &grades[0]["pass"]),
        (0, &"own".into(), &true.into()),
        "{grades:?}"
    );
    assert_eq!(grades[0]["remarks"], Value::Array(vec![]), "the file says what its captures say");
    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, written.replace("\"ada\"", "\"grace\"")).unwrap();
    let (code, grades) = graded(&[&file]);
    assert_eq!((code, &grades[0]["seed"], &grades[0]["pass"]), (1, &"other".into(), &false.into()));
}

#[test]
fn a_capture_that_is_cut_shows_nothing_and_accuses_nobody() {
    let folder = Folder::new();
    let file = answered(&folder, "2", "ada", "ada.json");
    let [one, two] = ["ada-1.pcapng", "ada-2.pcapng"].map(|name| folder.file(name));
    let octets = fs::read(&one).unwrap();
    // The stamp is the last block: its length stands at its end.
    let stamp = u32::from_le_bytes(octets[octets.len() - 4..].try_into().unwrap()) as usize;
    for (length, why) in [
        // No block ends here: their lengths are multiples of four.
        (1201, "ends in the middle"),
        (octets.len() - 7, "ends in the middle"),
        (octets.len() - stamp, "its end is missing"),
    ] {
        fs::write(&one, &octets[..length]).unwrap();
        let (code, grades) = graded(&[&file]);
        let unread = grades[0]["unread"][0].as_str().unwrap_or_default();
        assert!(code == 1 && unread.starts_with(&one) && unread.contains(why), "{length}: {grades:?}");
        let none = Value::Array(vec![]);
        assert_eq!([&grades[0]["fails"], &grades[0]["missing"], &grades[0]["remarks"]], [&none; 3]);
        assert!(grades[0]["open"].as_u64() > Some(0) && grades[0]["pass"] == false, "{grades:?}");
        let (code, out, _) = typed(&["lab", "grade", &file], "");
        assert!(code == 1 && out.starts_with("NOT YET") && !out.contains("not so"), "{out}");
    }
    fs::write(&one, &octets[..octets.len() - 7]).unwrap();
    let (code, out, err) = typed(&["lab", "check", "2", "--capture", &one, "--capture", &two], "");
    assert!(code == 2 && !out.contains("NOT SO"), "{out}{err}");
    assert!(err.contains("ada-1.pcapng: the file ends in the middle of a record, before frame"), "{err}");
    // A folder in the place of a capture.
    fs::remove_file(&one).unwrap();
    fs::create_dir(&one).unwrap();
    let (code, grades) = graded(&[&file]);
    let unread = grades[0]["unread"][0].as_str().unwrap_or_default();
    assert!(code == 1 && unread.contains("is a directory"), "{grades:?}");
}

/// What a command printed and was kept is as whole as its last line.
#[test]
fn lines_that_are_cut_are_refused_too() {
    let folder = Folder::new();
    let kept = folder.file("23-1.jsonl");
    fs::write(&kept, "{\"kind\": \"run\"}\n{\"kind\": \"pu").unwrap();
    for nth in 2..=4 {
        fs::write(folder.file(&format!("23-{nth}.pcapng")), "").unwrap();
    }
    let (code, _, err) = typed(&["lab", "check", "23", "--capture", folder.path().to_str().unwrap()], "");
    assert!(code == 2 && err.contains(&kept) && err.contains("ends in the middle of a line"), "{err}");
}

/// A few octets that unpack to very many, or frames that there is very much to say of, cost neither time nor memory.
#[test]
fn a_capture_that_unpacks_to_too_much_is_refused() {
    let folder = Folder::new();
    let file = answered(&folder, "2", "ada", "ada.json");
    let one = folder.file("ada-1.pcapng");
    let capture = fs::read(&one).unwrap();
    let block = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // A block of local use with nothing in it that anybody knows, and a packet without an octet.
    for (block, times, why) in [
        (block(&[0x8000_0001, 12, 12]), 800_000, "more than 8 MiB"),
        (block(&[6, 32, 0, 0, 0, 0, 0, 32]), 64_000, "says more than 32 MiB"),
    ] {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&capture).unwrap();
        packed.write_all(&block.repeat(times)).unwrap();
        fs::write(&one, packed.finish().unwrap()).unwrap();
        let (code, grades) = graded(&[&file]);
        let unread = grades[0]["unread"][0].as_str().unwrap_or_default();
        assert!(code == 1 && unread.contains(why) && unread.contains("ada-1.pcapng"), "{grades:?}");
    }
}

/// Each file that was given has its row, line or test, whatever became of it.
#[test]
fn a_file_that_is_none_has_its_row_and_costs_nobody_theirs() {
    let folder = Folder::new();
    let file = answered(&folder, "2", "ada", "ada.json");
    let again = folder.file("again.json");
    fs::write(&again, fs::read_to_string(&file).unwrap().replace("\"holds\"", "\"fails\"")).unwrap();
    let [none, garbage, folder_in] = ["none.json", "garbage.json", "folder"].map(|name| folder.file(name));
    fs::write(&garbage, "[]").unwrap();
    fs::create_dir(&folder_in).unwrap();
    let files = [&*none, &*file, &*garbage, &*folder_in, &*again];
    let reasons = [(&none, "cannot be read"), (&garbage, "holds no answers"), (&folder_in, "is a directory")];

    let (code, grades) = graded(&files);
    assert_eq!(code, 2);
    let of: Vec<_> = grades.iter().map(|grade| grade["file"].as_str().unwrap()).collect();
    assert_eq!(of, files);
    for (file, why) in reasons {
        let grade = grades.iter().find(|grade| grade["file"] == **file).unwrap();
        assert!(grade["lab"].is_null() && grade["pass"] == false, "{grade}");
        assert!(grade["unread"][0].as_str().unwrap().contains(why), "{grade}");
    }
    assert_eq!((&grades[1]["pass"], &grades[4]["pass"]), (&true.into(), &true.into()));
    let remarks = |nth: usize| grades[nth]["remarks"].to_string();
    assert!(remarks(1).contains("once more") && remarks(1).contains("again.json"), "{}", remarks(1));
    assert!(remarks(4).contains("says otherwise") && remarks(4).contains(".verdict"), "{}", remarks(4));

    let (code, table, err) = typed(&[&["lab", "grade", "--csv"], &files[..]].concat(), "");
    assert_eq!((code, table.lines().count()), (2, 6), "{table}");
    assert!(reasons.iter().all(|(file, _)| err.contains(&***file)), "{err}");
    let row = table.lines().find(|row| row.starts_with(&garbage)).unwrap();
    assert!(row.contains(",unknown,false,") && row.contains("holds no answers"), "{row}");

    let (code, xml, _) = typed(&[&["lab", "grade", "--junit"], &files[..]].concat(), "");
    let read = roxmltree::Document::parse(&xml).unwrap();
    let count = |name| read.descendants().filter(|node| node.has_tag_name(name)).count();
    assert_eq!((code, count("testsuite"), count("failure")), (2, 5, 3), "{xml}");
    for alone in [&*none, &*folder_in, "/dev/zero"] {
        assert_eq!(typed(&["lab", "grade", alone], "").0, 2);
    }
    // docs/labs.md has the columns in their order, and every key.
    let paper = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/labs.md")).unwrap();
    let rows = paper.split("## The grades").nth(1).unwrap().lines().filter(|line| line.starts_with("| `"));
    let (mut keys, mut columns) = (BTreeSet::new(), Vec::new());
    for row in rows {
        let names = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2);
        keys.extend(names.clone());
        columns.extend(names.filter(|_| !row.contains("(JSON alone)")));
    }
    assert_eq!(table.lines().next().unwrap().split(',').collect::<Vec<_>>(), columns);
    assert_eq!(grades[1].as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), keys);
    // A capture that was graded with its answers is not graded once more, however it is spelt.
    let capture = folder.file("folder/../ada-1.pcapng");
    let (code, grades) = graded(&[&file, &capture]);
    assert_eq!((code, grades.len()), (0, 1), "{grades:?}");
}

#[test]
fn a_lab_of_ones_own_is_graded_by_its_file() {
    let folder = Folder::new();
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/02-five-octets.md")).unwrap();
    let own = |number: &str| {
        let file = folder.file(&format!("own-{number}.md"));
        let mine = text.replace("number: 2\n", &format!("number: {number}\n")).replacen("# ", "# My ", 1);
        fs::write(&file, mine).unwrap();
        file
    };
    // A number that the course does not have.
    let lab = own("90");
    let file = answered(&folder, &lab, "ada", "ninety.json");
    let (code, grades) = graded(&[&file]);
    let unread = grades[0]["unread"][0].as_str().unwrap();
    assert!(code == 2 && unread.contains("no lab 90") && unread.contains("--lab FILE"), "{unread}");
    let (code, grades) = graded(&["--lab", &lab, &file]);
    assert_eq!((code, &grades[0]["lab"], &grades[0]["pass"]), (0, &90.into(), &true.into()), "{grades:?}");
    let [one, two] = ["ninety-1.pcapng", "ninety-2.pcapng"].map(|name| folder.file(name));
    assert_eq!(graded(&["--lab", &lab, &one, &two]).0, 0, "captures alone");
    // One that it has: the lab that is named comes first, and without it the title tells.
    let course = own("4");
    let file = answered(&folder, &course, "ada", "four.json");
    let (code, grades) = graded(&["--lab", &lab, "--lab", &course, &file]);
    assert_eq!((code, &grades[0]["pass"]), (0, &true.into()), "{grades:?}");
    let (code, grades) = graded(&[&file]);
    let unread = grades[0]["unread"][0].as_str().unwrap();
    assert!(code == 2 && unread.contains("--lab FILE") && unread.contains("\"My "), "{unread}");
    assert_eq!(grades[0]["fails"], Value::Array(vec![]), "the course's lab says nothing of it");
    let (code, _, err) = typed(&["lab", "grade", "--lab", &course, "--lab", &course, &file], "");
    assert!(code == 2 && err.contains("both lab 4"), "{err}");
    assert_eq!(typed(&["lab", "grade", "--lab", &folder.file("none.md"), &file], "").0, 2);
}

/// A capture says itself of which run it is, and whose: it stands for no other.
#[test]
fn a_capture_stands_for_its_own_run_alone() {
    let folder = Folder::new();
    let file = answered(&folder, "2", "ada", "ada.json");
    let [one, two] = ["ada-1.pcapng", "ada-2.pcapng"].map(|name| folder.file(name));
    let check = |lab: &str, captures: [&str; 2], more: &[&str]| {
        let [one, two] = captures;
        typed(&[&["lab", "check", lab, "--capture", one, "--capture", two], more].concat(), "")
    };
    let (code, out, err) = check("2", [&one, &two], &["--student", "ada"]);
    assert_eq!((code, &*err), (0, ""), "{out}");
    for (lab, captures, student, why) in [
        ("2", [&*two, &*one], "ada", "is of run 2 of lab 2, and not of run 1 of lab 2"),
        ("4", [&*one, &*two], "ada", "is of run 1 of lab 2, and not of run 1 of lab 4"),
        ("2", [&*one, &*two], "", "is ada's, who has numbers of their own: add --student ada"),
        ("2", [&*one, &*two], "bob", "is ada's, who has numbers of their own: add --student ada"),
    ] {
        let more: &[&str] = if student.is_empty() { &[] } else { &["--student", student] };
        let (code, out, err) = check(lab, captures, more);
        assert!(code == 2 && err.contains(why), "{out}{err}");
    }
    // What nobody typed here is not shown as the command: the recording says what it was.
    let (_, out, _) = check("2", [&one, &two], &["--student", "ada"]);
    let typed_then = fs::read(&one).unwrap();
    let command = out.lines().find_map(|line| line.strip_prefix("recorded: ")).unwrap();
    assert!(typed_then.windows(command.len()).any(|part| part == command.as_bytes()), "{command}");
    // Two that were exchanged.
    let spare = folder.file("spare");
    for (from, to) in [(&one, &spare), (&two, &one), (&spare, &two)] {
        fs::rename(from, to).unwrap();
    }
    let (code, grades) = graded(&[&file]);
    assert_eq!((code, &grades[0]["pass"]), (1, &false.into()));
    let why = grades[0]["unread"][0].as_str().unwrap();
    assert!(why.ends_with("ada-1.pcapng says that it is of run 2 of lab 2"), "{why}");
}

/// What was kept once is not written over.
#[test]
fn what_is_kept_is_not_written_over() {
    let folder = Folder::new();
    let kept = folder.file("kept");
    let check = || typed(&["lab", "check", "2", "--keep", &kept], "");
    assert_eq!(check().0, 0);
    let first = fs::read(format!("{kept}/02-1.pcapng")).unwrap();
    let (code, out, err) = check();
    assert!(code == 2 && err.contains("02-1.pcapng is there already: name another"), "{out}{err}");
    assert_eq!(fs::read(format!("{kept}/02-1.pcapng")).unwrap(), first);
}
