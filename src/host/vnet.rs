//! The header that a TAP with `IFF_VNET_HDR` puts before each frame: `struct virtio_net_hdr` of
//! `linux/virtio_net.h`, without the later field for merged buffers.

use crate::model::{Offload, PartialChecksum, SegmentKind, Segmentation};

/// Octets of the header.
pub(super) const LEN: usize = 10;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_ECN`, a bit beside the kind.
const ECN: u8 = 0x80;

const KINDS: [(u8, SegmentKind); 3] = [(1, SegmentKind::Tcp4), (4, SegmentKind::Tcp6), (5, SegmentKind::Udp)];

/// Reads a header. The kernel writes its numbers in the machine's own byte order.
pub(super) fn decode(header: &[u8; LEN]) -> Offload {
    let number = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let kind = KINDS.iter().find(|(code, _)| *code == header[1] & !ECN).map(|(_, kind)| *kind);
    Offload {
        checksum: (header[0] & NEEDS_CSUM != 0)
            .then(|| PartialChecksum { start: number(6), offset: number(8) }),
        segmentation: kind.map(|kind| Segmentation {
            kind,
            header_len: number(2),
            size: number(4),
            ecn: header[1] & ECN != 0,
        }),
    }
}

/// Writes a header.
pub(super) fn encode(offload: Offload) -> [u8; LEN] {
    let mut header = [0; LEN];
    let mut put = |at: usize, value: u16| header[at..at + 2].copy_from_slice(&value.to_ne_bytes());
    if let Some(how) = offload.segmentation {
        put(2, how.header_len);
        put(4, how.size);
    }
    if let Some(PartialChecksum { start, offset }) = offload.checksum {
        put(6, start);
        put(8, offset);
        header[0] = NEEDS_CSUM;
    }
    if let Some(how) = offload.segmentation {
        let code = KINDS.iter().find(|(_, kind)| *kind == how.kind).map_or(0, |(code, _)| *code);
        header[1] = code | if how.ecn { ECN } else { 0 };
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let checksum = Some(PartialChecksum { start: 34, offset: 16 });
        for kind in [SegmentKind::Tcp4, SegmentKind::Tcp6, SegmentKind::Udp] {
            for ecn in [false, true] {
                let segmentation = Some(Segmentation { kind, size: 1448, header_len: 66, ecn });
                let offload = Offload { checksum, segmentation };
                assert_eq!(decode(&encode(offload)), offload);
            }
        }
        for offload in [Offload::NONE, Offload { checksum, segmentation: None }] {
            assert_eq!(decode(&encode(offload)), offload);
        }
        assert_eq!(encode(Offload::NONE), [0; LEN]);
    }
}
