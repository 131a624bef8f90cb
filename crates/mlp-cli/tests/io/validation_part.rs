//! A dataset's own validation part, and examples held out in training: sweeps rank on them, and
//! models are evaluated on them. Sweeps whose dataset has moved; the polarity of imported models.

use std::fs;
use std::path::Path;

use crate::common::{SMALL, Scratch, json, signal};
use mlp_data::synthetic;

const SWEEP: &str = "--hidden 4 --epochs 2 --loss-reduction mean --vary learning_rate=0.5,0.05";

/// Writes synthetic digits, with or without a validation part.
fn write(directory: &Path, seed: u64, has_validation: bool) {
    let mut sets = synthetic::digits(300, 50, seed);
    if has_validation {
        let (train, validation) = sets.train.split_at(260);
        (sets.train, sets.validation) = (train, Some(validation));
    }
    sets.write_dir(directory, "", false).unwrap();
}

fn config(scratch: &Scratch, run: &str) -> toml::Table {
    scratch.text(&format!("{run}/config.toml")).parse().unwrap()
}

#[test]
fn a_sweep_ranks_on_the_datasets_own_validation_part() {
    let scratch = Scratch::new();
    write(&scratch.path("own"), 1, true);
    write(&scratch.path("none"), 1, false);
    let own = scratch.succeeds(&format!("sweep --dataset own {SWEEP} --sweep-dir a --json"));
    assert!(!own.stderr.contains("validating on"), "{}", own.stderr);
    assert_eq!(config(&scratch, "a/001")["validation"].as_float(), Some(0.0));
    // The same numbers as `mlp train` and `mlp eval` give for that part.
    let best = &json(&own.stdout)[0];
    let path = best["path"].as_str().unwrap();
    scratch.mlp(&format!("train --recipe {path}/config.toml --run-dir alone"));
    let report = json(&scratch.mlp("eval alone/best.mlp --split validation --json"));
    assert_eq!((report["examples"].as_u64(), report["split"].as_str()), (Some(40), Some("validation")));
    assert!((report["loss"].as_f64().unwrap() - best["value"].as_f64().unwrap()).abs() < 1e-6, "{report}");

    let held_out = scratch.succeeds(&format!("sweep --dataset none {SWEEP} --sweep-dir b"));
    assert!(held_out.stderr.contains("validating on 10% of the training set"), "{}", held_out.stderr);
    assert_eq!(config(&scratch, "b/001")["validation"].as_float(), Some(0.1));
    // What is varied decides for each run.
    scratch.mlp(&format!("sweep --dataset none {SWEEP} --vary validation=0,0.2 --sweep-dir c"));
    let fractions = ["c/001", "c/002"].map(|run| config(&scratch, run)["validation"].as_float());
    assert_eq!(fractions, [Some(0.1), Some(0.2)]);
    scratch.mlp("sweep --dataset none --hidden 4 --epochs 1 --vary validation_set=own --sweep-dir d");
    assert_eq!(config(&scratch, "d/001")["validation"].as_float(), Some(0.0));
}

#[test]
fn a_sweep_resumes_with_the_new_path_of_the_same_dataset_only() {
    let scratch = Scratch::new();
    let sets = tempfile::tempdir().unwrap();
    let [old, new, other] = ["old", "new", "other"].map(|name| sets.path().join(name));
    write(&old, 1, true);
    write(&other, 2, true);
    scratch.mlp(&format!("sweep --dataset {} {SWEEP} --sweep-dir sweep", old.display()));
    fs::remove_dir_all(scratch.path("sweep/002")).unwrap();
    fs::rename(&old, &new).unwrap();
    scratch.refuses("sweep --resume sweep", "give its new path with --dataset");
    let expected = "the training set of";
    scratch.refuses(&format!("sweep --resume sweep --dataset {}", other.display()), expected);
    assert!(!scratch.path("sweep/002").exists(), "it was trained on another dataset");
    scratch.mlp(&format!("sweep --resume sweep --dataset {}", new.display()));
    // The new path is stored.
    fs::remove_dir_all(scratch.path("sweep/001")).unwrap();
    scratch.mlp("sweep --resume sweep");
    scratch.refuses("sweep --resume sweep --epochs 3", "only dataset, validation_set may change");

    let varied = format!("sweep --vary dataset={},synthetic --epochs 1 --sweep-dir v", new.display());
    scratch.mlp(&varied);
    scratch.refuses("sweep --resume v --dataset synthetic", "dataset cannot change: the sweep varies it");
}

#[test]
fn models_are_evaluated_on_what_training_held_out() {
    let scratch = Scratch::trained(&format!("{SMALL} --validation 0.2"));
    let output = scratch.succeeds("eval run --split validation --json");
    assert!(output.stderr.contains("validating on the 20% of the training set"), "{}", output.stderr);
    let report = json(&output.stdout);
    assert_eq!(report["examples"].as_u64(), Some(2_000));
    let metrics = scratch.text("run/metrics.jsonl");
    let last = json(metrics.lines().last().unwrap());
    assert_eq!(report["accuracy"], last["validation"]["accuracy"]);
    scratch.mlp("export run --to held-out.csv --split validation");
    assert_eq!(scratch.text("held-out.csv").lines().count(), 2_001);

    let without = Scratch::trained(SMALL);
    let expected = "synthetic has no validation part; expected --split train or test";
    without.refuses("eval run --split validation", expected);
    without.refuses("data show synthetic --split validation", expected);
}

#[test]
fn an_imported_model_knows_the_polarity_of_its_pictures() {
    let scratch = Scratch::trained(SMALL);
    scratch.mlp("export run --to m.safetensors");
    scratch.mlp("import m.safetensors --to given.mlp --polarity dark-on-light");
    assert!(scratch.mlp("summary given.mlp").contains("polarity dark-on-light"));
    scratch.error("import m.safetensors --to x.mlp --polarity inverted");
}

#[cfg(unix)]
#[test]
fn one_epoch_is_not_called_epochs() {
    let scratch = Scratch::new();
    let train = "train --dataset synthetic --no-report --run-dir";
    let one = scratch.succeeds(&format!("{train} one {SMALL} --epochs 1"));
    assert!(one.stderr.contains("done     1 epoch in"), "{}", one.stderr);
    let again = scratch.succeeds("train --resume one");
    assert!(again.stderr.contains("complete after 1 epoch; nothing"), "{}", again.stderr);

    let child = scratch.spawn(&format!("{train} run --hidden 1500 --batch-size 5000 --epochs 1000"));
    while !scratch.path("run/metrics.jsonl").exists() || scratch.bytes("run/metrics.jsonl").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    signal(&child, "INT");
    let stderr = crate::common::finish(child).stderr;
    assert!(
        stderr.contains("SIGINT after 1 complete epoch: ") || stderr.contains("complete epochs: "),
        "{stderr}"
    );
}
