//! The client's half of the handshake (RFC 6455 s4.1).

use super::extensions::{DeflateWish, Extension, settle};
use super::refusal::Refusal;
use super::{AcceptSteps, Agreed, VERSION, encode_key};
use crate::stack::l7_application::http1::{Fields, RequestHead, ResponseHead};
use crate::stack::l7_application::ws::deflate::Window;

/// What a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientRequest {
    /// `Host`: the server's name, with its port unless it is the scheme's own.
    pub host: String,
    /// The request target: path and query, such as `/chat?room=1`.
    pub target: String,
    /// The 16 octets of the key, chosen anew for each connection.
    pub nonce: [u8; 16],
    /// `Origin`: browsers always send it.
    pub origin: Option<String>,
    /// Subprotocols, the best liked first; distinct tokens.
    pub subprotocols: Vec<String>,
    /// Whether permessage-deflate is offered, and with what.
    pub deflate: Option<DeflateWish>,
    /// Further fields, sent after ours.
    pub fields: Fields,
}

impl ClientRequest {
    /// A request for nothing but the connection.
    pub fn new(host: impl Into<String>, target: impl Into<String>, nonce: [u8; 16]) -> ClientRequest {
        ClientRequest {
            host: host.into(),
            target: target.into(),
            nonce,
            origin: None,
            subprotocols: Vec::new(),
            deflate: None,
            fields: Fields::new(),
        }
    }

    /// The request.
    pub fn head(&self) -> RequestHead {
        let mut head = RequestHead::new("GET", self.target.as_str());
        let fields = &mut head.fields;
        fields.push("Host", self.host.as_str());
        fields.push("Upgrade", "websocket");
        fields.push("Connection", "Upgrade");
        fields.push("Sec-WebSocket-Key", encode_key(self.nonce));
        fields.push("Sec-WebSocket-Version", VERSION);
        if let Some(origin) = &self.origin {
            fields.push("Origin", origin.as_str());
        }
        if !self.subprotocols.is_empty() {
            fields.push("Sec-WebSocket-Protocol", self.subprotocols.join(", "));
        }
        if let Some(wish) = &self.deflate {
            fields.push("Sec-WebSocket-Extensions", wish.offer().to_string());
        }
        self.fields.iter().for_each(|(name, value)| fields.push(name, value));
        head
    }

    /// How the accept value that this request asks for is computed.
    pub fn steps(&self) -> AcceptSteps {
        AcceptSteps::of(&encode_key(self.nonce))
    }

    /// Judges the server's answer as s4.1 asks. Fails with the first rule that it breaks. The client's own window is
    /// what it offered, even where the server's answer would allow it more.
    pub fn check(&self, answer: &ResponseHead) -> Result<Agreed, Refusal> {
        let mut agreed = judge_answer(&self.head(), answer)?;
        if let (Some([client, _]), Some(wish)) = (&mut agreed.deflate, &self.deflate) {
            client.bits = client.bits.min(wish.client.bits.max(8));
            client.takeover &= wish.client.takeover;
        }
        Ok(agreed)
    }
}

/// Judges a server's answer by the request that it answers (s4.1): what both agreed on, or the first rule that the
/// answer breaks. The request itself is not judged: that is [`ServerPolicy`](super::ServerPolicy)'s.
pub fn judge_answer(request: &RequestHead, answer: &ResponseHead) -> Result<Agreed, Refusal> {
    let fields = &answer.fields;
    let text = |name: &str| fields.text(name).map(str::to_owned);
    if answer.status != 101 {
        return Err(Refusal::Status { got: answer.status, reason: answer.reason.clone() });
    }
    if answer.minor_version < 1 {
        let got = Some(format!("HTTP/1.{}", answer.minor_version));
        return Err(Refusal::NotSwitched { expected: "HTTP/1.1", got });
    }
    if !fields.lists("upgrade", "websocket") {
        return Err(Refusal::NotSwitched { expected: "Upgrade: websocket", got: text("upgrade") });
    }
    if !fields.lists("connection", "upgrade") {
        return Err(Refusal::NotSwitched { expected: "Connection: Upgrade", got: text("connection") });
    }
    let key = request.fields.text("sec-websocket-key").unwrap_or_default();
    let expected = AcceptSteps::of(key).accept;
    let mut accepts = fields.all("sec-websocket-accept");
    let right = accepts.next().is_some_and(|got| got == expected.as_bytes()) && accepts.next().is_none();
    if !right {
        return Err(Refusal::Accept { expected, got: text("sec-websocket-accept") });
    }
    Ok(Agreed {
        subprotocol: subprotocol(&request.fields, fields)?,
        deflate: windows(&request.fields, fields)?,
    })
}

fn subprotocol(offered: &Fields, answered: &Fields) -> Result<Option<String>, Refusal> {
    let mut lines = answered.all("sec-websocket-protocol");
    let Some(chosen) = lines.next() else { return Ok(None) };
    let chosen = String::from_utf8_lossy(chosen).into_owned();
    if lines.next().is_some() || !offered.list("sec-websocket-protocol").any(|offer| offer == chosen) {
        return Err(Refusal::SubprotocolNotOffered { got: chosen });
    }
    Ok(Some(chosen))
}

fn windows(offered: &Fields, answered: &Fields) -> Result<Option<[Window; 2]>, Refusal> {
    let answers = Extension::all(answered).map_err(|got| Refusal::ExtensionNotOffered { got })?;
    let [answer, more @ ..] = answers.as_slice() else { return Ok(None) };
    let offers = Extension::all(offered).unwrap_or_default();
    let windows = offers.iter().find_map(|offer| settle(offer, answer));
    match (windows, more) {
        (Some(windows), []) => Ok(Some(windows)),
        (Some(_), [second, ..]) => Err(Refusal::ExtensionNotOffered { got: second.to_string() }),
        (None, _) => Err(Refusal::ExtensionNotOffered { got: answer.to_string() }),
    }
}
