//! A student's own seed and parameters: the same name gives the same ones, on every machine.

use super::expression::{Expression, parse};
use super::parse::{Lab, Run, Vary, What};
use super::value::Value;
use sha1::{Digest, Sha1};

/// Who runs a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Student {
    /// As the teacher knows them.
    pub id: String,
    lab: u32,
}

impl Student {
    /// This student in this lab.
    #[must_use]
    pub fn new(id: &str, lab: u32) -> Student {
        Student { id: id.to_owned(), lab }
    }

    /// The seed of their runs.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.number("seed")
    }

    /// SHA-1's first octets, of which 53 bits are kept: every reader of JSON has these exactly. Nothing secret rests
    /// on it.
    fn number(&self, what: &str) -> u64 {
        let digest = Sha1::digest(format!("layerlab lab {} {what} {}", self.lab, self.id));
        digest[..8].iter().fold(0, |number, octet| number << 8 | u64::from(*octet)) >> 11
    }
}

/// A command's words, with those that vary put in, and what each then stands for.
#[must_use]
pub fn words(run: &Run, student: Option<&Student>) -> (Vec<String>, Vec<(String, Value)>) {
    let mut words = run.words.clone();
    let mut lets = Vec::new();
    for vary in &run.vary {
        let chosen = chosen(vary, student);
        for word in words.iter_mut().filter(|word| **word == vary.options[0]) {
            word.clone_from(chosen);
        }
        let value = match parse(chosen) {
            Ok(Expression::Number(number)) => Value::Number(number),
            _ => Value::Text(chosen.clone()),
        };
        lets.push((vary.name.clone(), value));
    }
    (words, lets)
}

/// The seed that a command names itself.
#[must_use]
pub fn seed(words: &[String]) -> Option<u64> {
    let joined = || words.iter().find_map(|word| word.strip_prefix("--seed="));
    let behind = words.iter().skip_while(|word| *word != "--seed").nth(1);
    behind.map(String::as_str).or_else(joined)?.parse().ok()
}

fn chosen<'v>(vary: &'v Vary, student: Option<&Student>) -> &'v String {
    let nth = student.map_or(0, |student| student.number(&vary.name) % vary.options.len() as u64);
    // Less than the number of options, which is one of usize.
    &vary.options[nth as usize]
}

/// A student's own lab: what varies is also put into its text, its questions and its changes.
#[must_use]
pub fn personal(lab: &Lab, student: &Student) -> Lab {
    let mut own = lab.clone();
    for vary in lab.runs().flat_map(|run| &run.vary) {
        let (of_file, chosen) = (&vary.options[0], chosen(vary, Some(student)));
        // `20ms` of a command is `20 ms` in a sentence.
        let apart = |word: &str| {
            let unit = word.find(|c: char| c.is_ascii_alphabetic()).filter(|begin| *begin > 0);
            unit.map(|begin| format!("{} {}", &word[..begin], &word[begin..]))
        };
        let put = |text: &mut String| {
            *text = replaced(text, of_file, chosen);
            if let (Some(of_file), Some(chosen)) = (apart(of_file), apart(chosen)) {
                *text = replaced(text, &of_file, &chosen);
            }
        };
        for part in &mut own.parts {
            match &mut part.what {
                What::Prose(text) => put(text),
                What::Predict(predict) => {
                    put(&mut predict.ask);
                    predict.often.iter_mut().for_each(|(_, why)| put(why));
                }
                What::Check(statements) => statements.iter_mut().for_each(|one| put(&mut one.words)),
                What::Run(run) | What::Change(super::parse::Change { run, .. }) => {
                    put(&mut run.command);
                    run.words
                        .iter_mut()
                        .filter(|word| *word == of_file)
                        .for_each(|word| word.clone_from(chosen));
                }
            }
        }
    }
    own
}

/// A word put in the place of another, where that stands by itself.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    // The `1` of `3.1.2`, of `2-1` or of `1,000` does not stand by itself either.
    let part = |near: &[char]| {
        let joins = near.first().is_some_and(|c| ".,-".contains(*c));
        word(near.first()) || joins && word(near.get(1))
    };
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, behind) = (&rest[..at], &rest[at + from.len()..]);
        done.push_str(before);
        let left: Vec<char> = done.chars().rev().take(2).collect();
        let right: Vec<char> = behind.chars().take(2).collect();
        let inside = part(&left) || part(&right);
        done.push_str(if inside { from } else { to });
        rest = behind;
    }
    done + rest
}

/// The numbers below `n` in an order that this seed decides.
#[must_use]
pub fn order(seed: u64, n: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    all.sort_by_key(|place| Sha1::digest(format!("{seed} {place}")));
    all
}

#[cfg(test)]
mod tests {
    use super::super::parse::Vary;
    use super::*;

    #[test]
    fn a_student_has_the_same_parameters_every_time_and_not_everybody_the_same() {
        let options = ["hello", "network", "segment"].map(str::to_owned).to_vec();
        let vary = vec![Vary { name: "word".into(), options: options.clone() }];
        let words_of = ["tcp", "echo", "hello"].map(str::to_owned).to_vec();
        let run =
            Run { line: 1, command: String::new(), words: words_of, text: false, vary, show: Vec::new() };
        let of = |id: &str| words(&run, Some(&Student::new(id, 2)));
        assert_eq!(words(&run, None).0[2], "hello");
        assert_eq!(of("ada"), of("ada"));
        let mut seen: Vec<String> = (0..50).map(|n| of(&format!("s{n}")).0[2].clone()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, options);
        assert_ne!(Student::new("ada", 2).seed(), Student::new("ada", 3).seed());
        assert!(Student::new("ada", 2).seed() < 1 << 53);
        assert_eq!(order(7, 9), order(7, 9));
        assert_ne!(order(7, 9), order(8, 9));
        assert_eq!(
            replaced("\"hello\": hello, hellos, 8hello hello", "hello", "a"),
            "\"a\": a, hellos, 8hello a"
        );
        let replaced_ones = replaced("1 of s3.1.2 is 1, not 1,000 or 1.", "1", "4");
        assert_eq!(replaced_ones, "4 of s3.1.2 is 4, not 1,000 or 4.");
        let seed_of = |line: &[&str]| seed(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!((seed_of(&["--seed", "3", "x"]), seed_of(&["x", "--seed=4"])), (Some(3), Some(4)));
        assert_eq!((seed_of(&["--seeds", "30", "x"]), seed_of(&["--seed"])), (None, None));
        assert_eq!(of("ada").1[0].1, Value::Text(of("ada").0[2].clone()));
    }
}
