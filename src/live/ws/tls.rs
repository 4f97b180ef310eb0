//! TLS between TCP and a WebSocket (RFC 8446; `wss`: RFC 6455 s3), by rustls.
//!
//! TLS is nothing that layerlab teaches by hand, so a well-kept crate does it, with a provider of cryptography that
//! is Rust throughout: building takes no C compiler, and a static program stays possible.

use super::stream::Stream;
use crate::model::{CheckedBy, TlsHandshake};
use crate::stack::l7_application::ws::Url;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whom a client believes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Trust {
    /// The authorities that this machine's own programs believe.
    #[default]
    System,
    /// The authorities in a file of PEM certificates, and no other.
    File(PathBuf),
    /// Anybody: what is said stays secret, but nobody knows between whom.
    Anybody,
}

/// No TLS connection came about: what was wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Nobody is trusted.
    #[error(
        "this machine has no certificate authorities to check {server} against{}: install them (the package is \
         often called ca-certificates), or give a file of them with --ca",
        because(.reason)
    )]
    NoAuthorities {
        /// Whom we wanted to check.
        server: String,
        /// What kept them from being read.
        reason: Option<String>,
    },
    /// The file of authorities is none.
    #[error("{} holds no PEM certificate that can be trusted ({reason})", .file.display())]
    BadFile {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The processor lacks instructions.
    #[error(
        "this machine's processor lacks instructions that the TLS of this program needs (AES, AVX2, BMI2 and ADX on \
         x86-64): use ws://, or a TLS proxy such as `socat TCP-LISTEN:9001 OPENSSL:HOST:443`"
    )]
    Processor,
    /// The certificate does not convince.
    #[error("{server} cannot be trusted: {why}")]
    Certificate {
        /// The name that it should be for.
        server: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// What came is no TLS.
    #[error("what answers at {server} does not speak TLS: it may be a ws:// server")]
    NotTls {
        /// Who.
        server: String,
    },
    /// The server said no.
    #[error("{server} refused the TLS handshake with the alert {alert:?}: {}", alert_words(*.alert))]
    Alert {
        /// Who.
        server: String,
        /// The alert (RFC 8446 s6.2).
        alert: AlertDescription,
    },
    /// No answer in time.
    #[error(
        "{server} accepted the connection but did not finish the TLS handshake within {after:?}: is it a TLS port?"
    )]
    TimedOut {
        /// Who.
        server: String,
        /// How long we waited.
        after: Duration,
    },
    /// The connection ended.
    #[error("{server} ended the connection within the TLS handshake ({reason}): is it a TLS port?")]
    Ended {
        /// Who.
        server: String,
        /// How.
        reason: String,
    },
    /// Anything else.
    #[error("the TLS handshake with {server} failed: {source}")]
    Other {
        /// Who.
        server: String,
        /// What rustls says.
        source: rustls::Error,
    },
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
}

const fn alert_words(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "both have no cipher suite in common"
        }
        AlertDescription::ProtocolVersion => "it speaks neither TLS 1.2 nor 1.3",
        AlertDescription::UnrecognisedName => "it serves no such name",
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/1.1 there",
        AlertDescription::CertificateRequired | AlertDescription::BadCertificate => {
            "it wants a certificate of the client's, which this client cannot give"
        }
        _ => "its own log may say why",
    }
}

/// A TLS client's settings, once for any number of connections to `url`.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    server: String,
    checked_by: CheckedBy,
}

