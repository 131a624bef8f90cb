//! The threads that train the runs of a sweep, each with its own rayon pool. Under MPI, other ranks
//! take runs from the same queue.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_train::{Control, Error, Event, Observer, RunDir};

use super::halving::Wave;
use super::job::{DataCache, Job};
use super::members::Member;
use crate::output::messages::note;
use crate::signals::Signals;
use crate::training::Training;

/// State shared by the threads.
pub(super) struct Workers<'a> {
    pub(super) members: &'a [Member],
    pub(super) data: DataCache,
    quiet: bool,
    failure: Mutex<Option<anyhow::Error>>,
    is_over: AtomicBool,
    said: Mutex<BTreeSet<String>>,
    bars: MultiProgress,
}

/// The threads of this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    /// Runs trained at the same time.
    pub(super) runs: usize,
    /// Threads of each.
    pub(super) per_run: usize,
}

/// The runs of a wave that nobody has begun.
pub(super) struct Queue<'w> {
    pub(super) wave: &'w Wave,
    next: AtomicUsize,
}

impl<'a> Workers<'a> {
    pub(super) fn new(members: &'a [Member], data: DataCache, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self {
            members,
            data,
            quiet,
            failure: Mutex::new(None),
            is_over: AtomicBool::new(false),
            said: Mutex::new(BTreeSet::new()),
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Loads the data of the first run, downloading it if needed, and checks that the runs that
    /// have begun had the same data: otherwise they could not be ranked with the others.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        let begun = self.members.iter().filter(|member| RunDir::is_run(&member.path));
        for member in begun {
            let training = Training::new(member.recipe.clone(), self.data.get(&member.recipe)?)?;
            training.check_data(&RunDir::open(&member.path)?)?;
        }
        self.members.first().map_or(Ok(()), |member| self.data.get(&member.recipe).map(drop))
    }

    /// Trains the runs of a wave, until all are done or a signal arrives. Other ranks can take runs
    /// from the queue in `meanwhile`, which also gets a test of whether the threads are done.
    pub(super) fn train(
        &self,
        wave: &Wave,
        threads: Threads,
        signals: &Signals,
        meanwhile: impl FnOnce(&Queue<'_>, &dyn Fn() -> bool),
    ) -> anyhow::Result<()> {
        let queue = Queue { wave, next: AtomicUsize::new(0) };
        std::thread::scope(|scope| {
            let work = || self.work(&queue, threads.per_run, signals);
            let here: Vec<_> = (0..threads.runs.min(wave.members.len())).map(|_| scope.spawn(work)).collect();
            meanwhile(&queue, &|| here.iter().all(|thread| thread.is_finished()));
        });
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// Takes the next run to train, unless training has to end.
    pub(super) fn take(&self, queue: &Queue<'_>, signals: &Signals) -> Option<usize> {
        if signals.heard().is_some() || self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        queue.wave.members.get(queue.next.fetch_add(1, Ordering::Relaxed)).copied()
    }

    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            self.bars.suspend(|| note(text));
        }
    }

    /// Prints a note, once even if it applies to several runs.
    pub(super) fn note_once(&self, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&text) {
            self.note(&text);
            said.insert(text);
        }
    }

    /// Ends the sweep after the runs that have begun.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Ends the sweep with an error, after the runs that have begun.
    pub(super) fn fail(&self, error: anyhow::Error) {
        self.end();
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Trains runs on one thread until none are left.
    fn work(&self, queue: &Queue<'_>, threads: usize, signals: &Signals) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let result = pool.context("cannot start a thread").and_then(|pool| {
            pool.install(|| {
                while let Some(member) = self.take(queue, signals) {
                    self.train_one(member, queue.wave.epochs, signals)?;
                }
                Ok(())
            })
        });
        if let Err(error) = result {
            self.fail(error);
        }
    }

    fn train_one(&self, member: usize, epochs: Option<usize>, signals: &Signals) -> anyhow::Result<()> {
        let (job, training) = Job::new(member, &self.members[member], epochs, &self.data)?;
        if let Some(text) = training.left_over() {
            self.note_once(text);
        }
        let mut watch = RunBar::new(&self.bars, job.name(), epochs);
        let ended = job.train(&training, &job.path, signals, &mut watch)?;
        drop(watch);
        if let Some(ended) = ended {
            self.note(&format!("{}  {ended}", job.name()));
        }
        Ok(())
    }
}

/// The progress bar of a run, removed when dropped.
struct RunBar {
    bar: ProgressBar,
    epochs: Option<usize>, // after which it stops
}

impl RunBar {
    fn new(bars: &MultiProgress, name: String, epochs: Option<usize>) -> Self {
        let bar = bars.add(ProgressBar::new(0));
        bar.set_style(
            ProgressStyle::with_template("{prefix}  {bar:20}  {eta} left").expect("a fixed template"),
        );
        bar.set_prefix(name);
        Self { bar, epochs }
    }
}

impl Observer for RunBar {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match *event {
            Event::Started { epochs, examples, done, .. } => {
                let epochs = self.epochs.unwrap_or(epochs);
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
