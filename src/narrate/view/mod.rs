//! A run on a whole screen: a ladder of its steps, and below it what the current one says and which octets it has.
//!
//! ```text
//!   Event ──> Blocks ──> View ──> lines(width, height)      press(Key) moves in it
//! ```
//!
//! Pure: whoever has a terminal draws the [`Line`]s, and says which keys were pressed and that time has gone by.

mod ladder;
mod panel;
mod recorded;

use super::blocks::{Block, Blocks};
use super::heading;
use super::style::{Ink, Models, Style};
use super::text::{clip, columns, ms, pad, safe, wrap};
use crate::model::{Event, Located, Outcome, Run};
use std::time::Duration;

/// Columns and rows that the view needs.
pub const NEEDS: (u16, u16) = (48, 12);
/// Columns and rows that it uses at most: what stands wider is harder to read.
pub const USES: (u16, u16) = (100, 40);

/// Steps that are kept; of those that come later only the number is known.
const STEPS_MAX: usize = 20_000;
/// Octets of all steps that are kept.
const OCTETS_MAX: usize = 64 << 20;

/// How long a step stands at least when the run goes on by itself, and how much of a longer wait is waited for.
const PACE: Duration = Duration::from_millis(700);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// A key, by what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// The next step.
    Next,
    /// The step before.
    Back,
    /// A screen of steps forward.
    PageDown,
    /// A screen of steps back.
    PageUp,
    /// The first step.
    First,
    /// The last one that has happened.
    Last,
    /// On by itself, and no more.
    Auto,
    /// Octets, or their fields one by one.
    Bits,
    /// All that is said of the step.
    Text,
    /// The other layer model.
    Layers,
    /// What the keys do.
    Help,
    /// Up in the lower panel.
    ScrollUp,
    /// Down in it.
    ScrollDown,
}

/// What stands in the lower panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Panel {
    Octets,
    Fields,
    Text,
}

/// A stretch of text in one ink.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Its ink.
    pub ink: Ink,
}

/// A line of the screen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// From left to right.
    pub spans: Vec<Span>,
    /// The step that is looked at; it begins with `>` too.
    pub current: bool,
}

impl Line {
    fn of(text: impl Into<String>, ink: Ink) -> Line {
        let mut line = Line::default();
        line.put(text, ink);
        line
    }

    fn put(&mut self, text: impl Into<String>, ink: Ink) {
        self.spans.push(Span { text: text.into(), ink });
    }

    /// The text without its inks.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// The state of the screen. See the [module](self).
#[derive(Debug)]
pub struct View {
    style: Style,
    blocks: Blocks,
    title: String,
    steps: Vec<Block>,
    octets: usize,
    left_out: u64,
    /// The step that is looked at, the furthest that was, and whether the newest is to be looked at as it comes.
    at: usize,
    seen: usize,
    follows: bool,
    auto: bool,
    panel: Panel,
    scroll: usize,
    page: usize,
    help: bool,
    over: bool,
}

impl View {
    /// Of a run that has not begun. A live one `follows`: the newest step is looked at as it comes.
    pub fn new(title: &str, style: Style, follows: bool) -> View {
        let style = Style { bytes: true, color: false, ..style };
        View {
            blocks: Blocks::new(style.clone()),
            title: safe(title, style.ascii),
            style,
            steps: Vec::new(),
            octets: 0,
            left_out: 0,
            at: 0,
            seen: 0,
            follows,
            auto: false,
            panel: Panel::Octets,
            scroll: 0,
            page: 8,
            help: false,
            over: false,
        }
    }

    /// The run begins; what is said above it on an ordinary screen.
    pub fn begin(&mut self, run: &Run) -> String {
        if self.title.is_empty() {
            self.title = safe(&run.command, self.style.ascii);
        }
        self.blocks.begin(run);
        heading::run(run, &self.style)
    }

    /// Something happened.
    pub fn tell(&mut self, event: &Event) {
        let blocks = self.blocks.tell(event);
        self.extend(blocks);
    }

    /// The run is over; what is said below it on an ordinary screen.
    pub fn finish(&mut self, outcome: &Outcome, stopped: bool) -> String {
        self.end();
        heading::outcome(outcome, stopped, &self.style)
    }

