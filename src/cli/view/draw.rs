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

/// The inks of `narrate::Ink::paint`; the step that is looked at stands out as a whole.
fn look(ink: Ink, current: bool) -> Style {
    let style = Style::default();
    if current {
        return style.add_modifier(Modifier::REVERSED | Modifier::BOLD);
    }
    match ink {
        Ink::Plain => style,
        Ink::Client => style.fg(Color::Cyan),
        Ink::Server => style.fg(Color::Magenta),
        Ink::Alarm => style.fg(Color::Red).add_modifier(Modifier::BOLD),
        Ink::Dim => style.add_modifier(Modifier::DIM),
        Ink::Bold => style.add_modifier(Modifier::BOLD),
    }
}
