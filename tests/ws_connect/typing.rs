//! A person at a terminal: typing, commands, what arrives meanwhile, Ctrl-D. A reply ends with its line; what is typed is
//! echoed with a control sequence before the end of the line. So `word\r\n` is the reply, wherever the prompt is.
#![cfg(target_os = "linux")]

use super::terminal::type_at;
use super::{LAYERLAB, echo, speaking};
use tungstenite::Message;

fn at_a_terminal(url: &str, more: &str) -> String {
    format!("{LAYERLAB} ws connect {url} {more}")
}

#[test]
fn ctrl_d_closes_with_1000_and_waits_for_the_servers_close() {
    let (status, screen) = type_at(
        &at_a_terminal(&speaking(echo), ""),
        &[("Ctrl-D closes", ""), ("> ", "hello\n"), ("hello", ""), ("hello\r\n", "\x04")],
    );
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("closed with 1000 (Normal Closure)"), "{screen}");
}

#[test]
fn ctrl_c_is_a_close_too_and_commands_are_no_messages() {
    let (status, screen) = type_at(
        &at_a_terminal(&speaking(echo), ""),
        &[
            ("> ", "/ping\n"),
            ("a Pong came", "/nonsense\n"),
            ("no command /nonsense", "/binary 00ff41\n"),
            ("00 ff 41", "//slash\n"),
            ("/slash\r\n", "/fragment 2 pieces\n"),
            ("pieces\r\n", "\x03"),
        ],
    );
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("closed with 1000"), "{screen}");
}

#[test]
fn what_arrives_does_not_destroy_the_line_that_is_typed() {
    let url = speaking(|mut peer| {
        peer.send(Message::text("first")).unwrap();
        // The person has typed half a line.
        std::thread::sleep(std::time::Duration::from_millis(700));
        peer.send(Message::text("between")).unwrap();
        echo(peer);
    });
    let (status, screen) = type_at(
        &at_a_terminal(&url, ""),
        &[("first", "half a "), ("between", "line\n"), ("half a line\r\n", "/close 4001 done\n")],
    );
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("closed with 4001"), "{screen}");
}

#[test]
fn the_terminal_is_left_as_it_was_found_even_when_the_server_goes_first() {
    let url = speaking(|mut peer| {
        peer.send(Message::text("going\u{1b}[2J")).unwrap();
        let _ = peer.close(None);
        while peer.read().is_ok() {}
    });
    let command = format!(
        "sh -c 'stty -a >before; {} ; stty -a | diff - before && echo same modes'",
        at_a_terminal(&url, "")
    );
    let folder = std::env::temp_dir().join(format!("layerlab-modes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let command = format!("cd {} && {command}", folder.display());
    let (status, screen) =
        type_at(&command, &[("the server closed, without a code", ""), ("same modes", "")]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(status, 0, "{screen}");
    // What a peer says does not steer the terminal.
    assert!(screen.contains("going\\x1b[2J"), "{screen}");
}
