//! What the wire is asked to do: one [`DirectionSpec`] a direction, and the scripts.

use super::error::{DirectionName, SpecError, ValueError};
use super::script::{Action, Script};
use super::units::{Percent, Rate, ShowTime, parse_number, parse_time};
use crate::model::{Direction, WireChange};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The rate limiter's queue in frames when none is given: netem's.
pub const DEFAULT_LIMIT: u32 = 1000;
/// The longest queue that can be asked for, in frames.
pub const MAX_LIMIT: u32 = 65_536;
/// The least MTU that can be asked for, in octets of IP packet: what every IPv4 link must carry (RFC 791 s3.2).
pub const MIN_MTU: u32 = 68;
/// What every link of IPv6 carries, in octets of IP packet (RFC 8200 s5).
const IPV6_MIN: u32 = 1280;
/// The greatest, in octets of IP packet: what IPv4's total length can say (RFC 791 s3.1).
pub const MAX_MTU: u32 = 65_535;

/// How frames are lost by chance.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each frame on its own with this probability (the Bernoulli model).
    Random(Percent),
    /// In bursts, by the Gilbert-Elliott model.
    Gemodel(Gemodel),
}

/// The Gilbert-Elliott model as tc-netem(8) has it: a chain of two states that steps once a frame.
///
/// Typed `gemodel:P[,R[,1-H[,1-K]]]`. As in Linux's sch_netem, the state *before* the step decides the
/// frame, and the chain begins in its good state. In the long run a share `p / (p + r)` of the frames
/// is decided in the bad state, and a stay there lasts `1 / r` frames on average.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Gemodel {
    /// P: the chance to go from good to bad, at each frame.
    pub p: Percent,
    /// R: the chance to go from bad to good. Left out: 100% - P, which makes the losses independent.
    pub r: Percent,
    /// 1-H: the chance to lose a frame in the bad state. Left out: 100%.
    pub loss_in_bad: Percent,
    /// 1-K: the chance to lose a frame in the good state. Left out: 0%.
    pub loss_in_good: Percent,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::None => f.write_str("none"),
            Loss::Random(p) => p.fmt(f),
            Loss::Gemodel(g) => write!(f, "gemodel:{},{},{},{}", g.p, g.r, g.loss_in_bad, g.loss_in_good),
        }
    }
}

impl FromStr for Loss {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Loss, ValueError> {
        if got == "none" {
            return Ok(Loss::None);
        }
        let Some(list) = got.strip_prefix("gemodel:") else {
            if got.contains(':') || got.starts_with("gemodel") {
                return Err(ValueError::Malformed {
                    got: got.into(),
                    wanted: "a loss",
                    example: "5% or gemodel:1%,25%",
                });
            }
            let p: Percent = got.parse()?;
            return Ok(if p.is_zero() { Loss::None } else { Loss::Random(p) });
        };
        let parts: Vec<&str> = list.split(',').collect();
        if list.is_empty() || parts.len() > 4 {
            let count = if list.is_empty() { 0 } else { parts.len() };
            return Err(ValueError::GemodelCount { got: got.into(), count });
        }
        let part = |i: usize| parts.get(i).map(|s| s.parse::<Percent>()).transpose();
        let p = part(0)?.unwrap_or(Percent::ZERO);
        Ok(Loss::Gemodel(Gemodel {
            p,
            r: part(1)?.unwrap_or(p.rest()),
            loss_in_bad: part(2)?.unwrap_or(Percent::ALL),
            loss_in_good: part(3)?.unwrap_or(Percent::ZERO),
        }))
    }
}

/// How jitter is distributed around the delay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Distribution {
    /// Every nanosecond from `delay - spread` to `delay + spread` is as likely as any other.
    #[default]
    Uniform,
}

/// Jitter: how far, and how, the delay of single frames strays. Typed `TIME[,uniform]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Jitter {
    /// The farthest from the delay, to either side; zero for no jitter.
    pub spread: Duration,
    /// How it is distributed.
    pub distribution: Distribution,
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.distribution {
            Distribution::Uniform => ShowTime(self.spread).fmt(f),
        }
    }
}

impl FromStr for Jitter {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Jitter, ValueError> {
        let (spread, distribution) = match got.split_once(',') {
            None => (got, Distribution::Uniform),
            Some((spread, "uniform")) => (spread, Distribution::Uniform),
            Some((_, other)) => return Err(ValueError::Distribution { got: other.into() }),
        };
        Ok(Jitter { spread: parse_time(spread)?, distribution })
    }
}

/// How frames are put out of order. Typed `P[,GAP][,TIME]`: the number without a unit is the gap.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// The chance of each candidate.
    pub p: Percent,
    /// After a frame was chosen, the next `gap - 1` frames are no candidates; 1 (netem's default) makes
    /// every frame one. With 100% exactly each `gap`-th frame is chosen.
    pub gap: u32,
    /// How a chosen frame gets out of order.
    pub how: ReorderBy,
}

