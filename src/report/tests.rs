//! Charts, tables and pages of small numbers: what they look like, and that they say what they were given.

mod comparison;
mod pictures;

use super::markup::Px;
use super::scale::{Ruler, number};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const BLUE: Look = Look { hue: Hue::Blue, shape: Shape::Circle, dash: Dash::Solid };
const RED: Look = Look { hue: Hue::Red, shape: Shape::Cross, dash: Dash::Short };

fn series(name: &str, look: Look, marks: Marks) -> Series {
    Series { name: name.to_owned(), look, marks }
}

fn dot(x: f64, y: f64, says: &str) -> Dot {
    Dot { x, y, says: says.to_owned() }
}

fn chart() -> Chart {
    let dots = vec![dot(1.0, 26.0, "message 1: 26 ms"), dot(2.0, f64::INFINITY, "message 2: <lost> & gone")];
    Chart {
        id: "latency".to_owned(),
        title: "Latency of each message".to_owned(),
        alt: "UDP: 1 of 2 messages arrived".to_owned(),
        x: Axis::linear("message"),
        panels: vec![
            Panel {
                title: "UDP".to_owned(),
                y: Axis::linear("latency, ms"),
                height: 80,
                never: Some("lost".to_owned()),
                series: vec![series("UDP", BLUE, Marks::Dots(dots))],
            },
            Panel {
                title: String::new(),
                y: Axis::log("octets"),
                height: 60,
                never: None,
                series: vec![
                    series(
                        "ACK",
                        RED,
                        Marks::Line(Line::Step, vec![(0.0, 1.0), (1.0, 100.0), (2.0, 1000.0)]),
                    ),
                    series("data", BLUE, Marks::Strokes(vec![(0.5, 1.0, 50.0)])),
                ],
            },
        ],
        same_scale: false,
    }
}

fn table() -> Table {
    Table {
        columns: vec![("message", "message"), ("latency_ms", "latency, ms"), ("said", "what was said")],
        rows: vec![
            vec![Cell::Whole(1), Cell::Number(26.126, 2), Cell::text("a, \"b\" <c>")],
            vec![Cell::Whole(12_345), Cell::Empty, Cell::text("")],
        ],
    }
}

fn page() -> Page {
    Page {
        title: "TCP & UDP".to_owned(),
        lede: vec!["One wire.".to_owned()],
        setting: vec!["--loss 5%".to_owned()],
        sections: vec![Section {
            heading: "Latency".to_owned(),
            parts: vec![
                Part::Text("A </script><script>alert(1)</script> stays a text.".to_owned()),
                Part::Picture(chart()),
                Part::Folded("latency".to_owned(), table(), "messages.csv".to_owned()),
            ],
        }],
        again: vec![("command".to_owned(), "layerlab loss --drop 'udp#2'".to_owned())],
        files: vec![("messages.csv".to_owned(), "one row a message".to_owned())],
    }
}

fn parsed(text: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    roxmltree::Document::parse_with_options(text, options).expect("well-formed XML")
}

#[test]
fn a_chart_looks_like_this() {
    insta::assert_snapshot!(chart().to_svg());
}

#[test]
fn the_same_numbers_give_the_same_page_and_it_is_well_formed() {
    let html = page().to_html();
    assert_eq!(html, page().to_html());
    let document = parsed(&html);
    assert!(document.descendants().all(|n| !n.has_tag_name("script")), "a text became an element");
    let ids: Vec<_> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    for picture in document.descendants().filter(|n| n.attribute("role") == Some("img")) {
        let names: Vec<_> = picture.attribute("aria-labelledby").expect("a name").split(' ').collect();
        assert_eq!(names.len(), 2);
        for name in names {
            assert_eq!(ids.iter().filter(|id| **id == name).count(), 1, "{name}");
        }
    }
}

#[test]
fn whatever_a_text_holds_it_stays_a_text() {
    let nasty: String = ('\0'..'\u{a0}').chain("\u{fffe}]]><!--&amp;".chars()).collect();
    let page = Page { title: nasty.clone(), again: vec![(nasty.clone(), nasty)], ..Page::default() };
    let html = page.to_html();
    let document = parsed(&html);
    let title = document.descendants().find(|n| n.tag_name().name() == "h1").and_then(|n| n.text());
    assert!(title.is_some_and(|t| t.contains("]]><!--&amp;") && !t.contains('\u{1}')), "{title:?}");
}

#[test]
fn dots_stand_where_their_numbers_are() {
    // Read back from the picture: two ticks give the scale, and with it every dot its number.
    let mut chart = chart();
    chart.panels.truncate(1);
    let values = [3.0, 17.5, 40.0];
    let dots = values.iter().enumerate().map(|(i, v)| dot(i as f64, *v, "dot")).collect();
    chart.panels[0].series[0].marks = Marks::Dots(dots);
    let svg = chart.to_svg();
    let document = parsed(&svg);
    let attribute = |n: &roxmltree::Node<'_, '_>, name| n.attribute(name).and_then(|v| v.parse::<f64>().ok());
    let ticks: Vec<(f64, f64)> = document
        .descendants()
        .filter(|n| n.attribute("class") == Some("end"))
        .filter_map(|n| Some((n.text()?.parse().ok()?, attribute(&n, "y")? - 4.0)))
        .collect();
    let ((v0, y0), (v1, y1)) = (ticks[0], ticks[ticks.len() - 1]);
    let drawn: Vec<f64> = document
        .descendants()
        .filter(|n| n.tag_name().name() == "path" && n.children().any(|c| c.text() == Some("dot")))
        .map(|n| {
            let d = n.attribute("d").expect("a path");
            let y: f64 = d.split(['M', ' ', 'a']).nth(2).and_then(|y| y.parse().ok()).expect("its place");
            v0 + (y - y0) / (y1 - y0) * (v1 - v0)
        })
        .collect();
    assert_eq!(drawn.len(), values.len());
    for (drawn, value) in drawn.iter().zip(values) {
        assert!((drawn - value).abs() < 0.1, "{drawn} is drawn for {value}");
    }
}

