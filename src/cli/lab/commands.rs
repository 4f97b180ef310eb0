//! Whether the program takes the words of a lab's commands: each as it stands, and with each word that a student may get in
//! its place. Nothing is run.

use crate::cli::args::Cli;
use crate::lab::parse::{Change, Needs, Run, What};
use crate::lab::{Lab, LabError, Problem};
use clap::{Error, Parser};

/// What the program would say of a command, told with the lab's file and line.
pub(super) fn check(lab: &Lab) -> Result<(), LabError> {
    for part in &lab.parts {
        let (What::Run(run) | What::Change(Change { run, .. })) = &part.what else { continue };
        for words in all(run) {
            if let Some(said) = wrong(&words, run, lab.needs) {
                let command = format!("layerlab {}", words.join(" "));
                let problem = Problem::Words { command, said };
                return Err(LabError { file: lab.file.clone(), line: run.line, problem });
            }
        }
    }
    Ok(())
}

/// A command's words, and those with each other value of what varies in it.
fn all(run: &Run) -> Vec<Vec<String>> {
    let mut all = vec![run.words.clone()];
    for vary in &run.vary {
        all.extend(vary.options[1..].iter().map(|option| {
            let put = |word: &String| if *word == vary.options[0] { option } else { word }.clone();
            run.words.iter().map(put).collect()
        }));
    }
    all
}

/// Why the program does not take these words, with those that a lab's run adds to them.
fn wrong(words: &[String], run: &Run, needs: Needs) -> Option<String> {
    let mut typed = [&["layerlab".to_owned()], words].concat();
    typed.extend((!run.text).then(|| "--json".to_owned()));
    typed.extend((needs == Needs::PrivateNetwork && !run.is_local()).then(|| "--net=private".to_owned()));
    let error = Cli::try_parse_from(typed).err()?;
    // What was asked for with --help is no error.
    let said = error.use_stderr().then(|| said(&error))?;
    let added = ["--json", "--net"].into_iter().find(|word| said.contains(&format!("'{word}")));
    let added = added.filter(|added| !words.iter().any(|word| word.starts_with(added)));
    Some(match added {
        Some(word) => format!("{said} (a lab's run adds {word}, ```run text does not)"),
        None => said,
    })
}

/// What stands before the usage, in one line.
fn said(error: &Error) -> String {
    let rendered = error.to_string();
    let lines = rendered.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    lines.join("; ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::shelf;

    /// What is said of a lab with these blocks, of which the first begins in line 9.
    fn of(blocks: &str) -> (usize, String) {
        let front = "# Mine\n```lab\nnumber: 99\nmodule: A\nminutes: 1\nlayers: 4\nneeds: nothing\n```\n";
        let lab = format!("{front}{blocks}\n## Sources\n- mine\n");
        let lab = Lab::parse("mine.md", &lab).unwrap_or_else(|error| panic!("{error}"));
        let error = check(&lab).expect_err(blocks);
        (error.line, error.to_string())
    }

    #[test]
    fn a_word_that_the_program_does_not_take_is_told_with_its_line() {
        let (line, said) = of("```run\nlayerlab tcp echo hello --delayy 3ms\n```");
        assert_eq!(line, 10);
        assert_eq!(
            said,
            "mine.md:10: `layerlab tcp echo hello --delayy 3ms`: unexpected argument '--delayy' found; \
             tip: a similar argument exists: '--delay'"
        );
        // Of a student's words each, and of a change's too.
        let run = "```run\n\nlayerlab tcp echo --size 5\nvary size: 5 | lots\n```";
        assert!(of(run).1.starts_with("mine.md:11: `layerlab tcp echo --size lots`: invalid value 'lots'"));
        let run = "```run\nlayerlab tcp echo --count 5\nvary times: 5 | 6\n```\n";
        let change = format!("{run}```change\nlayerlab tcp echo --count 5 --sizee 3\n```");
        assert!(of(&change).1.starts_with("mine.md:14: `layerlab tcp echo --count 5 --sizee 3`: "));
        assert!(
            of("```run\nlayerlab tcp echo --at 2s lose=3\n```").1.contains("--at 2s: 'lose' is no option")
        );
        let (line, said) = of("```run\nlayerlab tcp echo --quiet\n```");
        assert_eq!(line, 10);
        assert!(said.ends_with("'--json' (a lab's run adds --json, ```run text does not)"), "{said}");
    }

    #[test]
    fn the_program_takes_every_command_of_the_course() {
        for (file, text) in shelf::LABS {
            check(&Lab::parse(file, text).unwrap()).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
