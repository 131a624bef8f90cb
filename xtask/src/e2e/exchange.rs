//! The check of what `mlp export` writes: other programs load it and have to compute what `mlp` says.

use anyhow::Result;

use super::mlp::{Mlp, utf8};

const PACKAGES: &[&[&str]] = &[&["numpy", "onnx", "onnxruntime", "safetensors"]];

/// Networks of different activations and depths. In `f64`: in `f32` the roundings of two programs alone differ by more than the check allows.
const NETWORKS: [(&str, &str); 3] = [
    ("logistic", "--epochs 2"),
    ("relu", "--recipe fast --hidden 40,20"),
    ("gelu", "--recipe fast --set epochs=2 --hidden 24 --activation gelu"),
];

pub(super) fn exports_are_computed_alike_by_onnxruntime_numpy_and_safetensors(mlp: &Mlp) -> Result<String> {
    let python = mlp.python(PACKAGES)?;
    let script = mlp.source("xtask/interop/agree.py");
    for (name, flags) in NETWORKS {
        let run = mlp.train(&format!("export-{name}"), &format!("{flags} --precision f64 --no-report"))?;
        let model = run.model();
        for (file, flag) in [
            ("scaled.onnx", None),
            ("raw.onnx", Some("--raw-pixels")),
            ("model.npz", None),
            ("model.safetensors", None),
        ] {
            let to = run.dir.join(file);
            let args: Vec<&str> =
                ["export", utf8(&model)?, "--to", utf8(&to)?].into_iter().chain(flag).collect();
            mlp.succeed(&args)?;
        }
        let predictions = run.dir.join("predictions.csv");
        let data = ["--data-dir", mlp.data_dir()?];
        mlp.succeed(&[&["export", utf8(&model)?, "--to", utf8(&predictions)?], &data[..]].concat())?;
        let mnist = mlp.mnist_dir();
        python.execute(&[utf8(&script)?, utf8(&run.dir)?, utf8(&mnist)?])?;
    }
    Ok(format!("{} networks on 10,000 images, each probability within 1e-6", NETWORKS.len()))
}
