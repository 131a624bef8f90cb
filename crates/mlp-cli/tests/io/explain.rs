//! `mlp explain` on the synthetic digits.

use std::fs;

use crate::common::{SMALL, Scratch, write_dataset};
use mlp_train::{Model, Network};

/// Fails unless `text` contains these lines in this order.
#[track_caller]
fn assert_in_order(text: &str, symbols: &[&str]) {
    let mut lines = text.lines();
    for symbol in symbols {
        assert!(lines.any(|line| line == *symbol), "{symbol} in {text}");
    }
}

#[test]
fn an_example_is_explained_in_the_order_of_the_chapter() {
    let scratch = Scratch::trained(SMALL);
    let text = scratch.mlp("explain run/model.mlp --sample 3");
    let symbols = [
        "Z^h",
        "H",
        "Z^o",
        "Ŷ",
        "J",
        "G1  ∂J/∂Z^o",
        "G2  ∂J/∂W^o",
        "G3  ∂J/∂b^o",
        "G4  ∂J/∂H",
        "G5  ∂J/∂Z^h",
        "G6  ∂J/∂W^h",
        "G7  ∂J/∂b^h",
        "One gradient descent step",
    ];
    assert_in_order(&text, &symbols);
    assert!(text.contains("synthetic (test), sample 3") && text.contains("%%%%"), "{text}");
    assert!(!text.contains("DISAGREES") && !text.contains('\x1b'), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // Without a terminal, --step does not wait. A run can stand for its model.
    for same in ["run/model.mlp --sample 3 --step", "run --sample 3"] {
        assert_eq!(scratch.mlp(&format!("explain {same}")), text);
    }
    let other = scratch.mlp("explain run --sample 3 --split train --learning-rate 0.5");
    assert!(other.contains("synthetic (train), sample 3") && other.contains("\n  0.05 "), "{other}");
    let far = scratch.mlp("explain run --learning-rate 1e308");
    assert!(!far.contains("NaN") && !far.contains("inf"), "{far}");
}

#[test]
fn the_page_of_an_example_is_self_contained() {
    let scratch = Scratch::trained(SMALL);
    assert_eq!(scratch.mlp("explain run --sample 3 --html page.html"), "");
    let page = scratch.text("page.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    let images = page.matches("<img ").count();
    assert!(images > 20 && page.matches("src=\"data:image/png;base64,").count() == images, "{images}");
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
    for label in ["G1", "G2", "G3", "G4", "G5", "G6", "G7"] {
        assert!(page.contains(&format!("<span class=\"label\">{label}</span>")), "{label}");
    }
}

#[test]
fn networks_of_any_depth_and_precision_can_be_explained() {
    let scratch = Scratch::trained("--epochs 1 --hidden none --precision f64");
    let text = scratch.mlp("explain run");
    assert_in_order(&text, &["Z^o", "Ŷ", "J", "G1  ∂J/∂Z^o", "G2  ∂J/∂W^o", "G3  ∂J/∂b^o"]);
    assert!(["G4", "G5", "G6", "G7"].iter().all(|label| !text.contains(label)), "{text}");

    let scratch =
        Scratch::trained("--epochs 1 --hidden 9,7 --activation relu --dropout 0.1 --label-smoothing 0.1");
    let text = scratch.mlp("explain run");
    let symbols = [
        "Z^h1",
        "H¹",
        "Z^h2",
        "H²",
        "Z^o",
        "Ŷ",
        "J",
        "G4  ∂J/∂H²",
        "G2  ∂J/∂W^h2",
        "G4  ∂J/∂H¹",
        "G6  ∂J/∂W^h1",
    ];
    assert_in_order(&text, &symbols);
    assert!(text.contains("Training added dropout, label smoothing."), "{text}");
}

#[test]
fn an_imported_model_is_explained_with_the_default_learning_rate() {
    let scratch = Scratch::trained("--epochs 1 --hidden 6 --learning-rate 0.07");
    let mut model = Model::load(&scratch.path("run/model.mlp")).unwrap();
    assert!(scratch.mlp("explain run").contains("\n  0.07 "));
    model.metadata.config = None;
    model.metadata.class_names[3] = "a name longer than any terminal is wide, so that it is cut".repeat(3);
    model.save(&scratch.path("imported.mlp")).unwrap();
    let text = scratch.mlp("explain imported.mlp --sample 3");
    assert!(text.contains("The model was imported") && text.contains("learning rate, 0.01"), "{text}");
    assert!(text.contains("\n  0.01 ") && text.contains("\n  class 3 (a name longer than"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn errors_are_one_line_and_leave_nothing_behind() {
    let scratch = Scratch::trained("--epochs 1 --hidden 5");
    fs::create_dir(scratch.path("directory.html")).unwrap();
    write_dataset(&scratch.path("small"), [5, 5], [(&[0; 50], &[0, 0]); 2]);
    let mut model = Model::load(&scratch.path("run/model.mlp")).unwrap();
    let Network::F32(network) = &model.network else { panic!("f32 is the default") };
    let mut network = network.cast::<f64>();
    // The weights are finite, but their sums are not.
    network.layer_mut(1).0.fill(f64::MAX);
    model.network = Network::F64(network);
    model.save(&scratch.path("diverged.mlp")).unwrap();
    let before = scratch.count("");
    for (flags, expected) in [
        ("run/model.mlp --sample 999999", "sample 999999 of the test set of synthetic, which has "),
        ("run/model.mlp --learning-rate 0", "learning rate is 0; expected a finite number above 0"),
        ("run/model.mlp --learning-rate -0.1", "learning rate is -0.1; expected a finite number above 0"),
        ("run/model.mlp --learning-rate nan", "learning rate is NaN; expected a finite number above 0"),
        ("run/model.mlp --learning-rate inf", "learning rate is inf; expected a finite number above 0"),
        ("run/model.mlp --dataset small", "on small: images of 5x5"),
        ("run/config.toml", "run/config.toml: "),
        ("missing.mlp", "missing.mlp: "),
        ("small", "small: cannot read the model: a directory"),
        ("diverged.mlp", "diverged.mlp: z_o is not finite; expected a model whose training did not diverge"),
        ("diverged.mlp --html page.html", "diverged.mlp: z_o is not finite"),
        ("run --html nowhere/page.html", "nowhere/page.html: cannot write the page"),
        ("run --html directory.html", "directory.html: cannot write the page"),
    ] {
        scratch.refuses(&format!("explain {flags}"), expected);
    }
    assert_eq!(scratch.count(""), before);
    assert_eq!(scratch.count("directory.html"), 0);
}
