//! `layerlab why`, and `--why` of a run: the chain of causes behind one frame.

use super::args::{NetArgs, ShowArgs, WhyArgs};
use super::exit::{Answer, Usage};
use super::{plan, run as running};
use crate::capture::{ReadError, Reader, unpacked};
use crate::dissect::trace::{Asked, Explained, Trace, TraceError};
use crate::dissect::{FileError, Tell, read};
use crate::model::{Event, Flow, FrameId, FrameName, Outcome, Run, Sink, WireFrame};
use crate::narrate::{Style, why};
use anyhow::Context;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::rc::Rc;

/// Chains that follow a run at most.
const CHAINS_MAX: usize = 50;

/// `layerlab why FILE [FRAME]`.
pub(crate) fn run(args: &WhyArgs) -> anyhow::Result<Answer> {
    let asked = args.frame.as_deref().map(asked).transpose()?;
    let name = args.file.display();
    let mut reader = open(&args.file)?;
    let mut tell = Tell::new(Trace::of_file());
    let told = read(&mut reader, &mut tell);
    let trace = tell.into_inner();
    let ledger = match told {
        Ok(told) => told.run.is_some(),
        Err(FileError::Read(error @ ReadError::Truncated { .. })) => {
            running::note(&format!("{name}: {error}; this is about what stands before it"))?;
            true
        }
        Err(error) => return Err(anyhow::Error::new(error).context(name.to_string())),
    };
    let explained = trace.explain();
    let mut out = BufWriter::new(io::stdout().lock());
    let style = plan::plain_style(args.look, args.model, false);
    match asked {
        Some(asked) => one(&mut out, &explained, asked, args.json, &style)?,
        None => {
            let notable = explained.notable();
            if args.json {
                for n in &notable {
                    writeln!(out, "{}", why::notable_json(n))?;
                }
            } else {
                out.write_all(why::list(&notable, &style).as_bytes())?;
                if !notable.is_empty() {
                    writeln!(out, "\nThe chain behind one of them: layerlab why {name} FRAME")?;
                }
            }
        }
    }
    out.flush()?;
    if !ledger && !args.json {
        running::note("this capture has no ledger: what became of a frame is only what other frames show")?;
    }
    if trace.left_out() > 0 {
        running::note(&format!("{} frames at the end were too many, and were left out", trace.left_out()))?;
    }
    Ok(Answer::Yes)
}

/// Opens a capture, `-` for standard input.
///
/// # Errors
/// When there is none.
pub(crate) fn open(file: &Path) -> anyhow::Result<Reader<Box<dyn Read>>> {
    let name = file.display();
    let input: Box<dyn Read> = if file == Path::new("-") {
        unpacked(BufReader::new(io::stdin().lock()))
    } else {
        let file = File::open(file).with_context(|| format!("the capture {name} cannot be opened"))?;
        unpacked(BufReader::new(file))
    }
    .with_context(|| format!("the capture {name} cannot be read"))?;
    Reader::new(input).with_context(|| name.to_string())
}

fn one(
    out: &mut dyn Write,
    explained: &Explained<'_>,
    asked: Asked,
    json: bool,
    style: &Style,
) -> anyhow::Result<()> {
    let chain = explained.chain(asked).map_err(|error| match error {
        TraceError::Empty | TraceError::NotKept { .. } => anyhow::Error::new(error),
        TraceError::NoNumber { .. } | TraceError::NoId { .. } => Usage(error.to_string()).into(),
    })?;
    if json {
        writeln!(out, "{}", why::chain_json(&chain))?;
    } else {
        out.write_all(why::chain(&chain, style).as_bytes())?;
    }
    Ok(())
}

/// `12` is a frame's number in the file, `#12` its number in the ledger.
fn asked(text: &str) -> anyhow::Result<Asked> {
    let parsed = match text.strip_prefix('#') {
        Some(id) => id.parse().map(|id| Asked::Id(FrameId(id))),
        None => text.parse().map(Asked::Number),
    };
    parsed.map_err(|_| {
        Usage(format!(
            "{text:?} names no frame: write its number in the file (12), or in the ledger ('#12', in quotes)"
        ))
        .into()
    })
}

/// What a run with `--why` is overheard by.
pub(crate) struct Overheard {
    trace: Rc<RefCell<Trace>>,
    /// The frame asked about; else every retransmission.
    asked: Option<Asked>,
}

impl Overheard {
    /// Where `--why` was typed.
    ///
    /// # Errors
    /// When it names no frame.
    pub(crate) fn of(net: &NetArgs) -> anyhow::Result<Option<Overheard>> {
        let Some(text) = &net.why else { return Ok(None) };
        let asked = match text.as_str() {
            "" => None,
            // A run has no file: its frames have the ledger's numbers.
            text => Some(asked(&format!("#{}", text.trim_start_matches('#')))?),
        };
        Ok(Some(Overheard { trace: Rc::default(), asked }))
    }

    /// The listener.
    pub(crate) fn ear(&self) -> Ear {
        Ear(self.trace.clone())
    }

    /// Prints the chains, when the run is over.
    pub(crate) fn tell(&self, show: &ShowArgs, to_stderr: bool) -> anyhow::Result<()> {
        let trace = self.trace.borrow();
        let explained = trace.explain();
        let mut out: Box<dyn Write> =
            if to_stderr { Box::new(io::stderr()) } else { Box::new(BufWriter::new(io::stdout())) };
        let style = plan::style(show, to_stderr);
        if let Some(asked) = self.asked {
            one(&mut out, &explained, asked, show.json, &style)?;
            return Ok(out.flush()?);
        }
        let all: Vec<FrameName> = explained.retransmissions().iter().map(|r| r.frame).collect();
        if !show.json {
            let heading = match all.len() {
                0 => "Why: no octet was sent twice".to_owned(),
                1 => "Why a segment was sent again:".to_owned(),
                n => format!("Why {n} segments were sent again:"),
            };
            writeln!(out, "\n{heading}")?;
        }
        for name in all.iter().take(CHAINS_MAX) {
            one(&mut out, &explained, Asked::Id(name.id), show.json, &style)?;
        }
        if all.len() > CHAINS_MAX && !show.json {
            let more = all.len() - CHAINS_MAX;
            writeln!(out, "... and {more} more: take a --capture and ask layerlab why")?;
        }
        Ok(out.flush()?)
    }
}

/// Hands what it hears to the trace.
pub(crate) struct Ear(Rc<RefCell<Trace>>);

impl Sink for Ear {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.0.borrow_mut().begin(run)
    }
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.0.borrow_mut().event(event)
    }
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.0.borrow_mut().frame(frame)
    }
    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.0.borrow_mut().finish(outcome)
    }
}
