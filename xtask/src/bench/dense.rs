//! Dense inputs, of which no product can be left out: how much of the sgemm peak an epoch reaches, as `mlp bench` measures both on a
//! standardized copy of MNIST. No peer takes part, so this is apart from `turns`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::contenders::Commands;
use super::machine::SgemmPeak;
use super::workloads::Workload;
use crate::process;

/// An epoch of one of our kernels on dense rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DenseRow {
    /// As `mlp train --kernel` spells it.
    pub(super) kernel: String,
    pub(super) workload: Workload,
    pub(super) gflops: f64,
    /// In the same run, on as many threads.
    pub(super) peak: SgemmPeak,
}

/// Measures every kernel for dense rows on so many threads.
///
/// # Errors
/// When `mlp bench --json` fails or prints something else.
pub(super) fn measure(commands: &Commands, workloads: &[Workload], threads: u32) -> Result<Vec<DenseRow>> {
    let mut rows = Vec::new();
    for workload in workloads {
        eprintln!("bench: dense inputs, {}", workload.name());
        let json = process::stdout(&mut commands.mlp_bench_dense(workload, threads))
            .context("`mlp bench --standardize` failed")?;
        let measured = parse(&json, workload);
        rows.extend(measured.context("cannot read what `mlp bench --standardize --json` printed")?);
    }
    Ok(rows)
}

/// The rows in `{"training": [{"kernel": "dense", "threads": 2, "gflops": 150.0}, ...], "sgemm": ...}`.
fn parse(json: &str, workload: &Workload) -> Result<Vec<DenseRow>> {
    let peak = SgemmPeak::parse(json)?;
    let json: Value = serde_json::from_str(json)?;
    let entries = json["training"].as_array().context("it has no list \"training\"")?;
    let row = |entry: &Value| {
        let kernel = entry["kernel"].as_str().zip(entry["gflops"].as_f64());
        let (kernel, gflops) = kernel.with_context(|| format!("no \"kernel\" and \"gflops\" in {entry}"))?;
        ensure!(entry["threads"] == peak.threads, "a peak of {} threads for {entry}", peak.threads);
        Ok(DenseRow { kernel: kernel.to_owned(), workload: *workload, gflops, peak })
    };
    entries.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::workloads::DENSE;
    use super::*;

    #[test]
    fn every_kernel_is_read_with_the_peak_beside_it() {
        let json = r#"{"sgemm": [{"threads": 2, "gflops": 160.0}], "training": [
            {"kernel": "dense", "threads": 2, "gflops": 140.0},
            {"kernel": "openblas", "threads": 2, "gflops": 120.0}]}"#;
        let peak = SgemmPeak { threads: 2, gflops: 160.0 };
        let row = |kernel: &str, gflops| DenseRow { kernel: kernel.into(), workload: DENSE[0], gflops, peak };
        assert_eq!(parse(json, &DENSE[0]).unwrap(), [row("dense", 140.0), row("openblas", 120.0)]);
    }

    #[test]
    fn what_cannot_be_compared_is_an_error_that_says_so() {
        for (training, message) in [
            ("null", "no list \"training\""),
            (r#"[{"threads": 2}]"#, "no \"kernel\" and \"gflops\" in {\"threads\":2}"),
            (r#"[{"kernel": "dense", "threads": 1, "gflops": 70}]"#, "a peak of 2 threads for {"),
        ] {
            let json = format!(r#"{{"sgemm": [{{"threads": 2, "gflops": 160}}], "training": {training}}}"#);
            let error = parse(&json, &DENSE[0]).unwrap_err().to_string();
            assert!(error.contains(message), "{training}: {error}");
        }
    }
}
