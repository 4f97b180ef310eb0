//! What a host's kernel left for its network card to do to a frame: sum it, and cut it to size.

/// The work left undone on one frame, as its virtio-net header tells it (VIRTIO 1.2 s5.1.6). By default none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// The checksum still to be summed.
    pub checksum: Option<PartialChecksum>,
    /// How to cut the frame, which stands for several.
    pub segmentation: Option<Segmentation>,
}

impl Offload {
    /// Nothing is left to do.
    pub const NONE: Offload = Offload { checksum: None, segmentation: None };

    /// Whether the frame is as it would be on a cable.
    pub const fn is_none(&self) -> bool {
        self.checksum.is_none() && self.segmentation.is_none()
    }
}

/// A checksum of which only the pseudo-header is summed so far: that sum stands in the field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartialChecksum {
    /// Where the octets to be summed begin, from the frame's first octet; they go on to its end.
    pub start: u16,
    /// Where the field lies, from there.
    pub offset: u16,
}

/// How a frame is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segmentation {
    /// Of which protocol it is.
    pub kind: SegmentKind,
    /// Octets of payload in each frame, but perhaps fewer in the last.
    pub size: u16,
    /// Octets of all headers together.
    pub header_len: u16,
    /// A TCP segment with CWR, which only the first frame keeps (RFC 3168 s6.1.2).
    pub ecn: bool,
}

/// What is cut into several frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP over either, each piece a datagram.
    Udp,
}
