//! The table of transitions, and its pictures in the documentation.

use super::dialogue::{Act, Connection, Dialogue, State, TRANSITIONS};
use super::*;

#[test]
fn no_state_has_two_rows_for_one_act_and_every_state_is_reached() {
    for state in State::ALL {
        for act in Act::ALL {
            let rows = TRANSITIONS.iter().filter(|t| t.from == state && t.act == act).count();
            assert!(rows <= 1, "{} {}", state.name(), act.name());
        }
        assert!(state == State::Connecting || TRANSITIONS.iter().any(|t| t.to == state));
        assert!(TRANSITIONS.iter().any(|t| t.from == state && t.act == Act::End), "anything may end");
    }
}

#[test]
fn a_whole_conversation() {
    let mut dialogue = Dialogue::new();
    let frame = |opcode| FrameHeader::new(opcode, 0);
    let early = dialogue.frame(Side::Client, &frame(Opcode::Text));
    let rule = Rule::BeforeOpen { opcode: Opcode::Text };
    assert_eq!(early, Err(Fault { blame: Side::Client, rule }));
    assert!(dialogue.handshake(Act::Accept).is_err());
    dialogue.handshake(Act::Request).unwrap();
    assert!(dialogue.handshake(Act::Request).is_err());
    assert_eq!(dialogue.connection(), Connection::Connecting);
    dialogue.handshake(Act::Accept).unwrap();
    assert_eq!(dialogue.connection(), Connection::Open);
    dialogue.frame(Side::Server, &frame(Opcode::Close)).unwrap();
    assert_eq!((dialogue.connection(), dialogue.is_clean()), (Connection::Closing, false));
    // The other side may still speak until it answers.
    dialogue.frame(Side::Client, &frame(Opcode::Text)).unwrap();
    dialogue.frame(Side::Client, &frame(Opcode::Close)).unwrap();
    assert!(dialogue.is_clean());
    let late = dialogue.frame(Side::Server, &frame(Opcode::Ping)).unwrap_err();
    assert_eq!((late.blame, late.rule), (Side::Server, Rule::AfterClose { opcode: Opcode::Ping }));
    dialogue.end(Side::Server);
    assert_eq!(dialogue.connection(), Connection::Closing);
    dialogue.end(Side::Client);
    assert_eq!(dialogue.connection(), Connection::Closed);
}

#[test]
fn a_refused_handshake_ends_it() {
    let mut dialogue = Dialogue::new();
    dialogue.handshake(Act::Request).unwrap();
    dialogue.handshake(Act::Refuse).unwrap();
    assert_eq!(dialogue.connection(), Connection::Closed);
    assert!(dialogue.handshake(Act::Accept).is_err());
    assert!(dialogue.handshake(Act::Whole).is_err());
}

const PAGE: &str = include_str!("../../../../../docs/protocols/websocket.md");

/// What stands on the page between two comments.
fn between<'a>(start: &str, end: &str) -> &'a str {
    let (_, rest) = PAGE.split_once(start).unwrap();
    rest.split_once(end).unwrap().0.trim()
}

#[test]
fn the_page_shows_the_table() {
    let mut page = String::from("| state | may send | then | rule |\n|---|---|---|---|\n");
    for t in TRANSITIONS {
        page +=
            &format!("| {} | {} | {} | s{} |\n", t.from.name(), t.act.name(), t.to.name(), t.cite.section);
    }
    page += "\n```mermaid\nstateDiagram-v2\n    [*] --> CONNECTING\n";
    for (n, t) in TRANSITIONS.iter().enumerate() {
        // One arrow for all acts that lead from one state to another.
        let same = |o: &&super::dialogue::Transition| (o.from, o.to) == (t.from, t.to);
        if TRANSITIONS[..n].iter().any(|o| same(&o)) {
            continue;
        }
        let acts: Vec<&str> = TRANSITIONS.iter().filter(same).map(|o| o.act.name()).collect();
        page += &format!("    {} --> {} : {}\n", t.from.name(), t.to.name(), acts.join(", "));
    }
    page += "```";
    let shown = between("<!-- transitions -->", "<!-- end of transitions -->");
    assert!(shown == page, "put this between the comments:\n\n{page}\n");
}

#[test]
fn the_page_shows_the_close_codes() {
    let mut page = String::from("| code | name | in a Close frame |\n|---|---|---|\n");
    for (code, name, may_be_sent) in CloseCode::REGISTERED {
        page += &format!("| {code} | {name} | {} |\n", if may_be_sent { "yes" } else { "never" });
    }
    let shown = between("<!-- close codes -->", "3000 to 3999");
    assert!(shown == page.trim(), "put this after the comment:\n\n{page}\n");
}
