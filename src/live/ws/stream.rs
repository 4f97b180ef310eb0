//! What carries a WebSocket: a TCP connection that does not block, or TLS on it.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
#[cfg(feature = "tls")]
use rustls::ClientConnection;
use std::io::{self, Read, Write};
use std::net::Shutdown;

/// A stream of octets that does not block.
#[derive(Debug)]
pub struct Stream {
    tcp: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// TCP as it is. Small segments go at once: a message is wanted now, and each write is one whole
    /// answer (RFC 9293 s3.7.4).
    ///
    /// # Errors
    /// When the operating system does not let the socket be set up.
    pub fn plain(tcp: std::net::TcpStream) -> io::Result<Stream> {
        tcp.set_nonblocking(true)?;
        tcp.set_nodelay(true)?;
        Ok(Stream {
            tcp: TcpStream::from_std(tcp),
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// The same inside a TLS session, whose handshake is done.
    #[cfg(feature = "tls")]
    pub(super) fn secured(self, session: ClientConnection) -> Stream {
        Stream { tls: Some(Box::new(session)), ..self }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.tcp, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// As `recv()`: 0 is the end, `WouldBlock` nothing yet.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.tls {
            return read_secured(session, &mut self.tcp, room);
        }
        (&self.tcp).read(room)
    }

    /// As `send()`. What was taken may still [wait](Stream::is_pending) for TCP.
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.tls {
            // What waits goes first, or it would grow.
            flush_secured(session, &mut self.tcp)?;
            return session.writer().write(octets);
        }
        (&self.tcp).write(octets)
    }

    /// Whether octets that were taken wait for TCP.
    pub(super) fn is_pending(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(session) = &self.tls {
            return session.wants_write();
        }
        false
    }

    /// Gives TCP what waits for it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.tls {
            return flush_secured(session, &mut self.tcp);
        }
        Ok(())
    }

    /// Ends our direction: TLS's with close_notify (RFC 8446 s6.1), then TCP's.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.tls {
            session.send_close_notify();
            flush_secured(session, &mut self.tcp)?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }
}

#[cfg(feature = "tls")]
fn read_secured(session: &mut ClientConnection, tcp: &mut TcpStream, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match session.reader().read(room) {
            // TCP ended without TLS's close_notify. A WebSocket has a Close of its own, so a cut is seen
            // (RFC 6455 s7.1.5).
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        session.read_tls(tcp)?;
        if let Err(error) = session.process_new_packets() {
            // The alert that tells the server why: it need not arrive.
            let _ = session.write_tls(tcp);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
    }
}

#[cfg(feature = "tls")]
fn flush_secured(session: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<()> {
    while session.wants_write() {
        session.write_tls(tcp)?;
    }
    Ok(())
}
