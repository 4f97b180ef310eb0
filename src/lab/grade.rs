//! Answers, worked out again from the captures that lie beside them: what a file says of itself is not believed.

use super::check::Verdict;
use super::parse::Lab;
use super::record::Record;
use super::session::Session;
use crate::capture::Stamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// The file.
    pub file: String,
    /// The lab's number.
    pub lab: u32,
    /// Whose it is, as they say.
    pub student: String,
    /// Questions with a prediction, and of these the right ones. No marks.
    pub predicted: usize,
    /// As above.
    pub right: usize,
    /// Questions to which they wrote what they saw, and of these the right ones.
    pub typed: usize,
    /// As above.
    pub seen: usize,
    /// Facts that the captures show.
    pub holds: usize,
    /// Facts that they show not to hold: their names.
    pub fails: Vec<String>,
    /// Facts that no capture can tell.
    pub open: usize,
    /// Whether the runs were made with the student's own seed.
    pub seed: Seed,
    /// Captures that cannot be read, each with the reason.
    pub unread: Vec<String>,
    /// Runs, 1 the first, of which there should be a capture, and none is.
    pub missing: Vec<usize>,
    /// What was worked out, one by one: keys of [`Grade::json`].
    pub detail: Map<String, Value>,
}

/// Whose seed the runs have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// The student's.
    Own,
    /// Another's.
    Other,
    /// No student is named, or no capture says.
    Unknown,
}

impl Grade {
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
            "observed_right": self.seen, "holds": self.holds, "fails": self.fails, "open": self.open,
            "unread": self.unread, "missing": self.missing, "seed": self.seed(), "pass": self.passed()});
        if let Value::Object(object) = &mut json {
            object.extend(self.detail.clone());
        }
        json
    }
}

/// Works an answers file out again, or captures alone: then `answers` has nothing but their `student`.
#[must_use]
pub fn grade(file: &str, lab: &Lab, answers: &Value, records: Vec<Record>, unread: Vec<String>) -> Grade {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let said = |key: &str| -> BTreeMap<String, String> {
        let all = answers["predictions"].as_array().into_iter().flatten();
        all.filter_map(|one| Some((text(&one["id"])?, text(&one[key])?))).collect()
    };
    let student = text(&answers["student"]);
    let run = records.iter().find(|record| record.run.is_object()).map(|record| record.run.clone());
    // A capture of somebody else's, or of another run, is not this one's.
    let strange = (1..).zip(&records).any(|(nth, record)| {
        let of = |stamp: &Stamp| stamp.lab == lab.number && stamp.run == nth && stamp.student == student;
        record.stamp.as_ref().is_some_and(|stamp| !of(stamp))
    });
    let kept = (1..).zip(lab.runs().zip(&records)).filter(|(_, (run, _))| run.can_be_kept());
    let missing = kept.filter(|(_, (_, record))| record.absent).map(|(nth, _)| nth).collect();
    let session =
        Session::replay(lab, student.as_deref(), records, &said("predicted"), said("observed_typed"));
    let count = |verdict| session.checked.iter().filter(|checked| checked.verdict == verdict).count();
    let fails = session.checked.iter().filter(|checked| checked.verdict == Verdict::Fails);
    let own = session.student.as_ref().map(super::student::Student::seed);
    let mut seeds = session.seeds.iter().flatten().peekable();
    let seed = match own {
        Some(own) if seeds.peek().is_some() => {
            if seeds.all(|seed| *seed == own) && !strange {
                Seed::Own
            } else {
                Seed::Other
            }
        }
        _ if strange => Seed::Other,
        _ => Seed::Unknown,
    };
    let typed = || session.answered.iter().filter_map(|answered| answered.typed.as_ref());
    let run = run.unwrap_or_default();
    let mut detail = Map::new();
    for (key, value) in [
        ("version", run["version"].clone()),
        ("kernel", run["system"].clone()),
        ("seeds", json!(session.seeds)),
        ("predictions", session.answered.iter().map(super::answers::prediction).collect()),
        ("checks", session.checked.iter().map(super::answers::fact).collect()),
    ] {
        detail.insert(key.to_owned(), value);
    }
    Grade {
        file: file.to_owned(),
        lab: lab.number,
        student: student.unwrap_or_default(),
        predicted: session.answered.iter().filter(|answered| answered.predicted.is_some()).count(),
        right: session.answered.iter().filter(|answered| answered.right == Some(true)).count(),
        typed: typed().count(),
        seen: typed().filter(|(_, right)| *right == Some(true)).count(),
        holds: count(Verdict::Holds),
        fails: fails.map(|checked| checked.id.clone()).collect(),
        open: count(Verdict::NotInCapture),
        seed,
        unread,
        missing,
        detail,
    }
}

