//! What a wire decides about a row of frames, seed by seed, where no frame is sent.

use serde_json::{Value, json};

/// Raised when a key changes its meaning or goes.
const SCHEMA: u32 = 1;

/// What one seed gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Throws {
    /// The seed.
    pub seed: u64,
    /// Frames judged, all to the server.
    pub frames: u64,
    /// Which of them are lost, 1 the first.
    pub lost: Vec<u64>,
}

impl Throws {
    /// How often one frame or several in a row are lost.
    pub fn runs(&self) -> usize {
        self.lost.len() - self.lost.windows(2).filter(|pair| pair[1] == pair[0] + 1).count()
    }

    /// One JSON object, with a sentence for people.
    pub fn json(&self, sentence: &str) -> Value {
        json!({
            "schema": SCHEMA,
            "kind": "dice",
            "seed": self.seed,
            "frames": self.frames,
            "lost": self.lost.len(),
            "runs": self.runs(),
            "lost_index": self.lost,
            "sentence": sentence,
        })
    }
}

/// What all seeds gave together, as one JSON object: so many frames, so many of them lost, so often.
pub fn total(seeds: u64, [frames, lost, runs]: [u64; 3], sentence: &str) -> Value {
    json!({
        "schema": SCHEMA,
        "kind": "dice_total",
        "seeds": seeds,
        "frames": frames,
        "lost": lost,
        "runs": runs,
        "sentence": sentence,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_in_a_row_are_one_run() {
        let some = Throws { seed: 1, frames: 9, lost: vec![1, 2, 4, 7, 8, 9] };
        assert_eq!(some.runs(), 3);
        assert_eq!(Throws { lost: Vec::new(), ..some }.runs(), 0);
    }
}
