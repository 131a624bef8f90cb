//! What the figures were measured on: processor, cores, OpenBLAS; and its sgemm peak, which `mlp bench` measures.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::contenders::Commands;
use crate::openblas::{self, Backend, ThisMachine};
use crate::process;

/// The cores that a program may use here.
pub(super) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// One line: processor, cores, and what our program multiplies with.
pub(super) fn describe(backend: Backend) -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model_name(&cpuinfo).map(str::to_owned).or_else(|| {
        let name = process::stdout(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok()?;
        Some(name.trim().to_owned())
    });
    let model = model.unwrap_or_else(|| format!("an {} processor", std::env::consts::ARCH));
    let blas = match backend {
        Backend::OpenBlas => openblas::look(&ThisMachine).openblas,
        Backend::PureRust => None,
    };
    let cores = cores();
    let plural = if cores == 1 { "" } else { "s" };
    format!("{model}, {cores} core{plural}, {}", blas.unwrap_or_else(|| backend.name().to_owned()))
}

/// The processor's name in Linux's `/proc/cpuinfo`; on some architectures it is not there.
fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// What `mlp bench` measured of the machine's sgemm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SgemmPeak {
    pub(super) threads: u32,
    pub(super) gflops: f64,
}

impl SgemmPeak {
    /// Measures it, on all cores.
    ///
    /// # Errors
    /// When `mlp bench --json` fails or prints something else.
    pub(super) fn measure(commands: &Commands) -> Result<Self> {
        eprintln!("bench: measuring the sgemm peak");
        let json = process::stdout(&mut commands.mlp_bench())
            .context("the dense floor needs `mlp bench --json`, which failed")?;
        Self::parse(&json).context("cannot read what `mlp bench --json` printed")
    }

    /// The entry for the most threads in `{"sgemm": [{"threads": 1, "gflops": 98.1}, ...]}`.
    pub(super) fn parse(json: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(json)?;
        let entries = json["sgemm"].as_array().context("it has no list \"sgemm\"")?;
        let mut peaks = Vec::new();
        for entry in entries {
            let threads = entry["threads"].as_u64().and_then(|threads| u32::try_from(threads).ok());
            let gflops = entry["gflops"].as_f64();
            let (threads, gflops) =
                threads.zip(gflops).with_context(|| format!("no \"threads\" and \"gflops\" in {entry}"))?;
            ensure!(gflops > 0.0, "{gflops} GFLOP/s on {threads} threads");
            peaks.push(Self { threads, gflops });
        }
        peaks.into_iter().max_by_key(|peak| peak.threads).context("its list \"sgemm\" is empty")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_where_linux_names_it() {
        let cpuinfo =
            "processor\t: 0\nmodel name\t: AMD EPYC 9R14\nprocessor\t: 1\nmodel name\t: AMD EPYC 9R14\n";
        assert_eq!(model_name(cpuinfo), Some("AMD EPYC 9R14"));
        assert_eq!(model_name("processor\t: 0\nCPU part\t: 0xd0c\n"), None);
    }

    #[test]
    fn the_peak_is_that_of_the_most_threads() {
        let json =
            r#"{"sgemm": [{"threads": 2, "gflops": 196.0}, {"threads": 1, "gflops": 98.1}], "more": 1}"#;
        assert_eq!(SgemmPeak::parse(json).unwrap(), SgemmPeak { threads: 2, gflops: 196.0 });
    }

    #[test]
    fn what_is_not_a_list_of_peaks_is_an_error_that_says_so() {
        for (json, message) in [
            ("no JSON", "expected"),
            ("{}", "no list \"sgemm\""),
            (r#"{"sgemm": []}"#, "empty"),
            (r#"{"sgemm": [{"threads": 2}]}"#, "no \"threads\" and \"gflops\" in {\"threads\":2}"),
            (r#"{"sgemm": [{"threads": 2, "gflops": 0}]}"#, "0 GFLOP/s on 2 threads"),
        ] {
            let error = SgemmPeak::parse(json).unwrap_err().to_string();
            assert!(error.contains(message), "{json}: {error}");
        }
    }
}
