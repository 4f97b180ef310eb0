//! Who and where: the two sides of a conversation, the direction of a frame, the place of an event.

/// One of the two hosts, named by the role that its program plays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// The side that speaks first: it connects, or sends the first datagram.
    Client,
    /// The side that waits.
    Server,
}

impl Side {
    /// Both, the client first.
    pub const BOTH: [Side; 2] = [Side::Client, Side::Server];

    /// The other side.
    pub const fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }

    /// `client` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
        }
    }

    /// The direction of what this side sends.
    pub const fn outward(self) -> Direction {
        match self {
            Side::Client => Direction::ToServer,
            Side::Server => Direction::ToClient,
        }
    }
}

/// The direction in which a frame crosses the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// From the client's host.
    ToServer,
    /// From the server's host.
    ToClient,
}

impl Direction {
    /// Both, towards the server first.
    pub const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

    /// The side that the frame left.
    pub const fn from(self) -> Side {
        match self {
            Direction::ToServer => Side::Client,
            Direction::ToClient => Side::Server,
        }
    }

    /// The side that the frame travels to.
    pub const fn to(self) -> Side {
        self.from().other()
    }

    /// The way back.
    pub const fn other(self) -> Direction {
        self.to().outward()
    }

    /// 0 towards the server, 1 towards the client: an index into a pair.
    pub const fn index(self) -> usize {
        match self {
            Direction::ToServer => 0,
            Direction::ToClient => 1,
        }
    }

    /// `to-server` or `to-client`, the prefix of an option or a script rule.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::ToServer => "to-server",
            Direction::ToClient => "to-client",
        }
    }
}

/// Where an event took place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// On a host: in a program, or in that host's kernel.
    Host(Side),
    /// On the wire between the hosts.
    Wire,
    /// At a router on the path, counted from the client, 1 the first.
    Router(u8),
}
