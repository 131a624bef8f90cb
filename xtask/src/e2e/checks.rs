//! The checks, in the order in which they run. Each is independent and can run alone (`--only`).

use std::fs;

use anyhow::{Context, Result, ensure};

use super::browser::digits_drawn_in_chromium_are_classified_while_drawing;
use super::chapter::Reference;
use super::exchange::{
    a_network_trained_in_numpy_evaluates_the_same_after_import,
    models_of_pytorch_and_keras_compute_the_same_after_import,
    models_of_scikit_learn_and_other_graphs_compute_the_same_after_import,
    networks_trained_in_pytorch_evaluate_the_same_after_import,
    onnxruntime_numpy_and_safetensors_agree_on_exports, pytorch_agrees_on_exports,
};
use super::gemm::dense_products_use_openblas_unless_the_kernel_is_portable;
use super::mlp::{Mlp, Run, utf8};
use super::pictures::{
    drawings_that_are_not_from_mnist_lose_at_most_10_points_of_accuracy,
    mnist_images_saved_as_png_have_the_same_accuracy,
};
use super::ranks::{
    a_sweep_whose_ranks_are_killed_resumes_to_the_same_bits, several_ranks_do_not_do_the_same_work,
    two_ranks_sweep_like_one_process, two_ranks_train_like_one_process,
};
use crate::documents;
use crate::openblas::Backend;
use crate::process;
use crate::python::Environment;

/// A named check.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Returns a note about the result, which may be empty.
    pub(super) run: fn(&Mlp) -> Result<String>,
    pub(super) kind: Kind,
}

/// When a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Always.
    Quick,
    /// Unless `--short` is given.
    Long,
    /// Only in `interop`.
    Tools,
    /// Only in `interop --pytorch`.
    PyTorch,
    /// Only in `e2e --mpi`.
    Ranks,
}

macro_rules! check {
    ($name:ident, $kind:ident) => {
        Check { name: stringify!($name), run: $name, kind: Kind::$kind }
    };
}

/// All checks.
pub(super) const CHECKS: &[Check] = &[
    check!(seed_0_in_f64_prints_the_chapters_50_lines_byte_for_byte, Long),
    check!(seed_1_in_f64_prints_the_chapters_lines, Long),
    check!(seed_7_in_f64_prints_the_chapters_lines, Quick),
    check!(fashion_mnist_in_f64_prints_the_chapters_lines, Long),
    check!(ten_epochs_in_f32_stay_close_to_the_chapters, Long),
    check!(an_epoch_in_f32_stays_below_250_megabytes, Quick),
    check!(one_and_two_threads_train_identical_models, Quick),
    check!(dense_products_use_openblas_unless_the_kernel_is_portable, Quick),
    check!(eval_and_train_report_the_same_accuracy, Quick),
    check!(gradcheck_passes_for_the_chapters_network, Quick),
    check!(the_recipe_fast_reaches_98_percent, Quick),
    check!(tensorboard_reads_the_values_in_trace_csv, Tools),
    check!(drawings_that_are_not_from_mnist_lose_at_most_10_points_of_accuracy, Long),
    check!(mnist_images_saved_as_png_have_the_same_accuracy, Long),
    check!(digits_drawn_in_chromium_are_classified_while_drawing, Tools),
    check!(onnxruntime_numpy_and_safetensors_agree_on_exports, Tools),
    check!(a_network_trained_in_numpy_evaluates_the_same_after_import, Tools),
    check!(models_of_scikit_learn_and_other_graphs_compute_the_same_after_import, Tools),
    check!(pytorch_agrees_on_exports, PyTorch),
    check!(models_of_pytorch_and_keras_compute_the_same_after_import, PyTorch),
    check!(networks_trained_in_pytorch_evaluate_the_same_after_import, PyTorch),
    check!(the_documents_commands_print_what_the_documents_say, Long),
    check!(several_ranks_do_not_do_the_same_work, Ranks),
    check!(two_ranks_sweep_like_one_process, Ranks),
    check!(two_ranks_train_like_one_process, Ranks),
    check!(a_sweep_whose_ranks_are_killed_resumes_to_the_same_bits, Ranks),
    check!(a_truncated_model_is_a_one_line_error_with_exit_code_2, Quick),
];

