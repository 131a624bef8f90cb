//! A training in its run directory: what is written when, so that it can be killed at any moment and gone on with. Everything that a run
//! leaves behind is written from here.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use mlp_core::Mlp;
use mlp_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::config::metric::Metric;
use crate::error::{ConfigError, Error};
use crate::model::evaluate::evaluate;
use crate::model::metadata::{Metadata, Model, Network};
use crate::number::Number;
use crate::run::checkpoint::Origin;
use crate::run::run_dir::RunDir;
use crate::run::saver::Saver;
use crate::run::tensorboard::TensorBoardWriter;
use crate::run::writers::{MetricsWriter, TraceWriter};
use crate::training::events::{Control, Ending, Event, Observer, Outcome};
use crate::training::trainer::Trainer;

/// What a run keeps besides what its trainer knows.
#[derive(Clone, Debug)]
pub struct RunSetup<'d> {
    /// Where the training comes from.
    pub origin: Origin,
    /// What its models know about themselves.
    pub metadata: Metadata,
    /// On what its models are judged at the end.
    pub test: Option<&'d Dataset>,
    /// How often a checkpoint is written within an epoch.
    pub checkpoint_every: Option<Every>,
    /// How old the last checkpoint has to be for the end of an epoch to write another: where epochs are short, one after each would cost
    /// more than it saves.
    pub spacing: Duration,
    /// Whether training waits until a checkpoint is safe. Otherwise it goes on, and where epochs are shorter than it takes to write one,
    /// some are left out.
    pub waits_for_disk: bool,
    /// Whether TensorBoard's file is written. A run that has one goes on with it.
    pub tensorboard: bool,
}

/// How often something is done: `30s`, `5m`, `500steps`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// After so much time.
    Time(Duration),
    /// After so many steps.
    Steps(u64),
}

/// How a training ended, as `result.json` keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// In what state.
    pub status: Status,
    /// Why it ended, if it did not fail.
    pub ending: Option<Ending>,
    /// Epochs done.
    pub epochs: usize,
    /// Wall time of these epochs.
    pub seconds: f64,
    /// The last network on the test set, where there is one and the training is complete.
    pub test: Option<Outcome>,
    /// The best epoch, where the best network is kept.
    pub best: Option<Best>,
    /// What went wrong, if something did.
    pub message: Option<String>,
}

/// In what state a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// There is nothing more to do.
    Complete,
    /// It was stopped, and can be gone on with.
    Interrupted,
    /// A loss was infinite or not a number.
    Diverged,
}

/// The best epoch of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Counted from 1.
    pub epoch: usize,
    /// What it is the best by.
    pub metric: Metric,
    /// The metric's value.
    pub value: f64,
    /// The network of that epoch on the test set, as [`RunResult::test`].
    pub test: Option<Outcome>,
}

