//! Flags that choose a dataset, and loading it. Known datasets are downloaded if needed.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use mlp_data::catalog::{self, CatalogEntry};
use mlp_data::fetch::{FetchOptions, Fetcher};
use mlp_data::text::printable;
use mlp_data::{Dataset, Datasets};
use mlp_train::{Matched, Model, Origin, TrainConfig, match_classes};

use crate::dataset_name::{full_name, is_known, located};
use crate::output::download::DownloadProgress;
use crate::output::messages::note;
use crate::output::version::PROGRAM;
use crate::recipe::Recipe;
#[cfg(unix)]
use crate::signals::bus_error;

/// The flag for the directory of datasets.
#[derive(clap::Args)]
pub(crate) struct DataDir {
    /// Directory with a subdirectory for each dataset
    #[arg(long, value_name = "DIR", default_value = "data", hide_short_help = true)]
    pub(crate) data_dir: PathBuf,
}

/// Flags for a dataset.
#[derive(clap::Args)]
pub(crate) struct DataArgs {
    /// Dataset: a name from `mlp data info`, `synthetic`, or a directory with four IDX files
    #[arg(long, value_name = "NAME|DIR", default_value = "mnist")]
    pub(crate) dataset: String,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

/// Flags for the images that a model is applied to.
#[derive(clap::Args)]
pub(crate) struct SetArgs {
    /// Dataset, a name or a directory [default: the one the model was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Part of the dataset
    #[arg(long, value_enum, default_value_t)]
    pub(crate) split: Split,
}

impl SetArgs {
    /// Loads the dataset given by the flags, or the one that the model at `path` was trained on.
    pub(crate) fn load(&self, model: &Model, path: &Path) -> anyhow::Result<Datasets> {
        load_for(model, path, self.dataset.as_deref(), &self.data_dir.data_dir, self.split)
    }

    /// Returns the chosen part of a dataset in the model's classes.
    pub(crate) fn matched<'d>(&self, model: &Model, sets: &'d Datasets) -> anyhow::Result<Matched<'d>> {
        matched(model, sets, self.split)
    }
}

/// Loads a dataset by its name, or the one that the model at `path` was trained on. For the
/// validation part, examples that training held out are moved there, as in training.
pub(crate) fn load_for(
    model: &Model,
    path: &Path,
    dataset: Option<&str>,
    data_dir: &Path,
    split: Split,
) -> anyhow::Result<Datasets> {
    let mut sets = match dataset {
        Some(name) => load_named(name, data_dir, false)?,
        None => load_stored(&model.metadata.dataset, path, data_dir, false)?,
    };
    let config = model.metadata.config.as_ref().filter(|config| config.validation > 0.0);
    if let (Split::Validation, Some(config)) = (split, config) {
        let (train, held_out) = sets.train.split_stratified(config.validation, config.split_seed)?;
        note(&format!(
            "{}: validating on the {}% of the training set that was held out when the model was trained",
            sets.name,
            100.0 * config.validation
        ));
        (sets.train, sets.validation) = (train, Some(held_out));
    }
    Ok(sets)
}

/// Returns the training set without the examples that a training held out.
pub(crate) fn training_part(train: Dataset, config: &TrainConfig) -> anyhow::Result<Dataset> {
    if config.validation > 0.0 {
        return Ok(train.split_stratified(config.validation, config.split_seed)?.0);
    }
    Ok(train)
}

/// Returns a part of a dataset in the model's classes, and says if they are not the dataset's.
pub(crate) fn matched<'d>(model: &Model, sets: &'d Datasets, split: Split) -> anyhow::Result<Matched<'d>> {
    let matched = model.matched(split.of(sets)?, &sets.class_names)?;
    if let Some(text) = &matched.note {
        note(&format!("{} ({}): {}", sets.name, split.name(), printable(text)));
    }
    Ok(matched)
}

/// A part of a dataset.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Split {
    Train,
    Validation,
    #[default]
    Test,
}

impl Split {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Returns this part of a dataset.
    ///
    /// # Errors
    /// If the dataset has no validation part.
    pub(crate) fn of(self, sets: &Datasets) -> anyhow::Result<&Dataset> {
        match self {
            Self::Train => Ok(&sets.train),
            Self::Validation => sets.validation.as_ref().with_context(|| {
                format!("{} has no validation part; expected --split train or test", sets.name)
            }),
            Self::Test => Ok(&sets.test),
        }
    }
}

/// Loads the chosen dataset.
pub(crate) fn load(args: &DataArgs, quiet: bool) -> anyhow::Result<Datasets> {
    load_named(&args.dataset, &args.data_dir.data_dir, quiet)
}

/// Loads a dataset, and downloads it first if it is in the catalog but not in `data_dir`.
pub(crate) fn load_named(name: &str, data_dir: &Path, quiet: bool) -> anyhow::Result<Datasets> {
    if !Datasets::is_present(name, data_dir)
        && let Ok(entry) = catalog::find(name)
    {
        fetch(entry, data_dir, quiet)?;
    }
    #[cfg(unix)]
    bus_error::report()?;
    Ok(Datasets::load(name, data_dir)?)
}

