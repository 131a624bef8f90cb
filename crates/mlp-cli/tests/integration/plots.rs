//! Plots and reports of models trained on the synthetic digits.

use std::fs;

use crate::common::Scratch;

const TRAIN: &str = "train --dataset synthetic --learning-rate 0.02 --quiet";

#[test]
fn plots_are_written_to_the_run_or_a_given_file() {
    let scratch = Scratch::new();
    scratch
        .succeeds(&format!("{TRAIN} --epochs 2 --hidden 12 --validation 0.1 --run-dir runs/a --no-report"));
    scratch.succeeds(&format!("{TRAIN} --epochs 1 --hidden 9,5 --precision f64 --run-dir runs/b"));
    for figure in ["confusion", "weights", "mistakes", "calibration", "embedding"] {
        for run in ["a", "b"] {
            let said = scratch.succeeds(&format!("plot --{figure} runs/{run}")).stderr;
            assert_eq!(said, format!("plot runs/{run}/{figure}.svg\n"));
            let svg = scratch.text(&format!("runs/{run}/{figure}.svg"));
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{figure}");
        }
    }
    scratch.succeeds("plot runs/a runs/b --to both.png");
    assert!(scratch.bytes("both.png").starts_with(b"\x89PNG"));
    // Runs are labeled by directory name, or by path if two names are equal.
    fs::create_dir(scratch.path("other")).unwrap();
    fs::rename(scratch.path("runs/b"), scratch.path("other/a")).unwrap();
    scratch.succeeds(&format!("plot {} --to one.svg", scratch.path("runs/a").display()));
    assert!(scratch.text("one.svg").contains(">a: loss<"));
    scratch.succeeds("plot runs/a other/a --to two.svg");
    let svg = scratch.text("two.svg");
    assert!(svg.contains("other/a") && svg.contains("runs/a"), "{svg}");
    scratch.succeeds("plot --mistakes runs/a/model.mlp --split train --count 3 --to few.svg");
    let svg = scratch.text("few.svg");
    assert_eq!((svg.matches("<image ").count(), svg.matches("% confident").count()), (3, 3));
}

#[test]
fn the_report_of_a_run_is_self_contained() {
    let scratch = Scratch::new();
    let run = "runs/it's_<b>";
    scratch.succeeds(&format!("{TRAIN} --epochs 2 --hidden 12 --validation 0.1 --run-dir {run}"));
    let file = scratch.path(run).join("report.html");
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("Test accuracy (last epoch)") && written.contains("Status: complete."),
        "{written}"
    );
    assert_eq!(written.matches("<svg ").count(), 5, "curves, confusion matrix, errors, calibration, weights");
    assert!(!written.contains("<b>'") && !written.contains("it's_<b>") && !written.contains("<script"));
    for address in written.split("href='").skip(1).chain(written.split("src=\"").skip(1)) {
        assert!(address.starts_with("data:image/png;base64,"), "{}", &address[..60.min(address.len())]);
    }
    // These are namespaces, not addresses.
    assert_eq!(written.matches("http").count(), 5 + 1, "five SVGs and a meta http-equiv");
    assert!(written.contains(r"mlp train --recipe 'runs/it'\''s_&lt;b&gt;/config.toml'"), "{written}");
    // `mlp report` writes the same report from the files.
    fs::remove_file(&file).unwrap();
    scratch.succeeds(&format!("report {run}"));
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn a_run_without_a_model_has_a_report() {
    let scratch = Scratch::new();
    let flags = format!("{TRAIN} --activation relu --epochs 3 --learning-rate 1e30 --run-dir runs/bad");
    assert_eq!(scratch.run(&flags).code, Some(3));
    scratch.succeeds("report runs/bad --to bad.html");
    let written = scratch.text("bad.html");
    assert!(
        written.contains("Status: diverged") && written.contains("No model to evaluate yet"),
        "{written}"
    );
    assert!(!scratch.path("runs/bad/report.html").exists());
}

#[test]
fn errors_of_plot_and_report_are_one_line() {
    let scratch = Scratch::new();
    scratch.succeeds(&format!("{TRAIN} --epochs 1 --hidden none --run-dir runs/none"));
    for (flags, expected) in [
        ("plot runs/none --to curves.gif", "unknown image format; expected a name ending in .svg or .png"),
        ("plot runs/nothing", "runs/nothing: "),
        ("plot --weights runs/none", "has no hidden layer"),
        ("plot --embedding runs/none/model.mlp", "has no hidden layer"),
        ("plot --mistakes runs/none --count 100000", "count is 100000; expected at most 3000"),
        ("plot --confusion runs/none/trace.csv", "runs/none/trace.csv: "),
        ("report runs", "runs: "),
    ] {
        scratch.refuses(flags, expected);
    }
    // A network without hidden units has a report too.
    let written = scratch.text("runs/none/report.html");
    assert_eq!(written.matches("<svg ").count(), 4);
}
