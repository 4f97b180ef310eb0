//! A Rust file as tokens: what the rules look at. Comments and string literals are not code, and
//! `proc-macro2` knows exactly where they end; a search by regular expression does not.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::BTreeSet;

/// What a rule has against a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// 1 the first; 0 when it is about the whole file.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, what: what.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A name that occurs in code.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Whether `!` follows: a macro's invocation.
    pub(crate) bang: bool,
}

/// A path that starts at the crate, at a module of it or at one of the crates in [`ROOTS`], made absolute.
/// Every leaf of a `use` tree is one.
#[derive(Debug)]
pub(crate) struct Path {
    /// Absolute, the root's name first: `crate::wire::Spec`, `std::fs`. A glob ends in `*`.
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// Renamed with `as`: what follows under the new name is out of sight.
    pub(crate) renamed: bool,
}

/// Crates whose paths are collected beside our own.
const ROOTS: [&str; 2] = ["std", "rand"];

/// What a file's code consists of.
#[derive(Debug, Default)]
pub(crate) struct Code {
    pub(crate) names: Vec<Name>,
    pub(crate) paths: Vec<Path>,
    /// Lines that hold code; doc comments do not count.
    pub(crate) lines: BTreeSet<usize>,
}

impl Code {
    /// The code of `text`, which stands at `path` (`src/wire/queue.rs`). With `tests` false, items under
    /// `#[cfg(test)]` are left out.
    pub(crate) fn read(path: &str, text: &str, tests: bool) -> Result<Code, Finding> {
        let stream: TokenStream = text
            .parse()
            .map_err(|e: proc_macro2::LexError| Finding::new(path, 0, format!("no Rust: {e}")))?;
        let mut code = Code::default();
        code.walk(&trees(stream, tests), &module_of(path), tests, true);
        Ok(code)
    }

    /// `paths` is false inside a `use` tree's braces, which [`Code::use_group`] reads.
    fn walk(&mut self, trees: &[TokenTree], module: &[String], tests: bool, paths: bool) {
        for (i, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Ident(ident) => {
                    let (text, line) = (ident.to_string(), ident.span().start().line);
                    self.lines.insert(line);
                    if paths
                        && !after_sep(trees, i)
                        && let Some(base) = root(&text, module)
                    {
                        self.path(trees, i, base, line);
                    }
                    let bang = is_punct(trees.get(i + 1), '!') && !is_punct(trees.get(i + 2), '=');
                    self.names.push(Name { text, line, bang });
                }
                TokenTree::Group(group) => {
                    self.lines.insert(group.span_open().start().line);
                    self.lines.insert(group.span_close().end().line);
                    let inner = self::trees(group.stream(), tests);
                    match inline_module(trees, i) {
                        Some(name) => {
                            let mut deeper = module.to_vec();
                            deeper.push(name);
                            self.walk(&inner, &deeper, tests, paths);
                        }
                        None => self.walk(&inner, module, tests, paths && !after_sep(trees, i)),
                    }
                }
                TokenTree::Punct(_) => {
                    self.lines.insert(tree.span().start().line);
                }
                TokenTree::Literal(_) => {
                    self.lines.extend(tree.span().start().line..=tree.span().end().line);
                }
            }
        }
    }

    /// Follows the path whose first segment stands at `trees[i]` and means `base`.
    fn path(&mut self, trees: &[TokenTree], mut i: usize, mut base: Vec<String>, line: usize) {
        while is_sep(trees, i + 1) {
            match trees.get(i + 3) {
                Some(TokenTree::Ident(ident)) => {
                    match ident.to_string().as_str() {
                        "super" => drop(base.pop()),
                        "self" => {}
                        name => base.push(name.to_owned()),
                    }
                    i += 3;
                }
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    return self.use_group(group, &base);
                }
                Some(tree @ TokenTree::Punct(_)) if is_punct(Some(tree), '*') => {
                    base.push("*".to_owned());
                    break;
                }
                _ => break,
            }
        }
        let renamed = matches!(trees.get(i + 1), Some(TokenTree::Ident(word)) if word == "as");
        self.paths.push(Path { segments: base, line, renamed });
    }

    /// The leaves of `{a::b, c as d, *}` below `base`.
    fn use_group(&mut self, group: &Group, base: &[String]) {
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        for leaf in inner.split(|t| is_punct(Some(t), ',')) {
            let Some(first) = leaf.first() else { continue };
            let line = first.span().start().line;
            let mut base = base.to_vec();
            match first {
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "super" => drop(base.pop()),
                    "self" => {}
                    name => base.push(name.to_owned()),
                },
                _ => base.push("*".to_owned()),
            }
            self.path(leaf, 0, base, line);
        }
    }
}

