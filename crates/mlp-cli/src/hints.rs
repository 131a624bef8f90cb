//! What to do next, said after an error. One place for all commands: an error says what is wrong with a file, and here it is looked up what lies around
//! it. A hint is part of the error's one line.

use std::path::{Path, PathBuf};

use mlp_train::{Error, RunDir};

use crate::run_list::{RunSummary, State, runs_in};

/// Runs that are named; of more only the number is said.
const MAX: usize = 5;

/// Where `mlp train` puts its runs.
const RUNS: &str = "runs";

/// What to do about an error, where that is known.
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match cause.downcast_ref::<Error>()? {
        Error::NoModel { path, .. } => Some(instead_of_model(path)),
        Error::OtherFile { path, what: "model", .. } => {
            RunDir::is_run(parent(path)).then(|| model_of(parent(path)))
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

/// There is no model at this path.
fn instead_of_model(path: &Path) -> String {
    if RunDir::is_run(path) {
        model_of(path)
    } else if RunDir::is_run(parent(path)) {
        model_of(parent(path))
    } else {
        existing_models()
    }
}

/// The model of a run, or how it comes to have one.
fn model_of(run: &Path) -> String {
    match models_in(run).first() {
        Some(model) => format!("the run's model is {}", model.display()),
        None => match RunSummary::read(run).map(|run| run.state) {
            Ok(State::Running) => "the run is still training and has no model yet".to_owned(),
            Ok(State::Diverged) => "the run has diverged and left no model".to_owned(),
            _ => format!("the run has no model yet: {}", resume(run)),
        },
    }
}

fn resume(run: &Path) -> String {
    format!("go on with what was interrupted by `mlp train --resume {}`", run.display())
}

fn models_in(run: &Path) -> Vec<PathBuf> {
    // Of a run that keeps its best network that is the one that its figures are of.
    ["best.mlp", "model.mlp"].map(|name| run.join(name)).into_iter().filter(|path| path.is_file()).collect()
}

fn existing_models() -> String {
    let runs = runs_in(Path::new(RUNS)).unwrap_or_default();
    let models = runs.iter().filter_map(|run| models_in(run).into_iter().next()).collect();
    listed(models, "there is", "no model is in runs/ yet; `mlp train` makes one")
}

fn existing_runs() -> String {
    listed(
        runs_in(Path::new(RUNS)).unwrap_or_default(),
        "there is",
        "there are no runs yet; `mlp train` makes one",
    )
}

/// The first of these paths, behind an introduction.
fn listed(paths: Vec<PathBuf>, introduction: &str, none: &str) -> String {
    if paths.is_empty() {
        return none.to_owned();
    }
    let names: Vec<String> = paths.iter().take(MAX).map(|path| path.display().to_string()).collect();
    let more = match paths.len().saturating_sub(MAX) {
        0 => String::new(),
        more => format!(" and {more} more (`mlp runs`)"),
    };
    format!("{introduction} {}{more}", names.join(", "))
}

/// The directory that a path is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A word as a shell takes it.
pub(crate) fn shell_quoted(word: &str) -> String {
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
