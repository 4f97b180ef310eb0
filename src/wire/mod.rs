//! The impaired wire, pure: it loses, delays, reorders, duplicates, corrupts and rate-limits frames as asked,
//! and gives every frame a fate.
//!
//! ```text
//!   words   --loss 5% --drop tcp.data#3 ...  <->  Spec
//!   Spec    one DirectionSpec a direction, and the scripts
//!   Judge   decides: frame's length and class -> Row          (dice, loss, queue, script)
//!   Wire    a Judge, and the frames until they are due
//! ```
//!
//! Nothing here reads a clock or true randomness: `now` is passed in, and every chance is drawn from the
//! run's seed, keyed by direction, purpose and the frame's index. `docs/wire.md` says what each number
//! means.

mod dice;
mod error;
mod fate;
mod line;
mod loss;
mod patch;
mod presets;
mod queue;
mod script;
mod spec;
mod units;
mod words;

pub use error::{DirectionName, OptionName, SpecError, Suggestion, ValueError};
pub use fate::{Counts, Judge, LineCap, SWAP_HOLD, Settled};
pub use line::{Arrival, Frame, Wire};
pub use patch::{Later, Patch};
pub use presets::Preset;
pub use script::{Action, Script, Selector};
pub use spec::{
    DEFAULT_LIMIT, DirectionSpec, Distribution, Gemodel, Jitter, Keying, Loss, MAX_LIMIT, MAX_MTU, MIN_MTU,
    Reorder, ReorderBy, Schedule, Spec,
};
pub use units::{LONGEST, Percent, Rate, ShowTime, parse_time};
pub use words::{Change, Word};

/// The body of a fuzz target: whatever is typed, parsing ends without a panic, and what parses prints
/// words that parse to the same wire.
#[doc(hidden)]
pub fn fuzz_words(text: &str) {
    if let Ok(spec) = text.parse::<Spec>() {
        let words = spec.to_string();
        assert_eq!(words.parse::<Spec>().as_ref(), Ok(&spec), "{words}");
    }
    for word in Word::ALL {
        if let Err(why) = Change::parse(word, text) {
            assert!(!why.to_string().is_empty());
        }
    }
    if let Ok(selector) = text.parse::<Selector>() {
        assert_eq!(selector.to_string(), text);
    }
}

#[cfg(test)]
mod tests;
