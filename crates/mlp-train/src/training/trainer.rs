//! The chapter's training loop. Each epoch shuffles the examples, then runs forward pass, backward
//! pass and update for each batch; its loss and accuracy are the means over the batches.

use std::time::{Duration, Instant};

use mlp_core::{Adversary, Ema, Mlp, Optimizer, Peers, Shards, Stream, Workspace};
use mlp_data::Dataset;

use crate::training::batches::{Batches, Examples};
use crate::training::mean::mean;
use crate::training::processes::{EpochEnd, Meetings, Processes, Stopped};
use crate::training::progress::{Progress, Stage};
use crate::training::shuffle::Shuffler;
use crate::{
    ConfigError, Control, Ending, EpochRecord, Error, Event, Metric, Number, Observer, Outcome, Plan,
    Schedule, evaluate,
};

/// A network in training, with everything the next step needs.
///
/// Each step is shared by as many threads of the rayon pool that created the trainer as are worth
/// it. The result does not depend on their number.
#[derive(Debug)]
pub struct Trainer<'d, A> {
    plan: Plan,
    schedule: Schedule,
    batches: Batches<'d, A>,
    validation: Option<&'d Dataset>,
    test: Option<&'d Dataset>,
    pub(crate) network: Mlp<A>,
    pub(crate) optimizer: Optimizer<A>,
    pub(crate) ema: Option<Ema<A>>,
    adversary: Option<Adversary<A>>,
    stream: Stream,
    pub(crate) epoch_stream: Stream, // before this epoch's permutation
    pub(crate) workspace: Workspace<A>,
    order: Vec<u32>, // (examples), this epoch's permutation
    shuffler: Shuffler,
    pub(crate) best_network: Option<Mlp<A>>, // see `best_network()`
    forced_rate: Option<f64>,                // overrides the schedule
    meetings: Option<Meetings<A>>,           // with other processes
    progress: Progress,
    stage: Stage,
    epoch_began: Instant,
}

impl<'d, A: Number> Trainer<'d, A> {
    /// Creates a trainer with a newly initialized network. Shuffling continues the random stream of
    /// the initialization.
    ///
    /// # Panics
    /// If the examples are not those that the plan was validated against.
    ///
    /// # Errors
    /// [`ConfigError::NoSuchSet`] if a metric needs a validation or test set; see
    /// [`Trainer::with_sets`].
    #[track_caller]
    pub fn new(plan: Plan, examples: &'d Examples<'d, A>) -> Result<Self, Error> {
        Self::with_sets(plan, examples, None, None)
    }

    /// Like [`Trainer::new`], with a validation set that is evaluated after each epoch and a test
    /// set for the metrics that need one.
    ///
    /// # Panics
    /// As [`Trainer::new`].
    ///
    /// # Errors
    /// [`ConfigError::NoSuchSet`] if a metric needs a set that is missing.
    #[track_caller]
    pub fn with_sets(
        plan: Plan,
        examples: &'d Examples<'d, A>,
        validation: Option<&'d Dataset>,
        test: Option<&'d Dataset>,
    ) -> Result<Self, Error> {
        let (config, data) = (plan.config(), examples.data());
        plan.check_sets(validation.is_some(), test.is_some())?;
        let test = test.filter(|_| plan.metrics(validation.is_some()).any(Metric::needs_test));
        let mut stream = config.rng.seeded(config.seed).map_err(ConfigError::from)?;
        let network = Mlp::new(plan.architecture(), config.init, &mut stream).map_err(ConfigError::from)?;
        let architecture = plan.architecture();
        assert_eq!(
            (data.len(), data.pixels(), data.classes()),
            (plan.examples(), architecture.inputs, architecture.outputs),
            "the plan is for another training set (examples, pixels, classes)"
        );
        let compute = plan.kernel().compute(plan.threads(data, rayon::current_num_threads()));
        let batches = Batches::new(&plan, examples, compute.threads);
        let mut workspace = Workspace::with_compute(architecture, config.batch_size, compute);
        workspace.set_objective(plan.objective());
        workspace.set_shards(config.shards);
        Ok(Self {
            schedule: plan.schedule(),
            batches,
            validation,
            test,
            optimizer: plan.optimizer(),
            ema: config.ema_decay.map(|decay| Ema::new(&network, decay)),
            adversary: plan.adversary(),
            network,
            epoch_stream: stream.clone(),
            stream,
            workspace,
            order: vec![0; data.len()],
            shuffler: Shuffler::new(config.shuffle_block),
            best_network: None,
            forced_rate: None,
            meetings: None,
            progress: Progress::new(plan.batches()),
            stage: Stage::Steps,
            epoch_began: Instant::now(),
            plan,
        })
    }

