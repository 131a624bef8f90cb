//! Processes started together, as by `mpirun`. What several of them do with MPI is an end-to-end
//! check of xtask.

use std::time::Instant;

use crate::common::{Output, SMALL, Scratch, finish};

fn run(scratch: &Scratch, flags: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = scratch.command(flags);
    command.envs(variables.iter().copied());
    finish(command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap())
}

#[test]
fn several_processes_do_not_train_the_same_thing() {
    let scratch = Scratch::new();
    let train = format!("train --dataset synthetic {SMALL} --no-report --quiet --run-dir run");
    let alone = if cfg!(feature = "mpi") { "runs" } else { &train };
    let mpirun = |rank| [("OMPI_COMM_WORLD_SIZE", "8"), ("OMPI_COMM_WORLD_RANK", rank)];
    let Output { code, stdout, stderr } = run(&scratch, alone, &mpirun("0"));
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{stderr}");
    assert!(stderr.starts_with("error: started 8 times (OMPI_COMM_WORLD_SIZE is 8), and this "), "{stderr}");
    assert!(stderr.contains("unset OMPI_COMM_WORLD_SIZE"), "{stderr}");
    // Only the first of them prints it. The others leave it time to, before the launcher ends it.
    let began = Instant::now();
    let Output { code, stdout, stderr } = run(&scratch, alone, &mpirun("5"));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(2), "", ""));
    assert!(began.elapsed().as_millis() >= 500);
    let srun = [("SLURM_STEP_NUM_TASKS", "3"), ("SLURM_PROCID", "0")];
    for command in ["eval run", "runs", "data info"] {
        let stderr = run(&scratch, command, &srun).stderr;
        assert!(stderr.starts_with("error: started 3 times (SLURM_STEP_NUM_TASKS is 3)"), "{stderr}");
    }
    if !cfg!(feature = "mpi") {
        let sweep = run(&scratch, "sweep --dataset synthetic --vary seed=1,2", &srun);
        assert!(sweep.code == Some(2) && sweep.stderr.contains("build it with `--features mpi`"));
    }
    assert_eq!(scratch.count(""), 0, "something was written");

    // A batch script runs once, even if its job has several tasks.
    let batch = [("SLURM_NTASKS", "8"), ("SLURM_PROCID", "0"), ("SLURM_JOB_ID", "1")];
    assert_eq!(run(&scratch, &train, &batch).code, Some(0));
    assert_eq!(run(&scratch, "eval run", &[("OMPI_COMM_WORLD_SIZE", "1")]).code, Some(0));
}
