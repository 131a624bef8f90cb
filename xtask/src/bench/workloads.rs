//! The sizes that are measured, and how much of each: plain numbers, in a file of their own because the commands, the tables
//! and the targets all speak of them.

/// Training examples of MNIST.
pub(super) const EXAMPLES: u32 = 60_000;
/// Pixels of an image.
const INPUTS: u32 = 784;
/// Digits.
const CLASSES: u32 = 10;

/// A network with one hidden layer, how it is trained, and how often that is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Workload {
    pub(super) hidden: u32,
    pub(super) batch: u32,
    /// On the summed loss.
    pub(super) learning_rate: f64,
    /// Of an epoch the peers do only so many examples, and their time is scaled; ours does whole epochs.
    pub(super) peer_examples: Option<u32>,
    /// Runs of each program; they take turns.
    pub(super) repetitions: u32,
    /// Epochs that are timed in each run.
    pub(super) epochs: u32,
}

/// The chapter's sizes.
pub(super) const fn chapter(repetitions: u32, epochs: u32) -> Workload {
    Workload { hidden: 100, batch: 100, learning_rate: 0.01, peer_examples: None, repetitions, epochs }
}

/// A wide layer, long batches, and steps of one example, with learning rates at which all of them learn. Fewer runs than for the
/// chapter's sizes, so that the whole takes a quarter of an hour.
pub(super) const OTHERS: [Workload; 3] = [
    Workload { hidden: 1024, learning_rate: 0.003, ..chapter(3, 1) },
    Workload { batch: 1000, learning_rate: 0.003, ..chapter(3, 3) },
    Workload { batch: 1, peer_examples: Some(12_000), ..chapter(3, 1) },
];

/// Wide layers on dense inputs, where the machine's sgemm peak is the measure.
pub(super) const DENSE: [Workload; 2] =
    [Workload { hidden: 512, ..chapter(1, 3) }, Workload { hidden: 1024, ..chapter(1, 3) }];

impl Workload {
    /// The layers, such as `784-100-10`.
    pub(super) fn layers(&self) -> String {
        format!("{INPUTS}-{}-{CLASSES}", self.hidden)
    }

    /// Layers and batch in words.
    pub(super) fn name(&self) -> String {
        format!("{}, batch {}", self.layers(), self.batch)
    }

    /// How many times the work that a peer does in an epoch fits into a whole one.
    pub(super) fn peer_scale(&self) -> f64 {
        self.peer_examples.map_or(1.0, |examples| f64::from(EXAMPLES) / f64::from(examples))
    }

    /// Operations of an epoch in 10⁹, every product dense. The hidden layer has two of them, forward and for the gradient of its
    /// weights; the output layer has a third, which takes the gradient back to the hidden units.
    pub(super) fn gigaflops(&self) -> f64 {
        let multiply_adds = 2 * INPUTS * self.hidden + 3 * self.hidden * CLASSES;
        2.0 * f64::from(multiply_adds) * f64::from(EXAMPLES) / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_of_the_chapters_network_is_19_gigaflops() {
        assert!((chapter(5, 3).gigaflops() - 19.176).abs() < 1e-9);
    }

    #[test]
    fn the_part_of_an_epoch_is_scaled_to_the_whole() {
        assert_eq!(chapter(5, 3).peer_scale(), 1.0);
        assert_eq!(Workload { peer_examples: Some(12_000), ..chapter(5, 3) }.peer_scale(), 5.0);
    }

    #[test]
    fn parts_of_epochs_are_whole_batches() {
        for workload in OTHERS {
            let examples = workload.peer_examples.unwrap_or(EXAMPLES);
            assert_eq!(examples % workload.batch, 0, "{}", workload.name());
        }
    }

    #[test]
    fn a_workload_is_named_by_its_layers_and_its_batch() {
        assert_eq!(OTHERS[0].name(), "784-1024-10, batch 100");
    }
}
