//! `layerlab tcp ...`

use super::args::{ReuseArg, SideArg, TcpEchoArgs, TcpSendArgs, TcpServeArgs};
use super::exit::{Answer, Usage};
use super::run::{self, Where};
use super::{plan, real};
use crate::live::calls::Setting;
use crate::live::echo::tcp::{Reuse, TcpEcho};
use crate::model::Side;

/// `layerlab tcp echo`.
pub(crate) fn echo(args: &TcpEchoArgs) -> anyhow::Result<Answer> {
    let experiment = experiment(args)?;
    let place = Where { net: &args.net, show: &args.show, common: &args.common, sysctls: &[] };
    let finished = run::run(&experiment, &place)?;
    let asked = experiment.messages.list.len() * experiment.clients;
    run::echoed(&finished, asked, is_about_failure(&experiment))
}

/// Whether it does what is asked though not every message comes back.
fn is_about_failure(experiment: &TcpEcho) -> bool {
    experiment.closed_port
        || experiment.absent_host
        || experiment.no_accept
        || experiment.no_read
        || experiment.send_after_close
        || experiment.reset
}

fn experiment(args: &TcpEchoArgs) -> anyhow::Result<TcpEcho> {
    if args.send_after_close && args.close_first != Some(SideArg::Server) {
        return Err(Usage(
            "--send-after-close is about sending to a server that has closed: add --close-first server"
                .into(),
        )
        .into());
    }
    if let Some(&zero) = args.split.iter().find(|&&size| size == 0) {
        return Err(Usage(format!(
            "a piece of {zero} octets cannot be sent: write sizes from 1, such as --split 4,100"
        ))
        .into());
    }
    let mut both = Vec::new();
    if args.nodelay {
        both.push(Setting::NoDelay(true));
    }
    if let Some(name) = &args.cc {
        both.push(Setting::Congestion(name.clone()));
    }
    let mut client = both.clone();
    client.extend(args.common.ttl.map(Setting::Ttl));
    client.extend(args.sndbuf.map(Setting::SendBuffer));
    client.extend(args.keepalive.map(|k| Setting::KeepAlive {
        idle: k.idle,
        interval: k.interval,
        count: k.count,
    }));
    let mut server = both;
    server.extend(args.rcvbuf.map(Setting::ReceiveBuffer));
    Ok(TcpEcho {
        messages: plan::messages(&args.messages),
        burst: args.burst,
        split: args.split.clone(),
        gather: args.gather,
        whole: args.whole,
        recv_size: args.recv_size as usize,
        half_close: args.half_close,
        reset: args.reset,
        closes_first: match args.close_first {
            Some(SideArg::Client) => Side::Client,
            Some(SideArg::Server) => Side::Server,
            // The side that closes first keeps TIME-WAIT, and that is what the port's next owner meets.
            None if args.reuseaddr.is_some() => Side::Server,
            None => Side::Client,
        },
        send_after_close: args.send_after_close,
        no_accept: args.no_accept,
        backlog: args.backlog,
        clients: usize::from(args.clients),
        no_read: args.no_read,
        read_after: args.read_after,
        closed_port: args.closed_port,
        absent_host: args.absent_host,
        idle: args.idle,
        reuse: args.reuseaddr.map(|which| Reuse {
            old: matches!(which, ReuseArg::Old | ReuseArg::Both),
            new: matches!(which, ReuseArg::New | ReuseArg::Both),
        }),
        second_listener: args.second_listener,
        client_settings: client,
        server_settings: server,
    })
}

/// `layerlab tcp serve`.
pub(crate) fn serve(args: &TcpServeArgs) -> anyhow::Result<Answer> {
    real::tcp_serve(args)
}

/// `layerlab tcp send`.
pub(crate) fn send(args: &TcpSendArgs) -> anyhow::Result<Answer> {
    real::tcp_send(args)
}
