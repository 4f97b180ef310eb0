//! A TLS handshake, by what the library that did it reports.

use super::super::text::{safe, span};
use super::Draft;
use crate::model::{CheckedBy, Cite, TlsHandshake};
use std::net::IpAddr;

pub(super) fn settled(draft: &mut Draft<'_>, settled: &TlsHandshake) -> String {
    let ascii = draft.glyphs.ascii;
    let TlsHandshake { server, version, cipher_suite, key_exchange, alpn, certificates, checked_by, took } =
        settled;
    let came = match certificates {
        0 => "no certificate came".to_owned(),
        1 => "1 certificate came".to_owned(),
        n => format!("{n} certificates came"),
    };
    let authorities = match checked_by {
        CheckedBy::System => "an authority that this machine believes".to_owned(),
        CheckedBy::File(file) => format!("an authority in {}", safe(file, ascii)),
        CheckedBy::Nobody => String::new(),
    };
    let verdict = match checked_by {
        CheckedBy::Nobody => "NOT CHECKED by anybody: whoever stands on the way can be the server".to_owned(),
        _ => format!("this program checked that {authorities} vouches for that name"),
    };
    draft.meaning(Some(Cite::rfc(8446, "4.4.2")), format!("{came}; {verdict}"));
    // A name goes in the clear (RFC 6066 s3), an address is not sent; before 1.3 the certificates do too.
    let mut clear = String::from("addresses, ports, and when how many octets go");
    if server.parse::<IpAddr>().is_err() {
        clear.push_str(", and in the ClientHello the server's name");
    }
    if version == "TLSv1.2" {
        clear.push_str(", and the certificates");
    }
    let text = format!("an observer of the network sees {clear}; what follows is sealed for it");
    draft.meaning(Some(Cite::rfc(8446, "E.3")), text);
    let keys = key_exchange.as_ref().map_or_else(String::new, |group| format!(", keys by {group}"));
    let inside = alpn.as_ref().map_or_else(|| ", no ALPN".to_owned(), |alpn| format!(", ALPN {alpn}"));
    let words = format!("{version} handshake with {server}: {cipher_suite}{keys}{inside}");
    format!("{}, took {}", safe(&words, ascii), span(*took))
}
