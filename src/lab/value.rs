//! What an expression gives, and how two of these compare.

use super::expression::Comparison;
use serde_json::Value as Json;
use std::rc::Rc;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// There is none: the field is absent, no line was let through.
    Missing,
    /// There is none: it was divided by zero.
    ByZero,
    /// True or false.
    Bool(bool),
    /// A number; a time is one of nanoseconds.
    Number(f64),
    /// A text.
    Text(String),
    /// Several: a field that occurs more than once, or one of several lines.
    List(Vec<Value>),
    /// A line.
    Line(Rc<Json>),
}

impl Value {
    /// From JSON.
    pub(crate) fn of(json: &Json) -> Value {
        match json {
            Json::Null => Value::Missing,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => n.as_f64().map_or(Value::Missing, Value::Number),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(members) => Value::List(members.iter().map(Value::of).collect()),
            // What is inside has names of its own; of the whole only that it is there.
            Json::Object(_) => Value::Bool(true),
        }
    }

    /// As a number: a text in hexadecimal is the number that it writes, and true is 1, as in Wireshark.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(n) => Some(*n),
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Text(text) => u32::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(f64::from),
            _ => None,
        }
    }

    /// As a member of a list.
    pub(crate) fn single(self) -> Value {
        if matches!(self, Value::List(_)) { Value::Missing } else { self }
    }

    /// The numbers of a list.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        match self {
            Value::List(members) => members.iter().filter_map(Value::number).collect(),
            other => other.number().into_iter().collect(),
        }
    }

    /// Whether it holds, where nothing is compared: a number that is not 0, anything else that is there.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Value::Missing | Value::ByZero => false,
            Value::Bool(b) => *b,
            Value::Number(n) => *n != 0.0,
            Value::List(members) => !members.is_empty(),
            Value::Text(_) | Value::Line(_) => true,
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Value::Missing => "nothing".to_owned(),
            Value::ByZero => "a division by 0".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Number(n) if n.fract() == 0.0 => format!("{n:.0}"),
            Value::Number(n) => format!("{n:.2}"),
            Value::Text(text) => text.clone(),
            Value::List(members) => {
                let members: Vec<String> = members.iter().map(Value::shown).collect();
                format!("[{}]", members.join(", "))
            }
            Value::Line(line) => match line["frame.number"].as_u64() {
                Some(number) => format!("frame {number}"),
                None => line["sentence"].as_str().unwrap_or("a line").to_owned(),
            },
        }
    }
}

/// Two values with the sign between them that is true of them.
pub(crate) fn told(left: &Value, how: Comparison, right: &Value) -> String {
    use Comparison::{Contains, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let is_value = |value: &Value| !matches!(value, Value::Missing | Value::ByZero);
    let other = match how {
        Equal if is_value(left) || is_value(right) => Some(NotEqual),
        // What is missing is on no side of anything.
        _ if !is_value(left) || !is_value(right) => None,
        Equal => Some(NotEqual),
        NotEqual => Some(Equal),
        Less => Some(GreaterOrEqual),
        LessOrEqual => Some(Greater),
        Greater => Some(LessOrEqual),
        GreaterOrEqual => Some(Less),
        Contains => None,
    };
    let (left_shown, right_shown) = (left.shown(), right.shown());
    match (compare(left, how, right), other) {
        (true, _) => format!("{left_shown} {} {right_shown}", how.sign()),
        // What cannot be put in an order is neither less nor more.
        (false, Some(other)) if other == NotEqual || compare(left, other, right) => {
            format!("{left_shown} {} {right_shown}", other.sign())
        }
        (false, _) => format!("{left_shown}, not {} {right_shown}", how.sign()),
    }
}

/// Compares. What is missing compares to nothing; a list to a single value if a member of it does, and is unequal
/// if no member is equal.
pub(crate) fn compare(left: &Value, how: Comparison, right: &Value) -> bool {
    use Comparison::{Contains, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match (left, right) {
        (Value::Missing | Value::ByZero, _) | (_, Value::Missing | Value::ByZero) => false,
        (_, _) if how == NotEqual => !compare(left, Equal, right),
        (Value::List(a), Value::List(b)) => {
            how == Equal && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| compare(a, Equal, b))
        }
        (Value::List(members), one) if how == Contains => members.iter().any(|m| compare(m, Equal, one)),
        (Value::List(members), one) | (one, Value::List(members)) if how == Equal => {
            members.iter().any(|m| compare(m, how, one))
        }
        (Value::List(members), one) => members.iter().any(|m| compare(m, how, one)),
        (one, Value::List(members)) if how != Contains => members.iter().any(|m| compare(one, how, m)),
        (Value::Text(a), Value::Text(b)) => match how {
            Equal => a == b,
            Contains => a.contains(b.as_str()),
            _ => false,
        },
        (Value::Line(a), Value::Line(b)) => how == Equal && a == b,
        (a, b) => match (a.number(), b.number()) {
            (Some(a), Some(b)) => match how {
                Equal => (a - b).abs() < 1e-9,
                Less => a < b,
                LessOrEqual => a <= b,
                Greater => a > b,
                GreaterOrEqual => a >= b,
                NotEqual | Contains => false,
            },
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flags_are_numbers_and_what_is_missing_compares_to_nothing() {
        let of = |json: Json| Value::of(&json);
        assert!(compare(&of(json!("0x0012")), Comparison::Equal, &Value::Number(18.0)));
        assert!(compare(&of(json!(true)), Comparison::Equal, &Value::Number(1.0)));
        assert!(!compare(&of(json!(null)), Comparison::NotEqual, &Value::Number(1.0)));
        assert!(compare(&of(json!(["SYN", "ACK"])), Comparison::Equal, &of(json!("ACK"))));
        assert!(compare(&of(json!(["SYN", "ACK"])), Comparison::NotEqual, &of(json!("FIN"))));
        assert!(compare(&of(json!([1, 2])), Comparison::Equal, &of(json!([1, 2]))));
        assert!(!compare(&of(json!([1, 2])), Comparison::Equal, &of(json!([1, 2, 3]))));
        assert!(compare(&of(json!([1, 3])), Comparison::Greater, &of(json!(2))));
        assert!(compare(&of(json!(2)), Comparison::Less, &of(json!([1, 3]))));
        assert!(!compare(&of(json!("HELLO")), Comparison::Equal, &of(json!("hello"))));
    }

    #[test]
    fn values_are_shown_short() {
        assert_eq!(Value::of(&json!([1, 2.126, "a", true])).shown(), "[1, 2.13, a, true]");
        assert_eq!(Value::Missing.shown(), "nothing");
        assert_eq!(Value::Line(Rc::new(json!({"frame.number": 4}))).shown(), "frame 4");
    }

    #[test]
    fn what_is_told_of_two_values_is_true_of_them() {
        use Comparison::{Equal, Greater, Less};
        let (one, two, text) = (Value::Number(1.0), Value::Number(2.0), Value::Text("x".into()));
        for (left, how, right, said) in [
            (&one, Less, &two, "1 < 2"),
            (&one, Greater, &two, "1 <= 2"),
            (&one, Equal, &two, "1 != 2"),
            (&Value::Missing, Less, &two, "nothing, not < 2"),
            // Neither comes before the other.
            (&text, Less, &two, "x, not < 2"),
            (&Value::List(Vec::new()), Greater, &two, "[], not > 2"),
        ] {
            assert_eq!(told(left, how, right), said);
        }
    }
}