#[test]
fn charts_of_nothing_and_of_odd_numbers_are_drawn() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -5.0, 1e300, 1e-300];
    for scale in [Scale::Linear, Scale::Log, Scale::Names(vec!["a".to_owned()])] {
        for numbers in [&odd[..], &[][..], &[0.0][..], &[7.0, 7.0][..]] {
            let points: Vec<(f64, f64)> = numbers.iter().map(|n| (*n, *n)).collect();
            let axis = Axis { label: "odd".to_owned(), scale: scale.clone() };
            let span = |n: &f64| Span { x: *n, low: *n, middle: *n, high: *n };
            let all = [
                Marks::Dots(numbers.iter().map(|n| dot(*n, *n, "")).collect()),
                Marks::Line(Line::Step, points.clone()),
                Marks::Strokes(numbers.iter().map(|n| (*n, *n, *n)).collect()),
                Marks::Spans(numbers.iter().map(span).collect()),
            ];
            let mut chart = chart();
            chart.x = axis.clone();
            chart.panels[0].y = axis;
            chart.panels[0].series = all.into_iter().map(|marks| series("odd", BLUE, marks)).collect();
            let svg = chart.to_svg();
            parsed(&svg);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{scale:?} {numbers:?}\n{svg}");
        }
    }
}

#[test]
fn many_dots_are_one_path() {
    let mut chart = chart();
    chart.panels[0].series[0].marks =
        Marks::Dots((0..5_000).map(|i| dot(f64::from(i), 1.0, "a long word about each")).collect());
    let svg = chart.to_svg();
    assert!(svg.matches("<path").count() < 40 && svg.len() < 300_000, "{}", svg.len());
}

#[test]
fn ticks_are_round_and_hold_the_numbers() {
    let ticks = |scale: &Scale, numbers: &[f64]| {
        let ruler = Ruler::over(scale, numbers.iter().copied(), 5, false);
        ruler.ticks.into_iter().map(|t| t.label).collect::<Vec<_>>().join(" ")
    };
    for (numbers, expected) in [
        (&[0.0, 116.3][..], "0 50 100 150"),
        (&[3.0, 0.07], "0 1 2 3"),
        (&[0.0, 0.004], "0 0.001 0.002 0.003 0.004"),
        (&[290_000.0], "0 100,000 200,000 300,000"),
        (&[-3.0, 4.0], "-4 -2 0 2 4"),
        (&[], "0 0.2 0.4 0.6 0.8 1"),
    ] {
        assert_eq!(ticks(&Scale::Linear, numbers), expected, "{numbers:?}");
    }
    assert_eq!(ticks(&Scale::Log, &[0.3, 45.0]), "0.2 0.5 1 2 5 10 20 50");
    assert_eq!(ticks(&Scale::Log, &[1.0, 90_000.0]), "1 10 100 1,000 10,000 100,000");
}

#[test]
fn numbers_are_written_for_people() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (1_500.0, "1,500"),
        (1_234_567.0, "1,234,567"),
        (-1_000.0, "-1,000"),
        (0.25, "0.25"),
        (0.1 + 0.2, "0.3"),
        (99.999_999_9, "100"),
    ] {
        assert_eq!(number(value), text);
    }
    assert_eq!([Px(1.04), Px(-0.01), Px(2.0), Px(2.55)].map(|p| p.to_string()), ["1", "0", "2", "2.6"]);
}

#[test]
fn csv_and_json_say_the_same() {
    let table = table();
    assert_eq!(table.to_csv(), "message,latency_ms,said\n1,26.13,\"a, \"\"b\"\" <c>\"\n12345,,\n");
    assert_eq!(
        table.to_json(),
        serde_json::json!([
            {"message": 1, "latency_ms": 26.13, "said": "a, \"b\" <c>"},
            {"message": 12345, "latency_ms": null, "said": ""},
        ])
    );
}

#[test]
fn the_policy_allows_the_style_sheet_and_nothing_else() {
    let html = page().to_html();
    let document = parsed(&html);
    let named = |name| document.descendants().find(|n| n.tag_name().name() == name);
    let style = named("style").and_then(|n| n.text()).expect("a style sheet");
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = document
        .descendants()
        .find(|n| n.attribute("http-equiv") == Some("Content-Security-Policy"))
        .and_then(|n| n.attribute("content"))
        .expect("a policy");
    let expected =
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    assert_eq!(policy, expected, "the style sheet has changed: put its hash into page.rs");
    assert!(document.descendants().all(|n| n.attribute("style").is_none()), "the policy forbids it");
    assert!(!style.contains("url(") && !style.contains("@import"), "nothing is fetched");
}
