//! The checks, one function each, in the order in which they run. None depends on another, so each can be run alone (`--only`).

use std::fs;

use anyhow::{Context, Result, ensure};

use super::browser::digits_drawn_in_chromium_are_recognized_while_they_are_drawn;
use super::chapter;
use super::chapter::Reference;
use super::exchange::{
    a_network_trained_in_numpy_comes_back_and_evaluates_the_same,
    exports_are_computed_alike_by_onnxruntime_numpy_and_safetensors, exports_are_computed_alike_by_pytorch,
    networks_trained_in_pytorch_come_back_and_evaluate_the_same,
};
use super::gemm::dense_products_go_to_openblas_as_the_kernel_says;
use super::mlp::{Mlp, Run, utf8};
use super::pictures::{
    drawings_that_mnist_never_saw_are_read_within_ten_points_of_the_test_set,
    mnists_own_images_as_png_files_are_read_as_eval_reads_them,
};
use crate::process;
use crate::python::Environment;

/// A named check.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Returns a note, perhaps empty, on what was measured.
    pub(super) run: fn(&Mlp) -> Result<String>,
    pub(super) kind: Kind,
}

/// When a check is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Always.
    Quick,
    /// Unless it is to be short.
    Long,
    /// Only when other tools are asked, a browser among them.
    Tools,
    /// Only when PyTorch is asked.
    PyTorch,
}

macro_rules! check {
    ($name:ident, $kind:ident) => {
        Check { name: stringify!($name), run: $name, kind: Kind::$kind }
    };
}

/// All of them.
pub(super) const CHECKS: &[Check] = &[
    check!(seed_0_in_f64_prints_the_chapters_50_lines_byte_for_byte, Long),
    check!(seed_1_in_f64_prints_the_chapters_lines, Long),
    check!(seed_7_in_f64_prints_the_chapters_lines, Quick),
    check!(fashion_mnist_in_f64_prints_the_chapters_lines, Long),
    check!(ten_epochs_in_f32_stay_close_to_the_chapters, Long),
    check!(an_epoch_in_f32_stays_below_250_megabytes, Quick),
    check!(one_and_two_threads_train_the_same_bits, Quick),
    check!(dense_products_go_to_openblas_as_the_kernel_says, Quick),
    check!(eval_gives_the_accuracy_that_train_printed, Quick),
    check!(gradcheck_agrees_on_the_chapters_network, Quick),
    check!(the_recipe_fast_reaches_98_percent, Quick),
    check!(tensorboards_own_reader_reads_what_trace_csv_says, Tools),
    check!(drawings_that_mnist_never_saw_are_read_within_ten_points_of_the_test_set, Long),
    check!(mnists_own_images_as_png_files_are_read_as_eval_reads_them, Long),
    check!(digits_drawn_in_chromium_are_recognized_while_they_are_drawn, Tools),
    check!(exports_are_computed_alike_by_onnxruntime_numpy_and_safetensors, Tools),
    check!(a_network_trained_in_numpy_comes_back_and_evaluates_the_same, Tools),
    check!(exports_are_computed_alike_by_pytorch, PyTorch),
    check!(networks_trained_in_pytorch_come_back_and_evaluate_the_same, PyTorch),
    check!(a_truncated_model_is_one_line_and_exit_code_2, Quick),
];

const NUMPY_F64: &str = "--rng numpy --precision f64";

fn seed_0_in_f64_prints_the_chapters_50_lines_byte_for_byte(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "mnist", 0, &chapter::mnist_seed_0()?)
}

fn seed_1_in_f64_prints_the_chapters_lines(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "mnist", 1, &chapter::mnist_seed_1()?)
}

fn seed_7_in_f64_prints_the_chapters_lines(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "mnist", 7, &chapter::mnist_seed_7()?)
}

fn fashion_mnist_in_f64_prints_the_chapters_lines(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "fashion-mnist", 0, &chapter::fashion_mnist_seed_0()?)
}

