//! A listening socket: `socket()`, its options, `bind()`, `listen()`, each call told.

use super::{ServeError, Step, Watch, number};
use crate::host::sockopt;
use crate::model::{Call, Returned, SocketKind, SocketOption};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// How the listening socket is set up.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Door {
    pub(super) listen: SocketAddr,
    pub(super) nodelay: bool,
    pub(super) congestion: Option<String>,
    pub(super) backlog: i32,
    pub(super) max_connections: usize,
}

/// `socket()`, the options, `bind()`, `listen()`.
pub(super) fn listen<W: Watch>(door: &Door, watch: &mut W) -> Result<Socket, ServeError> {
    let address = door.listen;
    let began = watch.now();
    let made = Socket::new(Domain::for_address(address), Type::STREAM, None);
    watch.returned(None, || Step {
        fd: None,
        ..Step::plain(
            0,
            Call::Socket(SocketKind::Stream),
            made.as_ref().map(|s| Returned::Descriptor(number(s))),
            began,
        )
    });
    let socket = made.map_err(|source| ServeError::setup("socket", address, source))?;
    let mut set = |name: &'static str, value: &str, set: &dyn Fn(&Socket) -> io::Result<()>| {
        let began = watch.now();
        let result = set(&socket);
        watch.returned(None, || {
            let call = Call::SetOption(SocketOption { name, value: value.to_owned() });
            Step::plain(number(&socket), call, result.as_ref().map(|()| Returned::Done), began)
        });
        result.map_err(|source| ServeError::setup("setsockopt", address, source))
    };
    // On Windows the option means something else: to take a port that another program holds.
    if cfg!(unix) {
        set("SO_REUSEADDR", "1", &|s| s.set_reuse_address(true))?;
    }
    // Urgent octets stay in the stream (RFC 6093 s5), so that an echo is whole. Inherited by accept().
    set("SO_OOBINLINE", "1", &|s| s.set_out_of_band_inline(true))?;
    if let Some(name) = &door.congestion {
        set("TCP_CONGESTION", &format!("\"{name}\""), &|s| sockopt::set_congestion(s, name)).map_err(
            |error| match error {
                ServeError::Call { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                    ServeError::NoCongestionControl { name: name.clone() }
                }
                error => error,
            },
        )?;
    }
    let mut call = |call: Call, run: &dyn Fn(&Socket) -> io::Result<Returned>| {
        let began = watch.now();
        let result = run(&socket);
        let name = call.name();
        watch.returned(None, || {
            let told = result.as_ref().map(Returned::clone);
            Step::plain(number(&socket), call, told, began)
        });
        result.map(drop).map_err(|source| ServeError::setup(name, address, source))
    };
    call(Call::Bind(address), &|s| {
        s.bind(&address.into())?;
        Ok(Returned::Local(s.local_addr()?.as_socket().unwrap_or(address)))
    })?;
    call(Call::Listen(door.backlog), &|s| s.listen(door.backlog).map(|()| Returned::Done))?;
    socket.set_nonblocking(true).map_err(|source| ServeError::setup("fcntl", address, source))?;
    Ok(socket)
}
