//! How a run is shown.

use super::values::{BytesArg, ColorArg, ModelArg, TcpInfoArg, ViewArg};
use clap::Args;

/// What the terminal can show.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct LookArgs {
    /// Colour (NO_COLOR is honoured)
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: ColorArg,
    /// Plain ASCII only
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
}

/// How it is shown.
#[derive(Args, Debug, Clone)]
pub(crate) struct ShowArgs {
    /// Every frame's bytes, layer by layer, each field named; `=all` shows long payloads whole
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "headers", help_heading = "Output")]
    pub(crate) bytes: Option<BytesArg>,
    /// Every row of the wire's ledger, not only the remarkable ones
    #[arg(long, help_heading = "Output")]
    pub(crate) ledger: bool,
    /// What the kernel says of the connection (TCP_INFO): at each change, at every call, or never
    #[arg(long, value_enum, default_value = "changes", value_name = "WHEN", help_heading = "Output")]
    pub(crate) tcp_info: TcpInfoArg,
    /// Also say what each layer cannot see
    #[arg(long, short, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// One JSON object a line instead of sentences (docs/json.md)
    #[arg(long, help_heading = "Output", conflicts_with_all = ["quiet", "step", "view"])]
    pub(crate) json: bool,
    /// Which layer model to show
    #[arg(long, value_enum, default_value = "both", value_name = "MODEL", help_heading = "Output")]
    pub(crate) model: ModelArg,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// One step at a time, at your pace. On a terminal: a ladder diagram with each step's octets, keys at its foot; else
    /// a line of input is waited for
    #[arg(long, help_heading = "Output")]
    pub(crate) step: bool,
    /// The run on the whole screen as it happens; `--step --view=never` steps line by line
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "auto", help_heading = "Output")]
    pub(crate) view: Option<ViewArg>,
    /// Say nothing (a server: only where it listens, and what it did)
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Columns to write in [default: the terminal's, at most 80]
    #[arg(long, value_name = "N", help_heading = "Output", value_parser = clap::value_parser!(u16).range(60..=200))]
    pub(crate) width: Option<u16>,
}

impl ShowArgs {
    /// Of a run that tells nothing.
    pub(crate) fn silent() -> ShowArgs {
        ShowArgs {
            bytes: None,
            ledger: false,
            tcp_info: TcpInfoArg::Off,
            verbose: false,
            json: false,
            model: ModelArg::Both,
            look: LookArgs { color: ColorArg::Never, ascii: false },
            step: false,
            view: None,
            quiet: true,
            width: None,
        }
    }
}
