//! The results of `mlp bench` as JSON and as tables.

use mlp_core::Architecture;
use serde::Serialize;

use super::machine::Machine;
use super::sgemm::Peak;
use crate::output::table::{Table, counted, thousands};

/// All results.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) dataset: String,
    /// True if pixels were standardized.
    pub(super) standardized: bool,
    /// Layer sizes of the network, from inputs to classes.
    pub(super) layers: Vec<usize>,
    /// Operations of an epoch if no zeros are skipped.
    pub(super) dense_flop_per_epoch: f64,
    pub(super) sgemm: Vec<Peak>,
    /// Time of these operations at the sgemm peak of all cores.
    pub(super) dense_floor_seconds: f64,
    pub(super) training: Vec<Training>,
    pub(super) inference: Vec<Inference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_memory_bytes: Option<u64>,
}

/// Training with a kernel.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Training {
    pub(super) kernel: &'static str,
    pub(super) hidden: Vec<usize>,
    pub(super) batch_size: usize,
    pub(super) threads: usize,
    pub(super) seconds_per_epoch: f64,
    pub(super) images_per_second: f64,
    /// Dense operations per second. Kernels that skip zeros may exceed the peak.
    pub(super) gflops: f64,
    /// `gflops` divided by the sgemm peak on the same number of threads.
    pub(super) of_the_peak: f64,
}

/// Inference on the test set with a kernel.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Inference {
    pub(super) kernel: &'static str,
    pub(super) hidden: Vec<usize>,
    pub(super) batch_size: usize,
    pub(super) threads: usize,
    pub(super) images: usize,
    pub(super) seconds: f64,
    pub(super) images_per_second: f64,
}

/// Floating-point operations of an epoch with `images` if every product is dense. Each layer has
/// the forward product and the gradient of the weights; layers above the first also have ∂J/∂H.
/// Multiplications and additions count separately.
pub(super) fn dense_flop(architecture: &Architecture, images: usize) -> f64 {
    let products = |layer: usize| if layer == 0 { 2.0 } else { 3.0 };
    let layers = architecture.layer_sizes().into_iter().enumerate();
    let terms: f64 =
        layers.map(|(layer, (inputs, outputs))| products(layer) * inputs as f64 * outputs as f64).sum();
    2.0 * images as f64 * terms
}

/// The results as tables.
pub(super) fn text(report: &Report) -> String {
    let Machine { cpu, cores, instructions, products } = &report.machine;
    let header = ["training", "threads", "ms/epoch", "images/s", "GFLOP/s", "vs peak", "vs floor"];
    let mut training = Table::new(header);
    for row in &report.training {
        training.row([
            row.kernel.to_owned(),
            row.threads.to_string(),
            milliseconds(row.seconds_per_epoch),
            thousands(row.images_per_second as usize),
            format!("{:.1}", row.gflops),
            format!("{:.2}", row.of_the_peak),
            format!("{:.2}", row.seconds_per_epoch / report.dense_floor_seconds),
        ]);
    }
    let mut inference = Table::new(["inference", "threads", "ms", "images/s"]);
    for row in &report.inference {
        inference.row([
            format!("{}, {} images", row.kernel, thousands(row.images)),
            row.threads.to_string(),
            milliseconds(row.seconds),
            thousands(row.images_per_second as usize),
        ]);
    }
    let mut sgemm = Table::new(["sgemm peak", "threads", "GFLOP/s"]);
    for peak in &report.sgemm {
        sgemm.row([(*products).to_owned(), peak.threads.to_string(), format!("{:.1}", peak.gflops)]);
    }
    let memory = report.peak_memory_bytes.map(|bytes| format!("peak memory  {} MB\n", bytes / 1_000_000));
    let layers: Vec<String> = report.layers.iter().map(usize::to_string).collect();
    let standardized = if report.standardized { ", standardized" } else { "" };
    let batches = report.training.first().map_or(0, |row| row.batch_size);
    format!(
        "{cpu}, {}, {}\n\
         {} on {}{standardized}, batches of {batches}, f32\n\n\
         {training}\n{inference}\n{sgemm}\n\
         dense floor  {} ms/epoch: {:.2} GFLOP at the peak of {}\n{}",
        counted(*cores, "core"),
        instructions.join(" "),
        layers.join("-"),
        report.dataset,
        milliseconds(report.dense_floor_seconds),
        report.dense_flop_per_epoch / 1e9,
        counted(*cores, "core"),
        memory.unwrap_or_default(),
    )
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1}", 1e3 * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let training = |kernel, threads, seconds_per_epoch: f64| Training {
            kernel,
            hidden: vec![100],
            batch_size: 100,
            threads,
            seconds_per_epoch,
            images_per_second: 60_000.0 / seconds_per_epoch,
            gflops: 19.176 / seconds_per_epoch,
            of_the_peak: 19.176 / seconds_per_epoch / (80.0 * threads as f64),
        };
        Report {
            machine: Machine {
                cpu: "Some CPU".into(),
                cores: 2,
                instructions: vec!["avx2", "portable"],
                products: "OpenBLAS",
            },
            dataset: "mnist".into(),
            standardized: false,
            layers: vec![784, 100, 10],
            dense_flop_per_epoch: 19.176e9,
            sgemm: vec![Peak { threads: 1, gflops: 80.0 }, Peak { threads: 2, gflops: 160.0 }],
            dense_floor_seconds: 0.12,
            training: vec![training("sparse", 1, 0.12), training("openblas", 2, 0.24)],
            inference: vec![Inference {
                kernel: "sparse",
                hidden: vec![100],
                batch_size: 500,
                threads: 2,
                images: 10_000,
                seconds: 0.0125,
                images_per_second: 800_000.0,
            }],
            peak_memory_bytes: Some(123_456_789),
        }
    }

    #[test]
    fn the_text_has_three_tables() {
        let expected = "\
Some CPU, 2 cores, avx2 portable
784-100-10 on mnist, batches of 100, f32

training  threads  ms/epoch  images/s  GFLOP/s  vs peak  vs floor
sparse          1     120.0   500,000    159.8     2.00      1.00
openblas        2     240.0   250,000     79.9     0.50      2.00

inference              threads    ms  images/s
sparse, 10,000 images        2  12.5   800,000

sgemm peak  threads  GFLOP/s
OpenBLAS          1     80.0
OpenBLAS          2    160.0

dense floor  120.0 ms/epoch: 19.18 GFLOP at the peak of 2 cores
peak memory  123 MB
";
        assert_eq!(text(&report()), expected);
    }

    #[test]
    fn standardization_is_shown() {
        let report = Report { standardized: true, ..report() };
        assert!(text(&report).contains("784-100-10 on mnist, standardized, batches of 100, f32"));
    }

    #[test]
    fn unknown_memory_is_omitted() {
        let report = Report { peak_memory_bytes: None, ..report() };
        assert!(!text(&report).contains("memory"));
        assert!(serde_json::to_value(&report).unwrap().get("peak_memory_bytes").is_none());
    }

    #[test]
    fn an_epoch_of_the_default_network_takes_19_2_gflop() {
        let network = |hidden: &[usize]| Architecture::new(784, hidden, 10);
        assert_eq!(dense_flop(&network(&[100]), 60_000), 19.176e9);
        assert_eq!(dense_flop(&network(&[]), 100), 4.0 * 784.0 * 10.0 * 100.0);
    }
}
