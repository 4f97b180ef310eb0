//! What has to be true or false: a fact, a choice, a filter. A number or a text in the place of one would hold in every
//! run.

use super::Problem;
use crate::lab::expression::{Expression, Function};

/// A fact is true or false, and so is each filter in it.
pub(super) fn fact(expression: &Expression) -> Result<(), Problem> {
    truth(expression)?;
    filters(expression)
}

/// Each filter in it is true or false.
pub(super) fn filters(expression: &Expression) -> Result<(), Problem> {
    if let Expression::Call(function, arguments) = expression {
        let is_filter = |(nth, _): &(usize, &Expression)| function.is_filter(*nth, arguments.len());
        arguments.iter().enumerate().filter(is_filter).try_for_each(|(_, filter)| truth(filter))?;
    }
    expression.parts().into_iter().try_for_each(filters)
}

/// What a name or a field stands for is seen in a run: a flag may stand by itself.
fn truth(expression: &Expression) -> Result<(), Problem> {
    let what = match expression {
        Expression::Not(inner) => return truth(inner),
        Expression::And(a, b) | Expression::Or(a, b) => return truth(a).and_then(|()| truth(b)),
        Expression::Compare(..) | Expression::In(..) | Expression::Name(_) | Expression::Field(..) => {
            return Ok(());
        }
        Expression::Call(function, _) => match gives(*function) {
            Some(what) => what,
            None => return Ok(()),
        },
        Expression::Number(_) | Expression::Arithmetic(..) => "a number",
        Expression::Text(_) => "a text",
        Expression::List(_) => "a list",
    };
    Err(Problem::NoTruth { found: shown(expression), what })
}

/// What a function gives where it cannot be true or false.
pub(super) fn gives(function: Function) -> Option<&'static str> {
    Some(match function {
        Function::None | Function::Every | Function::At => return None,
        Function::First | Function::Last | Function::Nth => "an event",
        Function::List | Function::Gaps | Function::Ratios | Function::Sorted | Function::Skip => "a list",
        Function::Join | Function::Text => "a text",
        Function::Count
        | Function::Distinct
        | Function::Sum
        | Function::Min
        | Function::Max
        | Function::Median
        | Function::Runs
        | Function::Len
        | Function::Abs
        | Function::Number => "a number",
    })
}

fn shown(expression: &Expression) -> String {
    match expression {
        Expression::Number(number) => number.to_string(),
        Expression::Text(text) => format!("{text:?}"),
        Expression::Call(function, _) => format!("{}(...)", function.name()),
        Expression::Arithmetic(_, sign, _) => format!("... {sign} ..."),
        _ => "[...]".to_owned(),
    }
}
