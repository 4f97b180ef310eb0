//! `layerlab ws conform`: does somebody's WebSocket server keep to RFC 6455 and RFC 7692?

#[cfg(feature = "tls")]
use super::tls::{TlsArgs, tls};
use crate::cli::args::{LookArgs, ModelArg, waiting_time};
#[cfg(not(feature = "tls"))]
use crate::cli::exit::Cannot;
use crate::cli::exit::{Answer, Usage};
use crate::cli::plan;
use crate::host::{entropy, signal};
use crate::live::ws::conform::{ConformError, Plan};
use crate::model::conformance::{Finding, Verdict};
use crate::narrate::Style;
use crate::narrate::conform::{self as words, Server, Tally};
use crate::stack::l7_application::http1::Fields;
use crate::stack::l7_application::ws::Url;
use crate::stack::l7_application::ws::conform::{Case, cases};
use anyhow::Context;
use clap::{ArgAction, Args};
use std::io::{self, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Below the options.
pub(crate) const AFTER_HELP: &str = "The server should echo text and binary messages, as `layerlab ws serve --echo` does; \
    where it does not, cases that need an echo are not applicable.\n\
    Verdicts: ok; non-strict (allowed, but not as a SHOULD asks, or late); informational (the RFC leaves it \
    open); FAILED (a MUST is broken); unclean close; not applicable.\n\
    Exit status: 0 none failed and none closed uncleanly; 1 otherwise, or no WebSocket could be opened.";

/// Options of `ws conform`.
#[derive(Args, Debug)]
pub(crate) struct WsConformArgs {
    /// The server: ws://HOST[:PORT]/PATH, or wss:// for TLS
    #[arg(required_unless_present = "list")]
    pub(crate) url: Option<Url>,
    /// Only cases whose name fits: * is any text, ? any character (several times: any of them)
    #[arg(long = "case", value_name = "GLOB", action = ArgAction::Append)]
    pub(crate) cases: Vec<String>,
    /// List the cases, each with its rule, and try none
    #[arg(long)]
    pub(crate) list: bool,
    /// Octets of the largest message that is sent
    #[arg(long, value_name = "N", default_value_t = 16 << 20, value_parser = clap::value_parser!(u64).range(1..=268_435_456))]
    pub(crate) max: u64,
    /// How long the server may take for each answer
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "3s")]
    pub(crate) timeout: Duration,
    /// Connections at a time; the findings keep their order
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) parallel: u16,
    /// Seed of handshake keys and masks [default: drawn, and printed]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// A further field of each handshake, such as 'Cookie: a=b'
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header, action = ArgAction::Append)]
    pub(crate) header: Vec<(String, String)>,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    /// Also the frames of what is ok
    #[arg(long, short, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// The tally alone
    #[arg(long, short, help_heading = "Output", conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// One JSON object a line (docs/json.md)
    #[arg(long, help_heading = "Output", conflicts_with_all = ["verbose", "quiet"])]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// `NAME: VALUE`.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE, such as 'Cookie: a=b'")?;
    let (name, value) = (name.trim(), value.trim());
    if !Fields::new().with(name, value).is_encodable() {
        return Err("a name is a token (RFC 9110 s5.6.2), and a value has no line ends".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// `layerlab ws conform`.
pub(crate) fn run(args: &WsConformArgs) -> anyhow::Result<Answer> {
    let all = cases(usize::try_from(args.max).unwrap_or(usize::MAX));
    let chosen: Vec<Case> = all.iter().filter(|case| fits(&case.id, &args.cases)).cloned().collect();
    if chosen.is_empty() {
        return Err(Usage(format!(
            "no case fits {}: `layerlab ws conform --list` names them all",
            args.cases.join(", ")
        ))
        .into());
    }
    let mut screen = Screen::new(args);
    match &args.url {
        Some(url) if !args.list => check(args, url, &chosen, &mut screen),
        _ => {
            chosen.iter().try_for_each(|case| screen.listed(case))?;
            Ok(Answer::Yes)
        }
    }
}

/// Tries the cases.
fn check(args: &WsConformArgs, url: &Url, cases: &[Case], screen: &mut Screen<'_>) -> anyhow::Result<Answer> {
    #[cfg(not(feature = "tls"))]
    if url.secure {
        let text = "this layerlab was built without TLS (its feature `tls`): use ws://";
        return Err(Cannot(text.to_owned()).into());
    }
    #[cfg(feature = "tls")]
    if let Some(warning) = args.tls.warning().filter(|_| url.secure) {
        writeln!(io::stderr(), "layerlab: {warning}")?;
    }
    let plan = Plan {
        url: url.clone(),
        #[cfg(feature = "tls")]
        tls: if url.secure { Some(tls(url, &args.tls.trust())?) } else { None },
        fields: args.header.clone(),
        timeout: args.timeout,
        parallel: args.parallel.into(),
        seed: args.seed.unwrap_or_else(entropy::seed),
        max: args.max,
    };
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let target = match plan.survey(&stop) {
        Err(ConformError::Interrupted) => return Ok(Answer::No),
        target => target?,
    };
    screen.server(&Server {
        url: url.to_string(),
        text: target.text,
        binary: target.binary,
        deflate: target.deflate.is_some(),
        seed: plan.seed,
        cases: cases.len(),
    })?;
    let mut tally = Tally::default();
    plan.run(cases, &target, &stop, &mut |finding| {
        tally.add(&finding);
        screen.finding(&finding)
    })?;
    screen.tally(&tally)?;
    if stop.load(Relaxed) {
        writeln!(io::stderr(), "layerlab: interrupted after {} of {} cases", tally.all(), cases.len())?;
        return Ok(Answer::No);
    }
    Ok(if tally.is_good() { Answer::Yes } else { Answer::No })
}

/// Whether a name fits one of the patterns, or there are none.
fn fits(name: &str, globs: &[String]) -> bool {
    globs.is_empty() || globs.iter().any(|glob| matches(glob.as_bytes(), name.as_bytes()))
}

/// `*` is any text, `?` any character. Looks back to the last star alone, so it takes no more than the product of
/// both lengths.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => (g, n) = (g + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (g, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == b'*')
}

/// Standard output.
struct Screen<'a> {
    args: &'a WsConformArgs,
    style: Style,
    out: io::Stdout,
    told: bool,
}

