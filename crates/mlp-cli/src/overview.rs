//! `mlp` and `mlp --help`: the commands, in groups, by what somebody wants to do. clap lists subcommands in one row; so the list is written here, from
//! clap's own definition of the commands, and put into the template of its help.

use std::fmt::Write;
use std::process::ExitCode;

use clap::builder::StyledStr;

/// The groups and their commands, each in the order in which one comes to need them. A test sees that no command is left out.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Train", &["train", "sweep", "lr-find", "runs", "compare"]),
    ("Judge", &["eval", "gradcheck", "verify-resume", "bench"]),
    ("Look", &["summary", "plot", "report", "explain", "descend"]),
    ("Use", &["predict", "serve", "data"]),
    ("Carry away", &["export", "import", "completions", "man"]),
];

/// The widest that the list becomes, as all other help.
pub(crate) const WIDEST: usize = 100;

/// The template of the help of `command`, with the groups in it, in so many columns.
pub(crate) fn template(command: &clap::Command, columns: usize) -> StyledStr {
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n\n");
    let header = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let widest = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    for (name, members) in GROUPS {
        // A build may lack some.
        let members: Vec<_> = members.iter().filter_map(|name| command.find_subcommand(name)).collect();
        if members.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{header}{name}:{header:#}");
        for member in members {
            let name = member.get_name();
            let about = member.get_about().map(StyledStr::to_string).unwrap_or_default();
            let lines = wrapped(&about, columns.clamp(40, WIDEST) - widest - 4);
            let _ = write!(text, "  {literal}{name}{literal:#}{:1$}", "", widest - name.len() + 2);
            let _ = writeln!(text, "{}", lines.join(&format!("\n{:1$}", "", widest + 4)));
        }
        text.push('\n');
    }
    let _ = write!(text, "{header}Options:{header:#}\n{{options}}{{after-help}}");
    text.into()
}

/// `mlp` without a command: no mistake, but a question.
pub(crate) fn show(command: &mut clap::Command) -> anyhow::Result<ExitCode> {
    command.print_help()?;
    Ok(ExitCode::SUCCESS)
}

/// The words of a text in lines of so many columns.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition;

    #[test]
    fn every_command_is_in_one_group() {
        let all = GROUPS.iter().flat_map(|(_, members)| *members);
        for command in definition().get_subcommands() {
            let name = command.get_name();
            let count = all.clone().filter(|member| **member == name).count();
            assert_eq!(count, 1, "`mlp {name}` belongs into one of the groups in overview.rs");
        }
    }

    #[test]
    fn the_list_fits_its_columns_and_hangs_together() {
        for columns in [40, 80, 100] {
            let text = template(&definition(), columns).to_string();
            let list =
                text.lines().skip_while(|line| *line != "Train:").take_while(|line| *line != "Options:");
            for line in list {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
            }
            assert!(text.contains("\n  train          Train a network"), "{text}");
        }
        assert!(template(&definition(), 500).to_string() == template(&definition(), WIDEST).to_string());
    }

    #[test]
    fn words_are_wrapped_whole() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("extraordinary", 5), ["extraordinary"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
