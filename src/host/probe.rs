//! What this machine allows: facts for `doctor`. Everything is really tried, in a forked child, so
//! that the caller stays as it is.

use super::error::{Refusal, Step};
use super::remedy::Remedy;
use crate::model::{Backend, Errno};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Whether something works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It was tried and works.
    Works,
    /// It was tried and fails.
    Fails(Errno),
    /// It was not tried, because what it needs fails, or this system has no such thing.
    NotTried,
}

impl Finding {
    /// Whether it works.
    pub fn works(self) -> bool {
        self == Finding::Works
    }
}

/// Whether the process can have namespaces of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Namespaces {
    /// A user namespace.
    User,
    /// None, but the machine's own CAP_SYS_ADMIN, which serves as well.
    Administrator,
    /// None.
    Refused {
        /// The step that failed.
        step: Step,
        /// Its error number.
        errno: Errno,
        /// Why, as far as can be told.
        refusal: Refusal,
    },
    /// It could not be tried: no child could be started, or it did not answer.
    Untried,
    /// This system has none.
    Unsupported,
}

/// What kind of container the process seems to run in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Container {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// Kubernetes.
    Kubernetes,
    /// LXC or Incus.
    Lxc,
}

/// A backend that a run would not use, though it is better.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unavailable {
    /// The backend.
    pub backend: Backend,
    /// Why not.
    pub why: Why,
    /// What would change that, the best first; empty where nothing is known to.
    pub remedies: Vec<Remedy>,
}

/// Why a backend can't be had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The process can have no namespaces; see [`Survey::namespaces`].
    Namespaces,
    /// `/dev/net/tun` does not open.
    Tun(Errno),
    /// It opens, but no TAP interface can be made.
    Tap(Errno),
    /// No veth pair can be made.
    Veth(Errno),
    /// No packet socket can be had.
    PacketSocket(Errno),
    /// Each part works, but the whole network could not be built.
    Whole,
    /// This system has none.
    Unsupported,
}

/// What this machine allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// The operating system, as Rust names it (`linux`).
    pub os: &'static str,
    /// The processor's architecture, as Rust names it (`x86_64`).
    pub arch: &'static str,
    /// The kernel's release, such as `6.8.0-40-generic`; empty where it is not told.
    pub kernel: String,
    /// Namespaces of one's own.
    pub namespaces: Namespaces,
    /// Opening `/dev/net/tun`.
    pub tun: Finding,
    /// Making a TAP interface in a namespace of one's own.
    pub tap: Finding,
    /// Making a veth pair there.
    pub veth: Finding,
    /// Opening a packet socket with a receive ring there.
    pub packet_sockets: Finding,
    /// Opening an ICMP socket there without CAP_NET_RAW.
    pub ping_sockets: Finding,
    /// Setting a host's kernel parameters there.
    pub parameters: Finding,
    /// A TCP connection over the machine's loopback interface.
    pub loopback: Finding,
    /// The congestion controls that the kernel has now.
    pub congestion: Vec<String>,
    /// The one that sockets get unless they name another.
    pub congestion_default: Option<String>,
    /// `Seccomp:` of `/proc/self/status`: 0 off, 1 strict, 2 a filter.
    pub seccomp: Option<u8>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, where the kernel has it.
    pub apparmor_restricts: Option<u64>,
    /// `user.max_user_namespaces`.
    pub max_user_namespaces: Option<u64>,
    /// The container that the process seems to run in.
    pub container: Option<Container>,
    /// What a run uses unless told otherwise.
    pub backend: Backend,
    /// The better ones, the best first, each with its reason.
    pub unavailable: Vec<Unavailable>,
}

impl Survey {
    /// What would let a host's kernel parameters be set, where they can't be.
    pub fn parameter_remedies(&self) -> &'static [Remedy] {
        match self.parameters {
            Finding::Fails(_) => &[Remedy::ContainerWritableSysctls],
            _ => &[],
        }
    }
}

/// Looks at the machine. Takes some milliseconds, at most about five seconds on a machine that hangs.
///
/// It forks, so it is best called while the process has one thread.
pub fn survey() -> Survey {
    let mut survey = Survey {
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
        kernel: String::new(),
        namespaces: Namespaces::Unsupported,
        tun: Finding::NotTried,
        tap: Finding::NotTried,
        veth: Finding::NotTried,
        packet_sockets: Finding::NotTried,
        ping_sockets: Finding::NotTried,
        parameters: Finding::NotTried,
        loopback: finding(loopback()),
        congestion: Vec::new(),
        congestion_default: None,
        seccomp: None,
        apparmor_restricts: None,
        max_user_namespaces: None,
        container: None,
        backend: Backend::Loopback,
        unavailable: Vec::new(),
    };
    #[cfg(target_os = "linux")]
    linux::fill(&mut survey);
    survey.unavailable = unavailable(&survey);
    survey
}

fn finding(result: io::Result<()>) -> Finding {
    match result {
        Ok(()) => Finding::Works,
        // An error without a number is ours: told as EIO would mislead, so as number 0.
        Err(e) => Finding::Fails(super::errno::errno_of(&e).unwrap_or(Errno { code: 0, name: "E?" })),
    }
}

