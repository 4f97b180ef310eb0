//! Every lab of the course: its facts hold on both backends, each of its changes breaks what it says (a check that cannot fail
//! is none), and its recordings are of the commands that stand in it and show all of it.
//!
//! Labs mostly wait, and each run has a network of its own: three at once, unless `--test-threads` says otherwise.
//! `UPDATE=1 cargo test --test course` makes those recordings anew that do not hold any more; `UPDATE=all` makes all.

use flate2::{Compression, GzBuilder};
use layerlab::lab::keep::{ending, name};
use layerlab::lab::parse::Lab;
use layerlab::lab::recorded::RECORDED;
use layerlab::lab::shelf;
use libtest_mimic::{Arguments, Failed, Trial};
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;
use pcap_file::pcapng::{PcapNgParser, PcapNgWriter};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Runs at once.
const AT_ONCE: usize = 3;
/// How often a lab is tried that is to be recorded.
const TRIES: usize = 4;
/// What a recording has at most, packed; and all of them.
const SIZES_MAX: [usize; 2] = [200 << 10, 1 << 20];

fn main() -> ExitCode {
    if std::env::var_os("UPDATE").is_some() {
        return match update() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{error}");
                ExitCode::FAILURE
            }
        };
    }
    let doctor = Command::new(env!("CARGO_BIN_EXE_layerlab")).args(["doctor", "--json"]).output();
    let survey: Value =
        doctor.ok().and_then(|out| serde_json::from_slice(&out.stdout).ok()).unwrap_or_default();
    let works = |name: &str| survey["findings"][name].as_str().is_some_and(|found| found.starts_with("ok"));
    let private = survey["backend"] == "tap" || survey["backend"] == "veth";
    if !private {
        let note = "no private network on this machine: labs do not run (layerlab doctor says why)";
        let _ = writeln!(std::io::stderr(), "{note}");
    }
    let mut trials = vec![Trial::test("recorded::all_are_there_and_small", all_there)];
    for lab in labs() {
        let number = lab.number;
        // What breaks a fact is no matter of how the hosts are joined.
        for (backend, name, more) in [("veth", "veth", &["--changes"][..]), ("tap", "TAP", &[])] {
            let there = private && works(name);
            let trial = move || check(number, &[&["--backend", backend], more].concat());
            trials.push(Trial::test(format!("{backend}::lab_{number:02}"), trial).with_ignored_flag(!there));
        }
        trials
            .push(Trial::test(format!("recorded::lab_{number:02}"), move || check(number, &["--recorded"])));
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn labs() -> impl Iterator<Item = Lab> {
    shelf::LABS.iter().map(|(file, text)| Lab::parse(file, text).unwrap_or_else(|e| panic!("{e}")))
}

/// Every fact is checked, and holds.
fn check(lab: u32, options: &[&str]) -> Result<(), Failed> {
    let output = Command::new(env!("CARGO_BIN_EXE_layerlab"))
        .args(["lab", "check", &lab.to_string()])
        .args(options)
        // A lab with its changes is many runs, so it has no guard but each run's own.
        .stdin(Stdio::null())
        .output()?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    // A recording tells all of it, too.
    let open = out.lines().any(|line| line.starts_with("?  "));
    if output.status.code() == Some(0) && !open {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let remedy = "UPDATE=1 cargo test --test course";
    let what = if options == ["--recorded"] {
        format!("\n{remedy} makes the recordings anew")
    } else {
        String::new()
    };
    Err(format!("lab {lab} {}:\n{out}{said}{what}", options.join(" ")).into())
}

/// The names of the recordings that there should be.
fn names() -> Vec<String> {
    names_of(labs())
}

fn names_of(labs: impl Iterator<Item = Lab>) -> Vec<String> {
    let of = |lab: Lab| -> Vec<String> {
        let runs = (1..).zip(lab.runs());
        runs.filter_map(|(nth, run)| Some(name(lab.number, nth, ending(run)?))).collect()
    };
    labs.flat_map(of).collect()
}

fn all_there() -> Result<(), Failed> {
    let there: Vec<&str> = RECORDED.iter().map(|(name, _)| *name).collect();
    let names = names();
    let mut sorted = names.clone();
    sorted.sort();
    let mut files: Vec<String> = fs::read_dir(folder())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().trim_end_matches(".gz").to_owned()))
        .collect::<Result<_, Failed>>()?;
    files.sort();
    if there != names || files != sorted {
        return Err(
            format!("recorded: {there:?}\nin labs/captures: {files:?}\nruns of the labs: {names:?}").into()
        );
    }
    let sizes: Vec<usize> = RECORDED.iter().map(|(_, octets)| octets.len()).collect();
    let [one, all] = SIZES_MAX;
    if sizes.iter().any(|size| *size > one) || sizes.iter().sum::<usize>() > all {
        return Err(format!("the program carries these: {sizes:?} octets are too many").into());
    }
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/captures")
}

