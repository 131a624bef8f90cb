//! Runs that are resumed, moved, renamed or disturbed, and models that meet datasets of other
//! classes: uncertain cases are reported or refused, never silently wrong.

use std::fs;
use std::time::Duration;

use crate::common::{Output, SMALL, Scratch, finish, json, pgm, signal, write_dataset, write_digits};
use mlp_train::Model;

/// Three classes of images that any network tells apart.
fn write_classes(scratch: &Scratch, name: &str, classes: &[&str], brightness: &[u8]) {
    let examples = 12;
    let labels: Vec<u8> = (0..examples).map(|i| i % classes.len() as u8).collect();
    let images: Vec<u8> = labels
        .iter()
        .flat_map(|&label| (0..16).map(move |pixel| (label, pixel)))
        .map(|(label, pixel)| if pixel / 4 == brightness[usize::from(label)] { 255 } else { 0 })
        .collect();
    write_dataset(&scratch.path(name), [4, 4], [(&images, &labels), (&images, &labels)]);
    let names: Vec<String> = classes.iter().map(|class| format!("{class:?}")).collect();
    let text = format!("class_names = [{}]\n", names.join(", "));
    fs::write(scratch.path(name).join("dataset.toml"), text).unwrap();
}

const THREE: &str = "train --dataset three --batch-size 4 --epochs 60 --activation relu --init he --loss-reduction mean \
                     --learning-rate 0.1 --no-report --quiet";

fn three() -> Scratch {
    let scratch = Scratch::new();
    write_classes(&scratch, "three", &["owl", "elk", "bat"], &[0, 1, 2]);
    write_classes(&scratch, "turned", &["bat", "owl", "elk"], &[2, 0, 1]);
    write_classes(&scratch, "two", &["bat", "elk"], &[2, 1]);
    write_classes(&scratch, "more", &["bat", "fox", "owl"], &[2, 3, 0]);
    write_classes(&scratch, "other", &["x", "y", "z"], &[0, 1, 2]);
    scratch.mlp(&format!("{THREE} --run-dir run"));
    scratch
}

#[test]
fn a_model_is_evaluated_by_the_names_of_classes() {
    let scratch = three();
    for (dataset, said) in [
        ("three", ""),
        ("turned", ""),
        ("two", "classes are matched by name: the dataset has no owl"),
        ("more", "4 of 12 examples left out: fox is not a class of the model"),
    ] {
        let Output { stdout, stderr, .. } = scratch.succeeds(&format!("eval run --dataset {dataset} --json"));
        assert_eq!(json(&stdout)["accuracy"], 1.0, "{dataset}: {stdout}");
        assert!(
            if said.is_empty() { stderr.is_empty() } else { stderr.contains(said) },
            "{dataset}: {stderr}"
        );
    }
    for command in
        ["eval run", "plot --confusion run --to c.svg", "plot --embedding run", "export run --to p.csv"]
    {
        scratch.refuses(
            &format!("{command} --dataset other"),
            "cannot match the classes: the dataset has x, y, z",
        );
    }
    assert!(scratch.succeeds("plot --mistakes run --dataset more --to m.svg").stderr.contains("left out"));
    scratch.mlp("export run --to p.csv --dataset more");
    let rows = scratch.text("p.csv");
    let rows: Vec<&str> = rows.lines().skip(1).map(|row| row.rsplitn(4, ',').last().unwrap()).collect();
    // fox is the second of three classes; bat is class 2 of the model and owl class 0.
    assert_eq!(rows[..4], ["0,2,2", "2,0,0", "3,2,2", "5,0,0"]);
    assert!(scratch.error("explain run --dataset more --sample 1").contains("sample 1 is of class fox"));
    scratch.mlp("explain run --dataset more --sample 2");
}

