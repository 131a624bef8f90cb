//! Help, versions, completions in a real bash, man pages, and hints in errors.

use std::fs;
use std::process::{Command, Stdio};

use crate::common::Scratch;

fn stdout(flags: &str) -> String {
    Scratch::new().mlp(flags)
}

/// Returns true if a program is installed.
fn is_installed(program: &str, flag: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn mlp_without_a_command_prints_the_help() {
    let overview = stdout("");
    assert_eq!(overview, stdout("--help"));
    // The examples come first.
    let mut rest = &*overview;
    for part in [
        "Usage: mlp <COMMAND>\n",
        "\n\nExamples:\n  mlp train  ",
        "\n  mlp train --dataset synthetic ",
        "\n\nTrain:\n  train ",
        "\n\nEvaluate:\n  eval ",
        "\n\nUse:\n",
        "\n\nOptions:\n",
    ] {
        let found = rest.find(part).unwrap_or_else(|| panic!("{part:?}: {overview}"));
        rest = &rest[found + 1..];
    }
}

#[test]
fn the_long_version_shows_backend_kernels_and_threads() {
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
        let stderr = Scratch::new().error(flags);
        assert!(stderr.contains(suggestion), "{stderr}");
    }
}

#[test]
fn bash_completes_commands_flags_and_values() {
    if !is_installed("bash", "--version") {
        return;
    }
    let scratch = Scratch::new();
    let script = scratch.path("mlp.bash");
    fs::write(&script, stdout("completions bash")).unwrap();
    // Call the completion function like bash does.
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
fn completions_exist_for_five_shells() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&format!("completions {shell}"));
        assert!(script.contains("verify-resume") && script.contains("label-smoothing"), "{shell}");
        // If the shell is installed, let it check the syntax.
        if shell != "powershell" && shell != "elvish" && is_installed(shell, "--version") {
            let scratch = Scratch::new();
            fs::write(scratch.path("script"), script).unwrap();
            let mut check = Command::new(shell);
            let output = check.arg("-n").arg(scratch.path("script")).output().unwrap();
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn every_command_has_a_valid_man_page() {
    let scratch = Scratch::new();
    let directory = scratch.path("share/man1");
    assert_eq!(scratch.mlp("man share/man1"), "");
    let mut pages: Vec<_> = fs::read_dir(&directory).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort();
    let names: Vec<_> = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["mlp.1", "mlp-train.1", "mlp-data.1", "mlp-data-show.1", "mlp-man.1"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let page = fs::read_to_string(directory.join("mlp-train.1")).unwrap();
    assert!(page.starts_with(".ie \\n(.g .ds Aq") || page.contains(".TH mlp-train 1"), "{page}");
    assert!(page.contains("\n.SH EXAMPLES\n.nf\n  mlp train  "), "{page}");
    if is_installed("groff", "--version") {
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
    // Existing pages are replaced. A file instead of the directory is an error.
    scratch.mlp("man share/man1");
    assert!(scratch.error("man share/man1/mlp.1").contains("cannot create the directory"));
}

#[test]
fn errors_about_models_and_runs_have_hints() {
    let scratch = Scratch::new();
    scratch.refuses("eval model.mlp", "there is no model in runs/ yet; train one with `mlp train`");
    scratch.refuses("compare a b", "there are no runs yet; start one with `mlp train`");
    scratch.refuses("runs", "start one with `mlp train`");

    let train = "train --quiet --dataset synthetic --hidden 4 --epochs 1 --batch-size 500";
    scratch.mlp(train);
    let model = "runs/synthetic/model.mlp";
    scratch.refuses("eval model.mlp", &format!("no such file; expected a model file; available: {model}"));
    // A run directory can be used as a model; other directories cannot.
    for command in ["eval", "summary"] {
        scratch.mlp(&format!("{command} runs/synthetic"));
    }
    scratch.refuses("eval runs", &format!("a directory; expected a model file; available: {model}"));
    for other in ["checkpoint.mlp", "config.toml"] {
        let flags = format!("summary runs/synthetic/{other}");
        scratch.refuses(&flags, "not a model file");
        scratch.refuses(&flags, &format!("; the model of this run is {model}"));
    }
    scratch.refuses("compare nothing nothing", "; available: runs/synthetic");
    scratch.refuses(&format!("train --resume {model}"), "; the run is runs/synthetic");
    let again = format!("{train} --run-dir runs/synthetic");
    scratch.refuses(&again, "");
    assert!(!scratch.error(&again).contains("--resume"));

    // As if the run had been killed.
    fs::remove_file(scratch.path(model)).unwrap();
    fs::remove_file(scratch.path("runs/synthetic/result.json")).unwrap();
    let resume = "resume it with `mlp train --resume runs/synthetic`";
    scratch.refuses(&format!("eval {model}"), resume);
    scratch.refuses(&again, resume);
}
