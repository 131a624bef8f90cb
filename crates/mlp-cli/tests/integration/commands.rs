//! End-to-end tests of the commands on the synthetic digits.

use std::fs;
use std::path::Path;

use crate::common::{Scratch, finish, json, write_digits};

const TRAIN: &str = "train --dataset synthetic --hidden 20 --epochs 3 --learning-rate 0.02";

#[test]
fn train_prints_the_chapters_lines_and_writes_a_run_directory() {
    let scratch = Scratch::new();
    let lines = scratch.mlp(TRAIN);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4);
    for (line, head) in lines.iter().zip(["1/3  loss ", "2/3  loss ", "3/3  loss ", "test  loss "]) {
        let rest = line.strip_prefix(head).unwrap_or_else(|| panic!("{line}"));
        let (loss, accuracy) = rest.split_once("  acc ").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(loss.split_once('.').map(|(_, decimals)| decimals.len()), Some(1), "{line}");
        assert_eq!((accuracy.len(), accuracy.starts_with("0.")), (6, true), "{line}");
    }

    let run = scratch.path("runs/synthetic");
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!((&config["dataset"], &config["learning_rate"]), (&"synthetic".into(), &0.02.into()));
    let trace = fs::read_to_string(run.join("trace.csv")).unwrap();
    assert_eq!(trace.lines().count(), 4);
    assert!(trace.starts_with("epoch,loss,accuracy,learning_rate,"));
    assert_eq!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count(), 3);
    assert!(run.join("model.mlp").exists());

    // A second run gets another directory. The number of threads does not change the bits.
    scratch.mlp(&format!("{TRAIN} --threads 3"));
    let models =
        ["synthetic", "synthetic-2"].map(|name| fs::read(scratch.path("runs").join(name).join("model.mlp")));
    assert_eq!(models[0].as_ref().unwrap(), models[1].as_ref().unwrap());
    scratch.mlp(&format!("{TRAIN} --seed 1"));
    assert_ne!(fs::read(scratch.path("runs/synthetic-3/model.mlp")).unwrap(), *models[0].as_ref().unwrap());
}

#[test]
fn eval_and_summary_agree_with_train() {
    let scratch = Scratch::new();
    let trained = scratch.mlp(&format!("{TRAIN} --precision f64 --run-dir run"));
    let test = trained.lines().last().unwrap();

    let report = json(&scratch.mlp("eval run/model.mlp --json"));
    let (accuracy, loss) = (report["accuracy"].as_f64().unwrap(), report["loss"].as_f64().unwrap());
    assert_eq!(test, format!("test  loss {:.1}  acc {accuracy:.4}", 100.0 * loss));
    let confusion: Vec<Vec<u64>> = serde_json::from_value(report["confusion"].clone()).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<u64>(), report["examples"].as_u64().unwrap());
    let hits: u64 = (0..10).map(|class| confusion[class][class]).sum();
    assert_eq!(hits, report["correct"].as_u64().unwrap());

    let table = scratch.mlp("eval run/model.mlp");
    assert!(table.contains(&format!("accuracy  {:.2}%", 100.0 * accuracy)), "{table}");
    let summary = scratch.mlp("summary run/model.mlp");
    for part in ["784 x 20", "20 x 10", "15,910", "synthetic", "f64"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

#[test]
fn a_directory_can_be_a_dataset() {
    let scratch = Scratch::new();
    let directory = scratch.path("mine/digits");
    write_digits(&directory, 100, 30);
    scratch.mlp("train --dataset mine/digits --epochs 1 --hidden 5");
    scratch.mlp(&format!("train --dataset {} --epochs 1 --hidden 5", directory.display()));
    for run in ["digits", "digits-2"] {
        assert!(scratch.path("runs").join(run).join("model.mlp").exists(), "{run}");
    }
    assert_eq!(scratch.count("mine"), 1, "files were written to the dataset's directory");

    // The model finds its dataset from any directory.
    let elsewhere = Scratch::new();
    let model = scratch.path("runs/digits/model.mlp");
    assert!(elsewhere.mlp(&format!("eval {}", model.display())).contains("of 30)"));
}

#[test]
fn the_config_of_a_run_reproduces_it() {
    let scratch = Scratch::new();
    fs::write(
        scratch.path("mine.toml"),
        "dataset = \"synthetic\"\nhidden = [12]\nlearning_rate = 0.1\nbatch_size = 50\n",
    )
    .unwrap();
    let flags = "--optimizer nesterov --schedule one-cycle --loss-reduction mean --validation 0.2 --epochs 3 --dropout 0.1";
    let recipe = "--recipe mine.toml --set momentum=0.8 --learning-rate 0.2";
    let first = scratch.mlp(&format!("train {recipe} {flags} --run-dir a"));
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[..3].iter().all(|line| line.contains("  validation  loss ")), "{first}");
    assert!(lines[4].starts_with("best  loss ") && lines[4].contains(" by validation-loss"), "{first}");

    let config: toml::Table = scratch.text("a/config.toml").parse().unwrap();
    let float = |key: &str| config[key].as_float().unwrap();
    assert_eq!([float("momentum"), float("learning_rate"), float("validation")], [0.8, 0.2, 0.2]);
    assert_eq!(config["optimizer"].as_str(), Some("nesterov"));
    // A fifth of the images is held out for validation.
    assert!(scratch.text("a/metrics.jsonl").contains("\"validation\":{"));

    assert_eq!(scratch.mlp("train --recipe a/config.toml --threads 3 --run-dir b"), first);
    let file = |run: &str, name: &str| scratch.bytes(&format!("{run}/{name}"));
    for name in ["model.mlp", "best.mlp", "trace.csv", "config.toml"] {
        assert_eq!(file("a", name), file("b", name), "{name}");
    }
}

