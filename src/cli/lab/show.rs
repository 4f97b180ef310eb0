//! `layerlab lab list` and `layerlab lab show`.

use super::args::{ListArgs, ShowLabArgs};
use super::{open, open_for};
use crate::cli::exit::Answer;
use crate::lab::parse::{Predict, What};
use crate::lab::{Lab, Part, parse, shelf};
use crate::narrate::quiz;
use serde_json::json;
use std::io::{self, Write};

/// `layerlab lab list`.
pub(crate) fn list(args: &ListArgs) -> anyhow::Result<Answer> {
    let mut out = io::stdout().lock();
    let mut module = String::new();
    for (file, text) in shelf::LABS {
        let lab = Lab::parse(file, text)?;
        if args.json {
            writeln!(
                out,
                "{}",
                json!({"kind": "lab", "lab": lab.number, "title": lab.title, "module": lab.module,
                    "extension": lab.extension, "minutes": lab.minutes, "layers": lab.layers, "file": lab.file})
            )?;
            continue;
        }
        if lab.module != module {
            let gap = if module.is_empty() { "" } else { "\n" };
            writeln!(out, "{gap}{}", lab.module)?;
            module.clone_from(&lab.module);
        }
        let extension = if lab.extension { "  extension" } else { "" };
        writeln!(out, "{:>4}  {:<55} {:>2} min{extension}", lab.number, lab.title, lab.minutes)?;
    }
    if !args.json {
        writeln!(out, "\nGo through one: layerlab lab run 4 --quiz")?;
    }
    Ok(Answer::Yes)
}

/// `layerlab lab show`.
pub(crate) fn show(args: &ShowLabArgs) -> anyhow::Result<Answer> {
    let mut out = io::stdout().lock();
    if args.teacher {
        out.write_all(open(&args.lab)?.1.as_bytes())?;
        return Ok(Answer::Yes);
    }
    let lab = open_for(&args.lab, args.student.as_deref())?;
    for part in &lab.parts {
        out.write_all(seen(part).as_bytes())?;
    }
    Ok(Answer::Yes)
}

/// A part as a student sees it: no answers, no checks.
pub(super) fn seen(part: &Part) -> String {
    match &part.what {
        _ if part.hidden => String::new(),
        What::Prose(text) => text.clone(),
        What::Predict(predict) => question(predict),
        What::Run(run) | What::Change(parse::Change { run, .. }) => quiz::command("    ", &run.command),
        What::Check(_) => String::new(),
    }
}

/// A question with its choices.
pub(crate) fn question(predict: &Predict) -> String {
    quiz::question(&predict.ask, &predict.choices())
}
