//! The checks of `mlp predict` on pictures: drawings made by `xtask/drawings`, and MNIST's images
//! as PNG files. File names start with the label: `7-03.png` is a 7.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};

use super::mlp::{Mlp, Run, utf8};

/// The packages for `xtask/drawings`: Pillow, NumPy and fonts. matplotlib is needed for its fonts
/// only. Python compiles the few modules that the scripts import.
const PACKAGES: &[&[&str]] = &[
    &[
        "--no-compile",
        "pillow",
        "numpy",
        "font-amatic-sc",
        "font-caladea",
        "font-fredoka-one",
        "font-hanken-grotesk",
        "font-intuitive",
        "font-manrope",
        "font-roboto",
        "font-source-sans-pro",
        "font-source-serif-pro",
    ],
    &["--no-compile", "--no-deps", "matplotlib"],
];

/// Maximum drop in accuracy from the test set to drawings.
const MAX_DROP_ON_DRAWINGS: f64 = 0.10;

/// Minimum gain of accuracy over pictures that are only scaled, which shows that preprocessing
/// works.
const MIN_GAIN: f64 = 0.50;

/// Maximum difference between the accuracies on MNIST's images as PNG and as IDX files.
const MAX_DIFFERENCE_ON_PNG: f64 = 0.003;

/// Drawings of each digit on each of the sixteen kinds of page.
const PER_CLASS: &str = "5";
const SEED: &str = "2026";

/// Counts of predictions.
#[derive(Clone, Copy, Default)]
struct Counts {
    correct: u32,
    total: u32,
}

impl Counts {
    fn accuracy(self) -> f64 {
        f64::from(self.correct) / f64::from(self.total.max(1))
    }

    fn percent(self) -> String {
        format!("{:.1}%", 100.0 * self.accuracy())
    }
}

pub(super) fn drawings_that_are_not_from_mnist_lose_at_most_10_points_of_accuracy(
    mlp: &Mlp,
) -> Result<String> {
    let python = mlp.python(PACKAGES)?;
    let drawings = mlp.scratch("drawings");
    python.execute(&[utf8(&mlp.source("xtask/drawings/digits.py"))?, utf8(&drawings)?, PER_CLASS, SEED])?;
    let (run, test) = trained(mlp, "drawings-model")?;

    let by_kind = predict(mlp, &run, &drawings, &[])?;
    let preprocessed = total(&by_kind);
    let scaled = total(&predict(mlp, &run, &drawings, &["--preprocessing", "none"])?);
    let kinds: Vec<String> =
        by_kind.iter().map(|(kind, counts)| format!("{kind} {}", counts.percent())).collect();
    let found = format!(
        "{} drawings: {} correct, {} without preprocessing, {:.1}% on MNIST's test set; {}",
        preprocessed.total,
        preprocessed.percent(),
        scaled.percent(),
        100.0 * test,
        kinds.join(", ")
    );
    ensure!(preprocessed.accuracy() >= test - MAX_DROP_ON_DRAWINGS, "too few are correct: {found}");
    ensure!(
        scaled.accuracy() <= preprocessed.accuracy() - MIN_GAIN,
        "preprocessing gains too little: {found}"
    );
    Ok(found)
}

pub(super) fn mnist_images_saved_as_png_have_the_same_accuracy(mlp: &Mlp) -> Result<String> {
    let python = mlp.python(PACKAGES)?;
    let pictures = mlp.scratch("mnist-png");
    let data = Path::new(mlp.data_dir()?).join("mnist");
    python.execute(&[utf8(&mlp.source("xtask/drawings/mnist_pngs.py"))?, utf8(&data)?, utf8(&pictures)?])?;
    let (run, test) = trained(mlp, "png-model")?;
    let counts = total(&predict(mlp, &run, &pictures, &[])?);
    let found = format!("{} of {} pictures correct, eval {test:.4}", counts.percent(), counts.total);
    let difference = (counts.accuracy() - test).abs();
    ensure!(counts.total == 10_000 && difference <= MAX_DIFFERENCE_ON_PNG, "{found}");
    Ok(found)
}

/// Trains a model with the recipe `fast` and returns it with its test accuracy.
fn trained(mlp: &Mlp, name: &str) -> Result<(Run, f64)> {
    let run = mlp.train(name, "--recipe fast --seed 1")?;
    let accuracy = mlp.evaluate(&run.model())?;
    Ok((run, accuracy))
}

/// Counts correct predictions per directory of pictures.
fn predict(mlp: &Mlp, run: &Run, directory: &Path, flags: &[&str]) -> Result<BTreeMap<String, Counts>> {
    let model = run.model();
    let args = [&["predict", utf8(&model)?, utf8(directory)?, "--format", "csv"], flags].concat();
    let mut by_kind = BTreeMap::<String, Counts>::new();
    for line in mlp.succeed(&args)?.lines().skip(1) {
        let mut fields = line.split(',');
        let (file, class) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let mut parts = file.rsplit('/');
        let (name, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let label = name.split('-').next().unwrap_or_default();
        ensure!(label.len() == 1 && !class.is_empty(), "expected a picture of a digit: `{line}`");
        let counts = by_kind.entry(kind.to_owned()).or_default();
        counts.total += 1;
        counts.correct += u32::from(label == class);
    }
    Ok(by_kind)
}

fn total(by_kind: &BTreeMap<String, Counts>) -> Counts {
    by_kind.values().fold(Counts::default(), |sum, kind| Counts {
        correct: sum.correct + kind.correct,
        total: sum.total + kind.total,
    })
}
