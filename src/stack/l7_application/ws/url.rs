//! `ws://` and `wss://` URLs (RFC 6455 s3): where a WebSocket server is, and what is asked of it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Octets of the longest URL that is read; heads are bounded too.
const LONGEST: usize = 8192;

/// A WebSocket URL: the scheme, the host, the port, and path with query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    /// `wss`: through TLS.
    pub secure: bool,
    /// The host: a name in lower case, or an address, IPv6 without its brackets.
    pub host: String,
    /// The zone of a link-local IPv6 address: `eth0` (RFC 6874).
    pub zone: Option<String>,
    /// The port; 80 or 443 where the URL names none.
    pub port: u16,
    /// The resource name: path and query, at least `/`, with everything percent-encoded that cannot stand in
    /// a request line.
    pub target: String,
}

/// Why a text is no WebSocket URL, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlError {
    /// No scheme, or another one.
    #[error("'{got}' is not a WebSocket URL: write ws://HOST[:PORT]/PATH, or wss:// for TLS (RFC 6455 s3)")]
    Scheme {
        /// What was given.
        got: String,
    },
    /// A user name before the host.
    #[error(
        "a WebSocket URL has no user name (RFC 6455 s3): send it in the handshake, \
         --header 'Authorization: Basic ...' with the base64 of USER:PASSWORD"
    )]
    UserInfo,
    /// A fragment.
    #[error("a WebSocket URL has no fragment (RFC 6455 s3): write %23 for a '#' that belongs to the path")]
    Fragment,
    /// The host is missing or cannot be one.
    #[error("'{got}' is no host: a name in ASCII letters (xn--... for others), an IPv4 address, or [IPv6]")]
    Host {
        /// The host.
        got: String,
    },
    /// The port is none.
    #[error("'{got}' is no port: a number from 1 to 65535")]
    Port {
        /// The port.
        got: String,
    },
    /// Longer than what is read.
    #[error("a URL of {len} octets: at most {LONGEST} are read")]
    TooLong {
        /// Octets of it.
        len: usize,
    },
}

impl Url {
    /// `Host`, as the request says it: the port only where it is not the scheme's own, an IPv6 address in
    /// brackets and without its zone (RFC 6455 s4.1, RFC 6874 s4).
    pub fn authority(&self) -> String {
        let host = self.bracketed(None);
        if self.port == default_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }

    /// What a resolver takes: the host with its zone.
    pub fn node(&self) -> String {
        match &self.zone {
            Some(zone) => format!("{}%{zone}", self.host),
            None => self.host.clone(),
        }
    }

    fn bracketed(&self, zone: Option<&str>) -> String {
        match (self.host.parse::<Ipv6Addr>(), zone) {
            (Ok(_), None) => format!("[{}]", self.host),
            (Ok(_), Some(zone)) => format!("[{}%25{zone}]", self.host),
            (Err(_), _) => self.host.clone(),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "wss" } else { "ws" }, self.bracketed(self.zone.as_deref()))?;
        if self.port != default_port(self.secure) {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.target)
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Url, UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::TooLong { len: text.len() });
        }
        let no_scheme = || UrlError::Scheme { got: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(no_scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            _ => return Err(no_scheme()),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let bad_host = |got: &str| UrlError::Host { got: got.to_owned() };
        let (host, zone, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (inside, after) = bracketed.split_once(']').ok_or_else(|| bad_host(authority))?;
                let (address, zone) = parse_ipv6(inside).ok_or_else(|| bad_host(inside))?;
                let port = match after {
                    "" => "",
                    _ => after.strip_prefix(':').ok_or_else(|| bad_host(authority))?,
                };
                (address, zone, port)
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                if !is_name(host) {
                    return Err(bad_host(host));
                }
                (host.to_ascii_lowercase(), None, port)
            }
        };
        let port = match port {
            "" => default_port(secure),
            // `parse` would take a sign.
            _ => Some(port)
                .filter(|port| port.bytes().all(|octet| octet.is_ascii_digit()))
                .and_then(|port| port.parse().ok())
                .filter(|&port: &u16| port > 0)
                .ok_or_else(|| UrlError::Port { got: port.to_owned() })?,
        };
        Ok(Url { secure, host, zone, port, target: encode(target) })
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// A name of letters, digits, `-`, `_` and dots, or an IPv4 address. What looks like an address but is none is
/// left to the resolver.
fn is_name(host: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
    !host.is_empty() && host.len() <= 253 && host.bytes().all(fits) && !host.starts_with('.')
}

/// An IPv6 address and its zone, `%25` before it (RFC 6874 s2) or a bare `%` as people write it.
fn parse_ipv6(text: &str) -> Option<(String, Option<String>)> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    if zone.is_some_and(|zone| !is_name(zone)) {
        return None;
    }
    Some((IpAddr::V6(address).to_string(), zone.map(str::to_owned)))
}

