//! The launcher that started this process, as its environment variables tell: `mpirun` or `srun`.
//! Reading them needs no MPI, so a build without it can notice that it was started several times.

use std::env;

/// The processes that a launcher started together with this one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Launch {
    /// Number of processes.
    pub ranks: usize,
    /// The number of this process, from 0.
    pub rank: usize,
    /// The environment variable that holds the number of processes.
    pub variable: &'static str,
}

/// The variables for the number of processes and the number of this one, the most specific first:
/// Open MPI's `mpirun`; MPICH's, Intel's and PMI-2's; steps of `srun`. `SLURM_NTASKS` is not one of
/// them, because it is also set in batch scripts, which run once.
const VARIABLES: [(&str, &str); 3] = [
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
];

/// Returns the launcher's view of this process; `None` unless it started more than one.
///
/// # Example
/// ```
/// if let Some(launch) = mlp_train::mpi::launch() {
///     println!("process {} of {}", launch.rank, launch.ranks);
/// }
/// ```
pub fn launch() -> Option<Launch> {
    launch_in(|name| env::var(name).ok())
}

fn launch_in(variable: impl Fn(&str) -> Option<String>) -> Option<Launch> {
    let number = |name| variable(name)?.trim().parse().ok();
    let launch = VARIABLES.into_iter().find_map(|(size, rank)| {
        Some(Launch { ranks: number(size)?, rank: number(rank).unwrap_or(0), variable: size })
    })?;
    (launch.ranks > 1).then_some(launch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<(usize, usize)> {
        let get =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        launch_in(get).map(|launch| (launch.ranks, launch.rank))
    }

    #[test]
    fn several_processes_of_a_launcher_are_noticed() {
        assert_eq!(found(&[("OMPI_COMM_WORLD_SIZE", "8"), ("OMPI_COMM_WORLD_RANK", "3")]), Some((8, 3)));
        assert_eq!(found(&[("PMI_SIZE", "2"), ("PMI_RANK", "1")]), Some((2, 1)));
        let step = [("SLURM_NTASKS", "8"), ("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_PROCID", "2")];
        assert_eq!(found(&step), Some((4, 2)));
    }

    #[test]
    fn a_single_process_is_not_several() {
        // A batch script for eight tasks, in which the program runs once.
        assert_eq!(found(&[("SLURM_NTASKS", "8"), ("SLURM_PROCID", "0"), ("SLURM_JOB_ID", "7")]), None);
        assert_eq!(found(&[("OMPI_COMM_WORLD_SIZE", "1"), ("OMPI_COMM_WORLD_RANK", "0")]), None);
        // mpirun starts its helpers on other nodes with srun, whose variables are not about us.
        assert_eq!(found(&[("OMPI_COMM_WORLD_SIZE", "1"), ("SLURM_STEP_NUM_TASKS", "4")]), None);
        assert_eq!(found(&[("PMI_SIZE", "many")]), None);
        assert_eq!(found(&[]), None);
    }
}
