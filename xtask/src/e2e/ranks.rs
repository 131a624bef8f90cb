//! Two MPI ranks: sweeps and trainings write the same files as one process, also after ranks of a
//! sweep were killed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::mlp::Mlp;
use crate::process;

/// A sweep whose runs use every kind of state in a checkpoint. Long enough to be killed.
const SWEEP: &str = "--dataset synthetic --hidden 40 --epochs 9 --optimizer adam --schedule one-cycle \
                     --loss-reduction mean --dropout 0.1 --ema-decay 0.99 --set batch_size=50 --random 9 \
                     --vary learning_rate=0.0005..0.05 --vary seed=1,2,3 --halving --quiet";
const RUNS: usize = 9;

/// Completed epochs of all runs together, after which a rank is killed.
const KILLS: [usize; 3] = [2, 9, 14];

/// `mpirun -n 2 mlp ARGS`, also as root and on one core.
fn mpirun(mlp: &Mlp, args: &str) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["-n", "2", "--oversubscribe"]).arg(mlp.program()).args(args.split_whitespace());
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.current_dir(mlp.scratch(""));
    command
}

pub(super) fn two_ranks_sweep_like_one_process(mlp: &Mlp) -> Result<String> {
    let alone = ranking(&mlp.succeed(&words(&format!("sweep {SWEEP} --sweep-dir alone")))?);
    let ranks = ranking(&process::stdout(&mut mpirun(mlp, &format!("sweep {SWEEP} --sweep-dir ranks")))?);
    ensure!(ranks == alone, "the ranking of two ranks:\n{}\nof one:\n{}", ranks.join("\n"), alone.join("\n"));
    same_files(mlp, "alone", "ranks")?;
    Ok(format!("{RUNS} runs, {} lines", ranks.len()))
}

pub(super) fn a_sweep_whose_ranks_are_killed_resumes_to_the_same_bits(mlp: &Mlp) -> Result<String> {
    let alone = ranking(&mlp.succeed(&words(&format!("sweep {SWEEP} --sweep-dir whole")))?);
    let mut kills = 0;
    loop {
        let is_begun = mlp.scratch("killed/sweep.toml").exists();
        let args = if is_begun {
            "sweep --resume killed --quiet".to_owned()
        } else {
            format!("sweep {SWEEP} --sweep-dir killed")
        };
        let mut command = mpirun(mlp, &args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start mpirun")?;
        if let Some(&after) = KILLS.get(kills) {
            while child.try_wait()?.is_none() && epochs(mlp, "killed") < after {
                thread::sleep(Duration::from_millis(2));
            }
            // The first rank, then the second one, and so on.
            if let Some(rank) = children(child.id()).get(kills % 2) {
                process::succeeds(Command::new("kill").args(["-KILL", &rank.to_string()]));
            }
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            let found = ranking(&process::text(&output.stdout));
            ensure!(found == alone, "after kills:\n{}\nexpected:\n{}", found.join("\n"), alone.join("\n"));
            break;
        }
        let stderr = process::text(&output.stderr);
        ensure!(kills < KILLS.len() && stderr.contains("signal 9"), "mpirun:\n{stderr}");
        kills += 1;
    }
    ensure!(kills > 0, "no rank was killed");
    same_files(mlp, "whole", "killed")?;
    Ok(format!("{kills} kills"))
}

pub(super) fn two_ranks_train_like_one_process(mlp: &Mlp) -> Result<String> {
    let train = "train --dataset synthetic --hidden 64,32 --shards 3 --epochs 3 --augment --dropout 0.1 --no-report \
                 --quiet --run-dir";
    mlp.succeed(&words(&format!("{train} single")))?;
    process::stdout(&mut mpirun(mlp, &format!("{train} shared")))?;
    for name in ["config.toml", "trace.csv", "model.mlp"] {
        let of = |run: &str| read(&mlp.scratch(&format!("{run}/{name}")));
        ensure!(of("single")? == of("shared")?, "shared/{name} differs from single's");
    }
    Ok(String::new())
}

pub(super) fn several_ranks_do_not_do_the_same_work(mlp: &Mlp) -> Result<String> {
    for (args, error) in [("train --dataset synthetic", "shards is 1"), ("gradcheck", "started 2 times")] {
        let output = process::capture(&mut mpirun(mlp, args))?;
        let stderr = process::text(&output.stderr);
        let errors = stderr.lines().filter(|line| line.starts_with(&format!("error: {error}"))).count();
        ensure!(output.status.code() == Some(2) && errors == 1, "{args}: {}:\n{stderr}", output.status);
    }
    ensure!(!mlp.scratch("runs").exists(), "it trained");
    Ok(String::new())
}

/// The number of completed epochs of all runs of a sweep.
fn epochs(mlp: &Mlp, sweep: &str) -> usize {
    let metrics = |number: usize| mlp.scratch(&format!("{sweep}/{number:03}/metrics.jsonl"));
    (1..=RUNS).map(|number| fs::read_to_string(metrics(number)).map_or(0, |text| text.lines().count())).sum()
}

fn words(args: &str) -> Vec<&str> {
    args.split_whitespace().collect()
}

/// The table of a sweep without its last column, the time.
fn ranking(table: &str) -> Vec<String> {
    let without_time =
        |line: &str| line.trim_end().rsplit_once("  ").map_or(line, |(rest, _)| rest).trim().to_owned();
    table.lines().map(without_time).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Compares the files of all runs that do not depend on time.
fn same_files(mlp: &Mlp, expected: &str, found: &str) -> Result<()> {
    for number in 1..=RUNS {
        for name in ["config.toml", "trace.csv", "model.mlp", "best.mlp"] {
            let of = |sweep: &str| read(&mlp.scratch(&format!("{sweep}/{number:03}/{name}")));
            ensure!(of(expected)? == of(found)?, "{found}/{number:03}/{name} differs from {expected}'s");
        }
    }
    Ok(())
}

/// The processes that a process has started, in the order of their numbers.
fn children(parent: u32) -> Vec<u32> {
    let parent_of = |id: u32| {
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse::<u32>().ok()
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<u32> = ids.filter(|&id| parent_of(id) == Some(parent)).collect();
    found.sort_unstable();
    found
}
