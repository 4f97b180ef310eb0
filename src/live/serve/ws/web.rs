//! What a request head asks for: a WebSocket, a mailbox of watched frames, the page, or nothing that is here.

use super::WsServe;
use crate::stack::l7_application::http1::{RequestHead, ResponseHead};
use crate::stack::l7_application::ws::handshake::{Agreed, Answer, DeflateWish, Refusal, ServerPolicy};
use std::net::{IpAddr, SocketAddr};

/// The subprotocol and the path of a page that watches its own frames.
pub(super) const FRAMES: (&str, &str) = ("layerlab.frames", "/frames");

/// The page: path, type, text. Nothing of it comes from elsewhere.
const PAGE: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
];

/// What the page may do: load its own two parts, and talk to this server.
const MAY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is answered, and what follows.
pub(super) enum Asked {
    /// A WebSocket.
    Open(ResponseHead, Agreed),
    /// A WebSocket that shows a page its frames.
    Watch(ResponseHead),
    /// The page or a part of it.
    Page(ResponseHead, &'static str),
    /// A refusal.
    Refused(ResponseHead),
}

/// What is served, and to whom.
pub(super) struct Web {
    policy: ServerPolicy,
    frames: ServerPolicy,
}

impl Web {
    pub(super) fn new(options: &WsServe) -> Web {
        let policy = ServerPolicy {
            paths: options.path.iter().cloned().collect(),
            origins: options.origins.clone(),
            subprotocols: options.subprotocols.clone(),
            ..ServerPolicy::default()
        };
        let frames = ServerPolicy {
            paths: vec![FRAMES.1.into()],
            subprotocols: vec![FRAMES.0.into()],
            ..policy.clone()
        };
        Web { policy, frames }
    }

    /// The answer to a head. `ends`: the peer's address, and ours. `deflate`: compression may be agreed to.
    pub(super) fn answer(
        &mut self,
        head: &RequestHead,
        ends: impl FnOnce() -> Option<[SocketAddr; 2]>,
        deflate: bool,
    ) -> Asked {
        let upgrade = head.fields.lists("upgrade", "websocket");
        let path = head.path();
        let page = PAGE.iter().find(|(at, ..)| *at == path && !upgrade);
        if let (Some(page), "GET" | "HEAD") = (page, head.method.as_str()) {
            return Web::page(page, &head.method);
        }
        let asks = path == FRAMES.1 && head.fields.list("sec-websocket-protocol").any(|p| p == FRAMES.0);
        let origin = head.fields.all("origin").next();
        let ends = if asks || origin.is_some() { ends() } else { None };
        let own = ends.is_some_and(|[_, here]| origin.is_some_and(|origin| is_own(origin, here)));
        let watch = asks && ends.is_some_and(|[peer, here]| peer.ip() == here.ip());
        if let (true, Some(origin), false) = (watch, origin, own) {
            // Frames are shown to our own page, not to any that the same browser has open.
            let got = String::from_utf8_lossy(origin).into();
            return Asked::Refused(self.refuse(Refusal::Origin { got }));
        }
        self.policy.deflate = deflate.then(DeflateWish::default);
        let policy = if watch { &self.frames } else { &self.policy };
        let Answer { head, result, .. } = if own && policy.origins.is_some() {
            ServerPolicy { origins: None, ..policy.clone() }.answer(head)
        } else {
            policy.answer(head)
        };
        match result {
            Ok(_) if watch => Asked::Watch(head),
            Ok(agreed) => Asked::Open(head, agreed),
            Err(_) => Asked::Refused(head),
        }
    }

    /// The answer to what is no head.
    pub(super) fn refuse(&self, refusal: Refusal) -> ResponseHead {
        self.policy.refuse(refusal).head
    }

    fn page((_, kind, text): &(&str, &str, &'static str), method: &str) -> Asked {
        let mut head = ResponseHead::new(200);
        for (name, value) in [
            ("Content-Type", *kind),
            ("Content-Length", &text.len().to_string()),
            ("Content-Security-Policy", MAY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ] {
            head.fields.push(name, value);
        }
        // The answer to HEAD is the head alone (RFC 9110 s9.3.2).
        Asked::Page(head, if method == "HEAD" { "" } else { text })
    }
}

/// Whether this is the origin of the page that is served here (RFC 6454 s6.2: a scheme's own port is left out). Our
/// address is the socket's, not the `Host` field's: a name that somebody else points at this machine is not ours.
fn is_own(origin: &[u8], here: SocketAddr) -> bool {
    let port = if here.port() == 80 { String::new() } else { format!(":{}", here.port()) };
    let address = match here.ip().to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let mut hosts = vec![address.as_str()];
    if here.ip().to_canonical().is_loopback() {
        hosts.push("localhost");
    }
    hosts.iter().any(|host| format!("http://{host}{port}").as_bytes().eq_ignore_ascii_case(origin))
}

/// The mailbox that a request names: `/chat?frames=ID`.
pub(super) fn mailbox(head: &RequestHead) -> Option<u64> {
    let query = head.target.split_once('?')?.1;
    let id = query.split('&').find_map(|pair| pair.strip_prefix("frames="))?;
    u64::from_str_radix(id, 16).ok()
}
