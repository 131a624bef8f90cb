//! What a person sees of a run: the chapter's lines on standard output, a progress bar and notes on standard error.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_core::Reduction;
use mlp_train::{Control, EpochRecord, Error, Event, Observer, Outcome};

/// `mlp --version`: the release and what multiplies the matrices.
#[cfg(any(feature = "openblas", feature = "openblas-static"))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (OpenBLAS)");
#[cfg(not(any(feature = "openblas", feature = "openblas-static")))]
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (pure Rust)");

/// A line on standard error; if nobody reads it, nothing is lost.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// How many decimals a loss is printed with: one for the sum over a batch, as in the chapter; the mean is soon too small for that.
pub(crate) fn loss_places(reduction: Reduction) -> usize {
    match reduction {
        Reduction::Sum => 1,
        Reduction::Mean => 4,
    }
}

/// The chapter's line for an epoch: `1/50  loss 70.8  acc 0.8116`; and what was found on other sets.
pub(crate) fn epoch_line(record: &EpochRecord, epochs: usize, places: usize) -> String {
    let set = |name: &str, found: Option<Outcome>| {
        let text = |found: Outcome| format!("  {name}  {}", outcome(found.loss, found.accuracy, places));
        found.map_or(String::new(), text)
    };
    format!(
        "{}/{epochs}  {}{}{}",
        record.epoch,
        outcome(record.loss, record.accuracy, places),
        set("validation", record.validation),
        set("test", record.test)
    )
}

/// The line for the test set, on the scale of the epochs' lines.
pub(crate) fn test_line(loss: f64, accuracy: f64, places: usize) -> String {
    format!("test  {}", outcome(loss, accuracy, places))
}

fn outcome(loss: f64, accuracy: f64, places: usize) -> String {
    format!("loss {}  acc {}", decimals(loss, places), decimals(accuracy, 4))
}

/// As Python prints it: rounded half to even on the exact binary value, and `nan` in small letters.
fn decimals(value: f64, places: usize) -> String {
    format!("{value:.places$}").replace("NaN", "nan")
}

/// Shows a run: a line for each epoch on standard output and, if standard error is a terminal, a progress bar there.
pub(crate) struct Console {
    epochs: usize,
    places: usize, // of a loss
    bar: ProgressBar,
    reader_left: bool, // standard output was closed: train on, in silence
}

impl Console {
    pub(crate) fn new(quiet: bool, places: usize) -> Self {
        let bar = ProgressBar::new(0);
        // indicatif draws nothing where standard error is not a terminal.
        bar.set_draw_target(if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        bar.set_style(
            ProgressStyle::with_template("{prefix}  {wide_bar}  {per_sec}  {eta} left")
                .expect("a fixed template")
                .with_key("per_sec", |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                    let rate = crate::table::thousands(state.per_sec() as usize);
                    // A row that cannot be drawn is not drawn.
                    let _ = write!(w, "{rate} images/s");
                }),
        );
        Self { epochs: 0, places, bar, reader_left: false }
    }

    /// Prints a line of result.
    pub(crate) fn print(&mut self, line: &str) -> Result<(), Error> {
        if self.reader_left {
            return Ok(());
        }
        let written = self.bar.suspend(|| {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}").and_then(|()| out.flush())
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_left = true;
                Ok(())
            }
            other => other
                .map_err(|reason| Error::Observer { what: "cannot write to standard output".into(), reason }),
        }
    }
}

impl Observer for Console {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match event {
            Event::Started { epochs, examples, .. } => {
                self.epochs = *epochs;
                self.bar.set_length(epochs.saturating_mul(*examples) as u64);
                self.bar.set_prefix(format!("epoch 1/{epochs}"));
                self.bar.enable_steady_tick(Duration::from_millis(200));
            }
            Event::StepDone { examples, .. } => self.bar.inc(*examples as u64),
            Event::EpochDone(record) => {
                self.print(&epoch_line(record, self.epochs, self.places))?;
                self.bar.set_prefix(format!("epoch {}/{}", self.epochs.min(record.epoch + 1), self.epochs));
            }
            Event::Finished { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
        Ok(Control::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_the_chapters() {
        let record =
            EpochRecord { epoch: 1, loss: 70.785_275, accuracy: 0.811_633, ..EpochRecord::default() };
        assert_eq!(epoch_line(&record, 50, 1), "1/50  loss 70.8  acc 0.8116");
        let validated =
            EpochRecord { loss: 0.051_26, validation: Some(Outcome { loss: 0.1, accuracy: 0.97 }), ..record };
        assert_eq!(
            epoch_line(&validated, 50, 4),
            "1/50  loss 0.0513  acc 0.8116  validation  loss 0.1000  acc 0.9700"
        );
        // Python: f'{0.25:.1f} {0.35:.1f} {float("nan"):.1f} {float("inf"):.1f}'
        assert_eq!(
            [0.25, 0.35, f64::NAN, f64::INFINITY].map(|v| decimals(v, 1)),
            ["0.2", "0.3", "nan", "inf"]
        );
        assert_eq!(test_line(15.55, 0.9553, 1), "test  loss 15.6  acc 0.9553");
    }
}
