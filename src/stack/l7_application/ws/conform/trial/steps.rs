//! What each step of a script waits for, and what it is when something else comes.

use super::Trial;
use crate::model::conformance::{Came, Expected, Verdict};
use crate::stack::l7_application::ws::close::CloseCode;
use crate::stack::l7_application::ws::conform::ear::Heard;
use crate::stack::l7_application::ws::conform::script::{Answer, Fails, Octets, Step, ping};
use crate::stack::l7_application::ws::error::Fault;
use crate::stack::l7_application::ws::message::Kind;
use std::time::Duration;

/// The payload of the Ping that follows a fault: whoever answers it went on.
const FENCE: &[u8] = b"still there?";

impl Trial {
    /// The echoes and Pongs that are waited for: whether all have come.
    pub(super) fn answers(&mut self, answers: &[Answer], limit: bool, silence: Option<Duration>) -> bool {
        let messages: Vec<(Kind, &Octets)> = echoes(answers).collect();
        let pongs: Vec<Vec<u8>> = answers
            .iter()
            .filter_map(|answer| match answer {
                Answer::Pong(payload) => Some(payload.get().into_owned()),
                Answer::Echo(..) => None,
            })
            .collect();
        let (of, asked) = (messages.len() + pongs.len(), pongs.len());
        let expected = || Expected::Answers { messages: messages.len(), pongs: asked };
        let mut odd = None;
        loop {
            if self.got == messages.len() && self.pongs == asked {
                self.rule(Verdict::Ok, expected(), Came::AsExpected);
                return true;
            }
            let came = match self.next() {
                Some(Heard::Message(kind, payload)) => match messages.get(self.got) {
                    _ if !self.echoes() => continue,
                    None => Came::UnaskedMessage { len: payload.len() as u64 },
                    Some((sent_kind, sent)) => match differs(*sent_kind, &sent.get(), kind, &payload) {
                        None => {
                            self.got += 1;
                            continue;
                        }
                        Some(came) => came,
                    },
                },
                Some(Heard::Pong(payload)) => {
                    match pongs[self.pongs..].iter().position(|pong| *pong == payload) {
                        Some(0) => self.pongs += 1,
                        // Of several Pings only the newest need be answered (RFC 6455 s5.5.3).
                        Some(skipped) => {
                            let got = asked - skipped;
                            self.pongs += skipped + 1;
                            let came = Came::PongsLeftOut { got, of: asked };
                            self.rule(Verdict::NonStrict, expected(), came);
                        }
                        // Unasked Pongs are allowed, but then the right one must come too.
                        None => odd = Some(payload),
                    }
                    continue;
                }
                Some(Heard::Close(close)) => {
                    let code = close.as_ref().map(|(code, _)| code.0);
                    if limit && matches!(code, Some(1003 | 1008 | 1009)) {
                        self.fault(Verdict::Informational, expected(), closed(close));
                        return false;
                    }
                    closed(close)
                }
                Some(Heard::Broke(fault)) => broke(&fault),
                Some(Heard::End { reset }) => Came::Ended { reset },
                None => match (silence, odd.take()) {
                    (None, Some(payload)) if asked == 1 => Came::OtherPong { payload },
                    (None, _) => return false,
                    (Some(_), Some(payload)) => Came::OtherPong { payload },
                    (Some(after), None) => Came::Silence { after, got: self.got + self.pongs, of },
                },
            };
            self.fault(Verdict::Failed, expected(), came);
            return false;
        }
    }

    /// Whether the connection has failed by itself. Moves on after a brief silence too: then what is missing is sent.
    pub(super) fn fails_at_once(&mut self, fails: &Fails, silence: Option<Duration>) -> bool {
        self.brief = true;
        if silence.is_some() {
            self.rule(Verdict::NonStrict, failure(fails), Came::Late);
            return true;
        }
        let echoes = self.echoes();
        let Some(ear) = &mut self.ear else { return false };
        ear.heard.retain(|heard| match heard {
            Heard::Message(..) => echoes,
            Heard::Pong(_) => false,
            _ => true,
        });
        if ear.heard.is_empty() {
            return false;
        }
        // The rest of the script would come too late.
        self.rest = Vec::new();
        self.steps = [Step::Fails(fails.clone().unfenced())].into();
        true
    }

