//! A run on a whole screen: what stands there, and that no key and no size breaks it.

use super::super::text::columns;
use super::super::view::{Key, USES, View};
use super::super::{Json, Models, Style, TcpInfoShow};
use super::fixture::{self, Tale};
use super::{arbitrary, tales, webs};
use crate::model::{Flow, Sink};
use proptest::prelude::*;

const KEYS: [Key; 13] = [
    Key::Next,
    Key::Back,
    Key::PageDown,
    Key::PageUp,
    Key::First,
    Key::Last,
    Key::Auto,
    Key::Bits,
    Key::Text,
    Key::Layers,
    Key::Help,
    Key::ScrollUp,
    Key::ScrollDown,
];

/// The view of a run that is over, with the first step looked at.
fn over(tale: &Tale, style: Style) -> View {
    let mut view = View::new("", style, false);
    view.begin(&fixture::run());
    tale.events.iter().for_each(|event| view.tell(event));
    view.finish(&tale.outcome(50_000), false);
    view
}

fn screen(view: &mut View) -> String {
    view.lines(80, 24).iter().map(|line| line.text().trim_end().to_owned() + "\n").collect()
}

/// Goes on until the step that is looked at has these words in it.
fn look_for(view: &mut View, words: &str) {
    for _ in 0..200 {
        if view.lines(80, 24).iter().any(|line| line.current && line.text().contains(words)) {
            return;
        }
        view.press(Key::Next);
    }
    panic!("no step says {words}: {}", screen(view));
}

#[test]
fn a_frame_that_is_lost_does_not_reach_the_other_lane() {
    let mut view = over(&tales::lossy(), Style::default());
    look_for(&mut view, "X lost");
    insta::assert_snapshot!(screen(&mut view));
}

#[test]
fn calls_stand_in_their_own_hosts_lane() {
    let mut view = over(&tales::echo(), Style { ascii: true, ..Style::default() });
    look_for(&mut view, "recv() = 5");
    view.press(Key::Text);
    insta::assert_snapshot!(screen(&mut view));
}

#[test]
fn a_message_is_told_apart_from_the_frame_that_carries_it() {
    let mut view = over(&webs::conversation(), Style::default());
    look_for(&mut view, " Text FIN=1");
    view.press(Key::Bits);
    insta::assert_snapshot!(screen(&mut view));
}

#[test]
fn what_was_not_looked_at_yet_is_not_given_away() {
    let mut view = over(&tales::echo(), Style::default());
    assert!(!screen(&mut view).contains("bind()"));
    view.press(Key::Next);
    assert!(screen(&mut view).contains("bind()"));
    // What was seen once stays in sight.
    view.press(Key::Back);
    assert!(screen(&mut view).contains("bind()"));
}

#[test]
fn a_live_run_is_followed_until_one_looks_back() {
    let tale = tales::echo();
    let mut view = View::new("", Style::default(), true);
    let (half, rest) = tale.events.split_at(tale.events.len() / 2);
    half.iter().for_each(|event| view.tell(event));
    let newest = |view: &mut View| {
        let title = view.lines(80, 24)[0].text();
        let (at, of) = title.split_once("step ").unwrap().1.split_once(" of ").unwrap();
        at == of.split('…').next().unwrap()
    };
    assert!(newest(&mut view));
    view.press(Key::Back);
    rest.iter().for_each(|event| view.tell(event));
    assert!(!newest(&mut view));
    view.press(Key::Last);
    assert!(newest(&mut view));
}

#[test]
fn a_run_that_goes_on_by_itself_ends_at_its_last_step() {
    let mut view = over(&tales::echo(), Style::default());
    assert_eq!(view.pause(), None);
    view.press(Key::Auto);
    let mut steps = 1;
    while view.pause().is_some() {
        view.press(Key::Next);
        steps += 1;
        assert!(steps < 200);
    }
    assert!(screen(&mut view).contains(&format!("step {steps} of {steps} ")));
}