const NUMPY_F64: &str = "--rng numpy --precision f64";

fn seed_0_in_f64_prints_the_chapters_50_lines_byte_for_byte(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "mnist", 0)
}

fn seed_1_in_f64_prints_the_chapters_lines(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "mnist", 1)
}

fn seed_7_in_f64_prints_the_chapters_lines(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "mnist", 7)
}

fn fashion_mnist_in_f64_prints_the_chapters_lines(mlp: &Mlp) -> Result<String> {
    same_lines(mlp, "fashion-mnist", 0)
}

/// Trains for as many epochs as the reference and compares all lines, including the test result.
fn same_lines(mlp: &Mlp, dataset: &str, seed: u32) -> Result<String> {
    let name = format!("{dataset}-seed{seed}");
    let reference = Reference::read(&mlp.source("xtask/reference"), &name)?;
    let epochs = reference.lines.len();
    let flags = format!("--dataset {dataset} --seed {seed} --epochs {epochs} {NUMPY_F64}");
    let run = mlp.train(&name, &flags)?;
    let mut expected = reference.lines;
    expected.push(reference.test_line);
    for (ours, theirs) in run.lines.iter().zip(&expected) {
        ensure!(ours == theirs, "mlp printed\n{ours}\nexpected the chapter's\n{theirs}");
    }
    ensure!(run.lines.len() == expected.len(), "{} lines, expected {}", run.lines.len(), expected.len());
    Ok(format!("{} identical lines", expected.len()))
}

/// Tolerances of an epoch in f32 against f64: relative for the loss, absolute for the accuracy.
const LOSS_TOLERANCE: f64 = 1e-3;
const ACCURACY_TOLERANCE: f64 = 5e-4;

fn ten_epochs_in_f32_stay_close_to_the_chapters(mlp: &Mlp) -> Result<String> {
    let reference = Reference::read(&mlp.source("xtask/reference"), "mnist-seed0")?;
    let run = mlp.train("f32", "--dataset mnist --seed 0 --epochs 10 --rng numpy --precision f32")?;
    let trace = run.trace()?;
    ensure!(trace.len() == 10, "trace.csv has {} epochs, expected 10", trace.len());
    let (mut worst_loss, mut worst_accuracy) = (0.0_f64, 0.0_f64);
    for (epoch, (ours, (loss, accuracy))) in
        trace.iter().zip(reference.loss.iter().zip(&reference.accuracy)).enumerate()
    {
        let loss_error = (ours.loss - loss).abs() / loss;
        let accuracy_error = (ours.accuracy - accuracy).abs();
        // Also fails for NaN.
        ensure!(
            loss_error <= LOSS_TOLERANCE && accuracy_error <= ACCURACY_TOLERANCE,
            "epoch {}: loss {} and accuracy {}, expected {loss} and {accuracy}",
            epoch + 1,
            ours.loss,
            ours.accuracy
        );
        worst_loss = worst_loss.max(loss_error);
        worst_accuracy = worst_accuracy.max(accuracy_error);
    }
    Ok(format!("relative error of the loss {worst_loss:.1e}, error of the accuracy {worst_accuracy:.1e}"))
}

/// Maximum memory of a training, in bytes.
const MEMORY_LIMIT: u64 = 250_000_000;

fn an_epoch_in_f32_stays_below_250_megabytes(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("memory", "--dataset mnist --epochs 1 --precision f32")?;
    let Some(peak) = run.peak_memory else {
        ensure!(!cfg!(target_os = "linux"), "/proc has no memory figures for mlp");
        return Ok("skipped: needs /proc (Linux)".to_owned());
    };
    let megabytes = peak / 1_000_000;
    ensure!(peak < MEMORY_LIMIT, "mlp used {megabytes} MB");
    Ok(format!("{megabytes} MB"))
}

