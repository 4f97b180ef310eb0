//! The contents: labs/README.md lists the labs as their files say, docs/README.md every paper.

use crate::paper;
use crate::root;
use layerlab::lab::{Lab, shelf};
use libtest_mimic::Failed;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::{env, fs};

/// The tables of labs/README.md are the labs' own.
pub(crate) fn tried() -> Result<(), Failed> {
    let path = root().join("labs/README.md");
    let written = fs::read_to_string(&path)?;
    let begin = written.find("## A. ").ok_or("labs/README.md has no heading `## A. ...`")?;
    let mut text = written[..begin].to_owned();
    let mut module = String::new();
    for (file, lab) in shelf::LABS {
        let lab = Lab::parse(file, lab)?;
        if lab.module != module {
            let gap = if module.is_empty() { "" } else { "\n" };
            write!(text, "{gap}## {}\n\n| lab | | minutes | layers |\n|---|---|---|---|\n", lab.module)?;
            module.clone_from(&lab.module);
        }
        let extension = if lab.extension { " (extension)" } else { "" };
        let file = file.trim_start_matches("labs/");
        writeln!(
            text,
            "| {} | [{}]({file}){extension} | {} | {} |",
            lab.number, lab.title, lab.minutes, lab.layers
        )?;
    }
    if env::var_os("UPDATE").is_some() {
        fs::write(path, text)?;
    } else if text != written {
        return Err("it is not what the labs' files say: UPDATE=1 cargo test --test papers".into());
    }
    Ok(())
}

/// The teachers' plan has every lab once, in class or at home, and its minutes are the labs' own.
pub(crate) fn the_plan() -> Result<(), Failed> {
    let text = fs::read_to_string(root().join("docs/README.md"))?;
    let mut left = BTreeMap::new();
    for (file, lab) in shelf::LABS {
        let lab = Lab::parse(file, lab)?;
        left.insert(lab.number, lab);
    }
    let rows = text.lines().skip_while(|line| !line.starts_with("| session |")).skip(2);
    let mut take = |cell: &str| -> Result<u32, Failed> {
        let numbers = cell.split(',').map(str::trim).filter(|number| !number.is_empty());
        let labs = numbers.map(|number| {
            let lab = number.parse().ok().and_then(|number: u32| left.remove(&number));
            lab.ok_or_else(|| Failed::from(format!("{number}: there is no such lab, or it is there twice")))
        });
        labs.map(|lab| lab.map(|lab| lab.minutes)).sum()
    };
    for row in rows.take_while(|row| row.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, class, minutes, home] = cells[..] else { return Err(format!("{row}: four cells").into()) };
        let sum = take(class)?;
        if minutes != sum.to_string() {
            return Err(format!("{row}: the labs take {sum} minutes").into());
        }
        take(home)?;
    }
    if left.is_empty() { Ok(()) } else { Err(format!("in no session: {:?}", left.keys()).into()) }
}

/// Every paper of docs is linked from docs/README.md.
pub(crate) fn every_paper_is_reached() -> Result<(), Failed> {
    let index = fs::read_to_string(root().join("docs/README.md"))?;
    let mut files = Vec::new();
    paper::below(&root(), "docs", &mut files);
    let linked = |file: &str| {
        let name = file.trim_start_matches("docs/");
        name == "README.md" || index.contains(&format!("]({name})")) || index.contains(&format!("]({name}#"))
    };
    let lost: Vec<_> = files.into_iter().filter(|file| !linked(file)).collect();
    if lost.is_empty() { Ok(()) } else { Err(format!("it does not lead to {}", lost.join(", ")).into()) }
}
