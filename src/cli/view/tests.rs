//! The screen as a terminal has it, of a capture with a frame that was dropped and WebSocket on it.

use super::draw::draw;
use super::keys::{Press, press};
use crate::capture::Reader;
use crate::dissect::{Tell, read};
use crate::model::{Event, Flow, Outcome, Run, Sink};
use crate::narrate::Style;
use crate::narrate::view::View;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Modifier;
use std::io;

/// `layerlab ws echo hello --delay 5ms --seed 1 --drop to-client:tcp.data#2 --vantage wire`.
const DROPPED: &[u8] = include_bytes!("../../../tests/data/view/dropped.pcapng");

struct Filled(View);

impl Sink for Filled {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.0.begin(run);
        Ok(())
    }
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.0.tell(event);
        Ok(Flow::Continue)
    }
    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.0.finish(outcome, false);
        Ok(())
    }
}

fn dropped(ascii: bool) -> View {
    let view = View::new("layerlab dissect dropped.pcapng", Style { ascii, ..Style::default() }, false);
    let mut tell = Tell::new(Filled(view)).with_bytes(true);
    read(&mut Reader::new(DROPPED).unwrap(), &mut tell).unwrap();
    tell.into_inner().0
}

fn type_in(view: &mut View, code: KeyCode) {
    if let Some(Press::Key(key)) = press(KeyEvent::new(code, KeyModifiers::NONE)) {
        view.press(key);
    }
}

fn terminal(width: u16, height: u16) -> Terminal<TestBackend> {
    Terminal::new(TestBackend::new(width, height)).unwrap()
}

fn show(view: &mut View, terminal: &mut Terminal<TestBackend>) -> String {
    terminal.draw(|frame| draw(view, true, frame.buffer_mut())).unwrap();
    terminal.backend().to_string()
}

/// Goes on until the step that is looked at has these words in it.
#[track_caller]
fn look_for(view: &mut View, words: &str) {
    for _ in 0..200 {
        if view.lines(80, 24).iter().any(|line| line.current && line.text().contains(words)) {
            return;
        }
        type_in(view, KeyCode::Char(' '));
    }
    panic!("no step says {words}");
}

#[test]
fn a_dropped_frame() {
    let mut view = dropped(false);
    look_for(&mut view, "lost X");
    insta::assert_snapshot!(show(&mut view, &mut terminal(80, 24)));
}

#[test]
fn a_dropped_frame_in_ascii() {
    let mut view = dropped(true);
    look_for(&mut view, "lost X");
    let screen = show(&mut view, &mut terminal(80, 24));
    assert!(screen.is_ascii());
    insta::assert_snapshot!(screen);
}

#[test]
fn a_websocket_frame_bit_by_bit() {
    let mut view = dropped(false);
    look_for(&mut view, " Text FIN=1");
    type_in(&mut view, KeyCode::Char('b'));
    insta::assert_snapshot!(show(&mut view, &mut terminal(80, 24)));
}

#[test]
fn a_long_sentence_is_cut_and_shown_whole_when_asked() {
    let mut view = dropped(false);
    look_for(&mut view, "101 Switching");
    assert!(show(&mut view, &mut terminal(80, 24)).contains("t: all"));
    type_in(&mut view, KeyCode::Char('t'));
    insta::assert_snapshot!(show(&mut view, &mut terminal(80, 24)));
}

#[test]
fn help_says_what_each_key_does() {
    let mut view = dropped(true);
    type_in(&mut view, KeyCode::Char('?'));
    insta::assert_snapshot!(show(&mut view, &mut terminal(80, 24)));
}

#[test]
fn the_step_that_is_looked_at_stands_out_by_more_than_colour() {
    let mut view = dropped(false);
    let mut terminal = terminal(80, 24);
    show(&mut view, &mut terminal);
    let cells = terminal.backend().buffer();
    let marked: Vec<u16> = (0..24).filter(|y| cells[(0, *y)].symbol() == ">").collect();
    let reversed: Vec<u16> =
        (0..24).filter(|y| cells[(20, *y)].modifier.contains(Modifier::REVERSED)).collect();
    assert_eq!((marked.len(), &marked), (1, &reversed));
}

#[test]
fn keys_mean_what_the_last_line_says() {
    let key = |code, modifiers| press(KeyEvent::new(code, modifiers));
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Press::Leave));
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Press::Interrupt));
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
}

fn code() -> impl Strategy<Value = KeyCode> {
    prop_oneof![
        prop::sample::select(" jkgGabtlh?JKx".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
        prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Backspace,
            KeyCode::F(1),
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_key_and_no_window_breaks_it(
        ascii: bool,
        typed in prop::collection::vec((code(), 1u16..=200, 1u16..=60), 1..40),
    ) {
        let mut view = dropped(ascii);
        for (code, width, height) in typed {
            type_in(&mut view, code);
            show(&mut view, &mut terminal(width, height));
        }
    }
}
