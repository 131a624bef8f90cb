//! Datasets of commands: the flags that choose one, and loading it. A known dataset that is not
//! here yet is fetched.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ValueEnum;
use mlp_data::catalog::{self, CatalogEntry};
use mlp_data::fetch::{FetchOptions, Fetcher};
use mlp_data::{Dataset, Datasets, synthetic};
use mlp_train::{Model, Origin};

use crate::output::download::DownloadProgress;
use crate::output::messages::note;
use crate::output::version::PROGRAM;
use crate::recipe::Recipe;

/// The directory of datasets.
#[derive(clap::Args)]
pub(crate) struct DataDir {
    /// Directory of datasets, with a subdirectory for each
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
}

/// A dataset and the directory of datasets.
#[derive(clap::Args)]
pub(crate) struct DataArgs {
    /// A name from `mlp data info`, `synthetic`, or a directory with four IDX files
    #[arg(long, value_name = "NAME|DIR", default_value = "mnist")]
    pub(crate) dataset: String,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

/// The part of a dataset that a model is applied to.
#[derive(clap::Args)]
pub(crate) struct SetArgs {
    /// Dataset, a name or a directory [default: the one that the model was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Part of the dataset
    #[arg(long, value_enum, default_value_t)]
    pub(crate) split: Split,
}

impl SetArgs {
    /// Loads the dataset of the flags, or the one that the model was trained on.
    pub(crate) fn load(&self, model: &Model) -> anyhow::Result<Datasets> {
        let dataset = self.dataset.as_deref().unwrap_or(&model.metadata.dataset);
        load_named(dataset, &self.data_dir.data_dir, false)
    }
}

/// A part of a dataset.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Split {
    Train,
    #[default]
    Test,
}

impl Split {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    pub(crate) fn of(self, sets: &Datasets) -> &Dataset {
        match self {
            Self::Train => &sets.train,
            Self::Test => &sets.test,
        }
    }
}

/// Loads the dataset of the flags.
pub(crate) fn load(args: &DataArgs, quiet: bool) -> anyhow::Result<Datasets> {
    load_named(&args.dataset, &args.data_dir.data_dir, quiet)
}

/// Loads a dataset. One that is in the catalog but not here is fetched first.
pub(crate) fn load_named(name: &str, data_dir: &Path, quiet: bool) -> anyhow::Result<Datasets> {
    if !Datasets::is_present(name, data_dir)
        && let Ok(entry) = catalog::find(name)
    {
        fetch(entry, data_dir, quiet)?;
    }
    Ok(Datasets::load(name, data_dir)?)
}

/// Fetches a dataset, with progress on standard error.
pub(crate) fn fetch(entry: &CatalogEntry, data_dir: &Path, quiet: bool) -> anyhow::Result<()> {
    let progress = DownloadProgress::new(quiet);
    let report =
        Fetcher::new(FetchOptions::default()).fetch(entry, data_dir, &mut |event| progress.show(event))?;
    if !quiet {
        let done = if report.nothing_to_do() { "all there and verified" } else { "verified" };
        note(&format!("{} in {}: {done}", entry.name, report.directory.display()));
    }
    Ok(())
}

/// The name by which a dataset is found from anywhere: of a directory, its whole path.
pub(crate) fn full_name(name: &str) -> String {
    let is_known = catalog::find(name).is_ok() || name == synthetic::NAME;
    let path = (!is_known).then(|| Path::new(name).canonicalize().ok()).flatten();
    path.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

/// The data that a recipe asks for, split into training, validation and test sets.
pub(crate) struct TrainingData {
    pub(crate) sets: Datasets, // without the validation examples
    pub(crate) validation: Option<Dataset>,
    pub(crate) origin: Origin,
    pub(crate) validation_set: Option<String>, // a full name
}

impl TrainingData {
    /// Checks a recipe and loads its data.
    pub(crate) fn load(recipe: &Recipe, data_dir: &Path, quiet: bool) -> anyhow::Result<Self> {
        // Before anything is downloaded.
        recipe.train.check()?;
        let mut sets = load_named(&recipe.dataset, data_dir, quiet)?;
        sets.oddities().iter().filter(|_| !quiet).for_each(|line| note(&format!("{}: {line}", sets.name)));
        let mut origin = Origin::new(full_name(&sets.name), sets.train.sha256(), PROGRAM);
        let (mut validation, mut validation_set) = (sets.validation.take(), None);
        if validation.is_some()
            && (recipe.train.validation > 0.0 || recipe.validation_set.is_some())
            && !quiet
        {
            note(&format!("{}: its own validation set is not used, because another is asked for", sets.name));
        }
        if recipe.train.validation > 0.0 {
            let parts = sets.train.split_stratified(recipe.train.validation, recipe.train.split_seed)?;
            (sets.train, validation) = (parts.0, Some(parts.1));
        } else if let Some(name) = &recipe.validation_set {
            let other = load_named(name, data_dir, quiet)?;
            let (found, expected) = (&other.test, &sets.test);
            if (found.shape(), found.classes()) != (expected.shape(), expected.classes()) {
                bail!(
                    "{}: validation images of {} in {} classes; expected {} in {}, as in {}",
                    other.name,
                    found.shape(),
                    found.classes(),
                    expected.shape(),
                    expected.classes(),
                    sets.name
                );
            }
            origin.validation_sha256 = Some(found.sha256());
            validation_set = Some(full_name(&other.name));
            validation = Some(other.test);
        } else {
            origin.validation_sha256 = validation.as_ref().map(Dataset::sha256);
        }
        Ok(Self { sets, validation, origin, validation_set })
    }
}
