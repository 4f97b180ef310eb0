//! What a private network is made of, as data: who has which address, before anything is built.

use super::error::TopologyError;
use crate::model::{Backend, Endpoint, Side};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The interface of either host. Each stands in a namespace of its own, so both have the same name.
pub const INTERFACE: &str = "eth0";

/// The largest number of routers on the path.
pub const MAX_ROUTERS: u8 = 8;

/// Octets of an Ethernet header: what a frame is longer than the IP packet in it.
pub const ETHERNET_HEADER: usize = 14;

/// Which backend to build with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    /// The best that works here: TAP, then veth.
    #[default]
    Best,
    /// This one or none. [`Backend::Loopback`] is no private network and is refused.
    Only(Backend),
}

/// A kernel parameter to set in a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sysctl {
    /// Where: one host, or both.
    pub side: Option<Side>,
    /// The path below `/proc/sys`, such as `net/ipv4/ipfrag_time`; dots are taken for slashes.
    pub path: String,
    /// The value as it is written to the file.
    pub value: String,
}

impl Sysctl {
    /// A parameter of both hosts.
    pub fn both(path: impl Into<String>, value: impl Into<String>) -> Sysctl {
        Sysctl { side: None, path: path.into(), value: value.into() }
    }
}

/// What to build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    /// Routers on the path, 0 to [`MAX_ROUTERS`]. The wire plays them: here they only decide the
    /// hosts' addresses and default routes.
    pub routers: u8,
    /// The MTU of both hosts' interfaces, in octets of IP packet.
    pub mtu: u32,
    /// Whether the hosts speak IPv6 beside IPv4. Not together with routers.
    pub ipv6: bool,
    /// Whether each host knows from the beginning who has the address next to it, so that no ARP is needed.
    pub acquainted: bool,
    /// Which backend.
    pub backend: Choice,
    /// Whether the hosts may leave checksums and segmentation to whoever reads their ports, as to a network
    /// card: frames of up to 64 KiB then, see [`Port::offload`](super::Port::offload). TAP alone can.
    pub offload: bool,
    /// Kernel parameters beyond those that are always pinned; a failure to set one is an error.
    pub sysctls: Vec<Sysctl>,
}

impl Default for Topology {
    /// Two hosts on one wire, MTU 1500, IPv4 only, the best backend, nothing offloaded.
    fn default() -> Topology {
        Topology {
            routers: 0,
            mtu: 1500,
            ipv6: false,
            acquainted: false,
            backend: Choice::Best,
            offload: false,
            sysctls: Vec::new(),
        }
    }
}

impl Topology {
    /// Whether it can be built at all.
    pub fn check(&self) -> Result<(), TopologyError> {
        if self.routers > MAX_ROUTERS {
            return Err(TopologyError::Routers { asked: self.routers });
        }
        // RFC 791 s3.2: every module forwards 68 octets; RFC 8200 s5: 1280 for IPv6. A TAP takes
        // 65,535 octets with the Ethernet header.
        let least = if self.ipv6 { 1280 } else { 68 };
        if !(least..=65_521).contains(&self.mtu) {
            return Err(TopologyError::Mtu { asked: self.mtu, least });
        }
        if self.ipv6 && self.routers > 0 {
            return Err(TopologyError::RoutedIpv6);
        }
        if matches!(self.backend, Choice::Only(backend) if !backend.has_wire()) {
            return Err(TopologyError::Loopback);
        }
        Ok(())
    }

    /// Every address of the network.
    pub fn addressing(&self) -> Addressing {
        let host = |side: Side| {
            let (mac, on_link, routed, gateway, ipv6) = match side {
                Side::Client => (0x0a, [10, 0, 0, 1], [10, 0, 1, 2], [10, 0, 1, 1], 1),
                Side::Server => (0x0b, [10, 0, 0, 2], [10, 0, 9, 2], [10, 0, 9, 1], 2),
            };
            let routed_path = self.routers > 0;
            let next = match (side, routed_path) {
                (Side::Client, false) => ([10, 0, 0, 2], [2, 0, 0, 0, 0, 0x0b]),
                (Side::Server, false) => ([10, 0, 0, 1], [2, 0, 0, 0, 0, 0x0a]),
                (Side::Client, true) => (gateway, [2, 0, 0, 0, 1, 1]),
                (Side::Server, true) => (gateway, [2, 0, 0, 0, 1, self.routers]),
            };
            HostAddress {
                side,
                mac: [2, 0, 0, 0, 0, mac],
                ipv4: Ipv4Addr::from(if routed_path { routed } else { on_link }),
                prefix: 24,
                gateway: routed_path.then_some(Ipv4Addr::from(gateway)),
                neighbour: self.acquainted.then_some((Ipv4Addr::from(next.0), next.1)),
                ipv6: self.ipv6.then_some(Ipv6Addr::new(0xfd00, 0x6c61, 0x6221, 0, 0, 0, 0, ipv6)),
            }
        };
        let routers = (1..=self.routers)
            .map(|number| RouterAddress {
                number,
                mac: [2, 0, 0, 0, 1, number],
                toward_client: Ipv4Addr::new(10, 0, number, 1),
                // The last router's far side is the server's gateway; the others face the next link.
                toward_server: if number == self.routers {
                    Ipv4Addr::new(10, 0, 9, 1)
                } else {
                    Ipv4Addr::new(10, 0, number + 1, 2)
                },
            })
            .collect();
        Addressing { client: host(Side::Client), server: host(Side::Server), routers, mtu: self.mtu }
    }
}

