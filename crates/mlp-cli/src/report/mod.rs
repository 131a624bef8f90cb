//! The report of a run as an HTML page: configuration, results, figures, and the commands that
//! repeat it. Rendering is pure; the caller reads and writes the files.

pub(crate) mod page;

use std::path::Path;

use maud::{Markup, html};
use mlp_data::Dataset;
use mlp_train::{Model, TrainConfig};
use toml::{Table, Value};

use self::page::{figure, page, table};
use crate::output::table::{duration, percent, thousands};
use crate::output::text::shell_quoted;
use crate::plot;
use crate::predictions::Predictions;
use crate::runs::{RunSummary, State};

/// The number of errors that are shown.
const ERRORS: usize = 30;
/// The maximum number of units whose weights are shown: more would dominate the file.
const UNITS: usize = 400;

/// A model and the set on which it is evaluated.
pub(crate) struct Evaluated<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: &'a Dataset,
    /// As in `mnist (test)`.
    pub(crate) set: String,
}

/// Renders the report of a run, with the evaluation of its model if it has one.
///
/// # Errors
/// If model and set do not fit.
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
            p.muted { "No epoch is complete." }
        } @else {
            (figure(&plot::curves(std::slice::from_ref(run))))
        }
        @if let Some(evaluated) = evaluated {
            (evaluation(evaluated)?)
        } @else {
            p.muted { "There is no model yet to evaluate." }
        }
        h2 { "Configuration" }
        (configuration(&run.config))
        h2 { "Reproduce" }
        (commands(run, &name))
        h2 { "Provenance" }
        (provenance(run, evaluated))
    };
    Ok(page(&format!("{name}: report"), &content))
}

/// The run in one sentence.
fn sentence(run: &RunSummary, dataset: &str) -> String {
    let hidden = match run.config.get("hidden").and_then(Value::as_array) {
        Some(layers) if !layers.is_empty() => {
            let sizes: Vec<String> = layers.iter().map(Value::to_string).collect();
            format!("{} hidden {} units", sizes.join(" and "), text(&run.config, "activation"))
        }
        _ => "no hidden units".to_owned(),
    };
    let state = match run.state {
        State::Running => "still running",
        State::Complete => "complete",
        State::Interrupted => "interrupted; `mlp train --resume` resumes it",
        State::Diverged => "diverged: a loss was infinite or not a number",
    };
    let dataset = Path::new(dataset).file_name().map_or(dataset.into(), |name| name.to_string_lossy());
    format!("A network with {hidden}, trained on {dataset} with the recipe {}; {state}.", run.recipe)
}

fn facts(run: &RunSummary) -> Markup {
    let result = run.result.as_ref();
    let test = result.and_then(|result| result.test);
    let best = result.and_then(|result| Some((result.best?, result.best?.test?)));
    html! {
        ul.facts {
            @if let Some(test) = test {
                li { b { (percent(test.accuracy)) } span { "test accuracy, last epoch" } }
            }
            @if let Some((best, test)) = best {
                li { b { (percent(test.accuracy)) } span { "test accuracy, epoch " (best.epoch) ", best by " (best.metric) } }
            }
            @if let Some(accuracy) = run.validation_accuracy {
                li { b { (percent(accuracy)) } span { "best validation accuracy" } }
            }
            li { b { (run.progress()) } span { "epochs" } }
            li { b { (duration(run.seconds)) } span { "training time" } }
        }
    }
}

fn evaluation(Evaluated { model, data, set }: &Evaluated<'_>) -> anyhow::Result<Markup> {
    let predictions = Predictions::of(model, data)?;
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
        (table(&["class", "precision", "recall", "F1", "examples"], rows))
        h2 { "Most confident errors" }
        (figure(&plot::errors(&predictions.errors(), ERRORS, names, data, set)))
        h2 { "Calibration" }
        (figure(&plot::calibration(&predictions.calibration(), set)))
        @if let Ok(weights) = plot::weights(model, UNITS) {
            h2 { "First-layer weights" }
            (figure(&weights))
        }
    })
}

/// All keys, those that differ from the chapter first.
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
                thead { tr { th { "key" } th { "this run" } th { "chapter" } } }
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

fn commands(run: &RunSummary, name: &str) -> Markup {
    let quoted = shell_quoted(name);
    let mut lines = vec![format!("mlp train --recipe {}", shell_quoted(&format!("{name}/config.toml")))];
    if matches!(run.state, State::Interrupted) {
        lines.push(format!("mlp train --resume {quoted}"));
    }
    if run.state == State::Complete {
        lines.push(format!("mlp eval {}", shell_quoted(&format!("{name}/model.mlp"))));
    }
    lines.push(format!("mlp report {quoted}"));
    html! {
        p { "The first command trains a bit-identical model, on any number of threads." }
        pre { code { (lines.join("\n")) } }
    }
}

fn provenance(run: &RunSummary, evaluated: Option<&Evaluated<'_>>) -> Markup {
    html! {
        div.scroll {
            table {
                tbody {
                    tr { td { "program" } td { (text(&run.config, "program")) } }
                    tr { td { "dataset" } td { (text(&run.config, "dataset")) } }
                    @if let Some(evaluated) = evaluated {
                        tr { td { "model, SHA-256" } td { code.hash { (evaluated.model.sha256()) } } }
                        tr { td { "evaluated on" } td { (evaluated.set) ", " (thousands(evaluated.data.len())) " examples" } }
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
