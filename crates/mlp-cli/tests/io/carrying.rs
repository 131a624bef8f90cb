//! Exporting and importing models. xtask tests the exported files with other frameworks.

use std::fs;

use crate::common::Scratch;
use mlp_data::{Datasets, Polarity, Preprocessing};
use mlp_train::{Model, Network};

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
fn a_dataset_in_a_directory_says_what_a_file_does_not() {
    let scratch = Scratch::new();
    let digits = mlp_data::synthetic::digits(60, 20, 0);
    let names: Vec<String> = (0..10).map(|class| format!("n{class}")).collect();
    let polarity = Polarity::DarkOnLight;
    let sets =
        Datasets { class_names: names.clone(), polarity, preprocessing: Preprocessing::Digit, ..digits };
    sets.write_dir(&scratch.path("sets/mine"), "a test", false).unwrap();
    scratch.mlp("train --dataset synthetic --hidden 5 --epochs 1 --run-dir run --no-report --quiet");
    // A file without metadata.
    let network = Model::load(&scratch.path("run/model.mlp")).unwrap().network;
    let Network::F32(network) = network else { panic!("f32") };
    fs::write(scratch.path("m.safetensors"), network.to_safetensors(&[])).unwrap();

    let said = scratch.succeeds("import m.safetensors --dataset sets/mine --activation logistic").stderr;
    assert!(
        said.contains("from sets/mine: class names, image size, preprocessing, polarity\n")
            && !said.contains("assumed: class names")
            && !said.contains("assumed: preprocessing"),
        "{said}"
    );
    let metadata = Model::load(&scratch.path("m.mlp")).unwrap().metadata;
    assert_eq!((metadata.class_names, metadata.preprocessing), (names, Preprocessing::Digit));
    assert_eq!((metadata.polarity, &*metadata.dataset), (polarity, "sets/mine"));
    scratch.succeeds("eval m.mlp");

    // Flags override it.
    let flags = "--class-names a,b,c,d,e,f,g,h,i,j --preprocessing whole --polarity auto --to o.mlp";
    let import = "import m.safetensors --activation logistic";
    let said = scratch.succeeds(&format!("{import} --dataset sets/mine {flags}")).stderr;
    assert!(said.contains("from sets/mine: image size\n"), "{said}");
    let metadata = Model::load(&scratch.path("o.mlp")).unwrap().metadata;
    assert_eq!((&*metadata.class_names[9], metadata.preprocessing), ("j", Preprocessing::Whole));
    assert_eq!(metadata.polarity, Polarity::Auto);

    // What does not fit is not taken, and what does not exist is refused.
    crate::common::write_dataset(&scratch.path("two"), [28, 28], [(&[0; 1568], &[0, 1]), (&[0; 784], &[1])]);
    let said = scratch.succeeds(&format!("{import} --dataset two --to p.mlp")).stderr;
    assert!(
        said.contains("nothing is taken from two: it has 2 classes, and the network 10 outputs"),
        "{said}"
    );
    scratch.refuses(&format!("{import} --dataset minst --to q.mlp"), "did you mean \"mnist\"?");
    scratch.refuses(&format!("{import} --dataset sets --to q.mlp"), "sets is not a dataset");
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
