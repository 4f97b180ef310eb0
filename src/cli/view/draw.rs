//! The screen's lines as cells of a terminal.

use crate::narrate::Ink;
use crate::narrate::view::View;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// Draws the view from the upper left corner on.
pub(super) fn draw(view: &mut View, color: bool, cells: &mut Buffer) {
    let area = cells.area;
    for (line, y) in view.lines(area.width, area.height).into_iter().zip(area.top()..area.bottom()) {
        let mut x = area.left();
        for span in &line.spans {
            let style = if color { look(span.ink, line.current) } else { Style::default() };
            let room = usize::from(area.right() - x);
            x = cells.set_stringn(x, y, &span.text, room, style).0;
        }
    }
}

/// The inks of `narrate::Ink::paint`. The step that is looked at stands out, and needs no dim parts.
fn look(ink: Ink, current: bool) -> Style {
    let style = match ink {
        Ink::Plain => Style::default(),
        Ink::Client => Style::default().fg(Color::Cyan),
        Ink::Server => Style::default().fg(Color::Magenta),
        Ink::Alarm => Style::default().fg(Color::Red).add_modifier(Modifier::BOLD),
        Ink::Dim if current => Style::default(),
        Ink::Dim => Style::default().add_modifier(Modifier::DIM),
        Ink::Bold => Style::default().add_modifier(Modifier::BOLD),
    };
    if current { style.add_modifier(Modifier::REVERSED | Modifier::BOLD) } else { style }
}