/// What a path's first segment means in `module`; `None` for a name that is of no interest.
fn root(first: &str, module: &[String]) -> Option<Vec<String>> {
    match first {
        "crate" | "layerlab" => Some(vec!["crate".to_owned()]),
        "self" => Some(module.to_vec()),
        "super" => Some(module[..module.len().saturating_sub(1)].to_vec()),
        other => ROOTS.contains(&other).then(|| vec![other.to_owned()]),
    }
}

/// `src/wire/queue.rs` is `crate::wire::queue`; a `mod.rs`, `lib.rs` or `main.rs` is its folder.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let segments = inside.split('/').filter(|s| !["mod", "lib", "main"].contains(s));
    std::iter::once("crate").chain(segments).map(str::to_owned).collect()
}

/// The trees of a stream without doc comments and, if asked, without what stands under `#[cfg(test)]`.
fn trees(stream: TokenStream, tests: bool) -> Vec<TokenTree> {
    let all: Vec<TokenTree> = stream.into_iter().collect();
    let mut kept = Vec::with_capacity(all.len());
    let mut i = 0;
    while let Some(tree) = all.get(i) {
        match attribute(&all, i) {
            Some((attr, next)) if is_doc(attr) => i = next,
            Some((attr, next)) if !tests && is_cfg_test(attr) => i = end_of_item(&all, next),
            _ => {
                kept.push(tree.clone());
                i += 1;
            }
        }
    }
    kept
}

/// The attribute that starts at `trees[i]`, and the index after it.
fn attribute(trees: &[TokenTree], i: usize) -> Option<(&Group, usize)> {
    if !is_punct(trees.get(i), '#') {
        return None;
    }
    let at = if is_punct(trees.get(i + 1), '!') { i + 2 } else { i + 1 };
    match trees.get(at) {
        Some(TokenTree::Group(g)) if g.delimiter() == Delimiter::Bracket => Some((g, at + 1)),
        _ => None,
    }
}

fn is_doc(attr: &Group) -> bool {
    matches!(attr.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

/// `#[cfg(test)]`, also as `all(test, unix)`; `not(test)` is code like any other.
fn is_cfg_test(attr: &Group) -> bool {
    let mut names = Vec::new();
    idents(attr.stream(), &mut names);
    names.first().is_some_and(|n| n == "cfg")
        && names.iter().any(|n| n == "test")
        && !names.iter().any(|n| n == "not")
}

fn idents(stream: TokenStream, into: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => into.push(ident.to_string()),
            TokenTree::Group(group) => idents(group.stream(), into),
            _ => {}
        }
    }
}

/// The index after the item that starts at `trees[i]`: after its `;` or its braces.
fn end_of_item(trees: &[TokenTree], i: usize) -> usize {
    let ends = |t: &TokenTree| match t {
        TokenTree::Group(g) => g.delimiter() == Delimiter::Brace,
        TokenTree::Punct(p) => p.as_char() == ';',
        _ => false,
    };
    trees[i..].iter().position(ends).map_or(trees.len(), |n| i + n + 1)
}

