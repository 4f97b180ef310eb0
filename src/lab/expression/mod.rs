//! The language of filters and facts. A filter is about one line, and is a subset of Wireshark's display filters;
//! a fact is about a whole run, and counts, picks and compares what filters let through.

mod lex;
mod parse;

pub(super) use parse::constant;
pub use parse::parse;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A number; a time is one of nanoseconds.
    Number(f64),
    /// A text, an address.
    Text(String),
    /// `[1, 2]`.
    List(Vec<Expression>),
    /// A field's name, or that of a let, or of a field of one.
    Name(String),
    /// A field of what the inner gives: `first(tcp).tcp.seq`.
    Field(Box<Expression>, String),
    /// `!`
    Not(Box<Expression>),
    /// `&&`
    And(Box<Expression>, Box<Expression>),
    /// `||`
    Or(Box<Expression>, Box<Expression>),
    /// `==` and its like.
    Compare(Box<Expression>, Comparison, Box<Expression>),
    /// `in {1, 5..9}`.
    In(Box<Expression>, Vec<(Expression, Option<Expression>)>),
    /// `+ - * / %`.
    Arithmetic(Box<Expression>, char, Box<Expression>),
    /// `count(...)`.
    Call(Function, Vec<Expression>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `contains`
    Contains,
}

impl Comparison {
    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Contains => "contains",
        }
    }
}

impl Expression {
    /// What it is made of.
    #[must_use]
    pub fn parts(&self) -> Vec<&Expression> {
        match self {
            Expression::Number(_) | Expression::Text(_) | Expression::Name(_) => Vec::new(),
            Expression::List(members) | Expression::Call(_, members) => members.iter().collect(),
            Expression::Field(inner, _) | Expression::Not(inner) => vec![inner],
            Expression::And(a, b)
            | Expression::Or(a, b)
            | Expression::Compare(a, _, b)
            | Expression::Arithmetic(a, _, b) => vec![a, b],
            Expression::In(one, members) => {
                let bounds = members.iter().flat_map(|(low, high)| [Some(low), high.as_ref()]);
                [&**one].into_iter().chain(bounds.flatten()).collect()
            }
        }
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $text:literal $least:literal $most:literal $filter:expr;)*) => {
        /// What a fact may ask of a run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Function { $($(#[$doc])* $name,)* }

        impl Function {
            /// Every function.
            pub const ALL: &[Function] = &[$(Function::$name),*];

            /// As it is written.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Function::$name => $text,)* }
            }

            /// How many arguments it takes, at least and at most.
            fn arguments(self) -> (usize, usize) {
                match self { $(Function::$name => ($least, $most),)* }
            }

            /// Whether this argument, 0 the first of so many, is a filter.
            #[must_use]
            pub fn is_filter(self, argument: usize, of: usize) -> bool {
                use Function::{Distinct, List, Max, Median, Min, Sum};
                let of_field = matches!(self, List | Distinct | Sum | Min | Max | Median);
                self.about_line(argument, of) && (argument > 0 || !of_field)
            }

            /// Whether this argument, 0 the first of so many, is about one line.
            #[must_use]
            pub fn about_line(self, argument: usize, of: usize) -> bool {
                let filter: fn(usize, usize) -> bool = match self { $(Function::$name => $filter,)* };
                filter(argument, of)
            }
        }
    };
}

fn nothing(_: usize, _: usize) -> bool {
    false
}

fn everything(_: usize, _: usize) -> bool {
    true
}

/// The argument is about a line where there are two: a field and a filter, else it is a list.
fn of_two(_: usize, of: usize) -> bool {
    of == 2
}

/// Everything but the first argument.
fn after_first(argument: usize, _: usize) -> bool {
    argument > 0
}

functions! {
    /// How many lines the filter lets through.
    Count "count" 1 1 everything;
    /// Whether it lets none through.
    None "none" 1 1 everything;
    /// Whether every line that the first lets through is let through by the second too, and there is one.
    Every "every" 2 2 everything;
    /// The first line that it lets through.
    First "first" 1 1 everything;
    /// The last.
    Last "last" 1 1 everything;
    /// The nth, 1 the first.
    Nth "nth" 2 2 after_first;
    /// A field of every line that it lets through.
    List "list" 2 2 everything;
    /// How many different values a field has.
    Distinct "distinct" 2 2 everything;
    /// The sum.
    Sum "sum" 1 2 of_two;
    /// The smallest.
    Min "min" 1 2 of_two;
    /// The largest.
    Max "max" 1 2 of_two;
    /// The one in the middle.
    Median "median" 1 2 of_two;
    /// The times between one line and the next.
    Gaps "gaps" 1 1 everything;
    /// Each number of a list by the one before it.
    Ratios "ratios" 1 1 nothing;
    /// A list in ascending order.
    Sorted "sorted" 1 1 nothing;
    /// A list without its first n.
    Skip "skip" 2 2 nothing;
    /// The nth member of a list, 1 the first.
    At "at" 2 2 nothing;
    /// How many runs of consecutive numbers a list has.
    Runs "runs" 1 1 nothing;
    /// The octets of a text, or the members of a list.
    Len "len" 1 1 nothing;
    /// A number without its sign.
    Abs "abs" 1 1 nothing;
    /// The members of a list as one text, with the second argument between them.
    Join "join" 2 2 nothing;
    /// The number that so many octets are, in hexadecimal from so far on: most significant first.
    Number "number" 3 3 nothing;
    /// The text that these octets in hexadecimal are.
    Text "text" 1 1 nothing;
}

/// An expression that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ExpressionError {
    /// Where, 1 the first character.
    pub column: usize,
    /// What is wrong.
    pub kind: ExpressionErrorKind,
}

/// What is wrong with an expression, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionErrorKind {
    /// A character that begins nothing.
    #[error(
        "{0:?} begins nothing here: there are == != < <= > >= && || ! in contains + - * / % ( ) [ ] {{ }} and names"
    )]
    Character(char),
    /// One `=`.
    #[error("a single `=` compares nothing: write `==`")]
    Single,
    /// A text that does not end.
    #[error("this text does not end: close it with \"")]
    Text,
    /// A number that is none.
    #[error("{0:?} is no number: write 5, 0x12, 1.5, or a time such as 20ms")]
    Number(String),
    /// Something else was expected.
    #[error("{found} stands where {expected} was expected")]
    Expected {
        /// What stands there.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// No such function.
    #[error("there is no function {name}(): there are {known}")]
    Function {
        /// What was written.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Too few arguments, or too many.
    #[error("{name}() takes {takes}, not {given}")]
    Arguments {
        /// The function.
        name: &'static str,
        /// What it takes.
        takes: &'static str,
        /// How many there are.
        given: usize,
    },
    /// Too deep.
    #[error("parentheses stand more than {0} deep: name a part of it with let")]
    Deep(usize),
    /// Too long.
    #[error("more than {0} words and signs: name a part of it with let")]
    Long(usize),
    /// A division by a constant that is zero.
    #[error("a division by 0 gives nothing: divide by another number")]
    Zero,
    /// A range that ends below its begin.
    #[error("nothing is in a range that ends below its begin: write the smaller number first")]
    Range,
    /// A place before the first.
    #[error("{0}() counts from 1: write 1 for the first")]
    Before(&'static str),
    /// A question about the whole run inside one about each of its lines.
    #[error("{0}() would be asked again for every line: name it with let")]
    Nested(&'static str),
}