/// The path and query with everything percent-encoded that may not stand in a request line (RFC 9112 s3.2): all
/// but visible ASCII. Encoded octets stay as they are.
fn encode(target: &str) -> String {
    let mut out = String::with_capacity(target.len() + 1);
    if !target.starts_with('/') {
        out.push('/');
    }
    for octet in target.bytes() {
        match octet {
            0x21..=0x7e if !b"\"<>\\^`{|}".contains(&octet) => out.push(char::from(octet)),
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_parts_of_a_url() {
        let plain = url("ws://Example.COM");
        assert_eq!(
            (plain.secure, plain.host.as_str(), plain.port, plain.target.as_str()),
            (false, "example.com", 80, "/")
        );
        assert_eq!(plain.authority(), "example.com");
        let whole = url("WSS://h:9001/chat/%41?room=1&x=a b");
        assert_eq!(
            (whole.secure, whole.port, whole.target.as_str()),
            (true, 9001, "/chat/%41?room=1&x=a%20b")
        );
        assert_eq!(whole.authority(), "h:9001");
        assert_eq!(url("wss://h:443/").authority(), "h");
        assert_eq!(url("ws://h:443/").authority(), "h:443");
        assert_eq!(url("ws://h:/").port, 80);
        assert_eq!(url("ws://h?q").target, "/?q");
        assert_eq!(url("ws://h/\u{e9}").target, "/%C3%A9");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let six = url("ws://[::1]:9001/");
        assert_eq!((six.host.as_str(), six.authority().as_str()), ("::1", "[::1]:9001"));
        let zoned = url("ws://[fe80::1%25eth0]/");
        assert_eq!((zoned.node().as_str(), zoned.authority().as_str()), ("fe80::1%eth0", "[fe80::1]"));
        assert_eq!(url(&zoned.to_string()), zoned);
    }

    #[test]
    fn what_is_no_url_is_refused_with_its_part() {
        use UrlError::{Fragment, Host, Port, Scheme, UserInfo};
        for text in ["", "h:9001", "http://h/", "ws:/h", "//h"] {
            assert!(matches!(text.parse::<Url>(), Err(Scheme { .. })), "{text}");
        }
        assert_eq!("ws://h/#a".parse::<Url>(), Err(Fragment));
        assert_eq!("ws://u:p@h/".parse::<Url>(), Err(UserInfo));
        for text in
            ["ws://", "ws:///x", "ws://[::1", "ws://[1.2.3.4]/", "ws://a b/", "ws://h\r\n/", "ws://[::1]x/"]
        {
            assert!(matches!(text.parse::<Url>(), Err(Host { .. })), "{text}");
        }
        for text in ["ws://h:0/", "ws://h:65536/", "ws://h:+1/", "ws://h:x/", "ws://::1/"] {
            assert!(matches!(text.parse::<Url>(), Err(Port { .. } | Host { .. })), "{text}");
        }
        assert!(format!("ws://h/{}", "a".repeat(9000)).parse::<Url>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_what_can_stand_in_a_request_or_an_error(text in "(ws|wss)://\\PC{0,40}") {
            if let Ok(url) = text.parse::<Url>() {
                prop_assert!(url.target.starts_with('/'));
                prop_assert!(url.target.bytes().chain(url.authority().bytes()).all(|o| o.is_ascii_graphic()));
                prop_assert_eq!(&url.to_string().parse::<Url>().unwrap(), &url);
            }
        }

        #[test]
        fn octets_of_a_target_are_kept_or_encoded(path in "[ -~\r\n\t\u{80}-\u{ffff}]{0,30}") {
            let path = path.replace('#', "");
            let url: Url = format!("ws://h/{path}").parse().unwrap();
            let mut back = Vec::new();
            let mut rest = url.target.as_bytes();
            while let [octet, after @ ..] = rest {
                // An own `%` of the text stays one: only what was encoded is taken back.
                match (octet, after) {
                    (b'%', [a, b, after @ ..]) if !path.contains('%') => {
                        let hex = [*a, *b];
                        back.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
                        rest = after;
                    }
                    _ => { back.push(*octet); rest = after; }
                }
            }
            if !path.contains('%') {
                prop_assert_eq!(back, format!("/{path}").into_bytes());
            }
        }
    }
}
