//! Who may do what with which queue: users, known by a token, and the names that they have rights on.
//!
//! They stand in a text of one line a user; `#` begins a comment line. A pattern is a queue's name, or the beginning
//! of names and a `*`. What a user is not given, it may not do.
//!
//! ```text
//! # name        token         rights
//! user alice token s3cret  publish orders.* consume *
//! user ops   token k9-t0p  declare * publish * consume *
//! ```

use std::hint::black_box;

/// What may be done with a queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Right {
    /// Putting messages in. Naming it as a dead-letter queue is a way to.
    Publish,
    /// Getting messages out, and looking at what it holds.
    Consume,
    /// Making, emptying and deleting it.
    Declare,
}

impl Right {
    const ALL: [Right; 3] = [Right::Publish, Right::Consume, Right::Declare];

    /// The word for it in the text.
    pub const fn name(self) -> &'static str {
        match self {
            Right::Publish => "publish",
            Right::Consume => "consume",
            Right::Declare => "declare",
        }
    }
}

/// A queue's name, or the beginning of many.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Pattern {
    Exactly(Box<str>),
    Prefix(Box<str>),
}

impl Pattern {
    fn parse(text: &str) -> Result<Pattern, Flaw> {
        match text.split_once('*') {
            None => Ok(Pattern::Exactly(text.into())),
            Some((prefix, "")) => Ok(Pattern::Prefix(prefix.into())),
            Some((prefix, _)) => Err(Flaw::Pattern { pattern: text.into(), prefix: prefix.into() }),
        }
    }

    fn fits(&self, queue: &str) -> bool {
        match self {
            Pattern::Exactly(name) => **name == *queue,
            Pattern::Prefix(prefix) => queue.starts_with(&**prefix),
        }
    }
}

/// Somebody with rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    name: Box<str>,
    rights: Vec<(Right, Pattern)>,
}

impl User {
    /// Anybody, where nobody asks for a token: may do everything.
    pub fn anybody() -> User {
        let rights = Right::ALL.map(|right| (right, Pattern::Prefix("".into())));
        User { name: "anybody".into(), rights: rights.into() }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may do this with the queue of this name.
    pub fn may(&self, right: Right, queue: &str) -> bool {
        self.rights.iter().any(|(given, pattern)| *given == right && pattern.fits(queue))
    }
}

/// A secret: never printed, and compared in a time that does not tell how much of it was guessed.
#[derive(Clone)]
struct Token(Box<[u8]>);

impl Token {
    fn is(&self, guess: &[u8]) -> bool {
        let mut differ = self.0.len() ^ guess.len();
        for (at, octet) in self.0.iter().enumerate() {
            let guessed = guess.get(at).copied().unwrap_or_default();
            differ = black_box(differ | usize::from(octet ^ guessed));
        }
        differ == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// All users.
#[derive(Clone, Debug)]
pub struct Access {
    users: Vec<(Token, User)>,
}

/// Octets that a token may have: what one field of a HELLO holds.
pub const MAX_TOKEN: usize = 255;

/// What is wrong with a line. Its author can mend it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// It does not begin as every line does.
    #[error("expected `user NAME token TOKEN` and rights, in this order; the line begins with `{first}`")]
    Opening {
        /// Its first word: a later one may be a token.
        first: Box<str>,
    },
    /// A token that no client could send.
    #[error("a token of {len} octets: a client can send {MAX_TOKEN} at most, choose a shorter one")]
    TokenTooLong {
        /// Its octets.
        len: usize,
    },
    /// Something else where a right should be.
    #[error("expected publish, consume or declare, got `{got}`")]
    Right {
        /// What stands there.
        got: Box<str>,
    },
    /// A right on nothing.
    #[error("`{}` names no queue: write its name, or * for all", .0.name())]
    NoPattern(Right),
    /// A user without a right.
    #[error("{name} has no right: add publish, consume or declare with a queue's name, or * for all")]
    NoRight {
        /// The user.
        name: Box<str>,
    },
    /// A pattern with a `*` inside.
    #[error("`{pattern}`: a * stands at the end only, write `{prefix}*` or a queue's whole name")]
    Pattern {
        /// The pattern.
        pattern: Box<str>,
        /// What stands before the first `*`.
        prefix: Box<str>,
    },
    /// A name for the second time.
    #[error("the user {name} stands on line {first} already: join the two lines, or rename one")]
    SameName {
        /// The user.
        name: Box<str>,
        /// The line on which it stood first.
        first: usize,
    },
    /// A token for the second time.
    #[error("the token is also that of line {first}: give every user one of its own")]
    SameToken {
        /// The line on which it stood first.
        first: usize,
    },
    /// No user at all.
    #[error("there is no user: nobody could connect. Add a line: user NAME token TOKEN publish * consume *")]
    Nobody,
}

/// A flaw, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {flaw}")]
pub struct BadLine {
    /// Counted from 1; of an empty text, the line after the last.
    pub line: usize,
    /// What is wrong.
    pub flaw: Flaw,
}

impl Access {
    /// Reads the text.
    ///
    /// # Errors
    /// At the first line that is wrong, and for a text without users.
    pub fn parse(text: &str) -> Result<Access, BadLine> {
        let mut access = Access { users: Vec::new() };
        let mut lines = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let words: Vec<&str> = content.split_whitespace().collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            access.add(&words, &lines).map_err(|flaw| BadLine { line, flaw })?;
            lines.push(line);
        }
        match access.users.is_empty() {
            true => Err(BadLine { line: text.lines().count() + 1, flaw: Flaw::Nobody }),
            false => Ok(access),
        }
    }

