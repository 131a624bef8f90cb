//! The training of one run of a sweep, described so that another process can do it, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use mlp_train::{Control, Error, Event, Every, Observer, Origin, RunDir, Status};
use serde::{Deserialize, Serialize};

use super::members::{Member, shown};
use crate::data::TrainingData;
use crate::output::table::duration;
use crate::output::version::PROGRAM;
use crate::recipe::Recipe;
use crate::signals::Signals;
use crate::training::{Training, check_same};

/// Interval between checkpoints within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Minimum time between checkpoints at the ends of epochs.
const SPACING: Duration = Duration::from_secs(5);

/// Fraction of the training set to hold out for ranking the runs, if there is no validation set.
const VALIDATION: f64 = 0.1;

/// The training of a run. Its files do not depend on which process trains it.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    /// Index of the run.
    pub(super) member: usize,
    /// Its directory.
    pub(super) path: PathBuf,
    /// What is varied, for messages.
    varied: String,
    recipe: String,  // TOML
    config: String,  // of the run
    dataset: String, // as the run stores it
    origin: Origin,
    /// Epochs after which to stop.
    epochs: Option<usize>,
}

impl Job {
    pub(super) fn new(
        number: usize,
        member: &Member,
        epochs: Option<usize>,
        data: &DataCache,
    ) -> anyhow::Result<(Self, Training)> {
        let (path, varied) = (member.path.clone(), shown(&member.varied));
        let training = Training::new(member.recipe.clone(), data.get(&member.recipe)?)
            .with_context(|| varied.clone())?;
        let job = Self {
            member: number,
            varied,
            recipe: member.recipe.to_table(PROGRAM).to_string(),
            config: training.config_toml(&path),
            dataset: training.setup(&path).metadata.dataset,
            origin: training.data.origin.clone(),
            epochs,
            path,
        };
        Ok((job, training))
    }

    /// Prepares the job in another process than the one that created it.
    ///
    /// # Errors
    /// If this process has other data.
    pub(super) fn training(&self, data: &DataCache) -> anyhow::Result<Training> {
        let recipe = Recipe::of(self.recipe.parse().context("the recipe of a run")?)?;
        let data = data.get(&recipe)?;
        let training = Training::new(recipe, data)?;
        check_same(&self.path, &self.origin, &training.data.origin)?;
        Ok(training)
    }

    /// The number and the varied keys of the run, for messages.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned());
        format!("{}  {}", name.unwrap_or_default(), self.varied)
    }

    /// Trains the run in the directory `place`. Returns how it ended, or `None` after a signal.
    pub(super) fn train(
        &self,
        training: &Training,
        place: &Path,
        signals: &Signals,
        watch: &mut dyn Observer,
    ) -> anyhow::Result<Option<String>> {
        let run = if RunDir::is_run(place) {
            RunDir::open(place)?
        } else {
            let run = RunDir::create(place)?;
            run.write_config(&self.config)?;
            run
        };
        let mut setup = training.setup(&self.path);
        setup.metadata.dataset.clone_from(&self.dataset);
        setup.origin.dataset.clone_from(&self.dataset);
        (setup.checkpoint_every, setup.spacing) = (Some(Every::Time(CHECKPOINT_EVERY)), SPACING);
        let mut stop = StopAfter { epochs: self.epochs, has_stopped: false };
        let observers: &mut [&mut dyn Observer] = &mut [&mut signals.clone(), &mut stop, watch];
        match training.train_with(&run, &self.config, &setup, observers, None) {
            Ok(result) if result.status == Status::Interrupted && !stop.has_stopped => Ok(None),
            Ok(result) => {
                let best = result.best.map(|best| format!("{} {:.4}, ", best.metric, best.value));
                Ok(Some(format!("{}{}", best.unwrap_or_default(), duration(result.seconds))))
            }
            Err(error) if matches!(error.downcast_ref(), Some(Error::Diverged { .. })) => {
                Ok(Some("diverged".to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

/// Stops a run at the end of an epoch.
struct StopAfter {
    epochs: Option<usize>,
    has_stopped: bool,
}

impl Observer for StopAfter {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        let done = match *event {
            Event::Started { done, .. } => done,
            Event::EpochDone(record) => record.epoch,
            _ => return Ok(Control::Continue),
        };
        self.has_stopped |= self.epochs.is_some_and(|epochs| done >= epochs);
        Ok(if self.has_stopped { Control::Stop } else { Control::Continue })
    }
}

/// Loaded data by the recipe keys that determine it.
pub(super) struct DataCache {
    directory: PathBuf, // of the sweep
    data_dir: PathBuf,
    quiet: bool,
    known: Mutex<BTreeMap<String, Arc<TrainingData>>>,
}

impl DataCache {
    pub(super) fn new(directory: &Path, data_dir: &Path, quiet: bool) -> Self {
        let (directory, data_dir) = (directory.to_owned(), data_dir.to_owned());
        Self { directory, data_dir, quiet, known: Mutex::new(BTreeMap::new()) }
    }

    /// The data of a recipe. Recipes with the same data share it.
    pub(super) fn get(&self, recipe: &Recipe) -> anyhow::Result<Arc<TrainingData>> {
        let train = &recipe.train;
        let key =
            format!("{:?}", (&recipe.dataset, &recipe.validation_set, train.validation, train.split_seed));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = known.get(&key) {
            return Ok(Arc::clone(data));
        }
        let (directory, data_dir) = (&self.directory, &self.data_dir);
        let data = TrainingData::load_of_sweep(recipe, directory, data_dir, VALIDATION, self.quiet)?;
        let data = Arc::new(data);
        known.insert(key, Arc::clone(&data));
        Ok(data)
    }
}
