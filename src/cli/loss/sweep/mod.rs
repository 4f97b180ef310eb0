//! `layerlab loss sweep`: one transport, one wire, one run at a time, and several of these side by side.

mod args;
mod keep;
mod progress;

pub(crate) use args::SweepArgs;

use super::LossArgs;
use crate::cli::args::BackendArg;
use crate::cli::exit::{Answer, Usage};
use crate::cli::impair::Impairments;
use crate::cli::plan;
use crate::cli::report_dir::ReportDir;
use crate::host::{entropy, signal};
use crate::report::loss::Transport;
use crate::report::sweep::{self, Cell, Plan, Row};
use crate::wire::{Keying, ShowTime};
use anyhow::Context;
use clap::{Args as _, FromArgMatches as _, ValueEnum as _};
use keep::Keeper;
use progress::{Progress, spoken};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// From so many runs on it asks first.
const MANY: u64 = 10_000;
/// More runs than this are a slip of the finger.
const MOST: u64 = 1_000_000;
/// What building and ending a private network takes, about.
const AROUND: Duration = Duration::from_millis(200);
/// What `layerlab loss` waits when nobody says how long.
const WAIT: Duration = Duration::from_secs(20);
/// The rows that are kept beside a report.
const ROWS: &str = "rows.jsonl";

/// Runs the sweep, or what is left of it.
pub(super) fn run(args: &SweepArgs) -> anyhow::Result<Answer> {
    let names: Vec<&str> = sweep::FILES.into_iter().chain([ROWS]).collect();
    let report = args.report.as_deref().map(|path| ReportDir::ready(path, &names)).transpose()?;
    let beside = args.report.as_ref().map(|folder| folder.join(ROWS));
    let kept = args.resume.as_ref().or(beside.as_ref()).map(|path| keep::open(path)).transpose()?;
    let seed = args.seed.or_else(|| sweep::seed(&kept.as_ref()?.1)).unwrap_or_else(entropy::seed);
    let plan = plan_of(args, seed)?;
    let all = plan.len().filter(|all| *all <= MOST).ok_or_else(|| {
        Usage(format!("that is more than {MOST} runs: fewer of --loss, --delay, --cc or --runs"))
    })?;
    let header = sweep::header(&plan, &plan::command_line(), env!("CARGO_PKG_VERSION"));
    let (mut keeper, mut rows) = (None, Vec::new());
    if let Some((mut file, text)) = kept {
        rows = file.begin(&text, &plan, &header)?;
        keeper = Some(file);
    }
    let have: BTreeSet<String> = rows.iter().map(|row| row.cell.key()).collect();
    let left: Vec<Cell> = plan.cells().filter(|cell| !have.contains(&cell.key())).collect();
    let jobs = args.jobs.map_or_else(side_by_side, |jobs| usize::from(jobs.get())).min(left.len().max(1));
    if let Some(cell) = left.first() {
        super::check(&typed(args, cell)?)?;
    }
    agree(args, &left, all, jobs)?;
    let mut out =
        Out { rows: rows.len(), json: args.json, keeper, progress: Progress::new(rows.len() as u64, all) };
    if args.json {
        out.print(&header)?;
        rows.iter().try_for_each(|row| out.print(&sweep::line(row)))?;
    }
    let whole = left.is_empty() || run_all(args, left, jobs, &mut out, &mut rows)?;
    let order: BTreeMap<String, usize> = plan.cells().zip(0..).map(|(cell, i)| (cell.key(), i)).collect();
    rows.sort_by_cached_key(|row| order.get(&row.cell.key()).copied());
    if let Some(report) = report {
        let page = report.write(&sweep::files(&plan, &rows, &again(jobs)))?;
        say(&format!("the report: {}", page.display()))?;
    }
    if args.csv {
        print(&sweep::rows_table(&rows).to_csv())?;
    } else if !args.json {
        print(&sweep::text(&sweep::summaries(&plan, &rows)))?;
        print(&format!("\nseed {seed}, {} of {all} runs, {jobs} at a time\n", rows.len()))?;
    }
    if let Some(busy) = sweep::too_busy(&rows) {
        say(&busy)?;
    }
    if whole {
        return Ok(Answer::Yes);
    }
    let file = match out.keeper {
        Some(keeper) => keeper.path().to_owned(),
        None => kept_after_all(&header, &rows, seed)?,
    };
    say(&format!(
        "interrupted: {} of {all} runs are done and kept; go on with the same options and --resume {}",
        rows.len(),
        file.display()
    ))?;
    Ok(Answer::No)
}

