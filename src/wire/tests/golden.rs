//! Golden seeds: what a seed decides must never change, or old runs can't be repeated.

use super::*;

const PAGE: &str = include_str!("../../../docs/wire.md");

/// One character a frame: `.` arrives, `x` is lost, `2` arrives twice, `c` arrives corrupted, `~` is put out of
/// order.
fn line(judge: &mut Judge, direction: Direction, frames: u64) -> String {
    (1..=frames)
        .map(|i| match judge.judge(ms(i), direction, 100, 86, DATA).fate {
            Fate::Dropped { .. } => 'x',
            Fate::Duplicated { .. } => '2',
            Fate::Delivered(d) if d.corrupted.is_some() => 'c',
            Fate::Delivered(d) if d.reordered.is_some() => '~',
            Fate::Delivered(_) => '.',
        })
        .collect()
}

/// Seed, options, and the first 60 frames towards the server and towards the client.
fn table() -> Vec<String> {
    let rows = [
        (7, "--loss 20%"),
        (7, "--loss gemodel:5%,25%"),
        (7, "--duplicate 20%"),
        (7, "--corrupt 20%"),
        (7, "--reorder 20%,1ms"),
        (7, "--loss 20% --duplicate 20% --corrupt 20% --reorder 20%,1ms"),
        (8, "--loss 20%"),
    ];
    let mut lines = Vec::new();
    for (seed, options) in rows {
        let mut judge = Judge::new(&spec(options), seed);
        lines.push(format!("seed {seed} {options}"));
        for direction in Direction::BOTH {
            lines.push(format!("  {} {}", direction.name(), line(&mut judge, direction, 60)));
        }
    }
    lines
}

#[test]
fn the_page_shows_what_the_seeds_decide() {
    let table = table().join("\n");
    assert!(PAGE.contains(&table), "docs/wire.md lacks this table:\n{table}");
}

#[test]
fn jitter_and_bits_of_seed_7() {
    let mut judge = Judge::new(&spec("--delay 20ms --jitter 5ms --corrupt 100%"), 7);
    let seen: Vec<(u128, u32)> = (0..5)
        .map(|i| {
            let row = judge.judge(ms(i * 100), Direction::ToServer, 100, 86, DATA);
            let d = row.fate.deliveries().next().unwrap().clone();
            (d.delayed.as_nanos(), d.corrupted.unwrap().0)
        })
        .collect();
    // The same figures come out of docs/wire.md's description, computed apart from this code.
    assert_eq!(
        seen,
        [(17_357_487, 490), (17_383_983, 121), (18_077_267, 756), (17_086_266, 82), (23_719_202, 371)]
    );
}

#[test]
fn the_page_says_what_the_code_does() {
    for word in Word::ALL {
        let form = word.value_name().map_or(String::new(), |v| format!(" {v}"));
        let entry = format!("`--{}{form}`", word.name()).replace('|', "\\|");
        assert!(PAGE.contains(&entry), "docs/wire.md lacks {entry}");
    }
    let numbers = [
        format!("{} frames", DEFAULT_LIMIT),
        format!("{} ms", SWAP_HOLD.as_millis()),
        format!("from {MIN_MTU} to {MAX_MTU}"),
        format!("from 1 to {MAX_LIMIT}"),
        format!("{} frames", LineCap::default().frames),
        format!("{} MiB", LineCap::default().octets >> 20),
        "layerlab wire, version 1".to_owned(),
    ];
    let page = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    for number in numbers {
        assert!(page.contains(&number), "docs/wire.md lacks '{number}'");
    }
}

#[test]
fn with_data_dice_the_nth_data_frame_has_the_luck_of_the_nth_frame() {
    // The row of the page's table, whatever goes between the data; UDP and TCP alike.
    for (class, seed) in
        [(DATA, 7), (Class::UDP.with(Class::IPV4), 7), (Class::FRAGMENT.with(Class::IPV4), 8)]
    {
        for options in ["--loss 20%", "--loss gemodel:5%,25%", "--loss 20% --duplicate 20% --corrupt 20%"] {
            let mut plain = Judge::new(&spec(options), seed);
            let expected = line(&mut plain, Direction::ToServer, 60);
            let mut judge = Judge::new(&spec(&format!("{options} --dice data")), seed);
            let mut seen = String::new();
            for i in 1..=60_u64 {
                for _ in 0..(i * 7) % 4 {
                    judge.judge(ms(i), Direction::ToServer, 100, 86, ACK);
                }
                seen.push(match judge.judge(ms(i), Direction::ToServer, 100, 86, class).fate {
                    Fate::Dropped { .. } => 'x',
                    Fate::Duplicated { .. } => '2',
                    Fate::Delivered(d) if d.corrupted.is_some() => 'c',
                    Fate::Delivered(_) => '.',
                });
            }
            assert_eq!(seen, expected, "{options}");
        }
    }
}

#[test]
fn with_data_dice_the_rest_has_luck_of_its_own() {
    let mut judge = Judge::new(&spec("--loss 50% --dice data"), 7);
    let mut fates = |class| -> Vec<bool> {
        (1..=200).map(|i| judge.judge(ms(i), Direction::ToServer, 60, 46, class).fate.is_dropped()).collect()
    };
    let (data, rest) = (fates(DATA), fates(ACK));
    assert_ne!(data, rest);
    let both = data.iter().zip(&rest).filter(|(a, b)| **a && **b).count();
    assert!((20..=80).contains(&both), "{both} of 200 at once: not independent");
}