/// Trains as long as the reference did and compares every line, the test result's included.
fn same_lines(mlp: &Mlp, dataset: &str, seed: u32, reference: &Reference) -> Result<String> {
    let epochs = reference.lines.len();
    let flags = format!("--dataset {dataset} --seed {seed} --epochs {epochs} {NUMPY_F64}");
    let run = mlp.train(&format!("{dataset}-seed{seed}"), &flags)?;
    let mut expected: Vec<&str> = reference.lines.clone();
    expected.push(&reference.test_line);
    for (ours, theirs) in run.lines.iter().zip(&expected) {
        ensure!(ours == theirs, "mlp printed\n{ours}\nand the chapter's program\n{theirs}");
    }
    ensure!(run.lines.len() == expected.len(), "{} lines instead of {}", run.lines.len(), expected.len());
    Ok(format!("{epochs} lines equal, then `{}`", reference.test_line))
}

/// How far an epoch in f32 may be from the same in f64: the loss by a part of itself, the accuracy absolutely.
const LOSS_TOLERANCE: f64 = 1e-3;
const ACCURACY_TOLERANCE: f64 = 5e-4;

fn ten_epochs_in_f32_stay_close_to_the_chapters(mlp: &Mlp) -> Result<String> {
    let reference = chapter::mnist_seed_0()?;
    let run = mlp.train("f32", "--dataset mnist --seed 0 --epochs 10 --rng numpy --precision f32")?;
    let trace = run.trace()?;
    ensure!(trace.len() == 10, "trace.csv has {} epochs instead of 10", trace.len());
    let (mut worst_loss, mut worst_accuracy) = (0.0_f64, 0.0_f64);
    for (epoch, (ours, (loss, accuracy))) in
        trace.iter().zip(reference.loss.iter().zip(&reference.accuracy)).enumerate()
    {
        let loss_error = (ours.loss - loss).abs() / loss;
        let accuracy_error = (ours.accuracy - accuracy).abs();
        // Written so that a NaN is not close.
        ensure!(
            loss_error <= LOSS_TOLERANCE && accuracy_error <= ACCURACY_TOLERANCE,
            "epoch {}: loss {} and accuracy {} against {loss} and {accuracy}",
            epoch + 1,
            ours.loss,
            ours.accuracy
        );
        worst_loss = worst_loss.max(loss_error);
        worst_accuracy = worst_accuracy.max(accuracy_error);
    }
    Ok(format!("loss within {worst_loss:.1e} of itself, accuracy within {worst_accuracy:.1e}"))
}

/// In bytes.
const MEMORY_LIMIT: u64 = 250_000_000;

fn an_epoch_in_f32_stays_below_250_megabytes(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("memory", "--dataset mnist --epochs 1 --precision f32")?;
    let Some(peak) = run.peak_memory else {
        ensure!(!cfg!(target_os = "linux"), "/proc did not tell the memory of mlp");
        return Ok("not measured: only Linux tells".to_owned());
    };
    let megabytes = peak / 1_000_000;
    ensure!(peak < MEMORY_LIMIT, "it held {megabytes} MB");
    Ok(format!("{megabytes} MB"))
}

fn one_and_two_threads_train_the_same_bits(mlp: &Mlp) -> Result<String> {
    let train = |threads: u32| {
        let flags = format!("--dataset mnist --epochs 2 --seed 3 --rng native --threads {threads}");
        let run = mlp.train(&format!("threads-{threads}"), &flags)?;
        let model =
            fs::read(run.model()).with_context(|| format!("cannot read {}", run.model().display()))?;
        Ok::<_, anyhow::Error>((run.lines, model))
    };
    let ((lines_1, model_1), (lines_2, model_2)) = (train(1)?, train(2)?);
    ensure!(lines_1 == lines_2, "they printed\n{}\nand\n{}", lines_1.join("\n"), lines_2.join("\n"));
    ensure!(model_1 == model_2, "the same lines, but the models differ");
    Ok(format!("{} bytes of model equal", model_1.len()))
}

