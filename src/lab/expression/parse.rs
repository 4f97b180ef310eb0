//! Tokens to an expression. `||` binds loosest, then `&&`, `!`, comparisons, `+ -`, `* / %`.

use super::lex::{Token, tokens};
use super::{Comparison, Expression, ExpressionError, ExpressionErrorKind as Kind, Function};

/// How deep parentheses may stand: a lab's file is read by people, and the parser calls itself.
const DEPTH_MAX: usize = 40;

/// Reads an expression.
///
/// # Errors
/// Where and why it cannot be read.
pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, end: text.chars().count() + 1, depth: 0 };
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.expected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// The column behind the last.
    end: usize,
    depth: usize,
}

type Parsed = Result<Expression, ExpressionError>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn error(&self, kind: Kind) -> ExpressionError {
        let column = self.tokens.get(self.at).map_or(self.end, |(column, _)| *column);
        ExpressionError { column, kind }
    }

    fn expected(&self, expected: &'static str) -> ExpressionError {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(Token::Number(n)) => format!("{n}"),
            Some(Token::Text(text)) => format!("\"{}\"", cut(text)),
            Some(Token::Name(name)) => format!("`{}`", cut(name)),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        };
        self.error(Kind::Expected { found, expected })
    }

    fn takes(&mut self, sign: &str) -> bool {
        let takes = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(takes);
        takes
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let takes = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        self.at += usize::from(takes);
        takes
    }

    fn must(&mut self, sign: &str, expected: &'static str) -> Result<(), ExpressionError> {
        if self.takes(sign) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn or(&mut self) -> Parsed {
        if self.depth == DEPTH_MAX {
            return Err(self.error(Kind::Deep(DEPTH_MAX)));
        }
        self.depth += 1;
        let mut left = self.and()?;
        while self.takes("||") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        while self.takes("&&") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed {
        let mut nots = 0;
        while self.takes("!") {
            nots += 1;
        }
        let inner = self.comparison()?;
        Ok((0..nots).fold(inner, |inner, _| Expression::Not(Box::new(inner))))
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        if self.takes_word("in") {
            return self.set(left);
        }
        let how = match self.peek() {
            Some(Token::Sign("==")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            Some(Token::Name(word)) if word == "contains" => Comparison::Contains,
            _ => return Ok(left),
        };
        self.at += 1;
        Ok(Expression::Compare(Box::new(left), how, Box::new(self.sum()?)))
    }

    /// `{1, 5..9}`, as Wireshark writes sets.
    fn set(&mut self, left: Expression) -> Parsed {
        self.must("{", "`{`, as in `in {1.8..2.3}`")?;
        let mut members = Vec::new();
        loop {
            let begin = self.at;
            let low = self.sum()?;
            let high = if self.takes("..") { Some(self.sum()?) } else { None };
            let bounds = constant(&low).zip(high.as_ref().and_then(constant));
            if bounds.is_some_and(|(low, high)| low > high) {
                self.at = begin;
                return Err(self.error(Kind::Range));
            }
            members.push((low, high));
            if self.takes("}") {
                return Ok(Expression::In(Box::new(left), members));
            }
            self.must(",", "`,` or `}`")?;
        }
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let sign = match self.peek() {
                Some(Token::Sign("+")) => '+',
                Some(Token::Sign("-")) => '-',
                _ => return Ok(left),
            };
            self.at += 1;
            left = Expression::Arithmetic(Box::new(left), sign, Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.primary()?;
        loop {
            let sign = match self.peek() {
                Some(Token::Sign("*")) => '*',
                Some(Token::Sign("/")) => '/',
                Some(Token::Sign("%")) => '%',
                _ => return Ok(left),
            };
            self.at += 1;
            let begin = self.at;
            let right = self.primary()?;
            if sign != '*' && constant(&right) == Some(0.0) {
                self.at = begin;
                return Err(self.error(Kind::Zero));
            }
            left = Expression::Arithmetic(Box::new(left), sign, Box::new(right));
        }
    }

    fn primary(&mut self) -> Parsed {
        let mut inner = match self.peek().cloned() {
            Some(Token::Number(number)) => {
                self.at += 1;
                Expression::Number(number)
            }
            Some(Token::Text(text)) => {
                self.at += 1;
                Expression::Text(text)
            }
            Some(Token::Name(name)) if !matches!(&*name, "in" | "contains") => {
                self.at += 1;
                if matches!(self.peek(), Some(Token::Sign("("))) {
                    self.call(&name)?
                } else {
                    Expression::Name(name)
                }
            }
            Some(Token::Sign("(")) => {
                self.at += 1;
                let inner = self.or()?;
                self.must(")", "`)`")?;
                inner
            }
            Some(Token::Sign("[")) => {
                self.at += 1;
                Expression::List(self.list("]", "`,` or `]`")?)
            }
            _ => return Err(self.expected("a field, a number, a text or a function")),
        };
        while self.takes(".") {
            let Some(Token::Name(name)) = self.peek().cloned() else {
                return Err(self.expected("a field's name"));
            };
            self.at += 1;
            inner = Expression::Field(Box::new(inner), name);
        }
        Ok(inner)
    }

    /// Members up to the closing bracket.
    fn list(&mut self, close: &str, expected: &'static str) -> Result<Vec<Expression>, ExpressionError> {
        let mut members = Vec::new();
        if self.takes(close) {
            return Ok(members);
        }
        loop {
            members.push(self.or()?);
            if self.takes(close) {
                return Ok(members);
            }
            self.must(",", expected)?;
        }
    }

    fn call(&mut self, name: &str) -> Parsed {
        self.at -= 1;
        let Some(function) = Function::ALL.iter().copied().find(|f| f.name() == name) else {
            let known: Vec<&str> = Function::ALL.iter().map(|f| f.name()).collect();
            return Err(self.error(Kind::Function { name: name.to_owned(), known: known.join(", ") }));
        };
        let begin = self.at;
        self.at += 2;
        let arguments = self.list(")", "`,` or `)`")?;
        let (least, most) = function.arguments();
        if !(least..=most).contains(&arguments.len()) {
            let takes = match (least, most) {
                (1, 1) => "one argument",
                (2, 2) => "two arguments",
                _ => "a list, or a field and a filter",
            };
            self.at = begin;
            return Err(self.error(Kind::Arguments { name: function.name(), takes, given: arguments.len() }));
        }
        let place = match function {
            Function::Nth => constant(&arguments[0]),
            Function::At => constant(&arguments[1]),
            _ => None,
        };
        if place.is_some_and(|place| place < 1.0) {
            self.at = begin;
            return Err(self.error(Kind::Before(function.name())));
        }
        // What is asked once a line asks nothing of all lines: a run of n lines is gone through n times at most.
        let about_line = |(nth, _): &(usize, &Expression)| function.about_line(*nth, arguments.len());
        let nested = arguments.iter().enumerate().filter(about_line).find_map(|(_, inner)| about_run(inner));
        if let Some(nested) = nested {
            self.at = begin;
            return Err(self.error(Kind::Nested(nested.name())));
        }
        Ok(Expression::Call(function, arguments))
    }
}

/// The begin of a long word.
fn cut(word: &str) -> String {
    match word.char_indices().nth(30) {
        Some((end, _)) => format!("{}...", &word[..end]),
        None => word.to_owned(),
    }
}

/// What it gives in every run.
pub(in crate::lab) fn constant(expression: &Expression) -> Option<f64> {
    match expression {
        Expression::Number(number) => Some(*number),
        Expression::Arithmetic(a, sign, b) => {
            let (a, b) = (constant(a)?, constant(b)?);
            Some(match sign {
                '+' => a + b,
                '-' => a - b,
                '*' => a * b,
                '/' => a / b,
                _ => a.rem_euclid(b),
            })
        }
        _ => None,
    }
}

/// The first function in it that goes through a whole run.
fn about_run(expression: &Expression) -> Option<Function> {
    if let Expression::Call(function, arguments) = expression
        && (0..arguments.len()).any(|nth| function.about_line(nth, arguments.len()))
    {
        return Some(*function);
    }
    expression.parts().into_iter().find_map(about_run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, String) {
        let error = parse(text).expect_err(text);
        (error.column, error.to_string())
    }

    #[test]
    fn what_binds_how() {
        assert_eq!(parse("a && !b == 1 || c"), parse("(a && (!(b == 1))) || c"));
        assert_eq!(parse("a + 2 * 3 == 7"), parse("(a + (2 * 3)) == 7"));
        assert_eq!(parse("10.0.0.1").unwrap(), Expression::Text("10.0.0.1".into()));
        assert_eq!(parse("02:00:00:00:00:0a").unwrap(), Expression::Text("02:00:00:00:00:0a".into()));
        assert_eq!(parse("20ms").unwrap(), Expression::Number(2e7));
        assert_eq!(parse("0x0012").unwrap(), Expression::Number(18.0));
        let Expression::In(_, members) = parse("x in {1.8..2.3, 7}").unwrap() else { panic!("a set") };
        assert_eq!(members[0], (Expression::Number(1.8), Some(Expression::Number(2.3))));
        let picked = parse("first(tcp.len > 0).tcp.seq").unwrap();
        assert!(matches!(picked, Expression::Field(_, name) if name == "tcp.seq"));
        assert_eq!(parse("count(tcp.len>0&&!udp)>=3"), parse("count( tcp.len > 0 && !udp ) >= 3"));
    }

    #[test]
    fn what_is_wrong_has_a_place_and_a_remedy() {
        assert_eq!(wrong("tcp.len = 5"), (9, "a single `=` compares nothing: write `==`".into()));
        assert_eq!(wrong("(a"), (3, "the end stands where `)` was expected".into()));
        assert_eq!(wrong("first(a, b)"), (1, "first() takes one argument, not 2".into()));
        assert!(wrong("many(a)").1.starts_with("there is no function many(): there are count, "));
        assert_eq!(wrong("a == 5x").1, "\"5x\" is no number: write 5, 0x12, 1.5, or a time such as 20ms");
        assert_eq!(wrong("a == \"b").0, 6);
        assert_eq!(wrong("").0, 1);
        assert_eq!(wrong("a b"), (3, "`b` stands where an operator or the end was expected".into()));
        assert_eq!(
            wrong("a / (2 - 2) == 1"),
            (5, "a division by 0 gives nothing: divide by another number".into())
        );
        assert_eq!(wrong("!(1 % 0 == 1)").0, 7);
        assert_eq!(wrong("a in {7, 3..0.9}").0, 10);
        assert!(wrong("a in {1s..20 * 40ms}").1.contains("write the smaller number first"));
        assert!(parse("a in {3..3, 2..b, 1ms..1s}").is_ok());
        assert_eq!(wrong("b && nth(0, a)"), (6, "nth() counts from 1: write 1 for the first".into()));
        assert_eq!(wrong("at(a, 1 - 1) == 2").1, "at() counts from 1: write 1 for the first");
        assert!(wrong(&format!("a {}", "b".repeat(500))).1.len() < 100);
        assert!(wrong(&"(".repeat(500)).1.contains("deep"));
        assert!(wrong(&"a+".repeat(5000)).1.contains("more than 1000"));
        assert_eq!(
            wrong("count(a == count(b))").1,
            "count() would be asked again for every line: name it with let"
        );
        assert!(parse("count(len(a) > 2 && abs(b) == at(c, 1)) == max([1, count(d)])").is_ok());
    }
}
