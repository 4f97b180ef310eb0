//! Pictures and tables of a run, pure: plain data in, text out. Knows no terminal and no file.
//!
//! ```text
//!   loss --> Chart (what to draw) --> SVG     (how it looks: `draw`)
//!       \--> Table                --> HTML, CSV, JSON
//!            Page = sections of both, and what a run needs to be done again
//! ```
//!
//! [`loss`] is the comparison of `layerlab loss`: its data, its scorecard; [`sweep`] many of them over many
//! wires; [`push`] the same events pushed several ways. The same numbers give the same octets: nothing here reads a clock or draws a random number. Whatever a
//! text holds, it is escaped where it is written, in `markup`.

mod chart;
pub mod dice;
mod draw;
mod files;
mod grid;
pub mod loss;
mod markup;
mod page;
mod pictures;
pub mod push;
mod queue;
mod scale;
pub mod sweep;
mod table;

pub use chart::{Chart, Dash, Dot, Hue, Line, Look, Marks, Panel, Series, Shape, Span};
pub use files::{FILES, files};
pub use page::{GENERATOR, Page, Part, Section};
pub use queue::queues;
pub use scale::{Axis, Scale};
pub use table::{Cell, Table};

#[cfg(test)]
mod tests;
