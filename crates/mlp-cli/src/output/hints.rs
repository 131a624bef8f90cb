//! Hints about what to do next, appended to errors about models and runs. They depend on the files
//! that exist.

use std::path::{Path, PathBuf};

use mlp_train::{Error, RunDir};

use crate::runs::{RunSummary, State, runs_in};

/// Maximum number of paths in a hint.
const MAX: usize = 5;

/// Default directory of runs.
const RUNS: &str = "runs";

/// The hint for a file that is not a model.
const OF_OTHERS: &str = "convert models from other programs with `mlp import`";

/// The hint for an error, if there is one.
pub(super) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match cause.downcast_ref::<Error>()? {
        Error::NoModel { path, .. } => Some(instead_of_model(path)),
        Error::OtherFile { path, what: "model", .. } => {
            let is_run = RunDir::is_run(parent(path));
            Some(if is_run { model_of(parent(path)) } else { OF_OTHERS.to_owned() })
        }
        Error::NoRun { path } if path.is_file() && RunDir::is_run(parent(path)) => {
            Some(format!("the run is {}", parent(path).display()))
        }
        Error::NoRun { .. } => Some(existing_runs()),
        Error::RunExists { path } => {
            let interrupted = RunSummary::read(path).is_ok_and(|run| run.state == State::Interrupted);
            interrupted.then(|| resume(path))
        }
        _ => None,
    })
}

/// The hint for a path that is not a model.
fn instead_of_model(path: &Path) -> String {
    if RunDir::is_run(path) {
        model_of(path)
    } else if RunDir::is_run(parent(path)) {
        model_of(parent(path))
    } else {
        existing_models()
    }
}

/// The path of a run's model, or why there is none.
fn model_of(run: &Path) -> String {
    match models_in(run).first() {
        Some(model) => format!("the model of this run is {}", model.display()),
        None => match RunSummary::read(run).map(|run| run.state) {
            Ok(State::Running) => "the run is still training; it has no model yet".to_owned(),
            Ok(State::Diverged) => "the run diverged and has no model".to_owned(),
            _ => format!("the run has no model yet: {}", resume(run)),
        },
    }
}

fn resume(run: &Path) -> String {
    format!("resume it with `mlp train --resume {}`", run.display())
}

fn models_in(run: &Path) -> Vec<PathBuf> {
    // Best first: the results shown for a run are those of its best model.
    ["best.mlp", "model.mlp"].map(|name| run.join(name)).into_iter().filter(|path| path.is_file()).collect()
}

fn existing_models() -> String {
    let runs = runs_in(Path::new(RUNS)).unwrap_or_default();
    let models = runs.iter().filter_map(|run| models_in(run).into_iter().next()).collect();
    listed(models, "there is no model in runs/ yet; train one with `mlp train`")
}

fn existing_runs() -> String {
    listed(runs_in(Path::new(RUNS)).unwrap_or_default(), "there are no runs yet; start one with `mlp train`")
}

/// Lists the first of these paths, or returns `none` if there are none.
fn listed(paths: Vec<PathBuf>, none: &str) -> String {
    if paths.is_empty() {
        return none.to_owned();
    }
    let names: Vec<String> = paths.iter().take(MAX).map(|path| path.display().to_string()).collect();
    let more = match paths.len().saturating_sub(MAX) {
        0 => String::new(),
        more => format!(" and {more} more (see `mlp runs`)"),
    };
    format!("available: {}{more}", names.join(", "))
}

/// The directory that contains a path.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
