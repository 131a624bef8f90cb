//! Sweeps with successive halving, and sweeps that are killed.

use std::time::Duration;

use crate::common::{Scratch, finish, json};

/// A sweep whose runs use every kind of state in a checkpoint.
const SWEEP: &str = "--dataset synthetic --hidden 12 --epochs 9 --optimizer nesterov --schedule one-cycle \
                     --loss-reduction mean --dropout 0.1 --ema-decay 0.99 --set batch_size=200 \
                     --random 9 --vary learning_rate=0.0005..0.1 --vary seed=1,2,3";

/// The files of a run that do not depend on time.
fn results(scratch: &Scratch, run: &str) -> Vec<Vec<u8>> {
    ["model.mlp", "best.mlp", "trace.csv", "config.toml"]
        .map(|name| scratch.bytes(&format!("{run}/{name}")))
        .into()
}

/// The table without its last column, the time.
fn ranking(table: &str) -> Vec<String> {
    table.lines().map(|line| line.rsplit_once("  ").unwrap_or((line, "")).0.trim_end().to_owned()).collect()
}

#[test]
fn halving_completes_the_best_runs_only_and_they_are_the_same_as_without() {
    let scratch = Scratch::new();
    let halved = scratch.succeeds(&format!("sweep {SWEEP} --halving --sweep-dir halved"));
    let rungs: Vec<&str> = halved.stderr.lines().filter(|line| line.starts_with("rung ")).collect();
    assert_eq!(
        rungs,
        ["rung 1 of 3: 9 runs to epoch 1", "rung 2 of 3: 3 runs to epoch 3", "rung 3 of 3: 1 run to the end"]
    );
    scratch.mlp(&format!("sweep {SWEEP} --sweep-dir whole"));
    let runs = json(&scratch.mlp("sweep --resume halved --json"));
    let states: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["state"].as_str().unwrap(), run["epochs"].as_u64()))
        .collect();
    let stopped = |epochs| ("stopped", Some(epochs));
    assert_eq!(states[..4], [("complete", Some(9)), stopped(3), stopped(3), stopped(1)]);
    assert!(states[4..].iter().all(|&state| state == stopped(1)), "{states:?}");
    let best = runs[0]["path"].as_str().unwrap();
    assert_eq!(results(&scratch, best), results(&scratch, &best.replace("halved", "whole")));
    // What was stopped is a prefix of the whole run, and can be resumed on its own.
    let third = runs[2]["path"].as_str().unwrap();
    let (part, whole) = (scratch.text(&format!("{third}/trace.csv")), third.replace("halved", "whole"));
    assert!(part.lines().count() == 4 && scratch.text(&format!("{whole}/trace.csv")).starts_with(&part));
    scratch.mlp(&format!("train --resume {third} --no-report"));
    assert_eq!(results(&scratch, third), results(&scratch, &whole));
    // That does not change what the sweep has decided.
    let again = scratch.succeeds("sweep --resume halved");
    assert!(!again.stderr.contains("rung "), "{}", again.stderr);
}

#[test]
fn a_sweep_killed_at_any_time_has_the_same_outcome() {
    let scratch = Scratch::new();
    let begin = format!("sweep {SWEEP} --halving --eta 2 --min-epochs 2 --threads 2 --sweep-dir");
    let expected = ranking(&scratch.mlp(&format!("{begin} whole")));
    let mut kills = 0;
    let table = loop {
        let is_begun = scratch.path("killed/sweep.toml").exists();
        let flags =
            if is_begun { "sweep --resume killed --threads 2".to_owned() } else { format!("{begin} killed") };
        let mut child = scratch.spawn(&flags);
        if kills < 12 {
            std::thread::sleep(Duration::from_millis(40 + 37 * (kills * 7 % 5)));
            child.kill().unwrap();
        }
        let output = finish(child);
        if output.code == Some(0) {
            break output.stdout;
        }
        assert_eq!(output.code, None, "{}", output.stderr);
        kills += 1;
    };
    assert_eq!(ranking(&table), expected, "after {kills} kills");
    for number in 1..=9 {
        let run = |sweep: &str| results(&scratch, &format!("{sweep}/{number:03}"));
        assert_eq!(run("killed"), run("whole"), "{number}");
    }
}

#[test]
fn halving_is_refused_where_its_outcome_would_depend_on_something_else() {
    let scratch = Scratch::new();
    for (flags, expected) in [
        ("--halving --vary epochs=2,4", "--halving compares runs after equally many epochs"),
        ("--halving --vary monitor=train-loss,validation-loss", "expected the same monitor in all runs"),
        ("--halving --max-time 5s --vary seed=1,2", "with --max-time, the outcome of --halving would depend"),
        ("--halving --eta 1 --vary seed=1,2", "the reduction factor is 1; expected at least 2"),
        ("--halving --min-epochs 0 --vary seed=1,2", "--min-epochs is 0; expected 1 to 50"),
        ("--halving --min-epochs 51 --vary seed=1,2", "--min-epochs is 51; expected 1 to 50"),
    ] {
        scratch.refuses(&format!("sweep --dataset synthetic --quiet {flags}"), expected);
    }
    let stderr = scratch.error("sweep --dataset synthetic --vary seed=1,2 --min-epochs 2");
    assert!(stderr.contains("--halving"), "{stderr}");
    assert_eq!(scratch.count(""), 0, "something was written");
}
