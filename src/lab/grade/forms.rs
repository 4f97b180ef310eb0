//! Grades as a table (CSV) and as a report of tests (JUnit).

use super::{Grade, Seed};
use crate::narrate::{grade as words, safe};

/// As CSV (RFC 4180).
#[must_use]
pub fn csv(grades: &[Grade]) -> String {
    let mut text =
        "file,lab,student,predicted,right,observed,observed_right,holds,fails,open,missing,seed,pass,\
        unread,remarks\n"
            .to_owned();
    for grade in grades {
        let cells = [
            grade.file.clone(),
            grade.lab.map(|lab| lab.to_string()).unwrap_or_default(),
            grade.student.clone(),
            grade.predicted.to_string(),
            grade.right.to_string(),
            grade.typed.to_string(),
            grade.seen.to_string(),
            grade.holds.to_string(),
            grade.fails.join(" "),
            grade.opens.len().to_string(),
            grade.missing.iter().map(usize::to_string).collect::<Vec<_>>().join(" "),
            grade.seed().to_owned(),
            grade.passed().to_string(),
            grade.unread.join("; "),
            grade.remarks.join(" "),
        ];
        text.push_str(&cells.map(|cell| quoted(&safe(&cell, false))).join(","));
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

/// What came of a test.
enum Case<'a> {
    Passed,
    Failed(&'a str),
    /// It could not be made.
    Skipped(&'a str),
}

/// As the XML that JUnit's readers take: a file is a suite, a fact that fails a failure, and what stands against nobody
/// is the suite's output.
#[must_use]
pub fn junit(grades: &[Grade]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for grade in grades {
        let cases = cases(grade);
        let class = grade.lab.map_or("lab".to_owned(), |lab| format!("lab {lab}"));
        let (mut failures, mut skipped, mut told) = (0, 0, String::new());
        for (name, case) in &cases {
            let inside = match case {
                Case::Passed => String::new(),
                Case::Failed(why) => {
                    failures += 1;
                    format!("<failure message=\"{}\"/>", escaped(why))
                }
                Case::Skipped(why) => {
                    skipped += 1;
                    format!("<skipped message=\"{}\"/>", escaped(why))
                }
            };
            let name = escaped(name);
            told.push_str(&format!(
                "    <testcase classname=\"{class}\" name=\"{name}\">{inside}</testcase>\n"
            ));
        }
        if !grade.remarks.is_empty() {
            let remarks = escaped(&grade.remarks.join(" "));
            told.push_str(&format!("    <system-out>{remarks}</system-out>\n"));
        }
        text.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" skipped=\"{skipped}\">\n{told}  \
            </testsuite>\n",
            escaped(format!("{} {}", grade.file, grade.student).trim_end()),
            cases.len(),
        ));
    }
    text.push_str("</testsuites>\n");
    text
}

/// The tests that a file stands for.
fn cases(grade: &Grade) -> Vec<(String, Case<'_>)> {
    let failed = |fails: bool, why| if fails { Case::Failed(why) } else { Case::Passed };
    let unread = |name: &str, why| (name.to_owned(), Case::Failed(why));
    if grade.lab.is_none() {
        return grade.unread.iter().map(|why| unread("file", why)).collect();
    }
    let mut cases = vec![(words::shown(grade.holds), failed(grade.holds == 0, words::NOTHING_SHOWN))];
    cases.extend(grade.fails.iter().map(|fact| (fact.clone(), Case::Failed(words::NOT_SO))));
    cases.extend(grade.unread.iter().map(|why| unread("capture", why)));
    cases.push(("complete".to_owned(), failed(!grade.missing.is_empty(), words::NO_CAPTURE)));
    let seed = match grade.seed {
        Seed::Own => Case::Passed,
        Seed::Other => Case::Failed(words::OTHER_SEED),
        Seed::Unknown => Case::Skipped(words::NO_SEED),
    };
    cases.push(("seed".to_owned(), seed));
    cases
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
    use super::super::tests::some;
    use super::*;

    #[test]
    fn no_name_breaks_a_table() {
        assert!(csv(&[some()]).ends_with("\"a,b.json\",4,\"'=1+1\",2,1,1,1,5,,1,,own,true,,\n"));
        let loud = Grade { student: "a\u{1b}[31m\nb".into(), ..some() };
        assert!(csv(&[loud]).contains("\",4,a\\x1b[31m\\nb,2,"), "a row is a line");
        let bad = Grade { file: "<\"&\u{1}>".into(), fails: vec!["isn".into()], ..some() };
        let xml = junit(&[bad]);
        let read = roxmltree::Document::parse(&xml).expect("XML");
        let suite = read.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
        assert_eq!(suite.attribute("name"), Some("<\"&?> =1+1"));
        assert_eq!((suite.attribute("tests"), suite.attribute("failures")), (Some("4"), Some("1")));
    }

    #[test]
    fn a_file_that_is_none_has_its_row_and_its_failing_test() {
        let none = Grade::unread("x.json".into(), "x.json cannot be read: it is a, b".into());
        assert!(!none.passed());
        let table = csv(&[none.clone(), some()]);
        assert!(
            table.contains("\nx.json,,,0,0,0,0,0,,0,,unknown,false,\"x.json cannot be read: it is a, b\",\n")
        );
        assert_eq!(none.json()["lab"], serde_json::Value::Null);
        let xml = junit(&[none]);
        let read = roxmltree::Document::parse(&xml).expect("XML");
        let failures: Vec<_> = read.descendants().filter(|node| node.has_tag_name("failure")).collect();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].attribute("message"), Some("x.json cannot be read: it is a, b"));
    }

    #[test]
    fn a_seed_that_nobody_knows_is_no_test_that_passed() {
        let of = |seed| {
            let xml = junit(&[Grade { seed, remarks: vec!["Look <here>.".into()], ..some() }]);
            assert!(xml.contains("<system-out>Look &lt;here&gt;.</system-out>"), "{xml}");
            let read = roxmltree::Document::parse(&xml).expect("XML");
            let case = read.descendants().find(|node| node.attribute("name") == Some("seed")).unwrap();
            case.first_element_child().map(|inside| inside.tag_name().name().to_owned())
        };
        assert_eq!(of(Seed::Own), None);
        assert_eq!(of(Seed::Other).as_deref(), Some("failure"));
        assert_eq!(of(Seed::Unknown).as_deref(), Some("skipped"));
    }
}
