//! Upper bounds on the memory for training and evaluation, so that a run that needs too much is
//! refused before anything is allocated.

use mlp_core::{Architecture, Init, Precision};
use mlp_data::Dataset;
use mlp_data::memory::is_available;

use crate::{ConfigError, OptimizerName, TrainConfig};

/// Examples per forward pass of an evaluation. Changing it changes the order of sums, and so the
/// result.
pub(crate) const CHUNK: usize = 500;

/// Rows of matrices are padded to this many bytes.
const LINE: u64 = 64;

/// Numbers of one size.
#[derive(Clone, Copy)]
pub(crate) struct Sizes<'a> {
    architecture: &'a Architecture,
    number: u64, // bytes
}

impl<'a> Sizes<'a> {
    pub(crate) fn new(architecture: &'a Architecture, number: usize) -> Self {
        Self { architecture, number: number as u64 }
    }

    fn row(self, numbers: usize) -> u64 {
        (numbers as u64).saturating_mul(self.number).next_multiple_of(LINE)
    }

    /// Bytes of the parameters from a layer on.
    fn parameters(self, first: usize) -> u64 {
        let layer = |(inputs, outputs): (usize, usize)| (inputs as u64 + 1).saturating_mul(self.row(outputs));
        self.architecture.layer_sizes().into_iter().skip(first).map(layer).fold(0, u64::saturating_add)
    }

    /// Bytes of a workspace for this many examples, with their inputs as dense and as CSR rows, and
    /// as adversarial ones.
    fn workspace(self, examples: usize) -> u64 {
        let units = self.architecture.hidden.iter().chain([&self.architecture.outputs]);
        // Z, H, their derivatives, dropout's masks and what they keep.
        let passes = units.map(|&units| 6 * self.row(units)).fold(0, u64::saturating_add);
        let inputs = 3 * self.row(self.architecture.inputs) + 3 * self.architecture.inputs as u64;
        // With the entries of a chunk, sorted by column.
        let sorted = 16 * self.architecture.inputs.max(1 << 15) as u64;
        (passes + inputs).saturating_mul(examples as u64).saturating_add(sorted)
    }

    /// Bytes for evaluating examples on this many threads.
    fn evaluation(self, examples: usize, threads: usize) -> u64 {
        self.workspace(CHUNK.min(examples)).saturating_mul(threads as u64)
    }

    /// Refuses an evaluation that takes too much memory.
    pub(crate) fn check_evaluation(self, examples: usize) -> Result<(), ConfigError> {
        let bytes = self.evaluation(examples, rayon::current_num_threads());
        let advice = "use fewer --threads or a smaller network";
        check("evaluation", bytes, advice)
    }
}

impl TrainConfig {
    /// Refuses a training that takes too much memory.
    pub(crate) fn check_memory(
        &self,
        architecture: &Architecture,
        train: &Dataset,
    ) -> Result<(), ConfigError> {
        let number = match self.precision {
            Precision::F32 => 4,
            Precision::F64 => 8,
        };
        let sizes = Sizes::new(architecture, number);
        let states = match self.optimizer {
            OptimizerName::Sgd => 0,
            OptimizerName::Momentum | OptimizerName::Nesterov | OptimizerName::RmsProp => 1,
            OptimizerName::Adam | OptimizerName::AdamW => 2,
        };
        // The network, the best one, the optimizer's state and the average; a checkpoint that
        // waits, one that is written, and the buffer with its bytes, which grows; the gradients,
        // and those of each level of the shards' tree.
        let stored = 2 + states + u64::from(self.ema_decay.is_some());
        let levels = u64::from(self.shards.next_power_of_two().ilog2());
        let networks = sizes.parameters(0).saturating_mul(stored * 5 + 1 + levels);
        // Initial weights are drawn in double precision; their QR factorization has three copies.
        let copies = if self.init == Init::Orthogonal { 4 } else { 2 };
        let widest = architecture.layer_sizes().into_iter().map(|(inputs, outputs)| inputs * outputs).max();
        let initial = (widest.unwrap_or(0) as u64).saturating_mul(copies * 8);
        // The order of the examples and its sort keys; the CSR matrix, for images in memory.
        let is_read = train.mapped_file().is_none();
        let pixels = if is_read { (train.density() * train.images().len() as f64) as u64 } else { 0 };
        let examples = train.len() as u64 * 32 + 3 * pixels;
        let bytes = [
            sizes.workspace(self.batch_size),
            sizes.evaluation(train.len(), rayon::current_num_threads()),
            initial,
            examples,
        ];
        let advice = "choose smaller hidden layers or a smaller batch size";
        check("training", bytes.into_iter().fold(networks, u64::saturating_add), advice)
    }
}

fn check(work: &'static str, bytes: u64, advice: &'static str) -> Result<(), ConfigError> {
    if is_available(bytes) { Ok(()) } else { Err(ConfigError::Memory { work, bytes, advice }) }
}
