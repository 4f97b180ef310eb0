//! `layerlab doctor`: what this machine allows, which backend will be used, and the remedy where it can't.

use super::args::DoctorArgs;
use super::exit::Answer;
use crate::host::Remedy;
use crate::host::probe::{self, Container, Finding, Namespaces, Survey, Unavailable, Why};
use crate::model::Backend;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Looks at the machine and says what it found. The exit status is 0 when a private network can be had,
/// 3 when not.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<Answer> {
    let survey = probe::survey();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", as_json(&survey))?
    } else {
        out.write_all(text(&survey).as_bytes())?
    }
    Ok(if survey.backend == Backend::Loopback { Answer::MachineCannot } else { Answer::Yes })
}

fn text(survey: &Survey) -> String {
    let mut out = String::new();
    let system = format!("{} {} {}", survey.os, survey.kernel, survey.arch);
    let container = survey.container.map_or("", |container| match container {
        Container::Docker => ", in a Docker container",
        Container::Podman => ", in a Podman container",
        Container::Kubernetes => ", in a Kubernetes pod",
        Container::Lxc => ", in an LXC container",
    });
    line(&mut out, "machine", &format!("{system}{container}"));
    for (name, found) in findings(survey) {
        line(&mut out, name, &found);
    }
    if !survey.congestion.is_empty() {
        let default = survey.congestion_default.as_deref().unwrap_or("unknown");
        line(&mut out, "cc", &format!("{} (default {default})", survey.congestion.join(", ")));
    }
    out.push('\n');
    line(&mut out, "will use", used(survey.backend));
    for better in &survey.unavailable {
        line(&mut out, "", &format!("not {}: {}", better.backend.name(), why(better, survey)));
        remedies(&mut out, &better.remedies);
    }
    if let Finding::Fails(errno) = survey.parameters {
        line(
            &mut out,
            "",
            &format!("hosts keep the kernel's own settings: writing them fails with {}", errno.name),
        );
        remedies(&mut out, survey.parameter_remedies());
    }
    out
}

/// A finding in at most 80 columns. Commands and addresses, which begin with a space, stay whole for copying.
fn line(out: &mut String, name: &str, text: &str) {
    let mut line = format!("{name:12}");
    if text.starts_with(' ') {
        line.push_str(&format!(" {text}"));
    } else {
        for word in text.split(' ') {
            if line.len() + 1 + word.len() > 80 {
                out.push_str(line.trim_end());
                line = format!("\n{:14}", "");
            }
            line.push_str(&format!(" {word}"));
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn remedies(out: &mut String, remedies: &[Remedy]) {
    for (i, remedy) in remedies.iter().enumerate() {
        line(
            out,
            "",
            if i == 0 { "what helps (it needs root, and holds until the next boot):" } else { "or:" },
        );
        for command in remedy.commands() {
            line(out, "", &format!("  {command}"));
        }
        line(out, "", &format!("  see {}", remedy.source()));
    }
}

fn findings(survey: &Survey) -> [(&'static str, String); 8] {
    let one = |finding: Finding, yes: &str| match finding {
        Finding::Works => format!("ok: {yes}"),
        Finding::Fails(errno) if errno.code == 0 => "no".to_owned(),
        Finding::Fails(errno) => format!("no: {}", errno.name),
        Finding::NotTried => "not tried: it needs what is missing above".to_owned(),
    };
    let namespaces = match &survey.namespaces {
        Namespaces::User => "ok: a user namespace of your own".to_owned(),
        Namespaces::Administrator => {
            "ok: no user namespace, but this is the administrator, which serves as well".to_owned()
        }
        Namespaces::Refused { step, errno, refusal } => format!("no: {step}: {}: {refusal}", errno.name),
        Namespaces::Untried => "could not be tried".to_owned(),
        Namespaces::Unsupported => format!("no: {} has none, Linux has", survey.os),
    };
    [
        ("namespaces", namespaces),
        ("/dev/net/tun", one(survey.tun, "it opens")),
        ("TAP", one(survey.tap, "an interface can be made")),
        ("veth", one(survey.veth, "a pair can be made")),
        ("AF_PACKET", one(survey.packet_sockets, "frames can be read and written raw")),
        ("ping socket", one(survey.ping_sockets, "ICMP without privilege")),
        ("sysctls", one(survey.parameters, "each host's kernel settings can be pinned")),
        ("loopback", one(survey.loopback, "TCP connects to 127.0.0.1")),
    ]
}

fn used(backend: Backend) -> &'static str {
    match backend {
        Backend::Tap => "tap: two private hosts, joined by TAP devices (the best there is)",
        Backend::Veth => "veth: two private hosts, joined by veth pairs and packet sockets",
        _ => "loopback: calls are shown, frames are not seen, and nothing can be impaired",
    }
}

fn why(better: &Unavailable, survey: &Survey) -> String {
    match &better.why {
        Why::Namespaces => "no namespace of your own can be had".to_owned(),
        Why::Tun(errno) => format!("/dev/net/tun does not open ({})", errno.name),
        Why::Tap(errno) => format!("no TAP interface can be made ({})", errno.name),
        Why::Veth(errno) => format!("no veth pair can be made ({})", errno.name),
        Why::PacketSocket(errno) => format!("no packet socket can be had ({})", errno.name),
        Why::Whole => "each part works, but the network as a whole could not be built".to_owned(),
        Why::Unsupported => format!("{} has no such thing", survey.os),
    }
}

fn as_json(survey: &Survey) -> Value {
    let remedies = |remedies: &[Remedy]| -> Vec<Value> {
        remedies.iter().map(|r| json!({ "commands": r.commands(), "source": r.source() })).collect()
    };
    let unavailable: Vec<Value> = survey
        .unavailable
        .iter()
        .map(|better| {
            json!({
                "backend": better.backend.name(),
                "why": why(better, survey),
                "remedies": remedies(&better.remedies),
            })
        })
        .collect();
    let findings: serde_json::Map<String, Value> =
        findings(survey).into_iter().map(|(name, found)| (name.to_owned(), found.into())).collect();
    json!({
        "schema": 1,
        "kind": "doctor",
        "os": survey.os,
        "arch": survey.arch,
        "kernel": survey.kernel,
        "findings": findings,
        "congestion": survey.congestion,
        "congestion_default": survey.congestion_default,
        "backend": survey.backend.name(),
        "unavailable": unavailable,
        "parameter_remedies": remedies(survey.parameter_remedies()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_but_commands_stay_whole() {
        let mut out = String::new();
        line(&mut out, "namespaces", &"no: a limit is reached ".repeat(9));
        assert!(out.lines().count() > 2 && out.lines().all(|l| l.len() <= 80), "{out}");
        assert!(out.lines().skip(1).all(|l| l.starts_with("               ")), "{out}");
        let mut out = String::new();
        line(&mut out, "", &format!("  {}", "sudo something ".repeat(9)));
        assert_eq!(out.lines().count(), 1);
    }
}
