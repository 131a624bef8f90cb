//! Recipes: named configurations. Flags override `--set`, which overrides the recipe. The result is
//! saved as `config.toml` of the run, which is a recipe again.

pub(crate) mod choices;
pub(crate) mod defaults;
pub(crate) mod variations;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use mlp_train::{RunDir, TrainConfig};
use toml::{Table, Value};

use crate::dataset_name::{located, stored_name};
use crate::parse::Hidden;

/// Names and contents of the built-in recipes.
const RECIPES: [(&str, &str); 8] = [
    ("textbook", include_str!("../../../../recipes/textbook.toml")),
    ("modern-100", include_str!("../../../../recipes/modern-100.toml")),
    ("augmented-100", include_str!("../../../../recipes/augmented-100.toml")),
    ("fast", include_str!("../../../../recipes/fast.toml")),
    ("wide", include_str!("../../../../recipes/wide.toml")),
    ("augmented", include_str!("../../../../recipes/augmented.toml")),
    ("record", include_str!("../../../../recipes/record.toml")),
    ("fashion", include_str!("../../../../recipes/fashion.toml")),
];

/// The recipe that `--recipe` defaults to.
const DEFAULT: &str = "textbook";

/// A dataset and how to train on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recipe {
    /// Name or file of the recipe. For a run, the recipe it started from.
    pub(crate) name: String,
    pub(crate) dataset: String,
    /// Dataset whose test images are the validation set.
    pub(crate) validation_set: Option<String>,
    pub(crate) train: TrainConfig,
}

/// Keys of a recipe that are not in [`TrainConfig`].
const RECIPE: &str = "recipe";
const DATASET: &str = "dataset";
const VALIDATION_SET: &str = "validation_set";
const PROGRAM: &str = "program";

impl Recipe {
    /// Reads a built-in recipe or a file, and overrides it with `settings` (each `key=value`) and
    /// then `flags`.
    pub(crate) fn resolve(name: &str, settings: &[String], flags: Table) -> anyhow::Result<Self> {
        let mut table = read(name)?;
        table.entry(RECIPE).or_insert_with(|| name.into());
        for setting in settings {
            let (key, value) = setting_of(setting)?;
            table.insert(key, value);
        }
        // A flag for one kind of validation set replaces the other kind.
        if flags.contains_key(VALIDATION_SET) {
            table.remove("validation");
        } else if flags.contains_key("validation") {
            table.remove(VALIDATION_SET);
        }
        table.extend(flags);
        Self::of(table)
    }

    /// Reads the recipe of a run, overridden by `changes`.
    pub(crate) fn of_run(path: &Path, changes: Table) -> anyhow::Result<Self> {
        let mut table = table_of_run(path)?;
        table.extend(changes);
        Self::of(table)
    }

    /// The recipe as a run or sweep at `place` stores it; see [`stored_name`].
    pub(crate) fn stored_at(&self, place: &Path) -> Self {
        Self {
            dataset: stored_name(&self.dataset, place),
            validation_set: self.validation_set.as_deref().map(|name| stored_name(name, place)),
            ..self.clone()
        }
    }

    /// Parses a recipe.
    pub(crate) fn of(mut table: Table) -> anyhow::Result<Self> {
        let mut text = |key: &str| match table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok((text != "none").then_some(text)),
            Some(other) => bail!("{key} is {other}; expected a name or path in quotes"),
        };
        let name = text(RECIPE)?.unwrap_or_default();
        let dataset = text(DATASET)?.unwrap_or_else(|| "mnist".to_owned());
        let validation_set = text(VALIDATION_SET)?;
        // Which program wrote the configuration does not matter here.
        table.remove(PROGRAM);
        let mut train = Table::new();
        for (key, value) in table {
            // TOML has no null: `none` unsets a key.
            if value.as_str() != Some("none") || key == "hidden" {
                train.insert(key, value);
            }
        }
        // Also accept a single size without brackets, and the syntax of --hidden.
        let sizes = match train.get("hidden") {
            Some(&Value::Integer(units)) => Some(Value::from(vec![units])),
            Some(Value::String(text)) => {
                let Hidden(sizes) =
                    text.parse().map_err(|error: String| anyhow::anyhow!("hidden: {error}"))?;
                Some(Value::try_from(sizes)?)
            }
            _ => None,
        };
        train.extend(sizes.map(|sizes| ("hidden".to_owned(), sizes)));
        let train: TrainConfig =
            // Its text ends in the key.
            train.try_into().map_err(|error: toml::de::Error| anyhow::anyhow!(one_line(&error.to_string())))?;
        if validation_set.is_some() && train.validation > 0.0 {
            bail!("validation is {} and validation_set is also set; expected only one", train.validation);
        }
        Ok(Self { name, dataset, validation_set, train })
    }

    /// The content of a run's `config.toml`.
    pub(crate) fn to_table(&self, program: &str) -> Table {
        let mut table = Table::new();
        table.insert(PROGRAM.to_owned(), program.into());
        table.insert(RECIPE.to_owned(), self.name.as_str().into());
        table.insert(DATASET.to_owned(), self.dataset.as_str().into());
        if let Some(name) = &self.validation_set {
            table.insert(VALIDATION_SET.to_owned(), name.as_str().into());
        }
        let train = Table::try_from(&self.train).expect("plain data");
        table.extend(train);
        table
    }
}

