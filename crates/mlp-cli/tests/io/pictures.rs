//! Classifying pictures, and making datasets from them.

use std::fs;
use std::path::Path;

use crate::common::{Output, SMALL, Scratch, json, pgm};
use mlp_data::{Datasets, synthetic};

/// Writes an image of a synthetic digit as a PGM file, scaled by `scale` and, if `dark`, dark on
/// light.
fn write_pgm(path: &Path, image: &[u8], scale: usize, dark: bool) {
    let side = 28 * scale;
    let level = |i: usize| image[i / side / scale * 28 + i % side / scale];
    let pixels = (0..side * side).map(|i| if dark { 255 - level(i) } else { level(i) });
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, pgm(side, pixels)).unwrap();
}

/// Writes the zeros, ones and twos among `count` digits to a directory for each class.
fn write_classes(directory: &Path, count: usize, seed: u64) {
    let digits = synthetic::digits(count, 1, seed).train;
    for (i, &label) in digits.labels().iter().enumerate() {
        if let Some(class) = ["zero", "one", "two"].get(usize::from(label)) {
            write_pgm(&directory.join(format!("{class}/{i}.pgm")), digits.image(i), 1, false);
        }
    }
}

#[test]
fn predict_uses_the_class_names_of_an_imported_dataset() {
    let scratch = Scratch::new();
    write_classes(&scratch.path("drawings"), 600, 0);
    let said = scratch.mlp("data import drawings --to sets/mine");
    assert_eq!(said, "sets/mine: images of 28x28 in 3 classes, 144 training and 36 test images\n");
    let sets = Datasets::open_dir(&scratch.path("sets/mine")).unwrap();
    assert_eq!(sets.class_names, ["one", "two", "zero"]);
    assert_eq!((sets.train.class_counts(), sets.test.class_counts()), (vec![48; 3], vec![12; 3]));

    let info = scratch.mlp("data info sets/mine");
    assert!(info.contains("class 1: two") && info.contains("3 classes, preprocessing whole"), "{info}");
    let flags = "--hidden 20 --batch-size 8 --epochs 40 --run-dir run --quiet";
    scratch.mlp(&format!("train --dataset sets/mine {flags}"));

    // New pictures, larger and inverted.
    let new = synthetic::digits(60, 1, 9).train;
    for (i, &label) in new.labels().iter().enumerate().filter(|&(_, &label)| label < 3) {
        let name = ["zero", "one", "two"][usize::from(label)];
        write_pgm(&scratch.path(format!("new/{name}-{i}.pgm")), new.image(i), 3, true);
    }
    let held = scratch.run("predict run/model.mlp new --format csv");
    assert!(!held.stdout.contains(",true,"), "{}", held.stdout);
    assert!(held.stderr.contains("18 of 18 pictures do not look light-on-dark"), "{}", held.stderr);
    let csv = scratch.mlp("predict run/model.mlp new --format csv --polarity auto");
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
fn the_split_of_an_imported_dataset_depends_only_on_the_seed_or_directories() {
    let scratch = Scratch::new();
    write_classes(&scratch.path("all"), 100, 0);
    let hash = |name: &str, flags: &str| {
        scratch.mlp(&format!("data import all --to {name} {flags}"));
        Datasets::open_dir(&scratch.path(name)).unwrap().test.sha256()
    };
    let first = hash("a", "");
    assert_eq!(hash("b", "--raw"), first);
    assert_ne!(hash("c", "--seed 1"), first);
    assert!(scratch.path("b/train-images-idx3-ubyte").exists());

    write_classes(&scratch.path("split/train"), 100, 0);
    write_classes(&scratch.path("split/test"), 30, 1);
    scratch.mlp("data import split --to d --size 14x20 --preprocessing digit");
    let sets = Datasets::open_dir(&scratch.path("d")).unwrap();
    assert_eq!((sets.train.len(), sets.test.len()), (30, 9));
    assert_eq!(sets.train.shape().to_string(), "14x20");
    assert_eq!(sets.preprocessing, mlp_data::Preprocessing::Digit);
    let error = scratch.error("data import split --to e --test-share 0.5");
    assert!(error.contains("split has a test part; remove it or --test-share"), "{error}");
}

#[test]
fn parts_of_a_split_are_kept_and_validation_is_used() {
    let scratch = Scratch::new();
    for (part, count, seed) in [("Training", 150, 0), ("Validation", 60, 1), ("testing_set", 30, 2)] {
        write_classes(&scratch.path(format!("all/{part}")), count, seed);
    }
    let output = scratch.run("data import all --to set");
    assert!(output.stderr.contains("parts: training from Training, validation from Validation, test from"));
    assert!(output.stdout.contains("45 training, 18 validation and 9 test images"));
    let info = scratch.mlp("data info set");
    assert!(info.contains("validation"), "{info}");
    let output = scratch.run("train --dataset set --batch-size 10 --epochs 2 --run-dir run --no-report");
    assert!(output.stderr.contains("45 training, 18 validation and 9 test images"), "{}", output.stderr);
    assert!(
        output.stderr.contains("5 of 45 examples do not fill a batch of 10 and are left out"),
        "{}",
        output.stderr
    );
    assert!(scratch.path("run/best.mlp").exists());
}

#[test]
fn polarity_is_decided_once_for_all_pictures() {
    let scratch = Scratch::new();
    let digits = synthetic::digits(60, 1, 4).train;
    let mut odd = 0;
    for (i, &label) in digits.labels().iter().enumerate().filter(|&(_, &label)| label < 2) {
        // Every sixth picture has the opposite polarity.
        odd += usize::from(i % 6 == 0);
        write_pgm(&scratch.path(format!("mixed/{label}/{i}.pgm")), digits.image(i), 1, i % 6 != 0);
    }
    let output = scratch.run("data import mixed --to set --raw");
    assert!(output.stderr.contains("polarity dark-on-light: "), "{}", output.stderr);
    assert!(output.stderr.contains("of 12 pictures have a light background; all were inverted"));
    let sets = Datasets::open_dir(&scratch.path("set")).unwrap();
    assert_eq!(sets.polarity, mlp_data::Polarity::DarkOnLight);
    let output = scratch.run("data import mixed --to each --polarity per-picture");
    assert!(output.stderr.contains("polarity per picture: "), "{}", output.stderr);
    let each = Datasets::open_dir(&scratch.path("each")).unwrap();
    assert_eq!(each.polarity, mlp_data::Polarity::Auto);
    // Per picture, all corners are dark; otherwise, those of the opposite polarity are light.
    let light = |sets: &Datasets| {
        let corners =
            [&sets.train, &sets.test].map(|set| (0..set.len()).filter(|&i| set.image(i)[0] > 128).count());
        corners.iter().sum::<usize>()
    };
    assert_eq!(light(&each), 0);
    assert_eq!(light(&sets), odd);
}

#[cfg(unix)]
#[test]
fn skipped_files_are_counted_by_kind() {
    let scratch = Scratch::new();
    write_classes(&scratch.path("odd"), 60, 0);
    for name in ["one/IMG_1.HEIC", "one/notes.txt", "two/notes.txt", "two/noname"] {
        fs::write(scratch.path(format!("odd/{name}")), "").unwrap();
    }
    let fifo = scratch.path("odd/one/pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let said = scratch.run("data import odd --to set").stderr;
    let expected = "left out: 2 .txt, 1 HEIC (not supported; save as JPEG), 1 pipe, socket or device, \
                    1 without an extension\n";
    assert!(said.contains(expected), "{said}");
    fs::create_dir_all(scratch.path("alone/cat")).unwrap();
    write_pgm(&scratch.path("alone/cat/1.pgm"), &[9; 784], 1, false);
    let error = scratch.error("data import alone --to x");
    assert!(error.contains("alone has only one class, cat; expected a directory for each"), "{error}");
}

#[test]
fn labels_that_skip_classes_are_reported() {
    let scratch = Scratch::new();
    let mut sets = synthetic::digits(40, 20, 0);
    let shifted: Vec<u8> = sets.train.labels().iter().map(|label| label + 1).collect();
    sets.train =
        mlp_data::Dataset::new(sets.train.images().to_vec(), sets.train.shape(), shifted, 11).unwrap();
    sets.class_names.push("10".to_owned());
    sets.write_dir(&scratch.path("set"), "", true).unwrap();
    fs::remove_file(scratch.path("set/dataset.toml")).unwrap();
    let output = scratch.run("train --dataset set --batch-size 10 --epochs 1 --run-dir run --no-report");
    let expected = "set: 1 of 11 classes have no training examples: 0; do the labels start at 1?";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
    let error = scratch.error("train --dataset ./nowhere --run-dir x");
    assert!(error.contains("the dataset ./nowhere is missing; expected a directory"), "{error}");
}

#[test]
fn import_reports_suspicious_pictures() {
    let scratch = Scratch::new();
    write_classes(&scratch.path("odd"), 60, 0);
    let one = fs::read_dir(scratch.path("odd/one")).unwrap().next().unwrap().unwrap().path();
    fs::rename(&one, scratch.path("odd/one/a.pgm")).unwrap();
    let one = scratch.path("odd/one/a.pgm");
    fs::copy(&one, scratch.path("odd/one/copy.pgm")).unwrap();
    fs::copy(&one, scratch.path("odd/two/copy.pgm")).unwrap();
    fs::write(scratch.path("odd/stray.png"), "").unwrap();
    write_pgm(&scratch.path("odd/two/white.pgm"), &[0; 784], 1, true);
    let stderr = scratch.run("data import odd --to set").stderr;
    for said in [
        "skipped 1 picture outside of class directories",
        "blank: 1 picture, the first is two/white.pgm",
        "duplicate of an image in the same class: 1 picture, the first is one/copy.pgm, same as one/a.pgm",
        "duplicate of an image in another class: 1 picture, the first is two/copy.pgm, same as one/a.pgm",
    ] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    // The default batch size is too large for so few pictures; the suggested command works.
    let (_, next) = stderr.split_once("train with `mlp ").unwrap();
    let (next, _) = next.split_once('`').unwrap();
    assert!(next.starts_with("train --dataset set --batch-size "), "{next}");
    scratch.mlp(&format!("{next} --epochs 1 --quiet"));

    let error = scratch.error("data import odd --to set");
    assert_eq!(error, "error: set already exists; give another name, or remove it\n");
    fs::remove_file(scratch.path("odd/stray.png")).unwrap();
    fs::write(scratch.path("odd/two/bad.png"), "no picture").unwrap();
    let error = scratch.error("data import odd --to set2");
    assert!(error.starts_with("error: odd/two/bad.png: it begins with 6e 6f 20 70"), "{error}");
    assert!(
        error.contains("error: cannot read 1 of 22 pictures; remove them, or skip them with --skip-bad"),
        "{error}"
    );
    scratch.mlp("data import odd --to set3 --skip-bad");

    fs::create_dir(scratch.path("odd/none")).unwrap();
    let error = scratch.error("data import odd --to set4");
    assert_eq!(
        error,
        "error: odd/none: found no pictures of this class; add some, or remove the directory\n"
    );
    fs::copy(&one, scratch.path("odd/none/1.pgm")).unwrap();
    let error = scratch.error("data import odd --to set4 --skip-bad");
    assert!(error.contains("class none has 1 picture; expected at least 2"), "{error}");
    let error = scratch.error("data import nowhere --to set4");
    assert!(error.starts_with("error: cannot list nowhere: ") && error.lines().count() == 1, "{error}");
    assert!(!scratch.path("set2").exists() && !scratch.path("set4").exists());
}

#[test]
fn predictions_are_in_order_and_skip_bad_files() {
    let scratch = Scratch::trained(SMALL);
    let digits = synthetic::digits(1, 1200, 0).test;
    for i in 0..1200 {
        write_pgm(&scratch.path(format!("many/{i}.pgm")), digits.image(i), 1, i % 2 == 1);
    }
    fs::write(scratch.path("many/7.pgm"), "P5 28 28 255\nshort").unwrap();
    let Output { code, stdout, stderr } = scratch.run("predict run/model.mlp many none.png --format json");
    assert_eq!(code, Some(2));
    let said: Vec<&str> = stderr.lines().collect();
    assert_eq!(said.len(), 5, "{stderr}");
    assert!(said[0].starts_with("error: many/7.pgm: ") && said[1].contains("none.png"), "{stderr}");
    assert!(said[2].starts_with("ink touches the edge, ") && said[2].contains(": 12 pictures"), "{stderr}");
    assert!(said[3].starts_with("polarity: 599 of 1199 pictures have a light background"), "{stderr}");
    assert_eq!(said[4], "2 of 1201 images could not be read");

    let lines: Vec<serde_json::Value> = stdout.lines().map(json).collect();
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
fn idx_files_are_classified_without_preprocessing() {
    let scratch = Scratch::trained(SMALL);
    let sets = synthetic::digits(synthetic::TRAIN, synthetic::TEST, 0);
    sets.write_dir(&scratch.path("set"), "", true).unwrap();
    let report = json(&scratch.mlp("eval run/model.mlp --json"));
    let file = "set/t10k-images-idx3-ubyte.gz";
    let csv = scratch.mlp(&format!("predict run/model.mlp {file} --format csv"));
    let classes = csv.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<u8>().unwrap());
    let right = classes.zip(sets.test.labels()).filter(|(class, label)| class == *label).count();
    assert_eq!(right as u64, report["correct"].as_u64().unwrap());
    assert!(csv.contains("set/t10k-images-idx3-ubyte.gz[1999],"));

    // A polarity is obeyed, although the images need no preprocessing.
    let inverted =
        scratch.mlp(&format!("predict run/model.mlp {file} --polarity dark-on-light --format csv"));
    assert!(inverted.lines().skip(1).all(|line| line.contains(",true,")), "{}", &inverted[..200]);
    let error = scratch.error("predict run/model.mlp set/t10k-labels-idx1-ubyte.gz");
    assert!(error.contains("is it a file of labels?") && error.lines().count() == 1, "{error}");
}

#[test]
fn a_picture_from_standard_input_is_shown_after_preprocessing() {
    let scratch = Scratch::trained(SMALL);
    let digits = synthetic::digits(1, 30, 3).test;
    let three = digits.labels().iter().position(|&label| label == 3).unwrap();
    write_pgm(&scratch.path("3.pgm"), digits.image(three), 2, true);
    let mut command = scratch.command("predict run/model.mlp - --show --top 2 --preprocessing digit");
    let output = command.stdin(fs::File::open(scratch.path("3.pgm")).unwrap()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 28 + 1 + 1 + 2, "{text}");
    assert!(lines[..28].iter().any(|line| line.contains("@@")) && lines[28].contains('%'), "{text}");
    assert_eq!(lines[30], "picture  class  probability  then");
    assert!(lines[31].starts_with("-        3      ") && lines[31].matches('%').count() == 2, "{text}");

    write_pgm(&scratch.path("white.pgm"), &[0; 784], 2, true);
    let table = scratch.mlp("predict run/model.mlp white.pgm");
    assert!(table.contains("(blank)"), "{table}");
}

#[test]
fn conflicting_flags_are_errors() {
    let scratch = Scratch::trained(SMALL);
    fs::create_dir(scratch.path("empty")).unwrap();
    for (flags, said) in [
        ("a.png --show --format csv", "--show works only with --format table"),
        ("a.png --preprocessing none --polarity auto", "--polarity has no effect with --preprocessing none"),
        ("- -", "`-` is given twice, but standard input has only one picture"),
        ("empty", "empty contains no pictures; expected files ending in .png"),
        ("none.png", "cannot open none.png"),
    ] {
        scratch.refuses(&format!("predict run/model.mlp {flags}"), &format!("error: {said}"));
    }
    let error = scratch.error("predict run/model.mlp a.png --polarity dark");
    assert!(error.contains("light-on-dark"), "{error}");
}

#[test]
fn several_digits_on_a_picture_are_reported_and_classified_one_by_one() {
    let scratch = Scratch::trained(SMALL);
    let digits = synthetic::digits(1, 20, 5).test;
    let level = |i: usize| {
        let (x, y) = (i % 56, i / 56);
        if (14..42).contains(&y) { digits.image(x / 28)[(y - 14) * 28 + x % 28] } else { 0 }
    };
    fs::write(scratch.path("two.pgm"), pgm(56, (0..56 * 56).map(level))).unwrap();
    let one = scratch.run("predict run/model.mlp two.pgm --format csv");
    assert_eq!(one.stdout.lines().count(), 2, "{}", one.stdout);
    assert!(one.stderr.contains("1 picture may show several digits, such as two.pgm; --segment"));
    let each = scratch.mlp("predict run/model.mlp two.pgm --format csv --segment");
    let names: Vec<&str> = each.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(names, ["two.pgm[0]", "two.pgm[1]"]);
}
