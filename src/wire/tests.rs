//! Tests of the whole wire; each part's own tests stand beside it.

mod behaviour;
mod golden;
mod properties;
mod statistics;

use super::*;
use crate::model::{Class, Delivery, Direction, Fate, Row, Rule, Time};
use std::sync::Arc;

const DATA: Class = Class::TCP.with(Class::IPV4).with(Class::DF).with(Class::TCP_ACK).with(Class::TCP_DATA);
const ACK: Class = Class::TCP.with(Class::IPV4).with(Class::DF).with(Class::TCP_ACK);

fn spec(line: &str) -> Spec {
    line.parse().unwrap_or_else(|e| panic!("{line}: {e}"))
}

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// A wire whose payloads are 100 octets, the first of which is the frame's number.
struct Bench {
    wire: Wire<Vec<u8>>,
    rows: Vec<Arc<Row>>,
    arrivals: Vec<Arrival<Vec<u8>>>,
}

impl Bench {
    fn new(line: &str) -> Bench {
        Bench { wire: Wire::new(&spec(line), 7), rows: Vec::new(), arrivals: Vec::new() }
    }

    fn send_class(&mut self, now: Time, direction: Direction, class: Class) -> Arc<Row> {
        self.run_until(now);
        let mut payload = vec![0; 100];
        payload[0] = self.rows.len() as u8 + 1;
        let row = self.wire.push(now, Frame { direction, len: 100, ip_len: 86, class, payload });
        self.rows.push(row.clone());
        self.take_settled(now);
        row
    }

    fn send(&mut self, now: Time) -> Arc<Row> {
        self.send_class(now, Direction::ToServer, DATA)
    }

    fn take_settled(&mut self, now: Time) {
        while let Some(row) = self.wire.settled(now) {
            let i = row.id.0 as usize - 1;
            self.rows[i] = row;
        }
    }

    /// Pops everything at its deadline, up to `end`.
    fn run_until(&mut self, end: Time) {
        while let Some(now) = self.wire.deadline().filter(|t| *t <= end) {
            self.take_settled(now);
            while let Some(arrival) = self.wire.pop(now) {
                assert_eq!(arrival.at, now, "popped at its deadline, so exactly when it was due");
                self.arrivals.push(arrival);
            }
        }
    }

    /// Who arrived when, in order.
    fn arrived(&mut self) -> Vec<(u8, Time)> {
        self.run_until(Time::MAX);
        self.arrivals.iter().map(|a| (a.payload[0], a.at)).collect()
    }

    fn order(&mut self) -> Vec<u8> {
        self.arrived().into_iter().map(|(n, _)| n).collect()
    }
}
