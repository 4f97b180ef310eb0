//! Becoming the owner of private namespaces, without root.
//!
//! A user namespace gives its creator every capability over the namespaces that it owns, and over
//! nothing else (user_namespaces(7)). The process keeps its user and group numbers, so files that
//! it writes belong to who started it.

pub(super) mod sys;

use super::errno;
use super::error::{HostError, Refusal, Step};
use super::netlink::Netlink;
use crate::model::Errno;
use std::fs;
use std::io::{self, Write};

/// Ubuntu's switch, below `/proc/sys`.
pub(super) const APPARMOR_RESTRICTS: &str = "kernel/apparmor_restrict_unprivileged_userns";

/// What the process now owns.
#[derive(Debug)]
pub enum Privilege {
    /// A user namespace and a network namespace of its own: the usual case.
    UserNamespace {
        /// Whether every user of the machine is mapped (root) or the process's own alone.
        everyone: bool,
    },
    /// A network namespace of its own and the machine's own CAP_SYS_ADMIN, because a user namespace
    /// was refused.
    Administrator {
        /// Why no user namespace.
        refused: HostError,
    },
}

/// Moves the process into a user namespace and a network namespace of its own.
///
/// To be called once, early in `main`, while the process has one thread: the kernel refuses it to
/// others (unshare(2), EINVAL). From then on nothing the process does can reach the machine's own
/// interfaces, so a program that also wants the real network must not call it. Loopback is up in there.
///
/// As root it does the same, with every user mapped so that root still opens what it could. Where
/// a user namespace is refused but the process has CAP_SYS_ADMIN, it takes a plain network namespace
/// and says so in the result.
///
/// # Errors
///
/// [`HostError::Refused`] names the step and, as far as can be told, who refused.
pub fn enter() -> Result<Privilege, HostError> {
    // On such a machine the unshare succeeds, and only later steps show that the new namespace is
    // worth nothing; by then there is no way back. So it is tried on somebody else first.
    if sysctl_number(APPARMOR_RESTRICTS) == Some(1)
        && let Ok(Err(refused)) = try_in_child(enter_for_good, |_| Vec::new())
    {
        let privilege = administrator(refused)?;
        return loopback_up().map_err(in_process).map(|()| privilege);
    }
    enter_for_good()
}

fn enter_for_good() -> Result<Privilege, HostError> {
    let privilege = match new_user_namespace() {
        Ok(everyone) => {
            unshare(libc::CLONE_NEWNET).map_err(|e| refused(Step::NewNetworkNamespace, &e))?;
            Privilege::UserNamespace { everyone }
        }
        Err(e @ HostError::Refused { step: Step::NewUserNamespace, .. }) => administrator(e)?,
        Err(e) => return Err(e),
    };
    loopback_up().map_err(in_process)?;
    Ok(privilege)
}

fn in_process(source: io::Error) -> HostError {
    HostError::Step { place: "process".to_owned(), step: Step::LinkUp { interface: "lo" }, source }
}

/// A fresh namespace's loopback is down; it is the first interface of each.
fn loopback_up() -> io::Result<()> {
    Netlink::open()?.set_up(1, true)
}

/// The fallback: no user namespace, but the right to make network namespaces all the same.
fn administrator(refused: HostError) -> Result<Privilege, HostError> {
    // Several threads: only the calling one would move, and the others stay on the real network.
    if let HostError::Refused { refusal: Refusal::Threads { .. }, .. } = refused {
        return Err(refused);
    }
    match unshare(libc::CLONE_NEWNET) {
        Ok(()) => Ok(Privilege::Administrator { refused }),
        Err(_) => Err(refused),
    }
}

fn new_user_namespace() -> Result<bool, HostError> {
    // SAFETY: these read the process's ids and cannot fail.
    #[allow(unsafe_code)]
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let mapper = if uid == 0 { sys::Mapper::start().ok() } else { None };
    unshare(libc::CLONE_NEWUSER).map_err(|e| refused(Step::NewUserNamespace, &e))?;
    if mapper.is_some_and(sys::Mapper::map_everyone) {
        return Ok(true);
    }
    // Without it the kernel lets nobody unprivileged map a group. Kernels before 3.19 lack the file.
    match write_file("/proc/self/setgroups", "deny") {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(refused(Step::DenySetgroups, &e)),
        _ => {}
    }
    write_file("/proc/self/uid_map", &format!("{uid} {uid} 1\n")).map_err(|e| refused(Step::MapUser, &e))?;
    write_file("/proc/self/gid_map", &format!("{gid} {gid} 1\n")).map_err(|e| refused(Step::MapGroup, &e))?;
    Ok(false)
}

