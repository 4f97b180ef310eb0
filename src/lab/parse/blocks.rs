//! The fenced blocks, each by its own lines.

use super::{
    Answer, Change, Lab, Needs, Piece, Predict, Problem, Run, Statement, Vary, What, Wrong, commands, names,
    place, truth,
};
use crate::lab::expression::{Expression, parse};
use crate::lab::quiz::squeezed;
use crate::lab::words::words;

/// What the blocks that are for the program are called.
pub(super) const KINDS: [&str; 5] = ["lab", "predict", "run", "check", "change"];

/// Reads a block that is for the program; `None` for one that is for people.
pub(super) fn block(word: &str, rest: &str, piece: &Piece<'_>) -> Result<Option<What>, Wrong> {
    read(word, rest, piece).map_err(|wrong| place::of(wrong, piece.line, &piece.lines))
}

fn read(word: &str, rest: &str, piece: &Piece<'_>) -> Result<Option<What>, Wrong> {
    Ok(Some(match word {
        "predict" => What::Predict(predict(rest, piece)?),
        "run" => {
            let text = match rest {
                "" => false,
                "text" => true,
                found => {
                    let expected = "```run, or ```run text for a command that has no --json";
                    return Err((piece.line, Problem::Opening { found: format!("run {found}"), expected }));
                }
            };
            What::Run(run(piece, text)?.0)
        }
        "check" if rest.is_empty() => What::Check(check(piece)?),
        "change" if ["", "text"].contains(&rest) => {
            let (run, breaks) = run(piece, rest == "text")?;
            What::Change(Change { run, breaks })
        }
        "check" | "change" => {
            let expected = "```check, ```change, or ```change text for a command that has no --json";
            return Err((piece.line, Problem::Opening { found: format!("{word} {rest}"), expected }));
        }
        // A slip of one letter would make a block for people of it, and nothing would be checked.
        _ => match KINDS.iter().find(|kind| strsim::osa_distance(kind, &word.to_lowercase()) <= 1) {
            Some(kind) => {
                return Err((piece.line, Problem::Kind { found: word.to_owned(), kind }));
            }
            None => return Ok(None),
        },
    }))
}

