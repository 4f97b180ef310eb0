//! What an expression says over a whole run: counts, orders, equalities between frames, ratios.

use super::expression::{Comparison, Expression, Function};
use super::filter::{field, present};
use super::record::Record;
use super::value::{Value, compare, told};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Octets of a text that join() makes at most.
const TEXT_MAX: usize = 1 << 16;

/// What the names of a lab stand for so far.
pub type Lets = BTreeMap<String, Value>;

/// An expression's surroundings.
#[derive(Clone, Copy)]
struct Scope<'a> {
    record: &'a Record,
    lets: &'a Lets,
    /// The line that a filter is about.
    line: Option<&'a Rc<Json>>,
    touched: &'a RefCell<Touched>,
}

/// What an expression rests on.
#[derive(Debug, Clone, Default, PartialEq)]
struct Touched {
    frames: BTreeSet<u64>,
    events: BTreeSet<u64>,
    by_zero: bool,
}

/// What came of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The value.
    pub value: Value,
    /// The numbers of the frames that it rests on; of a message, of the frame that ended it.
    pub frames: BTreeSet<u64>,
    /// The ids of the events that it rests on.
    pub events: BTreeSet<u64>,
    /// Something in it was divided by zero.
    pub by_zero: bool,
}

/// Works an expression out.
#[must_use]
pub fn find(expression: &Expression, record: &Record, lets: &Lets) -> Finding {
    let touched = RefCell::default();
    let value = Scope { record, lets, line: None, touched: &touched }.value(expression);
    let Touched { frames, events, by_zero } = touched.into_inner();
    Finding { value, frames, events, by_zero }
}

/// What was seen where a fact compares: each comparison with values in it, as it is true: `59 != 71`.
#[must_use]
pub fn seen(expression: &Expression, record: &Record, lets: &Lets) -> Vec<String> {
    let touched = RefCell::default();
    let scope = Scope { record, lets, line: None, touched: &touched };
    let mut seen = Vec::new();
    scope.seen(expression, &mut seen);
    seen
}

/// Whether it is about what this record, a capture, cannot tell.
#[must_use]
pub fn is_open(expression: &Expression, record: &Record, of_calls: &BTreeSet<String>) -> bool {
    let mut open = record.captured && record.absent;
    names(expression, Names::Own, &mut |name, _| {
        open |= record.lacks(name) || of_calls.contains(name.split('.').next().unwrap_or(name));
    });
    open
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// By itself: a let's, or the run's.
    Own,
    /// Where a line is asked: a field's, or a let's.
    Line,
    /// Behind something that gives a line: `first(tcp).tcp.len`.
    Field,
}

/// Every name in it, and where that stands.
pub fn names(expression: &Expression, of: Names, each: &mut dyn FnMut(&str, Names)) {
    match expression {
        Expression::Number(_) | Expression::Text(_) => {}
        Expression::Name(name) => each(name, of),
        Expression::List(members) => members.iter().for_each(|m| names(m, of, each)),
        Expression::Not(inner) => names(inner, of, each),
        Expression::Field(inner, name) => {
            each(name, Names::Field);
            names(inner, of, each);
        }
        Expression::And(a, b)
        | Expression::Or(a, b)
        | Expression::Compare(a, _, b)
        | Expression::Arithmetic(a, _, b) => {
            names(a, of, each);
            names(b, of, each);
        }
        Expression::In(one, members) => {
            names(one, of, each);
            for (low, high) in members {
                names(low, of, each);
                high.iter().for_each(|high| names(high, of, each));
            }
        }
        Expression::Call(function, arguments) => {
            for (nth, argument) in arguments.iter().enumerate() {
                let of = if function.about_line(nth, arguments.len()) { Names::Line } else { of };
                names(argument, of, each);
            }
        }
    }
}

impl<'a> Scope<'a> {
    fn value(&self, expression: &Expression) -> Value {
        let value = self.worked_out(expression);
        let by_zero = match &value {
            Value::List(members) => members.contains(&Value::ByZero),
            value => *value == Value::ByZero,
        };
        if by_zero {
            self.touched.borrow_mut().by_zero = true;
        }
        value
    }