    /// A line of a run that was told as JSON, with its octets, and the fields that a lab wants to be seen.
    pub fn told(&mut self, line: &serde_json::Value, bytes: Option<Located>, fields: &str) {
        let blocks = self.blocks.told(line, bytes, fields);
        self.extend(blocks);
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Such a run is over.
    pub fn end(&mut self) {
        let blocks = self.blocks.finish();
        self.extend(blocks);
        self.over = true;
    }

    fn extend(&mut self, blocks: Vec<Block>) {
        for mut block in blocks {
            if self.steps.len() == STEPS_MAX {
                self.left_out += 1;
                continue;
            }
            let its = block.bytes.as_ref().map_or(0, |located| located.bytes.len());
            self.octets += its;
            if self.octets > OCTETS_MAX {
                block.bytes = None;
            }
            self.steps.push(block);
        }
        if self.follows {
            self.go(self.steps.len());
        }
    }

    /// Whether the run is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// How long the step that is looked at is to stand, where the run goes on by itself; `None` where it does not, or
    /// has not got further.
    pub fn pause(&self) -> Option<Duration> {
        let next = self.steps.get(self.at + 1).filter(|_| self.auto)?;
        let gap = next.at.since(self.steps[self.at].at);
        Some(PACE + gap.min(WAIT_MAX))
    }

    /// Goes back to the run; whether it was not there.
    pub fn close_help(&mut self) -> bool {
        std::mem::take(&mut self.help)
    }

    /// A key was pressed.
    pub fn press(&mut self, key: Key) {
        if self.close_help() {
            return;
        }
        let last = self.steps.len().saturating_sub(1);
        match key {
            Key::Next => self.go(self.at + 1),
            Key::Back => self.go(self.at.saturating_sub(1)),
            Key::PageDown => self.go(self.at + self.page),
            Key::PageUp => self.go(self.at.saturating_sub(self.page)),
            Key::First => self.go(0),
            Key::Last => self.go(last),
            Key::Auto => self.auto = !self.auto,
            Key::Bits => {
                self.turn_to(if self.panel == Panel::Fields { Panel::Octets } else { Panel::Fields })
            }
            Key::Text => self.turn_to(if self.panel == Panel::Text { Panel::Octets } else { Panel::Text }),
            Key::Layers => {
                self.style.models = match self.style.models {
                    Models::TcpIp => Models::Osi,
                    Models::Osi | Models::Both => Models::TcpIp,
                }
            }
            Key::Help => self.help = true,
            Key::ScrollUp => self.scroll = self.scroll.saturating_sub(1),
            Key::ScrollDown => self.scroll += 1,
        }
        match key {
            Key::Back | Key::PageUp | Key::First => {
                self.follows = false;
                self.auto = false;
            }
            Key::Last => self.follows |= !self.over,
            _ => {}
        }
    }

    fn turn_to(&mut self, panel: Panel) {
        self.panel = panel;
        self.scroll = 0;
    }

    /// Looks at a step, or at the last one.
    fn go(&mut self, to: usize) {
        let to = to.min(self.steps.len().saturating_sub(1));
        if to != self.at {
            self.scroll = 0;
        }
        self.at = to;
        self.seen = self.seen.max(to);
    }

    /// The screen of so many columns and rows: never more lines than rows, none wider than the columns.
    pub fn lines(&mut self, width: u16, height: u16) -> Vec<Line> {
        let (width, height) = (usize::from(width.min(USES.0)), usize::from(height.min(USES.1)));
        if width < NEEDS.0.into() || height < NEEDS.1.into() {
            let text = format!(
                "{width} x {height} is too small: the view needs {} columns and {} rows; make the window larger, or \
                 leave with q",
                NEEDS.0, NEEDS.1
            );
            return wrap(&text, width, width)
                .into_iter()
                .take(height)
                .map(|l| Line::of(l, Ink::Plain))
                .collect();
        }
        let mut lines = vec![self.title_line(width)];
        if self.help {
            lines.extend(panel::help(self.style.ascii, width).into_iter().take(height - 2));
            lines.resize_with(height - 1, Line::default);
            lines.push(Line::of("any key goes back to the run", Ink::Dim));
            return lines;
        }
        // The title, the lanes' names and the keys have a line each; a panel's first line names it.
        let said = (height / 5).clamp(2, 4);
        let left = height - 3 - (said + 1);
        let share = if self.panel == Panel::Octets { 7 } else { 11 };
        let octets = Some(left * share / 16).filter(|rows| *rows >= 3).unwrap_or(0);
        let rungs = left - octets;
        self.page = rungs.saturating_sub(1).max(1);
        lines.extend(ladder::rows(
            &self.steps[..self.steps.len().min(self.seen + 1)],
            self.at,
            rungs,
            &self.style,
            width,
        ));
        let style = Style { width, ..self.style.clone() };
        match self.steps.get(self.at) {
            Some(block) => {
                lines.extend(panel::said(block, said, &style, width));
                if octets > 0 {
                    let (title, all) = match self.panel {
                        Panel::Octets => panel::octets(block),
                        Panel::Fields => panel::fields(block, &style),
                        Panel::Text => panel::text(block, width),
                    };
                    // One cannot scroll past the end.
                    self.scroll = self.scroll.min(all.len().saturating_sub(octets - 1));
                    lines.extend(panel::window(title, &all, self.scroll, octets, &style, width));
                }
            }
            None => lines.push(Line::of("waiting for the first step", Ink::Dim)),
        }
        lines.resize_with(height - 1, Line::default);
        lines.push(self.keys_line(width));
        debug_assert!(lines.iter().all(|line| columns(&line.text()) <= width));
        lines
    }

    /// What runs, and how far one has looked.
    fn title_line(&self, width: usize) -> Line {
        let ellipsis = self.style.glyphs().ellipsis;
        let all = match (self.over, self.left_out) {
            (false, _) => format!("{}{ellipsis}", self.steps.len()),
            (true, 0) => self.steps.len().to_string(),
            (true, more) => format!("{} ({more} more not kept)", self.steps.len()),
        };
        let place = match self.steps.get(self.at) {
            Some(block) => format!("step {} of {all}  {} ms", self.at + 1, ms(block.at)),
            None => String::new(),
        };
        let room = width.saturating_sub(columns(&place) + 2);
        let mut line = Line::of(pad(&clip(&self.title, room, ellipsis), room + 2), Ink::Bold);
        line.put(clip(&place, width - room - 2, ellipsis), Ink::Plain);
        line
    }

    fn keys_line(&self, width: usize) -> Line {
        let at_end = self.over && self.at + 1 >= self.steps.len();
        let first = match (at_end, self.auto) {
            (true, _) => "the end",
            (false, true) => "a stop",
            (false, false) => "space next",
        };
        let more = ["up back", "a run on", "b bits", "t text", "l layers", "? help"];
        let more = more.iter().filter(|word| !(self.auto && !at_end && **word == "a run on"));
        let text: Vec<&str> = std::iter::once(first).chain(["q leave"]).chain(more.copied()).collect();
        Line::of(clip(&text.join("   "), width, self.style.glyphs().ellipsis), Ink::Dim)
    }
}
