//! Checkpoints: the state of a training between two steps. A resumed training is bit-identical to
//! an uninterrupted one.

use std::path::Path;

use mlp_core::{Ema, Mlp, Stream, StreamState};
use mlp_data::fs::Disk;
use mlp_data::{Dataset, Polarity, Preprocessing};
use serde::{Deserialize, Serialize};

use crate::error::io_error;
use crate::model::frame::Frame;
use crate::model::layer_content::{LayerContent, contents, layers, network};
use crate::training::progress::{Progress, Stage};
use crate::{Error, Examples, Number, Plan, TrainConfig, Trainer};

/// The origin of a training, stored in its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// Program that wrote the checkpoint, with its version.
    pub program: String,
    /// Name or directory of the dataset.
    pub dataset: String,
    /// [`Dataset::sha256`] of the training set before any validation split.
    pub sha256: String,
    /// [`Dataset::sha256`] of a separate validation set.
    pub validation_sha256: Option<String>,
    /// [`Dataset::sha256`] of the test set.
    pub test_sha256: Option<String>,
    /// The processor that OpenBLAS computes for, where results depend on it.
    pub processor: Option<String>,
    /// The names of the classes, by which models are matched with datasets.
    pub class_names: Vec<String>,
    /// Preprocessing of pictures.
    pub preprocessing: Preprocessing,
    /// Polarity of the pictures.
    pub polarity: Polarity,
}

impl Origin {
    /// The origin of a training without a validation or test set, on any processor, with unnamed
    /// classes.
    pub fn new(dataset: impl Into<String>, sha256: impl Into<String>, program: impl Into<String>) -> Self {
        let (dataset, sha256, program) = (dataset.into(), sha256.into(), program.into());
        Self {
            program,
            dataset,
            sha256,
            validation_sha256: None,
            test_sha256: None,
            processor: None,
            class_names: Vec::new(),
            preprocessing: Preprocessing::default(),
            polarity: Polarity::default(),
        }
    }
}

/// A training between two steps: [`Trainer::checkpoint`] creates it, [`Trainer::resume`] continues
/// from it.
#[derive(Serialize, Deserialize)]
pub struct Checkpoint<A> {
    origin: Origin,
    config: String, // JSON, readable without this program
    network: Vec<LayerContent<A>>,
    optimizer_steps: u64,
    optimizer: Vec<Vec<LayerContent<A>>>,
    ema: Option<(u64, Vec<LayerContent<A>>)>,
    best: Option<Vec<LayerContent<A>>>,
    masks: u64,          // training forward passes so far, for dropout
    stream: StreamState, // at the start of the epoch
    progress: Progress,
    next: Stage,
    #[serde(skip)]
    pub(crate) fallback: Option<String>, // see `fallback()`
}

/// The precision is part of the magic.
fn frame<A: Number>() -> Frame {
    let letters = if size_of::<A>() == 4 { *b"C32" } else { *b"C64" };
    Frame { what: "checkpoint", reading: "cannot read the checkpoint", letters, version: 3 }
}

