//! The checks of `mlp predict` on pictures: drawings that MNIST never saw, made by `xtask/drawings`, and MNIST's own images as PNG
//! files. File names tell the label: `7-03.png` is a 7.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};

use super::mlp::{Mlp, Run, utf8};

/// What `xtask/drawings` needs: something to draw with, and fonts. Of matplotlib only the files.
const PACKAGES: &[&[&str]] = &[
    &[
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
    &["--no-deps", "matplotlib"],
];

/// How far below the test accuracy it may be on drawings.
const LEFT_BY_DRAWINGS: f64 = 0.10;

/// How much worse it has to be where pictures are only scaled, for the preprocessing to be what makes the difference.
const GAINED: f64 = 0.50;

/// How far from the test accuracy it may be on the same images as pictures.
const LEFT_BY_PNG: f64 = 0.003;

/// Drawings of each digit on each of the sixteen kinds of pages.
const PER_CLASS: &str = "5";
const SEED: &str = "2026";

/// How many of how many were right.
#[derive(Clone, Copy, Default)]
struct Right {
    right: u32,
    all: u32,
}

impl Right {
    fn share(self) -> f64 {
        f64::from(self.right) / f64::from(self.all.max(1))
    }

    fn percent(self) -> String {
        format!("{:.1}%", 100.0 * self.share())
    }
}

pub(super) fn drawings_that_mnist_never_saw_are_read_within_ten_points_of_the_test_set(
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
        by_kind.iter().map(|(kind, right)| format!("{kind} {}", right.percent())).collect();
    let found = format!(
        "{} drawings: {} right, {} where they are only scaled, {:.1}% of MNIST's test set; {}",
        preprocessed.all,
        preprocessed.percent(),
        scaled.percent(),
        100.0 * test,
        kinds.join(", ")
    );
    ensure!(preprocessed.share() >= test - LEFT_BY_DRAWINGS, "too few are right: {found}");
    ensure!(
        scaled.share() <= preprocessed.share() - GAINED,
        "the preprocessing makes too little difference: {found}"
    );
    Ok(found)
}

pub(super) fn mnists_own_images_as_png_files_are_read_as_eval_reads_them(mlp: &Mlp) -> Result<String> {
    let python = mlp.python(PACKAGES)?;
    let pictures = mlp.scratch("mnist-png");
    let data = Path::new(mlp.data_dir()?).join("mnist");
    python.execute(&[utf8(&mlp.source("xtask/drawings/mnist_pngs.py"))?, utf8(&data)?, utf8(&pictures)?])?;
    let (run, test) = trained(mlp, "png-model")?;
    let read = total(&predict(mlp, &run, &pictures, &[])?);
    let found = format!("{} of {} pictures, {test:.4} by eval", read.percent(), read.all);
    ensure!(read.all == 10_000 && (read.share() - test).abs() <= LEFT_BY_PNG, "{found}");
    Ok(found)
}

/// A model that is quickly trained, and its accuracy on the test set.
fn trained(mlp: &Mlp, name: &str) -> Result<(Run, f64)> {
    let run = mlp.train(name, "--recipe fast --seed 1")?;
    let accuracy = mlp.evaluate(&run.model())?;
    Ok((run, accuracy))
}

/// How many are right, for each directory that pictures lie in.
fn predict(mlp: &Mlp, run: &Run, directory: &Path, flags: &[&str]) -> Result<BTreeMap<String, Right>> {
    let model = run.model();
    let args = [&["predict", utf8(&model)?, utf8(directory)?, "--format", "csv"], flags].concat();
    let mut by_kind = BTreeMap::<String, Right>::new();
    for line in mlp.succeed(&args)?.lines().skip(1) {
        let mut fields = line.split(',');
        let (file, class) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let mut parts = file.rsplit('/');
        let (name, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let label = name.split('-').next().unwrap_or_default();
        ensure!(label.len() == 1 && !class.is_empty(), "no picture of a digit: `{line}`");
        let right = by_kind.entry(kind.to_owned()).or_default();
        right.all += 1;
        right.right += u32::from(label == class);
    }
    Ok(by_kind)
}

fn total(by_kind: &BTreeMap<String, Right>) -> Right {
    by_kind
        .values()
        .fold(Right::default(), |sum, kind| Right { right: sum.right + kind.right, all: sum.all + kind.all })
}