impl Tls {
    /// For the URL's host, believing whom `trust` says.
    ///
    /// # Errors
    /// [`TlsError`], where nobody can be believed.
    pub fn new(url: &Url, trust: &Trust) -> Result<Tls, TlsError> {
        if !graviola::util::is_cpu_supported() {
            return Err(TlsError::Processor);
        }
        let server = url.host.clone();
        let bad_name =
            || TlsError::Certificate { server: server.clone(), why: "that is no host name".to_owned() };
        let name = ServerName::try_from(server.clone()).map_err(|_| bad_name())?;
        let provider = Arc::new(rustls_graviola::default_provider());
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(|source| TlsError::Other { server: server.clone(), source })?;
        let mut config = match trust {
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Credulous(provider)))
                .with_no_client_auth(),
            Trust::System => builder.with_root_certificates(system_roots(&server)?).with_no_client_auth(),
            Trust::File(file) => builder.with_root_certificates(roots_of(file)?).with_no_client_auth(),
        };
        // RFC 6455 upgrades HTTP/1.1: a server that would rather speak HTTP/2 must hear of it (RFC 7301).
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let checked_by = match trust {
            Trust::System => CheckedBy::System,
            Trust::File(file) => CheckedBy::File(file.display().to_string()),
            Trust::Anybody => CheckedBy::Nobody,
        };
        Ok(Tls { config: Arc::new(config), name, server, checked_by })
    }

    /// Does the handshake on `tcp`, within `patience`.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn handshake(&self, tcp: TcpStream, patience: Duration) -> Result<(Stream, TlsHandshake), TlsError> {
        let server = self.server.clone();
        let began = Instant::now();
        let mut session = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|source| self.refused(source))?;
        self.shake_hands(&mut session, &tcp, began + patience, patience)?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let settled = TlsHandshake {
            server,
            version: session
                .protocol_version()
                .map_or_else(String::new, |v| format!("{v:?}").replace('_', ".")),
            cipher_suite: session
                .negotiated_cipher_suite()
                .map_or_else(String::new, |s| format!("{:?}", s.suite())),
            key_exchange: session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            alpn: session.alpn_protocol().map(text),
            certificates: session.peer_certificates().map_or(0, <[_]>::len),
            checked_by: self.checked_by.clone(),
            took: began.elapsed(),
        };
        let stream = Stream::plain(tcp).map_err(|error| self.ended(&error, patience))?;
        Ok((stream.secured(session), settled))
    }

    fn shake_hands(
        &self,
        session: &mut ClientConnection,
        tcp: &TcpStream,
        until: Instant,
        patience: Duration,
    ) -> Result<(), TlsError> {
        let ended = |error: io::Error| self.ended(&error, patience);
        while session.is_handshaking() || session.wants_write() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ended(ErrorKind::TimedOut.into()));
            }
            tcp.set_read_timeout(Some(left))
                .and_then(|()| tcp.set_write_timeout(Some(left)))
                .map_err(ended)?;
            if session.wants_write() {
                session.write_tls(&mut &*tcp).map_err(ended)?;
                continue;
            }
            match session.read_tls(&mut &*tcp) {
                Ok(0) => return Err(ended(ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(ended(error)),
            }
            if let Err(error) = session.process_new_packets() {
                // The alert that tells the server why: it need not arrive.
                let _ = session.write_tls(&mut &*tcp);
                return Err(self.refused(error));
            }
        }
        Ok(())
    }

    fn ended(&self, error: &io::Error, after: Duration) -> TlsError {
        let server = self.server.clone();
        match error.kind() {
            // Systems disagree on the name (socket(7), SO_RCVTIMEO).
            ErrorKind::TimedOut | ErrorKind::WouldBlock => TlsError::TimedOut { server, after },
            ErrorKind::UnexpectedEof => TlsError::Ended { server, reason: "end of stream".to_owned() },
            _ => TlsError::Ended { server, reason: error.to_string() },
        }
    }

    fn refused(&self, error: rustls::Error) -> TlsError {
        let server = self.server.clone();
        match error {
            rustls::Error::InvalidCertificate(error) => {
                TlsError::Certificate { why: certificate_words(&error), server }
            }
            rustls::Error::InvalidMessage(_) => TlsError::NotTls { server },
            rustls::Error::AlertReceived(alert) => TlsError::Alert { server, alert },
            source => TlsError::Other { server, source },
        }
    }
}

/// What is wrong with a certificate, and what to do.
fn certificate_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here has signed its certificate (a private one, or it signed itself): give \
             the authority's certificate with --ca FILE, or look without being sure of whom you talk to: --insecure"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired (or this machine's clock is wrong)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet (or this machine's clock is wrong)".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("its certificate is for other names: {}", presented.join(", "))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for no such name".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own: such a one signs others and serves nobody; make one for the server \
             (basicConstraints=CA:FALSE)"
                .to_owned()
        }
        error => format!("its certificate is not valid: {error}"),
    }
}

fn system_roots(server: &str) -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read trusts nobody: the others do.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map(ToString::to_string);
        return Err(TlsError::NoAuthorities { server: server.to_owned(), reason });
    }
    Ok(roots)
}

fn roots_of(file: &Path) -> Result<RootCertStore, TlsError> {
    let bad = |reason: String| TlsError::BadFile { file: file.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(error.to_string()))? {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("it has no BEGIN CERTIFICATE".to_owned()));
    }
    Ok(roots)
}

/// Believes every certificate; that the server holds its key is still checked.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
