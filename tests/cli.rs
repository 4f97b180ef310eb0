//! The program as somebody meets it who types a command: its help, its exit statuses, its one-sentence errors,
//! and the facts that its experiments show in their JSON lines.
//!
//! Facts and orders are asserted and never times; every child has a bound. What needs the private network fails,
//! with the program's own reason, where this machine has none: it is never skipped.
#![cfg(target_os = "linux")]

#[path = "cli/capture.rs"]
mod capture;
#[path = "cli/child.rs"]
mod child;
#[path = "cli/endings.rs"]
mod endings;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/lab.rs"]
mod lab;
#[path = "cli/labs_link.rs"]
mod labs_link;
#[path = "cli/labs_loss.rs"]
mod labs_loss;
#[path = "cli/labs_queue.rs"]
mod labs_queue;
#[path = "cli/labs_tcp.rs"]
mod labs_tcp;
#[path = "cli/labs_udp.rs"]
mod labs_udp;
#[path = "cli/labs_ws.rs"]
mod labs_ws;
#[path = "cli/newcomer.rs"]
mod newcomer;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/queue.rs"]
mod queue;
#[path = "cli/refused.rs"]
mod refused;
mod terminal;
#[path = "cli/tour.rs"]
mod tour;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/view.rs"]
mod view;
