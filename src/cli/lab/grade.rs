//! `layerlab lab grade`: answers, worked out again from what crossed the wire.

use super::args::{GradeArgs, PlaceOfLab};
use super::{open, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::grade::{Grade, Seed, csv, grade, junit};
use crate::lab::keep::stamp;
use crate::lab::{Lab, Record};
use crate::narrate::quiz;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// Octets of an answers file at the most; one that layerlab wrote has some ten thousand.
const ANSWERS_MAX: u64 = 4 << 20;

/// `layerlab lab grade`.
pub(crate) fn run(args: &GradeArgs) -> anyhow::Result<Answer> {
    let (grades, wrong) = grades(&args.files);
    let mut out = io::stdout().lock();
    if args.csv {
        out.write_all(csv(&grades).as_bytes())?;
    } else if args.junit {
        out.write_all(junit(&grades).as_bytes())?;
    } else {
        for grade in &grades {
            if args.json {
                writeln!(out, "{}", grade.json())?;
            } else {
                out.write_all(quiz::graded(&told(grade)).as_bytes())?;
            }
        }
    }
    // One file that is none costs nobody else their row.
    match wrong {
        Some(wrong) => Err(wrong),
        None => Ok(if grades.iter().all(Grade::passed) { Answer::Yes } else { Answer::No }),
    }
}

fn told(grade: &Grade) -> quiz::Graded<'_> {
    quiz::Graded {
        file: &grade.file,
        lab: grade.lab,
        student: &grade.student,
        passed: grade.passed(),
        holds: grade.holds,
        fails: &grade.fails,
        open: grade.open,
        right: grade.right,
        predicted: grade.predicted,
        seen: grade.seen,
        typed: grade.typed,
        unread: &grade.unread,
        missing: &grade.missing,
        other_seed: grade.seed == Seed::Other,
    }
}

/// One for each answers file, then one for each lab of a student whose captures came without.
fn grades(files: &[PathBuf]) -> (Vec<Grade>, Option<anyhow::Error>) {
    let (mut grades, mut captures, mut used) = (Vec::new(), Vec::new(), Vec::new());
    let mut wrong = None;
    for file in files {
        match is_capture(file) {
            Ok(true) => captures.push(file),
            Ok(false) => match answers(file, &mut used) {
                Ok(grade) => grades.push(grade),
                Err(error) => wrong = wrong.or(Some(error)),
            },
            Err(error) => wrong = wrong.or(Some(error)),
        }
    }
    captures.retain(|file| !used.contains(file));
    match alone(&captures) {
        Ok(more) => grades.extend(more),
        Err(error) => wrong = wrong.or(Some(error)),
    }
    (grades, wrong)
}

/// Whether a file begins as a capture does, packed or not.
fn is_capture(file: &Path) -> anyhow::Result<bool> {
    let mut begin = Vec::new();
    File::open(file)
        .and_then(|file| file.take(4).read_to_end(&mut begin))
        .with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(begin == [0x0a, 0x0d, 0x0d, 0x0a] || begin.starts_with(&[0x1f, 0x8b]))
}

/// An answers file, with the captures that it names beside it.
fn answers(file: &Path, used: &mut Vec<PathBuf>) -> anyhow::Result<Grade> {
    let name = file.display().to_string();
    let mut text = String::new();
    File::open(file)
        .and_then(|file| file.take(ANSWERS_MAX).read_to_string(&mut text))
        .with_context(|| format!("the answers {name} cannot be read"))?;
    let wrong = || {
        Usage(format!(
            "{name} holds no answers: give a file that `layerlab lab run --answers` wrote, or a capture beside one"
        ))
    };
    let answers: Value = serde_json::from_str(&text).map_err(|_| wrong())?;
    let number = answers["lab"].as_u64().filter(|_| answers["kind"] == "lab").ok_or_else(wrong)?;
    let (lab, _) = open(&number.to_string())?;
    let mut captures = BTreeMap::new();
    for nth in 0..lab.runs().count() {
        // Only a name beside the file: a path would lead elsewhere on the teacher's machine.
        let beside = answers["captures"][nth].as_str().filter(|name| !name.contains(['/', '\\']));
        if let Some(capture) =
            beside.map(|name| file.with_file_name(name)).filter(|capture| capture.is_file())
        {
            used.push(capture.clone());
            captures.insert(nth + 1, capture);
        }
    }
    worked_out(&name, &lab, &answers, &captures)
}

/// Captures that say themselves of which lab, run and student they are.
fn alone(files: &[&PathBuf]) -> anyhow::Result<Vec<Grade>> {
    let mut all: BTreeMap<(u32, Option<String>), BTreeMap<usize, PathBuf>> = BTreeMap::new();
    for file in files {
        let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let Some(stamp) = stamp(BufReader::new(opened)) else {
            let text = "does not say of which lab it is: give one that `layerlab lab run --answers` or `lab check --keep` kept";
            return Err(Usage(format!("the capture {} {text}", file.display())).into());
        };
        let runs = all.entry((stamp.lab, stamp.student)).or_default();
        if let Some(other) = runs.insert(stamp.run as usize, (*file).clone()) {
            let (one, two) = (other.display(), file.display());
            return Err(Usage(format!(
                "{one} and {two} are both run {} of lab {}: give one",
                stamp.run, stamp.lab
            ))
            .into());
        }
    }
    let mut grades = Vec::new();
    for ((lab, student), captures) in all {
        let (lab, _) = open(&lab.to_string())?;
        let names: Vec<String> = captures.values().map(|file| file.display().to_string()).collect();
        grades.push(worked_out(&names.join(" "), &lab, &json!({"student": student}), &captures)?);
    }
    Ok(grades)
}

/// What the captures tell, run by run. One that is not there tells nothing; of one that cannot be read it is said.
fn worked_out(
    name: &str,
    lab: &Lab,
    answers: &Value,
    captures: &BTreeMap<usize, PathBuf>,
) -> anyhow::Result<Grade> {
    let runner = runner(lab, &PlaceOfLab { backend: None, seed: None, student: None }, None)?;
    let (mut records, mut unread) = (Vec::new(), Vec::new());
    for nth in 1..=lab.runs().count() {
        let record = captures.get(&nth).map(|capture| runner.dissect(capture));
        records.push(match record {
            None => Record::absent(),
            Some(Ok(record)) => record,
            Some(Err(error)) => {
                unread.push(error.to_string());
                Record::absent()
            }
        });
    }
    Ok(grade(name, lab, answers, records, unread))
}
