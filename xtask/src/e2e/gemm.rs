//! Checks that dense products use OpenBLAS: `mlp` runs with a preloaded library that counts calls
//! of `cblas_sgemm` and `cblas_dgemm` (`xtask/blas/count_gemm.c`).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::mlp::{Mlp, utf8};
use crate::openblas::Backend;
use crate::process;

/// The number of calls in one run of `mlp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calls {
    sgemm: u64,
    dgemm: u64,
}

/// The checked commands, on a network with one hidden layer.
const COMMANDS: [&str; 3] = ["train", "eval", "predict"];

pub(super) fn dense_products_use_openblas_unless_the_kernel_is_portable(mlp: &Mlp) -> Result<String> {
    if mlp.backend() == Backend::PureRust {
        return Ok("skipped: built without OpenBLAS".to_owned());
    }
    if !cfg!(target_os = "linux") {
        return Ok("skipped: needs LD_PRELOAD (Linux)".to_owned());
    }
    let counter = Counter::compile(mlp)?;
    let default = counter.commands("default", &[], &[])?;
    let openblas = counter.commands("openblas", &[], &["--kernel", "openblas"])?;
    let portable = counter.commands("portable", &[], &["--kernel", "portable"])?;
    let double = counter.commands("double", &["--precision", "f64"], &[])?;

    // Z, ∂J/∂W and ∂J/∂H of the output layer. The hidden layer multiplies sparse rows.
    let steps = SYNTHETIC_TRAIN / BATCH;
    let none = Calls { sgemm: 0, dgemm: 0 };
    ensure!(default[0].sgemm >= 3 * steps, "{steps} steps of training: {:?}", default[0]);
    for (place, command) in COMMANDS.iter().enumerate() {
        let [default, openblas, portable, double] =
            [default, openblas, portable, double].map(|calls| calls[place]);
        ensure!(default.sgemm > 0 && default.dgemm == 0, "mlp {command} in f32: {default:?}");
        ensure!(double.dgemm > 0 && double.sgemm == 0, "mlp {command} in f64: {double:?}");
        ensure!(
            openblas.sgemm > default.sgemm,
            "mlp {command}: {openblas:?} with the kernel openblas, {default:?} by default"
        );
        ensure!(portable == none, "mlp {command} with the kernel portable: {portable:?}");
    }
    let notes = COMMANDS.iter().enumerate().map(|(place, command)| {
        format!("{command} {}, with openblas {}", default[place].sgemm, openblas[place].sgemm)
    });
    Ok(format!("calls of sgemm: {}", notes.collect::<Vec<_>>().join("; ")))
}

/// Training images of the dataset `synthetic`.
const SYNTHETIC_TRAIN: u64 = 10_000;

const BATCH: u64 = 100;

/// The counting library, and a picture to predict.
struct Counter<'a> {
    mlp: &'a Mlp,
    library: PathBuf,
    picture: PathBuf,
}

impl<'a> Counter<'a> {
    /// Compiles the library (the setup has checked that there is a C compiler) and draws the
    /// picture.
    fn compile(mlp: &'a Mlp) -> Result<Self> {
        let library = mlp.scratch("count_gemm.so");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(mlp.source("xtask/blas/count_gemm.c"));
        process::stdout(cc.arg("-ldl"))?;
        let picture = mlp.scratch("one.pgm");
        let mut pixels = [[0; 28]; 28];
        pixels[4..24].iter_mut().for_each(|row| row[13..16].fill(255));
        let pgm = [b"P5 28 28 255\n", pixels.as_flattened()].concat();
        fs::write(&picture, pgm).with_context(|| format!("cannot write {}", picture.display()))?;
        Ok(Self { mlp, library, picture })
    }

    /// The calls of each of [`COMMANDS`]; `eval` and `predict` use the model that `train` made.
    fn commands(&self, name: &str, train_flags: &[&str], flags: &[&str]) -> Result<[Calls; 3]> {
        let run = self.mlp.scratch(&format!("gemm-{name}"));
        let (run, batch) = (utf8(&run)?, BATCH.to_string());
        let train =
            ["train", "--dataset", "synthetic", "--epochs", "1", "--batch-size", &batch, "--no-report"];
        Ok([
            self.calls(&[&train, &["--run-dir", run][..], train_flags, flags].concat())?,
            self.calls(&[&["eval", run, "--json"], flags].concat())?,
            self.calls(&[&["predict", run, utf8(&self.picture)?], flags].concat())?,
        ])
    }

    fn calls(&self, args: &[&str]) -> Result<Calls> {
        let counts = self.mlp.scratch("gemm.txt");
        let mut command = self.mlp.command(args);
        process::stdout(command.env("LD_PRELOAD", &self.library).env("GEMM_COUNTS", &counts))?;
        let text =
            fs::read_to_string(&counts).with_context(|| format!("cannot read {}", counts.display()))?;
        fs::remove_file(&counts)?;
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            line.with_context(|| format!("no count of {name} calls in `{text}`"))
        };
        Ok(Calls { sgemm: number("sgemm")?, dgemm: number("dgemm")? })
    }
}
