//! The control socket itself, and the descriptors that cross it.

use super::{ControlError, MESSAGE_MAX, Reply, check_name};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg, sockopt,
};
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the other end may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Names that are tried when none was given.
const NAMES: u16 = 999;

/// A network's ear.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    name: String,
}

/// Somebody of the same user who asked.
#[derive(Debug)]
pub struct Caller(UnixStream);

fn prefix() -> String {
    format!("layerlab/{}/", geteuid().as_raw())
}

fn address(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{}{name}", prefix()))
}

fn system(step: &'static str) -> impl Fn(io::Error) -> ControlError {
    move |source| ControlError::System { step, source }
}

/// Whether the other end is of this process's user.
fn is_own(stream: &UnixStream) -> bool {
    sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == geteuid())
}

impl Control {
    /// Listens under this name, or under the first free one of wire1, wire2 and so on. To be called while the
    /// process is still in the machine's own network: there the others look for it.
    ///
    /// # Errors
    /// When it is no name, or taken.
    pub fn open(name: Option<&str>) -> Result<Control, ControlError> {
        let open = |name: &str| -> Result<Control, ControlError> {
            check_name(name)?;
            let step = system("opening a control socket");
            match UnixListener::bind_addr(&address(name).map_err(&step)?) {
                Ok(listener) => Ok(Control { listener, name: name.to_owned() }),
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                    Err(ControlError::Taken { name: name.to_owned() })
                }
                Err(e) => Err(step(e)),
            }
        };
        if let Some(name) = name {
            return open(name);
        }
        let free = (1..=NAMES).map(|n| open(&format!("wire{n}")));
        let taken =
            |opened: &Result<Control, ControlError>| matches!(opened, Err(ControlError::Taken { .. }));
        free.into_iter().find(|opened| !taken(opened)).unwrap_or_else(|| open("wire1"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the next who asks. Another user's question is not even read.
    ///
    /// # Errors
    /// Those of accept(2).
    pub fn next_caller(&self) -> io::Result<Caller> {
        loop {
            let (stream, _) = self.listener.accept()?;
            if is_own(&stream) {
                return Ok(Caller(stream));
            }
        }
    }
}

impl Caller {
    /// What is asked: text, at most [`MESSAGE_MAX`] octets, within two seconds.
    ///
    /// # Errors
    /// When it is longer, takes longer, or is no text.
    pub fn request(&mut self) -> io::Result<String> {
        self.0.set_write_timeout(Some(PATIENCE))?;
        let until = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        let mut some = [0; MESSAGE_MAX];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.0.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.0.read(&mut some)? {
                0 => return String::from_utf8(all).map_err(|_| io::ErrorKind::InvalidData.into()),
                n if all.len() + n > MESSAGE_MAX || left.is_zero() => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                n => all.extend_from_slice(&some[..n]),
            }
        }
    }

    /// Answers, and hands the doors over where there are some.
    ///
    /// # Errors
    /// Those of sendmsg(2).
    pub fn reply(mut self, done: bool, text: &str, doors: Option<&Doors>) -> io::Result<()> {
        let text = format!("{}\n{text}", if done { "ok" } else { "no" });
        let fds: Vec<BorrowedFd<'_>> =
            doors.map(|doors| doors.0.each_ref().map(AsFd::as_fd).to_vec()).unwrap_or_default();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DOORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let sent = sendmsg(&self.0, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
        self.0.write_all(&text.as_bytes()[sent..])
    }
}

/// Asks a running network, and waits for its answer.
///
/// # Errors
/// When there is none of that name, it is another user's, or it does not answer.
pub fn ask(name: &str, request: &str) -> Result<Reply, ControlError> {
    check_name(name)?;
    let silent = |source| ControlError::Silent { name: name.to_owned(), source };
    let address = address(name).map_err(silent)?;
    let mut stream = UnixStream::connect_addr(&address).map_err(|e| match e.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            ControlError::Absent { name: name.to_owned() }
        }
        _ => silent(e),
    })?;
    if !is_own(&stream) {
        return Err(ControlError::Foreign { name: name.to_owned() });
    }
    let mut exchange = || {
        stream.set_read_timeout(Some(PATIENCE * 2))?;
        stream.write_all(request.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        answer(&stream)
    };
    let (text, fds) = exchange().map_err(silent)?;
    let (verdict, text) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Reply { done: verdict == "ok", text: text.to_owned(), doors: fds.try_into().ok().map(Doors) })
}

fn answer(stream: &UnixStream) -> io::Result<(String, Vec<OwnedFd>)> {
    let (mut text, mut fds) = (Vec::new(), Vec::new());
    loop {
        let mut octets = [0; MESSAGE_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DOORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got =
            recvmsg(stream, &mut [IoSliceMut::new(&mut octets)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(more) = message {
                fds.extend(more);
            }
        }
        match got.bytes {
            0 => return Ok((String::from_utf8_lossy(&text).into_owned(), fds)),
            n if text.len() + n > 2 * MESSAGE_MAX => return Err(io::ErrorKind::InvalidData.into()),
            n => text.extend_from_slice(&octets[..n]),
        }
    }
}

/// The names of this user's running networks, in order.
///
/// # Errors
/// When `/proc/net/unix` cannot be read.
pub fn networks() -> Result<Vec<String>, ControlError> {
    let table = fs::read_to_string("/proc/net/unix").map_err(system("reading /proc/net/unix"))?;
    let prefix = format!("@{}", prefix());
    let names = table.lines().filter_map(|line| line.split_ascii_whitespace().last()?.strip_prefix(&prefix));
    let names: BTreeSet<&str> = names.filter(|name| check_name(name).is_ok()).collect();
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The namespaces of a host's programs, in the order in which they are entered: the first gives the right to
/// the others.
const KINDS: [(&str, LinkNameSpaceType); DOORS] = [
    ("user", LinkNameSpaceType::User),
    ("pid", LinkNameSpaceType::ProcessID),
    ("net", LinkNameSpaceType::Network),
    ("uts", LinkNameSpaceType::HostNameAndNISDomainName),
    ("mnt", LinkNameSpaceType::Mount),
];
const DOORS: usize = 5;

/// The way into a host: its namespaces, open.
#[derive(Debug)]
pub struct Doors([OwnedFd; DOORS]);

impl Doors {
    /// Those of a process.
    pub(in crate::host) fn of(pid: i32) -> io::Result<Doors> {
        let open = |kind: &str| io::Result::Ok(OwnedFd::from(File::open(format!("/proc/{pid}/ns/{kind}"))?));
        let [a, b, c, d, e] = KINDS.map(|(kind, _)| open(kind));
        Ok(Doors([a?, b?, c?, d?, e?]))
    }

    /// Takes the process in, with its working folder; its children will be the host's programs. To be called
    /// while it has one thread.
    ///
    /// # Errors
    /// Those of setns(2).
    pub fn enter(self) -> io::Result<()> {
        let folder = std::env::current_dir();
        for (fd, (kind, which)) in self.0.into_iter().zip(KINDS) {
            let file = File::from(fd);
            // Already in it: the administrator needs no user namespace, and setns() would refuse.
            let own = fs::metadata(format!("/proc/self/ns/{kind}"))?;
            if which == LinkNameSpaceType::User && own.ino() == file.metadata()?.ino() {
                continue;
            }
            move_into_link_name_space(file.as_fd(), Some(which))?;
        }
        crate::host::programs::keep_network_capabilities();
        // A change of mounts leads to the root folder.
        std::env::set_current_dir(folder.as_deref().unwrap_or(Path::new("/")))
    }
}
