//! Which key does what.

use crate::narrate::view::Key;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What was pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Press {
    Key(Key),
    Redraw,
    Leave,
    Interrupt,
}

/// What a key means; `None` for one that means nothing.
pub(super) fn press(key: KeyEvent) -> Option<Press> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Press::Interrupt),
            KeyCode::Char('l') => Some(Press::Redraw),
            _ => None,
        };
    }
    let key = match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return Some(Press::Leave),
        KeyCode::Char(' ' | 'j') | KeyCode::Enter | KeyCode::Down | KeyCode::Right => Key::Next,
        KeyCode::Char('k') | KeyCode::Backspace | KeyCode::Up | KeyCode::Left => Key::Back,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::Char('g') | KeyCode::Home => Key::First,
        KeyCode::Char('G') | KeyCode::End => Key::Last,
        KeyCode::Char('a') => Key::Auto,
        KeyCode::Char('b') => Key::Bits,
        KeyCode::Char('t') => Key::Text,
        KeyCode::Char('l') => Key::Layers,
        KeyCode::Char('h' | '?') => Key::Help,
        KeyCode::Char('J') => Key::ScrollDown,
        KeyCode::Char('K') => Key::ScrollUp,
        _ => return None,
    };
    Some(Press::Key(key))
}
