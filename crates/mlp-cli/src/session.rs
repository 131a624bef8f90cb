//! A training with everything that it needs from files: from a recipe to a plan and its data, and from there through a run directory.
//! Every command that trains goes this way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use mlp_core::{Mlp, Precision};
use mlp_data::{Dataset, Datasets, catalog, synthetic};
use mlp_train::{
    Every, Examples, Metadata, Network, Number, Observer, Origin, Plan, RunDir, RunResult, RunSetup, Trainer,
};

use crate::console::note;
use crate::datasets::load_named;
use crate::recipe::Recipe;

pub(crate) const PROGRAM: &str = concat!("mlp ", env!("CARGO_PKG_VERSION"));

/// The data of a recipe.
pub(crate) struct Data {
    pub(crate) sets: Datasets, // without what is set apart
    pub(crate) validation: Option<Dataset>,
    pub(crate) origin: Origin,
    validation_set: Option<String>, // by a name that is right everywhere, as the origin's
}

/// A recipe with its data, ready to be trained.
pub(crate) struct Session {
    pub(crate) recipe: Recipe,
    pub(crate) plan: Plan,
    pub(crate) data: Arc<Data>,
}

/// How a run is kept, apart from what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keeping {
    pub(crate) checkpoint_every: Option<Every>,
    /// Between the checkpoints at the ends of epochs.
    pub(crate) spacing: Duration,
    pub(crate) tensorboard: bool,
    /// Whether each checkpoint is waited for.
    pub(crate) waits_for_disk: bool,
}

impl Data {
    /// Gets what a recipe asks for.
    pub(crate) fn load(recipe: &Recipe, data_dir: &Path, quiet: bool) -> anyhow::Result<Self> {
        let mut sets = load_named(&recipe.dataset, data_dir, quiet)?;
        let mut origin = Origin::new(full_name(&sets.name), sets.train.sha256(), PROGRAM);
        let (mut validation, mut validation_set) = (None, None);
        if recipe.train.validation > 0.0 {
            let parts = sets.train.split_stratified(recipe.train.validation, recipe.train.split_seed)?;
            (sets.train, validation) = (parts.0, Some(parts.1));
        } else if let Some(name) = &recipe.validation_set {
            let other = load_named(name, data_dir, quiet)?;
            let form = |set: &Dataset| (set.shape(), set.classes());
            if form(&other.test) != form(&sets.test) {
                bail!(
                    "{}: images of {} in {} classes to validate on; expected {} in {}, as in {}",
                    other.name,
                    other.test.shape(),
                    other.test.classes(),
                    sets.test.shape(),
                    sets.test.classes(),
                    sets.name
                );
            }
            origin.validation_sha256 = Some(other.test.sha256());
            validation_set = Some(full_name(&other.name));
            validation = Some(other.test);
        }
        Ok(Self { sets, validation, origin, validation_set })
    }
}

impl Session {
    /// Checks the recipe, gets its data and checks that they go together.
    pub(crate) fn load(recipe: Recipe, data_dir: &Path, quiet: bool) -> anyhow::Result<Self> {
        // Before anything is downloaded.
        recipe.train.check()?;
        let data = Data::load(&recipe, data_dir, quiet)?;
        Self::of(recipe, Arc::new(data))
    }

    /// A recipe with data that have been loaded for it, or for one that asks for the same.
    pub(crate) fn of(recipe: Recipe, data: Arc<Data>) -> anyhow::Result<Self> {
        let plan = recipe.train.clone().validate(&data.sets.train)?;
        plan.check_sets(data.validation.is_some(), true)?;
        let recipe = Recipe {
            dataset: data.origin.dataset.clone(),
            validation_set: data.validation_set.clone(),
            train: plan.config().clone(),
            name: recipe.name,
        };
        Ok(Self { recipe, plan, data })
    }

    /// What a run of it keeps as its `config.toml`.
    pub(crate) fn config_toml(&self) -> String {
        self.recipe.to_toml(PROGRAM)
    }

    /// What a run of it is called: by its dataset, or the directory of that.
    pub(crate) fn run_name(&self) -> &str {
        Path::new(&self.recipe.dataset).file_name().and_then(|name| name.to_str()).unwrap_or("run")
    }

    /// Trains in a run directory: goes on from its checkpoint, or begins if there is none.
    pub(crate) fn train(
        &self,
        run: &RunDir,
        keeping: Keeping,
        observers: &mut [&mut dyn Observer],
    ) -> anyhow::Result<RunResult> {
        match self.plan.config().precision {
            Precision::F32 => self.train_as::<f32>(run, keeping, observers),
            Precision::F64 => self.train_as::<f64>(run, keeping, observers),
        }
    }

    fn train_as<A: Number>(
        &self,
        run: &RunDir,
        keeping: Keeping,
        observers: &mut [&mut dyn Observer],
    ) -> anyhow::Result<RunResult>
    where
        Network: From<Mlp<A>>,
    {
        let examples = Examples::<A>::new(&self.plan, &self.data.sets.train);
        let (plan, data) = (self.plan.clone(), &self.data);
        let (validation, test) = (data.validation.as_ref(), Some(&data.sets.test));
        let mut trainer = match run.checkpoint::<A>()? {
            None => Trainer::with_sets(plan, &examples, validation, test)?,
            Some(checkpoint) => {
                let (was, is) = (checkpoint.origin(), &data.origin);
                if (&was.sha256, &was.validation_sha256) != (&is.sha256, &is.validation_sha256) {
                    bail!(
                        "{}: the dataset {} is not the one that the run began with; expected SHA-256 {}, found {}",
                        run.path().display(),
                        was.dataset,
                        was.sha256,
                        is.sha256
                    );
                }
                if was.program != PROGRAM {
                    note(&format!(
                        "the checkpoint is of {}; this is {PROGRAM}, whose bits may differ",
                        was.program
                    ));
                }
                Trainer::resume(checkpoint, plan, &examples, validation, test).with_context(|| {
                    format!("{} (its config.toml has to be as it was)", run.path().display())
                })?
            }
        };
        let (names, shape) = (data.sets.class_names.clone(), data.sets.train.shape());
        let mut metadata = Metadata::new(self.recipe.dataset.clone(), names, shape, PROGRAM);
        metadata.preprocessing = data.sets.preprocessing;
        metadata.config = Some(self.plan.config().clone());
        let mut setup = RunSetup::new(data.origin.clone(), metadata);
        setup.test = test;
        setup.checkpoint_every = keeping.checkpoint_every;
        setup.spacing = keeping.spacing;
        setup.waits_for_disk = keeping.waits_for_disk;
        setup.tensorboard = keeping.tensorboard;
        Ok(run.train(&mut trainer, &setup, observers)?)
    }
}

/// The name by which the dataset is found again from anywhere: of a directory, the whole path.
pub(crate) fn full_name(name: &str) -> String {
    let known = catalog::find(name).is_ok() || name == synthetic::NAME;
    let path = (!known).then(|| Path::new(name).canonicalize().ok()).flatten();
    path.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}
