//! The command line: `args` is what was typed, `plan` what it means; one file a subcommand.

mod args;
mod completions;
mod dissect;
mod doctor;
mod exit;
mod impair;
mod keys;
mod lab;
mod layers;
mod listeners;
mod loss;
mod only;
mod plan;
mod queue;
mod real;
mod report_dir;
mod run;
mod tcp;
mod tour;
mod udp;
mod view;
mod why;
mod wire;
mod ws;

use args::{Cli, Command, TcpCommand, UdpCommand};
use clap::Parser;
use std::process::ExitCode;

/// Parses the command line, does what it says, and gives the exit status (see `exit`).
///
/// Must be called before the process has a second thread: the private network begins with a user
/// namespace, which the kernel refuses to a process of several threads (unshare(2)).
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    exit::status(match cli.command {
        Command::Tour(args) => tour::run(&args),
        Command::Tcp(TcpCommand::Echo(args)) => tcp::echo(&args),
        Command::Tcp(TcpCommand::Serve(args)) => tcp::serve(&args),
        Command::Tcp(TcpCommand::Send(args)) => tcp::send(&args),
        Command::Udp(UdpCommand::Echo(args)) => udp::echo(&args),
        Command::Udp(UdpCommand::Serve(args)) => udp::serve(&args),
        Command::Udp(UdpCommand::Send(args)) => udp::send(&args),
        Command::Ws(command) => ws::ws(command),
        Command::Queue(command) => queue::queue(command),
        Command::Wire(command) => wire::wire(&command),
        Command::Loss(args) => loss::run(&args),
        Command::Dissect(args) => dissect::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Lab(command) => lab::lab(&command),
        Command::Layers(args) => layers::layers(&args),
        Command::Explain(args) => layers::explain(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { dir } => completions::man(dir.as_deref()),
    })
}