fn loopback() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    TcpStream::connect(listener.local_addr()?).map(drop)
}

/// Why each backend better than the one in use is not.
fn unavailable(survey: &Survey) -> Vec<Unavailable> {
    let better: &[Backend] = match survey.backend {
        Backend::Tap => &[],
        Backend::Veth => &[Backend::Tap],
        Backend::Loopback | Backend::OwnLoopback | Backend::Network => &[Backend::Tap, Backend::Veth],
    };
    let fails = |finding| match finding {
        Finding::Fails(errno) => Some(errno),
        _ => None,
    };
    better
        .iter()
        .map(|&backend| {
            let (why, remedies) = match &survey.namespaces {
                Namespaces::Unsupported => (Why::Unsupported, Vec::new()),
                Namespaces::Refused { refusal, .. } => (Why::Namespaces, refusal.remedies().to_vec()),
                Namespaces::Untried => (Why::Namespaces, Vec::new()),
                Namespaces::User | Namespaces::Administrator => {
                    let part = if backend == Backend::Tap {
                        let tun = fails(survey.tun).map(|e| (Why::Tun(e), tun_remedies(e, survey.container)));
                        tun.or_else(|| fails(survey.tap).map(|e| (Why::Tap(e), Vec::new())))
                    } else {
                        let veth = fails(survey.veth).map(|e| (Why::Veth(e), Vec::new()));
                        let packet = || fails(survey.packet_sockets);
                        veth.or_else(|| packet().map(|e| (Why::PacketSocket(e), Vec::new())))
                    };
                    part.unwrap_or((Why::Whole, Vec::new()))
                }
            };
            Unavailable { backend, why, remedies }
        })
        .collect()
}