/// `key: value` of each line that is not empty; what is indented goes on with the line before it, and begins with none of
/// the block's keys. One that has words behind it ends in a blank.
fn pairs<'t>(
    lines: &[(usize, &'t str)],
    keys: &[&str],
    expected: &'static str,
) -> Result<Vec<(usize, &'t str, String)>, Wrong> {
    let is_key = |key: &str| keys.iter().any(|of| key == *of || of.ends_with(' ') && key.starts_with(of));
    let mut pairs: Vec<(usize, &str, String)> = Vec::new();
    for (number, line) in lines.iter().copied().filter(|(_, line)| !line.trim().is_empty()) {
        match (line.starts_with([' ', '\t']), pairs.last_mut()) {
            (true, Some((_, _, value))) => {
                if let Some((key, _)) = line.trim().split_once(':').filter(|(key, _)| is_key(key)) {
                    return Err((number, Problem::Indented(format!("{key}:"))));
                }
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => match line.split_once(':') {
                Some((key, value)) => pairs.push((number, key.trim(), value.trim().to_owned())),
                None => return Err((number, Problem::Line { found: line.trim().to_owned(), expected })),
            },
        }
    }
    Ok(pairs)
}

/// Each line is there once.
fn once(pairs: &[(usize, &str, String)]) -> Result<(), Wrong> {
    let again = (1..pairs.len()).find(|&nth| pairs[..nth].iter().any(|(_, key, _)| *key == pairs[nth].1));
    again.map_or(Ok(()), |nth| Err((pairs[nth].0, Problem::Again(pairs[nth].1.to_owned()))))
}

/// The block `lab`.
pub(super) fn front(line: usize, lines: &[(usize, &str)]) -> Result<Lab, Wrong> {
    const KEYS: &str = "number:, module:, extension:, minutes:, layers: or needs:";
    const ALL: [&str; 6] = ["number", "module", "extension", "minutes", "layers", "needs"];
    let pairs = pairs(lines, &ALL, KEYS)?;
    for (number, key, _) in &pairs {
        if !ALL.contains(key) {
            return Err((*number, Problem::Line { found: (*key).to_owned(), expected: KEYS }));
        }
    }
    once(&pairs)?;
    let get = |key: &'static str| {
        let found = pairs.iter().find(|(_, k, value)| *k == key && !value.is_empty());
        found.map(|(number, _, value)| (*number, value.clone())).ok_or((line, Problem::Missing(key)))
    };
    let count = |key: &'static str, expected: &'static str| {
        let (number, found) = get(key)?;
        let least_one = found.parse::<u32>().ok().filter(|count| *count > 0);
        least_one.ok_or((number, Problem::Value { key, found, expected }))
    };
    let (needs_line, needs) = get("needs")?;
    let needs = match &*needs {
        "private network" => Needs::PrivateNetwork,
        "nothing" => Needs::Nothing,
        _ => {
            let expected = "`private network` or `nothing`";
            return Err((needs_line, Problem::Value { key: "needs", found: needs, expected }));
        }
    };
    let extension = match get("extension") {
        Err(_) => false,
        Ok((_, found)) if found == "yes" => true,
        Ok((number, found)) => {
            let expected = "`yes`, or leave the line out";
            return Err((number, Problem::Value { key: "extension", found, expected }));
        }
    };
    Ok(Lab {
        file: String::new(),
        number: count("number", "the lab's number, 1 or more")?,
        title: String::new(),
        module: get("module")?.1,
        extension,
        minutes: count("minutes", "whole minutes, such as 15")?,
        layers: get("layers")?.1,
        needs,
        sources: Vec::new(),
        parts: Vec::new(),
    })
}

fn expression(line: usize, text: &str) -> Result<Expression, Wrong> {
    let unread = |error| (line, Problem::Expression { text: text.to_owned(), column: 0, error });
    let read = parse(text).map_err(unread)?;
    truth::filters(&read).map_err(|problem| (line, problem))?;
    Ok(read)
}

/// An expression that is true or false.
fn fact(line: usize, text: &str) -> Result<Expression, Wrong> {
    let read = expression(line, text)?;
    truth::fact(&read).map_err(|problem| (line, problem))?;
    Ok(read)
}

fn predict(id: &str, piece: &Piece<'_>) -> Result<Predict, Wrong> {
    const KEYS: &str = "ask:, answer:, unit:, within:, choice WORDS:, or often WORDS:";
    if id.is_empty() || id.contains(' ') {
        let expected = "```predict and a name of one word";
        let found = format!("predict {id}").trim().to_owned();
        return Err((piece.line, Problem::Opening { found, expected }));
    }
    let (mut ask, mut answer, mut within, mut unit) = (None, None, 0.0, String::new());
    let (mut choices, mut often) = (Vec::new(), Vec::new());
    let pairs = pairs(&piece.lines, &["ask", "answer", "unit", "within", "choice ", "often "], KEYS)?;
    once(&pairs)?;
    if pairs.iter().any(|(_, key, _)| key.starts_with("choice ")) {
        let of_number = |(line, key, _): &(usize, &str, String)| {
            let key = ["answer", "unit", "within"].into_iter().find(|of| of == key)?;
            Some((*line, Problem::NoNumber { line: key, what: "one of the choices" }))
        };
        pairs.iter().find_map(of_number).map_or(Ok(()), Err)?;
    }
    for (line, key, value) in pairs {
        match key.split_once(' ').unwrap_or((key, "")) {
            ("ask", "") => ask = Some(value).filter(|ask| !ask.is_empty()),
            ("answer", "") => answer = Some(expression(line, &value)?),
            ("unit", "") => unit = value,
            ("within", "") => {
                let percent = value.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok());
                let fits = percent.filter(|percent| (0.0..=100.0).contains(percent));
                let expected = "a part of what is observed, such as 20%";
                within =
                    fits.ok_or((line, Problem::Value { key: "within", found: value, expected }))? / 100.0;
            }
            ("choice", words) if !words.is_empty() => choices.push((words.to_owned(), fact(line, &value)?)),
            ("often", words) if !words.is_empty() => often.push((line, words.to_owned(), value)),
            _ => return Err((line, Problem::Line { found: key.to_owned(), expected: KEYS })),
        }
    }
    let ask = ask.ok_or((piece.line, Problem::Prediction("question", "ask: ...?")))?;
    let answer = match (answer, choices.is_empty()) {
        (Some(expression), _) => Answer::Expression { expression, within, unit },
        (None, false) if choices.len() == 1 => return Err((piece.line, Problem::OneChoice)),
        (None, false) => Answer::Choices(choices),
        (None, true) => return Err((piece.line, Problem::Prediction("answer", "answer: count(...)"))),
    };
    if let Answer::Choices(choices) = &answer {
        let is_choice = |often: &str| choices.iter().any(|(words, _)| squeezed(words) == squeezed(often));
        if let Some((line, words, _)) = often.iter().find(|(_, words, _)| !is_choice(words)) {
            return Err((*line, Problem::NoChoice(words.clone())));
        }
    }
    let often = often.into_iter().map(|(_, words, why)| (words, why)).collect();
    Ok(Predict { id: id.to_owned(), ask, answer, often })
}

