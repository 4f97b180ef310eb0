//! The server's half of the handshake (RFC 6455 s4.2).

use super::extensions::{DeflateWish, Extension};
use super::refusal::Refusal;
use super::{AcceptSteps, Agreed, VERSION, is_key};
use crate::stack::l7_application::http1::{Fields, Framing, RequestHead, ResponseHead, is_token};

/// What a server accepts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ServerPolicy {
    /// Paths that are served, without query; empty for every path.
    pub paths: Vec<String>,
    /// Origins that may connect; `None` for every one. A request without `Origin` comes from no browser, and
    /// passes: the check protects a browser's user, not the server (RFC 6455 s10.2).
    pub origins: Option<Vec<String>>,
    /// Subprotocols that are spoken.
    pub subprotocols: Vec<String>,
    /// Whether permessage-deflate is spoken, and with what.
    pub deflate: Option<DeflateWish>,
    /// Further fields of every answer.
    pub fields: Fields,
}

/// A server's answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The response: 101, or the status that refuses.
    pub head: ResponseHead,
    /// What was agreed on, or why not.
    pub result: Result<Agreed, Refusal>,
    /// How the accept value was computed, where it was.
    pub steps: Option<AcceptSteps>,
}

impl ServerPolicy {
    /// Judges a request as s4.2.1 asks, and answers it as s4.2.2 does.
    pub fn answer(&self, request: &RequestHead) -> Answer {
        match self.judge(request) {
            Ok((agreed, extension)) => self.switch(request, agreed, extension),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// The answer to what cannot be accepted: its status, what a client could do better, an empty body, and
    /// the end of the connection.
    pub fn refuse(&self, refusal: Refusal) -> Answer {
        let mut head = ResponseHead::new(refusal.status());
        let fields = &mut head.fields;
        match &refusal {
            // 426 must say to what (RFC 9110 s15.5.22), and which version (RFC 6455 s4.4).
            Refusal::Upgrade { .. } | Refusal::Version { .. } => {
                fields.push("Upgrade", "websocket");
                fields.push("Connection", "Upgrade, close");
                fields.push("Sec-WebSocket-Version", VERSION);
            }
            Refusal::Method { .. } => {
                fields.push("Allow", "GET");
                fields.push("Connection", "close");
            }
            _ => fields.push("Connection", "close"),
        }
        fields.push("Content-Length", "0");
        self.fields.iter().for_each(|(name, value)| fields.push(name, value));
        Answer { head, result: Err(refusal), steps: None }
    }

    fn switch(&self, request: &RequestHead, agreed: Agreed, extension: Option<Extension>) -> Answer {
        let steps = AcceptSteps::of(request.fields.text("sec-websocket-key").unwrap_or_default());
        let mut head = ResponseHead::new(101);
        let fields = &mut head.fields;
        fields.push("Upgrade", "websocket");
        fields.push("Connection", "Upgrade");
        fields.push("Sec-WebSocket-Accept", steps.accept.as_str());
        if let Some(subprotocol) = &agreed.subprotocol {
            fields.push("Sec-WebSocket-Protocol", subprotocol.as_str());
        }
        if let Some(extension) = extension {
            fields.push("Sec-WebSocket-Extensions", extension.to_string());
        }
        self.fields.iter().for_each(|(name, value)| fields.push(name, value));
        Answer { head, result: Ok(agreed), steps: Some(steps) }
    }

    fn judge(&self, request: &RequestHead) -> Result<(Agreed, Option<Extension>), Refusal> {
        let fields = &request.fields;
        let text = |name: &str| fields.text(name).map(str::to_owned);
        let count = |name: &str| fields.all(name).count();
        if request.method != "GET" {
            return Err(Refusal::Method { got: request.method.clone() });
        }
        if request.minor_version < 1 {
            return Err(Refusal::HttpVersion { minor: request.minor_version });
        }
        if count("host") != 1 {
            return Err(Refusal::Host { got: count("host") });
        }
        if !self.paths.is_empty() && !self.paths.iter().any(|path| path == request.path()) {
            return Err(Refusal::Path { path: request.path().into() });
        }
        if !fields.lists("upgrade", "websocket") {
            return Err(Refusal::Upgrade { got: text("upgrade") });
        }
        if !fields.lists("connection", "upgrade") {
            return Err(Refusal::Connection { got: text("connection") });
        }
        // The version before the key: another version may have keys of another kind.
        if count("sec-websocket-version") != 1 || fields.text("sec-websocket-version") != Some(VERSION) {
            return Err(Refusal::Version { got: text("sec-websocket-version") });
        }
        let key = fields.text("sec-websocket-key");
        if count("sec-websocket-key") != 1 || !key.is_some_and(is_key) {
            return Err(Refusal::Key { got: text("sec-websocket-key") });
        }
        if Framing::of_request(request).map_err(Refusal::Http)? != Framing::Empty {
            return Err(Refusal::Body);
        }
        if let (Some(allowed), Some(origin)) = (&self.origins, fields.all("origin").next()) {
            // Scheme and host compare without regard to case (RFC 6454 s4).
            if !allowed.iter().any(|a| a.as_bytes().eq_ignore_ascii_case(origin)) {
                return Err(Refusal::Origin { got: String::from_utf8_lossy(origin).into() });
            }
        }
        let subprotocol = self.subprotocol(fields)?;
        let offers = Extension::all(fields).map_err(|got| Refusal::Extensions { got })?;
        let deflate = self.deflate.and_then(|wish| wish.accept(&offers));
        let (extension, deflate) = deflate.unzip();
        Ok((Agreed { subprotocol, deflate }, extension))
    }

    /// The first of the client's list that we speak, for the client lists its favourite first.
    fn subprotocol(&self, fields: &Fields) -> Result<Option<String>, Refusal> {
        let offered: Vec<&str> = fields.list("sec-websocket-protocol").collect();
        let bad = offered.iter().enumerate().find(|(n, p)| !is_token(p) || offered[..*n].contains(p));
        if let Some((_, bad)) = bad {
            return Err(Refusal::Subprotocols { got: (*bad).into() });
        }
        let chosen = offered.into_iter().find(|p| self.subprotocols.iter().any(|ours| ours == p));
        Ok(chosen.map(str::to_owned))
    }
}
