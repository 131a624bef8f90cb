//! What somebody meets first: the overview, the versions, completions in a real bash, manual pages, and errors that say what to do next.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;

fn mlp(directory: &Path, flags: &str) -> Output {
    let mut command = Command::new(cargo_bin("mlp"));
    command.current_dir(directory).args(flags.split_whitespace()).output().unwrap()
}

fn stdout(flags: &str) -> String {
    let output = mlp(Path::new("."), flags);
    assert!(output.status.success(), "mlp {flags}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether there is a program of this name that can be run.
fn is_there(program: &str, flag: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn without_a_command_there_is_an_overview() {
    let overview = stdout("");
    assert_eq!(overview, stdout("--help"));
    for part in [
        "Usage: mlp <COMMAND>",
        "Train:\n  train ",
        "Evaluate:\n  eval ",
        "Use:\n",
        "mlp train --dataset synthetic",
    ] {
        assert!(overview.contains(part), "{part}: {overview}");
    }
}

#[test]
fn the_version_is_short_or_says_what_does_the_work() {
    let short = stdout("-V");
    assert!(short.starts_with("mlp 0.") && short.lines().count() == 1, "{short}");
    let long = stdout("--version");
    assert_eq!(long.lines().next(), short.lines().next());
    let names: Vec<&str> = long.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["backend", "kernels", "threads"], "{long}");
}

#[test]
fn a_misspelled_command_or_flag_gets_a_suggestion() {
    for (flags, suggestion) in
        [("trian", "'train'"), ("train --hiden 3", "'--hidden'"), ("data shwo", "'show'")]
    {
        let output = mlp(Path::new("."), flags);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(suggestion), "{stderr}");
    }
}

#[test]
fn bash_completes_commands_flags_and_values() {
    if !is_there("bash", "--version") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let script = scratch.path().join("mlp.bash");
    fs::write(&script, stdout("completions bash")).unwrap();
    // As the shell calls it: the words so far, and the number of the one that is being typed.
    let complete = |words: &[&str]| {
        let program = format!(
            ". '{}'; COMP_WORDS=({}); COMP_CWORD={}; _mlp mlp '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let output = Command::new("bash").args(["--norc", "-c", &program]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let replies = String::from_utf8(output.stdout).unwrap();
        replies.lines().map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(complete(&["mlp", "tra"]), ["train"]);
    assert_eq!(complete(&["mlp", "train", "--activation", "leaky"]), ["leaky-relu"]);
    assert_eq!(complete(&["mlp", "data", "sh"]), ["show"]);
    assert!(complete(&["mlp", "train", "--hid"]).contains(&"--hidden".to_owned()));
}

#[test]
fn there_are_completions_for_five_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&format!("completions {shell}"));
        assert!(script.contains("verify-resume") && script.contains("label-smoothing"), "{shell}");
        // Each shell that is here says whether it can read its own.
        if shell != "powershell" && shell != "elvish" && is_there(shell, "--version") {
            let scratch = tempfile::tempdir().unwrap();
            fs::write(scratch.path().join("script"), script).unwrap();
            let mut check = Command::new(shell);
            let output = check.arg("-n").arg(scratch.path().join("script")).output().unwrap();
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn every_command_has_a_manual_page_that_troff_can_set() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("share/man1");
    let output = mlp(scratch.path(), "man share/man1");
    assert!(output.status.success() && output.stdout.is_empty());
    let mut pages: Vec<_> = fs::read_dir(&directory).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    let names: Vec<_> = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["mlp.1", "mlp-train.1", "mlp-data.1", "mlp-data-show.1", "mlp-man.1"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let page = fs::read_to_string(directory.join("mlp-train.1")).unwrap();
    assert!(page.starts_with(".ie \\n(.g .ds Aq") || page.contains(".TH mlp-train 1"), "{page}");
    assert!(page.contains("\n.SH EXAMPLES\n.nf\n  mlp train  "), "{page}");
    if is_there("groff", "--version") {
        for page in pages {
            let set = Command::new("groff")
                .args(["-K", "utf8", "-man", "-Tutf8", "-ww", "-z"])
                .arg(&page)
                .output()
                .unwrap();
            let warnings = String::from_utf8_lossy(&set.stderr);
            assert!(set.status.success() && warnings.is_empty(), "{}: {warnings}", page.display());
        }
    }
    // Written again in its place; and not where there can be no directory.
    assert!(mlp(scratch.path(), "man share/man1").status.success());
    let refused = mlp(scratch.path(), "man share/man1/mlp.1");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("cannot make the directory"));
}

/// Runs `mlp FLAGS`, which must fail with one line, and returns it.
#[track_caller]
fn error(directory: &Path, flags: &str) -> String {
    let output = mlp(directory, flags);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    stderr
}

#[test]
fn errors_about_models_and_runs_say_what_to_do_next() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    assert!(error(here, "eval model.mlp").contains("no model is in runs/ yet; `mlp train` makes one"));
    assert!(error(here, "compare a b").contains("there are no runs yet; `mlp train` makes one"));
    assert!(error(here, "runs").contains("`mlp train` makes one"));

    let train = "train --quiet --dataset synthetic --hidden 4 --epochs 1 --batch-size 500";
    assert!(mlp(here, train).status.success());
    let model = "runs/synthetic/model.mlp";
    assert!(
        error(here, "eval model.mlp")
            .contains(&format!("no such file; expected a model file; there is {model}"))
    );
    // A run stands for its model; another directory does not.
    for of_run in ["eval", "summary"] {
        assert!(mlp(here, &format!("{of_run} runs/synthetic")).status.success(), "{of_run}");
    }
    assert!(
        error(here, "eval runs").contains(&format!("a directory; expected a model file; there is {model}"))
    );
    for other in ["checkpoint.mlp", "config.toml"] {
        let line = error(here, &format!("summary runs/synthetic/{other}"));
        assert!(
            line.contains("not a model file") && line.contains(&format!("; the run's model is {model}")),
            "{line}"
        );
    }
    assert!(error(here, "compare nothing nothing").contains("; there is runs/synthetic"));
    assert!(error(here, &format!("train --resume {model}")).contains("; the run is runs/synthetic"));
    assert!(!error(here, &format!("{train} --run-dir runs/synthetic")).contains("--resume"));

    // As if it had been killed before its end.
    fs::remove_file(here.join(model)).unwrap();
    fs::remove_file(here.join("runs/synthetic/result.json")).unwrap();
    let resume = "resume it with `mlp train --resume runs/synthetic`";
    assert!(error(here, &format!("eval {model}")).contains(resume));
    assert!(error(here, &format!("{train} --run-dir runs/synthetic")).contains(resume));
}
