//! `layerlab udp ...`

use super::args::{UdpEchoArgs, UdpSendArgs, UdpServeArgs};
use super::exit::Answer;
use super::run::{self, Where};
use super::{plan, real};
use crate::live::calls::Setting;
use crate::live::echo::udp::UdpEcho;

/// `layerlab udp echo`.
pub(crate) fn echo(args: &UdpEchoArgs) -> anyhow::Result<Answer> {
    let experiment = experiment(args);
    let place = Where { net: &args.net, show: &args.show, common: &args.common, sysctls: &[] };
    let finished = run::run(&experiment, &place)?;
    let about_failure = experiment.closed_port || experiment.absent_host || experiment.no_reply;
    run::echoed(&finished, experiment.messages.list.len(), about_failure)
}

fn experiment(args: &UdpEchoArgs) -> UdpEcho {
    let mut client = Vec::new();
    client.extend(args.common.ttl.map(Setting::Ttl));
    client.extend(args.sndbuf.map(Setting::SendBuffer));
    client.extend(args.dont_fragment.then_some(Setting::DontFragment));
    UdpEcho {
        messages: plan::messages(&args.messages),
        burst: args.burst,
        recv_size: args.recv_size as usize,
        connect: args.connect_udp,
        closed_port: args.closed_port,
        absent_host: args.absent_host,
        no_reply: args.no_reply,
        wait: args.wait,
        client_settings: client,
        server_settings: args.rcvbuf.map(Setting::ReceiveBuffer).into_iter().collect(),
    }
}

/// `layerlab udp serve`.
pub(crate) fn serve(args: &UdpServeArgs) -> anyhow::Result<Answer> {
    real::udp_serve(args)
}

/// `layerlab udp send`.
pub(crate) fn send(args: &UdpSendArgs) -> anyhow::Result<Answer> {
    real::udp_send(args)
}