/// What is swept.
fn plan_of(args: &SweepArgs, seed: u64) -> anyhow::Result<Plan> {
    let mut transports: Vec<Transport> = super::congestion(&args.cc, &["reno", "cubic", "bbr"])?
        .into_iter()
        .map(|congestion| Transport::Tcp { congestion })
        .collect();
    transports.push(Transport::Udp);
    transports.extend(args.arq.then_some(Transport::Arq));
    let (messages, size) = (args.messages, args.size);
    let messages = if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") };
    Ok(Plan {
        losses: args.loss.0.clone(),
        delays: args.delay.0.clone(),
        transports,
        runs: args.runs,
        seed,
        load: format!("{messages} of {size} octets, one every {}", ShowTime(args.every)),
        wire: same(args).join(" "),
    })
}

/// The options of `layerlab loss` that all runs share, beside the load.
fn same(args: &SweepArgs) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    if let Some(rate) = args.rate {
        add("rate", rate.to_string());
    }
    if let Some(limit) = args.limit {
        add("limit", limit.to_string());
    }
    args.sysctl.iter().for_each(|(name, value)| add("sysctl", format!("{name}={value}")));
    if let Some(kind) = args.backend.to_possible_value().filter(|_| args.backend != BackendArg::Auto) {
        add("backend", kind.get_name().to_owned());
    }
    if args.wait != WAIT {
        add("wait", ShowTime(args.wait).to_string());
    }
    words
}

/// What would be typed for this one run: `loss --loss 5% --delay 50ms --lanes tcp --cc reno ...`.
fn typed(args: &SweepArgs, cell: &Cell) -> anyhow::Result<LossArgs> {
    let (lane, cc) = match &cell.transport {
        Transport::Tcp { congestion } => ("tcp", Some(congestion.as_str())),
        Transport::Udp => ("udp", None),
        Transport::Arq => ("arq", None),
    };
    let mut words = vec!["loss".to_owned()];
    let mut add = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    add("loss", format!("{}%", cell.loss));
    add("delay", ShowTime(cell.delay).to_string());
    add("lanes", lane.to_owned());
    if let Some(cc) = cc {
        add("cc", cc.to_owned());
    }
    add("messages", args.messages.to_string());
    add("size", args.size.to_string());
    add("every", ShowTime(args.every).to_string());
    add("seed", cell.seed.to_string());
    words.extend(same(args));
    let command = LossArgs::augment_args(clap::Command::new("loss"));
    Ok(LossArgs::from_arg_matches(&command.try_get_matches_from(words)?)?)
}

/// Says what it is going to be, and asks where that is much.
fn agree(args: &SweepArgs, left: &[Cell], all: u64, jobs: usize) -> anyhow::Result<()> {
    if left.is_empty() {
        return Ok(say(&format!("all {all} runs are done already"))?);
    }
    // The handshake, the last message's way, and its acknowledgment's.
    let least = |cell: &Cell| args.every * args.messages + cell.delay * 4 + AROUND;
    let least = left.iter().map(least).sum::<Duration>() / u32::try_from(jobs).unwrap_or(1);
    let least = least.max(Duration::from_secs(1));
    let runs = match left.len() as u64 {
        n if n == all => format!("{n} runs"),
        n => format!("{n} of {all} runs are left"),
    };
    let what = format!("{runs}, {jobs} at a time: at least {}", spoken(least));
    if (left.len() as u64) < MANY || args.yes {
        return Ok(say(&what)?);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Usage(format!("{what}. Say --yes to begin")).into());
    }
    write!(io::stderr(), "layerlab: {what}. Begin? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Usage("nothing was run".to_owned()).into())
}

/// Runs that go side by side when nobody says how many. A run mostly waits for its own delays: with the load by
/// default it keeps a core busy for a tenth of its time, at most.
fn side_by_side() -> usize {
    thread::available_parallelism().map_or(1, usize::from) * 4
}

