//! Runs and models on disk, as commands read them.

use std::fs;
use std::path::{Path, PathBuf};

use mlp_data::fs::natural_order;
use mlp_train::{EpochRecord, Model, RunDir, RunResult, Status};
use serde::Serialize;
use toml::{Table, Value};

/// A run, read from its files.
#[derive(Serialize)]
pub(crate) struct RunSummary {
    pub(crate) path: PathBuf,
    /// Empty for a run from before recipes had names.
    pub(crate) recipe: String,
    pub(crate) state: State,
    pub(crate) epochs: usize,
    /// The best one.
    pub(crate) validation_accuracy: Option<f64>,
    /// Of the best model where one is kept, else of the last.
    pub(crate) test_accuracy: Option<f64>,
    /// Wall time of all epochs.
    pub(crate) seconds: f64,
    #[serde(skip)]
    pub(crate) config: Table,
    #[serde(skip)]
    pub(crate) records: Vec<EpochRecord>,
    #[serde(skip)]
    pub(crate) result: Option<RunResult>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A process is training in it.
    Running,
    Complete,
    /// It can be resumed.
    Interrupted,
    /// Its loss is no longer finite.
    Diverged,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
        }
    }
}

/// Loads the model in a file, or the last one of a run, and returns the path of the file with it.
///
/// # Errors
/// As [`Model::load`].
pub(crate) fn load_model(path: &Path) -> Result<(PathBuf, Model), mlp_train::Error> {
    let of_run = path.join(RunDir::MODEL);
    let file = if of_run.is_file() { of_run } else { path.to_owned() };
    let model = Model::load(&file)?;
    Ok((file, model))
}

impl RunSummary {
    /// Reads a run.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        if !RunDir::is_run(path) {
            return Err(mlp_train::Error::NoRun { path: path.to_owned() }.into());
        }
        let config = crate::recipe::table_of_run(path)?;
        let records = RunDir::records(path)?;
        let result = RunDir::result(path)?;
        let state = match &result {
            _ if RunDir::is_running(path) => State::Running,
            Some(result) if result.status == Status::Complete => State::Complete,
            Some(result) if result.status == Status::Diverged => State::Diverged,
            _ => State::Interrupted,
        };
        let accuracies = records.iter().filter_map(|record| Some(record.validation?.accuracy));
        let best = result.as_ref().and_then(|result| result.best?.test);
        let test = best.or(result.as_ref().and_then(|result| result.test));
        Ok(Self {
            path: path.to_owned(),
            recipe: config.get("recipe").and_then(Value::as_str).unwrap_or_default().to_owned(),
            state,
            epochs: records.len(),
            validation_accuracy: accuracies.reduce(f64::max),
            test_accuracy: test.map(|test| test.accuracy),
            seconds: records.iter().map(|record| record.seconds).sum(),
            config,
            records,
            result,
        })
    }

    /// `3/50`: the epochs done, of all.
    pub(crate) fn progress(&self) -> String {
        let all = self.config.get("epochs").and_then(Value::as_integer);
        all.map_or_else(|| self.epochs.to_string(), |all| format!("{}/{all}", self.epochs))
    }
}

/// The runs in a directory and its subdirectories, or the run that it is, in natural order of their
/// names.
pub(crate) fn runs_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    if RunDir::is_run(directory) {
        return Ok(vec![directory.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if RunDir::is_run(&path) {
            found.push(path);
        } else if entry.file_type()?.is_dir() {
            found.extend(runs_in(&path)?);
        }
    }
    found.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(found)
}