impl RunDir {
    /// Trains to the end, or until `observer` says stop, and leaves behind what there is to leave. The trainer is a new one, or one that goes on
    /// from this directory's checkpoint ([`RunDir::checkpoint`]).
    ///
    /// # Errors
    /// [`Error::Diverged`], [`Error::Io`], and the first error of `observer`. The last checkpoint that was written is then still there.
    ///
    /// # Example
    /// ```
    /// use mlp_train::*;
    /// # use std::time::Duration;
    /// let sets = mlp_data::synthetic::digits(500, 200, 0);
    /// let plan = TrainConfig { epochs: 3, ..TrainConfig::default() }.validate(&sets.train)?;
    /// let setup = RunSetup {
    ///     origin: Origin {
    ///         program: "mine 1.0".into(),
    ///         dataset: "synthetic".into(),
    ///         sha256: sets.train.sha256(),
    ///         validation_sha256: None,
    ///     },
    ///     metadata: Metadata {
    ///         dataset: "synthetic".into(),
    ///         class_names: sets.class_names.clone(),
    ///         image_shape: sets.train.shape(),
    ///         preprocessing: sets.preprocessing,
    ///         config: Some(plan.config().clone()),
    ///         program: "mine 1.0".into(),
    ///     },
    ///     test: Some(&sets.test),
    ///     checkpoint_every: Some("30s".parse()?),
    ///     spacing: Duration::from_millis(500),
    ///     waits_for_disk: false,
    ///     tensorboard: false,
    /// };
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
        observer: &mut O,
    ) -> Result<RunResult, Error>
    where
        Network: From<Mlp<A>>,
    {
        let (disk, done) = (self.disk(), trainer.trace());
        let mut trace = TraceWriter::begin(disk, &self.trace_path(), done)?;
        let mut metrics = MetricsWriter::begin(disk, &self.metrics_path(), done)?;
        let mut events = None;
        if setup.tensorboard || self.events_path().exists() {
            events = Some(TensorBoardWriter::begin(disk, &self.events_path(), done)?);
        }
        let saver = Saver::new(self, setup.waits_for_disk);
        let mut clock = Clock::new(setup.checkpoint_every);
        let mut is_saved = true;
        let ended = loop {
            let event = match trainer.advance() {
                Ok(Some(event)) => event,
                Ok(None) => unreachable!("the loop ends with the event before"),
                Err(error) => break Err(error),
            };
            trace.observe(&event)?;
            metrics.observe(&event)?;
            if let Some(events) = &mut events {
                events.observe(&event)?;
            }
            let control = observer.observe(&event)?;
            let is_due = match event {
                Event::StepDone { .. } => {
                    is_saved = false;
                    clock.tick()
                }
                Event::EpochDone(_) => {
                    is_saved = false;
                    clock.saved.is_none_or(|saved| saved.elapsed() >= setup.spacing)
                }
                Event::Finished { ending, .. } => break Ok(ending),
                Event::Started { .. } => false,
            };
            if is_due {
                saver.save(trainer.checkpoint(&setup.origin))?;
                clock.reset();
                is_saved = true;
            }
            if control == Control::Stop {
                trainer.stop();
            }
        };
        if ended.is_ok() && !is_saved {
            saver.save(trainer.checkpoint(&setup.origin))?;
        }
        saver.finish()?;
        self.conclude(trainer, setup, ended)
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
        let judged = |network: &Mlp<A>| -> Result<Option<Outcome>, Error> {
            let Some(test) = setup.test.filter(|_| status == Status::Complete) else { return Ok(None) };
            let score = evaluate(network, test)?.score;
            Ok(Some(Outcome { loss: trainer.plan().batch_loss(&score), accuracy: score.accuracy() }))
        };
        let model = |network: &Mlp<A>| Model {
            network: Network::from(network.clone()),
            metadata: setup.metadata.clone(),
        };
        let mut best = None;
        if let (Some(network), Some((epoch, value))) = (trainer.best_network(), trainer.best()) {
            self.write_best(&model(network))?;
            best = Some(Best { epoch, metric: trainer.monitored(), value, test: judged(network)? });
        }
        let mut test = None;
        if ended.is_ok() {
            self.write_model(&model(trainer.network()))?;
            test = judged(trainer.network())?;
        }
        let result = RunResult {
            status,
            ending: ended.as_ref().ok().copied(),
            epochs: trainer.trace().len(),
            seconds: trainer.trace().iter().map(|record| record.seconds).sum(),
            test,
            best,
            message: ended.as_ref().err().map(ToString::to_string),
        };
        self.write_result(&result)?;
        ended.map(|_| result)
    }
}

/// When a checkpoint is due within an epoch.
struct Clock {
    every: Option<Every>,
    began: Instant,
    saved: Option<Instant>,
    steps: u64, // since
}

impl Clock {
    fn new(every: Option<Every>) -> Self {
        Self { every, began: Instant::now(), saved: None, steps: 0 }
    }

    fn reset(&mut self) {
        (self.saved, self.steps) = (Some(Instant::now()), 0);
    }

    fn tick(&mut self) -> bool {
        self.steps += 1;
        match self.every {
            None => false,
            Some(Every::Steps(steps)) => self.steps >= steps,
            Some(Every::Time(time)) => self.saved.unwrap_or(self.began).elapsed() >= time,
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "{}s", time.as_secs_f64()),
            Self::Steps(1) => f.write_str("step"),
            Self::Steps(steps) => write!(f, "{steps} steps"),
        }
    }
}

impl FromStr for Every {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Every { found: text.to_owned() };
        if let Some(steps) = text.strip_suffix("steps").or_else(|| text.strip_suffix("step")) {
            let steps = steps.trim().parse().map_err(|_| wrong())?;
            return if steps > 0 { Ok(Self::Steps(steps)) } else { Err(wrong()) };
        }
        let (number, unit) = match text.chars().next_back() {
            Some('s') => (&text[..text.len() - 1], 1.0),
            Some('m') => (&text[..text.len() - 1], 60.0),
            Some('h') => (&text[..text.len() - 1], 3600.0),
            _ => (text, 1.0),
        };
        let seconds: f64 = number.trim().parse().map_err(|_| wrong())?;
        Duration::try_from_secs_f64(seconds * unit).map(Self::Time).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_is_a_time_or_a_number_of_steps() {
        let seconds = |seconds| Ok(Every::Time(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("30", seconds(30)),
            ("30s", seconds(30)),
            ("5m", seconds(300)),
            ("1h", seconds(3600)),
            ("500steps", Ok(Every::Steps(500))),
            ("1 step", Ok(Every::Steps(1))),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for text in ["", "s", "-1s", "nan", "1e999", "0steps", "5 parsecs", "é"] {
            let error = text.parse::<Every>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no interval; expected")), "{error}");
        }
    }
}
