//! What people look at: pictures and reports of runs and models, trained on the synthetic digits.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

fn mlp(directory: &Path, flags: &str) -> (Option<i32>, String) {
    let mut command = Command::cargo_bin("mlp").unwrap();
    let output = command.current_dir(directory).args(flags.split_whitespace()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[track_caller]
fn succeed(directory: &Path, flags: &str) -> String {
    let (code, stderr) = mlp(directory, flags);
    assert_eq!(code, Some(0), "mlp {flags}: {stderr}");
    stderr
}

const TRAIN: &str = "train --dataset synthetic --learning-rate 0.02 --quiet";

#[test]
fn every_figure_is_drawn_beside_what_it_shows_or_where_it_is_asked_for() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    succeed(at, &format!("{TRAIN} --epochs 2 --hidden 12 --validation 0.1 --run-dir runs/a --no-report"));
    succeed(at, &format!("{TRAIN} --epochs 1 --hidden 9,5 --precision f64 --run-dir runs/b"));
    for figure in ["confusion", "weights", "mistakes", "calibration", "embedding"] {
        for run in ["a", "b"] {
            let said = succeed(at, &format!("plot --{figure} runs/{run}"));
            assert_eq!(said, format!("plot runs/{run}/{figure}.svg\n"));
            let svg = fs::read_to_string(at.join(format!("runs/{run}/{figure}.svg"))).unwrap();
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{figure}");
        }
    }
    succeed(at, "plot runs/a runs/b --to both.png");
    assert!(fs::read(at.join("both.png")).unwrap().starts_with(b"\x89PNG"));
    // Runs go by their own names, as long as these tell them apart.
    fs::create_dir(at.join("other")).unwrap();
    fs::rename(at.join("runs/b"), at.join("other/a")).unwrap();
    succeed(at, &format!("plot {} --to one.svg", at.join("runs/a").display()));
    assert!(fs::read_to_string(at.join("one.svg")).unwrap().contains(">a: loss<"));
    succeed(at, "plot runs/a other/a --to two.svg");
    let svg = fs::read_to_string(at.join("two.svg")).unwrap();
    assert!(svg.contains("other/a") && svg.contains("runs/a"), "{svg}");
    succeed(at, "plot --mistakes runs/a/model.mlp --split train --count 3 --to few.svg");
    let svg = fs::read_to_string(at.join("few.svg")).unwrap();
    assert_eq!((svg.matches("<image ").count(), svg.matches("% confident").count()), (3, 3));
}

#[test]
fn the_report_of_a_run_needs_nothing_from_elsewhere() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    let run = "runs/it's_<b>";
    succeed(at, &format!("{TRAIN} --epochs 2 --hidden 12 --validation 0.1 --run-dir {run}"));
    let file = at.join(run).join("report.html");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("test accuracy, last epoch") && written.contains("; complete."), "{written}");
    assert_eq!(written.matches("<svg ").count(), 5, "curves, confusion, mistakes, calibration, weights");
    assert!(!written.contains("<b>'") && !written.contains("it's_<b>") && !written.contains("<script"));
    for address in written.split("href='").skip(1).chain(written.split("src=\"").skip(1)) {
        assert!(address.starts_with("data:image/png;base64,"), "{}", &address[..60.min(address.len())]);
    }
    // Of a namespace, not an address.
    assert_eq!(written.matches("http").count(), 5 + 1, "five SVGs and a meta http-equiv");
    assert!(written.contains(r"mlp train --recipe 'runs/it'\''s_&lt;b&gt;/config.toml'"), "{written}");
    // The same by the command, from the files alone.
    fs::remove_file(&file).unwrap();
    succeed(at, &format!("report {run}"));
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn a_run_without_a_model_has_a_report_too() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    let (code, _) =
        mlp(at, &format!("{TRAIN} --activation relu --epochs 3 --learning-rate 1e30 --run-dir runs/bad"));
    assert_eq!(code, Some(3));
    succeed(at, "report runs/bad --to bad.html");
    let written = fs::read_to_string(at.join("bad.html")).unwrap();
    assert!(written.contains("; diverged: ") && written.contains("no model yet"), "{written}");
    assert!(!at.join("runs/bad/report.html").exists());
}

#[test]
fn what_cannot_be_drawn_is_said_in_one_line() {
    let scratch = tempfile::tempdir().unwrap();
    let at = scratch.path();
    succeed(at, &format!("{TRAIN} --epochs 1 --hidden none --run-dir runs/none"));
    for (flags, expected) in [
        ("plot runs/none --to curves.gif", "unknown image format; expected a name ending in .svg or .png"),
        ("plot runs/nothing", "runs/nothing: "),
        ("plot --weights runs/none", "has no hidden layer"),
        ("plot --embedding runs/none/model.mlp", "has no hidden layer"),
        ("plot --mistakes runs/none --count 100000", "count is 100000; expected at most 3000"),
        ("plot --confusion runs/none/trace.csv", "runs/none/trace.csv: "),
        ("report runs", "runs: "),
    ] {
        let (code, stderr) = mlp(at, flags);
        assert!(code == Some(2) && stderr.contains(expected), "mlp {flags}: {code:?} {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    // A network without hidden units has a report all the same.
    let written = fs::read_to_string(at.join("runs/none/report.html")).unwrap();
    assert_eq!(written.matches("<svg ").count(), 4);
}
