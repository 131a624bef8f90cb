//! Pictures from elsewhere, as a person uses them: what is on them, and datasets made of them.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use mlp_data::{Datasets, synthetic};

fn run(directory: &Path, args: &[&str]) -> Output {
    Command::cargo_bin("mlp").unwrap().current_dir(directory).args(args).output().unwrap()
}

#[track_caller]
fn mlp(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    assert!(output.status.success(), "mlp {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `mlp ARGS`, which must end with exit code 2, and returns what it said on standard error.
#[track_caller]
fn refused(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    stderr
}

/// Writes a PGM file: an image of the synthetic digits, dark on light if `dark`, each pixel `scale` times as large.
fn write_pgm(path: &Path, image: &[u8], scale: usize, dark: bool) {
    let side = 28 * scale;
    let mut file = format!("P5 {side} {side} 255\n").into_bytes();
    let level = |i: usize| image[i / side / scale * 28 + i % side / scale];
    file.extend((0..side * side).map(|i| if dark { 255 - level(i) } else { level(i) }));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

/// Writes `count` digits into directories called after their classes, in small letters, and only of the first three classes.
fn write_classes(directory: &Path, count: usize, seed: u64) {
    let digits = synthetic::digits(count, 1, seed).train;
    for (i, &label) in digits.labels().iter().enumerate() {
        if let Some(class) = ["zero", "one", "two"].get(usize::from(label)) {
            write_pgm(&directory.join(format!("{class}/{i}.pgm")), digits.image(i), 1, false);
        }
    }
}

/// A directory with a model of the synthetic digits in it.
fn with_model() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let train = "train --dataset synthetic --hidden 20 --epochs 4 --learning-rate 0.02 --run-dir run --quiet";
    mlp(scratch.path(), &train.split(' ').collect::<Vec<_>>());
    scratch
}

#[test]
fn a_dataset_of_ones_own_is_trained_on_and_its_names_reach_predict() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path();
    write_classes(&path.join("drawings"), 600, 0);
    let said = mlp(path, &["data", "import", "drawings", "--to", "sets/mine"]);
    assert_eq!(said, "sets/mine: images of 28x28 in 3 classes, 144 to train with and 36 to test with\n");
    let sets = Datasets::open_dir(&path.join("sets/mine")).unwrap();
    assert_eq!(sets.class_names, ["one", "two", "zero"]);
    assert_eq!((sets.train.class_counts(), sets.test.class_counts()), (vec![48; 3], vec![12; 3]));

    let info = mlp(path, &["data", "info", "sets/mine"]);
    assert!(
        info.contains("class 1: two") && info.contains("3 classes, pictures preprocessed as a whole"),
        "{info}"
    );
    let flags = ["--hidden", "20", "--batch-size", "8", "--epochs", "40", "--run-dir", "run", "--quiet"];
    mlp(path, &[&["train", "--dataset", "sets/mine"], &flags[..]].concat());

    // What it never saw, larger, and the other way round.
    let new = synthetic::digits(60, 1, 9).train;
    for (i, &label) in new.labels().iter().enumerate().filter(|&(_, &label)| label < 3) {
        let name = ["zero", "one", "two"][usize::from(label)];
        write_pgm(&path.join(format!("new/{name}-{i}.pgm")), new.image(i), 3, true);
    }
    let csv = mlp(path, &["predict", "run/model.mlp", "new", "--format", "csv"]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("file,class,name,probability,blank,inverted,p(one),p(two),p(zero)"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let right = rows.iter().filter(|row| row[0].starts_with(&format!("new/{}-", row[2]))).count();
    assert_eq!(rows.len(), 18);
    assert!(right >= 16, "{right}: {csv}");
    assert!(rows.iter().all(|row| row[4..6] == ["false", "true"]), "{csv}");
    assert!(rows.is_sorted_by(|a, b| mlp_data::fs::natural_order(a[0], b[0]).is_lt()), "{csv}");
}

#[test]
fn the_same_seed_imports_the_same_set_and_train_and_test_directories_stay_what_they_are() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path();
    write_classes(&path.join("all"), 100, 0);
    let hash = |name: &str, flags: &[&str]| {
        mlp(path, &[&["data", "import", "all", "--to", name], flags].concat());
        Datasets::open_dir(&path.join(name)).unwrap().test.sha256()
    };
    let first = hash("a", &[]);
    assert_eq!(hash("b", &["--raw"]), first);
    assert_ne!(hash("c", &["--seed", "1"]), first);
    assert!(path.join("b/train-images-idx3-ubyte").exists());

    write_classes(&path.join("split/train"), 100, 0);
    write_classes(&path.join("split/test"), 30, 1);
    mlp(path, &["data", "import", "split", "--to", "d", "--size", "14x20", "--preprocessing", "digit"]);
    let sets = Datasets::open_dir(&path.join("d")).unwrap();
    assert_eq!((sets.train.len(), sets.test.len()), (30, 9));
    assert_eq!(sets.train.shape().to_string(), "14x20");
    assert_eq!(sets.preprocessing, mlp_data::Preprocessing::Digit);
    let error = refused(path, &["data", "import", "split", "--to", "e", "--test-share", "0.5"]);
    assert!(error.contains("--test-share, but split has a test directory"), "{error}");
}

#[test]
fn what_is_odd_about_pictures_is_said_when_they_are_imported() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path();
    write_classes(&path.join("odd"), 60, 0);
    let one = fs::read_dir(path.join("odd/one")).unwrap().next().unwrap().unwrap().path();
    fs::rename(&one, path.join("odd/one/a.pgm")).unwrap();
    let one = path.join("odd/one/a.pgm");
    fs::copy(&one, path.join("odd/one/copy.pgm")).unwrap();
    fs::copy(&one, path.join("odd/two/copy.pgm")).unwrap();
    fs::write(path.join("odd/stray.png"), "").unwrap();
    write_pgm(&path.join("odd/two/white.pgm"), &[0; 784], 1, true);
    let output = run(path, &["data", "import", "odd", "--to", "set"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    for said in [
        "1 picture beside the classes' directories",
        "nothing on it: 1 picture, the first is two/white.pgm",
        "the same image as another of its class: 1 picture, the first is one/copy.pgm, as one/a.pgm",
        "the same image as one of another class: 1 picture, the first is two/copy.pgm, as one/a.pgm",
    ] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    // So few pictures do not make a batch of the usual size: what is said to come next works all the same.
    let (_, next) = stderr.split_once("train with `mlp ").unwrap();
    let (next, _) = next.split_once('`').unwrap();
    assert!(next.starts_with("train --dataset set --batch-size "), "{next}");
    mlp(path, &[&next.split(' ').collect::<Vec<_>>()[..], &["--epochs", "1", "--quiet"]].concat());

    let error = refused(path, &["data", "import", "odd", "--to", "set"]);
    assert_eq!(error, "error: set already exists; give another name, or remove it\n");
    fs::remove_file(path.join("odd/stray.png")).unwrap();
    fs::write(path.join("odd/two/bad.png"), "no picture").unwrap();
    let error = refused(path, &["data", "import", "odd", "--to", "set2"]);
    assert!(error.starts_with("error: odd/two/bad.png: it begins with 6e 6f 20 70"), "{error}");
    assert!(
        error.contains(
            "error: 1 of 22 pictures cannot be read; remove them, or leave them out with --skip-bad"
        ),
        "{error}"
    );
    mlp(path, &["data", "import", "odd", "--to", "set3", "--skip-bad"]);

    fs::create_dir(path.join("odd/none")).unwrap();
    let error = refused(path, &["data", "import", "odd", "--to", "set4"]);
    assert_eq!(error, "error: odd/none: a class without pictures; put some in, or remove the directory\n");
    fs::copy(&one, path.join("odd/none/1.pgm")).unwrap();
    let error = refused(path, &["data", "import", "odd", "--to", "set4", "--skip-bad"]);
    assert!(error.contains("1 picture of the class none; expected at least 2"), "{error}");
    let error = refused(path, &["data", "import", "nowhere", "--to", "set4"]);
    assert!(error.starts_with("error: cannot list nowhere: ") && error.lines().count() == 1, "{error}");
    assert!(!path.join("set2").exists() && !path.join("set4").exists());
}

#[test]
fn answers_come_in_order_and_a_bad_file_stops_none_of_the_others() {
    let scratch = with_model();
    let path = scratch.path();
    let digits = synthetic::digits(1, 1200, 0).test;
    for i in 0..1200 {
        write_pgm(&path.join(format!("many/{i}.pgm")), digits.image(i), 1, i % 2 == 1);
    }
    fs::write(path.join("many/7.pgm"), "P5 28 28 255\nshort").unwrap();
    let output = run(path, &["predict", "run/model.mlp", "many", "none.png", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let said: Vec<&str> = stderr.lines().collect();
    assert_eq!(said.len(), 3, "{stderr}");
    assert!(said[0].starts_with("error: many/7.pgm: ") && said[1].contains("none.png"), "{stderr}");
    assert_eq!(said[2], "2 of 1201 could not be read");

    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&str> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..1200).filter(|&i| i != 7).map(|i| format!("many/{i}.pgm")).collect();
    assert_eq!(names, expected);
    let inverted = lines.iter().filter(|line| line["inverted"] == true).count();
    assert_eq!(inverted, 599);
    for line in &lines {
        let probabilities: Vec<f64> = serde_json::from_value(line["probabilities"].clone()).unwrap();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        assert_eq!(
            probabilities[line["class"].as_u64().unwrap() as usize],
            line["probability"].as_f64().unwrap()
        );
    }
}

#[test]
fn images_that_have_the_form_already_are_taken_as_they_are() {
    let scratch = with_model();
    let path = scratch.path();
    let sets = synthetic::digits(synthetic::TRAIN, synthetic::TEST, 0);
    sets.write_dir(&path.join("set"), "", true).unwrap();
    let report = mlp(path, &["eval", "run/model.mlp", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let file = "set/t10k-images-idx3-ubyte.gz";
    let csv = mlp(path, &["predict", "run/model.mlp", file, "--format", "csv"]);
    let classes = csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u8>().unwrap());
    let right = classes.zip(sets.test.labels()).filter(|(class, label)| class == *label).count();
    assert_eq!(right as u64, report["correct"].as_u64().unwrap());
    assert!(csv.contains("set/t10k-images-idx3-ubyte.gz[1999],"));

    let error = refused(path, &["predict", "run/model.mlp", "set/t10k-labels-idx1-ubyte.gz"]);
    assert!(error.contains("is it a file of labels?") && error.lines().count() == 1, "{error}");
}

#[test]
fn a_picture_comes_from_standard_input_and_is_shown_as_the_network_sees_it() {
    let scratch = with_model();
    let path = scratch.path();
    let digits = synthetic::digits(1, 30, 3).test;
    let three = digits.labels().iter().position(|&label| label == 3).unwrap();
    write_pgm(&path.join("3.pgm"), digits.image(three), 2, true);
    let mut command = Command::cargo_bin("mlp").unwrap();
    let stdin = fs::read(path.join("3.pgm")).unwrap();
    let output = command
        .current_dir(path)
        .args(["predict", "run/model.mlp", "-", "--show", "--top", "2", "--preprocessing", "digit"])
        .write_stdin(stdin)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 28 + 1 + 1 + 2, "{text}");
    assert!(lines[..28].iter().any(|line| line.contains("@@")) && lines[28].contains('%'), "{text}");
    assert_eq!(lines[30], "picture  class  probability  then");
    assert!(lines[31].starts_with("-        3      ") && lines[31].matches('%').count() == 2, "{text}");

    // A page with nothing on it is said to be one.
    write_pgm(&path.join("white.pgm"), &[0; 784], 2, true);
    let table = mlp(path, &["predict", "run/model.mlp", "white.pgm"]);
    assert!(table.contains("(blank: nothing is on it)"), "{table}");
}

#[test]
fn flags_that_contradict_each_other_are_refused_in_one_line() {
    let scratch = with_model();
    let path = scratch.path();
    fs::create_dir(path.join("empty")).unwrap();
    for (args, said) in [
        (&["a.png", "--show", "--format", "csv"][..], "--show draws for people"),
        (
            &["a.png", "--preprocessing", "none", "--polarity", "auto"],
            "--polarity auto with --preprocessing none",
        ),
        (&["-", "-"], "`-` twice; standard input holds one picture"),
        (&["empty"], "empty holds no pictures; expected files ending in .png"),
        (&["none.png"], "cannot open none.png"),
    ] {
        let error = refused(path, &[&["predict", "run/model.mlp"], args].concat());
        assert!(error.starts_with(&format!("error: {said}")) && error.lines().count() == 1, "{error}");
    }
    let error = refused(path, &["predict", "run/model.mlp", "a.png", "--polarity", "dark"]);
    assert!(error.contains("light-on-dark"), "{error}");
}
