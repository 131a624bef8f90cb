//! `mlp completions`: print shell completions.

use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::{Shell, generate};

/// Print shell completions.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp completions bash > ~/.local/share/bash-completion/completions/mlp
  mlp completions zsh > ~/.zfunc/_mlp
  mlp completions fish > ~/.config/fish/completions/mlp.fish
  mlp completions elvish >> ~/.config/elvish/rc.elv
  mlp completions powershell >> $PROFILE

Zsh needs `fpath+=~/.zfunc` before `compinit` in ~/.zshrc. To enable completions only in the current
bash, run `source <(mlp completions bash)`.")]
pub(crate) struct Args {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut definition: clap::Command) -> anyhow::Result<ExitCode> {
    // `generate` panics on a broken pipe, so do not let it write to standard output.
    let mut script = Vec::new();
    generate(args.shell, &mut definition, "mlp", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
