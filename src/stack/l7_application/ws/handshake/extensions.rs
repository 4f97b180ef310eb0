//! `Sec-WebSocket-Extensions` (RFC 6455 s9.1) and the parameters of permessage-deflate (RFC 7692 s7.1).

use crate::stack::l7_application::http1::{Fields, is_token};
use crate::stack::l7_application::ws::deflate::Window;
use std::fmt;

/// The name of the one extension that we speak.
const DEFLATE: &str = "permessage-deflate";

/// An extension and its parameters, as offered or as answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    /// Its name, a token.
    pub name: String,
    /// Its parameters in order, with their values where they have one.
    pub params: Vec<(String, Option<String>)>,
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.params {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

impl Extension {
    /// Every extension that the fields list. Fails with the element that the grammar does not allow.
    pub fn all(fields: &Fields) -> Result<Vec<Extension>, String> {
        let lines = fields.all("sec-websocket-extensions");
        if let Some(line) = lines.clone().find(|line| std::str::from_utf8(line).is_err()) {
            return Err(String::from_utf8_lossy(line).into());
        }
        let elements = fields.list("sec-websocket-extensions");
        elements.map(|e| Extension::parse(e).ok_or_else(|| e.to_owned())).collect()
    }

    fn parse(element: &str) -> Option<Extension> {
        let mut parts = crate::stack::l7_application::http1::split_outside_quotes(element, ';').map(trim);
        let name = parts.next().filter(|name| is_token(name))?.to_owned();
        let params = parts.map(|part| match part.split_once('=') {
            None => is_token(part).then(|| (part.to_owned(), None)),
            Some((name, value)) => {
                let (name, value) = (trim(name), unquote(trim(value))?);
                // Even a quoted value must be a token once its quotes are gone (RFC 6455 s9.1).
                (is_token(name) && is_token(&value)).then(|| (name.to_owned(), Some(value)))
            }
        });
        Some(Extension { name, params: params.collect::<Option<_>>()? })
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A token as it is, a quoted string without its quotes and backslashes (RFC 9110 s5.6.4).
fn unquote(text: &str) -> Option<String> {
    let Some(inner) = text.strip_prefix('"') else { return Some(text.into()) };
    let inner = inner.strip_suffix('"')?;
    let mut escaped = false;
    let kept = inner.chars().filter(|&c| {
        escaped = c == '\\' && !escaped;
        !escaped
    });
    Some(kept.collect())
}

/// What one side wishes for permessage-deflate: the most that each direction may use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DeflateWish {
    /// What the client sends with.
    pub client: Window,
    /// What the server sends with.
    pub server: Window,
}

/// The four parameters as they stand in an offer or an answer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer the value may be missing: "I can, if you like".
    client_max_window_bits: Option<Option<u8>>,
}

impl Params {
    /// `None` for another extension, an unknown or repeated parameter, or a value out of range: such an
    /// offer is to be declined, such an answer to be refused (RFC 7692 s7.1).
    fn of(extension: &Extension) -> Option<Params> {
        if extension.name != DEFLATE {
            return None;
        }
        let mut params = Params::default();
        for (name, value) in &extension.params {
            let bits = value.as_deref().map(bits);
            let fresh = match (name.as_str(), bits) {
                ("server_no_context_takeover", None) if value.is_none() => {
                    !std::mem::replace(&mut params.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) if value.is_none() => {
                    !std::mem::replace(&mut params.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(Some(bits))) => {
                    params.server_max_window_bits.replace(bits).is_none()
                }
                ("client_max_window_bits", None) => params.client_max_window_bits.replace(None).is_none(),
                ("client_max_window_bits", Some(Some(bits))) => {
                    params.client_max_window_bits.replace(Some(bits)).is_none()
                }
                _ => false,
            };
            if !fresh {
                return None;
            }
        }
        Some(params)
    }

    fn extension(&self) -> Extension {
        let mut params = Vec::new();
        if self.server_no_context_takeover {
            params.push(("server_no_context_takeover".to_owned(), None));
        }
        if self.client_no_context_takeover {
            params.push(("client_no_context_takeover".to_owned(), None));
        }
        if let Some(bits) = self.server_max_window_bits {
            params.push(("server_max_window_bits".to_owned(), Some(bits.to_string())));
        }
        if let Some(bits) = self.client_max_window_bits {
            params.push(("client_max_window_bits".to_owned(), bits.map(|bits| bits.to_string())));
        }
        Extension { name: DEFLATE.into(), params }
    }

    /// The client's and the server's window that an answer settles.
    fn windows(&self) -> [Window; 2] {
        let client = self.client_max_window_bits.flatten().unwrap_or(15);
        let server = self.server_max_window_bits.unwrap_or(15);
        [
            Window { bits: client, takeover: !self.client_no_context_takeover },
            Window { bits: server, takeover: !self.server_no_context_takeover },
        ]
    }
}

/// 8 to 15 in decimal without leading zeros (RFC 7692 s7.1.2).
fn bits(text: &str) -> Option<u8> {
    let number = text.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    (u8::to_string(&number) == text).then_some(number)
}

/// The bits to be named: `None` where they are the default.
fn named(bits: u8) -> Option<u8> {
    (bits < 15).then_some(bits.max(8))
}

impl DeflateWish {
    /// What a client offers.
    pub fn offer(&self) -> Extension {
        let params = Params {
            server_no_context_takeover: !self.server.takeover,
            client_no_context_takeover: !self.client.takeover,
            server_max_window_bits: named(self.server.bits),
            client_max_window_bits: Some(named(self.client.bits)),
        };
        params.extension()
    }

    /// A server's answer to the first of the offers that it can accept, and the windows that it settles. `None`
    /// declines them all: the connection is opened without compression.
    pub fn accept(&self, offers: &[Extension]) -> Option<(Extension, [Window; 2])> {
        let offer = offers.iter().find_map(Params::of)?;
        let answer = Params {
            server_no_context_takeover: offer.server_no_context_takeover || !self.server.takeover,
            client_no_context_takeover: offer.client_no_context_takeover || !self.client.takeover,
            server_max_window_bits: least(offer.server_max_window_bits, named(self.server.bits)),
            // Only a client that offered it can be asked for a smaller window (RFC 7692 s7.1.2.2).
            client_max_window_bits: offer
                .client_max_window_bits
                .and_then(|offered| least(offered, named(self.client.bits)))
                .map(Some),
        };
        Some((answer.extension(), answer.windows()))
    }
}

/// The windows that a server's answer to this offer settles; `None` when the answer does not fit the offer.
pub(super) fn settle(offer: &Extension, answer: &Extension) -> Option<[Window; 2]> {
    let (offer, answer) = (Params::of(offer)?, Params::of(answer)?);
    let server_fits = match (offer.server_max_window_bits, answer.server_max_window_bits) {
        (Some(most), Some(bits)) => bits <= most,
        (Some(_), None) => false,
        (None, _) => true,
    };
    // A server may ask for a client's smaller window where it was offered, and must say which.
    let client_fits = match answer.client_max_window_bits {
        None => true,
        Some(bits) => bits.is_some() && offer.client_max_window_bits.is_some(),
    };
    let kept = answer.server_no_context_takeover || !offer.server_no_context_takeover;
    (server_fits && client_fits && kept).then(|| answer.windows())
}

fn least(a: Option<u8>, b: Option<u8>) -> Option<u8> {
    a.into_iter().chain(b).min()
}