/// Runs the labs whose recordings do not hold any more, or with `UPDATE=all` the whole course, and keeps them.
fn update() -> Result<(), Box<dyn Error>> {
    let kept = std::env::temp_dir().join(format!("layerlab-course-{}", std::process::id()));
    fs::create_dir_all(&kept)?;
    // Below a folder of its own, so that no path of this machine stands in a recording.
    let all = std::env::var_os("UPDATE").is_some_and(|value| value == "all");
    let stale: Vec<Lab> = labs().filter(|lab| all || check(lab.number, &["--recorded"]).is_err()).collect();
    for lab in &stale {
        let kept_well = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
            command.args(["lab", "check", "--backend", "veth", "--keep", "kept", &lab.number.to_string()]);
            command.current_dir(&kept).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        // On a busy machine a lab may need another try: what is kept is one that held.
        if !(0..TRIES).any(|_| kept_well()) {
            return Err(format!("lab {} fails, so nothing was recorded", lab.number).into());
        }
    }
    fs::create_dir_all(folder())?;
    for entry in fs::read_dir(folder())? {
        let file = entry?.path();
        if !names().iter().any(|name| file.ends_with(format!("{name}.gz"))) {
            fs::remove_file(file)?;
        }
    }
    for name in names_of(stale.into_iter()) {
        let mut octets = fs::read(kept.join("kept").join(&name))?;
        if name.ends_with(".pcapng") {
            octets = without_build(&octets)?;
        }
        let mut packed = GzBuilder::new().write(Vec::new(), Compression::best());
        packed.write_all(&octets)?;
        fs::write(folder().join(format!("{name}.gz")), packed.finish()?)?;
    }
    fs::remove_dir_all(&kept)?;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lab/recorded.rs");
    let text = fs::read_to_string(&list)?;
    let (before, rest) = text.split_once("recorded![\n").ok_or("src/lab/recorded.rs has no list")?;
    let (_, after) = rest.split_once("];").ok_or("the list in src/lab/recorded.rs does not end")?;
    let names: String = names().iter().map(|name| format!("    \"{name}\"\n")).collect();
    fs::write(&list, format!("{before}recorded![\n{names}];{after}"))?;
    Ok(())
}

/// A kernel is named by its version; who built it for which machine is nobody's matter.
fn without_build(capture: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let length = |at: usize| -> Option<usize> {
        Some(u32::from_le_bytes(capture.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    let first = length(4).ok_or("too short")?;
    let (_, parser) = PcapNgParser::new(capture)?;
    let mut header = parser.section().clone();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let version = release.trim().split('-').next().unwrap_or_default();
    for option in &mut header.options {
        if let SectionHeaderOption::Comment(text) | SectionHeaderOption::OS(text) = option {
            *text = text.replace(release.trim(), version).into();
        }
    }
    let mut octets = PcapNgWriter::with_section_header(Vec::new(), header)?.into_inner();
    octets.extend(&capture[first..]);
    Ok(octets)
}
