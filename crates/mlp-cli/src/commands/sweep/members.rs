//! What a sweep is: the runs that it is made of, in a file from which it can be gone on with, and its directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mlp_data::atomic::write_atomically;
use mlp_data::disk::{Disk, DiskFile};
use serde::{Deserialize, Serialize};
use toml::Table as Keys;

use crate::recipe::Recipe;
use crate::recipe::variations::{Variation, grid, random};

/// More runs than anybody waits for.
const MAX_RUNS: usize = 100_000;
const FILE: &str = "sweep.toml";

/// What is in `sweep.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    pub(super) vary: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) random: Option<usize>,
    pub(super) seed: String, // TOML's numbers are too small for some
    pub(super) recipe: Keys,
}

/// A run to be, or one that is.
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) varied: Keys,
    pub(super) recipe: Recipe,
}

/// The first of `sweep`, `sweep-2`, … that is not there.
pub(super) fn free_directory(parent: &Path) -> PathBuf {
    let name =
        |number: u64| parent.join(if number == 1 { "sweep".to_owned() } else { format!("sweep-{number}") });
    (1..).map(name).find(|path| !path.exists()).expect("some number is free")
}

fn check_free(directory: &Path) -> anyhow::Result<()> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    if entries.flatten().any(|entry| entry.file_name() != ".lock") {
        bail!(
            "{}: not empty; go on with a sweep by --resume, or name another directory",
            directory.display()
        );
    }
    Ok(())
}

fn locked(directory: &Path) -> anyhow::Result<DiskFile> {
    let lock = Disk::default()
        .lock(&directory.join(".lock"))
        .with_context(|| format!("{}: cannot lock the directory of the sweep", directory.display()))?;
    lock.with_context(|| format!("{}: another process works at this sweep", directory.display()))
}

impl Sweep {
    /// Takes an empty directory for a new sweep, making it if need be, and writes `sweep.toml`. The lock is held as long as it lives.
    pub(super) fn begin_in(&self, directory: &Path) -> anyhow::Result<DiskFile> {
        fs::create_dir_all(directory)
            .with_context(|| format!("{}: cannot make the directory of the sweep", directory.display()))?;
        // Once before anything is written into a directory that is somebody's, and once when nobody else can write.
        check_free(directory)?;
        let lock = locked(directory)?;
        check_free(directory)?;
        let text = toml::to_string(self).expect("plain data");
        let path = directory.join(FILE);
        write_atomically(&path, |file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{}: cannot write the sweep", path.display()))?;
        Ok(lock)
    }

    /// The sweep in a directory, and the lock.
    pub(super) fn open(directory: &Path) -> anyhow::Result<(Self, DiskFile)> {
        let path = directory.join(FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{}: cannot read the sweep", path.display()))?;
        let sweep = toml::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {}", path.display(), error.message()))?;
        Ok((sweep, locked(directory)?))
    }

    /// Its runs, checked.
    pub(super) fn members(&self, directory: &Path) -> anyhow::Result<Vec<Member>> {
        let variations: Vec<Variation> = self
            .vary
            .iter()
            .map(|text| text.parse().map_err(|reason| anyhow::anyhow!("{text}: {reason}")))
            .collect::<anyhow::Result<_>>()?;
        let combinations = match self.random {
            Some(count) if count > MAX_RUNS => bail!("{count} runs; expected at most {MAX_RUNS}"),
            Some(count) => random(&variations, count, self.seed.parse().context("the seed of the sweep")?),
            None => grid(&variations).map_err(anyhow::Error::msg)?,
        };
        if !(1..=MAX_RUNS).contains(&combinations.len()) {
            bail!("{} runs; expected 1 to {MAX_RUNS}", combinations.len());
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

/// What is varied, as a person writes it.
pub(super) fn shown(varied: &Keys) -> String {
    let shown = |(key, value): (&String, &toml::Value)| format!("{key}={}", value_text(value));
    varied.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// A value as a person writes it; of what was drawn, three digits are enough to know it by.
pub(super) fn value_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) => crate::output::table::three_digits(*number),
        other => other.to_string(),
    }
}
