//! `layerlab loss sweep` and `layerlab loss --report`, through the built program: on real kernels where the
//! machine has private networks, and what is refused before anything runs.
#![cfg(target_os = "linux")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const LAYERLAB: &str = env!("CARGO_BIN_EXE_layerlab");

/// What a test waits for at most.
const GUARD: Duration = Duration::from_secs(60);

struct Told {
    code: i32,
    out: String,
    err: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(LAYERLAB);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn told(output: Output) -> Told {
    let text = |octets| String::from_utf8_lossy(octets).into_owned();
    let code = output.status.code().expect("ended by itself");
    Told { code, out: text(&output.stdout), err: text(&output.stderr) }
}

fn layerlab(arguments: &[&str]) -> Told {
    told(command(arguments).output().expect("the program starts"))
}

/// Whether there are private networks here. Where there are none, that is tried instead: a clear no.
fn private() -> bool {
    let doctor = layerlab(&["doctor"]);
    if doctor.code == 0 {
        return true;
    }
    let refused =
        layerlab(&["loss", "sweep", "--loss", "5%", "--delay", "1ms", "--cc", "reno", "--runs", "1"]);
    assert_eq!((doctor.code, refused.code), (3, 3), "{}", refused.err);
    assert!(refused.err.contains("layerlab doctor"), "{}", refused.err);
    false
}

/// A small sweep: two wires, TCP and UDP, runs of some 30 ms.
fn sweep(runs: &str, more: &[&str]) -> Vec<String> {
    let mut words: Vec<&str> =
        "loss sweep --loss 0,20% --delay 1ms --cc cubic --messages 20 --every 1ms --size 100 --seed 7"
            .split(' ')
            .collect();
    words.extend(["--runs", runs]);
    words.extend(more);
    words.into_iter().map(str::to_owned).collect()
}

fn run(words: &[String]) -> Told {
    layerlab(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A folder of the test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("layerlab-sweep-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Scratch(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// What a row's wire decided about UDP's datagrams: it is the seed's doing alone.
fn udp_lost(rows: &[Value]) -> BTreeSet<String> {
    let udp = rows.iter().filter(|row| row["transport"] == "UDP");
    udp.map(|row| format!("{} {} {} {}", row["loss_percent"], row["run"], row["seed"], row["lost"])).collect()
}

#[test]
fn a_sweep_runs_every_cell_and_the_same_seed_loses_the_same() {
    if !private() {
        return;
    }
    let first = run(&sweep("2", &["--json", "--jobs", "3"]));
    assert_eq!(first.code, 0, "{}", first.err);
    let rows = lines(&first.out);
    assert_eq!(rows.len(), 1 + 2 * 2 * 2);
    assert_eq!((&rows[0]["type"], &rows[0]["seed"]), (&Value::from("sweep"), &Value::from(7)));
    assert!(first.err.contains("8 runs, 3 at a time"), "{}", first.err);
    for row in &rows[1..] {
        assert_eq!((&row["type"], &row["messages"]), (&Value::from("row"), &Value::from(20)), "{row}");
        assert_eq!(row["failed"], Value::Null, "{row}");
        let tcp = row["transport"] == "TCP cubic";
        if tcp || row["loss_percent"] == 0.0 {
            assert_eq!(row["lost"], 0, "{row}");
        } else {
            // Each of 20 datagrams is lost with a chance of 1 in 5.
            assert_eq!(row["lost"], row["dropped"], "{row}");
        }
        assert!(row["goodput_bit_s"].as_f64().is_some_and(|g| g > 1000.0), "{row}");
        assert!(row["p99_ms"].as_f64().is_some_and(|p99| p99 >= 1.0), "{row}");
    }
    let again = run(&sweep("2", &["--json", "--jobs", "1"]));
    let (one, other) = (udp_lost(&rows), udp_lost(&lines(&again.out)));
    assert_eq!(one.len(), 4);
    assert_eq!(one, other);
    assert!(rows.iter().any(|row| row["transport"] == "UDP" && row["lost"] != 0), "20% lose something");
}

#[test]
fn an_interrupted_sweep_goes_on_where_it_was() {
    if !private() {
        return;
    }
    let scratch = Scratch::new("resume");
    let file = scratch.path("rows.jsonl");
    let words = sweep("12", &["--jobs", "2", "--resume", &file]);
    let mut child =
        command(&words.iter().map(String::as_str).collect::<Vec<_>>()).spawn().expect("it starts");
    let began = Instant::now();
    let kept = || fs::read_to_string(&file).unwrap_or_default();
    while kept().lines().count() < 5 && began.elapsed() < GUARD {
        sleep(Duration::from_millis(5));
    }
    assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be interrupted");
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(signalled.is_ok_and(|status| status.success()));
    let interrupted = told(child.wait_with_output().expect("it ends"));
    assert_eq!(interrupted.code, 1, "{}", interrupted.err);
    assert!(interrupted.err.contains("--resume"), "{}", interrupted.err);
    let before = kept();
    let done = before.lines().count() - 1;
    assert!((4..48).contains(&done), "{done}");
    assert!(interrupted.out.contains(&format!("{done} of 48 runs")), "{}", interrupted.out);

    // The power fails in the middle of a line.
    fs::write(&file, format!("{before}{{\"type\":\"row\",\"loss_perc")).expect("written");
    // The seed stands in the file: nobody needs to have kept it.
    let words: Vec<String> = words.into_iter().filter(|word| word != "--seed" && word != "7").collect();
    let finished = run(&words);
    assert_eq!(finished.code, 0, "{}", finished.err);
    assert!(finished.err.contains(&format!("{} of 48 runs are left", 48 - done)), "{}", finished.err);
    let after = kept();
    assert!(after.starts_with(&before), "what was done stays as it was");
    let rows = lines(&after);
    assert_eq!(rows.len(), 49);
    let key = |row: &Value| format!("{} {} {}", row["loss_percent"], row["transport"], row["run"]);
    assert_eq!(rows[1..].iter().map(key).collect::<BTreeSet<_>>().len(), 48);

    let idle = run(&words);
    assert!(idle.code == 0 && idle.err.contains("all 48 runs are done already"), "{}", idle.err);
    assert_eq!(kept(), after);
    // Another sweep is not mixed into it.
    let other = run(&sweep("13", &["--resume", &file]));
    assert_eq!(other.code, 2);
    assert!(other.err.contains("runs was 12 there and is 13 now"), "{}", other.err);
    assert_eq!(kept(), after);
}

#[test]
fn rows_that_cannot_be_written_end_the_sweep_and_leave_those_before() {
    if !private() {
        return;
    }
    let scratch = Scratch::new("full");
    let file = scratch.path("rows.jsonl");
    // No file may grow beyond 2 blocks, and the program hears of it as of a full disk: by an error.
    let limited = "trap '' XFSZ; ulimit -f 2; exec \"$@\"";
    let words = sweep("10", &["--jobs", "1", "--resume", &file]);
    let mut shell = Command::new("bash");
    shell.args(["-c", limited, "sh", LAYERLAB]).args(&words).stdin(Stdio::null());
    let full = told(shell.output().expect("bash starts"));
    assert_eq!(full.code, 1, "{}", full.err);
    assert!(full.err.contains("a row cannot be written to") && full.err.contains("are kept"), "{}", full.err);
    let whole = run(&words);
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert!(whole.err.contains("of 40 runs are left"), "{}", whole.err);
}

#[test]
fn a_report_says_what_was_run() {
    if !private() {
        return;
    }
    let scratch = Scratch::new("report");
    let folder = scratch.path("sweep");
    let swept = run(&sweep("1", &["--report", &folder]));
    assert_eq!(swept.code, 0, "{}", swept.err);
    let read = |folder: &str, name: &str| fs::read_to_string(format!("{folder}/{name}")).expect(name);
    let rows = read(&folder, "rows.csv");
    assert_eq!(rows.lines().count(), 1 + 4);
    assert_eq!(lines(&read(&folder, "rows.jsonl")).len(), 1 + 4);
    let page = read(&folder, "index.html");
    well_formed(&page);
    assert!(page.contains("layerlab loss sweep --loss 0,20%") && page.contains("<code>7</code>"), "{page}");
    // Once more: the rows are there, only the page is made anew.
    let again = run(&sweep("1", &["--report", &folder]));
    assert!(again.code == 0 && again.err.contains("done already"), "{}", again.err);
    assert_eq!(read(&folder, "rows.csv"), rows);

    let folder = scratch.path("loss");
    let words = "loss --loss 10% --delay 5ms --messages 60 --every 2ms --seed 7 --quiet --report";
    let words: Vec<&str> = words.split(' ').chain([folder.as_str()]).collect();
    let compared = layerlab(&words);
    assert_eq!(compared.code, 0, "{}", compared.err);
    let page = read(&folder, "index.html");
    well_formed(&page);
    // The picture's crosses are the table's empty latencies.
    let messages = read(&folder, "messages.csv");
    let mut columns = messages.lines().next().unwrap_or_default().split(',');
    let latency = columns.position(|name| name == "latency_ms").expect("a column");
    let lost = messages.lines().filter(|line| line.split(',').nth(latency) == Some("")).count();
    assert_eq!(messages.lines().count(), 1 + 3 * 60);
    assert!(lost > 0, "10% of 60 datagrams");
    let crosses = page.matches(": lost</title>").count();
    assert_eq!(crosses, lost);
    let json: Value = serde_json::from_str(&read(&folder, "report.json")).expect("JSON");
    assert_eq!(json["messages"].as_array().map(Vec::len), Some(180));
    assert_eq!(json["run"]["seed"], "7");
}

#[track_caller]
fn well_formed(page: &str) {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(page, options).expect("well-formed");
    let pictures = document.descendants().filter(|n| n.attribute("role") == Some("img"));
    assert!(pictures.count() >= 2);
    assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("<script"), "nothing runs");
    let outside = document.descendants().flat_map(|n| n.attributes()).filter(|a| {
        matches!(a.name(), "src" | "href") && (a.value().contains("//") || a.value().starts_with("data:"))
    });
    assert_eq!(outside.count(), 0, "nothing is fetched");
}

#[test]
fn what_cannot_be_is_refused_before_anything_runs() {
    let scratch = Scratch::new("refused");
    let (file, folder) = (scratch.path("thesis.txt"), scratch.path("site"));
    fs::write(&file, "my thesis\n").expect("written");
    fs::create_dir(&folder).expect("made");
    fs::write(format!("{folder}/index.html"), "<p>my site</p>").expect("written");
    let refused: [(&str, &[&str]); 11] = [
        ("--yes", &["--runs", "10000"]),
        (
            "1000000 runs",
            &["--runs", "10000", "--loss", "1,2,3,4,5,6,7,8,9,10,11,12%", "--delay", "1,2,3,4,5,6ms"],
        ),
        ("no unit", &["--loss", "5"]),
        ("twice", &["--loss", "5,5%"]),
        ("unit", &["--delay", "10"]),
        ("no congestion control", &["--cc", "nosuch"]),
        ("is a file", &["--report", &file]),
        ("not of layerlab's making", &["--report", &folder]),
        ("cannot be continued", &["--resume", &file]),
        ("name another file", &["--resume", "/dev/zero"]),
        ("--wait", &["--wait", "0s"]),
    ];
    for (reason, words) in refused {
        let told = layerlab(&[&["loss", "sweep"], words].concat());
        assert_eq!(told.code, 2, "{words:?}: {}", told.err);
        assert!(told.err.contains(reason) && told.out.is_empty(), "{words:?}: {}", told.err);
    }
    let unwritable = layerlab(&["loss", "sweep", "--report", "/proc/nowhere"]);
    assert!(unwritable.code == 1 && unwritable.err.contains("cannot be made"), "{}", unwritable.err);
    for words in [["--report", &file], ["--report", &folder]] {
        let told = layerlab(&[&["loss"], &words[..]].concat());
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{}", told.err);
    }
    assert_eq!(fs::read_to_string(&file).expect("there"), "my thesis\n");
    assert_eq!(fs::read_to_string(format!("{folder}/index.html")).expect("there"), "<p>my site</p>");
}