/// Where finished runs go.
struct Out {
    rows: usize,
    json: bool,
    keeper: Option<Keeper>,
    progress: Progress,
}

impl Out {
    fn print(&self, line: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{line}")
    }

    /// A run is done: kept first, then told.
    fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        let line = sweep::line(row);
        if let Some(keeper) = &mut self.keeper {
            keeper.line(&line)?;
        }
        if self.json {
            self.print(&line)?;
        }
        self.rows += 1;
        let Cell { loss, delay, transport, .. } = &row.cell;
        self.progress.done(format!("{} {loss}% {}", transport.name(), ShowTime(*delay)));
        Ok(())
    }
}

/// Runs what is left, `jobs` at a time. Whether all of it was run; each row as soon as it is there.
fn run_all(
    args: &SweepArgs,
    left: Vec<Cell>,
    jobs: usize,
    out: &mut Out,
    rows: &mut Vec<Row>,
) -> anyhow::Result<bool> {
    let first = super::network(&typed(args, &left[0])?)?;
    plan::ground(&first)?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let cells = Mutex::new(left.into_iter());
    let (tell, told) = channel();
    let result = thread::scope(|scope| {
        for _ in 0..jobs {
            let (tell, cells, stop) = (tell.clone(), &cells, &*stop);
            scope.spawn(move || {
                while !stop.load(Relaxed)
                    && let Some(cell) = cells.lock().ok().and_then(|mut cells| cells.next())
                {
                    let row = run_cell(args, cell, stop);
                    // What was interrupted is no row.
                    if row.is_err() || !stop.load(Relaxed) {
                        let _ = tell.send(row);
                    }
                }
            });
        }
        drop(tell);
        let mut result = Ok(());
        loop {
            let row = match told.recv_timeout(Duration::from_millis(500)) {
                Ok(row) => row,
                Err(RecvTimeoutError::Timeout) => {
                    out.progress.tick();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let kept = row.and_then(|row| out.row(&row).map(|()| rows.push(row)));
            if kept.is_err() && result.is_ok() {
                // The others are not waited for to their ends: nobody can be told of them.
                result = kept;
                stop.store(true, Relaxed);
            }
        }
        result
    });
    out.progress.end();
    result?;
    Ok(!stop.load(Relaxed))
}

/// One run on a network of its own.
fn run_cell(args: &SweepArgs, cell: Cell, stop: &AtomicBool) -> anyhow::Result<Row> {
    let loss = typed(args, &cell)?;
    let mut net = super::network(&loss)?;
    // Here a wire that does nothing is meant as one.
    let mut spec = loss.impairments.0.clone();
    for direction in &mut spec.directions {
        direction.dice = Keying::Data;
    }
    net.impairments = Impairments(spec, Vec::new());
    let names: Vec<String> = loss.cc.clone();
    let lanes = super::lanes(&loss, &names, &net.impairments.0);
    let (transport, haul) = lanes.into_iter().next().context("a run has one transport")?;
    let done = super::lane::run(transport, &haul, &super::setup(&loss, &net), None, stop)?;
    Ok(Row::of(cell, &done.lane))
}

/// An interrupted sweep that nobody gave a file gets one.
fn kept_after_all(header: &str, rows: &[Row], seed: u64) -> anyhow::Result<std::path::PathBuf> {
    let path = Path::new(&format!("layerlab-sweep-{seed}.jsonl")).to_owned();
    let lines: Vec<String> = std::iter::once(header.to_owned()).chain(rows.iter().map(sweep::line)).collect();
    let mut file = std::fs::File::create_new(&path)
        .with_context(|| format!("the rows cannot be kept: {} cannot be made", path.display()))?;
    file.write_all((lines.join("\n") + "\n").as_bytes())
        .with_context(|| format!("the rows cannot be kept in {}", path.display()))?;
    Ok(path)
}

/// What is needed to do it again.
fn again(jobs: usize) -> Vec<(String, String)> {
    [
        ("command", plan::command_line()),
        ("layerlab", env!("CARGO_PKG_VERSION").to_owned()),
        ("system", plan::system()),
        ("at a time", jobs.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "layerlab: {text}")
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}
