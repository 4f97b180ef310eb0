//! `layerlab completions` and `layerlab man`.

use super::args::Cli;
use super::exit::Answer;
use anyhow::Context;
use clap::CommandFactory;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<Answer> {
    // Made in memory first: clap's generator would panic on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "layerlab", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Answer::Yes)
}

pub(crate) fn man(dir: Option<&Path>) -> anyhow::Result<Answer> {
    let mut command = Cli::command();
    command.build();
    match dir {
        None => clap_mangen::Man::new(command).render(&mut io::stdout().lock())?,
        Some(dir) => write_page(&command, dir)?,
    }
    Ok(Answer::Yes)
}

fn write_page(command: &clap::Command, dir: &Path) -> anyhow::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let path = dir.join(page.get_filename());
    let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    page.render(&mut file).with_context(|| format!("cannot write {}", path.display()))?;
    command.get_subcommands().filter(|sub| sub.get_name() != "help").try_for_each(|sub| write_page(sub, dir))
}
