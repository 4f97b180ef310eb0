//! `layerlab lab grade`: answers, worked out again from what crossed the wire.

use super::args::{GradeArgs, PlaceOfLab};
use super::{open, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::grade::{Found, Grade, compare, csv, grade, junit};
use crate::lab::keep::kept;
use crate::lab::{Lab, Record};
use crate::narrate::grade as words;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// `layerlab lab grade`.
pub(crate) fn run(args: &GradeArgs) -> anyhow::Result<Answer> {
    let mut grades = grades(&Labs::read(&args.lab)?, &args.files);
    compare(&mut grades);
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
                out.write_all(words::graded(&told(grade)).as_bytes())?;
            }
        }
    }
    let none = grades.iter().filter(|grade| grade.lab.is_none()).map(|grade| grade.file.clone());
    let none: Vec<String> = none.collect();
    if !none.is_empty() {
        return Err(Usage(words::not_graded(&none)).into());
    }
    Ok(if grades.iter().all(Grade::passed) { Answer::Yes } else { Answer::No })
}

fn told(grade: &Grade) -> words::Graded<'_> {
    words::Graded {
        file: &grade.file,
        lab: grade.lab,
        student: &grade.student,
        passed: grade.passed(),
        holds: grade.holds,
        fails: &grade.fails,
        right: grade.right,
        unjudged: grade.unjudged,
        predicted: grade.predicted,
        seen: grade.seen,
        typed: grade.typed,
        unread: &grade.unread,
        missing: &grade.missing,
        others: &grade.others,
        opens: &grade.opens,
        remarks: &grade.remarks,
    }
}

/// The labs by which is graded: a teacher's own, and the course.
struct Labs(BTreeMap<u32, Lab>);

impl Labs {
    fn read(files: &[String]) -> anyhow::Result<Labs> {
        let mut own: BTreeMap<u32, Lab> = BTreeMap::new();
        for file in files {
            let (lab, _) = open(file).map_err(|error| Usage(format!("{error:#}")))?;
            let number = lab.number;
            if let Some(other) = own.insert(number, lab) {
                let text = format!("{} and {file} are both lab {number}: give one of them", other.file);
                return Err(Usage(text).into());
            }
        }
        Ok(Labs(own))
    }

    fn is_own(&self, lab: &Lab) -> bool {
        self.0.contains_key(&lab.number)
    }

    /// A teacher's own comes before the course's of its number.
    fn get(&self, number: u64) -> anyhow::Result<Lab> {
        let small = u32::try_from(number).ok();
        if let Some(own) = small.and_then(|number| self.0.get(&number)) {
            return Ok(own.clone());
        }
        let carried = small.and_then(|number| open(&number.to_string()).ok());
        let (lab, _) = carried.with_context(|| {
            format!("the course has no lab {number}: give the file of your own with --lab FILE")
        })?;
        Ok(lab)
    }
}

