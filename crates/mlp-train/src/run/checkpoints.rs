//! When checkpoints are written: at the ends of epochs, and at intervals within them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::run::saver::Saver;
use crate::{ConfigError, Error, Event, Number, Origin, RunDir, Trainer};

/// An interval: `30s`, `5m` or `500steps`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// A duration.
    Time(Duration),
    /// A number of steps.
    Steps(u64),
}

/// Writes checkpoints when they are due.
pub(crate) struct Checkpoints<'r, A> {
    saver: Saver<A>,
    origin: &'r Origin,
    every: Option<Every>,
    spacing: Duration,
    began: Instant,
    saved: Option<Instant>,
    steps: u64, // since the last checkpoint
    is_saved: bool,
}

impl<'r, A: Number> Checkpoints<'r, A> {
    pub(crate) fn new(
        run: &RunDir,
        origin: &'r Origin,
        every: Option<Every>,
        spacing: Duration,
        waits: bool,
    ) -> Self {
        let (saver, began) = (Saver::new(run, waits), Instant::now());
        Self { saver, origin, every, spacing, began, saved: None, steps: 0, is_saved: true }
    }

    /// Saves the training if a checkpoint is due after `event`.
    pub(crate) fn observe(&mut self, trainer: &Trainer<'_, A>, event: &Event) -> Result<(), Error> {
        let is_due = match event {
            Event::StepDone { .. } => {
                (self.is_saved, self.steps) = (false, self.steps + 1);
                match self.every {
                    None => false,
                    Some(Every::Steps(steps)) => self.steps >= steps,
                    Some(Every::Time(time)) => self.saved.unwrap_or(self.began).elapsed() >= time,
                }
            }
            Event::EpochDone(_) => {
                self.is_saved = false;
                self.saved.is_none_or(|saved| saved.elapsed() >= self.spacing)
            }
            Event::Finished { .. } => !self.is_saved,
            Event::Started { .. } => false,
        };
        if is_due {
            trainer.check_data()?;
            self.saver.save(trainer.checkpoint(self.origin))?;
            (self.is_saved, self.saved, self.steps) = (true, Some(Instant::now()), 0);
        }
        Ok(())
    }

    /// Waits until the newest checkpoint is on disk.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.saver.finish()
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
        let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0)];
        let parse = || {
            if let Some(steps) = text.strip_suffix("steps").or_else(|| text.strip_suffix("step")) {
                return steps.trim().parse::<u64>().ok().filter(|&steps| steps > 0).map(Self::Steps);
            }
            let (number, unit) =
                units.into_iter().find_map(|(s, unit)| Some((text.strip_suffix(s)?, unit)))?;
            let seconds = number.trim().parse::<f64>().ok()? * unit;
            Duration::try_from_secs_f64(seconds).ok().map(Self::Time)
        };
        parse().ok_or_else(|| ConfigError::Every { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_time_or_a_number_of_steps() {
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
            assert!(error.starts_with(&format!("`{text}` is not an interval; expected")), "{error}");
        }
    }
}
