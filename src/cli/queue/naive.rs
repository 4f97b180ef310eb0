//! A stream cut by bare lengths, and one cut by frames, with the same bit wrong in both.

use crate::narrate::demo as words;
use crate::stack::l7_application::framing::{self, Fault, naive};

const MESSAGES: [&str; 3] = ["one", "two", "three"];
/// In both the length's last octet: 3 becomes 7.
const BIT: u8 = 0x04;

/// The scene, told.
pub(super) fn play(n: usize, of: usize, width: usize) -> String {
    let mut bare = Vec::new();
    let mut frames = Vec::new();
    for message in MESSAGES {
        naive::encode(&mut bare, message.as_bytes());
        framing::encode(&mut frames, 0x7f, |out| out.extend_from_slice(message.as_bytes()));
    }
    // Not broken yet: the messages must not depend on how the octets come.
    let mut fed = naive::Decoder::default();
    let by_ones = bare.chunks(1).flat_map(|octet| fed.feed(octet)).collect::<Vec<_>>();
    let at_once = naive::Decoder::default().feed(&bare);
    bare[1] ^= BIT;
    frames[7] ^= BIT;
    let mut decoder = naive::Decoder::default();
    let believed = decoder.feed(&bare);
    let mut read = 0;
    let fault = framing::Decoder::new(framing::MAX_PAYLOAD)
        .feed(&frames, |_| -> Result<(), Fault> {
            read += 1;
            Ok(())
        })
        .err();
    // Every octet of this header is as its sender wrote it: the most that 32 bits can claim.
    let mut huge = Vec::new();
    framing::encode(&mut huge, 0x7f, |_| {});
    huge.truncate(framing::HEADER);
    huge[4..8].fill(0xff);
    let right = framing::checksum(&huge[..8]).to_be_bytes();
    huge[8..].copy_from_slice(&right);
    let refused = framing::parse(&huge, framing::MAX_PAYLOAD).err();
    words::naive(
        &words::Naive {
            n,
            of,
            sent: &MESSAGES,
            by_ones: &by_ones,
            at_once: &at_once,
            bare: &bare,
            believed: &believed,
            waiting: decoder.waiting(),
            frame: &frames[..framing::OVERHEAD + MESSAGES[0].len()],
            read,
            fault: fault.map(|fault| fault.to_string()),
            huge: (&huge, refused.map(|wrong| wrong.to_string())),
        },
        width,
    )
}
