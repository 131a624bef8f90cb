//! Runs survive: whatever ends the program, `mlp train --resume` goes on to the bits of a run that was never interrupted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Every kind of state that a checkpoint has to hold.
const FLAGS: &str = "--dataset synthetic --hidden 24 --optimizer nesterov --schedule one-cycle --loss-reduction mean \
                     --learning-rate 0.05 --dropout 0.2 --input-dropout 0.1 --ema-decay 0.99 --validation 0.1 --quiet";

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mlp(&self, flags: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("mlp"));
        command.current_dir(self.0.path()).args(flags.split_whitespace());
        command
    }

    fn spawn(&self, flags: &str) -> Child {
        self.mlp(flags).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, flags: &str) -> Output {
        let output = self.mlp(flags).output().unwrap();
        assert!(output.status.success(), "mlp {flags}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// What has to be the same, however often a run was interrupted.
fn kept(run: &Path) -> [Vec<u8>; 4] {
    let read = |name: &str| fs::read(run.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    ["model.mlp", "best.mlp", "trace.csv", "config.toml"].map(read)
}

/// Numbers that look random (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        for shift in [13, -7, 17] {
            self.0 ^= if shift > 0 { self.0 << shift } else { self.0 >> -shift };
        }
        self.0 % bound
    }
}

#[test]
fn a_run_that_is_killed_a_hundred_times_ends_with_the_same_bits() {
    const KILLS: usize = 100;
    let scratch = Scratch::new();
    let begin = format!("train {FLAGS} --epochs 150 --checkpoint-every 20steps --run-dir");
    scratch.succeeds(&format!("{begin} whole"));
    let expected = kept(&scratch.path("whole"));
    let (mut kills, mut runs, mut dice) = (0, 0, Dice(0x9E37_79B9_7F4A_7C15));
    while kills < KILLS {
        runs += 1;
        let name = format!("run-{runs}");
        let run = scratch.path(&name);
        let mut kills_of_this = 0;
        loop {
            // A run that was killed before it had a configuration is begun again.
            let is_begun = run.join("config.toml").exists();
            let flags = if is_begun {
                format!(
                    "train --resume {name} --threads {} --checkpoint-every 20steps --quiet",
                    1 + kills % 3
                )
            } else {
                format!("{begin} {name}")
            };
            let mut child = scratch.spawn(&flags);
            if kills < KILLS {
                std::thread::sleep(Duration::from_millis(dice.below(120)));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), None, "{flags}: {stderr}");
            (kills, kills_of_this) = (kills + 1, kills_of_this + 1);
        }
        assert_eq!(kept(&run), expected, "after {kills_of_this} kills");
        println!("{name}: the same bits after {kills_of_this} kills");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_when_it_is_saved_and_says_how_to_go_on() {
    let scratch = Scratch::new();
    let begin = format!("train {} --epochs 100", FLAGS.replace("--quiet", "")).to_owned();
    scratch.succeeds(&format!("{begin} --run-dir whole"));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let child = scratch.spawn(&format!("{begin} --run-dir {signal}"));
        let run = scratch.path(signal);
        while !run.join("checkpoint.mlp").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent =
            Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        let hint = format!("SIG{signal} after ");
        assert!(
            stderr.contains(&hint) && stderr.contains(&format!("mlp train --resume {signal}")),
            "{stderr}"
        );
        let result = fs::read_to_string(run.join("result.json")).unwrap();
        assert!(result.contains("\"interrupted\""), "{result}");

        scratch.succeeds(&format!("train --resume {signal}"));
        assert_eq!(kept(&run), kept(&scratch.path("whole")), "{signal}");
        let again = scratch.succeeds(&format!("train --resume {signal}"));
        assert!(String::from_utf8_lossy(&again.stderr).contains("complete after 100 epochs"));
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_the_program_at_once() {
    // Steps so long that the program is in the middle of one.
    let scratch = Scratch::new();
    let child = scratch.spawn(
        "train --dataset synthetic --hidden 6000,6000 --batch-size 9000 --epochs 100 --threads 1 --run-dir run",
    );
    while !scratch.path("run/metrics.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(50));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(!scratch.path("run/result.json").exists(), "the step was finished after all");
}

#[test]
fn two_processes_do_not_train_in_one_directory() {
    let scratch = Scratch::new();
    let mut child = scratch.spawn(&format!("train {FLAGS} --epochs 100000 --run-dir run"));
    while !scratch.path("run/checkpoint.mlp").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = scratch.mlp("train --resume run").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("error: run: another process trains in this run directory"), "{stderr}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_directory_that_vanishes_is_said_in_one_line() {
    let scratch = Scratch::new();
    let child = scratch.spawn(&format!("train {FLAGS} --epochs 100000 --run-dir run"));
    while !scratch.path("run/checkpoint.mlp").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(scratch.path("run"), scratch.path("elsewhere")).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let expected = "error: run/checkpoint.mlp: cannot write the checkpoint: No such file or directory";
    assert!(stderr.starts_with(expected) && stderr.lines().count() == 1, "{stderr}");
    assert!(fs::read(scratch.path("elsewhere/checkpoint.mlp")).unwrap().starts_with(b"\x89C32"));
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_a_code_of_its_own_and_keeps_the_checkpoint() {
    let scratch = Scratch::new();
    let flags = "train --dataset synthetic --hidden 24 --activation relu --init he --loss-reduction mean --epochs 3 \
                 --learning-rate 0.1 --set schedule=exponential --set gamma=1e30 --quiet --run-dir run";
    let output = scratch.mlp(flags).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with("error: the loss is ") && stderr.contains(" in epoch 2, step "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(scratch.path("run/checkpoint.mlp").exists() && !scratch.path("run/model.mlp").exists());
    assert!(fs::read_to_string(scratch.path("run/result.json")).unwrap().contains("\"diverged\""));
}
