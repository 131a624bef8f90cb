//! The checks of `mlp export` and `mlp import`: other programs load an exported model and compute the same, and a network that they
//! have trained is imported and evaluates the same. The tolerance is derived in `xtask/interop/networks.py`. PyTorch's checks are
//! run by `cargo xtask interop --pytorch` alone, because it is gigabytes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::mlp::{Mlp, utf8};
use crate::bench;
use crate::process;
use crate::python::Environment;

const PACKAGES: &[&[&str]] = &[&["numpy", "onnx", "onnxruntime", "safetensors"]];

/// Networks of different activations, depths and precisions.
const NETWORKS: [(&str, &str); 6] = [
    ("logistic-f64", "--epochs 2 --precision f64"),
    ("relu-f64", "--recipe fast --hidden 40,20 --precision f64"),
    ("gelu-f64", "--recipe fast --set epochs=2 --hidden 24 --activation gelu --precision f64"),
    ("logistic-f32", "--epochs 2"),
    ("fast-f32", "--recipe fast"),
    ("relu-f32", "--recipe fast --hidden 40,20"),
];

pub(super) fn exports_are_computed_alike_by_onnxruntime_numpy_and_safetensors(mlp: &Mlp) -> Result<String> {
    compare_exports(mlp, &mlp.python(PACKAGES)?, "agree.py")
}

pub(super) fn exports_are_computed_alike_by_pytorch(mlp: &Mlp) -> Result<String> {
    compare_exports(mlp, &pytorch(mlp)?, "load_pytorch.py")
}

pub(super) fn a_network_trained_in_numpy_comes_back_and_evaluates_the_same(mlp: &Mlp) -> Result<String> {
    come_back(mlp, &mlp.python(PACKAGES)?, "numpy", "train_numpy.py", &[], &[])
}

pub(super) fn networks_trained_in_pytorch_come_back_and_evaluate_the_same(mlp: &Mlp) -> Result<String> {
    let python = pytorch(mlp)?;
    let notes = ["f64", "f32"].map(|precision| {
        let name = format!("pytorch-{precision}");
        let note =
            come_back(mlp, &python, &name, "train_pytorch.py", &[precision], &["--activation", "relu"])?;
        Ok(format!("{precision}: {note}"))
    });
    Ok(notes.into_iter().collect::<Result<Vec<_>>>()?.join("; "))
}

/// The Python of the benchmark's peers, which has PyTorch, with what the checks need besides.
fn pytorch(mlp: &Mlp) -> Result<Environment> {
    let python = bench::pytorch(mlp.workspace())?;
    python.install(&["safetensors"])?;
    Ok(python)
}

/// Exports each network in every format and has a script compare.
fn compare_exports(mlp: &Mlp, python: &Environment, script: &str) -> Result<String> {
    let mut furthest = Vec::new();
    for (name, flags) in NETWORKS {
        // Two checks train the same networks, each in directories of its own.
        let run = mlp.train(&format!("{script}-{name}"), &format!("{flags} --no-report"))?;
        for (file, flag) in [
            ("scaled.onnx", None),
            ("raw.onnx", Some("--raw-pixels")),
            ("model.npz", None),
            ("model.safetensors", None),
        ] {
            export(mlp, &run.dir, &run.dir.join(file), flag.as_slice())?;
        }
        predict(mlp, &run.dir, &run.dir)?;
        furthest.push(format!("{name} {}", compare(mlp, python, script, &run.dir)?));
    }
    Ok(furthest.join("; "))
}

/// Has another program train a network, brings it here, and compares what the two make of the test set.
fn come_back(
    mlp: &Mlp,
    python: &Environment,
    name: &str,
    trainer: &str,
    trainer_args: &[&str],
    import_args: &[&str],
) -> Result<String> {
    let directory = mlp.scratch(name);
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let mut training = python.run(&mlp.source("xtask/interop").join(trainer));
    process::stdout(training.arg(&directory).arg(mlp.mnist_dir()).args(trainer_args))?;
    let found = ["network.npz", "network.safetensors"].map(|file| directory.join(file));
    let network = found.iter().find(|path| path.is_file()).context("it wrote no network")?;
    let model = directory.join("model.mlp");
    let import = ["import", utf8(network)?, "--to", utf8(&model)?, "--dataset", "mnist"];
    mlp.succeed(&[&import, import_args].concat())?;
    export(mlp, &model, &directory.join("model.npz"), &[])?;
    predict(mlp, &model, &directory)?;
    let evaluation = mlp.succeed(&["eval", utf8(&model)?, "--json", "--data-dir", mlp.data_dir()?])?;
    fs::write(directory.join("evaluation.json"), evaluation).context("cannot write evaluation.json")?;
    compare(mlp, python, "came_back.py", &directory)
}

fn export(mlp: &Mlp, model: &Path, to: &Path, flags: &[&str]) -> Result<()> {
    mlp.succeed(&[&["export", utf8(model)?, "--to", utf8(to)?], flags].concat()).map(drop)
}

/// Writes predictions.csv, on the test set.
fn predict(mlp: &Mlp, model: &Path, directory: &Path) -> Result<()> {
    export(mlp, model, &directory.join("predictions.csv"), &["--data-dir", mlp.data_dir()?])
}

/// What a script says of a directory in the end.
fn compare(mlp: &Mlp, python: &Environment, script: &str, directory: &Path) -> Result<String> {
    let mut comparing = python.run(&mlp.source("xtask/interop").join(script));
    let output = process::capture(comparing.arg(directory).arg(mlp.mnist_dir()))?;
    let said = [output.stdout, output.stderr].map(|bytes| process::text(&bytes)).concat();
    ensure!(output.status.success(), "{}:\n{}", directory.display(), said.trim_end());
    Ok(said.lines().last().unwrap_or_default().to_owned())
}
