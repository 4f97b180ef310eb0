//! A student's own seed and parameters: the same name gives the same ones, on every machine.

use super::expression::{Expression, parse};
use super::parse::{Change, Lab, Run, Vary, What};
use super::value::Value;
use sha1::{Digest, Sha1};
use std::collections::VecDeque;

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
    let chosen = |vary: &Vary| vary.options[chosen(vary, student)].clone();
    let put = |word: &String| {
        run.vary.iter().find(|vary| vary.options[0] == *word).map_or_else(|| word.clone(), chosen)
    };
    let lets = run.vary.iter().map(|vary| {
        let chosen = chosen(vary);
        let value = match parse(&chosen) {
            Ok(Expression::Number(number)) => Value::Number(number),
            _ => Value::Text(chosen),
        };
        (vary.name.clone(), value)
    });
    (run.words.iter().map(put).collect(), lets.collect())
}

/// The seed that a command names itself.
#[must_use]
pub fn seed(words: &[String]) -> Option<u64> {
    let joined = || words.iter().find_map(|word| word.strip_prefix("--seed="));
    let behind = words.iter().skip_while(|word| *word != "--seed").nth(1);
    behind.map(String::as_str).or_else(joined)?.parse().ok()
}

/// The place of what a student has of a word that varies.
fn chosen(vary: &Vary, student: Option<&Student>) -> usize {
    // Less than the number of options, which is one of usize.
    student.map_or(0, |student| student.number(&vary.name) % vary.options.len() as u64) as usize
}

/// A student's own lab: what varies is also put into its text, its questions and its changes.
#[must_use]
pub fn personal(lab: &Lab, student: &Student) -> Lab {
    let mut own = lab.clone();
    let texts = Own::of(lab.runs().flat_map(|run| &run.vary), student);
    for part in &mut own.parts {
        match &mut part.what {
            What::Prose(text) => {
                texts.put(text);
                folded(text);
            }
            What::Predict(predict) => {
                texts.put(&mut predict.ask);
                predict.often.iter_mut().for_each(|(_, why)| texts.put(why));
            }
            What::Check(statements) => statements.iter_mut().for_each(|one| texts.put(&mut one.words)),
            What::Run(run) | What::Change(Change { run, .. }) => {
                // The same word in another command means something else.
                let of_file = run.vary.clone();
                let commands = Own::of(of_file.iter(), student);
                commands.put_words(&mut run.command);
                let words = run.words.iter().map(|word| commands.of_word(word).to_owned());
                run.words = words.collect();
                for vary in &mut run.vary {
                    vary.options = vec![vary.options.swap_remove(chosen(vary, Some(student)))];
                }
            }
        }
    }
    own
}

/// Columns that a lab's text is written in.
const WIDTH: usize = 80;