/// Downloads a dataset, with progress on standard error.
pub(crate) fn fetch(entry: &CatalogEntry, data_dir: &Path, quiet: bool) -> anyhow::Result<()> {
    let progress = DownloadProgress::new(quiet);
    let report =
        Fetcher::new(FetchOptions::default()).fetch(entry, data_dir, &mut |event| progress.show(event))?;
    if !quiet {
        let done = if report.nothing_to_do() { "already downloaded, verified" } else { "verified" };
        note(&format!("{} in {}: {done}", entry.name, report.directory.display()));
    }
    Ok(())
}

/// Loads a dataset that a run or model at `place` names.
pub(crate) fn load_stored(
    name: &str,
    place: &Path,
    data_dir: &Path,
    quiet: bool,
) -> anyhow::Result<Datasets> {
    let found = located(name, place);
    if !is_known(&found) && !Path::new(&found).exists() {
        bail!("{}: dataset {name} no longer exists; give its new path with --dataset", place.display());
    }
    load_named(&found, data_dir, quiet)
}

/// The training, validation and test sets of a recipe.
pub(crate) struct TrainingData {
    pub(crate) sets: Datasets, // without the validation examples
    pub(crate) validation: Option<Dataset>,
    pub(crate) held_out: f64, // fraction of the training set that is the validation set
    pub(crate) origin: Origin,
    pub(crate) dataset: String,                // a full name, or as a run stores it
    pub(crate) validation_set: Option<String>, // the same
}

impl TrainingData {
    /// Checks a recipe and loads its data.
    pub(crate) fn load(recipe: &Recipe, data_dir: &Path, quiet: bool) -> anyhow::Result<Self> {
        let data = Self::load_with(recipe, 0.0, quiet, |name| load_named(name, data_dir, quiet))?;
        let validation_set = data.validation_set.as_deref().map(full_name);
        Ok(Self { dataset: full_name(&data.dataset), validation_set, ..data })
    }

    /// Like [`TrainingData::load`], for the recipe of a run in the directory `run`.
    pub(crate) fn load_of_run(
        recipe: &Recipe,
        run: &Path,
        data_dir: &Path,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        Self::load_with(recipe, 0.0, quiet, |name| load_stored(name, run, data_dir, quiet))
    }

    /// Like [`TrainingData::load`], for a recipe of the sweep in the directory `sweep`. Without any
    /// other validation set, a fraction of the training set is held out.
    pub(crate) fn load_of_sweep(
        recipe: &Recipe,
        sweep: &Path,
        data_dir: &Path,
        fraction: f64,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let data =
            Self::load_with(recipe, fraction, quiet, |name| load_stored(name, sweep, data_dir, quiet))?;
        if data.held_out > recipe.train.validation && !quiet {
            note(&format!("validating on {}% of the training set (--validation)", 100.0 * fraction));
        }
        Ok(data)
    }

    /// `fallback` is the fraction of the training set to hold out if there is no validation set.
    fn load_with(
        recipe: &Recipe,
        fallback: f64,
        quiet: bool,
        load: impl Fn(&str) -> anyhow::Result<Datasets>,
    ) -> anyhow::Result<Self> {
        // Fail before downloading anything.
        recipe.train.check()?;
        let mut sets = load(&recipe.dataset)?;
        sets.oddities().iter().filter(|_| !quiet).for_each(|line| note(&format!("{}: {line}", sets.name)));
        let mut origin = Origin::new(full_name(&sets.name), sets.train.sha256(), PROGRAM);
        origin.test_sha256 = Some(sets.test.sha256());
        origin.class_names.clone_from(&sets.class_names);
        (origin.preprocessing, origin.polarity) = (sets.preprocessing, sets.polarity);
        let mut validation = sets.validation.take();
        let is_replaced = recipe.train.validation > 0.0 || recipe.validation_set.is_some();
        if validation.is_some() && is_replaced && !quiet {
            note(&format!("{}: ignoring its validation set, because another one is chosen", sets.name));
        }
        let held_out = if validation.is_none() && !is_replaced { fallback } else { recipe.train.validation };
        if held_out > 0.0 {
            let parts = sets.train.split_stratified(held_out, recipe.train.split_seed)?;
            (sets.train, validation) = (parts.0, Some(parts.1));
        } else if let Some(name) = &recipe.validation_set {
            let other = load(name)?;
            let (found, expected) = (other.test.shape(), sets.train.shape());
            if found != expected {
                bail!(
                    "{}: validation images of {found}; expected {expected}, as in {}",
                    other.name,
                    sets.name
                );
            }
            let matched = match_classes(&other.test, &other.class_names, &sets.class_names)
                .with_context(|| format!("{} as the validation set of {}", other.name, sets.name))?;
            if let Some(text) = matched.note.as_ref().filter(|_| !quiet) {
                note(&format!("{} (validation): {}", other.name, printable(text)));
            }
            let data = matched.data.into_owned();
            origin.validation_sha256 = Some(data.sha256());
            validation = Some(data);
        } else {
            origin.validation_sha256 = validation.as_ref().map(Dataset::sha256);
        }
        let (dataset, validation_set) = (recipe.dataset.clone(), recipe.validation_set.clone());
        Ok(Self { sets, validation, held_out, origin, dataset, validation_set })
    }
}