/// The name in `mod name { ... }` when `trees[i]` is those braces.
fn inline_module(trees: &[TokenTree], i: usize) -> Option<String> {
    match (i.checked_sub(2).map(|m| &trees[m]), i.checked_sub(1).map(|n| &trees[n])) {
        (Some(TokenTree::Ident(keyword)), Some(TokenTree::Ident(name))) if keyword == "mod" => {
            Some(name.to_string())
        }
        _ => None,
    }
}

fn is_punct(tree: Option<&TokenTree>, c: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == c)
}

/// Whether `::` stands just before `trees[i]`.
fn after_sep(trees: &[TokenTree], i: usize) -> bool {
    i >= 2 && is_sep(trees, i - 2)
}

/// Whether `::` stands at `trees[i]`.
fn is_sep(trees: &[TokenTree], i: usize) -> bool {
    is_punct(trees.get(i), ':') && is_punct(trees.get(i + 1), ':')
}

#[cfg(test)]
mod tests {
    use super::Code;

    fn paths(path: &str, text: &str) -> Vec<String> {
        let code = Code::read(path, text, true).expect("it is Rust");
        code.paths.iter().map(|p| p.segments.join("::")).collect()
    }

    #[test]
    fn a_use_tree_gives_every_leaf() {
        let text = "use crate::{wire::{Spec, queue::*}, model::Time as T, host};";
        let want = ["crate::wire::Spec", "crate::wire::queue::*", "crate::model::Time", "crate::host"];
        assert_eq!(paths("src/cli/plan.rs", text), want);
    }

    #[test]
    fn super_is_made_absolute_and_counts_inline_modules() {
        assert_eq!(paths("src/wire/queue.rs", "use super::super::host::Tap;"), ["crate::host::Tap"]);
        assert_eq!(paths("src/wire/mod.rs", "use super::host::Tap;"), ["crate::host::Tap"]);
        assert_eq!(paths("src/wire/queue.rs", "use super::{super::live::Pump, Spec};").len(), 2);
        assert_eq!(
            paths("src/wire/mod.rs", "mod a { fn f() { super::super::host::g() } }"),
            ["crate::host::g"]
        );
    }

    #[test]
    fn paths_in_bodies_types_and_macros_count_but_not_in_comments_and_strings() {
        assert_eq!(paths("src/a.rs", "fn f(x: crate::b::C) { vec![crate::d::E; 1] }").len(), 2);
        assert!(
            paths("src/a.rs", "// crate::b::C\n/* crate::b */ /// crate::b\nconst S: &str = \"crate::b\";")
                .is_empty()
        );
    }

    #[test]
    fn the_programs_own_name_is_the_crate() {
        assert_eq!(paths("src/main.rs", "fn main() { layerlab::cli::main() }"), ["crate::cli::main"]);
        assert_eq!(paths("src/main.rs", "use other::layerlab;"), [""; 0]);
    }

    #[test]
    fn test_items_are_left_out_when_asked() {
        let text = "//! Doc.\n\nfn f() {}\n/// Doc.\n#[cfg(test)]\nmod tests {\n    use crate::x::Y;\n}\nfn g() {}\n";
        let code = Code::read("src/a.rs", text, false).expect("it is Rust");
        assert!(code.paths.is_empty());
        assert_eq!(code.lines.into_iter().collect::<Vec<_>>(), [3, 9]);
        assert_eq!(Code::read("src/a.rs", text, true).expect("it is Rust").paths.len(), 1);
    }

    #[test]
    fn a_literal_over_many_lines_is_that_many_lines_of_code() {
        let code = Code::read("src/a.rs", "const S: &str = \"a\n\nb\";\n\n// c\n", true).expect("it is Rust");
        assert_eq!(code.lines.len(), 3);
    }

    #[test]
    fn what_is_no_rust_is_a_finding() {
        assert!(Code::read("src/a.rs", "fn f( {", true).is_err());
    }
}