    /// Shares the training with other processes, which have the same plan, examples and state. Each
    /// takes all steps, and the first one alone writes files, has observers and needs other sets:
    /// the others get its evaluations, and stop when it does.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] if there are fewer shards than processes.
    pub fn share(self, processes: Box<dyn Processes<A>>) -> Result<Self, Error> {
        let (shards, count) = (self.plan.config().shards, processes.count());
        self.plan.check_processes(count)?;
        let mut workspace = self.workspace;
        workspace.set_shards(Shards::of_process(shards, processes.number(), count));
        Ok(Self { workspace, meetings: Some(Meetings::new(processes, shards)), ..self })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The current network: the moving average of the weights, if there is one.
    pub fn network(&self) -> &Mlp<A> {
        self.ema.as_ref().map_or(&self.network, Ema::network)
    }

    /// Returns [`Trainer::network`] by value.
    pub fn into_network(self) -> Mlp<A> {
        self.ema.map_or(self.network, |ema| ema.network().clone())
    }

    /// The network after the best epoch. It is kept only with a validation set or a chosen metric,
    /// since the training loss says little about which network is best.
    pub fn best_network(&self) -> Option<&Mlp<A>> {
        self.best_network.as_ref()
    }

    /// The metric that decides which epoch is best.
    pub fn monitored(&self) -> Metric {
        self.plan.config().monitored(self.validation.is_some())
    }

    /// The best epoch and its value of the monitored metric; `None` before the first non-NaN value.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.progress.best
    }

    /// The number of threads that share a step.
    pub fn threads(&self) -> usize {
        self.workspace.compute().threads
    }

    /// The records of the completed epochs.
    pub fn trace(&self) -> &[EpochRecord] {
        &self.progress.trace
    }

    /// Trains to the end or until `observer` stops it. Returns the records of the completed epochs.
    ///
    /// # Errors
    /// Those of [`Trainer::drive`].
    pub fn run<O: Observer + ?Sized>(&mut self, observer: &mut O) -> Result<Vec<EpochRecord>, Error> {
        self.drive(|_, event| observer.observe(event))?;
        Ok(self.progress.trace.clone())
    }

    /// Trains to the end or until `watch`, called with the trainer after each event, stops it.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a loss is infinite or NaN, with the weights from before that step;
    /// the first error of `watch`.
    pub fn drive<W>(&mut self, mut watch: W) -> Result<Ending, Error>
    where
        W: FnMut(&mut Self, &Event) -> Result<Control, Error>,
    {
        let (epochs, batches) = (self.plan.config().epochs, self.plan.batches());
        let (examples, done) = (self.plan.examples_per_epoch(), self.progress.epochs);
        self.epoch_began = Instant::now();
        let mut event = Event::Started { epochs, batches, examples, done };
        loop {
            let control = watch(self, &event)?;
            if let Event::Finished { ending, .. } = event {
                return Ok(ending);
            }
            if control == Control::Stop {
                self.stop();
            }
            event = self.advance()?;
        }
    }

