//! `mlp eval`: evaluate a model, as tables or JSON.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mlp_core::Reduction;
use mlp_data::text::printable;
use mlp_train::{Evaluation, Metadata};
use serde::Serialize;

use crate::data::SetArgs;
use crate::output::messages::{print, print_json};
use crate::output::table::{Table, percent, thousands};
use crate::recipe::choices::KernelArgs;
use crate::runs::load_model;

/// Evaluate a model.
///
/// Shows loss and accuracy, precision, recall and F1 per class, and the confusion matrix.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  mlp eval runs/mnist
  mlp eval runs/mnist/best.mlp --split train
  mlp eval runs/mnist --json | jq .accuracy")]
pub(crate) struct Args {
    /// Model file or run directory
    model: PathBuf,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    kernel: KernelArgs,
    /// Print a JSON object instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    model: String,
    dataset: &'a str,
    split: &'static str,
    examples: usize,
    correct: usize,
    accuracy: f64,
    /// Mean cross-entropy per example, in nats.
    loss: f64,
    classes: Vec<ClassRow<'a>>,
    /// Rows are labels, columns are predictions.
    confusion: Vec<&'a [u64]>,
}

#[derive(Serialize)]
struct ClassRow<'a> {
    class: usize,
    name: &'a str,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
    support: u64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (path, model) = load_model(&args.model)?;
    let sets = args.set.load(&model, &path)?;
    let on = || format!("{} on {}", path.display(), sets.name);
    let matched = args.set.matched(&model, &sets).with_context(on)?;
    let kernel = args.kernel.of(&model);
    let evaluation = model.evaluate(&matched.data, kernel).with_context(on)?;
    let report = report(args, &path, &model.metadata, &sets.name, &evaluation);
    if args.json {
        print_json(&report)?;
    } else {
        print(&text(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn report<'a>(
    args: &Args,
    model: &Path,
    metadata: &'a Metadata,
    dataset: &'a str,
    evaluation: &'a Evaluation,
) -> Report<'a> {
    let number = |value: f64| (!value.is_nan()).then_some(value);
    let row = |class: mlp_train::ClassReport| ClassRow {
        class: class.class,
        name: &metadata.class_names[class.class],
        precision: number(class.precision),
        recall: number(class.recall),
        f1: number(class.f1),
        support: class.support,
    };
    Report {
        model: model.display().to_string(),
        dataset,
        split: args.set.split.name(),
        examples: evaluation.score.examples,
        correct: evaluation.score.correct,
        accuracy: evaluation.score.accuracy(),
        loss: evaluation.score.loss(Reduction::Mean),
        classes: evaluation.confusion.report().into_iter().map(row).collect(),
        confusion: (0..evaluation.confusion.classes()).map(|label| evaluation.confusion.row(label)).collect(),
    }
}

fn text(report: &Report<'_>) -> String {
    let mut classes = Table::new(["class", "precision", "recall", "F1", "examples"]);
    let share = |value: Option<f64>| percent(value.unwrap_or(f64::NAN));
    for row in &report.classes {
        classes.row([
            row.name.to_owned(),
            share(row.precision),
            share(row.recall),
            share(row.f1),
            thousands(row.support as usize),
        ]);
    }
    format!(
        "{} on {} ({})\naccuracy  {}  ({} of {})\nloss      {:.4} nats per example\n\n{classes}\n{}",
        printable(&report.model),
        printable(report.dataset),
        report.split,
        percent(report.accuracy),
        thousands(report.correct),
        thousands(report.examples),
        report.loss,
        confusion_text(report),
    )
}

/// The confusion matrix, or the most frequent confusions if there are many classes.
fn confusion_text(report: &Report<'_>) -> String {
    const MAX_CLASSES: usize = 16;
    if report.classes.len() <= MAX_CLASSES {
        let mut table = Table::new([""]);
        table.row(
            ["label \\ prediction".to_owned()]
                .into_iter()
                .chain((0..report.classes.len()).map(|c| c.to_string())),
        );
        for (row, counts) in report.classes.iter().zip(&report.confusion) {
            let cell = |&count: &u64| if count == 0 { "·".to_owned() } else { count.to_string() };
            let number = row.class.to_string();
            let label = if row.name == number { number } else { format!("{number} {}", row.name) };
            table.row([label].into_iter().chain(counts.iter().map(cell)));
        }
        return table.to_string().trim_start_matches('\n').to_owned();
    }
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (label, counts) in report.confusion.iter().enumerate() {
        let wrong =
            counts.iter().enumerate().filter(|&(prediction, &count)| prediction != label && count > 0);
        pairs.extend(wrong.map(|(prediction, &count)| (count, label, prediction)));
    }
    pairs.sort_by_key(|&(count, label, prediction)| (std::cmp::Reverse(count), label, prediction));
    let mut table = Table::new(["most frequent confusions", "predicted", "times"]);
    for &(count, label, prediction) in pairs.iter().take(MAX_CLASSES) {
        table.row([
            report.classes[label].name.to_owned(),
            report.classes[prediction].name.to_owned(),
            count.to_string(),
        ]);
    }
    table.to_string()
}
