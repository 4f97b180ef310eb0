//! The pictures and files of a comparison say what its numbers are.

use super::comparison::comparison;
use super::parsed;
use crate::report::files::{FRAMES, JSON, MESSAGES, PAGE, SAMPLES};
use crate::report::{Marks, files, pictures};

fn file(name: &str) -> String {
    let files = files(&comparison());
    files.into_iter().find(|(n, _)| *n == name).map(|(_, text)| text).expect("this file")
}

/// The dots of a series: empty where there is no such series.
fn dots(chart: &crate::report::Chart, panel: usize, name: &str) -> Vec<(f64, f64)> {
    let series = chart.panels[panel].series.iter().find(|s| s.name == name);
    series.map_or(Vec::new(), |s| match &s.marks {
        Marks::Dots(dots) => dots.iter().map(|d| (d.x, d.y)).collect(),
        Marks::Line(_, points) => points.clone(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn each_message_has_its_dot() {
    let chart = pictures::latency(&comparison());
    assert_eq!(dots(&chart, 0, "TCP cubic"), [(1.0, 25.0), (2.0, 25.0), (3.0, 95.0)]);
    // Due at 130, 140, 150 ms; all had to wait for the third, which came at 215 ms.
    assert_eq!(dots(&chart, 0, "waited for an earlier message"), [(4.0, 85.0), (5.0, 75.0), (6.0, 65.0)]);
    assert_eq!(dots(&chart, 1, "lost"), [(3.0, f64::INFINITY)]);
    assert_eq!(
        chart.alt,
        "TCP cubic: 6 of 6 messages arrived, half of them within 65 ms, the slowest after 95 ms; 3 waited for an \
         earlier one. UDP: 5 of 6 messages arrived, half of them within 25 ms, the slowest after 25 ms."
    );
}

#[test]
fn a_lost_message_keeps_the_distribution_below_the_whole() {
    let chart = pictures::distribution(&comparison());
    let end = |name| dots(&chart, 0, name).last().copied().expect("a line");
    assert_eq!(end("TCP cubic"), (95.0, 100.0));
    assert_eq!(end("UDP"), (95.0, 5.0 / 6.0 * 100.0));
    assert_eq!(chart.alt, "TCP cubic ends at 100 percent. UDP ends at 83.3 percent.");
}

#[test]
fn the_time_sequence_graph_has_every_segment_drop_and_retransmission() {
    let comparison = comparison();
    let chart = pictures::sequence(&comparison.lanes[0], None).expect("TCP sent data");
    assert_eq!(dots(&chart, 0, "data dropped"), [(20.0, 500.0)]);
    assert_eq!(dots(&chart, 0, "ACK dropped"), [(55.0, 400.0)]);
    assert_eq!(dots(&chart, 0, "sent again"), [(90.0, 600.0)]);
    // ACKs count where the sender hears them; the dropped one is not heard.
    assert_eq!(dots(&chart, 0, "acknowledged so far"), [(0.0, 0.0), (60.0, 400.0), (140.0, 1200.0)]);
    let Some(Marks::Strokes(sent)) = chart.panels[0].series.get(1).map(|s| &s.marks) else {
        panic!("strokes")
    };
    assert_eq!(sent.len(), 7);
    assert_eq!(sent[6], (90.0, 400.0, 600.0));
    assert_eq!(
        chart.alt,
        "TCP cubic: 7 segments carried octets 0 to 1,200, 1 of them dropped by the wire, 1 sent again; 1 \
         acknowledgments dropped."
    );
    assert!(pictures::sequence(&comparison.lanes[1], None).is_none(), "UDP has no stream");
}

#[test]
fn the_detail_goes_from_before_the_loss_to_after_its_repair() {
    let lane = &comparison().lanes[0];
    // Lost at 20 ms, sent again at 90 ms.
    let within = pictures::repair(lane).expect("something was sent again");
    assert_eq!(within, (-15.0, 160.0));
    let chart = pictures::sequence(lane, Some((15.0, 100.0))).expect("TCP sent data");
    assert_eq!(dots(&chart, 0, "acknowledged so far"), [(15.0, 0.0), (60.0, 400.0), (100.0, 400.0)]);
    assert_eq!((dots(&chart, 0, "data dropped").len(), dots(&chart, 0, "sent again").len()), (1, 1));
    assert!(chart.alt.starts_with("TCP cubic: 5 segments carried octets 400 to 1,200"), "{}", chart.alt);
    let mut none = lane.clone();
    none.retransmissions.clear();
    assert!(pictures::repair(&none).is_none());
}

#[test]
fn what_tcp_believed_is_drawn_from_its_samples() {
    let chart = pictures::beliefs(&comparison().lanes[0]).expect("samples");
    let window = dots(&chart, 0, "congestion window (snd_cwnd)");
    assert_eq!(window, [(0.0, 10.0), (50.0, 10.0), (95.0, 7.0), (140.0, 8.0)]);
    assert_eq!(dots(&chart, 1, "retransmission timeout (rto)")[0], (0.0, 251.0));
    assert!(chart.alt.starts_with("The congestion window began at 10 segments, went between 7 and 10"));
}

#[test]
fn the_page_is_well_formed_and_every_picture_is_named() {
    let html = file(PAGE);
    let document = parsed(&html);
    let pictures: Vec<_> =
        document.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "svg"))).collect();
    assert_eq!(pictures.len(), 5);
    for picture in pictures {
        assert_eq!(picture.attribute("role"), Some("img"));
        let ids: Vec<&str> = picture.attribute("aria-labelledby").expect("a name").split(' ').collect();
        for (child, id) in picture.children().filter(roxmltree::Node::is_element).zip(ids) {
            assert_eq!(child.attribute("id"), Some(id));
            assert!(child.text().is_some_and(|text| text.len() > 10), "{id} says nothing");
        }
    }
    for wanted in ["layerlab loss --drop &#39;tcp.data#3&#39;", "<code>7</code>", "linux 6.18", "0.1.0"] {
        assert!(html.contains(wanted), "{wanted}");
    }
}

#[test]
fn the_files_hold_the_same_numbers() {
    insta::assert_snapshot!(format!("{}\n{}\n{}", file(MESSAGES), file(FRAMES), file(SAMPLES)));
    let json: serde_json::Value = serde_json::from_str(&file(JSON)).expect("JSON");
    assert_eq!(json["run"]["seed"], "7");
    let udp = &json["scorecard"][1];
    assert_eq!((&udp["transport"], &udp["lost"], &udp["p50_ms"]), (&"UDP".into(), &1.into(), &25.0.into()));
    for (name, key) in [(MESSAGES, "messages"), (FRAMES, "frames"), (SAMPLES, "samples")] {
        let rows = json[key].as_array().expect("rows");
        let csv = file(name);
        let mut lines = csv.lines();
        let names: Vec<&str> = lines.next().expect("a heading").split(',').collect();
        assert_eq!(rows.len(), lines.clone().count());
        for (row, line) in rows.iter().zip(lines) {
            for (name, value) in names.iter().zip(line.split(',')) {
                let number = |v: &serde_json::Value| value.parse::<f64>().ok() == v.as_f64();
                let same = match &row[*name] {
                    serde_json::Value::Null => value.is_empty(),
                    serde_json::Value::String(text) => text == value,
                    other => number(other),
                };
                assert!(same, "{name}: {} in JSON, {value} in CSV", row[*name]);
            }
        }
    }
}

#[test]
fn nothing_measured_still_gives_a_page() {
    let mut empty = comparison();
    for lane in &mut empty.lanes {
        lane.messages.clear();
        lane.frames.clear();
        lane.samples.clear();
        lane.retransmissions.clear();
        lane.failures = vec!["connect: <refused>".to_owned()];
    }
    for (name, text) in files(&empty) {
        if name == PAGE {
            parsed(&text);
            assert!(text.contains("connect: &lt;refused&gt;"));
        }
    }
    empty.lanes.clear();
    parsed(&files(&empty)[0].1);
}

#[test]
fn every_column_stands_in_the_docs() {
    let docs = include_str!("../../../docs/report.md");
    for name in [MESSAGES, FRAMES, SAMPLES] {
        let csv = file(name);
        for column in csv.lines().next().unwrap_or_default().split(',') {
            assert!(docs.contains(&format!("`{column}`")), "{name}: {column}");
        }
    }
    let json: serde_json::Value = serde_json::from_str(&file(JSON)).expect("JSON");
    let keys = json.as_object().into_iter().chain(json["scorecard"][0].as_object());
    for key in keys.flat_map(|object| object.keys()) {
        assert!(docs.contains(&format!("`{key}`")), "{key}");
    }
}