/// As CSV (RFC 4180).
#[must_use]
pub fn csv(grades: &[Grade]) -> String {
    let mut text =
        "file,lab,student,predicted,right,observed,observed_right,holds,fails,open,missing,seed,pass\n"
            .to_owned();
    for grade in grades {
        let cells = [
            grade.file.clone(),
            grade.lab.to_string(),
            grade.student.clone(),
            grade.predicted.to_string(),
            grade.right.to_string(),
            grade.typed.to_string(),
            grade.seen.to_string(),
            grade.holds.to_string(),
            grade.fails.join(" "),
            grade.open.to_string(),
            grade.missing.iter().map(usize::to_string).collect::<Vec<_>>().join(" "),
            grade.seed().to_owned(),
            grade.passed().to_string(),
        ];
        text.push_str(&cells.map(|cell| quoted(&cell)).join(","));
        text.push('\n');
    }
    text
}

/// A cell; one that a spreadsheet would take for a formula is made a text.
fn quoted(cell: &str) -> String {
    let formula = if cell.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if formula.is_empty() && !cell.contains([',', '"', '\n', '\r']) {
        return cell.to_owned();
    }
    format!("\"{formula}{}\"", cell.replace('"', "\"\""))
}

/// As the XML that JUnit's readers take: a file is a suite, a fact that fails a failure.
#[must_use]
pub fn junit(grades: &[Grade]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for grade in grades {
        let name = |what: &str| format!("classname=\"lab {}\" name=\"{}\"", grade.lab, escaped(what));
        let mut cases = Vec::new();
        let mut case = |what: &str, failure: Option<&str>| {
            cases.push(match failure {
                None => format!("    <testcase {}/>\n", name(what)),
                Some(why) => {
                    format!(
                        "    <testcase {}><failure message=\"{}\"/></testcase>\n",
                        name(what),
                        escaped(why)
                    )
                }
            });
        };
        case(
            &format!("{} facts hold", grade.holds),
            (grade.holds == 0).then_some("no capture shows any fact"),
        );
        for fact in &grade.fails {
            case(fact, Some("the capture shows that it is not so"));
        }
        for why in &grade.unread {
            case("capture", Some(why));
        }
        let missing = "a run of the lab left no capture";
        case("complete", (!grade.missing.is_empty()).then_some(missing));
        case("seed", (grade.seed == Seed::Other).then_some("the runs have another student's seed"));
        let failures = cases.iter().filter(|case| case.contains("<failure")).count();
        text.push_str(&format!(
            "  <testsuite name=\"{} {}\" tests=\"{}\" failures=\"{failures}\">\n{}  </testsuite>\n",
            escaped(&grade.file),
            escaped(&grade.student),
            cases.len(),
            cases.concat()
        ));
    }
    text.push_str("</testsuites>\n");
    text
}

/// Characters that XML does not take as they are.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no such characters, however they are written.
            c if c.is_control() => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Grade {
        Grade {
            file: "a,b.json".into(),
            lab: 4,
            student: "=1+1".into(),
            predicted: 2,
            right: 1,
            typed: 1,
            seen: 1,
            holds: 5,
            fails: vec![],
            open: 1,
            seed: Seed::Own,
            unread: vec![],
            missing: vec![],
            detail: Map::new(),
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
    }

    #[test]
    fn no_name_breaks_a_table() {
        assert!(csv(&[some()]).ends_with("\"a,b.json\",4,\"'=1+1\",2,1,1,1,5,,1,,own,true\n"));
        let bad = Grade { file: "<\"&\u{1}>".into(), fails: vec!["isn".into()], ..some() };
        let xml = junit(&[bad]);
        let read = roxmltree::Document::parse(&xml).expect("XML");
        let suite = read.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        assert_eq!(suite.attribute("name"), Some("<\"&?> =1+1"));
        assert_eq!((suite.attribute("tests"), suite.attribute("failures")), (Some("4"), Some("1")));
    }
}
