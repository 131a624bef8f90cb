//! Models carried to other tools and back, by the commands. What other tools make of the files is checked end to end.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// Exit code, standard output and standard error.
fn mlp(directory: &Path, flags: &str) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("mlp").unwrap();
    let output = command.current_dir(directory).args(flags.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[track_caller]
fn succeed(directory: &Path, flags: &str) -> String {
    let (code, stdout, stderr) = mlp(directory, flags);
    assert_eq!(code, Some(0), "mlp {flags}: {stderr}");
    stdout
}

/// A small model of the synthetic digits.
fn trained(directory: &Path) {
    succeed(
        directory,
        "train --dataset synthetic --hidden 12 --epochs 1 --activation tanh --learning-rate 0.02 --run-dir run --quiet --no-report",
    );
}

#[test]
fn a_model_comes_back_from_every_format_with_the_same_predictions() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    trained(at);
    let predictions = |model: &str| {
        succeed(at, &format!("export {model} --to {model}.csv"));
        fs::read_to_string(at.join(format!("{model}.csv"))).unwrap()
    };
    let expected = predictions("run/model.mlp");
    assert_eq!(expected.lines().count(), 1 + mlp_data::synthetic::TEST);
    for (file, flags) in [("m.safetensors", ""), ("m.npz", ""), ("m.onnx", ""), ("raw.onnx", "--raw-pixels")]
    {
        succeed(at, &format!("export run/model.mlp --to {file} {flags}"));
        succeed(at, &format!("import {file} --to {file}.mlp"));
        assert_eq!(predictions(&format!("{file}.mlp")), expected, "{file}");
        let summary = succeed(at, &format!("summary {file}.mlp"));
        assert!(summary.contains(&format!("imported from {file}")), "{summary}");
    }
}

#[test]
fn what_cannot_be_carried_is_said_in_one_line_and_nothing_is_left() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    trained(at);
    succeed(at, "export run/model.mlp --to m.npz");
    fs::write(at.join("torn.npz"), &fs::read(at.join("m.npz")).unwrap()[..400]).unwrap();
    fs::write(at.join("not.onnx"), "no graph").unwrap();
    fs::copy(at.join("run/model.mlp"), at.join("m.mlp")).unwrap();
    let before = fs::read_dir(at).unwrap().count();
    for (flags, expected) in [
        ("export run/model.mlp --to m.pt", "m.pt: "),
        ("export run/model.mlp --to x.npz --raw-pixels", "--raw-pixels is for ONNX"),
        ("export run/model.mlp --to x.npz --split test", "--dataset and --split are for predictions"),
        ("export none.mlp --to x.npz", "none.mlp: "),
        ("import torn.npz --to x.mlp", "torn.npz: "),
        ("import not.onnx --to x.mlp", "not.onnx: "),
        ("import m.npz", "m.mlp: exists already"),
        ("import m.npz --to x.mlp --activation relu", "m.npz: "),
        ("import none.npz --to x.mlp", "none.npz: cannot read it"),
    ] {
        let (code, stdout, stderr) = mlp(at, flags);
        assert!(code == Some(2) && stderr.contains(expected), "mlp {flags}: {code:?} {stderr}");
        assert_eq!((stderr.lines().count(), stdout.as_str()), (1, ""), "mlp {flags}: {stderr}");
        assert_eq!(fs::read_dir(at).unwrap().count(), before, "mlp {flags} left something");
    }
}
