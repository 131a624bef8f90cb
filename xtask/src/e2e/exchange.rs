//! The checks of `mlp export` and `mlp import`: other programs compute the same outputs from an
//! exported model, and networks trained there evaluate the same after import. The tolerance is
//! derived in `xtask/interop/networks.py`. PyTorch takes gigabytes, so only `interop --pytorch`
//! runs its checks.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::mlp::{Mlp, utf8};
use crate::bench;
use crate::process;
use crate::python::Environment;

const PACKAGES: &[&[&str]] = &[&["numpy", "onnx", "onnxruntime", "safetensors"]];

/// Names and training flags of networks with different activations, depths and precisions.
const NETWORKS: [(&str, &str); 6] = [
    ("logistic-f64", "--epochs 2 --precision f64"),
    ("relu-f64", "--recipe fast --hidden 40,20 --precision f64"),
    ("gelu-f64", "--recipe fast --set epochs=2 --hidden 24 --activation gelu --precision f64"),
    ("logistic-f32", "--epochs 2"),
    ("fast-f32", "--recipe fast"),
    ("relu-f32", "--recipe fast --hidden 40,20"),
];

pub(super) fn onnxruntime_numpy_and_safetensors_agree_on_exports(mlp: &Mlp) -> Result<String> {
    compare_exports(mlp, &mlp.python(PACKAGES)?, "agree.py")
}

pub(super) fn pytorch_agrees_on_exports(mlp: &Mlp) -> Result<String> {
    compare_exports(mlp, &pytorch(mlp)?, "load_pytorch.py")
}

pub(super) fn a_network_trained_in_numpy_evaluates_the_same_after_import(mlp: &Mlp) -> Result<String> {
    train_and_import(mlp, &mlp.python(PACKAGES)?, "numpy", "train_numpy.py", &[], &[])
}

pub(super) fn networks_trained_in_pytorch_evaluate_the_same_after_import(mlp: &Mlp) -> Result<String> {
    let python = pytorch(mlp)?;
    let notes = ["f64", "f32"].map(|precision| {
        let name = format!("pytorch-{precision}");
        let note = train_and_import(
            mlp,
            &python,
            &name,
            "train_pytorch.py",
            &[precision],
            &["--activation", "relu"],
        )?;
        Ok(format!("{precision}: {note}"))
    });
    Ok(notes.into_iter().collect::<Result<Vec<_>>>()?.join("; "))
}

pub(super) fn models_of_scikit_learn_and_other_graphs_compute_the_same_after_import(
    mlp: &Mlp,
) -> Result<String> {
    let python = mlp.python(&[PACKAGES[0], &["scikit-learn", "skl2onnx"]])?;
    Ok([judge(mlp, &python, "import_graphs.py")?, judge(mlp, &python, "import_sklearn.py")?].join("; "))
}

pub(super) fn models_of_pytorch_and_keras_compute_the_same_after_import(mlp: &Mlp) -> Result<String> {
    let python = pytorch(mlp)?;
    python.install(&["onnx", "onnxruntime", "onnxscript"])?;
    let keras = Environment::prepare(mlp.workspace(), "keras")?;
    keras.install(&["tensorflow-cpu", "tf2onnx"])?;
    Ok([
        judge(mlp, &python, "import_torch_onnx.py")?,
        judge(mlp, &python, "import_state_dicts.py")?,
        judge(mlp, &keras, "import_keras.py")?,
    ]
    .join("; "))
}

/// Runs a script that imports models of another program and compares what they compute, and returns
/// its last line.
fn judge(mlp: &Mlp, python: &Environment, script: &str) -> Result<String> {
    let mut judging = python.run(&mlp.source("xtask/interop").join(script));
    let output = process::capture(judging.arg(mlp.program()).arg(mlp.scratch(script)))?;
    let text = process::text(&output.stdout);
    let wrong: Vec<&str> = text.lines().filter(|line| line.starts_with("WRONG")).collect();
    let reason = process::text(&output.stderr);
    ensure!(output.status.success(), "{script}:\n{}\n{}", wrong.join("\n"), reason.trim_end());
    Ok(text.lines().last().unwrap_or_default().to_owned())
}

/// The benchmark's Python, which has PyTorch, with the other packages that the checks need.
fn pytorch(mlp: &Mlp) -> Result<Environment> {
    let python = bench::pytorch(mlp.workspace())?;
    python.install(&["safetensors"])?;
    Ok(python)
}

/// Exports each network in every format and compares the outputs with a script.
fn compare_exports(mlp: &Mlp, python: &Environment, script: &str) -> Result<String> {
    let mut notes = Vec::new();
    for (name, flags) in NETWORKS {
        // Two checks train these networks, so the script's name is part of the directory.
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
        notes.push(format!("{name} {}", compare(mlp, python, script, &run.dir)?));
    }
    Ok(notes.join("; "))
}

/// Trains a network in another program, imports it and compares both on the test set.
fn train_and_import(
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
    let network = found.iter().find(|path| path.is_file()).context("the other program wrote no network")?;
    let model = directory.join("model.mlp");
    let import = ["import", utf8(network)?, "--to", utf8(&model)?, "--dataset", "mnist"];
    mlp.succeed(&[&import, import_args].concat())?;
    export(mlp, &model, &directory.join("model.npz"), &[])?;
    predict(mlp, &model, &directory)?;
    let evaluation = mlp.succeed(&["eval", utf8(&model)?, "--json", "--data-dir", mlp.data_dir()?])?;
    fs::write(directory.join("evaluation.json"), evaluation).context("cannot write evaluation.json")?;
    compare(mlp, python, "compare_import.py", &directory)
}

fn export(mlp: &Mlp, model: &Path, to: &Path, flags: &[&str]) -> Result<()> {
    mlp.succeed(&[&["export", utf8(model)?, "--to", utf8(to)?], flags].concat()).map(drop)
}

/// Writes predictions.csv for the test set.
fn predict(mlp: &Mlp, model: &Path, directory: &Path) -> Result<()> {
    export(mlp, model, &directory.join("predictions.csv"), &["--data-dir", mlp.data_dir()?])
}

/// Runs a comparison script on a directory and returns its last line.
fn compare(mlp: &Mlp, python: &Environment, script: &str, directory: &Path) -> Result<String> {
    let mut comparing = python.run(&mlp.source("xtask/interop").join(script));
    let output = process::capture(comparing.arg(directory).arg(mlp.mnist_dir()))?;
    let text = [output.stdout, output.stderr].map(|bytes| process::text(&bytes)).concat();
    ensure!(output.status.success(), "{}:\n{}", directory.display(), text.trim_end());
    Ok(text.lines().last().unwrap_or_default().to_owned())
}
