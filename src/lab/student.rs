//! A student's own seed and parameters: the same name gives the same ones, on every machine.

use super::parse::Run;
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
        let count = vary.options.len() as u64;
        let nth = student.map_or(0, |student| student.number(&vary.name) % count);
        // Less than the number of options, which is one of usize.
        let chosen = &vary.options[nth as usize];
        for word in words.iter_mut().filter(|word| **word == vary.options[0]) {
            word.clone_from(chosen);
        }
        let value = chosen.parse().map_or_else(|_| Value::Text(chosen.clone()), Value::Number);
        lets.push((vary.name.clone(), value));
    }
    (words, lets)
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
        let run = Run { command: String::new(), words: words_of, text: false, vary };
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
        assert_eq!(of("ada").1[0].1, Value::Text(of("ada").0[2].clone()));
    }
}
