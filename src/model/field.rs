//! Header fields as they lie in a frame, under Wireshark's names.

use super::protocol::Protocol;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The headers of one protocol inside a frame, with every field in wire order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Whose header.
    pub protocol: Protocol,
    /// Its octets in the frame, offsets from the frame's first octet.
    pub at: Range<usize>,
    /// Its fields, in wire order.
    pub fields: Vec<Field>,
}

/// One named field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Wireshark's name, such as `tcp.seq_raw`.
    pub name: &'static str,
    /// Its octets in the frame, offsets from the frame's first octet.
    pub at: Range<usize>,
    /// For a field that is not whole octets: first bit and number of bits, counted from the most
    /// significant bit of the first octet of `at`.
    pub bits: Option<(u8, u8)>,
    /// The value, in host order. `Display` gives it as tshark's `-T fields` prints it.
    pub value: Value,
    /// What the value stands for, where a number alone does not say.
    pub meaning: Option<Meaning>,
}

/// A field's value. `Display` is tshark's notation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A number shown in decimal.
    Uint(u64),
    /// A number shown in hexadecimal with this many digits.
    Hex(u64, u8),
    /// A flag.
    Bool(bool),
    /// A link-layer address.
    Mac([u8; 6]),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// Raw octets, shown as lower-case hexadecimal without separators.
    Octets(Vec<u8>),
    /// Text, shown as it is.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Uint(v) => write!(f, "{v}"),
            Value::Hex(v, digits) => write!(f, "0x{v:0width$x}", width = usize::from(*digits)),
            Value::Bool(b) => write!(f, "{}", u8::from(*b)),
            Value::Mac(m) => {
                write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
            }
            Value::Ipv4(a) => write!(f, "{a}"),
            Value::Ipv6(a) => write!(f, "{a}"),
            Value::Text(t) => f.write_str(t),
            Value::Octets(o) => o.iter().try_for_each(|b| write!(f, "{b:02x}")),
        }
    }
}

/// What a field's value stands for. Typed, never prose: `narrate` finds the words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The registered name of a number: `IPv4` for EtherType 0x0800, `UDP` for IP protocol 17.
    Name(&'static str),
    /// The names of the flags that are set, in wire order.
    Flags(Vec<&'static str>),
    /// A checksum: whether it verified, and what it should have been.
    Checksum {
        /// Whether it verified.
        good: bool,
        /// The value that verifies.
        expected: u16,
    },
    /// The field counts words of this many octets; the value in octets.
    Octets(u64),
    /// The value after applying the connection's scale or first number (relative sequence number,
    /// scaled window).
    Derived(u64),
}