    /// Advances by one event.
    fn advance(&mut self) -> Result<Event, Error> {
        Ok(match self.stage {
            Stage::Start(never) => match never {},
            Stage::Steps => {
                let event = self.step()?;
                if matches!(event, Event::Finished { .. }) {
                    return Ok(event);
                }
                if self.progress.batches == self.plan.batches() {
                    self.stage = Stage::EpochEnd;
                } else if self.decides()
                    && self.progress.is_out_of_time(self.plan.config(), self.epoch_time())
                {
                    self.end(Ending::OutOfTime);
                }
                event
            }
            Stage::EpochEnd => self.end_epoch()?,
            Stage::End(ending) => Event::Finished { epochs: self.progress.epochs, ending },
        })
    }

    /// Overrides the schedule for the next steps. Not saved in checkpoints.
    pub(crate) fn force_learning_rate(&mut self, rate: f64) {
        self.forced_rate = Some(rate);
    }

    /// Ends the training: the next event is [`Event::Finished`].
    fn stop(&mut self) {
        if self.decides() && !matches!(self.stage, Stage::End(_)) {
            if self.progress.batches > 0 {
                self.progress.epoch_time = self.epoch_time();
            }
            self.end(Ending::Stopped);
        }
    }

    /// Returns whether this process decides when to stop.
    fn decides(&self) -> bool {
        self.meetings.as_ref().is_none_or(Meetings::is_first)
    }

    /// Ends the training here and in the other processes, which cannot know it.
    fn end(&mut self, ending: Ending) {
        self.meetings.iter_mut().for_each(Meetings::stop);
        self.stage = Stage::End(ending);
    }

    fn step(&mut self) -> Result<Event, Error> {
        if self.progress.batches == 0 {
            (self.epoch_began, self.progress.epoch_time) = (Instant::now(), Duration::ZERO);
            self.epoch_stream.clone_from(&self.stream);
            self.shuffler.shuffle(&mut self.stream, &mut self.order);
            self.progress.losses.clear();
            self.progress.accuracies.clear();
        }
        let config = self.plan.config();
        let (reduction, batch) = (config.loss_reduction, self.progress.batches);
        let learning_rate = self.learning_rate();
        let first = batch * config.batch_size;
        let indices = &self.order[first..self.order.len().min(first + config.batch_size)];
        let (size, own) = (indices.len(), self.workspace.shards().examples(indices.len()));
        let (mut x, labels) = self.batches.make(self.progress.epochs, &indices[own], &mut self.workspace);
        if let Some(adversary) = &mut self.adversary {
            x = adversary.perturb_own(&self.network, x, labels, size, &mut self.workspace).into();
        }
        let mut score = self.network.forward_own(x, labels, size, &mut self.workspace);
        if let Some(meetings) = &mut self.meetings {
            match meetings.score(score, size, &self.workspace) {
                Ok(whole) => score = whole,
                Err(Stopped) => return Ok(self.stopped()),
            }
        }
        let loss = score.loss(reduction);
        let (epoch, step) = (self.progress.epochs + 1, batch + 1);
        if !loss.is_finite() {
            let tensor = self.network.first_not_finite(&self.workspace);
            let tensor = tensor.unwrap_or_else(|| "the sum of the losses".to_owned());
            return Err(Error::Diverged { epoch, step, loss, tensor });
        }
        let network = &mut self.network;
        let peers = self.meetings.as_mut().map(|meetings| meetings.processes.as_mut() as &mut dyn Peers<A>);
        self.optimizer.descend_with(network, x, learning_rate, &mut self.workspace, peers);
        if let Some(ema) = &mut self.ema {
            ema.update(network, &mut self.workspace);
        }
        self.progress.losses.push(loss);
        self.progress.accuracies.push(score.accuracy());
        self.progress.batches = step;
        Ok(Event::StepDone { epoch, step, examples: score.examples, loss, learning_rate })
    }

    /// The end of a training that the first process has stopped.
    fn stopped(&mut self) -> Event {
        self.stage = Stage::End(Ending::Stopped);
        Event::Finished { epochs: self.progress.epochs, ending: Ending::Stopped }
    }

    fn learning_rate(&self) -> f64 {
        let step = self.progress.epochs * self.plan.batches() + self.progress.batches;
        self.forced_rate.unwrap_or_else(|| self.schedule.rate(step, self.progress.plateaus))
    }

