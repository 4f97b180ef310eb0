//! What to draw. How it looks is `draw`'s business.

use super::draw;
use super::scale::Axis;

/// A colour that the page's style sheet knows, for light, dark and paper. Colour-blind safe (Okabe and Ito's
/// set), and never the only thing that tells two series apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hue {
    /// TCP.
    Blue,
    /// UDP.
    Orange,
    /// UDP with acknowledgements of our own.
    Green,
    /// A further series.
    Purple,
    /// A further series.
    Yellow,
    /// A loss.
    Red,
    /// The text's own colour.
    Ink,
}

impl Hue {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Hue::Blue => "blue",
            Hue::Orange => "orange",
            Hue::Green => "green",
            Hue::Purple => "purple",
            Hue::Yellow => "yellow",
            Hue::Red => "red",
            Hue::Ink => "ink",
        }
    }
}

/// The shape of a dot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A filled circle.
    Circle,
    /// A hollow square.
    Square,
    /// A filled triangle, point up.
    Triangle,
    /// A hollow diamond.
    Diamond,
    /// A plus.
    Plus,
    /// An X: something was lost.
    Cross,
    /// An R: something was sent again.
    LetterR,
}

/// How a line is dashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Long dashes.
    Long,
    /// Short dashes.
    Short,
    /// A dash and a dot.
    DashDot,
}

/// What tells a series from the others: each of the three alone would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Its colour.
    pub hue: Hue,
    /// The shape of its dots.
    pub shape: Shape,
    /// How its line is dashed.
    pub dash: Dash,
}

/// A dot.
#[derive(Clone, PartialEq, Debug)]
pub struct Dot {
    /// Where on the horizontal axis.
    pub x: f64,
    /// Where on the vertical axis; infinite for what never came, which stands in the panel's strip.
    pub y: f64,
    /// What is said when a pointer rests on it; may be empty.
    pub says: String,
}

/// A number with its spread.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Span {
    /// Where on the horizontal axis.
    pub x: f64,
    /// The smallest.
    pub low: f64,
    /// The middle one; infinite for what never came.
    pub middle: f64,
    /// The largest.
    pub high: f64,
}

/// How a line goes from point to point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// Straight.
    Straight,
    /// It keeps its height until the next point's time.
    Step,
}

/// The marks of a series.
#[derive(Clone, PartialEq, Debug)]
pub enum Marks {
    /// Dots, each for itself.
    Dots(Vec<Dot>),
    /// A line through these points; a point that is not a number breaks it.
    Line(Line, Vec<(f64, f64)>),
    /// Upright strokes: at x, from y to y.
    Strokes(Vec<(f64, f64, f64)>),
    /// Dots with their spread, joined by a line.
    Spans(Vec<Span>),
}

impl Marks {
    /// The numbers that the horizontal axis must hold.
    pub(super) fn xs(&self) -> Vec<f64> {
        match self {
            Marks::Dots(dots) => dots.iter().map(|d| d.x).collect(),
            Marks::Line(_, points) => points.iter().map(|p| p.0).collect(),
            Marks::Strokes(strokes) => strokes.iter().map(|s| s.0).collect(),
            Marks::Spans(spans) => spans.iter().map(|s| s.x).collect(),
        }
    }

    /// The numbers that the vertical axis must hold.
    pub(super) fn ys(&self) -> Vec<f64> {
        match self {
            Marks::Dots(dots) => dots.iter().map(|d| d.y).collect(),
            Marks::Line(_, points) => points.iter().map(|p| p.1).collect(),
            Marks::Strokes(strokes) => strokes.iter().flat_map(|s| [s.1, s.2]).collect(),
            Marks::Spans(spans) => spans.iter().flat_map(|s| [s.low, s.middle, s.high]).collect(),
        }
    }
}

/// Marks with a name and a look.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its look.
    pub look: Look,
    /// Its marks.
    pub marks: Marks,
}

/// One field of a chart: all panels share the horizontal axis, each has a vertical one of its own.
#[derive(Clone, PartialEq, Debug)]
pub struct Panel {
    /// Its heading; may be empty.
    pub title: String,
    /// The vertical axis.
    pub y: Axis,
    /// Its height in pixels.
    pub height: u16,
    /// The name of the strip above, where infinite numbers stand: `lost`.
    pub never: Option<String>,
    /// What stands in it.
    pub series: Vec<Series>,
}

/// A chart: panels one above the other.
#[derive(Clone, PartialEq, Debug)]
pub struct Chart {
    /// A name that no other chart of the page has; letters and hyphens.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it shows, said in words for who does not see it.
    pub alt: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The panels, the upper first.
    pub panels: Vec<Panel>,
    /// Whether panels of the same measure have the same height of scale, so that they can be compared.
    pub same_scale: bool,
}

impl Chart {
    /// The chart as an SVG element.
    pub fn to_svg(&self) -> String {
        draw::svg(self)
    }
}