    fn worked_out(&self, expression: &Expression) -> Value {
        match expression {
            Expression::Number(n) => Value::Number(*n),
            Expression::Text(text) => Value::Text(text.clone()),
            // A list in a list is none: lets made of lets would grow without bound.
            Expression::List(members) => {
                Value::List(members.iter().map(|m| self.value(m).single()).collect())
            }
            Expression::Name(name) => self.name(name),
            Expression::Field(inner, name) => match self.value(inner) {
                Value::Line(line) => {
                    self.touch(&line);
                    field(&line, name)
                }
                _ => Value::Missing,
            },
            Expression::Not(inner) => Value::Bool(!self.holds(inner)),
            Expression::And(a, b) => Value::Bool(self.holds(a) && self.holds(b)),
            Expression::Or(a, b) => Value::Bool(self.holds(a) || self.holds(b)),
            Expression::Compare(a, how, b) => Value::Bool(compare(&self.value(a), *how, &self.value(b))),
            Expression::In(one, members) => Value::Bool(self.is_in(&self.value(one), members)),
            Expression::Arithmetic(a, sign, b) => match (self.value(a), self.value(b)) {
                (Value::ByZero, _) | (_, Value::ByZero) => Value::ByZero,
                (a, b) => a.number().zip(b.number()).map_or(Value::Missing, |(a, b)| arithmetic(a, *sign, b)),
            },
            Expression::Call(function, arguments) => self.call(*function, arguments),
        }
    }

    /// Whether it holds: a field by itself, if it is there.
    fn holds(&self, expression: &Expression) -> bool {
        match (expression, self.line) {
            (Expression::Name(name), Some(line)) if !self.is_let(name) => present(line, name),
            _ => self.value(expression).holds(),
        }
    }

    fn is_let(&self, name: &str) -> bool {
        self.lets.contains_key(name.split('.').next().unwrap_or(name))
    }

    fn name(&self, name: &str) -> Value {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        match (self.lets.get(first), self.line) {
            (Some(value), _) if rest.is_empty() => value.clone(),
            (Some(Value::Line(line)), _) => {
                self.touch(line);
                field(line, rest)
            }
            (Some(_), _) => Value::Missing,
            (None, Some(line)) => field(line, name),
            (None, None) => match first {
                "exit" => self.record.exit.map_or(Value::Missing, |exit| Value::Number(exit.into())),
                "run" => field(&self.record.run, rest),
                "outcome" => field(&self.record.outcome, rest),
                _ => Value::Missing,
            },
        }
    }

    /// Of what an earlier run gave nothing is remembered: each run counts its frames from 1. Nor of what a filter
    /// compares its lines with.
    fn touch(&self, line: &Rc<Json>) {
        if self.line.is_some() || !self.record.lines.iter().any(|own| Rc::ptr_eq(own, line)) {
            return;
        }
        let mut touched = self.touched.borrow_mut();
        touched.frames.extend(line["frame.number"].as_u64().or(line["last_frame"].as_u64()));
        touched.events.extend(line["id"].as_u64());
    }