fn eval_gives_the_accuracy_that_train_printed(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("eval", "--dataset mnist --epochs 1")?;
    let (evaluated, trained) = (mlp.evaluate(&run.model())?, run.test_accuracy()?);
    ensure!(format!("{evaluated:.4}") == trained, "train printed {trained}, eval {evaluated}");
    Ok(trained.to_owned())
}

fn gradcheck_agrees_on_the_chapters_network(mlp: &Mlp) -> Result<String> {
    mlp.succeed(&["gradcheck"])?;
    Ok(String::new())
}

fn the_recipe_fast_reaches_98_percent(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("fast", "--recipe fast --seed 1")?;
    let accuracy = run.test_accuracy()?;
    ensure!(accuracy.parse::<f64>()? >= 0.98, "{accuracy}; expected 0.98 or more");
    Ok(accuracy.to_owned())
}

/// What TensorBoard's reader needs of what its package asks for: it does not start a server here.
const TENSORBOARD: &[&[&str]] = &[&["--no-deps", "tensorboard"], &["protobuf", "absl-py", "numpy"]];

fn tensorboards_own_reader_reads_what_trace_csv_says(mlp: &Mlp) -> Result<String> {
    let python = mlp.python(TENSORBOARD)?;
    let flags = "--tensorboard --validation 0.1 --epochs 3";
    let whole = mlp.train("tensorboard", flags)?;
    compare_with_trace(&python, &whole)?;
    // The file of a run that was interrupted is written again from the checkpoint.
    let run = mlp.interrupted("tensorboard-interrupted", flags)?;
    compare_with_trace(&python, &run)?;
    Ok("every number of 3 epochs, and of a run that was interrupted".to_owned())
}

fn compare_with_trace(python: &Environment, run: &Run) -> Result<()> {
    let (events, trace) = (run.dir.join("events.out.tfevents.mlp"), run.dir.join("trace.csv"));
    python.execute(&["-c", READER, utf8(&events)?, utf8(&trace)?])
}

/// Compares the scalars of an event file, as TensorBoard reads them, with a trace.
const READER: &str = r#"
import csv, sys, numpy
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
found = {}
for event in LegacyEventFileLoader(sys.argv[1]).Load():
    for value in event.summary.value:
        found[event.step, value.tag] = value.simple_value
columns = {"loss": "loss/train", "accuracy": "accuracy/train", "learning_rate": "learning-rate",
           "validation_loss": "loss/validation", "validation_accuracy": "accuracy/validation",
           "test_loss": "loss/test", "test_accuracy": "accuracy/test"}
expected = {}
for row in csv.DictReader(open(sys.argv[2])):
    for column, tag in columns.items():
        if row[column]:
            expected[int(row["epoch"]), tag] = float(numpy.float32(row[column]))
if found != expected or len(found) != 15:
    sys.exit(f"error: TensorBoard reads {found}, the trace has {expected}")
"#;

fn a_truncated_model_is_one_line_and_exit_code_2(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("truncated", "--dataset synthetic --epochs 1")?;
    let whole = fs::read(run.model()).with_context(|| format!("cannot read {}", run.model().display()))?;
    let path = mlp.scratch("truncated.mlp");
    fs::write(&path, &whole[..whole.len() / 2])
        .with_context(|| format!("cannot write {}", path.display()))?;
    let output = mlp.run(&["summary", utf8(&path)?])?;
    let stderr = process::text(&output.stderr);
    ensure!(output.status.code() == Some(2), "it ended with {} and `{stderr}`", output.status);
    ensure!(stderr.lines().count() == 1, "instead of one line it said\n{stderr}");
    ensure!(output.stdout.is_empty(), "it printed a result");
    Ok(stderr.trim_end().to_owned())
}