    fn end_epoch(&mut self) -> Result<Event, Error> {
        self.check_data()?;
        let outcome = |data: Option<&Dataset>| match data {
            Some(data) if self.decides() => self.outcome(self.network(), data).map(Some),
            data => Ok(data.map(|_| Outcome::default())),
        };
        let (validation, test) = (outcome(self.validation)?, outcome(self.test)?);
        let mut end = EpochEnd { validation, test, seconds: self.epoch_time().as_secs_f64() };
        if let Some(meetings) = &mut self.meetings {
            match meetings.end_epoch(end) {
                Ok(known) => end = known,
                Err(Stopped) => return Ok(self.stopped()),
            }
        }
        let EpochEnd { validation, test, seconds } = end;
        self.progress.batches -= 1;
        let learning_rate = self.learning_rate();
        (self.progress.epochs, self.progress.batches) = (self.progress.epochs + 1, 0);
        let record = EpochRecord {
            epoch: self.progress.epochs,
            learning_rate,
            loss: mean(&self.progress.losses),
            accuracy: mean(&self.progress.accuracies),
            validation,
            test,
            seconds,
        };
        self.progress.time += Duration::from_secs_f64(seconds);
        self.progress.trace.push(record);
        self.epoch_stream.clone_from(&self.stream);
        self.progress.update(self.plan.config(), self.monitored(), &record);
        let is_worth_keeping = self.validation.is_some() || self.plan.config().monitor.is_some();
        if is_worth_keeping && self.best().is_some_and(|(epoch, _)| epoch == record.epoch) {
            self.best_network = Some(self.network().clone());
        }
        let ending = self.progress.ending(self.plan.config(), &record);
        self.stage = ending.map_or(Stage::Steps, Stage::End);
        Ok(Event::EpochDone(record))
    }

    /// Evaluates a network, with the loss scaled to one training batch.
    pub(crate) fn outcome(&self, network: &Mlp<A>, data: &Dataset) -> Result<Outcome, Error> {
        let score = evaluate(network, data, self.plan.kernel())?.score;
        Ok(Outcome { loss: self.plan.batch_loss(&score), accuracy: score.accuracy() })
    }

    /// The time spent in this epoch, including before an interruption.
    fn epoch_time(&self) -> Duration {
        self.progress.epoch_time + self.epoch_began.elapsed()
    }

    /// Checks that the training set is still the one that the steps so far were taken on.
    pub(crate) fn check_data(&self) -> Result<(), Error> {
        Ok(self.batches.data().check_unchanged()?)
    }

    /// The progress, for a checkpoint.
    pub(crate) fn progress_now(&self) -> Progress {
        let is_running = matches!(self.stage, Stage::Steps | Stage::EpochEnd) && self.progress.batches > 0;
        let epoch_time = if is_running { self.epoch_time() } else { self.progress.epoch_time };
        Progress { epoch_time, ..self.progress.clone() }
    }

    /// The next stage, for a checkpoint. A stopped training resumes where it stopped.
    pub(crate) fn next_stage(&self) -> Stage {
        match self.stage {
            Stage::End(Ending::Stopped) if self.progress.batches == self.plan.batches() => Stage::EpochEnd,
            Stage::End(Ending::Stopped) => Stage::Steps,
            stage => stage,
        }
    }

    /// Restores the position, after network, optimizer and moving average.
    pub(crate) fn resume_at(
        &mut self,
        mut stream: Stream,
        progress: Progress,
        next: Stage,
    ) -> Result<(), String> {
        if !progress.fits(&self.plan, next) {
            return Err("the position in the checkpoint does not belong to this run".to_owned());
        }
        self.epoch_stream.clone_from(&stream);
        if progress.batches > 0 {
            self.shuffler.shuffle(&mut stream, &mut self.order);
        }
        (self.stream, self.progress, self.stage) = (stream, progress, next);
        Ok(())
    }
}