#[test]
fn gradcheck_checks_every_kind_of_network() {
    let scratch = Scratch::new();
    let all = scratch.mlp("gradcheck");
    // Six activations, three depths, two reductions, with and without regularization.
    assert_eq!(all.lines().filter(|line| line.ends_with(" ok")).count(), 72, "{all}");
    assert_eq!(all.lines().filter(|line| line.contains("smoothing 0.1")).count(), 36, "{all}");
    let one = scratch.mlp("gradcheck --activation relu --hidden 9,7 --loss-reduction mean");
    for part in ["w_h1", "b_h2", "w_o", "G2", "G7", "8 x 9"] {
        assert!(one.contains(part), "{part}: {one}");
    }
}

#[test]
fn descend_prints_and_plots_the_path() {
    let scratch = Scratch::new();
    let table = scratch.mlp("descend --plot path.svg --plot-loss loss.png");
    assert!(
        table.contains("L(x) = x², learning rate 0.1") && table.contains("descended from 25.000000"),
        "{table}"
    );
    assert!(scratch.text("path.svg").starts_with("<svg"));
    assert!(scratch.bytes("loss.png").starts_with(b"\x89PNG"));
    let diverging = scratch.mlp("descend --learning-rate 1.1 --steps 5000");
    assert!(diverging.contains("diverged: step"), "{diverging}");
}

