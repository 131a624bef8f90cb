//! Shows the values of a recipe as defaults in the help of the commands that train.

use std::ffi::OsString;

use clap::{Arg, Command};
use toml::{Table, Value};

use super::{DEFAULT, RECIPE, Recipe};
use crate::output::version::PROGRAM;
use crate::parse::Hidden;

/// The commands that take a recipe.
const COMMANDS: [&str; 4] = ["train", "sweep", "lr-find", "verify-resume"];

/// Adds `[default: VALUE]` to the help of each flag that overrides a key of a recipe. The values
/// are those of the recipe in `arguments` if they ask for help, otherwise those of the default
/// recipe.
pub(crate) fn show(command: Command, arguments: impl Iterator<Item = OsString>) -> Command {
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let default = || Recipe::resolve(DEFAULT, &[], Table::new());
    let recipe = recipe_in(&arguments).map_or_else(default, |name| Recipe::resolve(name, &[], Table::new()));
    let Ok(recipe) = recipe.or_else(|_| default()) else { return command };
    let mut values = recipe.to_table(PROGRAM);
    values.remove(RECIPE);
    if recipe.train.validation == 0.0 {
        // `mlp sweep` then holds out some examples all the same.
        values.remove("validation");
    }
    let with_default = |argument: Arg| {
        let (Some(value), Some(help)) = (values.get(argument.get_id().as_str()), argument.get_help()) else {
            return argument;
        };
        let help = help.to_string();
        let (help, _) = help.split_once(" [default:").unwrap_or((help.as_str(), ""));
        let help = format!("{help} [default: {}]", text(value));
        argument.help(help)
    };
    command.mut_subcommands(|command| {
        let takes_recipe = COMMANDS.contains(&command.get_name());
        if takes_recipe { command.mut_args(with_default) } else { command }
    })
}

/// The recipe in a command line that asks for help. A recipe is not read otherwise: it may be a
/// pipe, which can be read only once.
fn recipe_in(arguments: &[String]) -> Option<&str> {
    arguments.iter().find(|argument| ["-h", "--help"].contains(&argument.as_str()))?;
    arguments.iter().enumerate().find_map(|(index, argument)| match argument.strip_prefix("--recipe")? {
        "" => arguments.get(index + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    })
}

/// A value as a user types it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => number.to_string(),
        Value::Array(_) => {
            value.clone().try_into().map_or(value.to_string(), |sizes| Hidden(sizes).to_string())
        }
        other => other.to_string(),
    }
}
