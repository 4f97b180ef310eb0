//! What is typed: stand-ins for words such as FILE, the other end that a command needs, and the short lists of what
//! is not run.

use libtest_mimic::Failed;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Only parsed, and why.
const ONLY_PARSED: [(&str, &str); 8] = [
    ("layerlab lab check", "tests/course.rs runs every lab"),
    ("cargo test", "this is it"),
    ("cargo install --path .", "it would build everything once more"),
    (".ci/run", "it runs this, and takes minutes"),
    ("layerlab loss sweep", "420 runs"),
    ("layerlab loss sweep --report DIR", "420 runs"),
    (
        "layerlab loss sweep --loss 0,0.1,0.5,1,2,5,10% --delay 10,50,100ms --runs 5 --report sweep",
        "420 runs: more than a minute",
    ),
    ("layerlab man | man -l -", "a pager is for people"),
];

/// Commands whose answer is no: exit status 1.
const SAYS_NO: [&str; 3] = [
    "layerlab udp echo --routers 3 --ttl 2",
    "layerlab udp echo --count 20 --every 100ms --wait 100ms --at 500ms 'delay=80ms to-client-loss=20%' --at 1s cut hello",
    "layerlab queue publish small 1 2 3 4 --max-messages 3 -v",
];

/// Begins as a command does, and is none: what the keys of random generators are made from.
const NO_COMMAND: [&str; 2] = ["layerlab wire, version 1", "layerlab sweep, version 1"];

/// Words that stand for something, and something.
const STANDS_FOR: [(&str, &str); 11] = [
    (
        "CMD --client CMD",
        "'layerlab tcp serve --listen 0.0.0.0:7000' --client 'layerlab tcp send server:7000'",
    ),
    ("client|server", "client"),
    ("[MESSAGE...]", ""),
    ("[SCENE]", ""),
    ("[NAME]", ""),
    ("HOST:PORT", "127.0.0.1:7000"),
    ("URL", "ws://127.0.0.1:7000/"),
    ("TERM", "MSS"),
    ("FILE", "lost.pcapng"),
    ("FRAME", "6"),
    ("DIR", "report"),
];

/// Files that a command reads and no other makes, and what makes them.
const FILES: [(&str, &str); 7] = [
    ("x.pcapng", "layerlab ws echo hello --quiet --capture x.pcapng"),
    (
        "*.json",
        "rm -f ada-04.json; printf '5\\n2\\n2\\n' | layerlab lab run 4 --quiz --student ada --answers ada-04.json > /dev/null",
    ),
    (
        "ada-04-*.pcapng",
        "rm -f ada-04.json; printf '5\\n2\\n2\\n' | layerlab lab run 4 --quiz --student ada --answers ada-04.json > /dev/null",
    ),
    (
        "./my-",
        "for end in 'server tcp serve --listen 0.0.0.0:7000' 'client tcp send server:7000'; do set -- $end\n\
        printf '#!/bin/sh\\nexec timeout 5 layerlab '\"$2 $3 $4 $5\" > my-$1; chmod +x my-$1; done",
    ),
    ("lost.pcapng", "layerlab tcp echo --drop 'tcp.data#1' --quiet --capture lost.pcapng"),
    ("run.pcapng", "layerlab queue demo lost-ack --quiet --capture run.pcapng"),
    ("mine.md", "layerlab lab show 4 --teacher > mine.md"),
];

/// Programs of others that are used where they are there.
const OTHERS: [&str; 6] = ["python3", "curl", "iperf3", "tshark", "man", "jq"];

/// What runs without a private network.
const LOCAL: [&str; 9] = [
    "layerlab explain",
    "layerlab layers",
    "layerlab completions",
    "layerlab man",
    "layerlab lab list",
    "layerlab lab show",
    "cargo ",
    ".ci/",
    "mkdir ",
];

pub(crate) fn only_parsed(command: &str) -> Option<&'static str> {
    let bench = bench(command).map(|_| "a bench takes minutes");
    bench.or_else(|| ONLY_PARSED.iter().find(|(entry, _)| *entry == command).map(|(_, why)| *why))
}

pub(crate) fn is_none(command: &str) -> bool {
    NO_COMMAND.contains(&command)
}

/// The bench that it runs.
pub(crate) fn bench(command: &str) -> Option<&str> {
    command.strip_prefix("cargo bench --bench ")?.split(' ').next()
}

/// Whether its exit status is another than 0: the answer is no, or it was ended by a signal as the shell of a host is.
pub(crate) fn says_no(command: &str) -> bool {
    SAYS_NO.contains(&command) || command.starts_with("layerlab wire shell server")
}

pub(crate) fn is_local(command: &str) -> bool {
    command.contains(" --recorded") || LOCAL.iter().any(|begin| command.starts_with(begin))
}

/// The programs of others that it needs.
pub(crate) fn programs(command: &str) -> impl Iterator<Item = &'static str> {
    let words: BTreeSet<&str> = command.split([' ', '\'', '"']).collect();
    OTHERS.into_iter().filter(move |program| words.contains(program))
}

