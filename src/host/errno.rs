//! Error numbers by their symbolic names.

use crate::model::Errno;
use std::io;

macro_rules! names {
    ($($name:ident)*) => {
        /// The symbolic name of an error number of this system, such as `ECONNREFUSED`; `E?` for
        /// one that is not in the list of those that sockets, files and namespaces give.
        #[cfg(unix)]
        pub const fn name(code: i32) -> &'static str {
            // Aliases (EWOULDBLOCK, ENOTSUP) are left out: one number, one name.
            match code {
                $(libc::$name => stringify!($name),)*
                _ => "E?",
            }
        }
    };
}

names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE
    EDOM ERANGE EDEADLK ENAMETOOLONG ENOSYS ENOTEMPTY ELOOP ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
    EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
    ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
    EINPROGRESS ESTALE EDQUOT EUSERS EPROTO EOVERFLOW ECANCELED EBADMSG
}

/// The symbolic name of a Windows Sockets error number, such as `WSAECONNREFUSED`; `E?` for others.
#[cfg(not(unix))]
pub const fn name(code: i32) -> &'static str {
    match code {
        10004 => "WSAEINTR",
        10009 => "WSAEBADF",
        10013 => "WSAEACCES",
        10014 => "WSAEFAULT",
        10022 => "WSAEINVAL",
        10024 => "WSAEMFILE",
        10035 => "WSAEWOULDBLOCK",
        10036 => "WSAEINPROGRESS",
        10037 => "WSAEALREADY",
        10038 => "WSAENOTSOCK",
        10039 => "WSAEDESTADDRREQ",
        10040 => "WSAEMSGSIZE",
        10042 => "WSAENOPROTOOPT",
        10043 => "WSAEPROTONOSUPPORT",
        10045 => "WSAEOPNOTSUPP",
        10047 => "WSAEAFNOSUPPORT",
        10048 => "WSAEADDRINUSE",
        10049 => "WSAEADDRNOTAVAIL",
        10050 => "WSAENETDOWN",
        10051 => "WSAENETUNREACH",
        10052 => "WSAENETRESET",
        10053 => "WSAECONNABORTED",
        10054 => "WSAECONNRESET",
        10055 => "WSAENOBUFS",
        10056 => "WSAEISCONN",
        10057 => "WSAENOTCONN",
        10058 => "WSAESHUTDOWN",
        10060 => "WSAETIMEDOUT",
        10061 => "WSAECONNREFUSED",
        10064 => "WSAEHOSTDOWN",
        10065 => "WSAEHOSTUNREACH",
        _ => "E?",
    }
}

/// The number and name behind an I/O error; `None` when it did not come from the system.
pub fn errno_of(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(|code| Errno { code, name: name(code) })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_read_from_a_capture() {
        for code in 0..200 {
            assert!(Errno::NAMES.contains(&name(code)), "{}", name(code));
        }
    }

    #[test]
    fn numbers_have_their_posix_names() {
        assert_eq!(name(libc::ECONNREFUSED), "ECONNREFUSED");
        assert_eq!(name(libc::EAGAIN), "EAGAIN");
        assert_eq!(name(libc::EHOSTUNREACH), "EHOSTUNREACH");
        assert_eq!(name(-1), "E?");
        let e = errno_of(&io::Error::from_raw_os_error(libc::EPIPE));
        assert_eq!(e.map(|e| e.name), Some("EPIPE"));
        assert_eq!(errno_of(&io::Error::other("ours")), None);
    }
}
