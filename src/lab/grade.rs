//! Answers, worked out again from the captures that lie beside them: what a file says of itself is not believed.

mod forms;

pub use forms::{csv, junit};

use super::answers::{fact, prediction};
use super::check::Verdict;
use super::parse::Lab;
use super::record::Record;
use super::session::Session;
use super::student::{Student, personal};
use crate::narrate::grade as words;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grade {
    /// The file.
    pub file: String,
    /// The lab's number; none for a file that could not be graded.
    pub lab: Option<u32>,
    /// Whose it is, as they say.
    pub student: String,
    /// Questions with a prediction, and of these the right ones. No marks.
    pub predicted: usize,
    /// As above.
    pub right: usize,
    /// As above: those that no capture can judge.
    pub unjudged: usize,
    /// Questions to which they wrote what they saw, and of these the right ones.
    pub typed: usize,
    /// As above.
    pub seen: usize,
    /// Facts that the captures show.
    pub holds: usize,
    /// Facts that they show not to hold: their names.
    pub fails: Vec<String>,
    /// Facts that no capture can tell: their names.
    pub opens: Vec<String>,
    /// Whether the runs were made with the student's own seed.
    pub seed: Seed,
    /// Runs, 1 the first, that are another's.
    pub others: Vec<usize>,
    /// What cannot be read, the file itself or captures: each with its name and the reason.
    pub unread: Vec<String>,
    /// Runs, 1 the first, of which there should be a capture, and none is.
    pub missing: Vec<usize>,
    /// What there is to say besides, and does not count.
    pub remarks: Vec<String>,
    /// What was worked out, one by one: keys of [`Grade::json`].
    pub detail: Map<String, Value>,
}

/// Whose seed the runs have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Seed {
    /// The student's.
    Own,
    /// Another's.
    Other,
    /// No student is named, or no capture says.
    #[default]
    Unknown,
}

/// What lies where the capture of a run should lie.
#[derive(Debug)]
pub enum Found {
    /// A capture.
    Capture(Record),
    /// Something that cannot be read: its name and the reason.
    Unread(String),
    /// Nothing.
    Nothing,
}

impl Grade {
    /// Of a file that could not be graded.
    #[must_use]
    pub fn unread(file: String, why: String) -> Grade {
        Grade { file, unread: vec![why], ..Grade::default() }
    }

    /// Whether all captures are there, and show something, nothing against it, and nobody else's run.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.holds > 0
            && self.fails.is_empty()
            && self.seed != Seed::Other
            && self.unread.is_empty()
            && self.missing.is_empty()
    }

    fn seed(&self) -> &'static str {
        match self.seed {
            Seed::Own => "own",
            Seed::Other => "other",
            Seed::Unknown => "unknown",
        }
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut json = json!({"kind": "grade", "file": self.file, "lab": self.lab, "student": self.student,
            "predicted": self.predicted, "right": self.right, "observed": self.typed,
            "observed_right": self.seen, "holds": self.holds, "fails": self.fails, "open": self.opens.len(),
            "unread": self.unread, "missing": self.missing, "seed": self.seed(), "others": self.others, "remarks": self.remarks,
            "pass": self.passed()});
        if let Value::Object(object) = &mut json {
            object.extend(self.detail.clone());
        }
        json
    }
}

