//! What can go wrong between layerlab and the operating system, and where.

use super::errno;
use super::remedy::Remedy;
use crate::model::{Backend, Errno};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A step of setting up: which thing was being done when it failed. Its `Display` is the words that
/// stand in an error message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// `unshare(CLONE_NEWUSER)`.
    NewUserNamespace,
    /// Writing `deny` to `/proc/self/setgroups`, without which no group may be mapped
    /// (user_namespaces(7)).
    DenySetgroups,
    /// Writing `/proc/self/uid_map`.
    MapUser,
    /// Writing `/proc/self/gid_map`.
    MapGroup,
    /// `unshare(CLONE_NEWNET)`.
    NewNetworkNamespace,
    /// Starting a thread.
    StartThread,
    /// Opening the thread's namespace file.
    OpenNamespace,
    /// `setns()` into the namespace.
    JoinNamespace,
    /// Opening the route netlink socket.
    OpenNetlink,
    /// Writing a kernel parameter.
    Sysctl {
        /// The path below `/proc/sys`.
        path: String,
        /// The value.
        value: String,
    },
    /// Opening `/dev/net/tun`.
    OpenTun,
    /// `ioctl(TUNSETIFF)`.
    CreateTap {
        /// The interface's name.
        interface: &'static str,
    },
    /// Creating a veth pair.
    CreateVeth {
        /// The name of the end that the wire holds.
        wire_end: &'static str,
    },
    /// Finding an interface's index.
    FindInterface {
        /// The interface's name.
        interface: &'static str,
    },
    /// Setting link-layer address, MTU and queue length.
    ConfigureLink {
        /// The interface's name.
        interface: &'static str,
    },
    /// Setting an interface up.
    LinkUp {
        /// The interface's name.
        interface: &'static str,
    },
    /// Waiting for an interface's carrier.
    Carrier {
        /// The interface's name.
        interface: &'static str,
    },
    /// Adding an address.
    SetAddress {
        /// The address.
        address: IpAddr,
        /// Its prefix length.
        prefix: u8,
        /// The interface's name.
        interface: &'static str,
    },
    /// Telling a host its neighbour's link-layer address.
    Neighbour {
        /// The neighbour.
        address: Ipv4Addr,
    },
    /// Adding the default route.
    DefaultRoute {
        /// The gateway.
        gateway: Ipv4Addr,
    },
    /// `ioctl(TUNSETOFFLOAD)`.
    OffloadOn {
        /// The interface's name.
        interface: &'static str,
    },
    /// Turning an offload off.
    OffloadOff {
        /// ethtool's name for it, such as `tx-checksumming`.
        feature: &'static str,
        /// The interface's name.
        interface: &'static str,
    },
    /// Opening `/proc/thread-self/net/dev`.
    OpenDeviceTable,
    /// Opening and binding the wire's packet socket.
    OpenPacketSocket {
        /// The interface's name.
        interface: &'static str,
    },
    /// Waiting until IPv6 has come up.
    Settle,
    /// Giving a host's programs mounts, processes and a host name of their own.
    OwnSurroundings,
    /// Putting a host's own file over one of the machine's, in the host's own mounts alone.
    OwnFile {
        /// The file.
        path: &'static str,
    },
    /// Starting the first process of a host, with which all others end.
    FirstProcess,
    /// A closure of the caller's, run in the namespace.
    Work,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::NewUserNamespace => f.write_str("create a user namespace"),
            Step::DenySetgroups => f.write_str("write /proc/self/setgroups"),
            Step::MapUser => f.write_str("write /proc/self/uid_map"),
            Step::MapGroup => f.write_str("write /proc/self/gid_map"),
            Step::NewNetworkNamespace => f.write_str("create a network namespace"),
            Step::StartThread => f.write_str("start a thread"),
            Step::OpenNamespace => f.write_str("open /proc/thread-self/ns/net"),
            Step::JoinNamespace => f.write_str("join the network namespace"),
            Step::OpenNetlink => f.write_str("open a netlink socket"),
            Step::Sysctl { path, value } => write!(f, "write {value:?} to /proc/sys/{path}"),
            Step::OpenTun => f.write_str("open /dev/net/tun"),
            Step::CreateTap { interface } => write!(f, "create the TAP interface {interface}"),
            Step::CreateVeth { wire_end } => write!(f, "create the veth pair {wire_end}"),
            Step::FindInterface { interface } => write!(f, "find the interface {interface}"),
            Step::ConfigureLink { interface } => write!(f, "set MAC, MTU and queue length of {interface}"),
            Step::LinkUp { interface } => write!(f, "set {interface} up"),
            Step::Carrier { interface } => write!(f, "find carrier on {interface}"),
            Step::SetAddress { address, prefix, interface } => {
                write!(f, "set address {address}/{prefix} on {interface}")
            }
            Step::Neighbour { address } => write!(f, "tell the link-layer address of {address}"),
            Step::DefaultRoute { gateway } => write!(f, "set the default route via {gateway}"),
            Step::OffloadOn { interface } => write!(f, "turn offloads on, on {interface}"),
            Step::OffloadOff { feature, interface } => write!(f, "turn {feature} off on {interface}"),
            Step::OpenDeviceTable => f.write_str("open /proc/thread-self/net/dev"),
            Step::OpenPacketSocket { interface } => write!(f, "open a packet socket on {interface}"),
            Step::Settle => f.write_str("wait until IPv6 is quiet"),
            Step::OwnSurroundings => f.write_str("give its programs mounts and processes of their own"),
            Step::OwnFile { path } => write!(f, "give it a {path} of its own"),
            Step::FirstProcess => f.write_str("start its first process"),
            Step::Work => f.write_str("run the program's part"),
        }
    }
}