    /// Adds the user of a line. The others stood on `lines`.
    fn add(&mut self, words: &[&str], lines: &[usize]) -> Result<(), Flaw> {
        let ["user", name, "token", token, rights @ ..] = words else {
            return Err(Flaw::Opening { first: words.first().copied().unwrap_or_default().into() });
        };
        if token.len() > MAX_TOKEN {
            return Err(Flaw::TokenTooLong { len: token.len() });
        }
        for ((other, user), first) in self.users.iter().zip(lines) {
            if *user.name == **name {
                return Err(Flaw::SameName { name: (*name).into(), first: *first });
            }
            if other.is(token.as_bytes()) {
                return Err(Flaw::SameToken { first: *first });
            }
        }
        let user = User { name: (*name).into(), rights: parse_rights(name, rights)? };
        self.users.push((Token(token.as_bytes().into()), user));
        Ok(())
    }

    /// Whose token this is. Takes as long whether it is nobody's, the first one's or nearly somebody's.
    pub fn user(&self, token: &[u8]) -> Option<&User> {
        self.users.iter().fold(None, |found, (own, user)| if own.is(token) { Some(user) } else { found })
    }
}

fn parse_rights(name: &str, words: &[&str]) -> Result<Vec<(Right, Pattern)>, Flaw> {
    let word_for = |word: &str| Right::ALL.into_iter().find(|right| right.name() == word);
    let mut rights = Vec::new();
    // A right that was named, and whether a pattern followed.
    let mut open: Option<(Right, bool)> = None;
    for word in words {
        match (word_for(word), open) {
            (Some(_), Some((right, false))) => return Err(Flaw::NoPattern(right)),
            (Some(right), _) => open = Some((right, false)),
            (None, None) => return Err(Flaw::Right { got: (*word).into() }),
            (None, Some((right, _))) => {
                rights.push((right, Pattern::parse(word)?));
                open = Some((right, true));
            }
        }
    }
    match open {
        None => Err(Flaw::NoRight { name: name.into() }),
        Some((right, false)) => Err(Flaw::NoPattern(right)),
        Some((_, true)) => Ok(rights),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# who may what\n\n\
        user alice token s3cret publish orders.* consume *\n  \
        user bob\ttoken hunter2 consume orders.new orders.old declare tmp.*\n";

    #[test]
    fn a_user_is_known_by_its_token_and_may_do_what_stands_there() {
        let access = Access::parse(TEXT).unwrap();
        let alice = access.user(b"s3cret").unwrap();
        assert_eq!(alice.name(), "alice");
        assert!(alice.may(Right::Publish, "orders.new") && alice.may(Right::Publish, "orders."));
        assert!(!alice.may(Right::Publish, "orders") && !alice.may(Right::Publish, "my.orders.new"));
        assert!(alice.may(Right::Consume, "anything") && !alice.may(Right::Declare, "orders.new"));
        let bob = access.user(b"hunter2").unwrap();
        assert!(bob.may(Right::Consume, "orders.new") && bob.may(Right::Consume, "orders.old"));
        assert!(!bob.may(Right::Consume, "orders.newer") && !bob.may(Right::Publish, "orders.new"));
        assert!(bob.may(Right::Declare, "tmp.1"));
        assert!(Right::ALL.iter().all(|right| User::anybody().may(*right, "orders.new")));
    }

    #[test]
    fn nearly_a_token_is_nobodys() {
        let access = Access::parse(TEXT).unwrap();
        for guess in ["", "s", "s3cre", "s3cret ", "s3creT", "S3cret", "s3cret\0", "alice"] {
            assert_eq!(access.user(guess.as_bytes()), None, "{guess:?}");
        }
    }

    #[test]
    fn any_text_is_read_or_blamed_on_one_of_its_lines() {
        use proptest::prelude::*;
        let word = prop_oneof![
            prop::sample::select(vec![
                "user", "token", "publish", "consume", "declare", "#", "*", "a*", "a*b", "\n", "\n"
            ])
            .prop_map(str::to_owned),
            "[a-c]{1,2}",
            any::<String>(),
        ];
        proptest!(|(words in prop::collection::vec(word, 0..40))| {
            let text = words.join(" ");
            match Access::parse(&text) {
                Ok(access) => {
                    for (token, user) in &access.users {
                        prop_assert_eq!(access.user(&token.0), Some(user));
                        prop_assert!(!user.rights.is_empty());
                    }
                }
                Err(bad) => prop_assert!(bad.line >= 1 && bad.line <= text.lines().count() + 1),
            }
        });
    }

    #[test]
    fn a_token_is_never_printed() {
        let text = format!("{:?}", Access::parse(TEXT).unwrap());
        assert!(text.contains("alice") && !text.contains("s3cret") && !text.contains("115"), "{text}");
    }

    #[test]
    fn a_bad_line_is_named_with_the_remedy() {
        let long = format!("user a token {} publish *", "x".repeat(256));
        let said = |text: &str| Access::parse(text).unwrap_err().to_string();
        for (text, want) in [
            (
                "\nalice s3cret",
                "line 2: expected `user NAME token TOKEN` and rights, in this order; the line begins with `alice`",
            ),
            (
                "user a s3cret",
                "line 1: expected `user NAME token TOKEN` and rights, in this order; the line begins with `user`",
            ),
            (
                "user a token t",
                "line 1: a has no right: add publish, consume or declare with a queue's name, or * for all",
            ),
            ("user a token t orders", "line 1: expected publish, consume or declare, got `orders`"),
            (
                "user a token t publish consume x",
                "line 1: `publish` names no queue: write its name, or * for all",
            ),
            ("user a token t consume", "line 1: `consume` names no queue: write its name, or * for all"),
            (
                "user a token t consume a*b",
                "line 1: `a*b`: a * stands at the end only, write `a*` or a queue's whole name",
            ),
            (
                "user a token t publish *\n#\nuser a token u publish *",
                "line 3: the user a stands on line 1 already: join the two lines, or rename one",
            ),
            (
                "\nuser a token t publish *\nuser b token t publish *",
                "line 3: the token is also that of line 2: give every user one of its own",
            ),
            (
                "# nobody\n",
                "line 2: there is no user: nobody could connect. Add a line: user NAME token TOKEN publish * consume *",
            ),
            (&long, "line 1: a token of 256 octets: a client can send 255 at most, choose a shorter one"),
        ] {
            assert_eq!(said(text), want);
        }
    }
}
