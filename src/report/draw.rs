//! A chart as SVG. Colours are classes of the page's style sheet; shape and dash stand in the drawing, so
//! it can be read in grey.

use super::chart::{Chart, Dash, Dot, Line, Look, Marks, Panel, Series, Shape, Span};
use super::markup::{Markup, PathData, Px};
use super::scale::Ruler;

/// Width of the drawing, in its own pixels; a page may scale it.
const WIDTH: f64 = 760.0;
const RIGHT: f64 = 14.0;
/// A character's width at most, about: text is measured by its reader, so this leaves room.
const CHARACTER: f64 = 6.8;
const LEGEND_ROW: f64 = 22.0;
const HEADING: f64 = 24.0;
const STRIP: f64 = 20.0;
/// Between the strip and the plot, so that their labels stand apart.
const BELOW_STRIP: f64 = 12.0;
const GAP: f64 = 16.0;
const BELOW: f64 = 44.0;
/// Dots that say something when pointed at, at most; the dots of larger series are drawn in one stroke.
const SPEAKING: usize = 600;

/// The chart as an `svg` element.
pub(super) fn svg(chart: &Chart) -> String {
    let legend = Legend::of(chart);
    let xs = chart.panels.iter().flat_map(|p| &p.series).flat_map(|s| s.marks.xs());
    let x = Ruler::over(&chart.x.scale, xs, 8, true);
    let everything: Vec<f64> = chart.panels.iter().flat_map(numbers).collect();
    let rulers: Vec<Ruler<'_>> = chart
        .panels
        .iter()
        .map(|panel| {
            let own = if chart.same_scale { everything.clone() } else { numbers(panel) };
            Ruler::over(&panel.y.scale, own.into_iter(), usize::from(panel.height / 38).max(2), false)
        })
        .collect();
    let labels = rulers.iter().flat_map(|r| &r.ticks).map(|t| wide(&t.label));
    let strips = chart.panels.iter().filter_map(|p| p.never.as_deref()).map(wide);
    let left = labels.chain(strips).fold(24.0, f64::max) + 14.0;
    let field = |panel: &Panel| {
        HEADING + panel.never.as_ref().map_or(0.0, |_| STRIP + BELOW_STRIP) + f64::from(panel.height)
    };
    let fields: f64 = chart.panels.iter().map(|p| field(p) + GAP).sum();
    let height = legend.height() + fields - GAP + BELOW;

    let mut m = Markup::default();
    let (title, alt) = (format!("{}-title", chart.id), format!("{}-alt", chart.id));
    let named = format!("{title} {alt}");
    let size = format!("0 0 {} {}", Px(WIDTH), Px(height));
    let root: [(&str, &dyn std::fmt::Display); 5] = [
        ("xmlns", &"http://www.w3.org/2000/svg"),
        ("viewBox", &size),
        ("role", &"img"),
        ("aria-labelledby", &named),
        ("class", &"chart"),
    ];
    m.element("svg", &root, |m| {
        m.text("title", &[("id", &title)], &chart.title);
        m.text("desc", &[("id", &alt)], &chart.alt);
        legend.draw(m);
        let mut top = legend.height();
        for (panel, y) in chart.panels.iter().zip(&rulers) {
            Field { panel, x: &x, y, left, top }.draw(m);
            top += field(panel) + GAP;
        }
        horizontal(m, &x, &chart.x.label, left, top - GAP);
    });
    m.into_string()
}

fn numbers(panel: &Panel) -> Vec<f64> {
    panel.series.iter().flat_map(|s| s.marks.ys()).collect()
}

fn wide(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

/// One panel and where it stands.
struct Field<'a> {
    panel: &'a Panel,
    x: &'a Ruler<'a>,
    y: &'a Ruler<'a>,
    left: f64,
    top: f64,
}