/// A topology that cannot be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopologyError {
    /// Too many routers.
    #[error("{asked} routers asked for; 0 to 8 can be had")]
    Routers {
        /// What was asked for.
        asked: u8,
    },
    /// An MTU outside of what the backends carry.
    #[error("an MTU of {asked} asked for; {least} to 65521 can be had")]
    Mtu {
        /// What was asked for.
        asked: u32,
        /// The least that works with this topology.
        least: u32,
    },
    /// IPv6 and routers together: the wire's routers speak IPv4 alone.
    #[error("IPv6 and routers on the path can't be had together")]
    RoutedIpv6,
    /// Loopback asked for as a private network's backend.
    #[error("loopback is no backend of a private network")]
    Loopback,
}

/// Why the machine gives no user namespace. Found from the step that failed, its error number and
/// what the kernel says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// AppArmor takes the capabilities away: `kernel.apparmor_restrict_unprivileged_userns` is 1.
    AppArmor,
    /// A seccomp filter answers EPERM, as Docker's default profile does.
    Seccomp,
    /// `user.max_user_namespaces` is 0, or as many as it allows exist.
    MaxUserNamespaces {
        /// The limit, where it could be read.
        limit: Option<u64>,
    },
    /// As many network namespaces exist as `user.max_net_namespaces` allows.
    MaxNetNamespaces,
    /// Debian's `kernel.unprivileged_userns_clone` is 0.
    UnprivilegedClone,
    /// The process had several threads already: a mistake of ours, not the machine's.
    Threads {
        /// How many.
        count: usize,
    },
    /// The kernel was built without user namespaces.
    NotBuilt,
    /// None of the above.
    Other,
}

impl Refusal {
    /// What would allow it.
    pub const fn remedies(self) -> &'static [Remedy] {
        match self {
            Refusal::AppArmor => &[Remedy::AllowUserNamespacesInAppArmor, Remedy::AppArmorProfile],
            Refusal::Seccomp => &[Remedy::ContainerSecurityOptions],
            Refusal::MaxUserNamespaces { .. } => &[Remedy::RaiseMaxUserNamespaces],
            Refusal::MaxNetNamespaces => &[Remedy::RaiseMaxNetNamespaces],
            Refusal::UnprivilegedClone => &[Remedy::AllowUnprivilegedClone],
            Refusal::Threads { .. } | Refusal::NotBuilt | Refusal::Other => &[],
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::AppArmor => f.write_str("AppArmor restricts unprivileged user namespaces"),
            Refusal::Seccomp => f.write_str("a seccomp filter forbids it"),
            Refusal::MaxUserNamespaces { limit: Some(n) } => {
                write!(f, "the limit user.max_user_namespaces={n} is reached")
            }
            Refusal::MaxUserNamespaces { limit: None } => {
                f.write_str("the limit user.max_user_namespaces is reached")
            }
            Refusal::MaxNetNamespaces => f.write_str("the limit user.max_net_namespaces is reached"),
            Refusal::UnprivilegedClone => f.write_str("kernel.unprivileged_userns_clone is 0"),
            Refusal::Threads { count } => write!(f, "the process already has {count} threads"),
            Refusal::NotBuilt => f.write_str("the kernel has no user namespaces"),
            Refusal::Other => f.write_str("the kernel refused"),
        }
    }
}

