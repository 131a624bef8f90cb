//! The threads that train the runs of a sweep, each with its own rayon pool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_train::{Control, Error, Event, Every, Observer, RunDir, Status};

use super::members::{Member, shown};
use crate::data::TrainingData;
use crate::output::messages::note;
use crate::output::table::duration;
use crate::recipe::Recipe;
use crate::signals::Signals;
use crate::training::Training;

/// Interval between checkpoints within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Minimum time between checkpoints at the ends of epochs.
const SPACING: Duration = Duration::from_secs(5);

/// Fraction of the training set to hold out for ranking the runs, if there is no validation set.
const VALIDATION: f64 = 0.1;

/// State shared by the threads.
pub(super) struct Workers<'a> {
    directory: &'a Path, // of the sweep
    data_dir: &'a Path,
    quiet: bool,
    members: &'a [Member],
    next: AtomicUsize,
    failure: Mutex<Option<anyhow::Error>>,
    said: Mutex<BTreeSet<String>>,
    /// Loaded data by the recipe keys that determine it.
    data: Mutex<BTreeMap<String, Arc<TrainingData>>>,
    bars: MultiProgress,
}

impl<'a> Workers<'a> {
    pub(super) fn new(members: &'a [Member], directory: &'a Path, data_dir: &'a Path, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self {
            directory,
            data_dir,
            quiet,
            members,
            next: AtomicUsize::new(0),
            failure: Mutex::new(None),
            said: Mutex::new(BTreeSet::new()),
            data: Mutex::new(BTreeMap::new()),
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Loads the data of the first run, downloading it if needed, and checks that the runs that
    /// have begun had the same data: otherwise they could not be ranked with the others.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        let begun = self.members.iter().filter(|member| RunDir::is_run(&member.path));
        for member in begun {
            let training = Training::new(member.recipe.clone(), self.data(&member.recipe)?)?;
            training.check_data(&RunDir::open(&member.path)?)?;
        }
        self.members.first().map_or(Ok(()), |member| self.data(&member.recipe).map(drop))
    }

    /// Trains the runs on this many threads, until all are done or a signal arrives.
    pub(super) fn train_all(self, threads: usize, signals: &Signals) -> anyhow::Result<()> {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work(signals));
            }
        });
        self.failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.bars.suspend(|| note(text));
        }
    }

    /// Prints a note, once even if it applies to several runs.
    fn note_once(&self, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&text) {
            self.note(&text);
            said.insert(text);
        }
    }

    /// Trains runs on one thread until none are left.
    fn work(&self, signals: &Signals) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let result = pool.context("cannot start a thread").and_then(|pool| {
            pool.install(|| {
                while signals.heard().is_none() && !self.has_failed() {
                    let Some(member) = self.members.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                        break;
                    };
                    self.train(member, signals)?;
                }
                Ok(())
            })
        });
        if let Err(error) = result {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn train(&self, member: &Member, signals: &Signals) -> anyhow::Result<()> {
        let path = &member.path;
        let is_over = |status| matches!(status, Status::Complete | Status::Diverged);
        if RunDir::is_run(path) && RunDir::result(path)?.is_some_and(|result| is_over(result.status)) {
            return Ok(());
        }
        let training = Training::new(member.recipe.clone(), self.data(&member.recipe)?)
            .with_context(|| shown(&member.varied))?;
        let run = if RunDir::is_run(path) {
            RunDir::open(path)?
        } else {
            let run = RunDir::create(path)?;
            run.write_config(&training.config_toml(path))?;
            run
        };
        if let Some(text) = training.left_over() {
            self.note_once(text);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut watch = RunBar::new(&self.bars, format!("{name}  {}", shown(&member.varied)));
        let every = Some(Every::Time(CHECKPOINT_EVERY));
        let mut setup = training.setup(path);
        (setup.checkpoint_every, setup.spacing) = (every, SPACING);
        match training.train(&run, &setup, &mut [&mut signals.clone(), &mut watch]) {
            Ok(result) if result.status == Status::Interrupted => {}
            Ok(result) => {
                let best = result.best.map(|best| format!("{} {:.4}, ", best.metric, best.value));
                let best = best.unwrap_or_default();
                drop(watch);
                self.note(&format!("{name}  {}  {best}{}", shown(&member.varied), duration(result.seconds)));
            }
            Err(error) if matches!(error.downcast_ref(), Some(Error::Diverged { .. })) => {
                drop(watch);
                self.note(&format!("{name}  {}  diverged", shown(&member.varied)));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The data of a recipe. Recipes with the same data share it.
    fn data(&self, recipe: &Recipe) -> anyhow::Result<Arc<TrainingData>> {
        let train = &recipe.train;
        let key =
            format!("{:?}", (&recipe.dataset, &recipe.validation_set, train.validation, train.split_seed));
        let mut known = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = known.get(&key) {
            return Ok(Arc::clone(data));
        }
        let data = Arc::new(TrainingData::load_of_sweep(
            recipe,
            self.directory,
            self.data_dir,
            VALIDATION,
            self.quiet,
        )?);
        known.insert(key, Arc::clone(&data));
        Ok(data)
    }
}

/// The progress bar of a run, removed when dropped.
struct RunBar {
    bar: ProgressBar,
}

impl RunBar {
    fn new(bars: &MultiProgress, name: String) -> Self {
        let bar = bars.add(ProgressBar::new(0));
        bar.set_style(
            ProgressStyle::with_template("{prefix}  {bar:20}  {eta} left").expect("a fixed template"),
        );
        bar.set_prefix(name);
        Self { bar }
    }
}

impl Observer for RunBar {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match *event {
            Event::Started { epochs, examples, done, .. } => {
                self.bar.set_length(epochs.saturating_mul(examples) as u64);
                self.bar.set_position(done.saturating_mul(examples) as u64);
                self.bar.reset_eta();
            }
            Event::StepDone { examples, .. } => self.bar.inc(examples as u64),
            _ => {}
        }
        Ok(Control::Continue)
    }
}

impl Drop for RunBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
