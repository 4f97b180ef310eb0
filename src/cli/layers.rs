//! `layerlab layers` and `layerlab explain`.

use super::args::{ExplainArgs, LayersArgs};
use super::exit::Answer;
use super::plan;
use crate::narrate::{Style, glossary, layers as table};
use std::io::{self, Write};

/// The two models side by side.
pub(crate) fn layers(args: &LayersArgs) -> anyhow::Result<Answer> {
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", table::json())?;
    } else {
        let style = Style { models: plan::models(args.model), ascii: args.ascii, ..Style::default() };
        out.write_all(table::text(&style).as_bytes())?;
    }
    Ok(Answer::Yes)
}

/// One term, all of them, or the misconceptions.
pub(crate) fn explain(args: &ExplainArgs) -> anyhow::Result<Answer> {
    let style = Style { ascii: args.ascii, ..Style::default() };
    let mut out = io::stdout().lock();
    if args.term.is_empty() {
        if args.json {
            for entry in glossary::entries() {
                writeln!(out, "{}", glossary::json(entry))?;
            }
        } else {
            out.write_all(glossary::index(&style).as_bytes())?;
        }
        return Ok(Answer::Yes);
    }
    let word = args.term.join(" ");
    match glossary::find(&word) {
        glossary::Lookup::Found(entry) if args.json => writeln!(out, "{}", glossary::json(entry))?,
        glossary::Lookup::Found(entry) => out.write_all(glossary::explain(entry, &style).as_bytes())?,
        glossary::Lookup::Misconceptions => out.write_all(glossary::misconceptions(&style).as_bytes())?,
        glossary::Lookup::Near(near) => {
            io::stderr().write_all(glossary::unknown(&word, &near, &style).as_bytes())?;
            return Ok(Answer::No);
        }
    }
    Ok(Answer::Yes)
}
