//! The list of commands in `mlp --help`, grouped by purpose. clap prints subcommands in one list,
//! so the groups are written here from clap's own definition and put into the template of its help.

use std::fmt::Write;

use clap::builder::StyledStr;

use super::text::wrapped;

/// The groups and their commands, in the order of a user's work. A test checks that each command is
/// in one of them.
pub(crate) const GROUPS: [(&str, &[&str]); 5] = [
    ("Train", &["train", "sweep", "lr-find", "runs", "compare"]),
    ("Evaluate", &["eval", "gradcheck", "verify-resume", "bench"]),
    ("Visualize", &["summary", "plot", "report", "explain", "descend"]),
    ("Use", &["predict", "serve", "data"]),
    ("Exchange", &["export", "import", "completions", "man"]),
];

/// The maximum width of all help.
pub(crate) const MAX_COLUMNS: usize = 100;

/// The template of the help of `command`, with the groups in it, wrapped to `columns`.
pub(crate) fn template(command: &clap::Command, columns: usize) -> StyledStr {
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n\n");
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
    let _ = write!(text, "{header}Options:{header:#}\n{{options}}{{after-help}}");
    text.into()
}
