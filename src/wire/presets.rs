//! Wires with names. Where each number comes from stands in `docs/wire.md`.

use super::spec::Spec;

/// A wire with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preset {
    /// Its name, as `--preset` takes it.
    pub name: &'static str,
    /// Its words, in the order in which a [`Spec`] prints them.
    pub words: &'static str,
}

impl Preset {
    /// Every preset, from the nearest to the farthest.
    pub const ALL: [Preset; 7] = [
        Preset { name: "lan", words: "--delay 100us --rate 1gbit" },
        Preset {
            name: "wifi-busy",
            words: "--loss gemodel:0.5%,25%,100%,0% --delay 4ms --jitter 4ms --rate 20mbit",
        },
        Preset { name: "dsl", words: "--delay 18500us --to-server-rate 820kbit --to-client-rate 5660kbit" },
        Preset { name: "4g", words: "--delay 75ms --to-server-rate 750kbit --to-client-rate 1600kbit" },
        Preset { name: "satellite", words: "--delay 279ms --to-server-rate 3mbit --to-client-rate 25mbit" },
        Preset { name: "transatlantic", words: "--delay 45ms" },
        Preset { name: "lossy-classroom", words: "--loss 5% --delay 25ms --rate 10mbit" },
    ];

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.name == name)
    }

    /// Its wire.
    pub fn spec(&self) -> Spec {
        // The words are ours, and a test parses each.
        self.words.parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_parses_and_prints_its_own_words() {
        for preset in Preset::ALL {
            let spec: Spec = preset.words.parse().unwrap_or_else(|e| panic!("{}: {e}", preset.name));
            assert_eq!(spec.to_string(), preset.words);
            assert_eq!(preset.spec(), spec);
            assert_eq!(Preset::named(preset.name), Some(preset));
        }
        assert_eq!(Preset::named("none"), None);
    }

    #[test]
    fn the_table_in_the_docs_is_this_one() {
        let docs = include_str!("../../docs/wire.md");
        let after = docs.split("## Presets\n").nth(1).expect("the section");
        let rows: Vec<(&str, &str)> = after
            .lines()
            .skip_while(|line| !line.starts_with("|"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .map(|line| {
                let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
                (cells.nth(1).unwrap_or(""), cells.next().unwrap_or(""))
            })
            .collect();
        assert_eq!(rows, Preset::ALL.map(|preset| (preset.name, preset.words)));
    }

    #[test]
    fn what_is_typed_beside_a_preset_outdoes_it() {
        use crate::model::Direction;
        use crate::wire::Word;
        let dsl = Preset::named("dsl").unwrap().spec();
        let typed = [(Some(Direction::ToServer), Word::Rate, "2mbit"), (None, Word::Delay, "1ms")];
        let spec = Spec::from_options_on(dsl, typed).unwrap();
        assert_eq!(spec.to_string(), "--delay 1ms --to-server-rate 2mbit --to-client-rate 5660kbit");
    }
}
