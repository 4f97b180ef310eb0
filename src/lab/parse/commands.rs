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
const WRITES: [&str; 2] = ["--capture", "--report"];

/// What `layerlab` is followed by.
pub(super) fn may(words: &[String]) -> Result<(), Problem> {
    let begins =
        |command: &&[&str]| command.iter().zip(words).filter(|(a, b)| a == b).count() == command.len();
    if !MAY.iter().any(begins) {
        let shown: Vec<String> = MAY.iter().map(|command| command.join(" ")).collect();
        return Err(Problem::NotForLabs { found: words.join(" "), may: shown.join(", ") });
    }
    let writes = |word: &&String| WRITES.contains(&word.split('=').next().unwrap_or(word));
    match words.iter().find(writes) {
        Some(word) => Err(Problem::Writes(word.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::words::words;

    #[test]
    fn a_file_from_elsewhere_starts_no_program_and_writes_nothing() {
        let may = |line: &str| may(&words(line).expect("words"));
        assert!(may("tcp echo hello --drop 'tcp.syn#1'").is_ok() && may("loss").is_ok());
        for line in ["wire run -- rm -rf x", "tcp serve", "ws connect ws://x", "lab check 4", "tcp", ""] {
            assert!(matches!(may(line), Err(Problem::NotForLabs { .. })), "{line}");
        }
        for line in ["tcp echo --capture=x", "loss --report x"] {
            assert!(matches!(may(line), Err(Problem::Writes(_))), "{line}");
        }
    }
}