#[test]
fn a_run_told_as_json_lines_has_the_same_steps() {
    for tale in [tales::echo(), tales::refused(), tales::closed_port(), tales::lossy(), webs::conversation()]
    {
        let style = Style { ascii: true, tcp_info: TcpInfoShow::Off, ..Style::default() };
        let mut json = Json::new(Vec::new());
        let mut told = View::new("layerlab tcp echo hello --delay 5ms", style.clone(), false);
        json.begin(&fixture::run()).unwrap();
        tale.events.iter().for_each(|event| assert_eq!(json.event(event).unwrap(), Flow::Continue));
        for line in String::from_utf8(json.into_inner()).unwrap().lines() {
            told.told(&serde_json::from_str(line).unwrap(), None, "");
        }
        told.end();
        let mut seen = over(&tale, style);
        for _ in &tale.events {
            // Octets are left out of both; where a source stands in a sentence may differ.
            let lanes = |view: &mut View| screen(view).lines().take(12).collect::<Vec<_>>().join("\n");
            assert_eq!(lanes(&mut told), lanes(&mut seen));
            told.press(Key::Next);
            seen.press(Key::Next);
        }
    }
}

#[test]
fn fields_that_are_to_be_seen_stand_with_their_step() {
    let mut json = Json::new(Vec::new());
    json.begin(&fixture::run()).unwrap();
    tales::echo().events.iter().for_each(|event| assert_eq!(json.event(event).unwrap(), Flow::Continue));
    let mut view = View::new("layerlab tcp echo hello", Style::default(), false);
    for line in String::from_utf8(json.into_inner()).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = line["frame.number"].as_u64().filter(|_| line["what"] == "frame");
        view.told(&line, None, &number.map(|n| format!("shown of {n} \u{1b}")).unwrap_or_default());
    }
    view.end();
    for _ in 0..100 {
        let shown = screen(&mut view);
        let now = shown.lines().find(|line| line.starts_with('>')).unwrap().to_owned();
        let frame = now.split('#').nth(1).and_then(|rest| rest.split(' ').next());
        let of = frame.map(|frame| format!("shown of {frame} \\x1b"));
        assert_eq!(shown.matches("shown of ").count(), usize::from(of.is_some()), "{shown}");
        assert!(of.is_none_or(|of| shown.contains(&of)), "{shown}");
        view.press(Key::Next);
    }
}

#[test]
fn too_small_a_window_is_told_so() {
    let mut view = over(&tales::echo(), Style::default());
    let lines: Vec<String> = view.lines(30, 8).iter().map(super::super::view::Line::text).collect();
    assert!(lines.join(" ").contains("48 columns and 12 rows"), "{lines:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_key_and_no_size_breaks_the_screen(
        events in arbitrary::events(),
        name in ".{0,120}",
        pressed in proptest::collection::vec((0..KEYS.len(), 1u16..=200, 1u16..=60), 1..60),
        [ascii, follows] in any::<[bool; 2]>(),
        models in prop_oneof![Just(Models::Osi), Just(Models::TcpIp), Just(Models::Both)],
    ) {
        let mut view = View::new(&name, Style { ascii, models, ..Style::default() }, follows);
        let (half, rest) = events.split_at(events.len() / 2);
        half.iter().for_each(|event| view.tell(event));
        let mut rest = rest.iter();
        for (key, width, height) in pressed {
            view.press(KEYS[key]);
            rest.next().into_iter().for_each(|event| view.tell(event));
            let lines = view.lines(width, height);
            prop_assert!(lines.len() <= usize::from(height.min(USES.1)));
            for line in lines {
                let text = line.text();
                prop_assert!(columns(&text) <= usize::from(width.min(USES.0)), "{:?}", text);
                prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
                prop_assert!(!ascii || text.is_ascii(), "{:?}", text);
                prop_assert!(!line.current || text.starts_with('>') , "{:?}", text);
            }
        }
    }
}