impl Screen<'_> {
    fn new(args: &WsConformArgs) -> Screen<'_> {
        let width = plan::width(None, false);
        let style = Style { width, ..plan::plain_style(args.look, ModelArg::Both, false) };
        Screen { args, style, out: io::stdout(), told: false }
    }

    fn listed(&mut self, case: &Case) -> io::Result<()> {
        match self.args.json {
            true => writeln!(self.out, "{}", words::listed_json(&case.id, case.clause)),
            false => write!(self.out, "{}", words::listed(&case.id, case.clause, &self.style)),
        }
    }

    fn server(&mut self, server: &Server) -> io::Result<()> {
        match self.args {
            WsConformArgs { json: true, .. } => {
                let version = env!("CARGO_PKG_VERSION");
                writeln!(self.out, "{}", words::server_json(server, version, &plan::command_line()))
            }
            WsConformArgs { quiet: true, .. } => Ok(()),
            _ => writeln!(self.out, "{}", words::server(server, &self.style)),
        }
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if self.args.json {
            return writeln!(self.out, "{}", words::case_json(finding));
        }
        // What is as it should be, or was not tried, is counted.
        let counted = matches!(finding.verdict, Verdict::Ok | Verdict::NotApplicable);
        if self.args.quiet || counted && !self.args.verbose {
            return Ok(());
        }
        self.told = true;
        let whole = finding.verdict.is_bad() || self.args.verbose;
        writeln!(self.out, "{}", words::finding(finding, whole, &self.style))
    }

    fn tally(&mut self, tally: &Tally) -> io::Result<()> {
        match self.args.json {
            true => writeln!(self.out, "{}", words::tally_json(tally)),
            false => write!(self.out, "{}", words::tally(tally, &self.style)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_as_in_a_shell() {
        for (glob, name, fit) in [
            ("close/*", "close/code-1000", true),
            ("close/*", "utf8/close/x", false),
            ("*1000*", "close/code-1000", true),
            ("?lose/*-100?", "close/code-1000", true),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("", "x", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(glob.as_bytes(), name.as_bytes()), fit, "{glob} {name}");
        }
        let slow = "*a".repeat(50);
        assert!(!matches(slow.as_bytes(), "a".repeat(49).as_bytes()));
    }
}