impl Field<'_> {
    fn strip(&self) -> f64 {
        self.panel.never.as_ref().map_or(0.0, |_| STRIP + BELOW_STRIP)
    }

    /// The plot's upper edge; the strip is above it.
    fn upper(&self) -> f64 {
        self.top + HEADING + self.strip()
    }

    fn lower(&self) -> f64 {
        self.upper() + f64::from(self.panel.height)
    }

    fn across(&self, x: f64) -> Option<f64> {
        self.x.place(x).map(|at| self.left + at * (WIDTH - RIGHT - self.left))
    }

    /// How far down; what is infinite stands in the strip, if there is one.
    fn down(&self, y: f64) -> Option<f64> {
        if y == f64::INFINITY {
            return self.panel.never.as_ref().map(|_| self.upper() - BELOW_STRIP - STRIP / 2.0);
        }
        self.y.place(y).map(|at| self.lower() - at * f64::from(self.panel.height))
    }

    fn point(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.across(x)?, self.down(y)?))
    }

    fn draw(&self, m: &mut Markup) {
        m.element("g", &[("class", &"panel")], |m| {
            self.frame(m);
            for series in &self.panel.series {
                let class = format!("series {}", series.look.hue.class());
                m.element("g", &[("class", &class)], |m| self.marks(m, series));
            }
            if self.panel.series.iter().all(|s| s.marks.xs().is_empty()) {
                let middle = Px(f64::midpoint(self.left, WIDTH - RIGHT));
                let at = Px(f64::midpoint(self.upper(), self.lower()));
                m.text("text", &[("x", &middle), ("y", &at), ("class", &"middle quiet")], "nothing to show");
            }
        });
    }

    /// The heading, the grid with its numbers, and the strip.
    fn frame(&self, m: &mut Markup) {
        m.inline("text", &[("x", &0), ("y", &Px(self.top + 13.0))], |m| {
            if !self.panel.title.is_empty() {
                m.word("tspan", &[("class", &"strong")], &self.panel.title);
                m.words("  ");
            }
            m.word("tspan", &[("class", &"quiet")], &self.panel.y.label);
        });
        let right = WIDTH - RIGHT;
        for tick in &self.y.ticks {
            let Some(at) = self.down(tick.at) else { continue };
            let mut line = PathData::default();
            line.move_to(self.left, at).horizontal_to(right);
            let class = if at == self.lower() { "axis" } else { "grid" };
            m.empty("path", &[("d", &line), ("class", &class)]);
            let (x, y) = (Px(self.left - 8.0), Px(at + 4.0));
            m.text("text", &[("x", &x), ("y", &y), ("class", &"end")], &tick.label);
        }
        if let Some(never) = &self.panel.never {
            let above = self.upper() - BELOW_STRIP - STRIP;
            let (width, height) = (Px(right - self.left), Px(STRIP));
            let place: [(&str, &dyn std::fmt::Display); 5] = [
                ("x", &Px(self.left)),
                ("y", &Px(above)),
                ("width", &width),
                ("height", &height),
                ("class", &"strip"),
            ];
            m.empty("rect", &place);
            let (x, y) = (Px(self.left - 8.0), Px(above + STRIP / 2.0 + 4.0));
            m.text("text", &[("x", &x), ("y", &y), ("class", &"end")], never);
        }
    }

    fn marks(&self, m: &mut Markup, series: &Series) {
        let look = series.look;
        match &series.marks {
            Marks::Dots(dots) => self.dots(m, dots, look),
            Marks::Line(line, points) => line_of(m, &self.line(*line, points), look),
            Marks::Strokes(strokes) => {
                let mut path = PathData::default();
                for (x, from, to) in strokes {
                    if let (Some((x, from)), Some(to)) = (self.point((*x, *from)), self.down(*to)) {
                        // A stroke shorter than a pixel would not be seen.
                        path.move_to(x, from).vertical_to(to.min(from - 1.0));
                    }
                }
                m.empty("path", &[("d", &path), ("class", &"stroke")]);
            }
            Marks::Spans(spans) => self.spans(m, spans, look),
        }
    }

    fn dots(&self, m: &mut Markup, dots: &[Dot], look: Look) {
        let places = dots.iter().filter_map(|dot| Some((self.point((dot.x, dot.y))?, dot.says.as_str())));
        if dots.len() > SPEAKING {
            let mut path = PathData::default();
            places.for_each(|((x, y), _)| shape(&mut path, look.shape, x, y));
            return m.empty("path", &[("d", &path), ("class", &painted(look.shape))]);
        }
        for ((x, y), says) in places {
            let mut path = PathData::default();
            shape(&mut path, look.shape, x, y);
            let attributes: [(&str, &dyn std::fmt::Display); 2] =
                [("d", &path), ("class", &painted(look.shape))];
            if says.is_empty() {
                m.empty("path", &attributes);
            } else {
                m.inline("path", &attributes, |m| m.word("title", &[], says));
            }
        }
    }

    fn line(&self, line: Line, points: &[(f64, f64)]) -> PathData {
        let (mut path, mut down) = (PathData::default(), false);
        for at in points {
            match (self.point(*at), line) {
                (None, _) => {
                    down = false;
                    continue;
                }
                (Some((x, y)), _) if !down => path.move_to(x, y),
                (Some((x, y)), Line::Step) => path.horizontal_to(x).vertical_to(y),
                (Some((x, y)), Line::Straight) => path.line_to(x, y),
            };
            down = true;
        }
        path
    }

    fn spans(&self, m: &mut Markup, spans: &[Span], look: Look) {
        // What never came has its dot in the strip, but no line leads there.
        let finite = |s: &Span| (s.x, if s.middle.is_finite() { s.middle } else { f64::NAN });
        let points: Vec<(f64, f64)> = spans.iter().map(finite).collect();
        line_of(m, &self.line(Line::Straight, &points), look);
        let mut whiskers = PathData::default();
        for span in spans.iter().filter(|s| s.high > s.low && s.high.is_finite()) {
            if let (Some((x, low)), Some(high)) = (self.point((span.x, span.low)), self.down(span.high)) {
                whiskers.move_to(x, low).vertical_to(high);
                for end in [low, high] {
                    whiskers.move_to(x - 3.0, end).horizontal_to(x + 3.0);
                }
            }
        }
        if !whiskers.is_empty() {
            m.empty("path", &[("d", &whiskers), ("class", &"whisker")]);
        }
        let dot = |s: &Span| Dot { x: s.x, y: s.middle, says: String::new() };
        self.dots(m, &spans.iter().map(dot).collect::<Vec<_>>(), look);
    }
}