/// What a child tells of entering: whose privilege it has, and what it found there.
pub(super) type Trial = (Privilege, Vec<u8>);

/// Enters in a forked child, so that the caller stays as it is, and there does `then`.
///
/// # Errors
///
/// The outer one when no child could be asked, the inner one when it was refused.
pub(super) fn try_in_child(
    enter: fn() -> Result<Privilege, HostError>,
    then: impl FnOnce(&Privilege) -> Vec<u8>,
) -> io::Result<Result<Trial, HostError>> {
    // A child tells octets: what came of it, a step, an error number, and what `then` gave.
    let report = sys::in_child(|| {
        let entered = enter();
        let [kind, step, code] = match &entered {
            Ok(Privilege::UserNamespace { everyone }) => [u8::from(*everyone), 0, 0],
            Ok(Privilege::Administrator { refused }) => told(2, refused),
            Err(refused) => told(3, refused),
        };
        let mut report = vec![kind, step, code];
        report.extend(entered.as_ref().map(then).unwrap_or_default());
        report
    })?;
    let [kind, step, code, found @ ..] = report.as_slice() else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let step = STEPS.get(usize::from(*step)).cloned().unwrap_or(Step::NewUserNamespace);
    let refused = || refused(step.clone(), &io::Error::from_raw_os_error(i32::from(*code)));
    Ok(match kind {
        0 | 1 => Ok((Privilege::UserNamespace { everyone: *kind == 1 }, found.to_vec())),
        2 => Ok((Privilege::Administrator { refused: refused() }, found.to_vec())),
        _ => Err(refused()),
    })
}

/// The steps of entering, so that a child can tell one by its number.
const STEPS: [Step; 5] =
    [Step::NewUserNamespace, Step::DenySetgroups, Step::MapUser, Step::MapGroup, Step::NewNetworkNamespace];

fn told(kind: u8, error: &HostError) -> [u8; 3] {
    let HostError::Refused { step, errno, .. } = error else { return [kind, 0, 0] };
    let step = STEPS.iter().position(|s| s == step).unwrap_or(0);
    [kind, u8::try_from(step).unwrap_or(0), u8::try_from(errno.code).unwrap_or(0)]
}

/// What the kernel says of itself and of this process, as far as it explains a refusal.
#[derive(Clone, Copy, Debug)]
struct Facts {
    threads: usize,
    seccomp: Option<u8>,
    apparmor_restricts: bool,
    unprivileged_clone: Option<u64>,
    max_user_namespaces: Option<u64>,
}

/// The error with the likeliest culprit.
fn refused(step: Step, error: &io::Error) -> HostError {
    let code = error.raw_os_error().unwrap_or(0);
    let facts = Facts {
        threads: status_field("Threads:").unwrap_or(1),
        seccomp: seccomp_mode(),
        apparmor_restricts: sysctl_number(APPARMOR_RESTRICTS) == Some(1),
        unprivileged_clone: sysctl_number("kernel/unprivileged_userns_clone"),
        max_user_namespaces: sysctl_number("user/max_user_namespaces"),
    };
    let refusal = culprit(&step, code, &facts);
    HostError::Refused { step, errno: Errno { code, name: errno::name(code) }, refusal }
}

fn culprit(step: &Step, code: i32, facts: &Facts) -> Refusal {
    let denied = code == libc::EPERM || code == libc::EACCES;
    let creating = *step == Step::NewUserNamespace;
    match code {
        libc::EINVAL if creating && facts.threads > 1 => Refusal::Threads { count: facts.threads },
        libc::EINVAL | libc::ENOSYS if creating => Refusal::NotBuilt,
        libc::ENOSPC if *step == Step::NewNetworkNamespace => Refusal::MaxNetNamespaces,
        // ENOSPC since Linux 4.9, EUSERS before; also for more than 32 nested ones.
        libc::ENOSPC | libc::EUSERS => Refusal::MaxUserNamespaces { limit: facts.max_user_namespaces },
        _ if denied && facts.unprivileged_clone == Some(0) => Refusal::UnprivilegedClone,
        // A filter refuses the call itself; AppArmor lets it pass and denies what comes after, but
        // where its profile for such processes is missing it refuses the call too.
        _ if denied && creating && facts.seccomp == Some(2) => Refusal::Seccomp,
        _ if denied && facts.apparmor_restricts => Refusal::AppArmor,
        _ => Refusal::Other,
    }
}

fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: no pointers; of the flags, none unshares memory or descriptors.
    #[allow(unsafe_code)]
    match unsafe { libc::unshare(flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn write_file(path: &str, text: &str) -> io::Result<()> {
    // One write: the kernel takes these files in one piece or not at all.
    fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

/// A number below `/proc/sys`; `None` where the file is not there or not a number.
pub(super) fn sysctl_number(path: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

/// The `Seccomp:` line of `/proc/self/status` (proc_pid_status(5)): 0 off, 1 strict, 2 filter.
pub(super) fn seccomp_mode() -> Option<u8> {
    status_field("Seccomp:")
}

fn status_field<T: std::str::FromStr>(name: &str) -> Option<T> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        threads: 1,
        seccomp: Some(0),
        apparmor_restricts: false,
        unprivileged_clone: None,
        max_user_namespaces: Some(15_000),
    };

    #[test]
    fn each_refusal_has_its_culprit() {
        use libc::{EACCES, EINVAL, ENOSPC, EPERM};
        let docker = Facts { seccomp: Some(2), ..FACTS };
        let ubuntu = Facts { apparmor_restricts: true, ..FACTS };
        let docker_on_ubuntu = Facts { seccomp: Some(2), ..ubuntu };
        for (step, code, facts, expected) in [
            (Step::NewUserNamespace, EPERM, docker, Refusal::Seccomp),
            (Step::NewUserNamespace, EPERM, docker_on_ubuntu, Refusal::Seccomp),
            // A desktop's terminal may have a filter too, which lets the call pass.
            (Step::MapUser, EPERM, docker_on_ubuntu, Refusal::AppArmor),
            (Step::MapUser, EPERM, ubuntu, Refusal::AppArmor),
            (Step::DenySetgroups, EACCES, ubuntu, Refusal::AppArmor),
            (Step::NewNetworkNamespace, EPERM, ubuntu, Refusal::AppArmor),
            (Step::NewUserNamespace, EACCES, ubuntu, Refusal::AppArmor),
            (
                Step::NewUserNamespace,
                ENOSPC,
                Facts { max_user_namespaces: Some(0), ..FACTS },
                Refusal::MaxUserNamespaces { limit: Some(0) },
            ),
            (Step::NewNetworkNamespace, ENOSPC, FACTS, Refusal::MaxNetNamespaces),
            (Step::NewUserNamespace, EINVAL, Facts { threads: 3, ..FACTS }, Refusal::Threads { count: 3 }),
            (Step::NewUserNamespace, EINVAL, FACTS, Refusal::NotBuilt),
            (
                Step::NewUserNamespace,
                EPERM,
                Facts { unprivileged_clone: Some(0), ..FACTS },
                Refusal::UnprivilegedClone,
            ),
            (Step::NewUserNamespace, EPERM, FACTS, Refusal::Other),
            (Step::MapUser, EPERM, docker, Refusal::Other),
        ] {
            assert_eq!(culprit(&step, code, &facts), expected, "{step} {code} {facts:?}");
        }
    }

    #[test]
    fn a_trial_tells_what_the_child_met() {
        fn refuses() -> Result<Privilege, HostError> {
            Err(refused(Step::MapUser, &io::Error::from_raw_os_error(libc::EPERM)))
        }
        let told = try_in_child(refuses, |_| vec![1]).expect("a child");
        assert!(
            matches!(&told, Err(HostError::Refused { step: Step::MapUser, errno, .. }) if errno.name == "EPERM")
        );
        fn allows() -> Result<Privilege, HostError> {
            Ok(Privilege::UserNamespace { everyone: true })
        }
        let told = try_in_child(allows, |_| vec![4, 5]).expect("a child");
        assert!(matches!(told, Ok((Privilege::UserNamespace { everyone: true }, found)) if found == [4, 5]));
    }
}