    /// The lines that a filter lets through.
    fn lines(&self, filter: &Expression) -> Vec<&'a Rc<Json>> {
        let quiet = RefCell::default();
        let through = |line: &&Rc<Json>| Scope { line: Some(line), touched: &quiet, ..*self }.holds(filter);
        self.record.lines.iter().filter(through).collect()
    }

    fn touch_all(&self, lines: &[&Rc<Json>]) {
        let mut touched = self.touched.borrow_mut();
        for line in lines {
            touched.frames.extend(line["frame.number"].as_u64().or(line["last_frame"].as_u64()));
            touched.events.extend(line["id"].as_u64());
        }
    }

    fn is_in(&self, one: &Value, members: &[(Expression, Option<Expression>)]) -> bool {
        members.iter().any(|(low, high)| {
            let low = self.value(low);
            match high.as_ref().map(|high| self.value(high)) {
                None => compare(one, Comparison::Equal, &low),
                Some(high) => {
                    compare(one, Comparison::GreaterOrEqual, &low)
                        && compare(one, Comparison::LessOrEqual, &high)
                }
            }
        })
    }

    fn call(&self, function: Function, arguments: &[Expression]) -> Value {
        let last = &arguments[arguments.len() - 1];
        match function {
            Function::Count | Function::None => {
                let lines = self.lines(last);
                self.touch_all(&lines);
                if function == Function::None { Value::Bool(lines.is_empty()) } else { number(lines.len()) }
            }
            Function::Every => {
                let lines = self.lines(&arguments[0]);
                let quiet = RefCell::default();
                let holds =
                    |line: &&Rc<Json>| Scope { line: Some(line), touched: &quiet, ..*self }.holds(last);
                let (good, bad): (Vec<_>, Vec<_>) = lines.into_iter().partition(holds);
                self.touch_all(if bad.is_empty() { &good } else { &bad });
                Value::Bool(bad.is_empty() && !good.is_empty())
            }
            Function::First => self.pick(self.lines(last).first()),
            Function::Last => self.pick(self.lines(last).last()),
            Function::Nth => {
                // A number that is none of these asks for no line; `as` saturates.
                let nth = self.value(&arguments[0]).number().unwrap_or(0.0) as usize;
                self.pick(nth.checked_sub(1).and_then(|nth| self.lines(last).get(nth).copied()).as_ref())
            }
            Function::List => Value::List(self.each(arguments)),
            Function::Distinct => {
                let all = self.each(arguments);
                number(all.iter().map(|value| format!("{value:?}")).collect::<BTreeSet<_>>().len())
            }
            Function::Sum => Value::Number(self.numbers(arguments).into_iter().fold(0.0, |sum, n| sum + n)),
            Function::Min => self.ordered(arguments).first().map_or(Value::Missing, |n| Value::Number(*n)),
            Function::Max => self.ordered(arguments).last().map_or(Value::Missing, |n| Value::Number(*n)),
            Function::Median => {
                let all = self.ordered(arguments);
                all.get(all.len() / 2).map_or(Value::Missing, |n| Value::Number(*n))
            }
            Function::Gaps => {
                let lines = self.lines(last);
                self.touch_all(&lines);
                let at: Vec<f64> = lines.iter().filter_map(|line| line["at_ns"].as_f64()).collect();
                Value::List(at.windows(2).map(|pair| Value::Number(pair[1] - pair[0])).collect())
            }
            Function::Ratios => {
                let all = self.value(last).numbers();
                Value::List(all.windows(2).map(|pair| arithmetic(pair[1], '/', pair[0])).collect())
            }
            Function::Sorted => match self.value(last) {
                Value::List(mut members) => {
                    let key = |value: &Value| (value.number().unwrap_or(f64::MAX), value.shown());
                    members.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
                    Value::List(members)
                }
                _ => Value::Missing,
            },
            Function::Skip => match (self.value(&arguments[0]), self.value(last).number()) {
                (Value::List(members), Some(n)) => {
                    Value::List(members.into_iter().skip(n.max(0.0) as usize).collect())
                }
                _ => Value::Missing,
            },
            Function::At => match (self.value(&arguments[0]), self.value(last).number()) {
                (Value::List(members), Some(nth)) => {
                    let place = (nth as usize).checked_sub(1);
                    place.and_then(|place| members.into_iter().nth(place)).unwrap_or(Value::Missing)
                }
                _ => Value::Missing,
            },
            Function::Runs => {
                let all = self.value(last).numbers();
                let breaks = all.windows(2).filter(|pair| pair[1] - pair[0] != 1.0).count();
                number(breaks + usize::from(!all.is_empty()))
            }
            Function::Len => match self.value(last) {
                Value::Text(text) => number(text.len()),
                Value::List(members) => number(members.len()),
                _ => Value::Missing,
            },
            Function::Abs => self.value(last).number().map_or(Value::Missing, |n| Value::Number(n.abs())),
            Function::Join => match (self.value(&arguments[0]), self.value(last)) {
                (Value::List(members), Value::Text(between)) => {
                    let members: Vec<String> = members.iter().map(Value::shown).collect();
                    let joined = members.join(&between);
                    // A text of texts of texts would grow without bound.
                    if joined.len() > TEXT_MAX { Value::Missing } else { Value::Text(joined) }
                }
                _ => Value::Missing,
            },
            Function::Number => {
                let at = |nth: usize| self.value(&arguments[nth]).number().filter(|n| *n >= 0.0);
                match (self.value(&arguments[0]), at(1), at(2)) {
                    // `as` cuts what is no whole number, and saturates.
                    (Value::Text(hex), Some(from), Some(n)) => octets(&hex, from as usize, n as usize),
                    _ => Value::Missing,
                }
            }
            Function::Text => match self.value(last) {
                Value::Text(hex) => text(&hex).map_or(Value::Missing, Value::Text),
                _ => Value::Missing,
            },
        }
    }

    fn pick(&self, line: Option<&&Rc<Json>>) -> Value {
        line.map_or(Value::Missing, |line| {
            self.touch(line);
            Value::Line(Rc::clone(line))
        })
    }

    /// A field of every line that has it and is let through.
    fn each(&self, arguments: &[Expression]) -> Vec<Value> {
        let [what, filter] = arguments else { return Vec::new() };
        let lines = self.lines(filter);
        self.touch_all(&lines);
        let values = lines.into_iter().map(|line| Scope { line: Some(line), ..*self }.value(what));
        values.filter(|value| *value != Value::Missing).collect()
    }

    /// The numbers of a list, or of a field of lines.
    fn numbers(&self, arguments: &[Expression]) -> Vec<f64> {
        match arguments {
            [list] => self.value(list).numbers(),
            _ => self.each(arguments).iter().flat_map(Value::numbers).collect(),
        }
    }

    fn ordered(&self, arguments: &[Expression]) -> Vec<f64> {
        let mut all = self.numbers(arguments);
        all.sort_by(f64::total_cmp);
        all
    }

    fn seen(&self, expression: &Expression, to: &mut Vec<String>) {
        match expression {
            Expression::And(a, b) | Expression::Or(a, b) => {
                self.seen(a, to);
                self.seen(b, to);
            }
            Expression::Not(inner) => self.seen(inner, to),
            Expression::Compare(a, how, b) => to.push(told(&self.value(a), *how, &self.value(b))),
            Expression::In(one, _) => to.push(self.value(one).shown()),
            // Of "none of these" the number says more than "false".
            Expression::Call(Function::None, arguments) => {
                to.push(format!("such events: {}", self.lines(&arguments[0]).len()))
            }
            other => to.push(self.value(other).shown()),
        }
    }
}

