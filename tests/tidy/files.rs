//! What holds for a file as such: its size, its name, its first line.

use super::source::{Code, Finding};

/// Lines of code that a Rust file may have: comments, blank lines and what stands under `#[cfg(test)]` are
/// not counted. Longer ones are split at a seam of their protocol.
const LONGEST: usize = 500;

/// Lines that `lib.rs`, the map of the rooms, may have.
const MAP: usize = 80;

/// A file says in its name what it is about.
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "helper", "helpers", "misc", "common", "stuff", "tools"];

pub(crate) fn length(path: &str, text: &str) -> Vec<Finding> {
    if path == "src/lib.rs" && text.lines().count() >= MAP {
        return vec![Finding::new(path, MAP, format!("the map of the rooms has {MAP} lines or more"))];
    }
    match Code::read(path, text, false) {
        Err(finding) => vec![finding],
        Ok(code) if code.lines.len() > LONGEST => {
            let what = format!("{} lines of code, more than {LONGEST}", code.lines.len());
            vec![Finding::new(path, 0, what)]
        }
        Ok(_) => Vec::new(),
    }
}

pub(crate) fn name(path: &str) -> Vec<Finding> {
    let mut parts = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    match parts.find(|part| EMPTY_NAMES.contains(&part.to_lowercase().as_str())) {
        Some(part) => vec![Finding::new(path, 0, format!("`{part}` says nothing about what is inside"))],
        None => Vec::new(),
    }
}

/// Every module under `src` opens with what it is for.
pub(crate) fn module_docs(path: &str, text: &str) -> Vec<Finding> {
    if path.starts_with("src/") && !text.starts_with("//! ") {
        return vec![Finding::new(path, 1, "does not open with `//! ` and what the module is for")];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_found_and_only_code_counts() {
        let lines = |n: usize| "const A: u8 = 1;\n".repeat(n);
        assert!(length("src/a/b.rs", &lines(LONGEST)).is_empty());
        let found = length("src/a/b.rs", &lines(LONGEST + 1));
        assert!(found[0].what.starts_with("501 lines"), "{found:?}");
        let padded =
            format!("//! Doc.\n{}\n\n// Why.\n#[cfg(test)]\nmod tests {{\n{}}}\n", lines(LONGEST), lines(9));
        assert!(length("src/a/b.rs", &padded).is_empty());
    }

    #[test]
    fn the_map_fits_on_a_page() {
        assert!(length("src/lib.rs", &"//! x\n".repeat(79)).is_empty());
        assert_eq!(length("src/lib.rs", &"//! x\n".repeat(80)).len(), 1);
    }

    #[test]
    fn names_say_something() {
        assert!(name("src/wire/queue.rs").is_empty());
        for path in ["src/utils.rs", "src/wire/helpers/mod.rs", "tests/misc.rs", "src/Utils/a.rs"] {
            assert_eq!(name(path).len(), 1, "{path}");
        }
    }

    #[test]
    fn modules_open_with_their_purpose() {
        assert!(module_docs("src/wire/mod.rs", "//! The wire.\n").is_empty());
        assert_eq!(module_docs("src/wire/mod.rs", "use std::fmt;\n").len(), 1);
        assert_eq!(module_docs("src/wire/mod.rs", "").len(), 1);
        assert!(module_docs("benches/wire.rs", "use std::fmt;\n").is_empty());
    }
}