    /// The connection fails: whether it did.
    pub(super) fn fails(&mut self, fails: &Fails, silence: Option<Duration>) -> bool {
        if fails.fence && !self.fenced && self.out.is_empty() {
            self.fenced = true;
            self.send(&[ping(FENCE.to_vec())]);
        }
        loop {
            let (verdict, came) = match self.next() {
                Some(Heard::Message(kind, payload)) => {
                    if self.is_next(&fails.before, kind, &payload) || !self.echoes() {
                        continue;
                    }
                    (fails.otherwise, Came::TookIt { len: payload.len() as u64 })
                }
                Some(Heard::Pong(payload)) => {
                    // It is still to be seen whether it fails: some look at messages later than at Pings.
                    self.went_on |= payload == FENCE;
                    continue;
                }
                Some(Heard::Close(close)) => {
                    let code = close.as_ref().map_or(0, |(code, _)| code.0);
                    let (verdict, came) = match fails.codes.contains(&code) {
                        true => (Verdict::Ok, Came::AsExpected),
                        false => (Verdict::NonStrict, closed(close)),
                    };
                    self.rule(verdict, failure(fails), came);
                    return true;
                }
                Some(Heard::Broke(fault)) => (Verdict::Failed, broke(&fault)),
                Some(Heard::End { reset }) => {
                    let (verdict, came) = match fails.bare {
                        true => (Verdict::Ok, Came::AsExpected),
                        false => (Verdict::NonStrict, Came::Ended { reset }),
                    };
                    self.rule(verdict, failure(fails), came);
                    return true;
                }
                None => match silence {
                    None => return false,
                    Some(_) if self.went_on => (fails.otherwise, Came::WentOn),
                    Some(after) => (fails.otherwise, Came::Silence { after, got: 0, of: 0 }),
                },
            };
            self.fault(verdict, failure(fails), came);
            return false;
        }
    }

    /// A Close comes: whether it did.
    pub(super) fn closes(
        &mut self,
        codes: &[Option<u16>],
        before: &[Answer],
        otherwise: Verdict,
        silence: Option<Duration>,
    ) -> bool {
        self.said_close = true;
        let expected = || Expected::Close { codes: codes.to_vec() };
        loop {
            let (verdict, came) = match self.next() {
                Some(Heard::Message(kind, payload)) => {
                    if self.is_next(before, kind, &payload) || !self.echoes() {
                        continue;
                    }
                    (Verdict::Failed, Came::TookIt { len: payload.len() as u64 })
                }
                Some(Heard::Pong(_)) => {
                    self.rule(Verdict::NonStrict, expected(), Came::PongAfterClose);
                    continue;
                }
                Some(Heard::Close(close)) => {
                    let code = close.as_ref().map(|(code, _)| code.0);
                    let (verdict, came) = match codes.contains(&code) {
                        true => (Verdict::Ok, Came::AsExpected),
                        false => (otherwise, closed(close)),
                    };
                    self.rule(verdict, expected(), came);
                    return true;
                }
                Some(Heard::Broke(fault)) => (Verdict::Failed, broke(&fault)),
                Some(Heard::End { reset }) => (Verdict::Unclean, Came::Ended { reset }),
                None => match silence {
                    None => return false,
                    Some(after) => (Verdict::Unclean, Came::Silence { after, got: 0, of: 0 }),
                },
            };
            self.fault(verdict, expected(), came);
            return false;
        }
    }

    /// The server ends TCP: whether it did.
    pub(super) fn ends(&mut self, silence: Option<Duration>) -> bool {
        loop {
            let (verdict, came) = match self.next() {
                Some(Heard::End { .. }) => {
                    self.rule(Verdict::Ok, Expected::End, Came::AsExpected);
                    return true;
                }
                Some(Heard::Broke(fault)) => (Verdict::Failed, broke(&fault)),
                Some(_) => continue,
                None if self.ended => {
                    self.rule(Verdict::Ok, Expected::End, Came::AsExpected);
                    return true;
                }
                None => match silence {
                    None => return false,
                    Some(after) => (Verdict::Unclean, Came::NotEnded { after }),
                },
            };
            self.fault(verdict, Expected::End, came);
            return false;
        }
    }

    /// Whether this is the next of the echoes that may come before; then it has come.
    fn is_next(&mut self, before: &[Answer], kind: Kind, payload: &[u8]) -> bool {
        let next = echoes(before).nth(self.got);
        let is_it =
            next.is_some_and(|(sent_kind, sent)| differs(sent_kind, &sent.get(), kind, payload).is_none());
        self.got += usize::from(is_it);
        is_it
    }
}

fn echoes(answers: &[Answer]) -> impl Iterator<Item = (Kind, &Octets)> {
    answers.iter().filter_map(|answer| match answer {
        Answer::Echo(kind, payload) => Some((*kind, payload)),
        Answer::Pong(_) => None,
    })
}

fn failure(fails: &Fails) -> Expected {
    Expected::Failure { codes: fails.codes.clone(), bare: fails.bare }
}

fn closed(close: Option<(CloseCode, String)>) -> Came {
    let (code, reason) = close.unzip();
    Came::Closed { code: code.map(|code| code.0), reason: reason.unwrap_or_default() }
}

/// How an echo differs from what was sent.
fn differs(sent_kind: Kind, sent: &[u8], kind: Kind, payload: &[u8]) -> Option<Came> {
    if sent_kind == kind && sent == payload {
        return None;
    }
    let differs_at = sent.iter().zip(payload).position(|(a, b)| a != b).map(|n| n as u64);
    Some(Came::OtherEcho {
        same_kind: sent_kind == kind,
        len: payload.len() as u64,
        sent: sent.len() as u64,
        differs_at,
    })
}

pub(super) fn broke(fault: &Fault) -> Came {
    Came::Broke { rule: fault.rule.to_string(), cite: fault.rule.cite() }
}
