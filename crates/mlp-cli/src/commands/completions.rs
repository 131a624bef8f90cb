//! `mlp completions`: shell completions of commands, flags and their values.

use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::{Shell, generate};

/// Print the completions for a shell: commands, flags, and the values of flags that are names.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp completions bash > ~/.local/share/bash-completion/completions/mlp
  mlp completions zsh > ~/.zfunc/_mlp                    with `fpath+=~/.zfunc` before compinit in ~/.zshrc
  mlp completions fish > ~/.config/fish/completions/mlp.fish
  mlp completions elvish >> ~/.config/elvish/rc.elv
  mlp completions powershell >> $PROFILE

For this shell only, in bash: source <(mlp completions bash)")]
pub(crate) struct Args {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut definition: clap::Command) -> anyhow::Result<ExitCode> {
    // Into memory first: `generate` panics on a broken pipe.
    let mut script = Vec::new();
    generate(args.shell, &mut definition, "mlp", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
