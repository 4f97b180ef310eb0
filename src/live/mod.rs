//! Real sockets, real kernels, real time: what runs the experiments and serves the network.
//!
//! [`calls`] makes system calls and tells of them; [`echo`] are the programs of the two hosts;
//! [`private`] runs them on two hosts with the `pump` carrying every frame between them, [`loopback`]
//! on the machine itself; the `stage` tells everything in time order to one sink. [`serve`] and
//! [`send`] are one end on the real network, for any program at the other.

pub mod calls;
pub mod echo;
pub mod journal;
pub mod loopback;
pub mod loss;
#[cfg(target_os = "linux")]
mod middle;
#[cfg(target_os = "linux")]
mod parcel;
#[cfg(target_os = "linux")]
pub mod private;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
pub mod private;
pub mod programs;
#[cfg(target_os = "linux")]
mod pump;
pub mod push;
pub mod queue;
#[cfg(target_os = "linux")]
mod rewire;
pub mod send;
pub mod serve;
pub mod setup;
mod stage;
mod talk;
pub mod ws;
