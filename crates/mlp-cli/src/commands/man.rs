//! `mlp man`: write a man page for each command, from the same definition as `--help`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap_mangen::Man;
use mlp_data::fs::write_atomically;

use crate::output::messages::note;
use crate::output::table::counted;
use crate::output::version::PROGRAM;

/// Write man pages.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp man ~/.local/share/man/man1    Install them for `man mlp-train`
  mlp man /tmp/man && man -l /tmp/man/mlp-train.1")]
pub(crate) struct Args {
    /// Output directory, created if needed; existing pages are replaced
    directory: PathBuf,
}

pub(crate) fn run(args: &Args, definition: clap::Command) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    fs::create_dir_all(directory)
        .with_context(|| format!("{}: cannot create the directory", directory.display()))?;
    let mut command = definition.disable_help_subcommand(true);
    command.build();
    let pages = write_pages(&command, directory)?;
    note(&format!(
        "wrote {} to {}; view one with: man -l {}",
        counted(pages, "page"),
        directory.display(),
        directory.join("mlp.1").display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages of a command and its subcommands, and returns their number.
fn write_pages(command: &clap::Command, directory: &Path) -> anyhow::Result<usize> {
    let mut page = Vec::new();
    render(command, &mut page)?;
    let path = directory.join(format!("{}.1", name(command)));
    write_atomically(&path, |file| file.write_all(&page))
        .with_context(|| format!("{}: cannot write the page", path.display()))?;
    let mut pages = 1;
    for command in command.get_subcommands() {
        pages += write_pages(command, directory)?;
    }
    Ok(pages)
}

/// The name of a page: `mlp-data-show`.
fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn render(command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone()).source(PROGRAM).manual("mlp");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    if let Some(help) = command.get_after_long_help().or(command.get_after_help()) {
        // clap_mangen would reflow the examples.
        writeln!(page, ".SH EXAMPLES\n.nf")?;
        let help = help.to_string();
        let is_heading = |line: &&str| line.starts_with("Example") && line.ends_with(':');
        for line in help.lines().filter(|line| !is_heading(line)) {
            writeln!(page, "{}", escaped(line))?;
        }
        writeln!(page, ".fi")?;
    }
    Ok(())
}

/// Escapes a line so that troff prints it unchanged.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_contain_no_troff_requests() {
        assert_eq!(escaped("  mlp x --y 'a b' \\"), "  mlp x \\-\\-y \\(aqa b\\(aq \\e");
        assert_eq!(escaped(".TH"), "\\&.TH");
    }
}