fn line_of(m: &mut Markup, path: &PathData, look: Look) {
    let dash = match look.dash {
        Dash::Solid => "none",
        Dash::Long => "9 4",
        Dash::Short => "3 3",
        Dash::DashDot => "9 3 2 3",
    };
    m.empty("path", &[("d", path), ("class", &"line"), ("stroke-dasharray", &dash)]);
}

/// The x axis below the lowest panel.
fn horizontal(m: &mut Markup, x: &Ruler<'_>, label: &str, left: f64, at: f64) {
    m.element("g", &[("class", &"x")], |m| {
        let width = WIDTH - RIGHT - left;
        // Names may be too many for their room: then every second, third ... is written.
        let widest = x.ticks.iter().map(|t| wide(&t.label)).fold(1.0, f64::max) + 8.0;
        let every = (x.ticks.len() as f64 * widest / width).ceil().max(1.0) as usize;
        for (i, tick) in x.ticks.iter().enumerate() {
            let Some(place) = x.place(tick.at) else { continue };
            let across = left + place * width;
            let mut mark = PathData::default();
            mark.move_to(across, at).vertical_to(at + 4.0);
            m.empty("path", &[("d", &mark), ("class", &"axis")]);
            if i % every == 0 {
                let (x, y) = (Px(across), Px(at + 17.0));
                m.text("text", &[("x", &x), ("y", &y), ("class", &"middle")], &tick.label);
            }
        }
        let (x, y) = (Px(left + width / 2.0), Px(at + 37.0));
        m.text("text", &[("x", &x), ("y", &y), ("class", &"middle quiet")], label);
    });
}

/// How a shape is painted: filled or hollow.
const fn painted(shape: Shape) -> &'static str {
    match shape {
        Shape::Circle | Shape::Triangle => "full",
        Shape::Square | Shape::Diamond => "hollow",
        Shape::Plus | Shape::Cross | Shape::LetterR => "cross",
    }
}