/// Every entry of the lists above is about a command of the papers.
pub(crate) fn stale(commands: &BTreeSet<String>) -> Result<(), Failed> {
    let listed = ONLY_PARSED.iter().map(|(command, _)| *command).chain(SAYS_NO).chain(NO_COMMAND);
    let mut stale: Vec<&str> = listed.filter(|command| !commands.contains(*command)).collect();
    let all = |word: &str| commands.iter().any(|command| command.contains(word));
    stale.extend(
        STANDS_FOR
            .iter()
            .chain(&FILES)
            .map(|(word, _)| *word)
            .filter(|word| !all(word) && *word != "lost.pcapng"),
    );
    if stale.is_empty() { Ok(()) } else { Err(format!("in no paper any more: {}", stale.join(", ")).into()) }
}

/// The command with something in the place of words that stand for something.
pub(crate) fn standing_in(command: &str) -> String {
    let mut text = command.replace("cargo run --release -- ", "layerlab ");
    for (word, thing) in STANDS_FOR {
        // Words, and not parts of them.
        text = format!("{text} ").replace(&format!(" {word} "), &format!(" {thing} "));
        text.truncate(text.trim_end().len());
    }
    text
}

/// A server runs until the block ends.
fn is_server(command: &str) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    matches!(words[..], ["layerlab", "tcp" | "udp" | "ws" | "queue", "serve", ..])
        || command.starts_with("layerlab wire shell server")
}

/// The other end, for a command that stands alone.
fn other_end(command: &str) -> Option<&'static str> {
    let words: Vec<&str> = command.split(' ').collect();
    Some(match words[..] {
        ["layerlab", "tcp", "send", ..] => "layerlab tcp serve --listen 127.0.0.1:7000 --quiet",
        ["layerlab", "udp", "send", ..] => "layerlab udp serve --listen 127.0.0.1:7000 --quiet",
        ["layerlab", "ws", "connect" | "conform", ..] => "layerlab ws serve --quiet",
        ["layerlab", "queue", "publish" | "consume" | "inspect" | "declare" | "purge" | "delete", ..] => {
            "layerlab queue serve --quiet"
        }
        ["layerlab", "wire", "set" | "list", ..] | ["layerlab", "wire", "shell", "client", ..] => {
            "layerlab wire shell server"
        }
        _ => return None,
    })
}

/// Whether its ports should be nobody else's.
pub(crate) fn wants_a_host(command: &str) -> bool {
    is_server(command) || other_end(command).is_some()
}

/// Whether a block's commands may run at the same time: none reads what another wrote, or talks to it.
pub(crate) fn are_alone(commands: &[&str]) -> bool {
    let shared = [".pcapng", ".json", ".md", " > ", "--keep "];
    commands.iter().all(|command| !wants_a_host(command) && !shared.iter().any(|word| command.contains(word)))
}

/// What is typed into it.
fn input(command: &str) -> &'static str {
    match command {
        quiz if quiz.contains("--quiz") => "2\\n2\\n2\\n2\\n2\\n2\\n2\\n2\\n",
        connect if connect.starts_with("layerlab ws connect") => "hello\\n",
        _ => "",
    }
}

/// A shell's script that runs the commands, with both outputs of the nth in `n.out` and its status in `n.status`. Before
/// them it makes the files that they read, and starts the other end where none of them is one.
pub(crate) fn script(commands: &[String]) -> String {
    let mut text = "mkfifo typed; exec 9<>typed\n".to_owned();
    for (name, by) in FILES {
        let first = commands.iter().find(|command| command.contains(name));
        // Answers that one of the commands keeps are not written over.
        let kept = by.contains("--answers") && commands.iter().any(|command| command.contains("--answers"));
        if first.is_some_and(|command| !kept && !command.contains(&format!("--capture {name}"))) {
            let _ = writeln!(text, "{by} || exit 9");
        }
    }
    let mut servers = Vec::new();
    let one_is_there = commands.iter().any(|command| is_server(command));
    if let Some(server) = commands.iter().find_map(|command| other_end(command)).filter(|_| !one_is_there) {
        start(&mut text, "peer", server);
        servers.push("peer".to_owned());
    }
    for (nth, command) in commands.iter().enumerate() {
        if is_server(command) {
            start(&mut text, &nth.to_string(), command);
            servers.push(nth.to_string());
        } else {
            let input = input(command);
            let _ = writeln!(
                text,
                "printf '{input}' > in\n{{ {command}\n}} < in > {nth}.out 2>&1\necho $? > {nth}.status"
            );
        }
    }
    for server in servers {
        // What it printed until here is what a paper shows of it.
        let _ = writeln!(
            text,
            "cp {server}.out shown; kill -INT $pid_{server}; wait $pid_{server}; echo $? > {server}.status; \
             mv shown {server}.out"
        );
    }
    text
}

/// Starts a server, and waits until it is there.
fn start(text: &mut String, name: &str, command: &str) {
    let ready = match command.contains("wire shell") {
        true => "layerlab wire list | grep -q .".to_owned(),
        false => format!("grep -q '^listening on .*[0-9]$' {name}.out"),
    };
    let _ = writeln!(
        text,
        "{command} <&9 > {name}.out 2>&1 &\npid_{name}=$!\n\
         for i in $(seq 200); do {ready} && break; sleep 0.05; done"
    );
}