#[test]
fn spellings_of_the_same_classes_match_and_uncertain_ones_are_refused() {
    let scratch = Scratch::new();
    for (name, classes, brightness) in [
        ("three", ["0", "1", "2"], [0, 1, 2]),
        ("words", ["one", "two", "zero"], [1, 2, 0]),
        ("spaced", [" 2", "00", "1 "], [2, 0, 1]),
        ("prefixed", ["digit_1", "digit_2", "digit_0"], [1, 2, 0]),
        ("from-one", ["1", "2", "3"], [0, 1, 2]),
        ("counted", ["class1", "class2", "class3"], [0, 1, 2]),
        ("unnamed", ["a", "b", "c"], [0, 1, 2]),
    ] {
        write_classes(&scratch, name, &classes, &brightness);
    }
    scratch.mlp(&format!("{THREE} --run-dir run"));
    for (dataset, said) in [
        ("words", "one as 1, two as 2, zero as 0"),
        ("spaced", "00 as 0"),
        ("prefixed", "digit_1 as 1, digit_2 as 2, digit_0 as 0"),
        (
            "unnamed",
            "classes are matched by number: they are a, b, c in the dataset and 0, 1, 2 in the model",
        ),
    ] {
        let Output { stdout, stderr, .. } = scratch.succeeds(&format!("eval run --dataset {dataset} --json"));
        assert_eq!(json(&stdout)["accuracy"], 1.0, "{dataset}: {stdout}");
        assert!(stderr.contains(said), "{dataset}: {stderr}");
    }
    for dataset in ["from-one", "counted"] {
        for command in
            ["eval run", "plot --confusion run --to c.svg", "export run --to p.csv", "explain run --sample 0"]
        {
            scratch.refuses(&format!("{command} --dataset {dataset}"), "cannot match the classes");
        }
    }
    scratch.refuses(&format!("{THREE} --validation-set from-one --run-dir no"), "cannot match the classes");
}

#[test]
fn a_validation_set_is_matched_by_the_names_of_classes() {
    let scratch = three();
    scratch.mlp(&format!("{THREE} --validation-set turned --run-dir turned-run"));
    let records = scratch.text("turned-run/metrics.jsonl");
    assert_eq!(json(records.lines().last().unwrap())["validation"]["accuracy"], 1.0);
    scratch.refuses(&format!("{THREE} --validation-set other --run-dir none"), "cannot match the classes");
    assert!(!scratch.path("none").exists());
}

#[test]
fn what_may_change_on_resume_may_and_the_rest_is_refused_by_name() {
    let scratch = Scratch::new();
    let begin = format!("train --dataset synthetic {SMALL} --no-report --quiet --run-dir");
    scratch.mlp(&format!("{begin} whole --epochs 6"));
    for (name, flags) in
        [("flag", "--epochs 6 --threads 1 --checkpoint-every 5steps"), ("set", "--set epochs=6")]
    {
        scratch.mlp(&format!("{begin} {name}"));
        scratch.mlp(&format!("train --resume {name} --no-report {flags}"));
        for file in ["model.mlp", "trace.csv", "config.toml"] {
            assert_eq!(
                scratch.bytes(&format!("{name}/{file}")),
                scratch.bytes(&format!("whole/{file}")),
                "{file}"
            );
        }
        let runs = scratch.mlp(&format!("runs {name}"));
        assert!(runs.contains("complete") && runs.contains("6/6"), "{runs}");
    }
    for (flags, named) in [
        ("--set learning_rate=5", "--set learning_rate=5"),
        ("--set nonsense=1", "--set nonsense=1"),
        ("--recipe fast", "--recipe"),
        ("--epochs 7 --hidden 7", "--hidden"),
        ("--seed 0", "--seed"),
    ] {
        let expected = format!("{named} cannot be used with --resume");
        scratch.refuses(&format!("train --resume flag {flags}"), &expected);
    }
    let cosine = format!("{begin} cosine --schedule cosine");
    scratch.mlp(&cosine);
    let stderr = scratch.succeeds("train --resume cosine --epochs 5 --no-report").stderr;
    assert!(stderr.contains("the cosine schedule depends on the number of epochs"), "{stderr}");
    let stderr = scratch.succeeds("train --resume cosine --epochs 2").stderr;
    assert!(stderr.contains("complete after 5 epochs; nothing to resume"), "{stderr}");
}

#[test]
fn a_run_is_not_resumed_with_the_same_pixels_of_another_meaning() {
    let scratch = three();
    let text = scratch.text("three/dataset.toml");
    let resume = "train --resume run --quiet --no-report --epochs 61";
    let was = "of three is not the one that the run began with; expected";
    for (changed, said) in [
        (text.replace("elk", "fox"), format!("run: the name of class 1 {was} elk, found fox: change its")),
        (text.replace("\"owl\", \"elk\"", "\"elk\", \"owl\""), format!("class 0 {was} owl, found elk")),
        (text.replace("bat", "a\\u202eb"), format!("class 2 {was} bat, found a\\u{{202e}}b")),
        (format!("{text}preprocessing = \"digit\"\n"), format!("preprocessing {was} whole, found digit")),
        (
            format!("{text}polarity = \"dark-on-light\"\n"),
            format!("polarity {was} auto, found dark-on-light"),
        ),
    ] {
        fs::write(scratch.path("three/dataset.toml"), changed).unwrap();
        scratch.refuses(resume, &said);
    }
    // Where the images came from does not change what a model means.
    fs::write(scratch.path("three/dataset.toml"), format!("{text}origin = \"a camera\"\n")).unwrap();
    scratch.succeeds(resume);
}

