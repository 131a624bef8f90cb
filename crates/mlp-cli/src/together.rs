//! The ranks of a training under `mpirun` or `srun`. The first one does what a single process
//! would, and tells the others what to train: they load the same data and take the same steps.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mlp_core::Peers;
use mlp_train::mpi::{Ranks, World};
use mlp_train::{Number, Origin, Processes, Trainer};
use serde::{Deserialize, Serialize};

use crate::ranks;

/// What the first rank tells the others. A checkpoint follows, if there is one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Letter {
    /// The run directory, for messages.
    pub(crate) run: PathBuf,
    /// The content of `config.toml`, with a dataset that does not depend on the run directory.
    pub(crate) recipe: String,
    /// The program, the data and the processor.
    pub(crate) origin: Origin,
}

/// The ranks of a training, seen from one of them.
pub(crate) struct Group {
    world: World,
    has_sent: Cell<bool>,
    waited: Rc<Cell<Duration>>,
}

impl Group {
    pub(crate) fn new(world: World) -> Self {
        Self { world, has_sent: Cell::new(false), waited: Rc::default() }
    }

    pub(crate) fn is_first(&self) -> bool {
        self.world.rank() == 0
    }

    /// The number of ranks.
    pub(crate) fn size(&self) -> usize {
        self.world.size()
    }

    /// The name of this rank in messages.
    pub(crate) fn name(&self) -> String {
        format!("rank {} on {}", self.world.rank(), self.world.host())
    }

    /// Ends all ranks.
    pub(crate) fn abort(&self, code: u8) -> ! {
        self.world.abort(code)
    }

    /// Tells the other ranks what to train, from a checkpoint or the start.
    pub(crate) fn send(&self, letter: &Letter, checkpoint: &[u8]) {
        self.send_all(Some(letter), checkpoint);
    }

    /// Tells the other ranks that there is nothing to do, unless there was.
    pub(crate) fn finish(&self) {
        if !self.has_sent.get() {
            self.send_all(None, &[]);
        }
    }

    fn send_all(&self, letter: Option<&Letter>, checkpoint: &[u8]) {
        self.has_sent.set(true);
        (1..self.size()).for_each(|rank| ranks::send(&self.world, rank, &letter, checkpoint));
    }

    /// Waits for the first rank's letter and its checkpoint; `None` if there is nothing to do.
    pub(crate) fn receive(&self) -> anyhow::Result<Option<(Letter, Vec<u8>)>> {
        let (_, letter, checkpoint) = ranks::receive::<Option<Letter>>(&self.world)?;
        Ok(letter.map(|letter| (letter, checkpoint)))
    }

    /// Shares a training with the other ranks.
    pub(crate) fn share<'d, A: Number>(
        &self,
        trainer: Trainer<'d, A>,
    ) -> Result<Trainer<'d, A>, mlp_train::Error> {
        let inner = self.world.processes(trainer.plan().config().shards);
        trainer.share(Box::new(Timed { inner, waited: Rc::clone(&self.waited) }))
    }

    /// The time that this rank's training has spent waiting for the other ranks.
    pub(crate) fn waited(&self) -> Duration {
        self.waited.get()
    }
}

/// Processes, and the time spent waiting for them.
#[derive(Debug)]
struct Timed<A> {
    inner: Box<dyn Processes<A>>,
    waited: Rc<Cell<Duration>>,
}

impl<A> Timed<A> {
    fn wait<T>(&mut self, wait: impl FnOnce(&mut dyn Processes<A>) -> T) -> T {
        let began = Instant::now();
        let result = wait(&mut *self.inner);
        self.waited.set(self.waited.get() + began.elapsed());
        result
    }
}

impl<A: Number> Peers<A> for Timed<A> {
    fn start(&mut self, layer: usize, sums: Vec<A>) {
        self.inner.start(layer, sums);
    }

    fn finish(&mut self, layer: usize) -> Vec<A> {
        self.wait(|processes| processes.finish(layer))
    }
}

impl<A: Number> Processes<A> for Timed<A> {
    fn number(&self) -> usize {
        self.inner.number()
    }

    fn count(&self) -> usize {
        self.inner.count()
    }

    fn gather(&mut self, own: Vec<f64>) -> Vec<f64> {
        self.wait(|processes| processes.gather(own))
    }
}