fn shape(path: &mut PathData, shape: Shape, x: f64, y: f64) {
    match shape {
        Shape::Circle => path.circle(x, y, 2.8),
        Shape::Square => path
            .move_to(x - 2.8, y - 2.8)
            .horizontal_to(x + 2.8)
            .vertical_to(y + 2.8)
            .horizontal_to(x - 2.8)
            .close(),
        Shape::Triangle => {
            path.move_to(x, y - 3.8).line_to(x + 3.5, y + 2.6).line_to(x - 3.5, y + 2.6).close()
        }
        Shape::Diamond => {
            path.move_to(x, y - 4.0).line_to(x + 3.6, y).line_to(x, y + 4.0).line_to(x - 3.6, y).close()
        }
        Shape::Plus => {
            path.move_to(x - 3.6, y).horizontal_to(x + 3.6).move_to(x, y - 3.6).vertical_to(y + 3.6)
        }
        Shape::Cross => {
            path.move_to(x - 4.0, y - 4.0).line_to(x + 4.0, y + 4.0);
            path.move_to(x - 4.0, y + 4.0).line_to(x + 4.0, y - 4.0)
        }
        // A letter as strokes, so that no font decides where it stands: just above its point.
        Shape::LetterR => {
            path.move_to(x - 2.6, y - 3.0).vertical_to(y - 12.0).line_to(x + 1.4, y - 12.0);
            path.line_to(x + 2.8, y - 9.8).line_to(x + 1.4, y - 7.6).line_to(x - 2.6, y - 7.6);
            path.move_to(x, y - 7.6).line_to(x + 2.9, y - 3.0)
        }
    };
}

/// Each series once, with a sample of its marks.
struct Legend<'a> {
    entries: Vec<&'a Series>,
    rows: usize,
}

const SAMPLE: f64 = 28.0;

impl<'a> Legend<'a> {
    fn of(chart: &'a Chart) -> Legend<'a> {
        let mut entries: Vec<&Series> = Vec::new();
        for series in chart.panels.iter().flat_map(|p| &p.series) {
            if !entries.iter().any(|known| known.name == series.name) {
                entries.push(series);
            }
        }
        let mut legend = Legend { entries, rows: 0 };
        legend.rows = legend.places().last().map_or(0, |(row, _)| row + 1);
        legend
    }

    fn height(&self) -> f64 {
        self.rows as f64 * LEGEND_ROW + 4.0
    }

    /// Row and place of each entry.
    fn places(&self) -> Vec<(usize, f64)> {
        let (mut row, mut at) = (0, 0.0);
        let place = |series: &&Series| {
            let width = SAMPLE + 6.0 + wide(&series.name) + 20.0;
            if at > 0.0 && at + width > WIDTH {
                row += 1;
                at = 0.0;
            }
            let here = (row, at);
            at += width;
            here
        };
        self.entries.iter().map(place).collect()
    }

    fn draw(&self, m: &mut Markup) {
        for (series, (row, x)) in self.entries.iter().zip(self.places()) {
            let y = row as f64 * LEGEND_ROW + 11.0;
            let class = format!("series {}", series.look.hue.class());
            m.element("g", &[("class", &class)], |m| sample(m, series, x, y));
            let (x, y) = (Px(x + SAMPLE + 6.0), Px(y + 4.0));
            m.text("text", &[("x", &x), ("y", &y)], &series.name);
        }
    }
}

fn sample(m: &mut Markup, series: &Series, x: f64, y: f64) {
    let middle = x + SAMPLE / 2.0;
    if matches!(series.marks, Marks::Line(..) | Marks::Spans(_)) {
        let mut path = PathData::default();
        path.move_to(x, y).horizontal_to(x + SAMPLE);
        line_of(m, &path, series.look);
    }
    let mut path = PathData::default();
    match series.marks {
        Marks::Line(..) => return,
        Marks::Strokes(_) => {
            path.move_to(middle, y + 5.0).vertical_to(y - 5.0);
            return m.empty("path", &[("d", &path), ("class", &"stroke")]);
        }
        // The letter stands above its point, and in the legend beside its name.
        Marks::Dots(_) if series.look.shape == Shape::LetterR => {
            shape(&mut path, Shape::LetterR, middle, y + 7.5)
        }
        Marks::Dots(_) | Marks::Spans(_) => shape(&mut path, series.look.shape, middle, y),
    }
    m.empty("path", &[("d", &path), ("class", &painted(series.look.shape))]);
}