/// In a container the device is the container's matter, outside the kernel's.
fn tun_remedies(errno: Errno, container: Option<Container>) -> Vec<Remedy> {
    let mut remedies = super::error::tun_remedies(errno).to_vec();
    if remedies.len() > 1 {
        let mine = |r: &Remedy| (*r == Remedy::ContainerTun) == container.is_some();
        remedies.retain(mine);
    }
    remedies
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{Container, Finding, Namespaces, Survey, finding};
    use crate::host::error::HostError;
    use crate::host::netlink::{Link, Netlink};
    use crate::host::private::PrivateNetwork;
    use crate::host::topology::Topology;
    use crate::host::userns::{self, Privilege};
    use crate::host::{errno, link, sysctl};
    use crate::model::{Backend, Errno};
    use std::fs::{self, File};
    use std::io;
    use std::path::Path;

    pub(super) fn fill(survey: &mut Survey) {
        let read = |path: &str| fs::read_to_string(path).map(|s| s.trim().to_owned()).ok();
        survey.kernel = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let controls = read("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap_or_default();
        survey.congestion = controls.split_whitespace().map(str::to_owned).collect();
        survey.congestion_default = read("/proc/sys/net/ipv4/tcp_congestion_control");
        survey.seccomp = userns::seccomp_mode();
        survey.apparmor_restricts = userns::sysctl_number(userns::APPARMOR_RESTRICTS);
        survey.max_user_namespaces = userns::sysctl_number("user/max_user_namespaces");
        survey.container = container();

        survey.namespaces = match userns::try_in_child(userns::enter, |_| try_parts()) {
            Ok(Ok((privilege, report))) => {
                take(survey, &report);
                match privilege {
                    Privilege::UserNamespace { .. } => Namespaces::User,
                    Privilege::Administrator { .. } => Namespaces::Administrator,
                }
            }
            Ok(Err(HostError::Refused { step, errno, refusal })) => {
                survey.tun = finding(link::open_tun().map(drop));
                Namespaces::Refused { step, errno, refusal }
            }
            _ => Namespaces::Untried,
        };
    }

    /// In the child, whose namespaces are its own: tries each part, then the whole. One octet a part: 0
    /// works, else the error number (255 not tried).
    fn try_parts() -> Vec<u8> {
        let told = |result: &io::Result<()>| match result {
            Ok(()) => 0,
            Err(e) => e.raw_os_error().and_then(|c| u8::try_from(c).ok()).filter(|&c| c > 0).unwrap_or(254),
        };
        let tun = link::open_tun();
        let tap = tun.as_ref().ok().map(|tun| link::create_tap(tun, "tap", 0));
        let tun = tun.map(drop);
        let parameters = sysctl::try_writing();
        let ping = ping_socket();
        let report = [Some(tun), tap, Some(veth()), Some(packet_socket()), Some(ping), Some(parameters)];
        let mut report: Vec<u8> = report.iter().map(|r| r.as_ref().map_or(255, told)).collect();
        // The whole at last: it is what a run does.
        report.push(match PrivateNetwork::build(&Topology::default()) {
            Ok(net) if net.backend() == Backend::Tap => 1,
            Ok(_) => 2,
            Err(_) => 0,
        });
        report
    }

    fn take(survey: &mut Survey, report: &[u8]) {
        let &[tun, tap, veth, packet, ping, parameters, whole] = report else { return };
        let finding = |code: u8| match code {
            0 => Finding::Works,
            255 => Finding::NotTried,
            code => Finding::Fails(Errno { code: code.into(), name: errno::name(code.into()) }),
        };
        survey.tun = finding(tun);
        survey.tap = finding(tap);
        survey.veth = finding(veth);
        survey.packet_sockets = finding(packet);
        survey.ping_sockets = finding(ping);
        survey.parameters = finding(parameters);
        survey.backend = match whole {
            1 => Backend::Tap,
            2 => Backend::Veth,
            _ => Backend::Loopback,
        };
    }

    fn veth() -> io::Result<()> {
        let end = |name| Link { name, mac: [2, 0, 0, 0, 3, 1], mtu: 1500, queue: 100 };
        let far = Link { mac: [2, 0, 0, 0, 3, 2], ..end("far") };
        Netlink::open()?.add_veth(&end("near"), &far, &File::open("/proc/self/ns/net")?)
    }

    fn packet_socket() -> io::Result<()> {
        // Loopback is the first interface of every namespace.
        Netlink::open()?.set_up(1, true)?;
        link::open_tap_socket(1, 1514).map(drop)
    }

    fn ping_socket() -> io::Result<()> {
        let _ = sysctl::allow_ping();
        let kind = Some(socket2::Protocol::ICMPV4);
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, kind).map(drop)
    }

    /// A guess from what container engines leave in sight.
    fn container() -> Option<Container> {
        if Path::new("/run/.containerenv").exists() {
            return Some(Container::Podman);
        }
        if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
            return Some(Container::Kubernetes);
        }
        if Path::new("/.dockerenv").exists() {
            return Some(Container::Docker);
        }
        let groups = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
        [("kubepods", Container::Kubernetes), ("docker", Container::Docker), ("lxc", Container::Lxc)]
            .into_iter()
            .find_map(|(word, container)| groups.contains(word).then_some(container))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::errno;

    fn fails(code: i32) -> Finding {
        Finding::Fails(Errno { code, name: errno::name(code) })
    }

    fn example() -> Survey {
        let mut survey = survey();
        survey.namespaces = Namespaces::User;
        survey.container = None;
        survey.tun = Finding::Works;
        survey.tap = Finding::Works;
        survey.veth = Finding::Works;
        survey.packet_sockets = Finding::Works;
        survey
    }

    #[test]
    fn loopback_works_wherever_tests_run() {
        assert_eq!(survey().loopback, Finding::Works);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn each_missing_part_is_the_reason_and_has_its_remedy() {
        use Remedy::*;
        let reasons = |change: fn(&mut Survey)| {
            let mut survey = example();
            change(&mut survey);
            unavailable(&survey).into_iter().map(|u| (u.backend, u.why, u.remedies)).collect::<Vec<_>>()
        };
        let eacces = Errno { code: libc::EACCES, name: "EACCES" };
        let enoent = Errno { code: libc::ENOENT, name: "ENOENT" };
        let eperm = Errno { code: libc::EPERM, name: "EPERM" };
        assert_eq!(reasons(|s| s.backend = Backend::Tap), []);
        assert_eq!(
            reasons(|s| (s.backend, s.tun) = (Backend::Veth, fails(libc::EACCES))),
            [(Backend::Tap, Why::Tun(eacces), vec![OpenTunToAll])]
        );
        assert_eq!(
            reasons(|s| (s.backend, s.tun) = (Backend::Veth, fails(libc::ENOENT))),
            [(Backend::Tap, Why::Tun(enoent), vec![LoadTun])]
        );
        assert_eq!(
            reasons(|s| (s.backend, s.tun, s.container) =
                (Backend::Veth, fails(libc::ENOENT), Some(Container::Docker))),
            [(Backend::Tap, Why::Tun(enoent), vec![ContainerTun])]
        );
        assert_eq!(
            reasons(|s| (s.backend, s.tap, s.packet_sockets) =
                (Backend::Loopback, fails(libc::EPERM), fails(libc::EPERM))),
            [(Backend::Tap, Why::Tap(eperm), vec![]), (Backend::Veth, Why::PacketSocket(eperm), vec![])]
        );
        let refused = reasons(|s| {
            s.backend = Backend::Loopback;
            s.namespaces = Namespaces::Refused {
                step: Step::MapUser,
                errno: Errno { code: libc::EPERM, name: "EPERM" },
                refusal: Refusal::AppArmor,
            };
        });
        let apparmor = vec![AllowUserNamespacesInAppArmor, AppArmorProfile];
        assert_eq!(refused, [Backend::Tap, Backend::Veth].map(|b| (b, Why::Namespaces, apparmor.clone())));
    }

    #[test]
    fn every_remedy_has_a_command_and_a_source() {
        for remedy in Remedy::ALL {
            assert!(!remedy.commands().is_empty(), "{remedy:?}");
            assert!(remedy.source().starts_with("https://"), "{remedy:?}");
        }
    }
}
