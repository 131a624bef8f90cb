//! The report of a run as one page: what was trained and how, what came of it, and how to do it again. A pure rendering of what the run's files
//! say; who wants one reads and writes.

use std::path::Path;

use maud::{Markup, html};
use mlp_data::Dataset;
use mlp_train::{Model, TrainConfig};
use toml::{Table, Value};

use crate::figures;
use crate::hints::shell_quoted;
use crate::judgement::Judgement;
use crate::page::{figure, page, table};
use crate::run_list::{RunSummary, State};
use crate::table::{duration, percent, thousands};

/// Mistakes in the gallery.
const MISTAKES: usize = 30;
/// Units whose weights are shown: those of a wide network would be most of the file.
const UNITS: usize = 400;

/// A run's last model with the set on which it is judged.
pub(crate) struct Judged<'a> {
    pub(crate) model: &'a Model,
    pub(crate) data: &'a Dataset,
    /// As in `mnist (test)`.
    pub(crate) set: String,
}

/// # Errors
/// If model and set do not go together.
pub(crate) fn render(run: &RunSummary, judged: Option<&Judged<'_>>) -> anyhow::Result<String> {
    let name = run.path.display().to_string();
    let dataset = text(&run.config, "dataset");
    let content = html! {
        h1 { (name) }
        p.lead { (sentence(run, &dataset)) }
        (facts(run))
        @if let Some(message) = run.result.as_ref().and_then(|result| result.message.as_ref()) {
            p { "It ended with: " (message) }
        }
        h2 { "Course" }
        @if run.records.is_empty() {
            p.muted { "No epoch is finished." }
        } @else {
            (figure(&figures::curves(std::slice::from_ref(run))))
        }
        @if let Some(judged) = judged {
            (judgement(judged)?)
        } @else {
            p.muted { "There is no model yet that could be judged." }
        }
        h2 { "Configuration" }
        (configuration(&run.config))
        h2 { "Do it again" }
        (commands(run, &name))
        h2 { "Where it comes from" }
        (origin(run, judged))
    };
    Ok(page(&format!("{name}: report"), &content))
}

/// What it is, in words.
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
        State::Interrupted => "interrupted: `mlp train --resume` goes on with it",
        State::Diverged => "diverged: a loss was infinite or not a number",
    };
    let dataset = Path::new(dataset).file_name().map_or(dataset.into(), |name| name.to_string_lossy());
    format!("A network of {hidden}, trained on {dataset} by the recipe {}; {state}.", run.recipe)
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

fn judgement(judged: &Judged<'_>) -> anyhow::Result<Markup> {
    let Judged { model, data, set } = judged;
    let judgement = Judgement::of(model, data)?;
    let names = &model.metadata.class_names;
    let share = |value: f64| percent(value);
    let rows = judgement.confusion.report().into_iter().map(|class| {
        vec![
            names[class.class].clone(),
            share(class.precision),
            share(class.recall),
            share(class.f1),
            thousands(class.support as usize),
        ]
    });
    let weights = figures::weights(model, UNITS);
    Ok(html! {
        h2 { "Who is taken for whom" }
        (figure(&figures::confusion(model, &judgement, set)))
        (table(&["class", "precision", "recall", "F1", "examples"], rows))
        h2 { "The surest mistakes" }
        (figure(&figures::mistakes(model, &judgement, data, MISTAKES, set)))
        h2 { "How far its probabilities can be believed" }
        (figure(&figures::calibration(&judgement, set)))
        @if let Ok(weights) = weights {
            h2 { "What it looks for" }
            (figure(&weights))
        }
    })
}

/// Every choice, those first that are not the chapter's.
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
                thead { tr { th { "choice" } th { "here" } th { "in the chapter" } } }
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
        p { "The first line trains the same bits again, on any number of threads." }
        pre { code { (lines.join("\n")) } }
    }
}

fn origin(run: &RunSummary, judged: Option<&Judged<'_>>) -> Markup {
    html! {
        div.scroll {
            table {
                tbody {
                    tr { td { "program" } td { (text(&run.config, "program")) } }
                    tr { td { "dataset" } td { (text(&run.config, "dataset")) } }
                    @if let Some(judged) = judged {
                        tr { td { "model, SHA-256" } td { code.hash { (judged.model.sha256()) } } }
                        tr { td { "judged on" } td { (judged.set) ", " (thousands(judged.data.len())) " examples" } }
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
