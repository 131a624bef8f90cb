//! The command line accepts every command that README.md, the guide and the crates' READMEs print.
//! `cargo xtask e2e` also runs those in `console` blocks.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::OPERATORS;
use crate::Cli;

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let readmes = crates.map(|entry| entry.unwrap().path().join("README.md"));
    [root.join("README.md"), root.join("docs/guide.md")].into_iter().chain(readmes).collect()
}

/// The commands in the `console` blocks of a document, and those in its text that have flags but no
/// placeholders like `MODEL`.
fn commands(markdown: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let (mut is_code, mut text) = (false, String::new());
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            text = text + line + " ";
        } else if let Some(command) = line.strip_prefix("$ ") {
            let mut command = command.to_owned();
            while let Some(begun) = command.strip_suffix('\\') {
                command = format!("{begun}{}", lines.next().unwrap().trim_start());
            }
            commands.push(words(&command));
        }
    }
    let inline = text.split('`').skip(1).step_by(2).map(words);
    commands.extend(inline.filter(|words| {
        words.iter().any(|word| word.starts_with("--"))
            && !words.iter().any(|word| word.contains('…') || word.contains(char::is_uppercase))
    }));
    commands.retain(|words| words.first().is_some_and(|word| word == "mlp"));
    commands
}

/// The words of a command, up to a comment or the next command.
fn words(command: &str) -> Vec<String> {
    let words = shlex::split(command).unwrap_or_else(|| panic!("a quote is open: {command}"));
    words.into_iter().take_while(|word| word != "#" && !OPERATORS.contains(&word.as_str())).collect()
}

#[test]
fn every_command_printed_in_the_documents_parses() {
    let mut count = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for command in commands(&text) {
            match Cli::try_parse_from(&command) {
                Err(error) if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                    panic!("{} prints {command:?}, but {error}", path.display());
                }
                _ => count += 1,
            }
        }
    }
    assert!(count > 50, "{count} commands");
}

#[test]
fn commands_are_found_in_console_blocks_and_in_the_text() {
    let markdown = "Try `mlp a --b` or `mlp c` or `mlp d --e FILE`.\n\n```console\n$ mlp f \\\n    --g  # why\nmlp no\n$ cargo h\n```\n";
    assert_eq!(commands(markdown), [vec!["mlp", "f", "--g"], vec!["mlp", "a", "--b"]]);
}
