//! The chapter's training loop. Each epoch: a permutation of the examples, then batch after batch forward, backward and
//! update; the epoch's loss and accuracy are the means over its batches.
//!
//! The images stay bytes in memory. On dense rows a batch is scaled to [0, 1] as it is gathered; of sparse rows nothing is
//! gathered: the kernels find the rows of a batch by their numbers.

use std::time::Instant;

use mlp_core::{Kernels, Mlp, Score, SparseRows, Stream, Workspace};
use mlp_data::{Dataset, SparseImages, levels};
use ndarray::{Array2, ArrayView2};

use crate::config::Plan;
use crate::error::{ConfigError, Error};
use crate::events::{Control, EpochRecord, Event, Observer};
use crate::kernel::{Kernel, sparse_rows};
use crate::mean::mean;
use crate::number::Number;
use crate::shuffle::permutation;

/// A network in training, with everything that the next step needs.
///
/// A step is shared by as many threads as the rayon pool has in which the trainer is made, as far as it is worth it. The
/// result does not depend on their number.
#[derive(Debug)]
pub struct Trainer<'d, A> {
    images: Option<(SparseImages, [A; 256])>, // with what each byte is worth, for sparse rows
    run: Run<'d, A>,
}

/// What changes in the course of training.
#[derive(Debug)]
struct Run<'d, A> {
    plan: Plan,
    data: &'d Dataset,
    network: Mlp<A>,
    stream: Stream,
    workspace: Workspace<A>,
    inputs: Array2<A>,    // (batch_size, pixels), of dense rows
    labels: Vec<u8>,      // (batch_size)
    order: Vec<u32>,      // (examples), this epoch's permutation
    keys: Vec<u64>,       // scratch of the permutation
    losses: Vec<f64>,     // (batches), of this epoch
    accuracies: Vec<f64>, // (batches)
    epochs_done: usize,
}

/// Multiply-adds of a step that make another thread worth its while: about ten microseconds.
const WORTH_A_THREAD: f64 = 150_000.0;

/// The threads for the steps of a plan, of the number that there are; a step takes no more than [`Kernels::MOST_THREADS`].
fn threads(plan: &Plan, data: &Dataset, available: usize) -> usize {
    let share = |layer| if layer == 0 && plan.kernel() == Kernel::Sparse { data.density() } else { 1.0 };
    let sizes = plan.architecture().layer_sizes();
    let layers = sizes.iter().enumerate();
    let example: f64 =
        layers.map(|(layer, &(inputs, outputs))| share(layer) * (inputs * outputs) as f64).sum();
    let work = 2.0 * example * plan.config().batch_size as f64;
    // A float beyond the range of usize becomes its largest value.
    available.min((work / WORTH_A_THREAD) as usize).clamp(1, Kernels::MOST_THREADS)
}

