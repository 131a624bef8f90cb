//! Training progress. Standard output gets the epochs as a table, plain lines or JSON; standard
//! error gets a progress bar.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_train::{Control, EpochRecord, Error, Event, Metric, Observer, Outcome, RunResult, TrainConfig};
use serde::Serialize;

use super::epoch_table::EpochTable;
use super::messages::{note, printable_json};
use super::table::{decimals, loss_places, thousands};

/// The line of an epoch in the format of the chapter's program, `1/50  loss 70.8  acc 0.8116`,
/// followed by the other sets.
fn epoch_line(record: &EpochRecord, epochs: usize, places: usize) -> String {
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

/// The line of the test set.
fn test_line(loss: f64, accuracy: f64, places: usize) -> String {
    format!("test  {}", outcome(loss, accuracy, places))
}

fn outcome(loss: f64, accuracy: f64, places: usize) -> String {
    format!("loss {}  acc {}", decimals(loss, places), decimals(accuracy, 4))
}

/// Format of the progress on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A table on a terminal, plain lines otherwise.
    #[default]
    Text,
    /// One JSON object per event: `started`, `epoch`, `finished`.
    Json,
}

/// A line of `--log-format json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Entry<'a> {
    Started {
        run: &'a str,
        epochs: usize,
        batches: usize,
        examples: usize,
        done: usize,
    },
    Epoch(&'a EpochRecord),
    Finished {
        run: &'a str,
        #[serde(flatten)]
        result: &'a RunResult,
    },
}

/// Shows the progress of a run.
pub(crate) struct Console {
    run: String, // not UTF-8 is shown as U+FFFD
    form: Form,
    places: usize, // decimals of a loss
    epochs: usize,
    examples: usize,
    bar: ProgressBar,
    reader_left: bool, // standard output was closed; training continues
}

enum Form {
    Lines,
    Table(EpochTable),
    Json,
}

impl Console {
    /// A display for a run in a directory, trained with `config`.
    pub(crate) fn new(
        run: &Path,
        config: &TrainConfig,
        has_validation: bool,
        format: LogFormat,
        quiet: bool,
    ) -> Self {
        let bar = ProgressBar::new(0);
        // indicatif draws only if standard error is a terminal.
        bar.set_draw_target(if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        bar.set_style(
            // Narrower than the terminal. Otherwise an echoed `^C` wraps the line, and it is not
            // cleared.
            ProgressStyle::with_template("{prefix}  {bar:30}  {per_sec}  {eta} left")
                .expect("a fixed template")
                .with_key("per_sec", |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = write!(w, "{} images/s", thousands(state.per_sec() as usize));
                }),
        );
        let places = loss_places(config.loss_reduction);
        let form = match format {
            LogFormat::Json => Form::Json,
            // A launcher gives its processes terminals, wherever it writes their output.
            LogFormat::Text if io::stdout().is_terminal() && mlp_train::mpi::launch().is_none() => {
                let mut watched = config.monitor.into_iter().chain(config.until.map(|target| target.metric));
                Form::Table(EpochTable::new(places, has_validation, watched.any(Metric::needs_test)))
            }
            LogFormat::Text => Form::Lines,
        };
        Self { run: run.display().to_string(), form, places, epochs: 0, examples: 0, bar, reader_left: false }
    }

    /// Prints how the run ended.
    pub(crate) fn finish(&mut self, result: &RunResult) {
        let text = match &self.form {
            Form::Json => json(&Entry::Finished { run: &self.run, result }),
            Form::Lines | Form::Table(_) => {
                let last = result.test.map(|test| test_line(test.loss, test.accuracy, self.places));
                let best = result.best.and_then(|best| {
                    let test = best.test?;
                    let found = outcome(test.loss, test.accuracy, self.places);
                    Some(format!("best  {found}  of epoch {} by {}", best.epoch, best.metric))
                });
                last.into_iter().chain(best).collect::<Vec<_>>().join("\n")
            }
        };
        if !text.is_empty() {
            self.print(&text);
        }
    }

    fn print(&mut self, text: &str) {
        if self.reader_left {
            return;
        }
        let written = self.bar.suspend(|| {
            // anstream strips colors for NO_COLOR, pipes and dumb terminals.
            let mut out = anstream::stdout().lock();
            writeln!(out, "{text}").and_then(|()| out.flush())
        });
        if let Err(error) = written {
            self.reader_left = true;
            // A reader that left wants no more; a full disk or a closed terminal is news.
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.bar.suspend(|| {
                    note(&format!("cannot write to standard output: {error}; training continues without it"))
                });
            }
        }
    }
}

impl Observer for Console {
    fn observe(&mut self, event: &Event) -> Result<Control, Error> {
        match event {
            &Event::Started { epochs, batches, examples, done } => {
                (self.epochs, self.examples) = (epochs, examples);
                self.bar.set_length(epochs.saturating_mul(examples) as u64);
                self.bar.set_position(done.saturating_mul(examples) as u64);
                self.bar.reset_eta();
                self.bar.set_prefix(format!("epoch {}/{epochs}", epochs.min(done + 1)));
                self.bar.enable_steady_tick(Duration::from_millis(200));
                match &self.form {
                    Form::Lines => {}
                    Form::Table(table) => self.print(&table.header(epochs)),
                    Form::Json => {
                        let run = &self.run;
                        self.print(&json(&Entry::Started { run, epochs, batches, examples, done }));
                    }
                }
            }
            Event::StepDone { examples, .. } => self.bar.inc(*examples as u64),
            Event::EpochDone(record) => {
                let line = match &mut self.form {
                    Form::Lines => epoch_line(record, self.epochs, self.places),
                    Form::Table(table) => table.row(record, self.epochs, self.examples),
                    Form::Json => json(&Entry::Epoch(record)),
                };
                self.print(&line);
                self.bar.set_prefix(format!("epoch {}/{}", self.epochs.min(record.epoch + 1), self.epochs));
            }
            Event::Finished { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
        Ok(Control::Continue)
    }
}

fn json(entry: &Entry<'_>) -> String {
    printable_json(&serde_json::to_string(entry).expect("plain data"))
}

impl Drop for Console {
    /// Removes the progress bar, also after an error.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_format_of_the_chapter() {
        let record =
            EpochRecord { epoch: 1, loss: 70.785_275, accuracy: 0.811_633, ..EpochRecord::default() };
        assert_eq!(epoch_line(&record, 50, 1), "1/50  loss 70.8  acc 0.8116");
        let validated =
            EpochRecord { loss: 0.051_26, validation: Some(Outcome { loss: 0.1, accuracy: 0.97 }), ..record };
        assert_eq!(
            epoch_line(&validated, 50, 4),
            "1/50  loss 0.0513  acc 0.8116  validation  loss 0.1000  acc 0.9700"
        );
        assert_eq!(test_line(15.55, 0.9553, 1), "test  loss 15.6  acc 0.9553");
    }
}
