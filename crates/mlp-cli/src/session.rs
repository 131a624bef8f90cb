//! A training with everything that it needs from files: from a recipe to a plan and its data, and from there through a run directory.
//! Every command that trains goes this way.

use std::path::Path;

use anyhow::{Context, bail};
use mlp_core::{Mlp, Precision};
use mlp_data::{DataSets, Dataset, catalog, synthetic};
use mlp_train::{
    Every, Examples, Metadata, Network, Number, Observer, Origin, Plan, RunDir, RunResult, RunSetup, Trainer,
};

use crate::console::note;
use crate::data_sets::load_named;
use crate::recipe::Recipe;

pub(crate) const PROGRAM: &str = concat!("mlp ", env!("CARGO_PKG_VERSION"));

/// A recipe with its data, ready to be trained.
pub(crate) struct Session {
    pub(crate) recipe: Recipe, // its data set by a name that is right everywhere
    pub(crate) plan: Plan,
    pub(crate) sets: DataSets, // without what is set apart
    pub(crate) validation: Option<Dataset>,
    pub(crate) origin: Origin,
}

/// How a run is kept, apart from what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Keeping {
    pub(crate) checkpoint_every: Option<Every>,
    pub(crate) tensorboard: bool,
    /// Whether each checkpoint is waited for.
    pub(crate) waits_for_disk: bool,
}

impl Session {
    /// Checks the recipe, gets its data and checks that they go together.
    pub(crate) fn load(mut recipe: Recipe, data_dir: &Path, quiet: bool) -> anyhow::Result<Self> {
        // Before anything is downloaded.
        recipe.train.check()?;
        let mut sets = load_named(&recipe.dataset, data_dir, quiet)?;
        recipe.dataset = full_name(&sets.name);
        let mut origin = Origin {
            program: PROGRAM.to_owned(),
            dataset: recipe.dataset.clone(),
            sha256: String::new(),
            validation_sha256: None,
        };
        let validation;
        (origin.sha256, validation) = if recipe.train.validation > 0.0 {
            let sha256 = sets.train.sha256();
            let (train, validation) =
                sets.train.split_stratified(recipe.train.validation, recipe.train.split_seed)?;
            sets.train = train;
            (sha256, Some(validation))
        } else if let Some(name) = &recipe.validation_set {
            let other = load_named(name, data_dir, quiet)?;
            recipe.validation_set = Some(full_name(&other.name));
            if (other.test.shape(), other.test.classes()) != (sets.test.shape(), sets.test.classes()) {
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
            (sets.train.sha256(), Some(other.test))
        } else {
            (sets.train.sha256(), None)
        };
        let plan = recipe.train.clone().validate(&sets.train)?;
        plan.check_sets(validation.is_some(), true)?;
        Ok(Self { recipe, plan, sets, validation, origin })
    }

    /// What a run of it keeps as its `config.toml`.
    pub(crate) fn config_toml(&self) -> String {
        Recipe { train: self.plan.config().clone(), ..self.recipe.clone() }.to_toml(PROGRAM)
    }

    /// What a run of it is called: by its data set, or the directory of that.
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
        let examples = Examples::<A>::new(&self.plan, &self.sets.train);
        let (plan, validation, test) = (self.plan.clone(), self.validation.as_ref(), Some(&self.sets.test));
        let mut trainer = match run.checkpoint::<A>()? {
            None => Trainer::with_sets(plan, &examples, validation, test)?,
            Some(checkpoint) => {
                let (was, is) = (checkpoint.origin(), &self.origin);
                if (&was.sha256, &was.validation_sha256) != (&is.sha256, &is.validation_sha256) {
                    bail!(
                        "{}: the data set {} is not the one that the run began with; expected SHA-256 {}, found {}",
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
        let setup = RunSetup {
            origin: self.origin.clone(),
            metadata: Metadata {
                dataset: self.recipe.dataset.clone(),
                class_names: self.sets.class_names.clone(),
                image_shape: self.sets.train.shape(),
                config: self.plan.config().clone(),
                program: PROGRAM.to_owned(),
            },
            test,
            checkpoint_every: keeping.checkpoint_every,
            waits_for_disk: keeping.waits_for_disk,
            tensorboard: keeping.tensorboard,
        };
        Ok(run.train(&mut trainer, &setup, observers)?)
    }
}

/// The name by which the data set is found again from anywhere: of a directory, the whole path.
fn full_name(name: &str) -> String {
    let known = catalog::find(name).is_ok() || name == synthetic::NAME;
    let path = (!known).then(|| Path::new(name).canonicalize().ok()).flatten();
    path.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}