#[test]
fn bench_measures_every_kernel_with_every_thread_count() {
    let scratch = Scratch::new();
    let bench = "bench --dataset synthetic --hidden 20 --quick --threads 2,1";
    let report = json(&scratch.mlp(&format!("{bench} --json")));
    let rows = |list: &str| report[list].as_array().unwrap().clone();
    let threads =
        |list: &str| rows(list).iter().map(|row| row["threads"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(threads("inference"), [1, 2]);
    // The floor also needs all cores.
    assert!(threads("sgemm").starts_with(&[1, 2]), "{report}");
    let kernels: Vec<_> =
        rows("training").iter().map(|row| row["kernel"].as_str().unwrap().to_owned()).collect();
    let (on_one, on_two) = kernels.split_at(kernels.len() / 2);
    assert_eq!(on_one, on_two);
    assert_eq!(on_one[0], "portable", "{kernels:?}");

    // All figures are consistent and for the same 10,000 images.
    let flop = 2.0 * 10_000.0 * (2.0 * 784.0 * 20.0 + 3.0 * 20.0 * 10.0);
    for row in rows("training") {
        let figure = |name: &str| row[name].as_f64().unwrap();
        let seconds = figure("seconds_per_epoch");
        assert!(seconds > 0.0, "{row}");
        assert!((figure("images_per_second") * seconds - 1e4).abs() < 1e-3, "{row}");
        assert!((figure("gflops") * seconds * 1e9 - flop).abs() < 1e-3 * flop, "{row}");
        let peaks = rows("sgemm");
        let peak = peaks.iter().find(|peak| peak["threads"] == row["threads"]).unwrap();
        let share = figure("gflops") / peak["gflops"].as_f64().unwrap();
        assert!((figure("of_the_peak") - share).abs() < 1e-9 * share, "{row}, {peak}");
    }
    assert!(report["dense_floor_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(cfg!(target_os = "linux"), report["peak_memory_bytes"].is_u64());
}

#[test]
fn bench_compares_kernels_by_layer_size() {
    let scratch = Scratch::new();
    let report = json(&scratch.mlp("bench --layers --quick --batch-size 10 --json"));
    let (kernels, layers) = (report["kernels"].as_array().unwrap(), report["layers"].as_array().unwrap());
    assert!(kernels.iter().any(|kernel| kernel.as_str().unwrap().starts_with("portable ")));
    for layer in layers {
        let gflops = layer["gflops"].as_array().unwrap();
        assert_eq!(gflops.len(), kernels.len());
        assert!(gflops.iter().all(|gflops| gflops.as_f64().unwrap() > 0.0), "{layer}");
    }
    let text = scratch.mlp("bench --layers --quick --batch-size 10");
    assert!(text.contains("one thread, batches of 10, f32") && text.contains("2048x2048"), "{text}");
}

#[test]
fn bench_skips_the_sparse_kernel_for_standardized_pixels() {
    let scratch = Scratch::new();
    let bench = "bench --dataset synthetic --hidden 20 --quick --threads 1 --standardize --json";
    let report = json(&scratch.mlp(bench));
    assert_eq!(report["standardized"], true);
    let kernels: Vec<_> = report["training"].as_array().unwrap().iter().map(|row| &row["kernel"]).collect();
    assert_eq!(kernels[0], "portable");
    assert!(!kernels.contains(&&"sparse".into()), "{kernels:?}");
}

#[test]
fn data_lists_describes_and_shows_datasets() {
    let scratch = Scratch::new();
    let list = scratch.mlp("data info");
    for name in ["mnist", "fashion-mnist", "kmnist", "qmnist", "emnist-byclass", "synthetic"] {
        assert!(list.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}: {list}");
    }
    let info = scratch.mlp("data info synthetic");
    assert!(info.contains("synthetic: images of 28x28, 10 classes"), "{info}");
    let drawn = scratch.mlp("data show synthetic --class 3 --count 2");
    assert!(drawn.contains(": 3") && drawn.lines().count() > 28, "{drawn}");
    assert!(!drawn.contains('\u{1b}'), "colors without a terminal");
}

#[test]
fn a_closed_pipe_does_not_stop_training() {
    let scratch = Scratch::new();
    let mut child = scratch.spawn(TRAIN);
    drop(child.stdout.take());
    assert_eq!(finish(child).code, Some(0));
    assert!(scratch.path("runs/synthetic/model.mlp").exists());
}

const QUICK: &str = "--dataset synthetic --hidden 12 --epochs 2 --loss-reduction mean";

#[test]
fn runs_are_listed_and_compared() {
    let scratch = Scratch::new();
    scratch.mlp(&format!("train {QUICK} --learning-rate 0.5 --validation 0.2 --run-dir runs/a"));
    scratch.mlp(&format!("train {QUICK} --learning-rate 0.25 --run-dir runs/below/b-10"));
    scratch.mlp(&format!("train {QUICK} --learning-rate 0.25 --run-dir runs/below/b-9"));
    fs::create_dir(scratch.path("runs/no-run")).unwrap();

    let runs = json(&scratch.mlp("runs --json"));
    let runs = runs.as_array().unwrap();
    let paths: Vec<_> = runs.iter().map(|run| run["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["runs/a", "runs/below/b-9", "runs/below/b-10"]);
    let one = scratch.mlp("runs runs/a");
    assert!(one.lines().nth(1).unwrap().starts_with("runs/a "), "{one}");
    let records = scratch.text("runs/a/metrics.jsonl");
    let accuracies = records.lines().map(|line| json(line)["validation"]["accuracy"].as_f64().unwrap());
    assert_eq!(runs[0]["validation_accuracy"].as_f64(), accuracies.reduce(f64::max));
    assert_eq!(runs[1]["validation_accuracy"], serde_json::Value::Null);
    let result = json(&scratch.text("runs/a/result.json"));
    assert_eq!(runs[0]["test_accuracy"], result["best"]["test"]["accuracy"]);
    for run in runs {
        assert_eq!((&run["state"], &run["epochs"]), (&"complete".into(), &2.into()));
    }
    let table = scratch.mlp("runs");
    assert!(table.lines().nth(1).unwrap().starts_with("a           textbook  complete     2/2"), "{table}");

    let compared = scratch.mlp("compare runs/a runs/below/b-9");
    let rows: Vec<Vec<&str>> = compared.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["runs/a", "runs/below/b-9"]);
    // Only keys that differ.
    assert_eq!(rows[1..3], [["learning_rate", "0.5", "0.25"], ["validation", "0.2", "0.0"]]);
    assert!(rows[3].is_empty() && compared.contains("\ntest accuracy "), "{compared}");
}

#[test]
fn a_sweep_trains_and_ranks_every_combination() {
    let scratch = Scratch::new();
    let flags = format!("sweep {QUICK} --vary learning_rate=0.5,0.001 --vary hidden=[4],[16] --json");
    let ranked = json(&scratch.mlp(&flags));
    let ranked = ranked.as_array().unwrap();
    let losses: Vec<f64> = ranked.iter().map(|run| run["value"].as_f64().unwrap()).collect();
    assert!(losses.len() == 4 && losses.is_sorted(), "{losses:?}");
    // A learning rate that is far too small does not win.
    assert_eq!(ranked[0]["varied"]["learning_rate"], 0.5);
    for run in ranked {
        let path = run["path"].as_str().unwrap();
        let config: toml::Table = scratch.text(&format!("{path}/config.toml")).parse().unwrap();
        assert_eq!(config["learning_rate"].as_float(), run["varied"]["learning_rate"].as_f64());
        assert_eq!(config["validation"].as_float(), Some(0.1), "ranking needs a validation set");
    }

    // Each run is bit-identical to one trained alone.
    scratch.mlp("train --recipe runs/sweep/002/config.toml --run-dir alone");
    assert_eq!(scratch.bytes("alone/model.mlp"), scratch.bytes("runs/sweep/002/model.mlp"));

    // Only the missing run is trained.
    let kept = fs::metadata(scratch.path("runs/sweep/002/model.mlp")).unwrap().modified().unwrap();
    fs::remove_dir_all(scratch.path("runs/sweep/003")).unwrap();
    let again = json(&scratch.mlp("sweep --resume runs/sweep --json"));
    let same = |run: &serde_json::Value| (run["path"].clone(), run["value"].clone());
    assert!(again.as_array().unwrap().iter().map(same).eq(ranked.iter().map(same)));
    assert_eq!(fs::metadata(scratch.path("runs/sweep/002/model.mlp")).unwrap().modified().unwrap(), kept);

    let random = "--random 3 --vary learning_rate=0.01..1 --vary batch_size=50..200 --sweep-seed 5 --json";
    let drawn = json(&scratch.mlp(&format!("sweep {QUICK} {random}")));
    assert_eq!(drawn.as_array().unwrap().len(), 3);
    assert!(drawn[0]["path"].as_str().unwrap().starts_with("runs/sweep-2"));
}

#[test]
fn lr_find_suggests_a_learning_rate() {
    let scratch = Scratch::new();
    let flags = format!("lr-find {QUICK} --activation relu --init he --steps 300 --plot rates.svg");
    let report = json(&scratch.mlp(&format!("{flags} --json")));
    let steepest = report["steepest"].as_f64().unwrap();
    assert!((0.001..1.0).contains(&steepest), "{steepest}");
    assert!(report["losses"].as_array().unwrap().len() <= 300);
    let picture = scratch.text("rates.svg");
    assert!(picture.starts_with("<svg") && picture.contains("Learning rate range test"));
    let table = scratch.mlp(&flags);
    assert!(table.contains("steepest decrease  "), "{table}");
    assert!(!scratch.path("runs").exists(), "lr-find created a run");
}

#[test]
fn verify_resume_checks_every_optimizer_and_schedule() {
    let scratch = Scratch::new();
    let table = scratch.mlp("verify-resume");
    assert_eq!(table.lines().filter(|line| line.ends_with(" yes")).count(), 36, "{table}");
    let one = scratch.mlp(&format!("verify-resume {QUICK} --precision f64 --interruptions 20"));
    assert!(
        one.contains(" 20 times ") && one.lines().filter(|line| line.ends_with(" yes")).count() == 1,
        "{one}"
    );
    assert_eq!(scratch.count(""), 0, "files were left behind");
}

#[test]
fn the_json_log_has_one_event_per_line() {
    let scratch = Scratch::new();
    let lines = scratch.mlp(&format!("train {QUICK} --validation 0.2 --log-format json"));
    let events: Vec<serde_json::Value> = lines.lines().map(json).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["started", "epoch", "epoch", "finished"]);
    assert_eq!((&events[0]["epochs"], &events[0]["examples"]), (&2.into(), &8000.into()));
    assert!(events[2]["validation"]["loss"].is_number());
    assert_eq!(events[3]["status"], "complete");
    assert_eq!(events[3]["best"]["metric"], "validation-loss");
}

#[test]
fn another_dataset_can_be_used_for_validation() {
    let scratch = Scratch::new();
    // With the same dataset, each validation is like the final test.
    let flags = format!("train {QUICK} --validation-set synthetic --log-format json --run-dir run");
    let lines = scratch.mlp(&flags);
    let events: Vec<serde_json::Value> = lines.lines().map(json).collect();
    assert_eq!(events[0]["examples"], 10_000, "examples were held out");
    assert_eq!(events[2]["validation"], events[3]["test"]);
    let config: toml::Table = scratch.text("run/config.toml").parse().unwrap();
    assert_eq!(config["validation_set"].as_str(), Some("synthetic"));
}

#[test]
fn verbose_prints_details() {
    let scratch = Scratch::new();
    let stderr = scratch.succeeds(&format!("train -v {QUICK}")).stderr;
    let sets = mlp_data::Datasets::load("synthetic", Path::new("data")).unwrap();
    for part in ["kernel   ", "threads  ", "recipe   textbook; seed 0", &sets.train.sha256()] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stderr.contains('\u{1b}'), "colors without a terminal");
}