/// The two ways to put a frame out of order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReorderBy {
    /// It trades places with the next frame of its direction (no TIME typed).
    Swap,
    /// It is late by this much, and the frames behind it are not (TIME typed).
    Late(Duration),
}

impl fmt::Display for Reorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.p)?;
        if self.gap != 1 {
            write!(f, ",{}", self.gap)?;
        }
        match self.how {
            ReorderBy::Swap => Ok(()),
            ReorderBy::Late(by) => write!(f, ",{}", ShowTime(by)),
        }
    }
}

impl FromStr for Reorder {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Reorder, ValueError> {
        let mut parts = got.split(',');
        let p = parts.next().unwrap_or("").parse()?;
        let (mut gap, mut late) = (None, None);
        for part in parts {
            let wrong = || ValueError::ReorderPart { got: got.into(), part: part.into() };
            if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && gap.is_none() {
                gap = Some(parse_number(part, "a gap in frames", 1, u64::from(u32::MAX), 4)? as u32);
            } else if late.is_none() {
                late = Some(parse_time(part).map_err(|_| wrong())?);
            } else {
                return Err(wrong());
            }
        }
        Ok(Reorder { p, gap: gap.unwrap_or(1), how: late.map_or(ReorderBy::Swap, ReorderBy::Late) })
    }
}

/// When the wire is cut and restored, in run time. It begins whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Schedule(Vec<(Duration, WireChange)>);

impl Schedule {
    /// Adds a change, in time order.
    pub fn add(&mut self, at: Duration, change: WireChange) {
        let i = self.0.partition_point(|(t, _)| *t <= at);
        self.0.insert(i, (at, change));
    }

    /// Every change, in time order.
    pub fn changes(&self) -> &[(Duration, WireChange)] {
        &self.0
    }

    /// Whether the wire is cut at `at`; from the very moment of the cut on, to just before the restore.
    pub fn is_cut(&self, at: Duration) -> bool {
        let passed = self.0.partition_point(|(t, _)| *t <= at);
        passed > 0 && self.0[passed - 1].1 == WireChange::Cut
    }

    /// The first change after `after`.
    pub fn next(&self, after: Duration) -> Option<(Duration, WireChange)> {
        self.0.get(self.0.partition_point(|(t, _)| *t <= after)).copied()
    }
}

/// Which count a frame's chances come from. Typed `frame` or `data`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Keying {
    /// The frame's number among all frames of its direction.
    #[default]
    Frame,
    /// Its number among those that carry data (TCP segments with data, UDP datagrams and fragments), or among
    /// those that don't. So the n-th data frame has the same luck whatever handshakes, ARP and ACKs go
    /// between: in this mode its luck is what the n-th frame of all has in the other.
    Data,
}

impl fmt::Display for Keying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Keying::Frame => "frame",
            Keying::Data => "data",
        })
    }
}

impl FromStr for Keying {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Keying, ValueError> {
        match got {
            "frame" => Ok(Keying::Frame),
            "data" => Ok(Keying::Data),
            _ => Err(ValueError::Malformed {
                got: got.into(),
                wanted: "a count that chances can come from",
                example: "frame (all frames) or data (data frames apart from the rest)",
            }),
        }
    }
}

/// What happens to the frames of one direction. The default does nothing at all.
#[derive(Clone, PartialEq, Debug)]
pub struct DirectionSpec {
    /// Chance losses.
    pub loss: Loss,
    /// The one-way delay.
    pub delay: Duration,
    /// How the delay strays, frame by frame. Never puts frames out of order.
    pub jitter: Jitter,
    /// Frames put out of order by chance.
    pub reorder: Option<Reorder>,
    /// The chance that a frame arrives twice.
    pub duplicate: Percent,
    /// The chance that one bit of a frame is flipped, anywhere from its Ethernet header on.
    pub corrupt: Percent,
    /// The rate of the link; `None` for no limit.
    pub rate: Option<Rate>,
    /// Frames that the rate limiter holds at most, the one being sent included.
    pub limit: u32,
    /// The largest IP packet, in octets; `None` for no limit of the wire's own.
    pub mtu: Option<u32>,
    /// Whether the wire answers too large a packet with ICMP, where RFC 792 and RFC 4443 let it.
    pub icmp: bool,
    /// When nothing passes.
    pub cuts: Schedule,
    /// Which count its chances come from.
    pub dice: Keying,
}