/// A command, and behind it lines `vary NAME: ...` and `breaks: ...`.
fn run(piece: &Piece<'_>, text: bool) -> Result<(Run, Vec<String>), Wrong> {
    let mut lines = piece.lines.iter().filter(|(_, line)| !line.trim().is_empty());
    let Some((number, first)) = lines.next() else { return Err((piece.line, Problem::Empty("run"))) };
    let mut command = first.trim().to_owned();
    let mut rest: Vec<(usize, &str)> = Vec::new();
    for (number, line) in lines {
        // As a shell does: a backslash at the end goes on in the next line.
        match command.strip_suffix('\\') {
            Some(begun) if rest.is_empty() => command = format!("{} {}", begun.trim_end(), line.trim()),
            _ => rest.push((*number, line)),
        }
    }
    let mut all = words(&command).map_err(|problem| (*number, problem))?;
    if all.first().is_none_or(|first| first != "layerlab") {
        return Err((*number, Problem::Command));
    }
    all.remove(0);
    commands::may(&all, text).map_err(|problem| (*number, problem))?;
    let (mut vary, mut breaks, mut show) = (Vec::new(), Vec::new(), Vec::new());
    const KEYS: &str =
        "one command, then `vary NAME: a | b`, `show: field, field`, or in a change `breaks: fact, fact`";
    let pairs = pairs(&rest, &["vary ", "show", "breaks"], KEYS)?;
    once(&pairs)?;
    for (line, key, value) in pairs {
        let members = |key, expected| {
            let all: Vec<String> = value.split(',').map(|member| member.trim().to_owned()).collect();
            let wrong = || (line, Problem::Value { key, found: value.clone(), expected });
            if all.contains(&String::new()) { Err(wrong()) } else { Ok(all) }
        };
        match key.split_once(' ').unwrap_or((key, "")) {
            ("vary", name) if !name.is_empty() => {
                names::may_be(name, "what varies").map_err(|problem| (line, problem))?;
                let options: Vec<String> = value.split('|').map(|option| option.trim().to_owned()).collect();
                let fits = options.len() > 1 && all.contains(&options[0]);
                if !fits || !commands::may_vary(&all, &options) {
                    let expected =
                        "words with `|` between, the one that stands in the command first, and no options";
                    return Err((line, Problem::Value { key: "vary", found: value, expected }));
                }
                vary.push(Vary { name: name.to_owned(), options });
            }
            ("show", "") => {
                show = members("show", "fields with commas between, such as frame.len, tcp.hdr_len")?;
                let unknown = show.iter().find_map(|field| names::unknown_field(field));
                unknown.map_or(Ok(()), |problem| Err((line, problem)))?;
            }
            ("breaks", "") => breaks = members("breaks", "names of facts, with commas between")?,
            _ => return Err((line, Problem::Line { found: key.to_owned(), expected: KEYS })),
        }
    }
    Ok((Run { line: *number, command, words: all, text, vary, show }, breaks))
}

fn check(piece: &Piece<'_>) -> Result<Vec<Statement>, Wrong> {
    const LINES: &str = "`let NAME = EXPRESSION`, `NAME: EXPRESSION`, or `# ...`";
    let mut statements: Vec<(usize, String, bool, String, String)> = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    for (number, line) in piece.lines.iter().copied() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(comment) = trimmed.strip_prefix('#') {
            said.push(comment.trim());
        } else if let (true, Some((_, _, _, _, text))) =
            (line.starts_with([' ', '\t']), statements.last_mut())
        {
            if let Some(own) = own_line(trimmed) {
                return Err((number, Problem::Indented(own)));
            }
            text.push(' ');
            text.push_str(trimmed);
        } else {
            let of_let = trimmed.strip_prefix("let ").and_then(|rest| rest.split_once('='));
            let of_fact = trimmed.split_once(':');
            let (is_let, (name, text)) = match (of_let, of_fact) {
                (Some(parts), _) => (true, parts),
                (None, Some(parts)) => (false, parts),
                (None, None) => {
                    return Err((number, Problem::Line { found: trimmed.to_owned(), expected: LINES }));
                }
            };
            let name = name.trim();
            let letters = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if is_let && !name.is_empty() && name.chars().all(letters) {
                names::may_be(name, "a let").map_err(|problem| (number, problem))?;
            }
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
                return Err((number, Problem::Line { found: trimmed.to_owned(), expected: LINES }));
            }
            statements.push((number, name.to_owned(), is_let, said.join(" "), text.trim().to_owned()));
            said.clear();
        }
    }
    if statements.is_empty() {
        return Err((piece.line, Problem::Empty("check")));
    }
    let read = |(line, name, is_let, words, text): (usize, String, bool, String, String)| {
        let expression = if is_let { expression(line, &text)? } else { fact(line, &text)? };
        Ok(Statement { line, name, is_let, words, text, expression, no_unit: None })
    };
    statements.into_iter().map(read).collect()
}

/// How a let or a fact begins that stands in the place of more of an expression, in which no name has a colon and a blank
/// behind it.
fn own_line(text: &str) -> Option<String> {
    if let Some((name, _)) = text.strip_prefix("let ").and_then(|rest| rest.split_once('=')) {
        return Some(format!("let {} =", name.trim()));
    }
    let (name, rest) = text.split_once(':')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    (is_name && (rest.is_empty() || rest.starts_with(' '))).then(|| format!("{name}:"))
}
