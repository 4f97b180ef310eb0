//! `layerlab lab grade`: answers, worked out again from what crossed the wire.

use super::args::{GradeArgs, PlaceOfLab};
use super::{cannot, open, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::grade::{Grade, csv, grade, junit};
use crate::lab::{Lab, Record};
use crate::narrate::quiz;
use anyhow::Context;
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// `layerlab lab grade`.
pub(crate) fn run(args: &GradeArgs) -> anyhow::Result<Answer> {
    let grades = args.files.iter().map(|file| one(file)).collect::<anyhow::Result<Vec<Grade>>>()?;
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
                let told = quiz::Graded {
                    file: &grade.file,
                    lab: grade.lab,
                    student: &grade.student,
                    passed: grade.passed(),
                    holds: grade.holds,
                    fails: &grade.fails,
                    open: grade.open,
                    right: grade.right,
                    predicted: grade.predicted,
                    other_seed: grade.seed == crate::lab::grade::Seed::Other,
                };
                out.write_all(quiz::graded(&told).as_bytes())?;
            }
        }
    }
    Ok(if grades.iter().all(Grade::passed) { Answer::Yes } else { Answer::No })
}

/// One file, with the captures that it names beside it.
fn one(file: &Path) -> anyhow::Result<Grade> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("the answers {name} cannot be read"))?;
    let wrong =
        || Usage(format!("{name} holds no answers: give a file that `layerlab lab run --answers` wrote"));
    let answers: Value = serde_json::from_str(&text).map_err(|_| wrong())?;
    let number = answers["lab"].as_u64().filter(|_| answers["kind"] == "lab").ok_or_else(wrong)?;
    let (lab, _) = open(&number.to_string())?;
    let records = captured(file, &lab, &answers)?;
    Ok(grade(&name, &lab, &answers, records))
}

/// What the captures tell, run by run. One that is not there tells nothing.
fn captured(file: &Path, lab: &Lab, answers: &Value) -> anyhow::Result<Vec<Record>> {
    let place = PlaceOfLab { backend: None, seed: None, student: None };
    let runner = runner(lab, &place, None)?;
    let mut records = Vec::new();
    for nth in 0..lab.runs().count() {
        // Only a name beside the file: a path would lead elsewhere on the teacher's machine.
        let name = answers["captures"][nth].as_str().filter(|name| !name.contains(['/', '\\']));
        let capture = name.map(|name| file.with_file_name(name)).filter(|capture| capture.is_file());
        records.push(match capture {
            Some(capture) => runner.dissect(&capture).map_err(cannot)?,
            None => Record::absent(),
        });
    }
    Ok(records)
}
