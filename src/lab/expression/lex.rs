//! An expression's characters to tokens.

use super::{ExpressionError, ExpressionErrorKind as Kind};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longer ones stand before those that they begin with.
const SIGNS: [&str; 22] = [
    "==", "!=", "<=", ">=", "&&", "||", "..", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    "{", "}", ",",
];

/// What a number may end in, and the nanoseconds that it is.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

/// More than any fact takes: what is read is also walked, and a walk calls itself once a token.
const TOKENS_MAX: usize = 1000;

/// Cuts it up; each token with its column.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ExpressionError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let column = text[..text.len() - rest.len()].chars().count() + 1;
        let error = |kind| ExpressionError { column, kind };
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (token, length) = if let Some(length) = address(rest) {
            (Token::Text(rest[..length].to_owned()), length)
        } else if first.is_ascii_digit() {
            let length = run(rest, |c| c.is_ascii_alphanumeric());
            let more =
                rest[length..].strip_prefix('.').filter(|r| r.starts_with(|c: char| c.is_ascii_digit()));
            let length = more.map_or(length, |more| length + 1 + run(more, |c| c.is_ascii_alphanumeric()));
            let number =
                number(&rest[..length]).ok_or_else(|| error(Kind::Number(rest[..length].to_owned())))?;
            (Token::Number(number), length)
        } else if first == '"' {
            let end = rest[1..].find('"').ok_or_else(|| error(Kind::Text))?;
            (Token::Text(rest[1..=end].to_owned()), end + 2)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = name(rest);
            (Token::Name(rest[..length].to_owned()), length)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else if first == '.' {
            // A field of what stands before: `first(tcp).tcp.seq`.
            let length = name(&rest[1..]);
            if length == 0 {
                return Err(error(Kind::Character('.')));
            }
            (Token::Sign("."), 1)
        } else {
            return Err(error(if first == '=' { Kind::Single } else { Kind::Character(first) }));
        };
        if tokens.len() == TOKENS_MAX {
            return Err(error(Kind::Long(TOKENS_MAX)));
        }
        tokens.push((column, token));
        rest = &rest[length..];
    }
}

/// Octets at the beginning whose characters are so.
fn run(text: &str, so: impl Fn(char) -> bool) -> usize {
    text.find(|c| !so(c)).unwrap_or(text.len())
}

/// Octets of the name at the beginning: words with single dots between.
fn name(text: &str) -> usize {
    let word = |text: &str| run(text, |c| c.is_ascii_alphanumeric() || c == '_');
    let mut length = word(text);
    while let Some(more) = text[length..].strip_prefix('.') {
        if length == 0 || !more.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            break;
        }
        length += 1 + word(more);
    }
    length
}

/// Octets of the IPv4 or MAC address at the beginning, as Wireshark takes them without quotation marks.
fn address(text: &str) -> Option<usize> {
    let length = run(text, |c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    let word = text[..length].trim_end_matches(['.', ':']);
    let mac = word.split(':').count() == 6 && word.split(':').all(|part| part.len() == 2);
    (mac || word.parse::<std::net::Ipv4Addr>().is_ok()).then_some(word.len())
}

fn number(word: &str) -> Option<f64> {
    if let Some(digits) = word.strip_prefix("0x") {
        // Beyond 2^53 no field counts anything; a hexadecimal constant stays exact below it.
        return u32::from_str_radix(digits, 16).ok().map(f64::from);
    }
    for (unit, nanoseconds) in UNITS {
        if let Some(digits) = word.strip_suffix(unit)
            && let Some(number) = decimal(digits)
        {
            return Some(number * nanoseconds);
        }
    }
    decimal(word)
}

fn decimal(digits: &str) -> Option<f64> {
    let plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| digits.parse().ok()).flatten()
}
