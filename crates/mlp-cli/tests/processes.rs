//! One training in several processes, started by `mpirun`.

#![cfg(feature = "mpi")]

mod common;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Output, Scratch, finish, signal, write_digits};

/// A run that uses every kind of state in a checkpoint.
const FLAGS: &str = "--dataset synthetic --hidden 24,16 --optimizer adam --schedule plateau --shards 4 \
                     --loss-reduction mean --learning-rate 0.01 --dropout 0.2 --input-dropout 0.1 --augment \
                     --ema-decay 0.99 --validation 0.1 --clip-norm 1 --drop-last false --no-report --quiet";

/// Starts `mlp FLAGS` in so many processes.
fn start(scratch: &Scratch, ranks: usize, flags: &str) -> Child {
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_mlp")).args(flags.split_whitespace());
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
    command.current_dir(scratch.path(".")).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("Open MPI is installed")
}

fn run(scratch: &Scratch, ranks: usize, flags: &str) -> Output {
    finish(start(scratch, ranks, flags))
}

/// The files that must not depend on processes and interruptions.
fn results(scratch: &Scratch, run: &str) -> [Vec<u8>; 4] {
    ["model.mlp", "best.mlp", "trace.csv", "config.toml"].map(|name| scratch.bytes(&format!("{run}/{name}")))
}

#[test]
fn any_number_of_processes_writes_the_same_files() {
    let scratch = Scratch::new();
    scratch.succeeds(&format!("train {FLAGS} --epochs 3 --run-dir one"));
    for ranks in 2..=4 {
        let flags = format!("train {FLAGS} --epochs 3 --threads {} --run-dir run-{ranks}", ranks % 2 + 1);
        let Output { code, stdout, stderr } = run(&scratch, ranks, &flags);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{ranks} ranks");
        assert_eq!(stdout.lines().count(), 5, "epochs, test set and best epoch, once: {stdout}");
        assert_eq!(results(&scratch, &format!("run-{ranks}")), results(&scratch, "one"), "{ranks} ranks");
    }
    let Output { code, stderr, .. } = run(&scratch, 2, "train --resume run-2");
    assert_eq!(code, Some(0));
    assert!(stderr.contains("nothing to resume"), "{stderr}");
    let Output { code, stderr, .. } =
        run(&scratch, 2, &format!("train {FLAGS} --epochs 1 --run-dir v").replace("--quiet", "-v"));
    assert_eq!(code, Some(0));
    assert!(stderr.lines().any(|line| line.starts_with("waited   ")), "{stderr}");
}

#[test]
fn runs_that_are_interrupted_or_killed_resume_with_another_number_of_processes() {
    let scratch = Scratch::new();
    let begin = format!("train {FLAGS} --epochs 40 --checkpoint-every 5steps --run-dir");
    scratch.succeeds(&format!("{begin} one"));
    let expected = results(&scratch, "one");
    let mut child = start(&scratch, 4, &format!("{begin} run"));
    for (ranks, is_kill) in [(2, false), (1, true), (3, false), (4, true), (2, false)] {
        std::thread::sleep(Duration::from_millis(1500));
        if is_kill {
            child.kill().unwrap();
            // The ranks notice that mpirun is gone, and end.
            let _ = finish(child);
            std::thread::sleep(Duration::from_millis(1500));
        } else {
            signal(&child, "TERM");
            let Output { stderr, .. } = finish(child);
            assert!(!stderr.contains("error: "), "{stderr}");
        }
        child = start(&scratch, ranks, "train --resume run --checkpoint-every 5steps --quiet");
    }
    let Output { code, stderr, .. } = finish(child);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(results(&scratch, "run"), expected);
}

#[test]
fn errors_are_printed_once_and_end_all_processes() {
    let scratch = Scratch::new();
    let errors = |flags: &str| {
        let Output { code, stdout, stderr } = run(&scratch, 2, flags);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        let errors: Vec<_> =
            stderr.lines().filter(|line| line.starts_with("error: ")).map(str::to_owned).collect();
        assert_eq!(errors.len(), 1, "{stderr}");
        errors[0].clone()
    };
    assert_eq!(
        errors("train --dataset synthetic --run-dir run --quiet"),
        "error: shards is 1; expected at least 2, the number of processes"
    );
    assert!(!scratch.path("run").exists());
    assert!(errors("train --dataset nowhere --shards 2").contains("nowhere"));
    let flags =
        "train --dataset synthetic --shards 2 --activation relu --learning-rate 1e30 --run-dir far --quiet";
    let Output { code, stderr, .. } = run(&scratch, 2, flags);
    assert_eq!(
        (code, stderr.lines().filter(|line| line.starts_with("error: ")).count()),
        (Some(3), 1),
        "{stderr}"
    );
}

#[test]
fn a_rank_with_another_dataset_ends_all() {
    let scratch = Scratch::new();
    for (directory, examples) in [("here", 300), ("there", 400)] {
        write_digits(&scratch.path(directory).join("mnist"), examples, 100);
    }
    let flags = "train --dataset mnist --shards 2 --quiet --run-dir run --data-dir";
    let mlp = env!("CARGO_BIN_EXE_mlp");
    let mut command = Command::new("mpirun");
    let parts = format!("--oversubscribe -n 1 {mlp} {flags} here : -n 1 {mlp} {flags} there");
    command.args(parts.split_whitespace()).current_dir(scratch.path("."));
    command.envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let Output { code, stderr, .. } = finish(child);
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!((code, errors.len()), (Some(2), 1), "{stderr}");
    assert!(errors[0].starts_with("error: rank 1 on "), "{stderr}");
    assert!(
        errors[0]
            .contains(": run: the training set of mnist is not the one the run started with; expected hash "),
        "{stderr}"
    );
}