impl Default for DirectionSpec {
    fn default() -> DirectionSpec {
        DirectionSpec {
            loss: Loss::None,
            delay: Duration::ZERO,
            jitter: Jitter::default(),
            reorder: None,
            duplicate: Percent::ZERO,
            corrupt: Percent::ZERO,
            rate: None,
            limit: DEFAULT_LIMIT,
            mtu: None,
            icmp: true,
            cuts: Schedule::default(),
            dice: Keying::Frame,
        }
    }
}

impl DirectionSpec {
    /// Whether it does nothing to any frame.
    pub fn is_transparent(&self) -> bool {
        let DirectionSpec { limit, icmp, dice, .. } = *self;
        *self == DirectionSpec { limit, icmp, dice, ..DirectionSpec::default() }
    }

    /// Whether frames keep their order and their distance from each other: no rate, jitter or reordering.
    pub fn keeps_pace(&self) -> bool {
        self.rate.is_none() && self.jitter.spread.is_zero() && self.reorder.is_none()
    }

    /// Whether its words go together.
    pub fn check(&self, direction: Direction) -> Result<(), SpecError> {
        let direction = DirectionName(direction);
        if self.jitter.spread > self.delay {
            let (jitter, delay) =
                (ShowTime(self.jitter.spread).to_string(), ShowTime(self.delay).to_string());
            return Err(SpecError::JitterOverDelay { direction, jitter, delay });
        }
        if self.limit != DEFAULT_LIMIT && self.rate.is_none() {
            return Err(SpecError::LimitWithoutRate { direction });
        }
        if !self.icmp && self.mtu.is_none() {
            return Err(SpecError::SilenceWithoutMtu { direction });
        }
        let mut last: Option<(Duration, WireChange)> = None;
        for &(time, change) in self.cuts.changes() {
            let at = ShowTime(time).to_string();
            match (last, change) {
                (Some((t, c)), _) if t == time && c != change => {
                    return Err(SpecError::CutAndRestore { direction, at });
                }
                (Some((_, WireChange::Cut)), WireChange::Cut) => {
                    return Err(SpecError::CutTwice { direction, at });
                }
                (None | Some((_, WireChange::Restored)), WireChange::Restored) => {
                    return Err(SpecError::RestoreWithoutCut { direction, at });
                }
                _ => last = Some((time, change)),
            }
        }
        Ok(())
    }
}

/// The whole wire: both directions and the scripts.
///
/// `Display` gives the words of the options that make it, in a fixed order, and those parse to the same
/// `Spec` again; a wire that does nothing prints nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Spec {
    /// By [`Direction::index`]: towards the server, towards the client.
    pub directions: [DirectionSpec; 2],
    /// The scripts, in the order typed.
    pub scripts: Vec<Script>,
}

impl Spec {
    /// One direction.
    pub fn direction(&self, direction: Direction) -> &DirectionSpec {
        &self.directions[direction.index()]
    }

    /// Whether it does nothing to any frame.
    pub fn is_transparent(&self) -> bool {
        self.scripts.is_empty() && self.directions.iter().all(DirectionSpec::is_transparent)
    }

    /// Whether IPv6 can cross it: its every link carries packets of 1280 octets (RFC 8200 s5).
    ///
    /// # Errors
    /// The direction that carries less.
    pub fn check_ipv6(&self) -> Result<(), SpecError> {
        let small = |d: Direction| self.direction(d).mtu.filter(|mtu| *mtu < IPV6_MIN).map(|mtu| (d, mtu));
        match Direction::BOTH.into_iter().find_map(small) {
            Some((direction, mtu)) => {
                Err(SpecError::MtuBelowIpv6 { direction: DirectionName(direction), mtu })
            }
            None => Ok(()),
        }
    }

    /// Whether frames of one direction keep their order and their distance from each other, scripts included.
    /// Only then may frames that came together leave together, as one superframe.
    pub fn keeps_pace(&self) -> bool {
        let moves = |script: &Script| matches!(script.action(), Action::Delay(_) | Action::Swap);
        self.directions.iter().all(DirectionSpec::keeps_pace) && !self.scripts.iter().any(moves)
    }

    /// The longest that chance alone keeps a frame under way in either direction: delay, jitter, and being
    /// put out of order. The rate limiter's queue and scripts come on top.
    pub fn longest_delay(&self) -> Duration {
        let late = |spec: &DirectionSpec| match spec.reorder.map(|reorder| reorder.how) {
            Some(ReorderBy::Late(by)) => by,
            Some(ReorderBy::Swap) => super::fate::SWAP_HOLD,
            None => Duration::ZERO,
        };
        let one = |spec: &DirectionSpec| spec.delay + spec.jitter.spread + late(spec);
        self.directions.iter().map(one).max().unwrap_or_default()
    }

    /// Whether its words go together. Parsing a whole `Spec` asks this itself.
    pub fn check(&self) -> Result<(), SpecError> {
        Direction::BOTH.into_iter().try_for_each(|d| self.direction(d).check(d))
    }
}
