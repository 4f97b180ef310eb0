//! What stands below a frame's packet: the link layer's header, or what a capture has in its place, and VLAN tags.

use super::protocol::Protocol;

/// What a captured frame begins with.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LinkType {
    /// An Ethernet header.
    #[default]
    Ethernet,
    /// Linux's cooked header, which a capture has where there is no link-layer header.
    Sll,
    /// Its second version, which names the interface.
    Sll2,
    /// BSD's loopback header: an address family, in the byte order of the host that captured.
    Null,
    /// The same as OpenBSD writes it, in network byte order.
    Loop,
    /// Nothing: the IP packet itself.
    Raw,
}

impl LinkType {
    /// Every one of them.
    pub const ALL: [LinkType; 6] =
        [LinkType::Ethernet, LinkType::Sll, LinkType::Sll2, LinkType::Null, LinkType::Loop, LinkType::Raw];

    /// Octets of that header.
    pub const fn header_len(self) -> usize {
        match self {
            LinkType::Ethernet => 14,
            LinkType::Sll => 16,
            LinkType::Sll2 => 20,
            LinkType::Null | LinkType::Loop => 4,
            LinkType::Raw => 0,
        }
    }
}

/// What a cooked header says: the kernel's words on the packet, not octets of any wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cooked {
    /// Which version.
    pub link: LinkType,
    /// 0 to this host, 1 broadcast, 2 multicast, 3 to another host, 4 sent by this host.
    pub packet_type: u16,
    /// The interface's kind, one of Linux's ARPHRD_ numbers: 1 Ethernet, 772 loopback.
    pub hardware: u16,
    /// Octets of the sender's link-layer address.
    pub address_len: u16,
    /// That address, as much of it as fits.
    pub address: [u8; 8],
    /// The EtherType of what it carries, or a number of another kind.
    pub protocol: u16,
    /// The interface's number, in the second version.
    pub interface: Option<u32>,
}

/// What a frame has below its packet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LinkLayer {
    /// The header.
    pub header: LinkHeader,
    /// The VLAN tags behind it.
    pub tags: Tags,
}

impl LinkLayer {
    /// Octets below the packet.
    pub const fn header_len(&self) -> usize {
        let header = match self.header {
            LinkHeader::Ethernet => LinkType::Ethernet.header_len(),
            LinkHeader::Cooked(cooked) => cooked.link.header_len(),
            LinkHeader::Loopback { .. } => LinkType::Null.header_len(),
            LinkHeader::Absent => 0,
        };
        header + self.tags.len as usize * Tag::LEN
    }

    /// Whose field it is that says what the packet is.
    pub const fn innermost(&self) -> Protocol {
        match self.header {
            _ if !self.tags.is_empty() => Protocol::Vlan,
            LinkHeader::Ethernet => Protocol::Ethernet,
            LinkHeader::Cooked(_) => Protocol::Sll,
            LinkHeader::Loopback { .. } | LinkHeader::Absent => Protocol::Null,
        }
    }
}

/// A link layer's header, or what stands in its place.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LinkHeader {
    /// Ethernet's: its addresses stand beside.
    #[default]
    Ethernet,
    /// A cooked capture's.
    Cooked(Cooked),
    /// That of a capture on a BSD's loopback interface.
    Loopback {
        /// The address family in the numbers of the system that captured: 2 for IPv4, 24, 28 or 30 for IPv6.
        family: u32,
    },
    /// There is none, or not all of it.
    Absent,
}

/// A VLAN tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// Whose it is.
    pub kind: TagKind,
    /// The VLAN's number, 0 to 4095; 0 for none: the tag then has the priority alone.
    pub id: u16,
    /// The priority code point, 0 to 7.
    pub priority: u8,
}

impl Tag {
    /// Octets of a tag: what it is about, and the EtherType of what follows it.
    pub const LEN: usize = 4;
}

/// Whose a tag is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TagKind {
    /// A customer's, or the only one (C-TAG, 802.1Q).
    Customer,
    /// A provider's, around its customer's (S-TAG, 802.1ad).
    Service,
}

/// The VLAN tags of a frame, outermost first: at most [`Tags::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tags {
    list: [Option<Tag>; Tags::MAX],
    len: u8,
}

impl Tags {
    /// How many are read; two are what anybody sends.
    pub const MAX: usize = 4;

    /// One more, further in. Says whether there was room.
    pub fn push(&mut self, tag: Tag) -> bool {
        let Some(slot) = self.list.get_mut(usize::from(self.len)) else { return false };
        *slot = Some(tag);
        self.len += 1;
        true
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// They, outermost first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Tag> {
        self.list.into_iter().flatten()
    }
}
