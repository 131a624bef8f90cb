//! Training in a run directory: what is written when, so that a run can be killed at any moment and
//! resumed. Everything that a run leaves behind is written from here.

use std::time::Duration;

use mlp_core::Mlp;
use mlp_data::Dataset;

use crate::error::Error;
use crate::model::metadata::{Metadata, Model};
use crate::model::network::Network;
use crate::number::Number;
use crate::run::checkpoint::Origin;
use crate::run::checkpoints::{Checkpoints, Every};
use crate::run::result::{Best, RunResult, Status};
use crate::run::run_dir::RunDir;
use crate::run::tensorboard::TensorBoardWriter;
use crate::run::writers::{MetricsWriter, TraceWriter};
use crate::training::events::{Ending, Observer};
use crate::training::trainer::Trainer;

/// What a run needs besides its trainer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunSetup<'d> {
    /// Where the training comes from.
    pub origin: Origin,
    /// The metadata of its models.
    pub metadata: Metadata,
    /// The set on which its models are evaluated at the end.
    pub test: Option<&'d Dataset>,
    /// How often a checkpoint is written within an epoch.
    pub checkpoint_every: Option<Every>,
    /// The minimum age of the last checkpoint for the end of an epoch to write another: where
    /// epochs are short, one after each would cost more than it saves. Half a second by default.
    pub spacing: Duration,
    /// Whether training waits until a checkpoint is on disk. Otherwise it continues, and where
    /// epochs are shorter than writing one takes, some are skipped.
    pub waits_for_disk: bool,
    /// Whether to write TensorBoard's file. A run that has one continues it.
    pub tensorboard: bool,
}

impl RunSetup<'_> {
    /// A run without a test set, with checkpoints at the ends of epochs only.
    pub fn new(origin: Origin, metadata: Metadata) -> Self {
        let spacing = Duration::from_millis(500);
        let (test, checkpoint_every, waits_for_disk, tensorboard) = (None, None, false, false);
        Self { origin, metadata, test, checkpoint_every, spacing, waits_for_disk, tensorboard }
    }
}

impl RunDir {
    /// Trains to the end, or until `observer` says stop, and writes everything that a run leaves
    /// behind. The trainer is a new one, or one resumed from this directory's checkpoint
    /// ([`RunDir::checkpoint`]).
    ///
    /// # Errors
    /// [`Error::Diverged`], [`Error::Io`], and the first error of `observer`. The last checkpoint
    /// that was written is then still there.
    ///
    /// # Example
    /// ```
    /// use mlp_train::*;
    /// let sets = mlp_data::synthetic::digits(500, 200, 0);
    /// let plan = TrainConfig { epochs: 3, ..TrainConfig::default() }.validate(&sets.train)?;
    /// let (train, program) = (&sets.train, "mine 1.0");
    /// let mut metadata = Metadata::new("synthetic", sets.class_names.clone(), train.shape(), program);
    /// metadata.config = Some(plan.config().clone());
    /// let mut setup = RunSetup::new(Origin::new("synthetic", train.sha256(), program), metadata);
    /// setup.test = Some(&sets.test);
    /// setup.checkpoint_every = Some("30s".parse()?);
    /// # let scratch = tempfile::tempdir().unwrap();
    /// # let path = scratch.path().join("run");
    /// // let path = Path::new("runs/mine");
    /// let run = RunDir::create(&path)?;
    /// run.write_config("epochs = 3\n")?;
    /// let examples = Examples::<f32>::new(&plan, &sets.train);
    /// let mut trainer = match run.checkpoint()? {
    ///     None => Trainer::new(plan, &examples)?,
    ///     Some(checkpoint) => Trainer::resume(checkpoint, plan, &examples, None, None)?,
    /// };
    /// let result = run.train(&mut trainer, &setup, &mut ())?;
    /// assert_eq!((result.status, result.epochs), (Status::Complete, 3));
    /// assert!(run.model_path().exists());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn train<A: Number, O: Observer + ?Sized>(
        &self,
        trainer: &mut Trainer<'_, A>,
        setup: &RunSetup<'_>,
        mut observer: &mut O,
    ) -> Result<RunResult, Error>
    where
        Network: From<Mlp<A>>,
    {
        let (disk, done) = (self.disk(), trainer.trace());
        let mut trace = TraceWriter::begin(disk, &self.trace_path(), done)?;
        let mut metrics = MetricsWriter::begin(disk, &self.metrics_path(), done)?;
        let has_events = setup.tensorboard || self.events_path().exists();
        let begin_events = || TensorBoardWriter::begin(disk, &self.events_path(), done);
        let mut events = has_events.then(begin_events).transpose()?;
        let observers: &mut [&mut dyn Observer] = &mut [&mut trace, &mut metrics, &mut events, &mut observer];
        let (every, spacing) = (setup.checkpoint_every, setup.spacing);
        let mut checkpoints = Checkpoints::new(self, &setup.origin, every, spacing, setup.waits_for_disk);
        let ended = trainer.drive(|trainer, event| {
            let control = observers.observe(event)?;
            checkpoints.observe(trainer, event)?;
            Ok(control)
        });
        match ended {
            Ok(_) | Err(Error::Diverged { .. }) => {
                checkpoints.finish()?;
                self.conclude(trainer, setup, ended)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the models and the result.
    fn conclude<A: Number>(
        &self,
        trainer: &Trainer<'_, A>,
        setup: &RunSetup<'_>,
        ended: Result<Ending, Error>,
    ) -> Result<RunResult, Error>
    where
        Network: From<Mlp<A>>,
    {
        let status = match ended {
            Ok(Ending::Stopped) => Status::Interrupted,
            Ok(_) => Status::Complete,
            Err(_) => Status::Diverged,
        };
        let test = setup.test.filter(|_| status == Status::Complete);
        let on_test = |network: &Mlp<A>| test.map(|test| trainer.outcome(network, test)).transpose();
        let model = |network: &Mlp<A>| Model {
            network: Network::from(network.clone()),
            metadata: setup.metadata.clone(),
        };
        let mut best = None;
        if let (Some(network), Some((epoch, value))) = (trainer.best_network(), trainer.best()) {
            model(network).save_on(self.disk(), &self.best_path())?;
            best = Some(Best { epoch, metric: trainer.monitored(), value, test: on_test(network)? });
        }
        let mut outcome = None;
        if ended.is_ok() {
            model(trainer.network()).save_on(self.disk(), &self.model_path())?;
            outcome = on_test(trainer.network())?;
        }
        let result = RunResult {
            status,
            ending: ended.as_ref().ok().copied(),
            epochs: trainer.trace().len(),
            seconds: trainer.trace().iter().map(|record| record.seconds).sum(),
            test: outcome,
            best,
            message: ended.as_ref().err().map(ToString::to_string),
        };
        self.write_result(&result)?;
        ended.map(|_| result)
    }
}