/// One for each answers file, and each file that is none; then one for each lab of a student whose captures came
/// without. A file that cannot be graded costs nobody else their row.
fn grades(labs: &Labs, files: &[PathBuf]) -> Vec<Grade> {
    let (mut grades, mut captures, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for file in files {
        match is_capture(file) {
            Ok(true) => captures.push(file),
            Ok(false) => grades.push(or_unread(file, answers(labs, file, &mut used))),
            Err(error) => grades.push(or_unread(file, Err(error))),
        }
    }
    captures.retain(|file| !used.iter().any(|used| same(used, file)));
    alone(labs, &captures, &mut grades);
    grades
}

/// Whether two names, such as `a` and `./a`, are of one file.
fn same(one: &Path, other: &Path) -> bool {
    one == other
        || one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// The row of a file, whatever became of it.
fn or_unread(file: &Path, grade: anyhow::Result<Grade>) -> Grade {
    grade.unwrap_or_else(|error| Grade::unread(file.display().to_string(), format!("{error:#}")))
}

/// Whether a file begins as a capture does, packed or not.
pub(super) fn is_capture(file: &Path) -> anyhow::Result<bool> {
    let name = file.display();
    if file.is_dir() {
        bail!("{name} is a directory: give the files in it, {name}/*.json");
    }
    // A pipe that came with what students handed in would be waited for.
    if file.exists() && !file.is_file() {
        bail!("{name} is no file");
    }
    let mut begin = Vec::new();
    File::open(file)
        .and_then(|file| file.take(4).read_to_end(&mut begin))
        .with_context(|| format!("{name} cannot be read"))?;
    Ok(begin == [0x0a, 0x0d, 0x0d, 0x0a] || begin.starts_with(&[0x1f, 0x8b]))
}

/// An answers file, with the captures that it names beside it.
fn answers(labs: &Labs, file: &Path, used: &mut Vec<PathBuf>) -> anyhow::Result<Grade> {
    let name = file.display().to_string();
    let text = super::answers::text(file)?;
    let wrong = || {
        format!(
            "{name} holds no answers: give a file that `layerlab lab run --answers` wrote, or a capture beside one"
        )
    };
    let answers: Value = serde_json::from_str(&text).ok().with_context(wrong)?;
    let number = answers["lab"].as_u64().filter(|_| answers["kind"] == "lab").with_context(wrong)?;
    let lab = labs.get(number).context(name.clone())?;
    // Of a lab of somebody's own the course's of its number knows nothing: whatever it said would be unjust.
    if let Some(title) = answers["title"].as_str().filter(|title| *title != lab.title && !labs.is_own(&lab)) {
        bail!(words::other_title(&name, title, lab.number, &lab.title));
    }
    let mut captures = BTreeMap::new();
    for nth in 0..lab.runs().count() {
        // Only a name beside the file: a path would lead elsewhere on the teacher's machine.
        let beside = answers["captures"][nth].as_str().filter(|name| !name.contains(['/', '\\']));
        if let Some(capture) = beside.map(|name| file.with_file_name(name)).filter(|capture| capture.exists())
        {
            used.push(capture.clone());
            captures.insert(nth + 1, capture);
        }
    }
    worked_out(&name, &lab, &answers, &captures)
}

/// Captures that say themselves of which lab, run and student they are.
fn alone(labs: &Labs, files: &[&PathBuf], grades: &mut Vec<Grade>) {
    let mut all: BTreeMap<(u32, Option<String>), BTreeMap<usize, PathBuf>> = BTreeMap::new();
    for file in files {
        let mut place = || -> anyhow::Result<()> {
            let name = file.display();
            let opened = File::open(file).with_context(|| format!("{name} cannot be read"))?;
            let Some(stamp) = kept(BufReader::new(opened)).context(name.to_string())?.stamp else {
                bail!(
                    "the capture {name} does not say of which lab it is: give one that `layerlab lab run --answers` or \
                    `lab check --keep` kept"
                )
            };
            let runs = all.entry((stamp.lab, stamp.student)).or_default();
            if let Some(other) = runs.get(&(stamp.run as usize)) {
                let (one, run, lab) = (other.display(), stamp.run, stamp.lab);
                bail!("{one} and {name} are both run {run} of lab {lab}: give one");
            }
            runs.insert(stamp.run as usize, file.to_path_buf());
            Ok(())
        };
        if let Err(error) = place() {
            grades.push(or_unread(file, Err(error)));
        }
    }
    for ((lab, student), captures) in all {
        let names: Vec<String> = captures.values().map(|file| file.display().to_string()).collect();
        let names = names.join(" ");
        let answers = json!({"student": student});
        let grade = labs
            .get(lab.into())
            .with_context(|| names.clone())
            .and_then(|lab| worked_out(&names, &lab, &answers, &captures));
        grades.push(or_unread(Path::new(&names), grade));
    }
}

/// What the captures tell, run by run. One that is not there tells nothing; of one that cannot be read it is said.
fn worked_out(
    name: &str,
    lab: &Lab,
    answers: &Value,
    captures: &BTreeMap<usize, PathBuf>,
) -> anyhow::Result<Grade> {
    let runner = runner(lab, &PlaceOfLab { backend: None, seed: None, student: None }, None)?;
    let found = |nth| match captures.get(&nth) {
        None => Found::Nothing,
        Some(capture) if capture.is_dir() => {
            Found::Unread(format!("{} is a directory and no capture", capture.display()))
        }
        // What is no file might never end.
        Some(capture) if !capture.is_file() => Found::Unread(format!("{} is no file", capture.display())),
        Some(capture) => match runner.dissect(capture) {
            Ok(record) if record.is_unstamped() => {
                Found::Unread(words::unstamped(&capture.to_string_lossy()))
            }
            Ok(Record { stamp: Some(stamp), .. }) if (stamp.lab, stamp.run as usize) != (lab.number, nth) => {
                Found::Unread(words::elsewhere(&capture.to_string_lossy(), stamp.lab, stamp.run))
            }
            Ok(record) => Found::Capture(record),
            Err(error) => Found::Unread(error.to_string()),
        },
    };
    Ok(grade(name, lab, answers, (1..=lab.runs().count()).map(found).collect()))
}
