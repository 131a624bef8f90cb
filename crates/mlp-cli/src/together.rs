//! The ranks of a training under `mpirun` or `srun`. The first one does what a single process
//! would, and tells the others what to train: they load the same data and take the same steps.

use mlp_train::mpi::Launch;
use mlp_train::{Number, Trainer};
use serde::{Deserialize, Serialize};

#[cfg(feature = "mpi")]
pub(crate) use with_mpi::Group;
#[cfg(not(feature = "mpi"))]
pub(crate) use without_mpi::Group;

/// What the first rank tells the others.
#[derive(Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) program: String,
    /// The content of `config.toml`, with a dataset that does not depend on the run directory.
    pub(crate) recipe: String,
    /// The hashes of the datasets, and what their classes and pixels mean.
    pub(crate) data: String,
    /// The processor, if results depend on it.
    pub(crate) processor: Option<String>,
}

#[cfg(feature = "mpi")]
mod with_mpi {
    use std::cell::Cell;
    use std::process::exit;
    use std::time::Duration;

    use anyhow::Context;
    use mlp_train::mpi::{Ranks, World};

    use super::{Launch, Letter, Number, Trainer};

    /// How long to sleep when there is no message: waiting in MPI would keep a core busy.
    const PAUSE: Duration = Duration::from_millis(1);

    /// The ranks of a training, seen from one of them.
    pub(crate) struct Group {
        world: World,
        has_sent: Cell<bool>,
    }

    impl Group {
        /// Connects the ranks.
        pub(crate) fn connect(launch: &Launch) -> anyhow::Result<Self> {
            match World::start(launch) {
                Ok(world) => Ok(Self { world, has_sent: Cell::new(false) }),
                Err(_) if launch.rank > 0 => exit(2),
                Err(error) => Err(error.into()),
            }
        }

        /// The number of this rank.
        pub(crate) fn rank(&self) -> usize {
            self.world.rank()
        }

        /// The number of ranks.
        pub(crate) fn size(&self) -> usize {
            self.world.size()
        }

        /// The name of this rank in errors.
        pub(crate) fn name(&self) -> String {
            format!("rank {} on {}", self.rank(), self.world.host())
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
            let json = serde_json::to_vec(&letter).expect("plain data");
            let message = [&(json.len() as u64).to_le_bytes(), &*json, checkpoint].concat();
            (1..self.size()).for_each(|rank| self.world.send(rank, &message));
        }

        /// Waits for the first rank's letter and its checkpoint; `None` if there is nothing to do.
        pub(crate) fn receive(&self) -> anyhow::Result<Option<(Letter, Vec<u8>)>> {
            let message = loop {
                match self.world.poll() {
                    Some((_, message)) => break message,
                    None => std::thread::sleep(PAUSE),
                }
            };
            let (length, rest) =
                message.split_first_chunk().context("the first rank's letter is too short")?;
            let length = usize::try_from(u64::from_le_bytes(*length))?;
            let parts = rest.split_at_checked(length);
            let (json, checkpoint) = parts.context("the first rank's letter is too short")?;
            let letter: Option<Letter> = serde_json::from_slice(json)?;
            Ok(letter.map(|letter| (letter, checkpoint.to_vec())))
        }

        /// Shares a training with the other ranks.
        pub(crate) fn share<'d, A: Number>(
            &self,
            trainer: Trainer<'d, A>,
        ) -> Result<Trainer<'d, A>, mlp_train::Error> {
            let processes = self.world.processes(trainer.plan().config().shards);
            trainer.share(processes)
        }
    }
}

#[cfg(not(feature = "mpi"))]
mod without_mpi {
    use super::{Launch, Letter, Number, Trainer};

    /// The ranks of a training. There are none: several processes are refused without MPI.
    pub(crate) enum Group {}

    impl Group {
        pub(crate) fn connect(launch: &Launch) -> anyhow::Result<Self> {
            anyhow::bail!("{} processes without MPI", launch.ranks)
        }

        pub(crate) fn rank(&self) -> usize {
            match *self {}
        }

        pub(crate) fn size(&self) -> usize {
            match *self {}
        }

        pub(crate) fn name(&self) -> String {
            match *self {}
        }

        pub(crate) fn abort(&self, _: u8) -> ! {
            match *self {}
        }

        pub(crate) fn send(&self, _: &Letter, _: &[u8]) {
            match *self {}
        }

        pub(crate) fn finish(&self) {
            match *self {}
        }

        pub(crate) fn receive(&self) -> anyhow::Result<Option<(Letter, Vec<u8>)>> {
            match *self {}
        }

        pub(crate) fn share<'d, A: Number>(
            &self,
            _: Trainer<'d, A>,
        ) -> Result<Trainer<'d, A>, mlp_train::Error> {
            match *self {}
        }
    }
}