/// Works an answers file out again, or captures alone: then `answers` has nothing but their `student`. What was found
/// stands in the order of the runs.
#[must_use]
pub fn grade(file: &str, lab: &Lab, answers: &Value, found: Vec<Found>) -> Grade {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let said = |key: &str| -> BTreeMap<String, String> {
        let all = answers["predictions"].as_array().into_iter().flatten();
        // A number that somebody wrote there is one all the same.
        let typed = |said: &Value| text(said).or_else(|| said.is_number().then(|| said.to_string()));
        all.filter_map(|one| Some((text(&one["id"])?, typed(&one[key])?))).collect()
    };
    let student = text(&answers["student"]);
    let own = student.as_ref().map(|id| personal(lab, &Student::new(id, lab.number)));
    let lab = own.as_ref().unwrap_or(lab);
    let (mut records, mut unread, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for ((nth, run), found) in (1..).zip(lab.runs()).zip(found) {
        records.push(match found {
            Found::Capture(record) => record,
            Found::Unread(why) => {
                unread.push(why);
                Record::absent()
            }
            Found::Nothing => {
                missing.extend(run.can_be_kept().then_some(nth));
                Record::absent()
            }
        });
    }
    let run = records.iter().find(|record| record.run.is_object()).map(|record| record.run.clone());
    // A capture that says that it is somebody else's.
    let strange = |record: &Record| record.stamp.as_ref().is_some_and(|stamp| stamp.student != student);
    let mut others: Vec<usize> =
        (1..).zip(&records).filter(|(_, record)| strange(record)).map(|(nth, _)| nth).collect();
    let any = records.iter().any(|record| !record.absent);
    let session =
        Session::replay(lab, student.as_deref(), records, &said("predicted"), said("observed_typed"));
    let of = |verdict| session.checked.iter().filter(move |checked| checked.verdict == verdict);
    let named = |verdict| of(verdict).map(|checked| checked.id.clone()).collect();
    let typed = || session.answered.iter().filter_map(|answered| answered.typed.as_ref());
    let whole = unread.is_empty() && missing.is_empty();
    let denied = denied(answers, &session, whole);
    let mut remarks = Vec::new();
    if !denied.is_empty() {
        remarks.push(words::denied(&denied));
    }
    others.extend(other_seeds(&session));
    others.sort_unstable();
    others.dedup();
    let seed = match &others[..] {
        [] if student.is_none() || session.seeds.iter().all(Option::is_none) => Seed::Unknown,
        [] => Seed::Own,
        _ => Seed::Other,
    };
    if any && student.is_some() && seed == Seed::Unknown {
        remarks.push(words::ANYBODYS.to_owned());
    }
    if let Some(said) = answers["predictions"].as_array().filter(|_| answers["complete"] == true) {
        let is_in = |id: &str| said.iter().any(|one| one["id"] == *id);
        let out: Vec<String> =
            session.answered.iter().map(|one| one.id.clone()).filter(|id| !is_in(id)).collect();
        if !out.is_empty() {
            remarks.push(words::left_out(&out));
        }
    }
    let run = run.unwrap_or_default();
    let mut detail = Map::new();
    for (key, value) in [
        ("version", run["version"].clone()),
        ("kernel", run["system"].clone()),
        ("seeds", json!(session.seeds)),
        ("predictions", session.answered.iter().map(prediction).collect()),
        ("checks", session.checked.iter().map(fact).collect()),
    ] {
        detail.insert(key.to_owned(), value);
    }
    Grade {
        file: file.to_owned(),
        lab: Some(lab.number),
        predicted: session.answered.iter().filter(|answered| answered.predicted.is_some()).count(),
        right: session.answered.iter().filter(|answered| answered.right == Some(true)).count(),
        unjudged: session
            .answered
            .iter()
            .filter(|answered| answered.predicted.is_some() && answered.right.is_none())
            .count(),
        typed: typed().count(),
        seen: typed().filter(|(_, right)| *right == Some(true)).count(),
        holds: of(Verdict::Holds).count(),
        fails: named(Verdict::Fails),
        opens: named(Verdict::NotInCapture),
        seed,
        student: student.unwrap_or_default(),
        unread,
        missing,
        others,
        remarks,
        detail,
    }
}

/// Runs, 1 the first, that have another's seed: where a command names its seed itself it is that one, else the student's.
fn other_seeds(session: &Session<'_>) -> Vec<usize> {
    let Some(own) = session.student.as_ref().map(Student::seed) else { return Vec::new() };
    let expected = session.lab.runs().map(|run| super::student::seed(&session.words(run)).unwrap_or(own));
    let all = (1..).zip(expected).zip(&session.seeds);
    let other = all.filter(|((_, expected), seed)| seed.is_some_and(|seed| seed != *expected));
    other.map(|((nth, _), _)| nth).collect()
}

/// What a file says that was found, and the captures show to be otherwise: `isn.verdict`. Where they show nothing, or the
/// file says nothing, there is nothing to compare.
fn denied(answers: &Value, session: &Session<'_>, whole: bool) -> Vec<String> {
    let differ = |one: &Value, other: &Value| !one.is_null() && !other.is_null() && one != other;
    let mut denied = Vec::new();
    let mut compare = |list: &str, shown: Value, keys: &[&str]| {
        let all = answers[list].as_array().into_iter().flatten();
        for said in all.filter(|said| said["id"] == shown["id"]) {
            let wrong = keys.iter().filter(|key| differ(&said[**key], &shown[**key]));
            denied.extend(wrong.map(|key| format!("{}.{key}", shown["id"].as_str().unwrap_or_default())));
        }
    };
    for answered in session.answered.iter().filter(|answered| answered.is_known()) {
        compare("predictions", prediction(answered), &["observed", "right", "observed_right"]);
    }
    for checked in session.checked.iter().filter(|checked| checked.verdict != Verdict::NotInCapture) {
        compare("checks", fact(checked), &["verdict"]);
    }
    // It passed where nothing fails; that it did not can be told only where every fact was checked again.
    let open = session.checked.iter().any(|checked| checked.verdict == Verdict::NotInCapture);
    let told = session.checked.iter().any(|checked| checked.verdict == Verdict::Fails)
        || whole && !open && answers["complete"] == true;
    if told && differ(&answers["pass"], &json!(session.passed())) {
        denied.push("pass".to_owned());
    }
    // The file has the last run's.
    if whole && differ(&answers["seed"], &session.run["seed"]) {
        denied.push("seed".to_owned());
    }
    denied
}

/// What only shows when all grades lie beside each other: the same lab of the same student twice, and who is not named
/// where others are.
pub fn compare(grades: &mut [Grade]) {
    let whose = |grade: &Grade| Some((grade.lab?, grade.student.clone())).filter(|(_, id)| !id.is_empty());
    let mut same: BTreeMap<(u32, String), Vec<usize>> = BTreeMap::new();
    for (nth, grade) in grades.iter().enumerate() {
        if let Some(whose) = whose(grade) {
            same.entry(whose).or_default().push(nth);
        }
    }
    if !same.is_empty() {
        let nameless = grades.iter_mut().filter(|grade| grade.lab.is_some() && grade.student.is_empty());
        nameless.for_each(|grade| grade.remarks.push(words::NAMELESS.to_owned()));
    }
    for ((lab, _), all) in same.iter().filter(|(_, all)| all.len() > 1) {
        let files: Vec<String> = all.iter().map(|nth| grades[*nth].file.clone()).collect();
        for (at, nth) in all.iter().enumerate() {
            let others = [&files[..at], &files[at + 1..]].concat();
            grades[*nth].remarks.push(words::twice(*lab, &others));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn some() -> Grade {
        Grade {
            file: "a,b.json".into(),
            lab: Some(4),
            student: "=1+1".into(),
            predicted: 2,
            right: 1,
            unjudged: 0,
            typed: 1,
            seen: 1,
            holds: 5,
            opens: vec!["calls".into()],
            seed: Seed::Own,
            ..Grade::default()
        }
    }

    #[test]
    fn passing_needs_something_shown_and_nothing_against_it() {
        assert!(some().passed());
        assert!(!Grade { holds: 0, ..some() }.passed());
        assert!(!Grade { fails: vec!["isn".into()], ..some() }.passed());
        assert!(!Grade { unread: vec!["no capture".into()], ..some() }.passed());
        assert!(!Grade { missing: vec![2], ..some() }.passed());
        assert!(!Grade { seed: Seed::Other, ..some() }.passed());
        assert!(Grade { right: 0, ..some() }.passed(), "no marks for predictions");
        assert!(Grade { remarks: vec!["it is told twice".into()], ..some() }.passed(), "nor for remarks");
    }

    const LAB: &str = "# T\n\n```lab\nnumber: 90\nmodule: B\nminutes: 1\nlayers: 4\nneeds: nothing\n```\n\
        ```predict often\nask: How many?\nanswer: run.sum\n```\n\
        ```run\nlayerlab udp echo a --seed 3\nvary luck: 3 | 4 | 5\n```\n\
        ```check\n# Two.\ntwo: run.sum == 2\n```\n\
        ```run\nlayerlab udp echo b\n```\n```check\n# Two.\nagain: run.sum == 2\n```\n\n## Sources\n\n- x\n";

    /// Graded by runs with these seeds.
    fn graded(answers: &Value, seeds: [u64; 2]) -> Grade {
        let lab = Lab::parse("own.md", LAB).unwrap();
        let run = |seed: u64| {
            Record::captured(&json!({"kind": "run", "seed": seed, "sum": 2}).to_string(), Default::default())
        };
        grade("own.json", &lab, answers, seeds.map(run).map(Found::Capture).into())
    }

    #[test]
    fn a_command_that_names_its_seed_has_that_one() {
        let lab = Lab::parse("own.md", LAB).unwrap();
        let (ada, answers) = (Student::new("ada", 90), json!({"student": "ada"}));
        let luck = super::super::student::words(lab.runs().next().unwrap(), Some(&ada)).0;
        let luck = luck.last().unwrap().parse().unwrap();
        let of = |seeds| graded(&answers, seeds).seed;
        assert_eq!(graded(&answers, [luck, luck]).others, [2]);
        assert_eq!(of([luck, ada.seed()]), Seed::Own);
        assert_eq!(of([ada.seed(), ada.seed()]), Seed::Other);
        assert_eq!(of([luck, luck]), Seed::Other);
        assert_eq!(of([if luck == 3 { 4 } else { 3 }, ada.seed()]), Seed::Other);
        assert_eq!(graded(&json!({}), [3, 3]).seed, Seed::Unknown);
        // A capture that another program wrote says no seed.
        let nobodys = || Found::Capture(Record::captured("", Default::default()));
        let grade = grade("ada.json", &lab, &answers, vec![nobodys(), nobodys()]);
        assert_eq!((grade.seed, &*grade.remarks), (Seed::Unknown, &[words::ANYBODYS.to_owned()][..]));
    }

    #[test]
    fn what_a_file_says_otherwise_is_named() {
        let seeds = [3, 3];
        let mut said = graded(&json!({}), seeds).detail;
        said.insert("pass".into(), true.into());
        said.insert("complete".into(), true.into());
        let mut said = Value::Object(said);
        assert_eq!(graded(&said, seeds).remarks, [""; 0]);
        let emptied = graded(&json!({"predictions": [], "complete": true}), seeds).remarks;
        assert_eq!(emptied, [words::left_out(&["often".to_owned()])]);
        // As somebody might write it by hand.
        said["predictions"][0]["predicted"] = 2.into();
        let right = graded(&said, seeds);
        assert_eq!((right.right, &right.remarks[..]), (1, &[][..]));
        said["predictions"][0]["observed"] = "7".into();
        said["checks"][1]["verdict"] = "fails".into();
        said["pass"] = false.into();
        said["seed"] = 7.into();
        let grade = graded(&said, seeds);
        assert!(grade.passed());
        assert_eq!(
            grade.remarks,
            [words::denied(&["often.observed", "again.verdict", "pass", "seed"].map(str::to_owned))]
        );
        // What no capture shows is not denied either.
        let lab = Lab::parse("own.md", LAB).unwrap();
        let unread = || Found::Unread("x is cut".into());
        let cut = super::grade("own.json", &lab, &said, vec![unread(), Found::Nothing]);
        assert_eq!(
            (&cut.unread[..], &cut.missing[..], cut.opens.len()),
            (&["x is cut".to_owned()][..], &[2][..], 2)
        );
        assert_eq!(cut.remarks, [""; 0]);
    }

    #[test]
    fn the_same_twice_and_who_is_not_named_are_told() {
        let of = |file: &str, student: &str, lab| Grade {
            file: file.into(),
            student: student.into(),
            lab: Some(lab),
            ..Grade::default()
        };
        let mut all =
            [of("a", "ada", 4), of("b", "ada", 4), of("c", "ada", 5), of("d", "", 4), of("e", "", 4)];
        compare(&mut all);
        let twice = |file: &str| vec![words::twice(4, &[file.to_owned()])];
        let nameless = vec![words::NAMELESS.to_owned()];
        assert_eq!(
            all.map(|grade| grade.remarks),
            [twice("b"), twice("a"), vec![], nameless.clone(), nameless]
        );
        let mut one = [of("a", "ada", 4), of("a", "ada", 4)];
        compare(&mut one);
        assert_eq!(one.map(|grade| grade.remarks), [twice("a"), twice("a")], "a file that is given twice");
        let mut nobody = [of("d", "", 4), of("e", "", 4), Grade::unread("x".into(), "y".into())];
        compare(&mut nobody);
        assert!(nobody.iter().all(|grade| grade.remarks.is_empty()));
    }
}
