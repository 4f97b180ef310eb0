//! The private network: two hosts, each in a namespace of its own, and the ends of the wire between them.

use super::error::{HostError, PassedOver, Step};
use super::link::{self, Port, QUEUE};
use super::netlink::{Link, Netlink};
use super::netns::{LIMIT, Namespace, Steps};
use super::sys;
use super::sysctl::{self, Unpinned};
use super::topology::{Addressing, Choice, ETHERNET_HEADER, HostAddress, INTERFACE, Topology};
use crate::model::{Backend, Side};
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two hosts that nothing joins but the two [`Port`]s. Dropping it ends them.
#[derive(Debug)]
pub struct PrivateNetwork {
    client: Namespace,
    server: Namespace,
    /// Holds the near ends of the veth pairs; nothing runs in it.
    _wire: Option<Namespace>,
    ports: Option<[Port; 2]>,
    backend: Backend,
    passed_over: Vec<PassedOver>,
    addressing: Addressing,
    unpinned: Vec<Unpinned>,
}

impl PrivateNetwork {
    /// Builds it. The process must have called [`enter`](super::userns::enter).
    ///
    /// # Errors
    ///
    /// Naming host and step; within five seconds in any case.
    pub fn build(topology: &Topology) -> Result<PrivateNetwork, HostError> {
        topology.check()?;
        let until = Instant::now() + LIMIT;
        let addressing = topology.addressing();
        // Both at once: most of the time goes into making the namespaces.
        let starting = [Namespace::start("client")?, Namespace::start("server")?];
        let [client, server] = starting.map(super::netns::Starting::finish);
        let hosts = [client?, server?];

        let pinned = [Side::Client, Side::Server].map(|side| {
            let namespace = &hosts[side as usize];
            let (topology, steps) = (topology.clone(), namespace.steps());
            namespace.begin(move || prepare(side, &topology, &steps))
        });
        let mut unpinned = Vec::new();
        for pending in pinned {
            unpinned.extend(pending?.wait_until(until)??);
        }

        let frame_max = usize::try_from(topology.mtu).unwrap_or(usize::MAX) + ETHERNET_HEADER;
        let mut passed_over = Vec::new();
        let (backend, wire, mut ports) = match topology.backend {
            Choice::Only(Backend::Veth) => {
                let (wire, ports) = join_by_veth(&hosts, &addressing, frame_max, until)?;
                (Backend::Veth, Some(wire), ports)
            }
            choice => match join_by_tap(&hosts, topology, frame_max, until) {
                Ok(ports) => (Backend::Tap, None, ports),
                Err(tap) if choice == Choice::Best && tap_is_closed(&tap) => {
                    match join_by_veth(&hosts, &addressing, frame_max, until) {
                        Ok((wire, ports)) => {
                            passed_over.push(PassedOver { backend: Backend::Tap, because: tap });
                            (Backend::Veth, Some(wire), ports)
                        }
                        Err(veth) => {
                            return Err(HostError::NoBackend { tap: Box::new(tap), veth: Box::new(veth) });
                        }
                    }
                }
                Err(e) => return Err(e),
            },
        };
        if topology.ipv6 {
            settle(&mut ports, until)?;
        }
        let [client, server] = hosts;
        Ok(PrivateNetwork {
            client,
            server,
            _wire: wire,
            ports: Some(ports),
            backend,
            passed_over,
            addressing,
            unpinned,
        })
    }

    /// The backend that joins the hosts to the wire: [`Backend::Tap`] or [`Backend::Veth`].
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// The better backends that were not used, and why.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// Who has which address.
    pub const fn addressing(&self) -> &Addressing {
        &self.addressing
    }

    /// Kernel parameters that the machine does not let us pin.
    pub fn unpinned(&self) -> &[Unpinned] {
        &self.unpinned
    }

