//! Training in a run directory. All files of a run are written from here, in an order that lets a
//! run be killed at any moment and resumed.

use std::time::Duration;

use mlp_core::Mlp;
use mlp_data::Dataset;

use crate::run::checkpoints::Checkpoints;
use crate::{
    Best, Ending, EpochWriter, Error, Every, Metadata, Model, Network, Number, Observer, Origin, RunDir,
    RunResult, Status, Trainer,
};

/// The settings of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunSetup<'d> {
    /// Origin of the training, for its checkpoints.
    pub origin: Origin,
    /// Metadata of the models.
    pub metadata: Metadata,
    /// Test set on which the models are evaluated at the end.
    pub test: Option<&'d Dataset>,
    /// Interval of checkpoints within an epoch.
    pub checkpoint_every: Option<Every>,
    /// Minimum time between checkpoints at the ends of epochs, half a second by default.
    pub spacing: Duration,
    /// Wait until each checkpoint is on disk. Otherwise training continues meanwhile, and a slow
    /// disk skips checkpoints.
    pub waits_for_disk: bool,
    /// Write TensorBoard's event file. A run that already has one continues it.
    pub tensorboard: bool,
}

impl RunSetup<'_> {
    /// Settings without a test set, and with checkpoints at the ends of epochs only.
    pub fn new(origin: Origin, metadata: Metadata) -> Self {
        let spacing = Duration::from_millis(500);
        let (test, checkpoint_every, waits_for_disk, tensorboard) = (None, None, false, false);
        Self { origin, metadata, test, checkpoint_every, spacing, waits_for_disk, tensorboard }
    }
}

impl RunDir {
    /// Trains to the end or until `observer` stops it, and writes all files of the run. The trainer
    /// is new or resumed from [`RunDir::checkpoint`].
    ///
    /// # Errors
    /// [`Error::Diverged`], [`Error::Io`], and the first error of `observer`. The last checkpoint
    /// is kept.
    ///
    /// # Example
    /// ```
    /// use mlp_train::*;
    /// let sets = mlp_data::synthetic::digits(500, 200, 0);
    /// let plan = TrainConfig { epochs: 3, ..TrainConfig::default() }.validate(&sets.train)?;
    /// let (train, names, program) = (&sets.train, sets.class_names.clone(), "mine 1.0");
    /// let mut metadata = Metadata::new("synthetic", names, train.shape(), program);
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
        let mut trace = EpochWriter::csv(disk, &self.trace_path(), done)?;
        let mut metrics = EpochWriter::json_lines(disk, &self.metrics_path(), done)?;
        let has_events = setup.tensorboard || self.events_path().exists();
        let start_events = || EpochWriter::tensorboard(disk, &self.events_path(), done);
        let mut events = has_events.then(start_events).transpose()?;
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
            seconds: trainer.trace().iter().map(|record| record.seconds).sum::<f64>() + 0.0, // not -0
            test: outcome,
            best,
            message: ended.as_ref().err().map(ToString::to_string),
        };
        self.write_result(&result)?;
        ended.map(|_| result)
    }
}