/// Prose that a longer word made too wide is broken anew: what does not fit begins the next line of its paragraph. Tables,
/// headings and blocks stay as they are.
fn folded(text: &mut String) {
    if text.lines().all(|line| line.chars().count() <= WIDTH) {
        return;
    }
    let is_item = |words: &str| {
        let number = words.split_once(". ").map(|(number, _)| number);
        words.starts_with("- ") || number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let is_prose = |words: &str| {
        !words.is_empty() && !["#", "|", "```", "<!--"].iter().any(|mark| words.starts_with(mark))
    };
    let mut lines: VecDeque<String> = text.lines().map(str::to_owned).collect();
    let (mut all, mut in_block) = (Vec::new(), false);
    while let Some(mut line) = lines.pop_front() {
        let words = line.trim_start();
        in_block ^= words.starts_with("```");
        let indent = " ".repeat(line.len() - words.len() + if is_item(words) { 2 } else { 0 });
        if !in_block && is_prose(words) && line.chars().count() > WIDTH {
            let end = line.char_indices().nth(WIDTH + 1).map_or(line.len(), |(end, _)| end);
            // A word that is wider than the line is left whole.
            if let Some(at) = line[..end].rfind(' ').filter(|at| *at > indent.len()) {
                let rest = line.split_off(at);
                let next = lines
                    .front()
                    .map(|next| next.trim_start())
                    .filter(|next| is_prose(next) && !is_item(next));
                match next.map(|next| format!("{indent}{} {next}", rest.trim())) {
                    Some(joined) => lines[0] = joined,
                    None => lines.push_front(format!("{indent}{}", rest.trim())),
                }
            }
        }
        all.push(line);
    }
    let end = if text.ends_with('\n') { "\n" } else { "" };
    *text = all.join("\n") + end;
}

/// What stands in the file, and what a student has in its place.
struct Own<'v>(Vec<(&'v str, &'v str)>);

impl<'v> Own<'v> {
    fn of(varies: impl Iterator<Item = &'v Vary>, student: &Student) -> Own<'v> {
        let pair = |vary: &'v Vary| (&*vary.options[0], &*vary.options[chosen(vary, Some(student))]);
        Own(varies.map(pair).collect())
    }

    fn of_word<'a>(&'a self, word: &'a str) -> &'a str {
        self.0.iter().find(|(of_file, _)| *of_file == word).map_or(word, |(_, own)| own)
    }

    /// Into a sentence, where `20ms` of a command is `20 ms`.
    fn put(&self, text: &mut String) {
        let apart = |word: &str| {
            let unit = word.find(|c: char| c.is_ascii_alphabetic()).filter(|begin| *begin > 0);
            unit.map(|begin| format!("{} {}", &word[..begin], &word[begin..]))
        };
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (of_file, own) in &self.0 {
            pairs.push(((*of_file).to_owned(), (*own).to_owned()));
            pairs.extend(apart(of_file).zip(apart(own)));
        }
        let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
        // The `1` of `3.1.2`, of `2-1` or of `1,000` does not stand by itself either.
        let inside = |near: &[char]| {
            let joins = near.first().is_some_and(|c| ".,-".contains(*c));
            word(near.first()) || joins && word(near.get(1))
        };
        *text = replaced(text, &pairs, inside);
    }

    /// Into a command, where only a whole word is one.
    fn put_words(&self, command: &mut String) {
        let pairs: Vec<_> =
            self.0.iter().map(|(of_file, own)| ((*of_file).to_owned(), (*own).to_owned())).collect();
        let inside = |near: &[char]| near.first().is_some_and(|c| !c.is_whitespace() && !"'\"".contains(*c));
        *command = replaced(command, &pairs, inside);
    }
}

/// Each first text of a pair becomes its second, all at once: what was put in is not looked at again. `inside` says of
/// the characters before it (backwards) and behind it whether it is part of something longer.
fn replaced(text: &str, pairs: &[(String, String)], inside: impl Fn(&[char]) -> bool) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        let fits = pairs.iter().filter(|(from, _)| {
            let Some(behind) = rest.strip_prefix(&**from).filter(|_| !from.is_empty()) else { return false };
            let left: Vec<char> = text[..at].chars().rev().take(2).collect();
            let right: Vec<char> = behind.chars().take(2).collect();
            !inside(&left) && !inside(&right)
        });
        match fits.max_by_key(|(from, _)| from.len()) {
            Some((from, to)) => {
                done.push_str(to);
                rest = &rest[from.len()..];
            }
            None => {
                done.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    done
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
        let seed_of = |line: &[&str]| seed(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!((seed_of(&["--seed", "3", "x"]), seed_of(&["x", "--seed=4"])), (Some(3), Some(4)));
        assert_eq!((seed_of(&["--seeds", "30", "x"]), seed_of(&["--seed"])), (None, None));
        assert_eq!(of("ada").1[0].1, Value::Text(of("ada").0[2].clone()));
    }

    #[test]
    fn what_varies_is_put_in_where_it_stands_by_itself_and_all_at_once() {
        let put = |pairs: &[(&'static str, &'static str)], text: &str| {
            let mut text = text.to_owned();
            Own(pairs.to_vec()).put(&mut text);
            text
        };
        assert_eq!(
            put(&[("hello", "a")], "\"hello\": hello, hellos, 8hello hello"),
            "\"a\": a, hellos, 8hello a"
        );
        let ones = "1 of s3.1.2 is 1, not 1,000 or 1.";
        assert_eq!(put(&[("1", "4")], ones), "4 of s3.1.2 is 4, not 1,000 or 4.");
        assert_eq!(put(&[("20ms", "30ms")], "20 ms each way: --delay 20ms"), "30 ms each way: --delay 30ms");
        assert_eq!(put(&[("ab", "cd"), ("cd", "ef")], "ab, then cd"), "cd, then ef");
        let mut command = "tcp echo --drop 'tcp.data#3' --drop to-server:tcp.data#3 --seed=3".to_owned();
        Own(vec![("tcp.data#3", "tcp.data#5"), ("3", "4")]).put_words(&mut command);
        assert_eq!(command, "tcp echo --drop 'tcp.data#5' --drop to-server:tcp.data#3 --seed=3");
    }

    #[test]
    fn prose_that_a_longer_word_made_too_wide_is_broken_anew() {
        let word = |n: usize| "w".repeat(n);
        let of = |text: &str| {
            let mut text = text.to_owned();
            folded(&mut text);
            text
        };
        let (seventy, table) = (word(70), format!("| {} |", word(90)));
        // The rest goes on in its paragraph, also over several lines, and no further.
        assert_eq!(
            of(&format!("{seventy} 1234567890 a\n{seventy} b\n\nnext\n")),
            format!("{seventy}\n1234567890 a\n{seventy} b\n\nnext\n")
        );
        // What begins anew takes nothing, and what is no prose is left.
        assert_eq!(of(&format!("- {seventy} 123456789\n- b\n")), format!("- {seventy}\n  123456789\n- b\n"));
        for text in [table, format!("```\n{} a\n```\n", word(90)), word(90), format!("# {} a", word(90))] {
            assert_eq!(of(&text), text);
        }
        for (_, text) in super::super::shelf::LABS {
            let lab = Lab::parse("lab.md", text).unwrap();
            for n in 0..12 {
                for part in personal(&lab, &Student::new(&n.to_string(), lab.number)).parts {
                    let What::Prose(text) = part.what else { continue };
                    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_command_varies_only_where_its_own_run_says_so() {
        let lab = "# T\n\n```lab\nnumber: 9\nmodule: T. T\nminutes: 1\nlayers: 4\nneeds: nothing\n```\n\n\
            ```run\nlayerlab tcp echo ab\nvary one: ab | cd\n```\n\n\
            ```run\nlayerlab tcp echo ab\n```\n\n```change\nlayerlab tcp echo ab x\n```\n\n\
            ## Sources\n\n- RFC 9293 s3.5: the handshake\n";
        let lab = Lab::parse("t.md", lab).unwrap();
        let ids = (0..20).map(|n| format!("s{n}"));
        let student = ids
            .map(|id| Student::new(&id, 9))
            .find(|s| personal(&lab, s).runs().next().unwrap().words[2] == "cd");
        let own = personal(&lab, &student.unwrap());
        let commands: Vec<&str> = own.runs().map(|run| &*run.command).collect();
        assert_eq!(commands, ["layerlab tcp echo cd", "layerlab tcp echo ab"]);
    }

    #[test]
    fn a_change_becomes_no_other_command() {
        let lab = "# T\n\n```lab\nnumber: 9\nmodule: T. T\nminutes: 1\nlayers: 4\nneeds: nothing\n```\n\n\
            ```run\nlayerlab tcp echo dice\nvary one: dice | run\n```\n\n\
            ```change\nlayerlab wire dice --seeds 1\n```\n\n```change\nlayerlab tcp echo a dice\n```\n\n\
            ## Sources\n\n- RFC 9293 s3.5: the handshake\n";
        let lab = Lab::parse("t.md", lab).unwrap();
        let of = |student: &Student| {
            let own = personal(&lab, student);
            let changes = own.parts.into_iter().filter_map(|part| match part.what {
                What::Change(change) => Some(change.run.words.join(" ")),
                _ => None,
            });
            changes.collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..20).map(|n| of(&Student::new(&format!("s{n}"), 9))).collect();
        assert!(all.iter().all(|changes| changes[0] == "wire dice --seeds 1"));
        assert!(all.iter().any(|changes| changes[1] == "tcp echo a run"));
    }
}
