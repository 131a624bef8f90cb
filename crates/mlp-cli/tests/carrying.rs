//! Exporting and importing models. xtask tests the exported files with other frameworks.

mod common;

use std::fs;

use common::Scratch;

/// Not the default activation, so that a format cannot lose it unnoticed.
const FLAGS: &str = "--hidden 12 --epochs 1 --activation tanh --learning-rate 0.02";

#[test]
fn exporting_and_importing_a_model_keeps_its_predictions() {
    let scratch = Scratch::trained(FLAGS);
    let predictions = |model: &str| {
        scratch.mlp(&format!("export {model} --to {model}.csv"));
        scratch.text(&format!("{model}.csv"))
    };
    let expected = predictions("run/model.mlp");
    assert_eq!(expected.lines().count(), 1 + mlp_data::synthetic::TEST);
    for (file, flags) in [("m.safetensors", ""), ("m.npz", ""), ("m.onnx", ""), ("raw.onnx", "--raw-pixels")]
    {
        scratch.mlp(&format!("export run/model.mlp --to {file} {flags}"));
        scratch.mlp(&format!("import {file} --to {file}.mlp"));
        assert_eq!(predictions(&format!("{file}.mlp")), expected, "{file}");
        let summary = scratch.mlp(&format!("summary {file}.mlp"));
        assert!(summary.contains(&format!("imported from {file}")), "{summary}");
    }
}

#[test]
fn errors_of_export_and_import_are_one_line_and_leave_no_files() {
    let scratch = Scratch::trained(FLAGS);
    scratch.mlp("export run/model.mlp --to m.npz");
    fs::write(scratch.path("torn.npz"), &scratch.bytes("m.npz")[..400]).unwrap();
    fs::write(scratch.path("not.onnx"), "no graph").unwrap();
    fs::copy(scratch.path("run/model.mlp"), scratch.path("m.mlp")).unwrap();
    let before = scratch.count("");
    for (flags, expected) in [
        ("export run/model.mlp --to m.pt", "m.pt: "),
        ("export run/model.mlp --to x.npz --raw-pixels", "--raw-pixels is only for ONNX"),
        ("export run/model.mlp --to x.npz --split test", "--dataset and --split are only for CSV"),
        ("export none.mlp --to x.npz", "none.mlp: "),
        ("import torn.npz --to x.mlp", "torn.npz: "),
        ("import not.onnx --to x.mlp", "not.onnx: "),
        ("import m.npz", "m.mlp: already exists"),
        ("import m.npz --to x.mlp --activation relu", "m.npz: "),
        ("import none.npz --to x.mlp", "none.npz: cannot read the file"),
    ] {
        scratch.refuses(flags, expected);
        assert_eq!(scratch.count(""), before, "mlp {flags} left files behind");
    }
}
