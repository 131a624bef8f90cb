//! A training run: a recipe and its data, checked against each other, trained in a run directory.
//! Every command that trains comes this way.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use mlp_core::{Mlp, Precision};
use mlp_train::{Examples, Metadata, Network, Number, Observer, Plan, RunDir, RunResult, RunSetup, Trainer};

use crate::data::TrainingData;
use crate::output::messages::note;
use crate::output::version::PROGRAM;
use crate::recipe::Recipe;

/// A recipe with its data and the plan that follows from both.
pub(crate) struct Training {
    pub(crate) recipe: Recipe,
    pub(crate) plan: Plan,
    pub(crate) data: Arc<TrainingData>,
}

impl Training {
    /// Checks a recipe against data that have been loaded for it, or for a recipe that asks for the
    /// same.
    pub(crate) fn new(recipe: Recipe, data: Arc<TrainingData>) -> anyhow::Result<Self> {
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

    /// The text of a run's `config.toml`.
    pub(crate) fn config_toml(&self) -> String {
        self.recipe.to_table(PROGRAM).to_string()
    }

    /// The default name of a run: its dataset, or the last part of the dataset's directory.
    pub(crate) fn run_name(&self) -> &str {
        Path::new(&self.recipe.dataset).file_name().and_then(|name| name.to_str()).unwrap_or("run")
    }

    /// What a run keeps, with checkpoints only at the end of each epoch.
    pub(crate) fn setup(&self) -> RunSetup<'_> {
        let sets = &self.data.sets;
        let (dataset, names) = (self.recipe.dataset.clone(), sets.class_names.clone());
        let mut metadata = Metadata::new(dataset, names, sets.train.shape(), PROGRAM);
        metadata.preprocessing = sets.preprocessing;
        metadata.polarity = sets.polarity;
        metadata.config = Some(self.plan.config().clone());
        let mut setup = RunSetup::new(self.data.origin.clone(), metadata);
        setup.test = Some(&sets.test);
        setup
    }

    /// Trains in a run directory, resuming from its checkpoint if there is one.
    pub(crate) fn train(
        &self,
        run: &RunDir,
        setup: &RunSetup<'_>,
        observers: &mut [&mut dyn Observer],
    ) -> anyhow::Result<RunResult> {
        match self.plan.config().precision {
            Precision::F32 => self.train_as::<f32>(run, setup, observers),
            Precision::F64 => self.train_as::<f64>(run, setup, observers),
        }
    }

    fn train_as<A: Number>(
        &self,
        run: &RunDir,
        setup: &RunSetup<'_>,
        observers: &mut [&mut dyn Observer],
    ) -> anyhow::Result<RunResult>
    where
        Network: From<Mlp<A>>,
    {
        let (plan, data) = (self.plan.clone(), &self.data);
        let examples = Examples::<A>::new(&plan, &data.sets.train);
        let (validation, test) = (data.validation.as_ref(), Some(&data.sets.test));
        let mut trainer = match run.checkpoint::<A>()? {
            None => Trainer::with_sets(plan, &examples, validation, test)?,
            Some(checkpoint) => {
                let (was, is) = (checkpoint.origin(), &data.origin);
                if (&was.sha256, &was.validation_sha256) != (&is.sha256, &is.validation_sha256) {
                    bail!(
                        "{}: the dataset {} has changed since the run began; expected SHA-256 {}, found {}",
                        run.path().display(),
                        was.dataset,
                        was.sha256,
                        is.sha256
                    );
                }
                if was.program != PROGRAM {
                    note(&format!(
                        "the checkpoint was written by {}; this is {PROGRAM}, whose bits may differ",
                        was.program
                    ));
                }
                Trainer::resume(checkpoint, plan, &examples, validation, test)
                    .with_context(|| format!("{} (its config.toml must not change)", run.path().display()))?
            }
        };
        Ok(run.train(&mut trainer, setup, observers)?)
    }
}

/// Starts the global pool with this number of threads, 0 for all cores.
pub(crate) fn start_threads(count: usize) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(count).build_global().context("cannot start the threads")
}
