//! Under a memory limit (`ulimit -v`), commands succeed or report in one line that there is too
//! little memory; none aborts.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use crate::common::{Output, Scratch, finish};

/// Runs `mlp FLAGS` with at most this much memory.
fn with_megabytes(scratch: &Scratch, megabytes: usize, flags: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v $0 && exec \"$@\"", &(megabytes << 10).to_string()]);
    command.arg(env!("CARGO_BIN_EXE_mlp")).args(flags.split_whitespace()).current_dir(scratch.path(""));
    finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Checks that a command with enough memory succeeds, and with less and less fails in one line.
fn fails_in_one_line(scratch: &Scratch, megabytes: &[usize], flags: &str) {
    let mut failures = 0;
    for &megabytes in megabytes {
        let Output { code, stderr, .. } = with_megabytes(scratch, megabytes, flags);
        if code == Some(0) {
            continue;
        }
        failures += 1;
        let last = stderr.lines().last().unwrap_or_default();
        assert_eq!(code, Some(2), "{megabytes} MB, mlp {flags}: {stderr}");
        assert!(
            last.starts_with("error: ") && last.contains("memory"),
            "{megabytes} MB, mlp {flags}: {stderr}"
        );
        assert_eq!(stderr.matches("error").count(), 1, "{megabytes} MB, mlp {flags}: {stderr}");
    }
    assert!(failures > 0, "mlp {flags} succeeds with any memory");
}

/// Without OpenBLAS, whose memory is checked elsewhere, and with a known number of threads.
const PORTABLE: &str = "--kernel portable --threads 1 --epochs 1 --quiet --no-report";

#[test]
fn a_network_or_a_batch_that_is_too_large_is_refused() {
    let scratch = Scratch::new();
    for (number, sizes) in ["--hidden 60000", "--hidden 3000 --batch-size 9000", "--hidden 20,16000,16000"]
        .into_iter()
        .enumerate()
    {
        let flags = format!("train --dataset synthetic {PORTABLE} {sizes} --run-dir run-{number}");
        fails_in_one_line(&scratch, &[200, 400, 600], &flags);
        assert!(!scratch.path(format!("run-{number}/model.mlp")).exists());
    }
}

#[test]
fn a_dataset_or_a_model_that_is_too_large_is_refused() {
    let scratch = Scratch::new();
    let (pixels, labels) = (vec![7; 100 * 1000 * 1000], [[0, 1]; 50].concat());
    let test = (&pixels[..2_000_000], &labels[..2]);
    crate::common::write_dataset(&scratch.path("large"), [1000, 1000], [(&pixels, &labels), test]);
    fails_in_one_line(&scratch, &[100, 115, 130, 145, 160, 175, 190], "data info large");

    let train = format!("train --dataset synthetic {PORTABLE} --hidden 5000 --batch-size 2000 --run-dir run");
    scratch.mlp(&train);
    scratch.mlp("export run --to m.npz");
    fails_in_one_line(&scratch, &[100, 140, 180], "eval run --kernel portable");
    fails_in_one_line(&scratch, &[100, 140, 180], "import m.npz --to again.mlp");
    assert!(!scratch.path("again.mlp").exists());
}