/// One host's addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostAddress {
    /// Which host.
    pub side: Side,
    /// Its link-layer address.
    pub mac: [u8; 6],
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// The prefix length of its IPv4 network.
    pub prefix: u8,
    /// Its default gateway, when routers are on the path.
    pub gateway: Option<Ipv4Addr>,
    /// Address and link-layer address of who is next on the link, where the host is told.
    pub neighbour: Option<(Ipv4Addr, [u8; 6])>,
    /// Its IPv6 address (a unique local one, RFC 4193; prefix length 64), when asked for.
    pub ipv6: Option<Ipv6Addr>,
}

impl HostAddress {
    /// The host as a run names it, by its IPv4 address.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { ip: IpAddr::V4(self.ipv4), mac: Some(self.mac) }
    }
}

/// One router's addresses. It has one link-layer address on both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterAddress {
    /// Its number, from the client, 1 the first.
    pub number: u8,
    /// Its link-layer address.
    pub mac: [u8; 6],
    /// Its IPv4 address on the client's side: the client's gateway for router 1, and what a
    /// client's traceroute shows.
    pub toward_client: Ipv4Addr,
    /// Its IPv4 address on the server's side.
    pub toward_server: Ipv4Addr,
}

/// Every address of a network: the same for every run of the same topology.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addressing {
    /// The client's host.
    pub client: HostAddress,
    /// The server's host.
    pub server: HostAddress,
    /// The routers, from the client's side.
    pub routers: Vec<RouterAddress>,
    /// The interfaces' MTU, in octets of IP packet.
    pub mtu: u32,
}

impl Addressing {
    /// One host's addresses.
    pub const fn host(&self, side: Side) -> &HostAddress {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// An IPv4 address of the client's own network that nobody has: packets to it end in an
    /// unanswered ARP request.
    pub fn absent(&self) -> Ipv4Addr {
        let [a, b, c, _] = self.client.ipv4.octets();
        Ipv4Addr::new(a, b, c, 99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_link_addresses_are_those_of_the_labs() {
        let a = Topology::default().addressing();
        assert_eq!(a.client.ipv4, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(a.server.ipv4, Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(a.client.mac, [2, 0, 0, 0, 0, 0x0a]);
        assert_eq!(a.server.mac, [2, 0, 0, 0, 0, 0x0b]);
        assert_eq!((a.client.gateway, a.server.gateway, a.client.ipv6), (None, None, None));
        assert!(a.routers.is_empty());
        assert_eq!(a.absent(), Ipv4Addr::new(10, 0, 0, 99));
    }

    #[test]
    fn acquainted_hosts_know_who_is_next() {
        for routers in [0, 1, 3] {
            let a = Topology { routers, acquainted: true, ..Topology::default() }.addressing();
            let next = |side| match a.host(side).gateway {
                None => (a.host(side.other()).ipv4, a.host(side.other()).mac),
                Some(gateway) => {
                    let by = |r: &&RouterAddress| [r.toward_client, r.toward_server].contains(&gateway);
                    (gateway, a.routers.iter().find(by).unwrap().mac)
                }
            };
            for side in Side::BOTH {
                assert_eq!(a.host(side).neighbour, Some(next(side)), "{routers} routers");
            }
        }
    }

    #[test]
    fn routers_join_the_two_networks_end_to_end() {
        for routers in 1..=MAX_ROUTERS {
            let a = Topology { routers, ..Topology::default() }.addressing();
            assert_eq!(a.client.gateway, Some(a.routers[0].toward_client));
            assert_eq!(a.server.gateway, Some(a.routers[usize::from(routers) - 1].toward_server));
            for pair in a.routers.windows(2) {
                // Neighbours share a link: the same /24, different hosts.
                let (left, right) = (pair[0].toward_server.octets(), pair[1].toward_client.octets());
                assert_eq!(left[..3], right[..3]);
                assert_ne!(left, right);
            }
            let mut all: Vec<Ipv4Addr> =
                a.routers.iter().flat_map(|r| [r.toward_client, r.toward_server]).collect();
            all.extend([a.client.ipv4, a.server.ipv4]);
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "an address is given twice");
        }
    }

    #[test]
    fn what_cannot_be_built_is_refused_at_the_door() {
        let base = Topology::default;
        assert!(base().check().is_ok());
        assert!(Topology { routers: 8, ..base() }.check().is_ok());
        assert_eq!(Topology { routers: 9, ..base() }.check(), Err(TopologyError::Routers { asked: 9 }));
        assert_eq!(Topology { mtu: 67, ..base() }.check(), Err(TopologyError::Mtu { asked: 67, least: 68 }));
        assert_eq!(
            Topology { mtu: 1279, ipv6: true, ..base() }.check(),
            Err(TopologyError::Mtu { asked: 1279, least: 1280 })
        );
        assert_eq!(Topology { ipv6: true, routers: 1, ..base() }.check(), Err(TopologyError::RoutedIpv6));
        assert_eq!(
            Topology { backend: Choice::Only(Backend::Loopback), ..base() }.check(),
            Err(TopologyError::Loopback)
        );
    }
}