fn number(n: usize) -> Value {
    // No run has 2^53 lines.
    Value::Number(n as f64)
}

fn arithmetic(a: f64, sign: char, b: f64) -> Value {
    if b == 0.0 && "/%".contains(sign) {
        return Value::ByZero;
    }
    let result = match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a / b,
        _ => a.rem_euclid(b),
    };
    if result.is_finite() { Value::Number(result) } else { Value::Missing }
}

/// At most six octets: a float holds these exactly.
fn octets(hex: &str, from: usize, n: usize) -> Value {
    let begin = from.saturating_mul(2);
    let digits = hex.get(begin..begin.saturating_add(n.min(7).saturating_mul(2))).filter(|_| n <= 6);
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.map_or(Value::Missing, |number| Value::Number(number as f64))
}

fn text(hex: &str) -> Option<String> {
    let octet = |n: usize| u8::from_str_radix(hex.get(2 * n..2 * n + 2)?, 16).ok();
    let octets: Option<Vec<u8>> = (0..hex.len() / 2).map(octet).collect();
    Some(String::from_utf8_lossy(&octets?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::expression::parse;
    use super::*;

    fn record() -> Record {
        Record::read(
            r#"{"kind":"run","seed":7}
{"kind":"event","what":"frame","frame.number":1,"at_ns":0,"protocol":"tcp","tcp.flags":"0x0002","tcp.len":0,"fields":{"tcp.seq_raw":4294967295}}
{"kind":"event","what":"frame","frame.number":2,"at_ns":1000,"protocol":"tcp","tcp.flags":"0x0012","tcp.len":0,"fields":{"tcp.ack_raw":0}}
{"kind":"event","what":"fate","frame.number":2,"fate":"dropped","by":{"rule":"script"}}
{"kind":"event","what":"frame","frame.number":3,"at_ns":3000,"protocol":"tcp","tcp.flags":"0x0012","tcp.len":4}
{"kind":"event","what":"frame","frame.number":4,"at_ns":7000,"protocol":"tcp","tcp.flags":"0x0010","tcp.len":6}
{"kind":"outcome","frames":{"to_server":2}}"#,
            Some(0),
        )
    }

    fn says(text: &str) -> String {
        let record = record();
        let mut lets = Lets::new();
        lets.insert(
            "syn".into(),
            find(&parse("first(tcp.flags == 0x0002)").unwrap(), &record, &Lets::new()).value,
        );
        find(&parse(text).unwrap(), &record, &lets).value.shown()
    }

    #[test]
    fn expressions_say_what_the_run_shows() {
        for (text, value) in [
            ("count(frame)", "4"),
            ("count(tcp.len > 0 && !(tcp.len == 6))", "1"),
            ("none(udp)", "true"),
            ("none(tcp)", "false"),
            ("every(tcp.flags == 0x0012, tcp.len < 5)", "true"),
            ("every(udp, udp.length == 5)", "false"),
            ("nth(2, tcp.flags == 0x0012)", "frame 3"),
            ("nth(9, tcp)", "nothing"),
            ("last(tcp).tcp.len - first(tcp.len > 0).tcp.len == 2", "true"),
            ("list(tcp.len, frame) == [0, 0, 4, 6]", "true"),
            ("sorted([3, 1, 2])", "[1, 2, 3]"),
            ("distinct(tcp.flags, frame)", "3"),
            ("sum(tcp.len, frame) + min(tcp.len, frame) + max([1, 2])", "12"),
            ("ratios(gaps(frame))", "[2, 2]"),
            ("median(skip(gaps(frame), 1))", "4000"),
            ("gaps(frame) == [1us, 2us, 4us]", "true"),
            ("nth(2, tcp).tcp.ack_raw == (syn.tcp.seq_raw + 1) % 4294967296", "true"),
            ("count(frame.number > syn.frame.number && frame)", "3"),
            ("count(by.rule == \"script\")", "1"),
            ("exit == 0 && outcome.frames.to_server == 2 && run.seed == 7", "true"),
            ("count(tcp.len in {1..5, 6})", "2"),
            ("1 / count(udp)", "a division by 0"),
            ("1 / count(udp) % 3", "a division by 0"),
            ("ratios([0, 2, 4])", "[a division by 0, 2]"),
            ("text(\"6869\")", "hi"),
            ("number(\"00b2070a\", 1, 2)", "45575"),
            ("number(\"00b2\", 1, 2)", "nothing"),
            ("number(\"00b2\", 99999999999, 99999999999)", "nothing"),
            ("len(\"hello\")", "5"),
            ("at([7, 8], 2)", "8"),
            ("at([7, 8], 3)", "nothing"),
            ("runs([3, 4, 5, 9, 11, 12])", "3"),
            ("runs([])", "0"),
            ("join([1, \"a\"], \",\")", "1,a"),
            ("join(skip([1, 2, 3], 1), \"-\")", "2-3"),
        ] {
            assert_eq!(says(text), value, "{text}");
        }
    }

    #[test]
    fn a_finding_names_the_frames_that_it_rests_on() {
        let record = record();
        let at = |text: &str| {
            let frames = find(&parse(text).unwrap(), &record, &Lets::new()).frames;
            frames.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(at("count(tcp.len > 0)"), [3, 4]);
        assert_eq!(at("every(frame, tcp.len == 0)"), [3, 4]);
        assert_eq!(at("first(tcp.flags == 0x0012).tcp.len == 0"), [2]);
    }

    #[test]
    fn what_was_seen_stands_beside_what_was_expected() {
        let record = record();
        let seen = |text: &str| seen(&parse(text).unwrap(), &record, &Lets::new());
        assert_eq!(seen("count(frame) == 5 && none(tcp.len > 0)"), ["4 != 5", "such events: 2"]);
        assert_eq!(seen("count(udp) == count(frame) - 4"), ["0 == 0"]);
        assert_eq!(
            seen("count(frame) < 4 || count(frame) >= 9 || count(frame) != 4"),
            ["4 >= 4", "4 < 9", "4 == 4"]
        );
        // What is not there compares to nothing.
        assert_eq!(seen("at([], 1) < 4 && at([], 1) == 4"), ["nothing, not < 4", "nothing != 4"]);
        assert_eq!(seen("at([], 1) == at([], 2)"), ["nothing, not == nothing"]);
    }

    #[test]
    fn what_no_capture_can_tell_is_known() {
        let lets = BTreeSet::from(["bound".to_owned()]);
        let mut capture = Record::captured("", Default::default());
        let open = |record: &Record, text: &str| is_open(&parse(text).unwrap(), record, &lets);
        let of_calls = ["count(returned && call == \"recv\") == 1", "exit == 1", "bound.ok == 1"];
        assert!(of_calls.iter().all(|text| open(&capture, text)));
        assert!(!open(&capture, "count(tcp.len > 0) == 1"));
        // One of layerlab's has the calls too, and with a stamp the exit status.
        capture.calls = true;
        assert_eq!(of_calls.map(|text| open(&capture, text)), [false, true, true]);
        capture.exit = Some(0);
        assert_eq!(of_calls.map(|text| open(&capture, text)), [false, false, true]);
    }
}
