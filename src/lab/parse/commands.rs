//! Which commands a lab may run. A lab's file may come from anywhere, so what it runs ends by itself, stays on this
//! machine, starts no program of others and writes no file.

use super::Problem;

/// Subcommands, each of which can be seen to be so.
const MAY: [&[&str]; 11] = [
    &["tcp", "echo"],
    &["udp", "echo"],
    &["ws", "echo"],
    &["ws", "compare"],
    &["queue", "demo"],
    &["wire", "dice"],
    &["loss"],
    &["tour"],
    &["layers"],
    &["explain"],
    &["doctor"],
];

/// Options of these that write files.
const WRITES: [&str; 3] = ["--capture", "--report", "--resume"];

/// What `layerlab` is followed by; of `loss` only itself, which has options alone. What writes text may say itself that
/// it writes JSON.
pub(super) fn may(words: &[String], text: bool) -> Result<(), Problem> {
    let begins =
        |command: &&&[&str]| command.iter().zip(words).filter(|(a, b)| a == b).count() == command.len();
    let other = || {
        let shown: Vec<String> = MAY.iter().map(|command| command.join(" ")).collect();
        Problem::NotForLabs { found: words.join(" "), may: shown.join(", ") }
    };
    let command = MAY.iter().find(begins).ok_or_else(other)?;
    if command == &["loss"] && words.get(1).is_some_and(|word| !word.starts_with('-')) {
        return Err(other());
    }
    let option = |word: &String| word.split('=').next().unwrap_or(word).to_owned();
    if let Some(word) = words.iter().find(|word| WRITES.contains(&&*option(word))) {
        return Err(Problem::Writes(word.clone()));
    }
    let added = ["--backend", "--json"].into_iter().filter(|added| !text || *added != "--json");
    let mut added = added.filter(|added| words.iter().any(|word| option(word) == *added));
    added.next().map_or(Ok(()), |added| Err(Problem::Added(added)))
}

/// Whether words may be put in the place of one of the command: they make no other command of it, and are no options.
pub(super) fn may_vary(words: &[String], options: &[String]) -> bool {
    let commands = MAY.iter().filter(|command| command.iter().zip(words).all(|(a, b)| a == b));
    let longest = commands.map(|command| command.len()).max().unwrap_or(0);
    !words[..longest.min(words.len())].contains(&options[0])
        && !options.iter().any(|word| word.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::words::words;

    #[test]
    fn a_file_from_elsewhere_starts_no_program_and_writes_nothing() {
        let may = |line: &str| may(&words(line).expect("words"), false);
        assert!(may("tcp echo hello --drop 'tcp.syn#1'").is_ok() && may("loss").is_ok());
        for line in ["wire run -- rm -rf x", "tcp serve", "ws connect ws://x", "lab check 4", "tcp", ""] {
            assert!(matches!(may(line), Err(Problem::NotForLabs { .. })), "{line}");
        }
        assert!(matches!(may("loss sweep --resume x"), Err(Problem::NotForLabs { .. })));
        for line in ["tcp echo --capture=x", "loss --report x", "loss --resume x"] {
            assert!(matches!(may(line), Err(Problem::Writes(_))), "{line}");
        }
    }

    #[test]
    fn what_the_program_adds_is_not_written() {
        let may = |line: &str, text| may(&words(line).expect("words"), text).is_ok();
        assert!(!may("tcp echo --json", false) && may("wire dice --json", true));
        assert!(!may("tcp echo --backend veth", false) && !may("tcp echo --backend=tap", true));
        assert!(may("wire dice --seed 3", false));
    }

    #[test]
    fn what_varies_makes_no_other_command() {
        let vary = |line: &str, options: &[&str]| {
            let options: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
            may_vary(&words(line).expect("words"), &options)
        };
        assert!(vary("tcp echo hello", &["hello", "network"]));
        for options in [["dice", "run"], ["wire", "lab"], ["z1", "--"], ["z1", "--capture=x"]] {
            assert!(!vary("wire dice z1", &options), "{options:?}");
        }
    }
}
