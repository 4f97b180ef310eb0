//! Names in the chat, and its lines.
//!
//! Everybody gets every line in the same order: `NAME: text`, and from the server `* join NAME`, `* leave NAME`,
//! `* nick OLD NEW`. `/nick NAME` changes one's own; who may not have it alone gets `* refused NAME`.

use std::collections::HashSet;

/// Characters of a name, at most.
const LONGEST: usize = 24;

/// The names in use.
#[derive(Default, Debug)]
pub(super) struct Chat {
    names: HashSet<Box<str>>,
    guests: u64,
}

/// What becomes of a line.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// All get this.
    All(String),
    /// Its sender alone gets this.
    Back(String),
}

impl Chat {
    /// Somebody comes: their name until they choose one, and what is told.
    pub(super) fn join(&mut self) -> (Box<str>, String) {
        loop {
            self.guests += 1;
            let name: Box<str> = format!("guest{}", self.guests).into();
            if self.names.insert(name.clone()) {
                let told = format!("* join {name}");
                return (name, told);
            }
        }
    }

    /// Somebody is gone.
    pub(super) fn leave(&mut self, name: &str) -> String {
        self.names.remove(name);
        format!("* leave {name}")
    }

    /// A line from `name`, which it may change.
    pub(super) fn line(&mut self, name: &mut Box<str>, line: &str) -> Said {
        let Some(wish) = line.strip_prefix("/nick ").map(str::trim) else {
            // A line is one line, and moves nobody's cursor.
            let text = line.replace(char::is_control, " ");
            return Said::All(format!("{name}: {text}"));
        };
        let fits = (1..=LONGEST).contains(&wish.chars().count());
        let plain = wish.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        if !fits || !plain || !self.names.insert(wish.into()) {
            let shown: String = wish.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
            return Said::Back(format!("* refused {shown}"));
        }
        self.names.remove(&**name);
        let told = format!("* nick {name} {wish}");
        *name = wish.into();
        Said::All(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_nobody_elses() {
        let mut chat = Chat::default();
        let (mut first, told) = chat.join();
        assert_eq!(told, "* join guest1");
        let (mut second, _) = chat.join();
        assert_eq!(chat.line(&mut first, "/nick anna"), Said::All("* nick guest1 anna".into()));
        assert_eq!(chat.line(&mut second, "/nick anna"), Said::Back("* refused anna".into()));
        assert_eq!(chat.line(&mut second, "/nick a b"), Said::Back("* refused a b".into()));
        assert_eq!(chat.line(&mut second, "/nick "), Said::Back("* refused ".into()));
        let long = "x".repeat(100_000);
        let Said::Back(refused) = chat.line(&mut second, &format!("/nick {long}")) else { panic!() };
        assert!(refused.len() < 50, "{refused}");
        assert_eq!(chat.line(&mut second, "hi\x1b[2J\n"), Said::All("guest2: hi [2J ".into()));
        assert_eq!(chat.leave(&first), "* leave anna");
        assert_eq!(chat.line(&mut second, "/nick anna"), Said::All("* nick guest2 anna".into()));
        // The names that were given up are free again, and guests get only free ones.
        assert_eq!(chat.line(&mut second, "/nick guest3"), Said::All("* nick anna guest3".into()));
        assert_eq!(&*chat.join().0, "guest4");
    }
}
