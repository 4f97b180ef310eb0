//! The opening handshake of a case: the request with the case's changes, and what its answer comes to.

use super::super::deflate::Window;
use super::super::handshake::{ClientRequest, Refusal, judge_answer};
use super::record::Record;
use super::script::{Case, Change, Frame, Letters, Opening};
use super::trial::Target;
use crate::model::Side;
use crate::model::conformance::{Came, Expected, Traffic, Verdict};
use crate::stack::l7_application::http1::{Fields, HeadDecoder, Limits, RequestHead, ResponseHead};
use std::time::Duration;

/// Bounds of an answer's head.
const LIMITS: Limits = Limits { head: 64 << 10, fields: 200, body: 0, chunk_overhead: 0 };

/// A connection before its handshake is done.
pub(super) struct Door {
    request: RequestHead,
    opening: Opening,
    decoder: HeadDecoder<ResponseHead>,
    chop: Option<usize>,
    early: Vec<Frame>,
}

/// What the handshake came to.
pub(super) enum Opened {
    /// Open; both windows where permessage-deflate was agreed on, and what was looked at and found good.
    Open { windows: Option<[Window; 2]>, looked_at: Option<Expected> },
    /// The case is decided.
    Ruled { verdict: Verdict, expected: Expected, came: Came },
}

