//! `--ca` and `--insecure`: whom a client believes that speaks TLS.

use crate::cli::exit::{Cannot, Usage};
use crate::live::ws::{Tls, TlsError, Trust};
use crate::stack::l7_application::ws::Url;
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// Whom to believe.
#[derive(Args, Debug, Clone)]
pub(super) struct TlsArgs {
    /// wss: believe the certificate authorities in this PEM file, and no other
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "TLS")]
    ca: Option<PathBuf>,
    /// wss: do not check who answers
    #[arg(long, help_heading = "TLS", conflicts_with = "ca")]
    insecure: bool,
}

impl TlsArgs {
    /// What must be said before anything is sent.
    pub(super) fn warning(&self) -> Option<&'static str> {
        self.insecure.then_some(
            "WARNING: the server's certificate is NOT CHECKED (--insecure): anybody on the way can be it",
        )
    }

    /// Who is believed.
    pub(super) fn trust(&self) -> Trust {
        match &self.ca {
            _ if self.insecure => Trust::Anybody,
            Some(file) => Trust::File(file.clone()),
            None => Trust::System,
        }
    }
}

/// What is needed to speak TLS with this server.
pub(super) fn tls(url: &Url, trust: &Trust) -> anyhow::Result<Tls> {
    Tls::new(url, trust).map_err(|error| match error {
        TlsError::BadFile { .. } => Usage(error.to_string()).into(),
        TlsError::Processor | TlsError::NoAuthorities { .. } => Cannot(error.to_string()).into(),
        error => error.into(),
    })
}
