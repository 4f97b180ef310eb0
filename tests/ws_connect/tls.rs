//! `wss://`: whom it believes, whom it does not, and what it says. The certificates are made by `tests/data/tls/make`.

use super::{Told, connect, echo, serving};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn file(name: &str) -> String {
    format!("{}/tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// An echo server behind TLS, with this certificate.
fn secured(certificate: &str, alpn: &[&str]) -> SocketAddr {
    let chain = vec![CertificateDer::from_pem_file(file(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls_graviola::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    serving(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        if let Ok(peer) = tungstenite::accept(StreamOwned::new(session, stream)) {
            echo(peer);
        }
    })
}

fn wss(at: SocketAddr, more: &[&str], input: &[u8]) -> Told {
    connect(&[&[format!("wss://localhost:{}/", at.port()).as_str()], more].concat(), input)
}

#[test]
fn messages_go_through_tls() {
    let at = secured("server.pem", &["http/1.1"]);
    let told = wss(at, &["--ca", &file("ca.pem"), "-v"], b"secret\n");
    assert_eq!((told.code, told.text()), (0, "secret\n"), "{}", told.err);
    for says in ["TLSv1.3 handshake with localhost", "http/1.1", "~L5/6", "an authority in", "an observer"] {
        assert!(told.err.contains(says), "{says}: {}", told.err);
    }
    let told = wss(at, &["--insecure", "--json"], b"secret\n");
    let settled: serde_json::Value = told
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find_map(|line| Some(line.get("tls")?.clone()))
        .unwrap();
    assert_eq!((&settled["checked_by"], &settled["alpn"]), (&"nobody".into(), &"http/1.1".into()));
    // By its address, which the certificate also names.
    let told = connect(&[&format!("wss://{at}/"), "--ca", &file("ca.pem")], b"by address\n");
    assert_eq!((told.code, told.text()), (0, "by address\n"), "{}", told.err);
    // More than TLS and TCP take at once, both ways.
    let octets: Vec<u8> = (0..5_000_000u32).map(|n| ((n * 11) >> 4) as u8).collect();
    let told = wss(at, &["--ca", &file("ca.pem"), "--binary", "--quiet"], &octets);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out == octets, "{} octets", told.out.len());
}

#[test]
fn who_cannot_be_believed_is_not_and_the_sentence_says_why() {
    let trusted = ["--ca", &file("ca.pem")];
    for (certificate, more, says) in [
        ("server.pem", &[][..], "--ca FILE"),
        ("expired.pem", &trusted[..], "has expired"),
        ("other.pem", &trusted[..], "other names: DnsName(\"other.example\")"),
    ] {
        let told = wss(secured(certificate, &[]), more, b"never sent\n");
        assert_eq!((told.code, told.text()), (1, ""), "{certificate}: {}", told.err);
        assert!(told.err.contains(says), "{certificate}: {}", told.err);
        assert_eq!(told.err.lines().count(), 1, "{}", told.err);
        // Without a check it goes, and says so, even to who asked for quiet.
        let told = wss(secured(certificate, &[]), &["--insecure", "--quiet"], b"to anybody\n");
        assert_eq!((told.code, told.text()), (0, "to anybody\n"), "{}", told.err);
        assert!(told.err.contains("NOT CHECKED"), "{}", told.err);
    }
}

#[test]
fn what_is_no_tls_is_said() {
    let plain = serving(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        std::thread::sleep(Duration::from_secs(5));
    });
    let told = wss(plain, &["--insecure", "--quiet"], b"");
    assert!(told.code == 1 && told.err.contains("does not speak TLS"), "{}", told.err);
    let silent = serving(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let told = wss(silent, &["--insecure", "--timeout", "300ms"], b"");
    assert!(told.code == 1 && told.err.contains("did not finish the TLS handshake"), "{}", told.err);
    let told = wss(serving(drop), &["--insecure"], b"");
    assert!(
        told.code == 1 && told.err.contains("ended the connection within the TLS handshake"),
        "{}",
        told.err
    );
    // A server that speaks HTTP/2 alone (RFC 7301 s3.2).
    let told = wss(secured("server.pem", &["h2"]), &["--ca", &file("ca.pem")], b"");
    assert!(told.code == 1 && told.err.contains("HTTP/1.1"), "{}", told.err);
    // Files that hold nobody.
    let told = wss(plain, &["--ca", &file("server.key")], b"");
    assert!(told.code == 2 && told.err.contains("PEM certificate"), "{}", told.err);
    let told = wss(plain, &["--ca", "/no/such/file"], b"");
    assert!(told.code == 2 && told.err.contains("/no/such/file"), "{}", told.err);
}
