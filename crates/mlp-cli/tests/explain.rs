//! `mlp explain` as a person uses it, on the synthetic digits.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// A directory with a small model, `run/model.mlp`.
fn trained(flags: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let train = format!("train --dataset synthetic --epochs 1 --run-dir run --quiet {flags}");
    mlp(scratch.path(), &train).assert().success();
    scratch
}

fn mlp(directory: &Path, flags: &str) -> Command {
    let mut command = Command::cargo_bin("mlp").unwrap();
    command.current_dir(directory).args(flags.split_whitespace());
    command
}

#[track_caller]
fn output(directory: &Path, flags: &str) -> String {
    let output = mlp(directory, flags).output().unwrap();
    assert!(output.status.success(), "mlp {flags}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_example_is_explained_in_the_order_of_the_chapter_in_text_and_on_a_page() {
    let scratch = trained("--hidden 20");
    let text = output(scratch.path(), "explain run/model.mlp --sample 3");
    let mut rest = &text[..];
    let symbols = [
        "\nZ^h\n", "\nH\n", "\nZ^o\n", "\nŶ\n", "\nJ\n", "\nG1  ∂J/∂Z^o\n", "\nG2  ∂J/∂W^o\n", "\nG3  ∂J/∂b^o\n", "\nG4  ∂J/∂H\n",
        "\nG5  ∂J/∂Z^h\n", "\nG6  ∂J/∂W^h\n", "\nG7  ∂J/∂b^h\n", "\nOne step of descent\n",
    ];
    for symbol in symbols {
        let start = rest.find(symbol).unwrap_or_else(|| panic!("{symbol:?} in {rest}"));
        rest = &rest[start + symbol.len() - 1..];
    }
    assert!(text.contains("synthetic (test), sample 3") && text.contains("@@") && !text.contains("DISAGREES"), "{text}");
    // No terminal, nothing to wait for.
    assert_eq!(output(scratch.path(), "explain run/model.mlp --sample 3 --step"), text);
    let other = output(scratch.path(), "explain run/model.mlp --sample 3 --split train --learning-rate 0.5");
    assert!(other.contains("synthetic (train), sample 3") && other.contains("\n  0.05 "), "{other}");

    assert_eq!(output(scratch.path(), "explain run/model.mlp --sample 3 --html page.html"), "");
    let page = fs::read_to_string(scratch.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("data:image/png;base64,") && !page.contains("http:") && !page.contains("https:"));
}

#[test]
fn a_network_without_hidden_layers_is_explained_by_three_gradients() {
    let scratch = trained("--hidden none");
    let text = output(scratch.path(), "explain run/model.mlp");
    assert!(["G1  ", "G2  ∂J/∂W^o", "G3  "].iter().all(|label| text.contains(label)), "{text}");
    assert!(["G4", "G5", "G6", "G7"].iter().all(|label| !text.contains(label)), "{text}");
}

#[test]
fn what_cannot_be_explained_is_said_in_one_line() {
    use mlp_data::idx::{Idx, IdxData, write_idx};
    let scratch = trained("--hidden 5");
    let small = scratch.path().join("small");
    fs::create_dir(&small).unwrap();
    for (name, dimensions) in
        mlp_data::catalog::MNIST_FILE_NAMES.iter().zip([vec![2, 5, 5], vec![2], vec![2, 5, 5], vec![2]])
    {
        let bytes = vec![0; dimensions.iter().product()];
        write_idx(&small.join(name), &Idx::new(dimensions, IdxData::U8(bytes))).unwrap();
    }
    for (flags, expected) in [
        ("run/model.mlp --sample 999999", "sample 999999 of the test set of synthetic; expected 0 to "),
        ("run/model.mlp --learning-rate 0", "learning rate is 0; expected a finite number above 0"),
        ("run/model.mlp --learning-rate nan", "learning rate is NaN; expected a finite number above 0"),
        ("run/model.mlp --dataset small", "small: images of 5x5; the model takes images of 28x28"),
        ("run/config.toml", "run/config.toml: "),
        ("missing.mlp", "missing.mlp: "),
        ("run/model.mlp --html nowhere/page.html", "nowhere/page.html: cannot write the page"),
    ] {
        let output = mlp(scratch.path(), &format!("explain {flags}")).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags}: {stderr}");
        assert!(stderr.contains(expected) && stderr.lines().count() == 1, "{flags}: {stderr}");
    }
    let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
