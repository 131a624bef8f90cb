//! The help of `mlp` itself: examples, then commands in groups. clap cannot group subcommands, so
//! the groups are part of the help template.

use std::fmt::Write;

use clap::builder::StyledStr;

use super::text::wrapped;

/// The groups and their commands. A test checks that every command is in one of them.
pub(crate) const GROUPS: [(&str, &[&str]); 6] = [
    ("Train", &["train", "sweep", "lr-find", "runs", "compare"]),
    ("Evaluate", &["eval", "summary", "plot", "report"]),
    ("Use", &["predict", "serve", "export", "import", "data"]),
    ("Learn", &["explain", "descend"]),
    ("Verify", &["gradcheck", "verify-resume", "bench"]),
    ("Shell", &["completions", "man"]),
];

/// Maximum width of help texts.
pub(crate) const MAX_COLUMNS: usize = 100;

/// The help template of `command`, wrapped to `columns`.
pub(crate) fn template(command: &clap::Command, columns: usize) -> StyledStr {
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n");
    let header = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let widest = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    for (name, members) in GROUPS {
        let _ = writeln!(text, "{header}{name}:{header:#}");
        for member in members.iter().filter_map(|name| command.find_subcommand(name)) {
            let name = member.get_name();
            let about = member.get_about().map(StyledStr::to_string).unwrap_or_default();
            let lines = wrapped(&about, columns.clamp(40, MAX_COLUMNS) - widest - 4);
            let _ = write!(text, "  {literal}{name}{literal:#}{:1$}", "", widest - name.len() + 2);
            let _ = writeln!(text, "{}", lines.join(&format!("\n{:1$}", "", widest + 4)));
        }
        text.push('\n');
    }
    let _ = write!(text, "{header}Options:{header:#}\n{{options}}\n\n");
    let _ = write!(text, "See `mlp COMMAND --help` for the options and examples of a command.");
    text.into()
}
