//! The help of every subcommand, found by asking the program for its subcommands: a new one needs no line here,
//! only `INSTA_UPDATE=always cargo test --test cli help` and a reader.

use crate::child::run;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const WIDTH: usize = 80;

/// Every subcommand with its own before it: `""`, `tcp`, `tcp echo`.
fn commands() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut next = 0;
    while next < all.len() {
        let above = all[next].clone();
        let page = page(&above, "--help");
        all.extend(below(&page).into_iter().map(|name| format!("{above} {name}").trim().to_owned()));
        next += 1;
    }
    all
}

/// The names under `Commands:`: the first word of each line that is indented by two.
fn below(page: &str) -> Vec<&str> {
    let listed = page.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with(' '));
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names.filter_map(|rest| rest.split(' ').next()).filter(|name| *name != "help").collect()
}

fn page(command: &str, flag: &str) -> String {
    let ran = run(&format!("{command} {flag}"));
    let page = ran.out(0).to_owned();
    assert_eq!(ran.err, "", "{command} {flag}");
    page
}

#[track_caller]
fn fits(page: &str, what: &str) {
    for line in page.lines() {
        assert!(line.chars().count() <= WIDTH, "{what}: {} columns: {line}", line.chars().count());
    }
}

#[test]
fn every_command_has_its_pages() {
    let commands = commands();
    for known in ["", "tour", "tcp echo", "udp send", "doctor", "man"] {
        assert!(commands.iter().any(|command| command == known), "{known} is not among {commands:?}");
    }
    let mut named = BTreeSet::new();
    for command in &commands {
        let long = page(command, "--help");
        fits(&long, command);
        let name = format!("layerlab {command}").trim().replace(' ', "-");
        let mut shown = vec![(name.clone(), long.clone())];
        let short = page(command, "-h");
        fits(&short, command);
        if short != long {
            shown.push((format!("{name}-short"), short));
        }
        // `layerlab help tcp echo` is the page of `layerlab tcp echo --help`.
        assert_eq!(run(&format!("help {command}")).out(0), long, "help {command}");
        for (name, text) in shown {
            insta::with_settings!({
                snapshot_path => "snapshots",
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                insta::assert_snapshot!(name.as_str(), text);
            });
            named.insert(format!("{name}.snap"));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    let kept = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kept: BTreeSet<String> = kept.filter(|name| name.ends_with(".snap")).collect();
    assert_eq!(kept, named, "a page without its command, or a command without its page");
}

#[test]
fn man_pages_and_completions_know_every_command() {
    let folder = crate::child::Folder::new();
    let path = folder.path().to_str().unwrap();
    run(&format!("man {path}")).out(0);
    let bash = run("completions bash");
    for command in commands() {
        let page =
            folder.path().join(format!("layerlab {command}.1").trim().replace(' ', "-").replace("-.1", ".1"));
        assert!(page.is_file(), "no {}", page.display());
        let words: Vec<&str> = command.split_whitespace().collect();
        // clap_complete's own notation of a path of subcommands.
        let marker = format!("layerlab__subcmd__{}", words.join("__subcmd__"));
        assert!(words.is_empty() || bash.out(0).contains(&marker), "{marker} is not in the completions");
    }
    let roff = run("man");
    assert!(roff.out(0).contains(".TH layerlab 1"), "{}", &roff.out[..200]);
}
