//! Several processes that train one network. Each computes its shards of every batch and takes
//! every step. The first one alone evaluates, looks at clocks, and decides when to stop.

use std::fmt;

use mlp_core::{Peers, Score, Workspace};

use crate::{Number, Outcome};

/// The processes of a training, seen from one of them.
pub trait Processes<A>: Peers<A> + fmt::Debug {
    /// The number of this process, from 0.
    fn number(&self) -> usize;

    /// The number of processes.
    fn count(&self) -> usize;

    /// Returns the numbers of all processes, in order. Each passes equally many.
    fn gather(&mut self, own: Vec<f64>) -> Vec<f64>;
}

/// The first process has stopped the training.
pub(crate) struct Stopped;

/// What all processes know after an epoch, from the first one.
pub(crate) struct EpochEnd {
    pub(crate) validation: Option<Outcome>,
    pub(crate) test: Option<Outcome>,
    pub(crate) seconds: f64,
}

/// The meetings of the processes. In each of them, every process passes equally many numbers: first
/// whether the training stops. So the first process can stop it whatever the others do next.
#[derive(Debug)]
pub(crate) struct Meetings<A> {
    pub(crate) processes: Box<dyn Processes<A>>,
    numbers: usize, // from each process
}

impl<A: Number> Meetings<A> {
    pub(crate) fn new(processes: Box<dyn Processes<A>>, shards: usize) -> Self {
        // The number of correct predictions and the losses of the shards, or the end of an epoch.
        let numbers = 1 + (1 + shards.div_ceil(processes.count())).max(5);
        Self { processes, numbers }
    }

    pub(crate) fn is_first(&self) -> bool {
        self.processes.number() == 0
    }

    /// Returns the numbers of each process after the first, without the first number.
    fn meet(&mut self, stops: bool, own: impl IntoIterator<Item = f64>) -> Result<Vec<f64>, Stopped> {
        let mut numbers = vec![f64::from(u8::from(stops))];
        numbers.extend(own);
        numbers.resize(self.numbers, 0.0);
        let all = self.processes.gather(numbers);
        if all[0] == 0.0 { Ok(all) } else { Err(Stopped) }
    }

    /// Stops the training, in the first process.
    pub(crate) fn stop(&mut self) {
        let _ = self.meet(true, []);
    }

    /// Returns the score of a whole batch, as if one process had all shards.
    pub(crate) fn score(
        &mut self,
        own: Score,
        batch: usize,
        workspace: &Workspace<A>,
    ) -> Result<Score, Stopped> {
        let losses = workspace.shard_losses();
        let all = self.meet(false, std::iter::once(own.correct as f64).chain(losses))?;
        let (count, processes) = (workspace.shards().count(), self.processes.count());
        let mut score = Score { loss_sum: 0.0, correct: 0, examples: batch };
        for (process, numbers) in all.chunks_exact(self.numbers).enumerate() {
            let shards = mlp_core::Shards::of_process(count, process, processes).own().len();
            score.correct += numbers[1] as usize;
            numbers[2..2 + shards].iter().for_each(|loss| score.loss_sum += loss);
        }
        Ok(score)
    }

    /// Shares the end of an epoch; the other processes pass nothing.
    pub(crate) fn end_epoch(&mut self, end: EpochEnd) -> Result<EpochEnd, Stopped> {
        let numbers =
            |outcome: Option<Outcome>| outcome.map_or([0.0; 2], |outcome| [outcome.loss, outcome.accuracy]);
        let own = [numbers(end.validation), numbers(end.test), [end.seconds, 0.0]];
        let all = self.meet(false, own.into_iter().flatten().take(5))?;
        let outcome = |at: usize| Outcome { loss: all[at], accuracy: all[at + 1] };
        Ok(EpochEnd {
            validation: end.validation.map(|_| outcome(1)),
            test: end.test.map(|_| outcome(3)),
            seconds: all[5],
        })
    }
}
