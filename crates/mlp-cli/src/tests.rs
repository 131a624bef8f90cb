//! Tests of the help of all commands, including future ones: every command is in the overview and
//! has examples, and the command line accepts every example. Examples are read from the help and
//! split as a shell splits them.

mod documents;

use clap::Parser;

use crate::output::overview::{GROUPS, MAX_COLUMNS, template};
use crate::{Cli, definition};

/// What ends a command in a shell.
const OPERATORS: [&str; 7] = ["|", ">", ">>", "<", "&&", ";", "&"];

/// The commands in the examples of a help text: the lines that begin with `mlp`, indented, with
/// those that a backslash carries on; without the explanation, which two spaces part from the
/// command.
fn examples(help: &str) -> Vec<Vec<String>> {
    let mut examples = Vec::new();
    let mut lines = help.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("  mlp") {
            continue;
        }
        let mut example = line.trim_start().to_owned();
        while let Some(carried) = example.strip_suffix('\\') {
            let next = lines.next().expect("a line after a backslash");
            example = format!("{} {}", carried.trim_end(), next.trim_start());
        }
        let command = without_explanation(&example);
        let words = shlex::split(command).unwrap_or_else(|| panic!("a quote is open: {command}"));
        examples.push(words.into_iter().take_while(|word| !OPERATORS.contains(&word.as_str())).collect());
    }
    examples
}

/// What stands before the first two spaces outside of quotes.
fn without_explanation(example: &str) -> &str {
    let (mut quote, mut spaces) = (None, 0);
    for (at, c) in example.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            _ => {}
        }
        spaces = if c == ' ' && quote.is_none() { spaces + 1 } else { 0 };
        if spaces == 2 {
            return &example[..at - 1];
        }
    }
    example
}

/// A command with its names from `mlp` on, and all commands below it.
fn walk(command: &clap::Command, names: Vec<String>, see: &mut dyn FnMut(&[String], &clap::Command)) {
    see(&names, command);
    for below in command.get_subcommands() {
        walk(below, [&names[..], &[below.get_name().to_owned()]].concat(), see);
    }
}

#[test]
fn every_help_has_examples_and_every_example_is_right() {
    let mut commands = 0;
    walk(&definition(), vec!["mlp".to_owned()], &mut |names, command| {
        let name = names.join(" ");
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Example"), "`{name} --help` has no examples");
        let examples = examples(&help);
        assert!(
            examples.iter().any(|example| example.starts_with(names)),
            "`{name} --help` has no example of itself: {examples:?}"
        );
        for example in examples {
            if let Err(error) = Cli::try_parse_from(&example) {
                panic!("`{name} --help` says {example:?}, but {error}");
            }
        }
        commands += 1;
    });
    assert!(commands > 15, "{commands}");
}

#[test]
fn every_command_and_every_flag_says_what_it_is() {
    walk(&definition(), vec!["mlp".to_owned()], &mut |names, command| {
        let name = names.join(" ");
        assert!(command.get_about().is_some(), "`{name}` says nothing of itself");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "`{name}`: {} has no help", argument.get_id());
        }
    });
    definition().debug_assert();
}

#[test]
fn examples_are_read_as_a_shell_reads_them() {
    let help = "Examples:\n  mlp a --b 'c  d'  why\n  mlp e \\\n      --f    the rest\n  mlp g | jq .x\nmlp no\n  curl x";
    let found = examples(help);
    assert_eq!(found, [vec!["mlp", "a", "--b", "c  d"], vec!["mlp", "e", "--f"], vec!["mlp", "g"]]);
}

#[test]
fn every_command_is_in_one_group() {
    let all = GROUPS.iter().flat_map(|(_, members)| *members);
    for command in definition().get_subcommands() {
        let name = command.get_name();
        let count = all.clone().filter(|member| **member == name).count();
        assert_eq!(count, 1, "`mlp {name}` belongs in one of the groups in overview.rs");
    }
}

#[test]
fn the_list_fits_its_columns_and_hangs_together() {
    for columns in [40, 80, 100] {
        let text = template(&definition(), columns).to_string();
        let list = text.lines().skip_while(|line| *line != "Train:").take_while(|line| *line != "Options:");
        for line in list {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        assert!(text.contains("\n  train          Train a network"), "{text}");
    }
    assert!(template(&definition(), 500).to_string() == template(&definition(), MAX_COLUMNS).to_string());
}
