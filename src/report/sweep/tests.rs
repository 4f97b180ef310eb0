//! Sweeps of made-up rows: cells and seeds, the file of rows, what the runs come to, the page.

use super::*;
use crate::model::{Backend, Endpoint, Run, Time};
use crate::report::loss::{Message, Transport};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

fn plan() -> Plan {
    Plan {
        losses: vec![0.0, 0.1, 5.0],
        delays: vec![Duration::from_millis(10), Duration::from_millis(100)],
        transports: vec![Transport::Tcp { congestion: "reno".to_owned() }, Transport::Udp],
        runs: 3,
        seed: 7,
        load: "100 messages of 1000 octets, one every 5 ms".to_owned(),
        wire: String::new(),
    }
}

/// Rows whose numbers differ, and are the same every time.
fn rows(plan: &Plan) -> Vec<Row> {
    let row = |(i, cell): (usize, Cell)| {
        let udp = cell.transport == Transport::Udp;
        let delay = ms(cell.delay);
        let slow = if udp { 1.0 } else { 1.0 + cell.loss * delay / 10.0 };
        Row {
            goodput: (1_600_000.0 / slow).round() + f64::from(cell.run) * 1_000.0,
            p50: Some(delay),
            p99: Some(delay * slow + i as f64 / 8.0),
            max: Some(delay * slow * 2.0),
            messages: 100,
            lost: if udp { cell.loss as u64 } else { 0 },
            frames: 120,
            dropped: cell.loss as u64,
            retransmissions: 0,
            late: 0.25,
            took: 1_000.0,
            failed: None,
            cell,
        }
    };
    plan.cells().enumerate().map(row).collect()
}

fn kept(plan: &Plan, rows: &[Row]) -> String {
    let lines = std::iter::once(header(plan, "layerlab loss sweep", "0.1.0")).chain(rows.iter().map(line));
    lines.map(|line| line + "\n").collect()
}

#[test]
fn every_cell_has_a_seed_of_its_own_and_the_transports_share_it() {
    let plan = plan();
    let cells: Vec<Cell> = plan.cells().collect();
    assert_eq!(cells.len() as u64, plan.len().expect("countable"));
    let keys: BTreeSet<String> = cells.iter().map(Cell::key).collect();
    assert_eq!(keys.len(), cells.len());
    let seeds: BTreeSet<u64> = cells.iter().map(|cell| cell.seed).collect();
    assert_eq!(seeds.len(), cells.len() / plan.transports.len());
    assert!(seeds.iter().all(|seed| *seed < 1 << 53));
    // The first runs of all come before the second of any.
    assert!(cells[..12].iter().all(|cell| cell.run == 1) && cells[12].run == 2);
    // A cell keeps its seed when others join the sweep.
    let more = Plan { losses: vec![0.1, 2.0, 5.0], runs: 9, ..plan.clone() };
    let seed = |plan: &Plan| plan.cells().find(|c| c.key() == cells[4].key()).map(|c| c.seed);
    assert_eq!(seed(&more), Some(cells[4].seed));
    assert_ne!(seed(&Plan { seed: 8, ..plan.clone() }), seed(&plan));
    let endless =
        Plan { runs: u32::MAX, losses: vec![0.0; 1 << 20], delays: vec![Duration::ZERO; 1 << 20], ..plan };
    assert_eq!(endless.len(), None);
}

#[test]
fn rows_are_read_back_as_they_were_kept() {
    let plan = plan();
    let mut rows = rows(&plan);
    rows[3].failed = Some("connect: timed out \"\n".to_owned());
    (rows[4].p50, rows[4].p99, rows[4].max) = (None, None, None);
    let text = kept(&plan, &rows);
    let back = read(&text, &plan).expect("our own file");
    assert_eq!(back.whole, text.len());
    assert!(back.rows == rows, "a row was not read back as it was");
}

#[test]
fn a_file_torn_anywhere_is_good_up_to_there() {
    let plan = plan();
    let rows = rows(&plan);
    let text = kept(&plan, &rows[..3]);
    for cut in 0..text.len() {
        let torn = read(&text[..cut], &plan).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        let lines = text[..cut].matches('\n').count();
        assert_eq!(torn.rows.len(), lines.saturating_sub(1), "cut at {cut}");
        assert!(text[..torn.whole].ends_with('\n') || torn.whole == 0);
    }
}

#[test]
fn another_sweep_is_refused_and_so_is_what_is_none() {
    let plan = plan();
    let rows = rows(&plan);
    let text = kept(&plan, &rows[..2]);
    let other = Plan { runs: 4, ..plan.clone() };
    assert_eq!(
        read(&text, &other).map_err(|e| e.to_string()),
        Err("it holds another sweep: runs was 3 there and is 4 now".to_owned())
    );
    for (name, other) in [
        ("seed", Plan { seed: 8, ..plan.clone() }),
        ("load", Plan { load: "other".to_owned(), ..plan.clone() }),
        ("wire", Plan { wire: "--rate 1mbit".to_owned(), ..plan.clone() }),
        ("transports", Plan { transports: vec![Transport::Udp], ..plan.clone() }),
        ("loss_percent", Plan { losses: vec![1.0], ..plan.clone() }),
        ("delay_ms", Plan { delays: vec![Duration::ZERO], ..plan.clone() }),
    ] {
        assert!(
            matches!(read(&text, &other), Err(RowsError::Another { name: n, .. }) if n == name),
            "{name}"
        );
    }
    assert_eq!((seed(&text), seed(""), seed("{}\n")), (Some(7), None, None));
    for foreign in ["my thesis\n", "my thesis", "{}\n", "{\"type\":\"sweep\"}\n", "\n", "[1]\n"] {
        assert_eq!(read(foreign, &plan), Err(RowsError::NoSweep), "{foreign}");
    }
    let twice = format!("{text}{}\n", line(&rows[1]));
    assert_eq!(read(&twice, &plan), Err(RowsError::Line(4)));
    let mut wrong = rows[2].clone();
    wrong.cell.seed += 1;
    for bad in [line(&wrong), "{}".to_owned(), "not JSON".to_owned(), "\u{0}".to_owned()] {
        assert_eq!(read(&format!("{text}{bad}\n"), &plan), Err(RowsError::Line(4)), "{bad}");
    }
}

