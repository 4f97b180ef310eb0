//! The papers, held against the program: every command in README.md, CONTRIBUTING.md, docs and labs is run as it
//! stands there, and what is shown below it must be what it prints.
//!
//! - A block ```` ```console ```` has lines `$ COMMAND` with what is printed below them; ```` ```sh ```` has commands
//!   alone. The commands of a block run in their order, in one fresh folder. A server runs until the block ends.
//! - What stands between backticks in the prose and begins as a command does (`layerlab explain MSS`, `lab show 4`) is
//!   run by itself, with the other end that it needs.
//! - Below a command `...` alone on a line stands for lines, and `...` inside a line for text. What differs from run to
//!   run by its nature is compared by kind, as [`shown::kinds`] says.
//! - What cannot be run here is named in [`typed`], with the reason; it is parsed.
//!
//! Where this machine has no private network what needs one is listed as ignored, and so is what needs a program that
//! is not installed. `UPDATE=1 cargo test --test papers` writes the generated tables of labs/README.md anew.

#[path = "cli/child.rs"]
#[allow(dead_code)]
mod child;
#[path = "papers/contents.rs"]
mod contents;
#[path = "papers/paper.rs"]
mod paper;
#[path = "papers/shown.rs"]
mod shown;
#[path = "papers/typed.rs"]
mod typed;

use child::{Folder, layerlab, ran};
use libtest_mimic::{Arguments, Failed, Trial};
use paper::{Block, Step};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

type Outcome = Result<(), Failed>;

