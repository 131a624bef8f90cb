//! Tests of the help texts of all commands, including future ones. Every command is in the overview
//! and has examples, and every example parses.

mod documents;

use clap::{CommandFactory, Parser};

use crate::output::overview::{GROUPS, MAX_COLUMNS, template};
use crate::recipe::defaults;
use crate::{Cli, definition};

/// Shell operators that end a command.
const OPERATORS: [&str; 7] = ["|", ">", ">>", "<", "&&", ";", "&"];

/// The commands in the examples of a help text, split into words like a shell does. Examples are
/// indented lines that begin with `mlp`, continued after a backslash. Two spaces separate a command
/// from its explanation.
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

/// The part of an example before the first two spaces outside of quotes.
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

/// Calls `see` with a command and, recursively, its subcommands, each with its full name.
fn walk(command: &clap::Command, names: Vec<String>, see: &mut dyn FnMut(&[String], &clap::Command)) {
    see(&names, command);
    for below in command.get_subcommands() {
        walk(below, [&names[..], &[below.get_name().to_owned()]].concat(), see);
    }
}

#[test]
fn every_command_has_examples_that_parse() {
    let mut commands = 0;
    walk(&definition(), vec!["mlp".to_owned()], &mut |names, command| {
        let name = names.join(" ");
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Example"), "`{name} --help` has no examples");
        let examples = examples(&help);
        assert!(
            examples.iter().any(|example| example.starts_with(names)),
            "`{name} --help` has no example of the command itself: {examples:?}"
        );
        for example in examples {
            if let Err(error) = Cli::try_parse_from(&example) {
                panic!("`{name} --help`: example {example:?} does not parse: {error}");
            }
        }
        commands += 1;
    });
    assert!(commands > 15, "{commands}");
}

#[test]
fn every_command_and_flag_has_a_help_text() {
    walk(&definition(), vec!["mlp".to_owned()], &mut |names, command| {
        let name = names.join(" ");
        assert!(command.get_about().is_some(), "`{name}` has no help");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "`{name}`: {} has no help", argument.get_id());
        }
    });
    definition().debug_assert();
}

#[test]
fn examples_are_split_like_a_shell_splits_them() {
    let help = "Examples:\n  mlp a --b 'c  d'  why\n  mlp e \\\n      --f    the rest\n  mlp g | jq .x\nmlp no\n  curl x";
    let found = examples(help);
    assert_eq!(found, [vec!["mlp", "a", "--b", "c  d"], vec!["mlp", "e", "--f"], vec!["mlp", "g"]]);
}

#[test]
fn every_command_is_in_exactly_one_group() {
    let all = GROUPS.iter().flat_map(|(_, members)| *members);
    for command in definition().get_subcommands() {
        let name = command.get_name();
        let count = all.clone().filter(|member| **member == name).count();
        assert_eq!(count, 1, "add `mlp {name}` to one of the groups in overview.rs");
    }
}

#[test]
fn the_command_list_wraps_to_the_terminal() {
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

#[test]
fn each_command_has_one_line_in_a_terminal_of_80_columns() {
    let definition = definition();
    let text = template(&definition, 80).to_string();
    for command in definition.get_subcommands() {
        let about = command.get_about().unwrap().to_string();
        assert!(text.contains(&format!(" {about}\n")), "`mlp {}` needs a shorter help", command.get_name());
    }
}

#[test]
fn the_short_help_of_train_fits_on_one_screen() {
    let mut definition = definition().term_width(MAX_COLUMNS);
    definition.build();
    let train = definition.find_subcommand("train").unwrap().clone().term_width(MAX_COLUMNS);
    let help = train.clone().render_help().to_string();
    assert!(help.lines().count() <= 40, "{}\n{help}", help.lines().count());
    assert!(help.contains("[default: 0.01]") && help.contains("--help"), "{help}");
}

#[test]
fn the_help_shows_the_defaults_of_the_recipe_it_is_asked_for() {
    let help = |arguments: &str| {
        let arguments = arguments.split(' ').map(Into::into);
        let command = defaults::show(Cli::command(), arguments);
        command.find_subcommand("train").unwrap().clone().render_long_help().to_string()
    };
    let textbook = help("mlp train --help");
    for default in ["Hidden layer sizes", "sgd", "100", "0.01", "logistic", "mnist", "50"] {
        assert!(textbook.contains(default), "{default}: {textbook}");
    }
    assert_ne!(help("mlp train --recipe fast -h"), textbook);
    assert_eq!(help("mlp train --recipe=fast -h"), help("mlp train --recipe fast --help"));
    assert!(help("mlp train --recipe fast -h").contains("Learning rate [default: 0.9]"));
    // Reading the recipe twice would consume a pipe.
    assert_eq!(help("mlp train --recipe fast"), textbook);
    assert_eq!(help("mlp train --recipe no-such -h"), textbook);
}