#[test]
fn a_lane_becomes_a_row() {
    let host = Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), mac: None };
    let run = Run {
        command: String::new(),
        version: String::new(),
        system: String::new(),
        seed: 1,
        backend: Backend::Tap,
        wire: String::new(),
        mtu: 1500,
        routers: 0,
        client: host,
        server: host,
        epoch_unix_ns: 0,
    };
    let at = |ms: u64| Time::from_millis(ms);
    // Due every 10 ms from 100 ms on, each 20 ms under way but the 50th, lost, and the 100th, late.
    let message = |n: u64| {
        let under_way = if n == 100 { 70 } else { 20 };
        let received = if n == 50 { Vec::new() } else { vec![at(90 + 10 * n + under_way)] };
        let due = at(90 + 10 * n);
        Message { due, sent: Some(due + Duration::from_micros(300)), received, reached: None, in_order: None }
    };
    let lane = Lane {
        transport: Transport::Udp,
        run,
        outcome: Outcome {
            frames: [102, 3],
            dropped: [1, 0],
            took: Duration::from_secs(2),
            ..Outcome::default()
        },
        opened: at(50),
        began: at(100),
        ended: Some(at(1100)),
        received: 99_000,
        messages: (1..=100).map(message).collect(),
        frames: Vec::new(),
        retransmissions: Vec::new(),
        samples: Vec::new(),
        failures: Vec::new(),
    };
    let cell = plan().cells().next().expect("a cell");
    let row = Row::of(cell.clone(), &lane);
    assert_eq!((row.goodput, row.messages, row.lost, row.frames, row.dropped), (792_000.0, 100, 1, 102, 1));
    // Of 99 that arrived the 99th percentile is the 99th, nearest rank: the late one.
    assert_eq!((row.p50, row.p99, row.max, row.late), (Some(20.0), Some(70.0), Some(70.0), 0.3));
    let none = Lane { ended: None, received: 0, messages: Vec::new(), ..lane };
    let row = Row::of(cell, &none);
    assert_eq!((row.goodput, row.p50, row.p99, row.lost), (0.0, None, None, 0));
}

#[test]
fn runs_come_to_their_median_and_spread() {
    let plan = plan();
    let summaries = summaries(&plan, &rows(&plan));
    assert_eq!(summaries.len(), 12);
    let tcp = &summaries[4];
    assert_eq!((tcp.loss, tcp.runs, tcp.lost), (5.0, 3, Some(0.0)));
    let slow = 266_667.0;
    assert_eq!((tcp.goodput.low, tcp.goodput.median, tcp.goodput.high), (slow + 1e3, slow + 2e3, slow + 3e3));
    assert_eq!(summaries[5].lost, Some(5.0));
    assert!(super::summaries(&plan, &[]).is_empty());
    let text = text(&summaries);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    insta::assert_snapshot!(format!("{}\n{text}", table(&summaries).to_csv()));
}

#[test]
fn the_page_of_a_sweep_says_its_numbers() {
    let plan = plan();
    let again = [("command".to_owned(), "layerlab loss sweep".to_owned())];
    let files = files(&plan, &rows(&plan), &again);
    assert_eq!(files, super::files(&plan, &rows(&plan), &again));
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, FILES);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(&files[0].1, options).expect("well-formed");
    let alts: Vec<_> = document.descendants().filter(|n| n.tag_name().name() == "desc").collect();
    assert_eq!(alts.len(), 2);
    let alt = alts[0].text().unwrap_or_default();
    assert!(alt.contains("TCP reno, 100 ms: 1,602 at 0 percent loss, 33 at 5 percent loss."), "{alt}");
    assert!(files[0].1.contains("<code>7</code>") && !files[0].1.contains("too busy"));
    let mut late = rows(&plan);
    late.iter_mut().for_each(|row| row.late = 12.5);
    assert!(super::files(&plan, &late, &again)[0].1.contains("too busy"));
    // A page of nothing is a page.
    assert!(super::files(&plan, &[], &again)[0].1.contains("nothing to show"));
}

#[test]
fn every_column_and_key_stands_in_the_docs() {
    let docs = include_str!("../../../docs/report.md");
    let plan = plan();
    let rows = rows(&plan);
    let (every, summary) = (rows_table(&rows), table(&summaries(&plan, &rows)));
    let columns = every.columns.iter().chain(&summary.columns).map(|(name, _)| (*name).to_owned());
    let keys = |text: &str| match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(object)) => object.keys().cloned().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let written = keys(&line(&rows[0]));
    assert!(every.columns.iter().all(|(name, _)| written.iter().any(|key| key == name)), "{written:?}");
    for name in columns.chain(written).chain(keys(&header(&plan, "", ""))).filter(|name| name != "type") {
        assert!(docs.contains(&format!("`{name}`")), "{name}");
    }
}