    /// A host's namespace: where its programs run.
    pub const fn host(&self, side: Side) -> &Namespace {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// The wire's ends, the client's first: once, for the one that carries the frames. Without a
    /// reader nothing that a host sends arrives.
    pub fn take_ports(&mut self) -> Option<[Port; 2]> {
        self.ports.take()
    }
}

/// Whether this failure means that TAP devices can't be had here, rather than that something else broke.
fn tap_is_closed(error: &HostError) -> bool {
    matches!(error, HostError::Step { step: Step::OpenTun | Step::CreateTap { .. }, .. })
}

/// Takes what IPv6 says of itself while it comes up (the hosts join their addresses' multicast groups,
/// RFC 3810 s6.1), so that the network is as silent as any other when it is handed over.
fn settle(ports: &mut [Port; 2], until: Instant) -> Result<(), HostError> {
    // Both reports leave within three ticks, of 10 ms at the most.
    const QUIET: Duration = Duration::from_millis(60);
    let mut frame = vec![0; ports.iter().map(Port::frame_max).max().unwrap_or(0)];
    let mut heard = Instant::now();
    while heard.elapsed() < QUIET && Instant::now() < until {
        for (port, side) in ports.iter_mut().zip(Side::BOTH) {
            let taken = port.recv(&mut frame).map_err(|source| HostError::Step {
                place: side.name().to_owned(),
                step: Step::Settle,
                source,
            })?;
            if taken.is_some() {
                heard = Instant::now();
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Inside a host: pins the kernel's parameters and sets loopback up.
fn prepare(side: Side, topology: &Topology, steps: &Steps) -> Result<Vec<Unpinned>, HostError> {
    let unpinned = sysctl::apply(side, topology, steps)?;
    let mut netlink = steps.run(Step::OpenNetlink, Netlink::open)?;
    // Loopback is the first interface of every namespace.
    steps.run(Step::LinkUp { interface: "lo" }, || netlink.set_up(1, true))?;
    Ok(unpinned)
}

/// Inside a host: gives its interface, which is there already, its addresses and sets it up. Gives
/// the interface's index.
fn configure(host: &HostAddress, mtu: u32, steps: &Steps) -> Result<u32, HostError> {
    let mut netlink = steps.run(Step::OpenNetlink, Netlink::open)?;
    let index = find(INTERFACE, steps)?;
    steps.run(Step::ConfigureLink { interface: INTERFACE }, || {
        netlink.configure(index, &Link { name: INTERFACE, mac: host.mac, mtu, queue: QUEUE })
    })?;
    keep_silent(index, &mut netlink);
    // The address first: the interface comes up with nothing left to announce.
    let addresses = [(IpAddr::V4(host.ipv4), host.prefix)];
    for (address, prefix) in addresses.into_iter().chain(host.ipv6.map(|a| (IpAddr::V6(a), 64))) {
        let step = Step::SetAddress { address, prefix, interface: INTERFACE };
        steps.run(step, || netlink.add_address(index, address, prefix))?;
    }
    steps.run(Step::LinkUp { interface: INTERFACE }, || netlink.set_up(index, true))?;
    carrier(INTERFACE, steps)?;
    if let Some((address, mac)) = host.neighbour {
        steps.run(Step::Neighbour { address }, || netlink.add_neighbour(index, address, mac))?;
    }
    if let Some(gateway) = host.gateway {
        steps.run(Step::DefaultRoute { gateway }, || netlink.add_default_route(gateway))?;
    }
    Ok(index)
}

/// Where the parameters that turn IPv6 off can't be written, this at least keeps it from speaking. That
/// it fails where there is no IPv6 is as good.
fn keep_silent(index: u32, netlink: &mut Netlink) {
    let _ = netlink.no_link_local(index);
}

fn find(interface: &'static str, steps: &Steps) -> Result<u32, HostError> {
    steps.run(Step::FindInterface { interface }, || {
        Ok(rustix::net::netdevice::name_to_index(link::any_socket()?, interface)?)
    })
}

/// Makes the kernel take note that an interface has carrier. By itself it may do so up to a second
/// later (net/core/link_watch.c), and until then drops what is sent there and has IPv6 report anew.
fn carrier(interface: &'static str, steps: &Steps) -> Result<(), HostError> {
    steps.run(Step::Carrier { interface }, || match sys::carrier(link::any_socket()?.as_fd(), interface)? {
        true => Ok(()),
        false => Err(io::ErrorKind::NetworkDown.into()),
    })
}

fn offloads_off(interface: &'static str, steps: &Steps) -> Result<(), HostError> {
    for (command, feature) in sys::OFFLOADS {
        steps.run(Step::OffloadOff { feature, interface }, || {
            sys::offload_off(link::any_socket()?.as_fd(), interface, command)
        })?;
    }
    Ok(())
}

fn join_by_tap(
    hosts: &[Namespace; 2],
    topology: &Topology,
    frame_max: usize,
    until: Instant,
) -> Result<[Port; 2], HostError> {
    let addressing = topology.addressing();
    let (mtu, offload) = (addressing.mtu, topology.offload);
    let header = if offload { libc::IFF_VNET_HDR } else { 0 };
    let begin = |side: Side| {
        let namespace = &hosts[side as usize];
        let (host, steps) = (*addressing.host(side), namespace.steps());
        namespace.begin(move || {
            let tun = steps.run(Step::OpenTun, link::open_tun)?;
            let step = Step::CreateTap { interface: INTERFACE };
            steps.run(step, || link::create_tap(&tun, INTERFACE, header))?;
            if offload {
                let step = Step::OffloadOn { interface: INTERFACE };
                steps.run(step, || link::set_offload(tun.as_fd(), true))?;
            }
            configure(&host, mtu, &steps)?;
            let devices = steps.run(Step::OpenDeviceTable, link::devices)?;
            Ok::<_, HostError>(Port::tap(tun, offload, devices, frame_max))
        })
    };
    let [client, server] = Side::BOTH.map(begin);
    Ok([client?.wait_until(until)??, server?.wait_until(until)??])
}

/// The near ends of the veth pairs, in the wire's own namespace.
const WIRE_ENDS: [&str; 2] = ["client", "server"];

fn join_by_veth(
    hosts: &[Namespace; 2],
    addressing: &Addressing,
    frame_max: usize,
    until: Instant,
) -> Result<(Namespace, [Port; 2]), HostError> {
    let mtu = addressing.mtu;
    let wire = Namespace::new("wire")?;
    let steps = wire.steps();
    let ends = Side::BOTH.map(|side| (*addressing.host(side), hosts[side as usize].file()));
    let [client_give, server_give] =
        wire.begin(move || near_ends(ends, mtu, &steps))?.wait_until(until)??;

    let begin = |side: Side| {
        let namespace = &hosts[side as usize];
        let (host, steps) = (*addressing.host(side), namespace.steps());
        namespace.begin(move || {
            offloads_off(INTERFACE, &steps)?;
            let index = configure(&host, mtu, &steps)?;
            let step = Step::OpenPacketSocket { interface: INTERFACE };
            steps.run(step, || link::open_tap_socket(index, frame_max))
        })
    };
    let [client_tap, server_tap] = Side::BOTH.map(begin);
    let ports = [
        Port::packet(client_tap?.wait_until(until)??, client_give, frame_max),
        Port::packet(server_tap?.wait_until(until)??, server_give, frame_max),
    ];
    let steps = wire.steps();
    let noted = wire.begin(move || WIRE_ENDS.iter().try_for_each(|end| carrier(end, &steps)))?;
    noted.wait_until(until)??;
    Ok((wire, ports))
}

/// Inside the wire's namespace: both pairs, their near ends up.
fn near_ends(
    ends: [(HostAddress, Arc<File>); 2],
    mtu: u32,
    steps: &Steps,
) -> Result<[OwnedFd; 2], HostError> {
    // Nobody speaks here: the interfaces only carry what the hosts say. Where this can't be written,
    // `keep_silent` has to do.
    let _ = sysctl::silence();
    let mut netlink = steps.run(Step::OpenNetlink, Netlink::open)?;
    let mut sockets = Vec::new();
    for ((host, namespace), wire_end) in ends.into_iter().zip(WIRE_ENDS) {
        let [a, b, c, d, _, f] = host.mac;
        let near = Link { name: wire_end, mac: [a, b, c, d, 2, f], mtu, queue: QUEUE };
        let far = Link { name: INTERFACE, mac: host.mac, mtu, queue: QUEUE };
        steps.run(Step::CreateVeth { wire_end }, || netlink.add_veth(&near, &far, &namespace))?;
        offloads_off(wire_end, steps)?;
        let index = find(wire_end, steps)?;
        keep_silent(index, &mut netlink);
        steps.run(Step::LinkUp { interface: wire_end }, || netlink.set_up(index, false))?;
        // A packet socket bound to an interface that is down starts with ENETDOWN.
        let step = Step::OpenPacketSocket { interface: wire_end };
        sockets.push(steps.run(step, || link::open_give_socket(index))?);
    }
    sockets.try_into().map_err(|_| HostError::Step {
        place: "wire".to_owned(),
        step: Step::Work,
        source: io::Error::other("two ends expected"),
    })
}