/// Reads the keys of a run's configuration.
pub(crate) fn table_of_run(path: &Path) -> anyhow::Result<Table> {
    // For its errors, which name the file.
    RunDir::read_config(path)?;
    read_file(&path.join("config.toml"))
}

/// Reads the keys of a built-in recipe or of a file.
fn read(name: &str) -> anyhow::Result<Table> {
    if let Some((_, text)) = RECIPES.iter().find(|(known, _)| *known == name) {
        return Ok(text.parse().expect("recipes are tested"));
    }
    let path = Path::new(name);
    let is_path = path.extension().is_some_and(|extension| extension == "toml") || name.contains(['/', '\\']);
    if !is_path {
        let known = RECIPES.map(|(name, _)| name).join(", ");
        bail!("unknown recipe `{name}`; expected one of {known}, or a .toml file");
    }
    let mut table = read_file(path)?;
    for key in [DATASET, VALIDATION_SET] {
        if let Some(Value::String(dataset)) = table.get_mut(key) {
            *dataset = located(dataset, path.parent().unwrap_or(path));
        }
    }
    Ok(table)
}

/// Reads the keys of a recipe file.
fn read_file(path: &Path) -> anyhow::Result<Table> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("{name}: cannot read the recipe"))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        anyhow::anyhow!("{name}, line {line}: {}", one_line(error.message()))
    })?;
    Recipe::of(table.clone()).with_context(|| name.to_string())?;
    Ok(table)
}

/// Parses `key=value`.
fn setting_of(setting: &str) -> anyhow::Result<(String, Value)> {
    let Some((key, value)) = setting.split_once('=') else {
        bail!("--set {setting}: expected key=value, as in --set learning_rate=0.1");
    };
    Ok((key.trim().replace('-', "_"), value_of(value)))
}

/// Parses a TOML value; anything else is a string.
pub(crate) fn value_of(text: &str) -> Value {
    let text = text.trim();
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| text.into())
}

/// Puts a message on one line, with words for Rust's names of types.
fn one_line(message: &str) -> String {
    let plain = |word| match word {
        "usize" | "u64" => "a nonnegative integer",
        "f64" => "a number",
        word => word,
    };
    message.split_whitespace().map(plain).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(name: &str, settings: &[&str]) -> anyhow::Result<Recipe> {
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        Recipe::resolve(name, &settings, Table::new())
    }

    #[test]
    fn every_recipe_is_valid_and_textbook_is_the_default_configuration() {
        for (name, _) in RECIPES {
            resolve(name, &[]).unwrap().train.check().unwrap();
        }
        assert_eq!(resolve("textbook", &[]).unwrap().train, TrainConfig::default());
    }

    #[test]
    fn the_config_of_a_run_is_the_same_recipe() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("config.toml");
        for settings in [
            &[][..],
            &["seed=18446744073709551615", "patience=3", "until=test-accuracy=0.98", "clip_norm=0.5"],
            &["hidden=[]", "optimizer=adamw", "schedule=one-cycle", "dataset=synthetic", "ema_decay=0.99"],
        ] {
            let recipe = resolve("textbook", settings).unwrap();
            fs::write(&path, recipe.to_table("mlp").to_string()).unwrap();
            assert_eq!(resolve(path.to_str().unwrap(), &[]).unwrap(), recipe, "{settings:?}");
        }
    }

    #[test]
    fn settings_are_toml_values_or_strings_and_none_unsets_a_key() {
        let recipe =
            resolve("textbook", &["patience=3", "learning-rate=0.5", "hidden=none", "patience=none"]);
        let train = recipe.unwrap().train;
        assert_eq!((train.patience, train.learning_rate, train.hidden), (None, 0.5, vec![]));
        for (setting, sizes) in
            [("hidden=64", &[64][..]), ("hidden=300,100", &[300, 100]), ("hidden=[7]", &[7])]
        {
            assert_eq!(resolve("textbook", &[setting]).unwrap().train.hidden, sizes, "{setting}");
        }
    }

    #[test]
    fn errors_are_one_line() {
        let error = |name: &str, settings: &[&str]| format!("{:#}", resolve(name, settings).unwrap_err());
        assert_eq!(
            error("modern", &[]),
            "unknown recipe `modern`; expected one of textbook, modern-100, augmented-100, fast, wide, augmented, record, fashion, or a .toml file"
        );
        let unknown = error("textbook", &["learning=1"]);
        assert!(unknown.starts_with("unknown field `learning`, expected one of `hidden`"), "{unknown}");
        assert_eq!(
            error("textbook", &["flip=yes"]),
            "invalid type: string \"yes\", expected a boolean in `flip`"
        );
        for (setting, expected) in
            [("epochs=few", "a nonnegative integer"), ("learning_rate=high", "a number")]
        {
            let text = error("textbook", &[setting]);
            let (key, value) = setting.split_once('=').unwrap();
            assert_eq!(text, format!("invalid type: string \"{value}\", expected {expected} in `{key}`"));
        }
        assert_eq!(error("textbook", &["x"]), "--set x: expected key=value, as in --set learning_rate=0.1");
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("r.toml");
        fs::write(&path, "epochs = 3\nhidden = [1,").unwrap();
        let broken = error(path.to_str().unwrap(), &[]);
        assert!(broken.contains("r.toml, line 2: "), "{broken}");
        assert!(!broken.contains('\n'), "{broken}");
    }
}