#[cfg(unix)]
#[test]
fn a_moved_project_can_be_resumed_evaluated_and_reported() {
    let scratch = Scratch::new();
    write_digits(&scratch.path("p/data/own"), 600, 100);
    let start = |flags: &str| {
        let mut command = scratch.command(flags);
        command.current_dir(scratch.path("p")).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let absolute = scratch.path("p/data/own").display().to_string();
    for (run, dataset) in [("runs/one", "data/own"), ("runs/two", absolute.as_str())] {
        let flags = format!("train --dataset {dataset} --epochs 100000 --quiet --run-dir {run}");
        let child = start(&flags);
        while !scratch.path("p").join(run).join("checkpoint.mlp").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        signal(&child, "TERM");
        assert_eq!(finish(child).code, Some(143));
        assert!(
            scratch.text(&format!("p/{run}/config.toml")).contains("dataset = \"data/own\"\n"),
            "{dataset}"
        );
    }
    fs::rename(scratch.path("p"), scratch.path("q")).unwrap();
    let done = json(&scratch.mlp("runs q/runs/one --json"))[0]["epochs"].as_u64().unwrap() + 1;
    scratch.succeeds(&format!("train --resume q/runs/one --quiet --no-report --epochs {done}"));
    scratch.succeeds("eval q/runs/one");
    scratch.succeeds("report q/runs/one");
    assert!(scratch.text("q/runs/one/config.toml").contains("dataset = \"data/own\"\n"));

    // The dataset is elsewhere, too.
    fs::rename(scratch.path("q/data"), scratch.path("sets")).unwrap();
    scratch.refuses(
        "train --resume q/runs/two",
        "dataset data/own no longer exists; give its new path with --dataset",
    );
    scratch.succeeds("report q/runs/one --dataset sets/own");
    write_digits(&scratch.path("wrong"), 600, 99);
    let flags = format!("train --resume q/runs/two --quiet --no-report --epochs {}", done + 200_000);
    scratch.refuses(&format!("{flags} --dataset wrong"), "the test set of ");
    write_digits(&scratch.path("wrong"), 599, 100);
    scratch.refuses(&format!("{flags} --dataset wrong"), "the training set of ");
    let epochs = json(&scratch.mlp("runs q/runs/two --json"))[0]["epochs"].as_u64().unwrap() + 1;
    scratch.succeeds(&format!(
        "train --resume q/runs/two --quiet --no-report --epochs {epochs} --dataset sets/own"
    ));
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_on_a_full_disk_does_not_end_a_training() {
    let scratch = Scratch::new();
    for format in ["text", "json"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let flags =
            format!("train --dataset synthetic {SMALL} --no-report --log-format {format} --run-dir {format}");
        let child =
            scratch.command(&flags).stdout(full).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let Output { code, stderr, .. } = finish(child);
        assert_eq!(
            (code, stderr.matches("cannot write to standard output").count()),
            (Some(0), 1),
            "{stderr}"
        );
        assert!(scratch.path(format).join("model.mlp").exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_name_is_not_utf8_is_like_any_other() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let scratch = Scratch::new();
    let name = OsStr::from_bytes(b"dir/r\xe9sum\xe9");
    let start = |flags: &str| {
        let mut command = scratch.command(flags);
        command.arg(name).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let child = start("train --dataset synthetic --epochs 100000 --log-format json --run-dir");
    while !scratch.path(name).join("checkpoint.mlp").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "TERM");
    let Output { code, stderr, .. } = finish(child);
    assert!(code == Some(143) && stderr.contains(r"mlp train --resume $'dir/r\xe9sum\xe9'"), "{stderr}");
    assert_eq!(json(&scratch.mlp("runs dir --json"))[0]["state"], "interrupted");
    let done = json(&scratch.mlp("runs dir --json"))[0]["epochs"].as_u64().unwrap() + 1;
    for flags in [&format!("train --epochs {done} --resume"), "report", "eval", "plot", "summary"] {
        let output = finish(start(flags));
        assert_eq!(output.code, Some(0), "{flags}: {}", output.stderr);
    }
}

#[test]
fn a_report_that_a_kill_prevented_is_written_on_resume() {
    let scratch = Scratch::trained(SMALL);
    assert!(!scratch.path("run/report.html").exists());
    let stderr = scratch.succeeds("train --resume run --no-report").stderr;
    assert!(stderr.contains("nothing to resume") && !scratch.path("run/report.html").exists(), "{stderr}");
    scratch.succeeds("train --resume run");
    assert!(scratch.text("run/report.html").contains("Confusion matrix"));
}

#[test]
fn trainings_that_learn_nothing_are_named() {
    let scratch = Scratch::new();
    let flags =
        "train --dataset synthetic --epochs 2 --no-report --activation relu --init he --loss-reduction mean";
    let stderr =
        scratch.succeeds(&format!("{flags} --optimizer adam --learning-rate 1e6 --run-dir dead")).stderr;
    assert!(stderr.contains("barely better than chance") && stderr.contains("lr-find"), "{stderr}");
    let stderr = scratch.succeeds(&format!("{flags} --learning-rate 0.05 --run-dir well")).stderr;
    assert!(!stderr.contains("chance"), "{stderr}");
    write_dataset(&scratch.path("one"), [2, 2], [(&[7; 16], &[1; 4]), (&[7; 8], &[1; 2])]);
    let stderr = scratch
        .succeeds("train --dataset one --batch-size 2 --epochs 2 --no-report --run-dir one-run")
        .stderr;
    assert!(stderr.contains("all training examples are in one class, 1:"), "{stderr}");
}

#[test]
fn a_million_threads_are_refused_and_a_users_files_are_kept() {
    let scratch = Scratch::new();
    for command in ["train", "sweep --vary seed=1,2", "lr-find"] {
        let stderr = scratch.error(&format!("{command} --dataset synthetic --threads 1000000"));
        assert!(stderr.contains("expected 0 to 1024"), "{stderr}");
    }
    fs::create_dir(scratch.path("mine")).unwrap();
    fs::write(scratch.path("mine/.x.tmp"), "precious").unwrap();
    scratch.refuses(&format!("train --dataset synthetic {SMALL} --run-dir mine"), "not empty");
    assert_eq!(scratch.text("mine/.x.tmp"), "precious");
}

#[cfg(unix)]
#[test]
fn a_renamed_run_does_not_write_to_the_one_that_takes_its_name() {
    let scratch = Scratch::new();
    let child =
        scratch.spawn("train --dataset synthetic --hidden 300 --epochs 100000 --no-report --run-dir run");
    while !scratch.path("run/checkpoint.mlp").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(scratch.path("run"), scratch.path("moved")).unwrap();
    scratch.succeeds(&format!("train --dataset synthetic {SMALL} --no-report --run-dir run"));
    let ours =
        ["model.mlp", "checkpoint.mlp", "result.json"].map(|name| scratch.bytes(&format!("run/{name}")));
    let Output { code, stderr, .. } = finish(child);
    assert!(code == Some(2) && stderr.contains("the directory was renamed, removed or replaced"), "{stderr}");
    let now =
        ["model.mlp", "checkpoint.mlp", "result.json"].map(|name| scratch.bytes(&format!("run/{name}")));
    assert_eq!(now, ours);
    scratch.succeeds("runs moved");
}

#[test]
fn names_in_a_model_never_reach_the_terminal_as_control_characters() {
    let scratch = Scratch::trained(SMALL);
    let mut model = Model::load(&scratch.path("run/model.mlp")).unwrap();
    for (name, evil) in model.metadata.class_names.iter_mut().zip([
        "\x1b]0;title\x07",
        "\x1b[2J\nerror: fake",
        "\u{202e}reversed",
        "\u{9b}31m",
        "=cmd|'/C calc'!A0",
    ]) {
        *name = evil.to_owned();
    }
    (model.metadata.dataset, model.metadata.program) = ("synthetic".to_owned(), "p\x1b[5m\n".to_owned());
    model.save(&scratch.path("evil.mlp")).unwrap();
    fs::write(scratch.path("picture.pgm"), pgm(28, (0..784).map(|i| (i % 251) as u8))).unwrap();
    let predict = "predict evil.mlp picture.pgm --top 9";
    for flags in [
        "summary evil.mlp",
        "eval evil.mlp",
        "eval evil.mlp --json",
        "explain evil.mlp",
        predict,
        &format!("{predict} --show"),
        &format!("{predict} --format csv"),
        &format!("{predict} --format json"),
        "export evil.mlp --to x.csv",
        "predict evil.mlp \u{1b}[31m.png",
    ] {
        let Output { stdout, stderr, .. } = scratch.run(flags);
        for text in [stdout, stderr] {
            let found = text.chars().find(|&c| c != '\n' && mlp_data::text::is_unprintable(c));
            assert_eq!(found, None, "mlp {flags}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("error: fake")), "mlp {flags}: {text}");
        }
    }
    let header = scratch.text("x.csv").lines().next().unwrap().to_owned();
    assert!(header.contains(",'=cmd|") && !header.contains('\x1b'), "{header}");
}