impl Door {
    /// The door, and the request's octets.
    pub(super) fn new(case: &Case, target: &Target, nonce: [u8; 16]) -> (Door, Vec<u8>) {
        let mut request = ClientRequest::new(target.host.as_str(), target.path.as_str(), nonce).head();
        for (name, value) in &target.fields {
            request.fields.push(name.as_str(), value.as_str());
        }
        let (mut chop, mut early) = (None, Vec::new());
        let mut fields: Vec<(String, Vec<u8>)> =
            request.fields.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
        for change in &case.changes {
            match change {
                Change::Method(method) => request.method = (*method).to_owned(),
                Change::OldHttp => request.minor_version = 0,
                Change::Without(name) => fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name)),
                Change::With(name, value) => fields.push(((*name).to_owned(), value.clone().into_bytes())),
                Change::Names(Letters::Lower) => {
                    fields.iter_mut().for_each(|(n, _)| n.make_ascii_lowercase())
                }
                Change::Names(Letters::Upper) => {
                    fields.iter_mut().for_each(|(n, _)| n.make_ascii_uppercase())
                }
                Change::Chop(octets) => chop = Some(*octets),
                Change::Early(frames) => early.extend(frames.iter().cloned()),
            }
        }
        request.fields = Fields::new();
        fields.into_iter().for_each(|(name, value)| request.fields.push(name, value));
        let mut octets = Vec::new();
        request.encode(&mut octets);
        let decoder = HeadDecoder::new(LIMITS);
        (Door { request, opening: case.opening.clone(), decoder, chop, early }, octets)
    }

    pub(super) fn chop(&self) -> Option<usize> {
        self.chop
    }

    pub(super) fn early(&self) -> &[Frame] {
        &self.early
    }

    /// Takes what came: how many octets belong to the answer, once it is whole.
    pub(super) fn feed(&mut self, octets: &[u8], record: &mut Record) -> Option<(usize, Opened)> {
        match self.decoder.feed(octets) {
            Ok((_, None)) => None,
            Ok((taken, Some(answer))) => {
                record.head(Side::Server, self.decoder.octets());
                Some((taken, self.judge(&answer)))
            }
            Err(fault) => {
                record.push(Side::Server, Traffic::Head(octets[..octets.len().min(256)].to_vec()));
                let came = Came::Answer { rule: fault.violation.to_string(), cite: fault.violation.cite() };
                Some((octets.len(), self.ruled(Verdict::Failed, came)))
            }
        }
    }

    pub(super) fn ended(self, reset: bool) -> Opened {
        self.no_answer(Came::Ended { reset })
    }

    pub(super) fn silent(self, after: Duration) -> Opened {
        self.no_answer(Came::Silence { after, got: 0, of: 1 })
    }

    fn no_answer(&self, came: Came) -> Opened {
        // Also a refusal is said (RFC 6455 s4.2.1).
        self.ruled(Verdict::Failed, came)
    }

    fn ruled(&self, verdict: Verdict, came: Came) -> Opened {
        Opened::Ruled { verdict, expected: self.expected(), came }
    }

    fn expected(&self) -> Expected {
        match &self.opening {
            Opening::Agreement => Expected::Agreement,
            Opening::NoExtension => Expected::NoExtension,
            Opening::Refusal { statuses, version, .. } => {
                Expected::Refusal { statuses: statuses.to_vec(), version: *version }
            }
            _ => Expected::Switch,
        }
    }

    fn judge(&self, answer: &ResponseHead) -> Opened {
        if let Opening::Refusal { version, plain, .. } = self.opening {
            let status = answer.status;
            let speaks = answer.fields.lists("sec-websocket-version", "13");
            let (verdict, came) = match status {
                101 => (Verdict::Failed, Came::Status { status }),
                _ if version && !speaks => (Verdict::Failed, Came::NoVersion { status }),
                400.. => (Verdict::Ok, Came::AsExpected),
                _ if plain => (Verdict::Ok, Came::AsExpected),
                _ => (Verdict::NonStrict, Came::Status { status }),
            };
            return self.ruled(verdict, came);
        }
        if answer.status != 101 {
            // To refuse the handshake is more than to decline an offer in it.
            let declines = self.opening == Opening::NoExtension && (400..500).contains(&answer.status);
            let verdict = if declines { Verdict::NonStrict } else { Verdict::Failed };
            return self.ruled(verdict, Came::Status { status: answer.status });
        }
        let whole = judge_answer(&self.request, answer).err();
        // Each case looks at one thing: what else is wrong is another's finding.
        let parts = judge_answer(&self.request, &self.otherwise_right(answer));
        let wrong = match (&self.opening, whole, &parts) {
            (Opening::Switch, Some(wrong @ (Refusal::NotSwitched { .. } | Refusal::Status { .. })), _) => {
                Some(wrong)
            }
            (Opening::Accept, Some(wrong @ Refusal::Accept { .. }), _) => Some(wrong),
            (Opening::Subprotocol, _, Err(wrong @ Refusal::SubprotocolNotOffered { .. })) => {
                Some(wrong.clone())
            }
            (
                Opening::Agreement | Opening::NoExtension,
                _,
                Err(wrong @ Refusal::ExtensionNotOffered { .. }),
            ) => Some(wrong.clone()),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let came = Came::Answer { rule: wrong.to_string(), cite: wrong.cite() };
            return self.ruled(Verdict::Failed, came);
        }
        let windows = parts.ok().and_then(|agreed| agreed.deflate);
        let extension = answer.fields.text("sec-websocket-extensions");
        match (&self.opening, extension) {
            (Opening::NoExtension, Some(got)) => {
                self.ruled(Verdict::Failed, Came::Extension { got: got.to_owned() })
            }
            (Opening::Agreement, None) => self.ruled(Verdict::Informational, Came::Declined),
            (Opening::Open, _) => Opened::Open { windows, looked_at: None },
            _ => Opened::Open { windows, looked_at: Some(self.expected()) },
        }
    }

    /// The answer with everything right but subprotocol and extensions, which stand as they came.
    fn otherwise_right(&self, answer: &ResponseHead) -> ResponseHead {
        let key = self.request.fields.text("sec-websocket-key").unwrap_or_default();
        let mut right = ResponseHead::new(101);
        right.fields.push("Upgrade", "websocket");
        right.fields.push("Connection", "Upgrade");
        right.fields.push("Sec-WebSocket-Accept", super::super::handshake::AcceptSteps::of(key).accept);
        let judged = ["sec-websocket-protocol", "sec-websocket-extensions"];
        // Where one is not looked at, what is wrong with it must not hide the other.
        let kept = match self.opening {
            Opening::Subprotocol => &judged[..1],
            _ => &judged[1..],
        };
        for name in kept {
            answer.fields.all(name).for_each(|value| right.fields.push(*name, value));
        }
        right
    }
}