/// Commands wait more than they reckon.
const AT_ONCE: usize = 6;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn main() -> ExitCode {
    let doctor = ran(layerlab(["doctor", "--json"])).out;
    let survey: Value = serde_json::from_str(&doctor).unwrap_or_default();
    let private = survey["backend"] == "tap" || survey["backend"] == "veth";
    if !private {
        eprint(
            "no private network on this machine: commands that need one do not run (layerlab doctor says why)",
        );
    }
    let (blocks, inline, commands) = paper::all();
    let mut trials = vec![
        Trial::test("an output that is not printed is found", shown::tried),
        Trial::test("labs/README.md has the labs' own tables", contents::tried),
        Trial::test("the plan of six sessions has the labs' own minutes", contents::the_plan),
        Trial::test("docs/README.md leads to every paper", contents::every_paper_is_reached),
        Trial::test("the lists of what is not run have no stale entry", move || typed::stale(&commands)),
    ];
    for block in blocks {
        let commands: Vec<&str> = block.steps.iter().map(|step| &*step.command).collect();
        let here = can_run(&commands, private);
        let name = format!("{}:{}", block.paper, block.steps[0].line);
        trials.push(Trial::test(name, move || block_holds(&block)).with_ignored_flag(!here));
    }
    for (command, places) in inline {
        let here = can_run(&[&command], private);
        let name = format!("`{command}`");
        let run =
            move || mentioned(&command).map_err(|e| format!("{}: {}", places.join(", "), said(&e)).into());
        trials.push(Trial::test(name, run).with_ignored_flag(!here));
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn eprint(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn said(failed: &Failed) -> &str {
    failed.message().unwrap_or_default()
}

/// Whether these can be run on this machine at all.
fn can_run(commands: &[&str], private: bool) -> bool {
    let there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    commands.iter().all(|command| {
        (private || typed::is_local(command) || typed::only_parsed(command).is_some())
            && typed::programs(command).all(there)
    })
}

/// Runs a block, and holds what it shows against what is printed.
fn block_holds(block: &Block) -> Outcome {
    let (parsed, steps): (Vec<&Step>, Vec<&Step>) =
        block.steps.iter().partition(|step| typed::only_parsed(&step.command).is_some());
    for step in parsed {
        if let Some(shown) = &step.shown {
            return Err(
                format!("line {}: it shows {} lines, and is only parsed", step.line, shown.len()).into()
            );
        }
        parses(&step.command).map_err(|e| format!("line {}: {}", step.line, said(&e)))?;
    }
    let commands: Vec<String> = steps.iter().map(|step| typed::standing_in(&step.command)).collect();
    let ended = run(&commands)?;
    let mut wrong = String::new();
    for (step, ended) in steps.iter().zip(ended) {
        let place = format!("{}:{}: $ {}", block.paper, step.line, step.command);
        if ended.status != 0 && !typed::says_no(&step.command) {
            let _ = writeln!(wrong, "{place}\nexit status {}:\n{}", ended.status, shown::end(&ended.printed));
        } else if let Some(difference) =
            step.shown.as_ref().and_then(|lines| shown::difference(lines, &ended.printed))
        {
            let _ = writeln!(wrong, "{place}\n{difference}");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Runs a command of the prose, or says that it is none. One that lacks an argument is a command's name.
fn mentioned(command: &str) -> Outcome {
    if typed::is_none(command) {
        return Ok(());
    }
    if typed::only_parsed(command).is_some() {
        return parses(command);
    }
    let standing_in = typed::standing_in(command);
    let ended = run(std::slice::from_ref(&standing_in))?.pop().expect("one ended");
    match ended.status {
        0 => Ok(()),
        1 if typed::says_no(command) => Ok(()),
        2 if ended.printed.contains("required arguments") || ended.printed.contains("Usage: layerlab") => {
            parses(&standing_in)
        }
        // An option's name.
        2 if ended.printed.contains("a value is required for") => Ok(()),
        status => Err(format!("{standing_in}: exit status {status}:\n{}", shown::end(&ended.printed)).into()),
    }
}

/// Whether the program knows all its words: it reads them before it comes to `--help`.
fn parses(command: &str) -> Outcome {
    if let Some(name) = typed::bench(command) {
        let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
        let declared = manifest.contains(&format!("[[bench]]\nname = \"{name}\""));
        return if declared { Ok(()) } else { Err(format!("there is no bench {name}").into()) };
    }
    let Some(words) = typed::standing_in(command).strip_prefix("layerlab ").map(str::to_owned) else {
        return Ok(());
    };
    let words = words.split([';', '|', '>']).next().unwrap_or_default();
    let (ours, theirs) =
        words.split_once(" -- ").map_or((words, String::new()), |(a, b)| (a, format!(" -- {b}")));
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{} {ours} --help{theirs}", child::LAYERLAB)]);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = ran(shell);
    if ended.code() == 0 { Ok(()) } else { Err(format!("{command} is not understood: {}", ended.err).into()) }
}

/// How a command ended, and what it printed on both outputs.
struct Ended {
    status: i32,
    printed: String,
}

/// Runs commands in their order, in a folder of their own, by a shell. With a server among them the whole takes place on a
/// host of a private network (`layerlab wire run`), where every port is free. A machine that was too busy to make a network
/// within layerlab's patience is asked once more.
fn run(commands: &[String]) -> Result<Vec<Ended>, Failed> {
    let first = run_once(commands)?;
    let busy = |ended: &Ended| ended.status == 3 && ended.printed.contains("not done within");
    if first.iter().any(busy) { run_once(commands) } else { Ok(first) }
}

fn run_once(commands: &[String]) -> Result<Vec<Ended>, Failed> {
    let folder = Folder::new();
    let file = |name: String| folder.path().join(name);
    fs::write(file("script".to_owned()), typed::script(commands))?;
    std::os::unix::fs::symlink(root().join("docs"), folder.path().join("docs"))?;
    let apart = commands.iter().any(|command| typed::wants_a_host(command));
    let mut shell = if apart {
        let mut wire = layerlab(["wire", "run", "--quiet", "--"]);
        wire.args(["sh", "script"]);
        wire
    } else {
        let mut shell = Command::new("sh");
        shell.arg("script").env("COLUMNS", "80").env_remove("NO_COLOR").env_remove("RUST_BACKTRACE");
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell
    };
    let ours = Path::new(child::LAYERLAB).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", ours.display()));
    shell.env("HOME", folder.path()).current_dir(folder.path());
    let ended = ran(shell);
    if ended.code() != 0 {
        return Err(format!("the script ended with {}: {}{}", ended.code(), ended.out, ended.err).into());
    }
    let of = |nth: usize| {
        let printed = String::from_utf8_lossy(&fs::read(file(format!("{nth}.out")))?).into_owned();
        let status = fs::read_to_string(file(format!("{nth}.status")))?;
        Ok(Ended { status: status.trim().parse().unwrap_or(-1), printed })
    };
    (0..commands.len()).map(of).collect()
}
