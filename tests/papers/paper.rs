//! The papers as they are read: blocks of commands, and commands in the prose.

use crate::child::{layerlab, ran};
use crate::typed;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A command of a block.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    /// What is shown below it; none where nothing is.
    pub(crate) shown: Option<Vec<String>>,
}

/// A block with commands.
pub(crate) struct Block {
    pub(crate) paper: String,
    pub(crate) steps: Vec<Step>,
}

impl Block {
    /// The block itself, or its commands one by one where they have nothing to do with each other.
    fn parts(self) -> Vec<Block> {
        let commands: Vec<&str> = self.steps.iter().map(|step| &*step.command).collect();
        if !typed::are_alone(&commands) {
            return vec![self];
        }
        let Block { paper, steps } = self;
        steps.into_iter().map(|step| Block { paper: paper.clone(), steps: vec![step] }).collect()
    }
}

/// Commands in the prose, each with where it stands.
pub(crate) type Inline = BTreeMap<String, Vec<String>>;

/// All papers: blocks, commands in the prose that no block runs, and every command.
pub(crate) fn all() -> (Vec<Block>, Inline, BTreeSet<String>) {
    let mut files = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for folder in ["docs", "labs"] {
        below(&crate::root(), folder, &mut files);
    }
    let begins = Begins::ask();
    let (mut blocks, mut inline) = (Vec::new(), Inline::new());
    for file in files {
        let text = fs::read_to_string(crate::root().join(&file)).expect("a paper");
        read(&file, &text, &begins, &mut blocks, &mut inline);
    }
    let steps = blocks.iter().flat_map(|block| &block.steps).map(|step| step.command.clone());
    let commands = steps.chain(inline.keys().cloned()).collect();
    // What a block runs by itself, and without an output to compare, is not run once more.
    let alone = |steps: &[Step], command: &str| matches!(steps, [step] if step.shown.is_none() && typed::standing_in(&step.command) == typed::standing_in(command));
    let parts: Vec<Block> = blocks.into_iter().flat_map(Block::parts).collect();
    inline.retain(|command, _| !parts.iter().any(|block| alone(&block.steps, command)));
    (parts, inline, commands)
}

/// Every Markdown file below a folder.
pub(crate) fn below(root: &Path, folder: &str, files: &mut Vec<String>) {
    let mut names: Vec<_> = fs::read_dir(root.join(folder)).expect("a folder").flatten().collect();
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            below(root, &name, files);
        } else if name.ends_with(".md") {
            files.push(name);
        }
    }
}

/// How a command begins where `layerlab` is left out: `lab show` and such, as the program itself lists them.
struct Begins(BTreeSet<String>);

impl Begins {
    fn ask() -> Begins {
        let listed = |words: &[&str]| -> Vec<String> {
            let help = ran(layerlab(words.iter().chain(&["--help"]))).out;
            let under = help.lines().skip_while(|line| *line != "Commands:").skip(1);
            let names = under.take_while(|line| line.starts_with("  "));
            names.filter_map(|line| Some(line.strip_prefix("  ")?.split(' ').next()?.to_owned())).collect()
        };
        let commands = listed(&[]).into_iter().flat_map(|one| {
            let two = listed(&[&one]).into_iter().filter(|two| !two.is_empty());
            let both: Vec<String> = two.map(|two| format!("{one} {two}")).collect();
            both.into_iter().chain([one])
        });
        Begins(commands.collect())
    }

    /// Whether a line is one that somebody may type.
    fn is_typed(&self, line: &str) -> bool {
        let command = line.strip_prefix("layerlab ").and_then(|rest| rest.split(' ').next());
        line.starts_with("$ ")
            || line.starts_with("cargo ")
            || command.is_some_and(|one| self.0.contains(one))
    }

    /// The command that it is, with `layerlab`, if it is one.
    fn command(&self, text: &str) -> Option<String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        match words.as_slice() {
            ["layerlab", ..] if words.len() > 1 => Some(text),
            ["cargo", ..] if words.len() > 1 => Some(text),
            [one, two, ..] if self.0.contains(&format!("{one} {two}")) => Some(format!("layerlab {text}")),
            _ => None,
        }
    }
}

/// Blocks of a lab that tests/labs.rs runs.
const OF_LABS: [&str; 5] = ["lab", "predict", "run", "check", "change"];

fn read(file: &str, text: &str, begins: &Begins, blocks: &mut Vec<Block>, inline: &mut Inline) {
    // The fence's marks, what stands behind them, and its lines.
    let mut fence: Option<(&str, &str, Lines<'_>)> = None;
    let mut paragraph = (1, String::new());
    for (number, line) in (1..).zip(text.lines().chain([""])) {
        if let Some((marks, info, lines)) = &mut fence {
            if line.trim() != *marks {
                lines.push((number, line));
                continue;
            }
            let of_lab = file.starts_with("labs/") && OF_LABS.contains(&info.split(' ').next().unwrap_or(""));
            if !of_lab {
                blocks.extend(block(file, info, lines, begins));
            }
            fence = None;
            continue;
        }
        let marks = line.trim_start().len() - line.trim_start().trim_start_matches('`').len();
        if marks >= 3 {
            let (marks, info) = line.trim_start().split_at(marks);
            fence = Some((marks, info.trim(), Vec::new()));
        }
        if marks >= 3 || line.trim().is_empty() {
            for code in paragraph.1.split('`').skip(1).step_by(2) {
                if let Some(command) = begins.command(code) {
                    let place = format!("{file}:{}", paragraph.0);
                    inline.entry(command).or_default().push(place);
                }
            }
            paragraph = (number + 1, String::new());
            continue;
        }
        paragraph.1.push_str(line);
        paragraph.1.push('\n');
    }
}

/// Lines with their numbers.
type Lines<'t> = Vec<(usize, &'t str)>;

/// The commands of a fenced block, if it has any.
fn block(paper: &str, info: &str, lines: &[(usize, &str)], begins: &Begins) -> Option<Block> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, text) in lines {
        let typed = match info {
            "console" => text.strip_prefix("$ "),
            "sh" => Some(*text).filter(|text| !text.trim().is_empty()),
            // A lab, or a part of one; a whole screen.
            "markdown" | "text screen" => continue,
            _ => {
                assert!(
                    !begins.is_typed(text),
                    "{paper}:{number}: commands stand in a block ```console or ```sh"
                );
                continue;
            }
        };
        match (typed, steps.last_mut()) {
            (Some(command), Some(before)) if before.command.ends_with('\\') => {
                before.command.truncate(before.command.len() - 1);
                before.command.push_str(command.trim());
            }
            (Some(command), _) => {
                let command = command.split(" #").next().unwrap_or(command).trim().to_owned();
                steps.push(Step { line: *number, command, shown: None });
            }
            (None, Some(step)) => step.shown.get_or_insert_default().push((*text).to_owned()),
            (None, None) => panic!("{paper}:{number}: a block ```console begins with `$ ` and a command"),
        }
    }
    for step in &mut steps {
        // Blank lines part commands.
        step.shown.take_if(|lines| lines.iter().all(|line| line.trim().is_empty()));
    }
    (!steps.is_empty()).then(|| Block { paper: paper.to_owned(), steps })
}