fn one_and_two_threads_train_identical_models(mlp: &Mlp) -> Result<String> {
    let train = |threads: u32| {
        let flags = format!("--dataset mnist --epochs 2 --seed 3 --rng native --threads {threads}");
        let run = mlp.train(&format!("threads-{threads}"), &flags)?;
        let model =
            fs::read(run.model()).with_context(|| format!("cannot read {}", run.model().display()))?;
        Ok::<_, anyhow::Error>((run.lines, model))
    };
    let ((lines_1, model_1), (lines_2, model_2)) = (train(1)?, train(2)?);
    ensure!(lines_1 == lines_2, "the outputs differ:\n{}\nand\n{}", lines_1.join("\n"), lines_2.join("\n"));
    ensure!(model_1 == model_2, "the models differ");
    Ok(format!("{} identical bytes", model_1.len()))
}

fn eval_and_train_report_the_same_accuracy(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("eval", "--dataset mnist --epochs 1")?;
    let (evaluated, trained) = (mlp.evaluate(&run.model())?, run.test_accuracy()?);
    ensure!(format!("{evaluated:.4}") == trained, "train reported {trained}, eval {evaluated}");
    Ok(trained.to_owned())
}

fn gradcheck_passes_for_the_chapters_network(mlp: &Mlp) -> Result<String> {
    mlp.succeed(&["gradcheck"])?;
    Ok(String::new())
}

fn the_recipe_fast_reaches_98_percent(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("fast", "--recipe fast --seed 1")?;
    let accuracy = run.test_accuracy()?;
    ensure!(accuracy.parse::<f64>()? >= 0.98, "{accuracy}; expected 0.98 or more");
    Ok(accuracy.to_owned())
}

/// TensorBoard without the dependencies of its server.
const TENSORBOARD: &[&[&str]] = &[&["--no-deps", "tensorboard"], &["protobuf", "absl-py", "numpy"]];

fn tensorboard_reads_the_values_in_trace_csv(mlp: &Mlp) -> Result<String> {
    let python = mlp.python(TENSORBOARD)?;
    let flags = "--tensorboard --validation 0.1 --epochs 3";
    let whole = mlp.train("tensorboard", flags)?;
    compare_with_trace(&python, &whole)?;
    // A resumed run rewrites the file from the checkpoint.
    let run = mlp.train_interrupted("tensorboard-interrupted", flags)?;
    compare_with_trace(&python, &run)?;
    Ok("all values of 3 epochs, also after an interruption".to_owned())
}

fn compare_with_trace(python: &Environment, run: &Run) -> Result<()> {
    let (events, trace) = (run.dir.join("events.out.tfevents.mlp"), run.dir.join("trace.csv"));
    python.execute(&["-c", READER, utf8(&events)?, utf8(&trace)?])
}

/// Compares the scalars that TensorBoard reads from an event file with a trace.
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

fn the_documents_commands_print_what_the_documents_say(mlp: &Mlp) -> Result<String> {
    if mlp.backend() == Backend::PureRust {
        return Ok("skipped: the documents show a build with OpenBLAS".to_owned());
    }
    documents::check(mlp.workspace(), mlp.program())
}

fn a_truncated_model_is_a_one_line_error_with_exit_code_2(mlp: &Mlp) -> Result<String> {
    let run = mlp.train("truncated", "--dataset synthetic --epochs 1")?;
    let whole = fs::read(run.model()).with_context(|| format!("cannot read {}", run.model().display()))?;
    let path = mlp.scratch("truncated.mlp");
    fs::write(&path, &whole[..whole.len() / 2])
        .with_context(|| format!("cannot write {}", path.display()))?;
    let output = mlp.run(&["summary", utf8(&path)?])?;
    let stderr = process::text(&output.stderr);
    ensure!(output.status.code() == Some(2), "expected exit code 2: {} and `{stderr}`", output.status);
    ensure!(stderr.lines().count() == 1, "expected one line:\n{stderr}");
    ensure!(output.stdout.is_empty(), "expected nothing on stdout");
    Ok(stderr.trim_end().to_owned())
}
