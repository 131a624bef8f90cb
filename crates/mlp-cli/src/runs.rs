//! Reading runs and models from disk.

use std::fs;
use std::path::{Path, PathBuf};

use mlp_data::fs::natural_order;
use mlp_train::{EpochRecord, Model, RunDir, RunResult, Status};
use serde::{Serialize, Serializer};
use toml::{Table, Value};

/// A run, read from its files.
#[derive(Serialize)]
pub(crate) struct RunSummary {
    #[serde(serialize_with = "as_text")]
    pub(crate) path: PathBuf,
    /// Empty for a run from before recipes had names.
    pub(crate) recipe: String,
    pub(crate) state: State,
    pub(crate) epochs: usize,
    /// Validation accuracy of the best epoch.
    pub(crate) validation_accuracy: Option<f64>,
    /// Test accuracy of the best model if there is one, otherwise of the last.
    pub(crate) test_accuracy: Option<f64>,
    /// Total wall time of the epochs.
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
    /// A process is training it.
    Running,
    Complete,
    /// Can be resumed.
    Interrupted,
    /// The loss became infinite or NaN.
    Diverged,
    /// Interrupted by a sweep, because others are better.
    Stopped,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Stopped => "stopped",
        }
    }
}

/// Loads a model from a file, or the last model of a run directory. Returns it with its path.
pub(crate) fn load_model(path: &Path) -> Result<(PathBuf, Model), mlp_train::Error> {
    let in_run = path.join(RunDir::MODEL);
    let file = if in_run.is_file() { in_run } else { path.to_owned() };
    let model = Model::load(&file)?;
    Ok((file, model))
}

/// JSON has no bytes that are not UTF-8.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl RunSummary {
    /// Reads the files of a run.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        Self::with_lock(path, RunDir::is_running(path))
    }

    /// Reads the files of a run that this process has trained.
    pub(crate) fn of_trained(run: &RunDir) -> anyhow::Result<Self> {
        Self::with_lock(run.path(), false)
    }

    fn with_lock(path: &Path, is_running: bool) -> anyhow::Result<Self> {
        if !RunDir::is_run(path) {
            return Err(mlp_train::Error::NoRun { path: path.to_owned() }.into());
        }
        let config = crate::recipe::table_of_run(path)?;
        let records = RunDir::records(path)?;
        let result = RunDir::result(path)?;
        let state = match &result {
            _ if is_running => State::Running,
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
            seconds: records.iter().map(|record| record.seconds).sum::<f64>() + 0.0, // not -0
            config,
            records,
            result,
        })
    }

    /// Completed and total epochs, `3/50`.
    pub(crate) fn progress(&self) -> String {
        let all = self.config.get("epochs").and_then(Value::as_integer);
        all.map_or_else(|| self.epochs.to_string(), |all| format!("{}/{all}", self.epochs))
    }
}

/// All runs in a directory and its subdirectories, in natural order of their paths. The directory
/// may be a run itself.
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