impl<A: Number> Checkpoint<A> {
    /// Writes the checkpoint atomically: an existing file is kept until the new one is on disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.save_on(&Disk::default(), path, None, &mut Vec::new())
    }

    /// Like [`Checkpoint::save`], with a reused buffer; an existing file is renamed to `previous`.
    pub(crate) fn save_on(
        &self,
        disk: &Disk,
        path: &Path,
        previous: Option<&Path>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Error> {
        frame::<A>().wrap_into(self, bytes);
        let written = disk.write_keeping(path, previous, |file| file.write_all(bytes));
        written.map_err(io_error(path, "cannot write the checkpoint"))
    }

    /// Returns the bytes of the file that [`Checkpoint::save`] writes.
    pub fn to_bytes(&self) -> Vec<u8> {
        frame::<A>().wrap(self)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::OtherFile`], also for a checkpoint of the other precision; one of the `File…`
    /// variants of [`Error`]; [`Error::Io`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let checkpoint: Self = frame::<A>().read(path)?;
        checkpoint.config().map_err(|reason| frame::<A>().invalid(path, reason))?;
        Ok(checkpoint)
    }

    /// The origin of the training.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The configuration of the training.
    ///
    /// # Errors
    /// If this version cannot read it.
    pub fn config(&self) -> Result<TrainConfig, String> {
        serde_json::from_str(&self.config).map_err(|error| format!("configuration: {error}"))
    }

    /// Why the checkpoint before the last one was read, if it was; see [`RunDir::checkpoint`].
    ///
    /// [`RunDir::checkpoint`]: crate::RunDir::checkpoint
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// The completed epochs, and the completed steps of the next epoch.
    pub fn position(&self) -> (usize, usize) {
        (self.progress.epochs, self.progress.batches)
    }
}

impl<'d, A: Number> Trainer<'d, A> {
    /// Creates a checkpoint of the current state.
    pub fn checkpoint(&self, origin: &Origin) -> Checkpoint<A> {
        Checkpoint {
            origin: origin.clone(),
            config: serde_json::to_string(self.plan().config()).expect("plain data"),
            network: contents(self.network.layers()),
            optimizer_steps: self.optimizer.steps(),
            optimizer: self.optimizer.states().map(contents).collect(),
            ema: self.ema.as_ref().map(|ema| (ema.steps(), contents(ema.network().layers()))),
            best: self.best_network.as_ref().map(|network| contents(network.layers())),
            masks: self.workspace.step(),
            stream: self.epoch_stream.state(),
            progress: self.progress_now(),
            next: self.next_stage(),
            fallback: None,
        }
    }

    /// Resumes from a checkpoint, with the same plan, examples and sets as the original training.
    /// Only the number of epochs may differ: a training that is complete continues if there are
    /// more.
    ///
    /// # Panics
    /// As [`Trainer::new`].
    ///
    /// # Errors
    /// [`Error::Resume`] if the plan does not match the checkpoint; those of
    /// [`Trainer::with_sets`].
    #[track_caller]
    pub fn resume(
        checkpoint: Checkpoint<A>,
        plan: Plan,
        examples: &'d Examples<'d, A>,
        validation: Option<&'d Dataset>,
        test: Option<&'d Dataset>,
    ) -> Result<Self, Error> {
        let mut trainer = Self::with_sets(plan, examples, validation, test)?;
        trainer.restore(checkpoint).map_err(|reason| Error::Resume { reason })?;
        Ok(trainer)
    }

    fn restore(&mut self, checkpoint: Checkpoint<A>) -> Result<(), String> {
        let config = self.plan().config();
        if (TrainConfig { epochs: config.epochs, ..checkpoint.config()? }) != *config {
            return Err("the checkpoint has another configuration".to_owned());
        }
        // No counter is ahead of the steps taken.
        let (epochs, batches) = checkpoint.position();
        let steps =
            (epochs as u64).saturating_mul(self.plan().batches() as u64).saturating_add(batches as u64);
        let ema_steps = checkpoint.ema.as_ref().map_or(0, |(steps, _)| *steps);
        if [checkpoint.optimizer_steps, checkpoint.masks, ema_steps].iter().any(|&counter| counter > steps) {
            return Err("the checkpoint counts more steps than its epochs have".to_owned());
        }
        let architecture = self.plan().architecture().clone();
        let mlp = |contents| -> Result<Mlp<A>, String> {
            let network = network(contents, architecture.activation)?;
            if network.architecture() != architecture {
                return Err("the checkpoint is for another network".to_owned());
            }
            Ok(network)
        };
        self.network = mlp(checkpoint.network)?;
        let states: Result<Vec<_>, String> = checkpoint.optimizer.into_iter().map(layers).collect();
        self.optimizer.restore(checkpoint.optimizer_steps, states?)?;
        self.ema = match (checkpoint.ema, self.plan().config().ema_decay) {
            (Some((steps, ema)), Some(decay)) => Some(Ema::resume(mlp(ema)?, decay, steps)),
            (None, None) => None,
            _ => return Err("the checkpoint and its configuration disagree on ema_decay".to_owned()),
        };
        self.best_network = checkpoint.best.map(mlp).transpose()?;
        self.workspace.seek_step(checkpoint.masks);
        let stream = Stream::restore(&checkpoint.stream).ok_or("invalid state of the random stream")?;
        let next = checkpoint.progress.stage_in(self.plan(), checkpoint.next)?;
        self.resume_at(stream, checkpoint.progress, next)
    }
}
