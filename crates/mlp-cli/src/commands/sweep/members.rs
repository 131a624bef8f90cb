//! The runs of a sweep, and the `sweep.toml` that an interrupted sweep is resumed from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mlp_data::fs::{Disk, DiskFile, Lock, final_name, write_atomically};
use serde::{Deserialize, Serialize};
use toml::Table as Keys;

use super::halving::Halving;
use crate::output::table::counted;
use crate::output::version::PROGRAM;
use crate::recipe::Recipe;
use crate::recipe::variations::{Variation, grid, random};

/// Maximum number of runs.
const MAX_RUNS: usize = 100_000;
const FILE: &str = "sweep.toml";

/// The contents of `sweep.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    pub(super) vary: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) random: Option<usize>,
    pub(super) seed: String, // text, because TOML integers are too small
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) halving: Option<Halving>,
    pub(super) recipe: Keys,
}

/// A run of the sweep, trained or not.
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) varied: Keys,
    pub(super) recipe: Recipe,
}

/// The first of `sweep`, `sweep-2`, … that does not exist.
pub(super) fn free_directory(parent: &Path) -> PathBuf {
    let name =
        |number: u64| parent.join(if number == 1 { "sweep".to_owned() } else { format!("sweep-{number}") });
    (1..).map(name).find(|path| !path.exists()).expect("some number is free")
}

fn check_free(directory: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    // A sweep that was killed while it began may leave these.
    let is_ours = |name: &str| name == ".lock" || final_name(name) == Some(FILE);
    if entries.flatten().any(|entry| !is_ours(&entry.file_name().to_string_lossy())) {
        bail!(
            "{}: not empty; resume a sweep with --resume, or choose another directory",
            directory.display()
        );
    }
    Ok(())
}

fn locked(directory: &Path) -> anyhow::Result<DiskFile> {
    let lock = Disk::default()
        .lock(&directory.join(".lock"))
        .with_context(|| format!("{}: cannot lock the sweep directory", directory.display()))?;
    match lock {
        Lock::Held(lock) | Lock::Unsupported(lock) => Ok(lock),
        Lock::Busy => bail!("{}: another process is running this sweep", directory.display()),
    }
}

impl Sweep {
    /// Writes `sweep.toml` to a new or empty directory and returns the lock on the directory.
    pub(super) fn begin_in(&self, directory: &Path) -> anyhow::Result<DiskFile> {
        fs::create_dir_all(directory)
            .with_context(|| format!("{}: cannot create the sweep directory", directory.display()))?;
        // Checked before the lock file is created in a wrong directory, and again under the lock.
        check_free(directory)?;
        let lock = locked(directory)?;
        check_free(directory)?;
        self.write(directory)?;
        Ok(lock)
    }

    /// Writes `sweep.toml`.
    pub(super) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let text = toml::to_string(self).expect("plain data");
        let path = directory.join(FILE);
        write_atomically(&path, |file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{}: cannot write the sweep", path.display()))
    }

    /// Reads the sweep in a directory and returns it with the lock on the directory.
    pub(super) fn open(directory: &Path) -> anyhow::Result<(Self, DiskFile)> {
        let path = directory.join(FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{}: cannot read the sweep", path.display()))?;
        let sweep = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {}", path.display(), error.message()))?;
        Ok((sweep, locked(directory)?))
    }

    /// Replaces keys of the recipe that all runs share.
    ///
    /// # Errors
    /// If the sweep varies one of them.
    pub(super) fn change(&mut self, changes: Keys, directory: &Path) -> anyhow::Result<()> {
        if let Some(variation) = self.variations()?.iter().find(|one| changes.contains_key(&one.key)) {
            bail!("{} cannot change: the sweep varies it ({variation})", variation.key);
        }
        let mut keys = self.recipe.clone();
        keys.extend(changes);
        self.recipe = Recipe::of(keys)?.stored_at(directory).to_table(PROGRAM);
        Ok(())
    }

    fn variations(&self) -> anyhow::Result<Vec<Variation>> {
        let parse = |text: &String| text.parse().map_err(|reason| anyhow::anyhow!("{text}: {reason}"));
        self.vary.iter().map(parse).collect()
    }

    /// Returns the runs of the sweep, after checking their recipes.
    pub(super) fn members(&self, directory: &Path) -> anyhow::Result<Vec<Member>> {
        let variations = self.variations()?;
        let combinations = match self.random {
            Some(count) if count > MAX_RUNS => {
                bail!("{}; expected at most {MAX_RUNS}", counted(count, "run"))
            }
            Some(count) => random(&variations, count, self.seed.parse().context("seed of the sweep")?),
            None => grid(&variations).map_err(anyhow::Error::msg)?,
        };
        if !(1..=MAX_RUNS).contains(&combinations.len()) {
            bail!("{}; expected 1 to {MAX_RUNS}", counted(combinations.len(), "run"));
        }
        let width = combinations.len().to_string().len().max(3);
        let member = |(number, varied): (usize, Keys)| {
            let mut keys = self.recipe.clone();
            keys.extend(varied.clone());
            let recipe = Recipe::of(keys).and_then(|recipe| {
                recipe.train.check()?;
                Ok(recipe)
            });
            let recipe = recipe.with_context(|| shown(&varied))?;
            Ok(Member { path: directory.join(format!("{:0width$}", number + 1)), varied, recipe })
        };
        combinations.into_iter().enumerate().map(member).collect()
    }
}

/// Varied keys and values as a user writes them.
pub(super) fn shown(varied: &Keys) -> String {
    let shown = |(key, value): (&String, &toml::Value)| format!("{key}={}", value_text(value));
    varied.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// A value as a user writes it; floats with three significant digits.
pub(super) fn value_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) => crate::output::table::three_digits(*number),
        other => other.to_string(),
    }
}
