//! The vocabulary that every room shares. Imports nothing of ours; knows no prose, no clock, no OS.

mod chain;
mod cite;
pub mod conformance;
pub mod deed;
mod event;
mod field;
mod ledger;
mod link_layer;
mod machine;
mod offload;
mod packet;
mod place;
mod program;
mod protocol;
pub mod queue;
mod repair;
mod run;
mod sink;
mod syscall;
mod time;
mod tls;
pub mod websocket;

pub use chain::{CallName, Certainty, Chain, Claim, Exhibit, FrameName, Link, Notable, Trait};
pub use cite::{Cite, Document};
pub use event::{Event, EventId, Evidence, Heading, Located, Waiting, What, WireChange, WireSet};
pub use field::{Field, Header, Meaning, Value};
pub use ledger::{Class, Delivery, Fate, FrameId, Row, Rule, TooBig};
pub use link_layer::{Cooked, LinkHeader, LinkLayer, LinkType, Tag, TagKind, Tags};
pub use machine::{Hangup, Input, Machine, Outbox};
pub use offload::{Offload, PartialChecksum, SegmentKind, Segmentation};
pub use packet::{
    Arp, ArpOperation, Carried, Icmp, IcmpKind, Ip, IpFragment, Malformed, Neighbor, Packet, Problem, Seen,
    Tcp, TcpFlags, TcpNote, Udp,
};
pub use place::{Direction, Place, Side};
pub use program::{Exit, Listener, ProgramNote};
pub use protocol::{OsiSpan, Protocol, Standing, TcpIp};
pub use queue::Queue;
pub use repair::{LossCause, Repair, Retransmission, Signal};
pub use run::{Backend, Endpoint, Interrupt, Outcome, Run, Unused, Vantage};
pub use sink::{Fan, Flow, Moment, NullSink, Sink, WireFrame};
pub use syscall::{Call, Errno, How, Returned, SocketKind, SocketOption, TcpInfo, TcpSocket, TcpState};
pub use time::Time;
pub use tls::{CheckedBy, TlsHandshake};
pub use websocket::WebSocket;
