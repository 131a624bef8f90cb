//! Interrupted runs can be resumed, and end bit-identical to uninterrupted ones.

use std::fs;
use std::time::Duration;

use crate::common::{Output, Scratch, finish, signal};

/// A run that uses every kind of state in a checkpoint.
const FLAGS: &str = "--dataset synthetic --hidden 24 --optimizer nesterov --schedule one-cycle \
                     --loss-reduction mean --learning-rate 0.05 --dropout 0.2 --input-dropout 0.1 \
                     --ema-decay 0.99 --validation 0.1 --quiet";

/// The files that must not depend on interruptions.
fn results(scratch: &Scratch, run: &str) -> [Vec<u8>; 4] {
    ["model.mlp", "best.mlp", "trace.csv", "config.toml"].map(|name| scratch.bytes(&format!("{run}/{name}")))
}

/// A pseudorandom number generator (xorshift64).
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
fn runs_killed_a_hundred_times_end_with_the_same_bits() {
    const KILLS: usize = 100;
    let scratch = Scratch::new();
    let begin = format!("train {FLAGS} --epochs 150 --checkpoint-every 20steps --run-dir");
    scratch.succeeds(&format!("{begin} whole"));
    let expected = results(&scratch, "whole");
    let (mut kills, mut runs, mut dice) = (0, 0, Dice(0x9E37_79B9_7F4A_7C15));
    while kills < KILLS {
        runs += 1;
        let name = format!("run-{runs}");
        let run = scratch.path(&name);
        let mut kills_of_this = 0;
        loop {
            // A run that was killed before it had a configuration starts over.
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
            let Output { code, stderr, .. } = finish(child);
            if code == Some(0) {
                break;
            }
            assert_eq!(code, None, "{flags}: {stderr}");
            (kills, kills_of_this) = (kills + 1, kills_of_this + 1);
        }
        assert_eq!(results(&scratch, &name), expected, "after {kills_of_this} kills");
        println!("{name}: bit-identical after {kills_of_this} kills");
    }
}

/// Returns false under `nohup`, whose processes ignore SIGHUP, and where the system does not tell.
#[cfg(unix)]
fn is_hangup_heard() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 0)
}

#[cfg(unix)]
#[test]
fn a_signal_saves_the_run_and_prints_how_to_resume() {
    let scratch = Scratch::new();
    let begin = format!("train {} --epochs 50", FLAGS.replace("--quiet", "")).to_owned();
    scratch.succeeds(&format!("{begin} --run-dir whole"));
    let mut signals = vec![("INT", 130), ("TERM", 143)];
    if is_hangup_heard() {
        signals.push(("HUP", 129));
    }
    for (name, code) in signals {
        let child = scratch.spawn(&format!("{begin} --run-dir {name}"));
        let run = scratch.path(name);
        while !run.join("checkpoint.mlp").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        signal(&child, name);
        let output = finish(child);
        let stderr = output.stderr;
        assert_eq!(output.code, Some(code), "{stderr}");
        let hint = format!("SIG{name} after ");
        assert!(stderr.contains(&hint) && stderr.contains(&format!("mlp train --resume {name}")), "{stderr}");
        let result = scratch.text(&format!("{name}/result.json"));
        assert!(result.contains("\"interrupted\""), "{result}");

        scratch.succeeds(&format!("train --resume {name}"));
        assert_eq!(results(&scratch, name), results(&scratch, "whole"), "{name}");
        let again = scratch.succeeds(&format!("train --resume {name}"));
        assert!(again.stderr.contains("complete after 50 epochs"));
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_training_immediately() {
    // The steps take so long that the signals arrive during one.
    let scratch = Scratch::new();
    let child = scratch.spawn(
        "train --dataset synthetic --hidden 6000,6000 --batch-size 9000 --epochs 100 --threads 1 --run-dir run",
    );
    while !scratch.path("run/metrics.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // One soon after the first is the same request.
    for wait in [50, 20, 600] {
        std::thread::sleep(Duration::from_millis(wait));
        signal(&child, "INT");
    }
    assert_eq!(finish(child).code, Some(130));
    assert!(!scratch.path("run/result.json").exists(), "the step was finished");
}

#[test]
fn two_processes_cannot_train_the_same_run() {
    let scratch = Scratch::new();
    let mut child = scratch.spawn(&format!("train {FLAGS} --epochs 100000 --run-dir run"));
    while !scratch.path("run/checkpoint.mlp").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stderr = scratch.error("train --resume run");
    assert!(stderr.contains("error: run: another process is training in this run directory"), "{stderr}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_vanished_run_directory_is_an_error() {
    let scratch = Scratch::new();
    let child = scratch.spawn(&format!("train {FLAGS} --epochs 100000 --run-dir run"));
    while !scratch.path("run/checkpoint.mlp").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(scratch.path("run"), scratch.path("elsewhere")).unwrap();
    let Output { code, stderr, .. } = finish(child);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr
            .starts_with("error: run/checkpoint.mlp: cannot write the checkpoint: the directory was renamed")
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(scratch.bytes("elsewhere/checkpoint.mlp").starts_with(b"\x89C32"));
}

#[test]
fn divergence_has_exit_code_3_and_keeps_the_checkpoint() {
    let scratch = Scratch::new();
    let flags = "train --dataset synthetic --hidden 24 --activation relu --init he \
                 --loss-reduction mean --epochs 3 --learning-rate 0.1 --set schedule=exponential --set gamma=1e30 --quiet --run-dir run";
    let Output { code, stderr, .. } = scratch.run(flags);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.starts_with("error: the loss is ") && stderr.contains(" in epoch 2, step "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(scratch.path("run/checkpoint.mlp").exists() && !scratch.path("run/model.mlp").exists());
    assert!(scratch.text("run/result.json").contains("\"diverged\""));
}