impl<'d, A: Number> Trainer<'d, A> {
    /// A trainer with a fresh network, drawn from the plan's stream; the shuffles go on where the draws ended.
    ///
    /// # Panics
    /// If `data` is not what the plan was validated against.
    ///
    /// # Errors
    /// None that a validated plan can cause.
    #[track_caller]
    pub fn new(plan: Plan, data: &'d Dataset) -> Result<Self, Error> {
        let config = plan.config();
        let mut stream = config.rng.seeded(config.seed).map_err(ConfigError::from)?;
        let network = Mlp::new(plan.architecture(), config.init, &mut stream).map_err(ConfigError::from)?;
        let architecture = plan.architecture();
        assert_eq!(
            (data.len(), data.pixels(), data.classes()),
            (plan.examples(), architecture.inputs, architecture.outputs),
            "a plan for another training set (examples, pixels, classes)"
        );
        let kernels = plan.kernel().kernels(threads(&plan, data, rayon::current_num_threads()));
        let is_sparse = plan.kernel() == Kernel::Sparse;
        let gathered = if is_sparse { 0 } else { config.batch_size };
        let run = Run {
            workspace: Workspace::with_kernels(plan.architecture(), config.batch_size, kernels),
            inputs: Array2::zeros((gathered, data.pixels())),
            labels: vec![0; config.batch_size],
            order: vec![0; data.len()],
            keys: Vec::new(),
            losses: Vec::with_capacity(plan.batches()),
            accuracies: Vec::with_capacity(plan.batches()),
            epochs_done: 0,
            plan,
            data,
            network,
            stream,
        };
        Ok(Self { images: is_sparse.then(|| (data.sparse(), levels())), run })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Mlp<A> {
        &self.run.network
    }

    /// The network, at the end.
    pub fn into_network(self) -> Mlp<A> {
        self.run.network
    }

    /// Trains for the plan's remaining epochs, or until `observer` says stop. Returns the records of the epochs done.
    ///
    /// # Errors
    /// The first error of `observer`.
    pub fn run<O: Observer + ?Sized>(&mut self, observer: &mut O) -> Result<Vec<EpochRecord>, Error> {
        let rows = self.images.as_ref().map(|(images, levels)| sparse_rows(images, levels));
        self.run.epochs(rows, observer)
    }

    /// The threads that share a step.
    pub fn threads(&self) -> usize {
        self.run.workspace.kernels().threads
    }
}

impl<A: Number> Run<'_, A> {
    fn epochs<O: Observer + ?Sized>(
        &mut self,
        rows: Option<SparseRows<'_, A>>,
        observer: &mut O,
    ) -> Result<Vec<EpochRecord>, Error> {
        let epochs = self.plan.config().epochs;
        let mut trace = Vec::new();
        let (batches, examples) = (self.plan.batches(), self.plan.examples_per_epoch());
        let mut control = observer.observe(&Event::Started { epochs, batches, examples })?;
        while self.epochs_done < epochs && control == Control::Continue {
            match self.epoch(rows, observer)? {
                Some(record) => {
                    trace.push(record);
                    control = observer.observe(&Event::EpochDone(record))?;
                }
                None => control = Control::Stop,
            }
        }
        observer.observe(&Event::Finished { epochs: self.epochs_done })?;
        Ok(trace)
    }

    /// One epoch; `None` if it was broken off.
    fn epoch<O: Observer + ?Sized>(
        &mut self,
        rows: Option<SparseRows<'_, A>>,
        observer: &mut O,
    ) -> Result<Option<EpochRecord>, Error> {
        let start = Instant::now();
        let reduction = self.plan.config().loss_reduction;
        let epoch = self.epochs_done + 1;
        permutation(&mut self.stream, &mut self.order, &mut self.keys);
        self.losses.clear();
        self.accuracies.clear();
        for batch in 0..self.plan.batches() {
            let score = self.step(rows, batch);
            self.losses.push(score.loss(reduction));
            self.accuracies.push(score.accuracy());
            let event = Event::StepDone { epoch, step: batch + 1, examples: score.examples };
            if observer.observe(&event)? == Control::Stop {
                return Ok(None);
            }
        }
        self.epochs_done = epoch;
        let (loss, accuracy) = (mean(&self.losses), mean(&self.accuracies));
        Ok(Some(EpochRecord { epoch, loss, accuracy, seconds: start.elapsed().as_secs_f64() }))
    }

    fn step(&mut self, rows: Option<SparseRows<'_, A>>, batch: usize) -> Score {
        let config = self.plan.config();
        let (reduction, rate) = (config.loss_reduction, config.learning_rate);
        let first = batch * config.batch_size;
        let indices = &self.order[first..self.order.len().min(first + config.batch_size)];
        let labels = &mut self.labels[..indices.len()];
        match rows {
            Some(rows) => {
                for (label, &index) in labels.iter_mut().zip(indices) {
                    *label = self.data.labels()[index as usize];
                }
                self.network.train_step(rows.select(indices), labels, reduction, rate, &mut self.workspace)
            }
            None => {
                let (count, pixels) = (indices.len(), self.data.pixels());
                let inputs = self.inputs.as_slice_mut().expect("made contiguous");
                let inputs = &mut inputs[..count * pixels];
                self.data.gather(indices, inputs, labels);
                let x = ArrayView2::from_shape((count, pixels), inputs).expect("rows times pixels numbers");
                self.network.train_step(x, labels, reduction, rate, &mut self.workspace)
            }
        }
    }
}
