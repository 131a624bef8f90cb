//! Renders the report of a run as an HTML page. The caller reads and writes the files.

pub(crate) mod page;

use std::path::Path;

use maud::{Markup, html};
use mlp_train::{Matched, Model, TrainConfig};
use toml::{Table, Value};

use self::page::{figure, page, table};
use crate::output::table::{duration, percent, thousands};
use crate::output::text::shell_quoted_path;
use crate::plot;
use crate::predictions::Predictions;
use crate::runs::{RunSummary, State};

/// Number of errors shown.
const ERRORS: usize = 30;
/// Maximum number of units whose weights are shown. More would dominate the file.
const UNITS: usize = 400;

/// A model and the dataset on which it is evaluated.
pub(crate) struct Evaluated<'a> {
    pub(crate) model: &'a Model,
    pub(crate) matched: Matched<'a>,
    /// For example `mnist (test)`.
    pub(crate) set: String,
}

/// Renders the report of a run, including an evaluation if there is a model.
///
/// # Errors
/// If the dataset does not match the model.
pub(crate) fn render(run: &RunSummary, evaluated: Option<&Evaluated<'_>>) -> anyhow::Result<String> {
    let name = run.path.display().to_string();
    let dataset = text(&run.config, "dataset");
    let content = html! {
        h1 { (name) }
        p.lead { (sentence(run, &dataset)) }
        (facts(run))
        @if let Some(message) = run.result.as_ref().and_then(|result| result.message.as_ref()) {
            p { "Training failed: " (message) }
        }
        h2 { "Training curves" }
        @if run.records.is_empty() {
            p.muted { "No epochs completed yet." }
        } @else {
            (figure(&plot::curves(std::slice::from_ref(run))))
        }
        @if let Some(evaluated) = evaluated {
            (evaluation(evaluated)?)
        } @else {
            p.muted { "No model to evaluate yet." }
        }
        h2 { "Configuration" }
        (configuration(&run.config))
        h2 { "Reproducing this run" }
        (commands(run))
        h2 { "Provenance" }
        (provenance(run, evaluated))
    };
    Ok(page(&format!("Training report: {name}"), &content))
}

/// Summarizes the run in one sentence.
fn sentence(run: &RunSummary, dataset: &str) -> String {
    let hidden = match run.config.get("hidden").and_then(Value::as_array) {
        Some(layers) if !layers.is_empty() => {
            let sizes: Vec<String> = layers.iter().map(Value::to_string).collect();
            format!("{} hidden {} units", sizes.join(" and "), text(&run.config, "activation"))
        }
        _ => "no hidden layer".to_owned(),
    };
    let state = match run.state {
        State::Running => "still running",
        State::Complete => "complete",
        State::Interrupted | State::Stopped => "interrupted (resume it with `mlp train --resume`)",
        State::Diverged => "diverged (the loss became infinite or NaN)",
    };
    let dataset = Path::new(dataset).file_name().map_or(dataset.into(), |name| name.to_string_lossy());
    // Empty for runs from before recipes had names.
    let recipe = if run.recipe.is_empty() { String::new() } else { format!(" with recipe {}", run.recipe) };
    format!("A network with {hidden}, trained on {dataset}{recipe}. Status: {state}.")
}

fn facts(run: &RunSummary) -> Markup {
    let result = run.result.as_ref();
    let test = result.and_then(|result| result.test);
    let best = result.and_then(|result| Some((result.best?, result.best?.test?)));
    html! {
        ul.facts {
            @if let Some(test) = test {
                li { b { (percent(test.accuracy)) } span { "Test accuracy (last epoch)" } }
            }
            @if let Some((best, test)) = best {
                li { b { (percent(test.accuracy)) } span { "Test accuracy (epoch " (best.epoch) ", best " (best.metric) ")" } }
            }
            @if let Some(accuracy) = run.validation_accuracy {
                li { b { (percent(accuracy)) } span { "Best validation accuracy" } }
            }
            li { b { (run.progress()) } span { "Epochs" } }
            li { b { (duration(run.seconds)) } span { "Training time" } }
        }
    }
}

fn evaluation(Evaluated { model, matched, set }: &Evaluated<'_>) -> anyhow::Result<Markup> {
    let predictions = Predictions::of(model, &matched.data)?;
    let names = &model.metadata.class_names;
    let rows = predictions.confusion.report().into_iter().map(|class| {
        vec![
            names[class.class].clone(),
            percent(class.precision),
            percent(class.recall),
            percent(class.f1),
            thousands(class.support as usize),
        ]
    });
    Ok(html! {
        h2 { "Confusion matrix" }
        (figure(&plot::confusion(&predictions.confusion, names, set)))
        h2 { "Classification report" }
        (table(&["Class", "Precision", "Recall", "F1 score", "Support"], rows))
        h2 { "Most confident errors" }
        (figure(&plot::errors(&predictions.errors(), ERRORS, names, matched, set)))
        h2 { "Calibration" }
        (figure(&plot::calibration(&predictions.calibration(), set)))
        @if let Ok(weights) = plot::weights(model, UNITS) {
            h2 { "First-layer weights" }
            (figure(&weights))
        }
    })
}

/// Lists all configuration keys, starting with those that differ from the chapter's.
fn configuration(config: &Table) -> Markup {
    let chapter = Table::try_from(TrainConfig::default()).expect("plain data");
    let is_choice = |key: &str| !["program", "recipe", "dataset", "validation_set"].contains(&key);
    let (changed, kept): (Vec<_>, Vec<_>) = config
        .iter()
        .filter(|(key, _)| is_choice(key))
        .partition(|&(key, value)| chapter.get(key) != Some(value));
    let of_chapter = |key: &str| chapter.get(key).map_or_else(|| "none".to_owned(), shown);
    html! {
        div.scroll {
            table {
                thead { tr { th { "Key" } th { "This run" } th { "Chapter" } } }
                tbody {
                    @for (key, value) in changed {
                        tr { td { code { (key) } } td.changed { (shown(value)) } td { (of_chapter(key)) } }
                    }
                    @for (key, value) in kept {
                        tr { td { code { (key) } } td { (shown(value)) } td { (of_chapter(key)) } }
                    }
                }
            }
        }
    }
}

fn commands(run: &RunSummary) -> Markup {
    let quoted = shell_quoted_path(&run.path);
    let mut lines = vec![format!("mlp train --recipe {}", shell_quoted_path(&run.path.join("config.toml")))];
    if matches!(run.state, State::Interrupted) {
        lines.push(format!("mlp train --resume {quoted}"));
    }
    if run.state == State::Complete {
        lines.push(format!("mlp eval {}", shell_quoted_path(&run.path.join("model.mlp"))));
    }
    lines.push(format!("mlp report {quoted}"));
    html! {
        p { "The first command trains a bit-identical model on any number of threads." }
        pre { code { (lines.join("\n")) } }
    }
}

fn provenance(run: &RunSummary, evaluated: Option<&Evaluated<'_>>) -> Markup {
    html! {
        div.scroll {
            table {
                tbody {
                    tr { td { "Program" } td { (text(&run.config, "program")) } }
                    tr { td { "Dataset" } td { (text(&run.config, "dataset")) } }
                    @if let Some(evaluated) = evaluated {
                        tr { td { "Model SHA-256" } td { code.hash { (evaluated.model.sha256()) } } }
                        tr { td { "Evaluated on" } td { (evaluated.set) ", " (thousands(evaluated.matched.data.len())) " examples" } }
                    }
                }
            }
        }
    }
}

fn text(config: &Table, key: &str) -> String {
    config.get(key).map_or_else(String::new, shown)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
