//! Labs that are read, and what is said of those that cannot be.

use super::*;

const LAB: &str = r#"# Five octets

```lab
number: 2
module: A. Layers and packets
minutes: 15
layers: 2-4
needs: private network
```

How many?

```predict guess
ask: How long is the frame?
answer: data.frame.len
within: 5%
often 5: that is what the program sent
```

```run
layerlab tcp echo \
  hello
vary word: hello | network
```

```check
let data = first(tcp.len > 0)

# Ethernet 14, IP 20, TCP 32.
length: data.frame.len
  == 66 + len(word)
```

<!--
```change
layerlab udp echo
breaks: length
```
-->

```text
for people
```

## Sources

- RFC 9293 s3.1: the header,
  field by field
"#;

fn problem(change: impl Fn(&str) -> String) -> (usize, String) {
    let error = Lab::parse("x.md", &change(LAB)).expect_err("it is wrong");
    (error.line, error.to_string())
}

#[test]
fn a_lab_is_read() {
    let lab = Lab::parse("x.md", LAB).unwrap();
    assert_eq!(
        (lab.number, &*lab.title, lab.minutes, lab.needs),
        (2, "Five octets", 15, Needs::PrivateNetwork)
    );
    assert!(!lab.extension);
    assert!(Lab::parse("x.md", &LAB.replace("minutes:", "extension: yes\nminutes:")).unwrap().extension);
    assert_eq!(lab.sources, ["RFC 9293 s3.1: the header, field by field"]);
    let run = lab.runs().next().unwrap();
    assert_eq!(
        (&*run.command, &*run.words),
        ("layerlab tcp echo hello", &["tcp", "echo", "hello"].map(String::from)[..])
    );
    let facts: Vec<&Statement> = lab
        .parts
        .iter()
        .filter_map(|part| match &part.what {
            What::Check(all) => Some(all),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(
        (facts[0].is_let, &*facts[1].name, &*facts[1].words),
        (true, "length", "Ethernet 14, IP 20, TCP 32.")
    );
    assert_eq!(facts[1].text, "data.frame.len == 66 + len(word)");
    let change = lab.parts.iter().find(|part| matches!(part.what, What::Change(_))).unwrap();
    assert!(change.hidden);
    assert!(
        lab.parts.iter().any(|part| matches!(&part.what, What::Prose(text) if text.contains("for people")))
    );
}

#[test]
fn a_mark_of_utf_8_and_fences_for_people_change_nothing() {
    let plain = Lab::parse("x.md", LAB).unwrap();
    assert_eq!(Lab::parse("x.md", &format!("\u{feff}{LAB}")).unwrap(), plain);
    assert_eq!(Lab::parse("x.md", &LAB.replace('\n', "\r\n")).unwrap().parts.len(), plain.parts.len());
    // What stands in a block for people is none of the program's, whatever it looks like.
    for fences in [("~~~text", "~~~"), ("````markdown", "````"), ("  ```text", "  ```")] {
        let people = format!("{}\n ```check\n<!--\n{}\n", fences.0, fences.1);
        let lab = LAB.replace("```text\nfor people\n```\n", &people);
        assert!(lab.contains(&people));
        let lab = Lab::parse("x.md", &lab).unwrap_or_else(|error| panic!("{error}"));
        let prose = lab.parts.iter().filter_map(|part| match &part.what {
            What::Prose(text) => Some(&**text),
            _ => None,
        });
        assert!(prose.collect::<String>().contains(&people), "{people}");
    }
}

#[test]
fn a_word_that_a_field_can_be_is_taken() {
    for fact in [
        "data.place == \"router2\"",
        "data.direction == \"TO-SERVER\"",
        "data.tcp_info.state contains \"WAIT\"",
        "list(call, called) == [\"socket\", \"connect\"]",
        "data.by.script == \"anything\"",
        "data.flags == \"ACK\"",
        "word == \"droped\"",
        "data.tcp.flags == \"0x12\"",
    ] {
        let lab = LAB.replace("data.frame.len\n  == 66 + len(word)", fact);
        assert!(lab.contains(fact));
        Lab::parse("x.md", &lab).unwrap_or_else(|error| panic!("{fact}: {error}"));
    }
}

#[test]
fn a_lab_that_nobody_would_read_is_refused() {
    let many: String = (0..400).map(|n| format!("let l{n} = list(at_ns, frame)\n")).collect();
    let (line, error) = problem(|lab: &str| lab.replace("let data", &format!("{many}let data")));
    assert!(line > 20 && error.contains("300 facts and lets at most"), "{error}");
}

#[test]
fn what_is_wrong_names_file_line_and_remedy() {
    let (line, said) = problem(|lab| lab.replace("minutes: 15\n", ""));
    assert_eq!((line, &*said), (3, "x.md:3: the lab block has no minutes: add a line `minutes: ...`"));
    for (old, new, line, part) in [
        ("# Five", "Five", 1, "write a line `# `"),
        ("```lab", "```", 1, "no lab block: begin with ```lab"),
        ("minutes: 15", "minutes: a few", 6, "write whole minutes"),
        ("minutes: 15", "minutes 15", 6, "is no line of this block: write number:"),
        ("layers: 2-4", "layers: 2-4\nextension: perhaps", 8, "write `yes`, or leave the line out"),
        ("needs: private network", "needs: luck", 8, "`private network` or `nothing`"),
        ("answer: data.frame.len\n", "", 13, "this prediction has no answer"),
        ("within: 5%", "within: a bit", 16, "such as 20%"),
        (
            "```predict guess",
            "```predict",
            13,
            "```predict begins no block: write ```predict and a name of one word",
        ),
        ("```run", "```run tex", 20, "```run tex begins no block: write ```run, or"),
        ("layerlab tcp", "ping tcp", 21, "layerlab's own commands alone"),
        ("vary word: hello", "vary word: hallo", 20 + 3, "stands in the command first"),
        (
            "let data = first(tcp.len > 0)",
            "let data = first(tcp.len = 0)",
            27,
            "in `first(tcp.len = 0)`, column 26: a single `=`",
        ),
        (
            "data.frame.len\n  ==",
            "date.frame.len\n  ==",
            30,
            "date is not known here: write `let date = ...` above",
        ),
        ("first(tcp.len > 0)", "first(tcp.lem > 0)", 27, "a field tcp.lem (did you mean tcp.len?)"),
        (
            "length: data.frame.len",
            "length: data.frame.length",
            30,
            "a field frame.length (did you mean frame.len?)",
        ),
        ("length: data", "length data", 30, "`let NAME = EXPRESSION`, `NAME: EXPRESSION`"),
        ("let data", "let tcp", 27, "tcp is a field's name: give a let another"),
        ("let data", "let ok", 27, "ok is a field's name"),
        ("breaks: length", "breaks: width", 35, "no fact width is checked"),
        ("- RFC 9293", "RFC 9293", 48, "no sources"),
        ("  field by field\n", "  field by field\n\n```run\nlayerlab tour\n", 50, "close it with a line ```"),
        ("```run", "```tun", 20, "```tun means nothing: write ```run"),
        ("```check", "```chekc", 26, "```chekc means nothing: write ```check"),
        ("```run", " ```run", 20, "write ```run at the left margin"),
        ("```check", "    ```check", 26, "before check begins a block for people"),
        ("```check", "> 1. ```check", 26, "\"> 1. ```\" before check begins a block"),
        ("```check", "```check all", 26, "```check all begins no block: write ```check, ```change"),
        ("```change", "```change txt", 35, "```change txt begins no block: write ```check, ```change"),
        ("```check", "~~~check", 26, "\"~~~\" before check begins a block for people"),
        ("```check", "````check", 26, "write ```check at the left margin"),
        ("```predict", "```Predict", 13, "```Predict means nothing: write ```predict"),
        ("-->\n", "", 34, "this comment does not end, and hides what stands below it"),
        ("-->\n", "<!-- another -->\n", 34, "this comment does not end"),
        ("minutes: 15", "number: 3\nminutes: 15", 6, "a second line `number:`"),
        ("within: 5%", "answer: 5", 16, "a second line `answer:`"),
        ("  hello\n", "  hello | wc\n", 21, "\"|\" is for a shell"),
        ("let data", "let count", 27, "count is a word of the language"),
        ("first(tcp.len > 0)", "first(tcp.len / 0 > 1)", 27, "a division by 0 gives nothing"),
        ("first(tcp.len > 0)", "first(tcp || 5)", 27, "5 is a number, neither true nor false: compare it"),
        ("== 66 + len(word)", "&& count(tcp)", 30, "count(...) is a number, neither true nor false"),
        (
            "answer: data.frame.len\nwithin: 5%",
            "choice five: exit == 0\nchoice six: exit == 1",
            17,
            "\"5\" is none of the choices",
        ),
        (
            "vary word: hello | network",
            "show: ip.ttl, tcp.lem",
            23,
            "a field tcp.lem (did you mean tcp.len?)",
        ),
        (
            "first(tcp.len > 0)",
            "first(fate == \"droped\")",
            27,
            "fate is never \"droped\" (did you mean dropped?)",
        ),
        ("first(tcp.len > 0)", "first(tcp.len == \"5\")", 27, "tcp.len is a number, never \"5\": write 5"),
        ("first(tcp.len > 0)", "first(ip.ttl in {\"low\"})", 27, "write a number, without quotes"),
        ("first(tcp.len > 0)", "first(\"to_client\" == direction)", 27, "(did you mean to-client?)"),
        ("first(tcp.len > 0)", "first(call in {\"send\", \"conect\"})", 27, "(did you mean connect?)"),
        ("first(tcp.len > 0)", "first(errno != \"ECONREFUSED\")", 27, "(did you mean ECONNREFUSED?)"),
        ("first(tcp.len > 0)", "first(heading == \"up\")", 27, ": it is one of to-client, to-server"),
        (
            "data.frame.len\n  == 66",
            "list(analysis.note, frame) == [\"retransmision\"]\n  && 1 < 66",
            30,
            "mean retransmission?",
        ),
        (
            "data.frame.len\n  == 66",
            "data.by.rule == \"losss\" &&\n 1 < 66",
            30,
            "by.rule is never \"losss\": it is one of cut,",
        ),
        (
            "data.frame.len\n  == 66",
            "first(tcp).tcp_info.state contains \"WAITT\" &&\n 1 < 66",
            30,
            "is never \"WAITT\"",
        ),
        (
            "length: data.frame.len\n  == 66",
            "let where = data.place\nlength: where == \"Sever\"\n && 1 < 66",
            31,
            "mean server?",
        ),
        ("length: data.frame.len", "length: run.backend == \"vteh\" && data.frame.len", 30, "mean veth?"),
        ("```run", "```sh", 26, "this check block has no run to be about: write a ```run block above it"),
        ("```text\nfor people", "```check\nlength: exit == 0", 42, "length is there twice"),
    ] {
        assert!(LAB.contains(old), "{old}");
        let (at, said) = problem(|lab| lab.replacen(old, new, 1));
        assert!(said.contains(part), "{new}: {said}");
        assert_eq!(at, line, "{new}: {said}");
    }
}

/// What is said of the lab in which the first of these stands in the place of the other.
fn said(old: &str, new: &str) -> (usize, String) {
    assert!(LAB.contains(old), "{old}");
    problem(|lab| lab.replacen(old, new, 1))
}

#[test]
fn a_name_that_stands_for_nothing_is_told_what_to_write() {
    let fact = "data.frame.len\n  == 66 + len(word)";
    for (new, part) in [
        ("tcp.len == 5", "tcp.len is said of each event: put it into count(), first() or another function"),
        ("frame == 5", "frame is said of each event"),
        ("tcp.lem == 5", "a field tcp.lem (did you mean tcp.len?)"),
        ("third.frame.len == 5", "third is not known here: write `let third = ...` above"),
        (
            "third.frame.len == 5\nlet third = nth(3, frame)",
            "third is not known here, only from line 31 on: put what names it above its use",
        ),
        (
            "later == \"a\"\n```\n```run\nlayerlab tcp echo a\nvary later: a | b\n```\n```check\nb: exit == 0",
            "later is not known here, only from line 32 on",
        ),
    ] {
        let (line, said) = said(fact, new);
        assert!(line == 30 && said.contains(part), "{new}: {said}");
    }
}

#[test]
fn a_name_that_no_expression_could_say_is_told_another() {
    for (old, new, line, part) in [
        ("let data", "let da-ta", 27, "da-ta is no name for a let, which has letters, digits and _, and no"),
        ("let data", "let da-ta", 27, "no digit first: write da_ta"),
        ("let data", "let data.frame.len", 27, "write data_frame_len"),
        ("let data", "let 5data", 27, "5data is no name for a let"),
        ("vary word:", "vary tcp:", 23, "tcp is a field's name: give what varies another"),
        ("vary word:", "vary count:", 23, "count is a word of the language: give what varies another name"),
        ("vary word:", "vary the-word:", 23, "the-word is no name for what varies"),
    ] {
        let (at, said) = said(old, new);
        assert!(at == line && said.contains(part), "{new}: {at} {said}");
    }
}

#[test]
fn a_block_that_is_not_closed_is_named_by_its_first_line() {
    for (begin, line, next) in
        [("```lab", 3, 13), ("```predict", 13, 20), ("```run", 20, 26), ("```check", 26, 35)]
    {
        let open = |lab: &str| {
            let (above, block) = lab.split_at(lab.find(begin).unwrap());
            above.to_owned() + &block.replacen("\n```\n", "\n", 1)
        };
        let (at, said) = problem(open);
        let part = format!("this block does not end before the one in line {}: close it", next - 1);
        assert!(at == line && said.contains(&part), "{begin}: {said}");
    }
    // Where no other block of the program's follows.
    for (old, new, line, begun) in [
        ("```\n\nHow many?", "\nHow many?\n```", 10, 3),
        ("  == 66 + len(word)\n```\n", "  == 66 + len(word)\n\nThe client: it sends\n```\n", 33, 26),
        ("| network\n```\n", "| network\n\nNow look at this: it sends.\n```\n", 25, 20),
    ] {
        let (at, said) = said(old, new);
        let part = format!("is no line of the block that begins in line {begun}: close that with a line ```");
        assert!(at == line && said.contains(&part), "{new}: {at} {said}");
    }
    // What shows blocks to people begins with four.
    let shown = LAB.replace("```text\nfor people\n```", "````text\n```check\nfor people\n```\n````");
    assert!(Lab::parse("x.md", &shown).is_ok());
    let (line, said) = said("for people", "```check\n");
    assert!(line == 41 && said.contains("this block does not end before the one in line 42"), "{said}");
}

#[test]
fn a_line_of_its_own_does_not_go_on_with_the_one_above() {
    for (old, new, line, key) in [
        ("often 5:", "\toften 5:", 17, "often 5:"),
        ("within: 5%", "  within: 5%", 16, "within:"),
        ("minutes:", " minutes:", 6, "minutes:"),
        ("vary word: hello | network", "show: frame.len\n  vary word: hello | network", 24, "vary word:"),
        ("  == 66 + len(word)", "  other: 1 == 1", 31, "other:"),
        ("  == 66 + len(word)", "  let other = 1", 31, "let other ="),
    ] {
        let (at, said) = said(old, new);
        let part =
            format!("`{key}` is indented, and so goes on with the line above: begin it at the left margin");
        assert!(at == line && said.contains(&part), "{new}: {at} {said}");
    }
    let more = LAB.replace("that is what the program sent", "that is,\n  so they often say: what was sent");
    assert!(Lab::parse("x.md", &more).is_ok());
    let more = LAB.replace("data.frame.len\n  == 66 + len(word)", "data.eth.src !=\n  02:00:00:00:00:0a");
    assert!(Lab::parse("x.md", &more).is_ok());
}

#[test]
fn a_mistake_in_an_expression_has_its_place_and_is_shown_short() {
    let (line, short) = said("  == 66 + len(word)", "   == \"six\" + len(word");
    assert_eq!(line, 31);
    assert!(
        short.contains("in `data.frame.len == \"six\" + len(word`, column 23: the end stands where"),
        "{short}"
    );
    let (_, long) = said("tcp.len > 0", &format!("{}1 = 2", "(".repeat(30) + &"1 + ".repeat(200)));
    assert!(long.len() < 200 && long.contains("...") && long.contains("1 + 1 = 2)`, column 850"), "{long}");
    let (_, long) = said("length: data", &format!("the length {}", "data".repeat(500)));
    assert!(long.len() < 300, "{long}");
}

#[test]
fn what_would_mean_nothing_is_refused() {
    for (old, new, line, part) in [
        (
            "answer: data.frame.len\nwithin: 5%\noften 5: that is",
            "choice all: exit == 0\noften all: that is",
            13,
            "one choice",
        ),
        (
            "answer: data.frame.len",
            "choice a: exit == 0\nchoice b: exit == 1",
            17,
            "`within:` is for a number, and the answer is one of the choices: take",
        ),
        ("within: 5%", "choice a: exit == 0", 15, "`answer:` is for a number"),
        (
            "answer: data.frame.len",
            "answer: data.place",
            13,
            "`within:` is for a number, and the answer is a text: take the line away",
        ),
        ("number: 2", "number: 0", 4, "number cannot be \"0\": write the lab's number, 1 or more"),
        ("minutes: 15", "minutes: 0", 6, "minutes cannot be \"0\": write whole minutes"),
        ("first(tcp.len > 0)", "nth(0, tcp.len > 0)", 27, "column 12: nth() counts from 1"),
        ("tcp echo \\", "tcp echo --backend veth \\", 21, "the program adds --backend itself: take it away"),
        ("tcp echo \\", "tcp echo --json \\", 21, "the program adds --json itself: take it away"),
        ("vary word: hello | network", "show:", 23, "show cannot be \"\": write fields with commas between"),
        ("vary word: hello | network", "show: ip.ttl,", 23, "show cannot be \"ip.ttl,\": write fields"),
        ("breaks: length", "breaks:", 37, "breaks cannot be \"\": write names of facts, with commas between"),
        (
            "ask: How long is the frame?",
            "ask:",
            13,
            "this prediction has no question: add a line `ask: ...?`",
        ),
    ] {
        let (at, said) = said(old, new);
        assert!(at == line && said.contains(part), "{new}: {at} {said}");
    }
}

#[test]
fn a_unit_is_that_of_a_number_and_a_time_is_divided() {
    let asked = |answer: &str, unit: &str| {
        let lab =
            LAB.replace("answer: data.frame.len\nwithin: 5%", &format!("answer: {answer}\nunit: {unit}"));
        let lets = "let data = first(tcp.len > 0)\nlet gap = data.at_ns - first(frame).at_ns\n\
                    let places = list(place, called)";
        let lab = lab.replace("let data = first(tcp.len > 0)", lets);
        let lab = lab
            .replace("tcp echo \\", "tcp echo --delay 10ms \\")
            .replace("```\n\n```check", "vary way: 10ms | 20ms\n```\n\n```check");
        Lab::parse("x.md", &lab).map_err(|error| error.to_string())
    };
    for answer in [
        "gap",
        "last(frame).at_ns - data.at_ns",
        "2 * gap",
        "max(latency_ns.p50, frame)",
        "way + 1ms",
        "gap / 2",
    ] {
        for (unit, name) in [("ms", "ms"), ("seconds", "s")] {
            let said = asked(answer, unit).expect_err(answer);
            assert!(
                said.starts_with("x.md:13: the answer is a time, and times are nanoseconds: write"),
                "{said}"
            );
            assert!(said.ends_with(&format!("`answer: (...) / 1{name}` for `unit: {name}`")), "{said}");
        }
        assert!(asked(answer, "ns").is_ok() && asked(answer, "").is_ok());
    }
    for answer in ["gap / 1ms", "(gap - way) / 1ms", "data.frame.len"] {
        asked(answer, "ms").unwrap_or_else(|error| panic!("{error}"));
    }
    asked("gap / (2 * way)", "s").unwrap_or_else(|error| panic!("{error}"));
    for (answer, what) in [
        ("data.place", "a text"),
        ("at(places, 1)", "a text"),
        ("word", "a text"),
        ("join(places, \",\")", "a text"),
        ("places", "a list"),
        ("first(frame)", "an event"),
        ("none(udp)", "true or false"),
    ] {
        let said = asked(answer, "ms").expect_err(answer);
        assert!(said.contains(&format!("`unit:` is for a number, and the answer is {what}: take")), "{said}");
    }
}

mod whatever {
    use super::LAB;
    use crate::lab::{fuzz_lab, shelf};
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// A lab of the course with a piece of another in the place of some of its octets.
    fn spoilt() -> impl Strategy<Value = String> {
        let piece = (any::<Index>(), any::<Index>(), 0..60_usize);
        (any::<Index>(), proptest::collection::vec((piece, any::<Index>(), 0..60_usize), 1..6)).prop_map(
            |(lab, cuts)| {
                let mut text: Vec<char> = lab.get(shelf::LABS).1.chars().collect();
                for ((from, at, length), to, gone) in cuts {
                    let other: Vec<char> = from.get(shelf::LABS).1.chars().collect();
                    let begin = at.index(other.len());
                    let piece = other[begin..(begin + length).min(other.len())].to_vec();
                    let to = to.index(text.len());
                    let end = (to + gone).min(text.len());
                    text.splice(to..end, piece);
                }
                text.into_iter().collect()
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_spoilt_lab_is_read_or_refused(lab in spoilt()) {
            fuzz_lab(&lab);
        }

        #[test]
        fn whatever_a_run_prints_is_worked_out(lines in proptest::collection::vec(
            r#"\{"kind":"(event|run|outcome|x)","what":"(frame|fate|called)","frame.number":[0-9]{1,20},"tcp.len":(-1|1e300|null|\[1,"0x5"\]),"fields":(\{\}|3)\}"#, 0..9)) {
            fuzz_lab(&format!("{LAB}\n----\n{}", lines.join("\n")));
        }
    }
}