/// What the operating system would not do.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// This system has no private network.
    #[error("a private network needs Linux; this is {os}")]
    Unsupported {
        /// The system, as Rust names it.
        os: &'static str,
    },
    /// No user namespace.
    #[error("{step}: {errno}: {refusal}")]
    Refused {
        /// The step that failed.
        step: Step,
        /// Its error number.
        errno: Errno,
        /// Why, as far as can be told.
        refusal: Refusal,
    },
    /// A step of setting up failed.
    #[error("{place}: {step}: {}{}", Cause(.source), hint(.step, .source))]
    Step {
        /// In which namespace: `client`, `server`, `wire` or `process`.
        place: String,
        /// What was being done.
        step: Step,
        /// What the kernel answered.
        source: io::Error,
    },
    /// A step was still not done at the deadline.
    #[error("{place}: {step}: not done within {limit:?}")]
    TooSlow {
        /// In which namespace.
        place: String,
        /// What was being done.
        step: Step,
        /// How long it was given.
        limit: Duration,
    },
    /// The namespace's thread has ended.
    #[error("{place}: the namespace's thread has ended")]
    Gone {
        /// Which namespace.
        place: String,
    },
    /// The topology makes no sense.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// No backend can be had.
    #[error("no backend works here: tap: {tap}; veth: {veth}")]
    NoBackend {
        /// Why not TAP.
        tap: Box<HostError>,
        /// Why not veth.
        veth: Box<HostError>,
    },
}

impl HostError {
    /// What would help, the best first; empty where nothing is known to.
    pub fn remedies(&self) -> Vec<Remedy> {
        match self {
            HostError::Refused { refusal, .. } => refusal.remedies().to_vec(),
            HostError::Step { step: Step::OpenTun, source, .. } => {
                errno::errno_of(source).map_or(&[][..], tun_remedies).to_vec()
            }
            HostError::Step { step: Step::Sysctl { .. }, source, .. }
                if errno::errno_of(source).is_some_and(|e| e.name == "EROFS") =>
            {
                vec![Remedy::ContainerWritableSysctls]
            }
            HostError::NoBackend { tap, veth } => {
                let mut all = tap.remedies();
                all.extend(veth.remedies());
                all
            }
            _ => Vec::new(),
        }
    }
}

/// What would open `/dev/net/tun`, by the error that it gives now.
pub(super) fn tun_remedies(errno: Errno) -> &'static [Remedy] {
    match errno.name {
        // No such file, or one without its driver.
        "ENOENT" | "ENODEV" | "ENXIO" => &[Remedy::LoadTun, Remedy::ContainerTun],
        "EACCES" => &[Remedy::OpenTunToAll],
        // A container's device list refuses what the file's mode allows.
        "EPERM" => &[Remedy::ContainerTun],
        _ => &[],
    }
}

/// A better backend that was not used, and why.
#[derive(Debug)]
pub struct PassedOver {
    /// The backend.
    pub backend: Backend,
    /// Why it was not used.
    pub because: HostError,
}

/// An I/O error by its symbolic name where it has one.
struct Cause<'a>(&'a io::Error);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match errno::errno_of(self.0) {
            Some(e) => f.write_str(e.name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What a person may have mistyped: a parameter is the one step whose words come from outside.
fn hint(step: &Step, source: &io::Error) -> &'static str {
    match (step, errno::errno_of(source).map(|e| e.name)) {
        (Step::Sysctl { .. }, Some("ENOENT")) => {
            " (this kernel has no such setting for a host: check its name)"
        }
        (Step::Sysctl { .. }, Some("EINVAL" | "ERANGE")) => " (it does not take that value)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_failed_step_is_named_with_place_and_cause() {
        let e = HostError::Step {
            place: "client".into(),
            step: Step::SetAddress { address: IpAddr::from([10, 0, 0, 1]), prefix: 24, interface: "eth0" },
            source: io::Error::from_raw_os_error(1),
        };
        assert_eq!(e.to_string(), "client: set address 10.0.0.1/24 on eth0: EPERM");
        let step = Step::Sysctl { path: "net/ipv4/nosuch".into(), value: "1".into() };
        let e = HostError::Step { place: "client".into(), step, source: io::Error::from_raw_os_error(2) };
        assert!(
            e.to_string().ends_with("ENOENT (this kernel has no such setting for a host: check its name)")
        );
    }
}
