//! `cargo xtask bench`: the time of an epoch, ours and other programs', measured in one run. This file decides what is measured and
//! prints it. Who takes part is in `contenders`, with what libraries in `library`, on which sizes in `workloads`; `turns`,
//! `measure`, `dense` and `whole` measure; `machine` says on what; `tables` and `targets` make text of it.

mod contenders;
mod dense;
mod library;
mod machine;
mod measure;
mod tables;
mod targets;
mod turns;
mod whole;
mod workloads;

use anyhow::Result;
use clap::{Args, ValueEnum};

use self::contenders::{Commands, Contender, Precision, ours};
use self::library::Library;
use self::machine::SgemmPeak;
use crate::python::Environment;
use crate::workspace::Workspace;
use crate::{fetch, setup};

/// Who takes part, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Other libraries, too, all or those named here; pip installs them into a virtual environment under target/. With them come
    /// other sizes of network and batch, and the table of targets.
    #[arg(long, value_name = "LIBRARIES", num_args = 0.., value_delimiter = ',')]
    peers: Option<Vec<Library>>,
    /// 50 epochs from start to exit as well, with the memory they take, against the chapter's NumPy program.
    #[arg(long, requires = "peers")]
    whole: bool,
    /// Runs of each program on the chapter's sizes; they take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Epochs that are timed in each of these runs; the one before them, with all start-up in it, is not.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
}

/// Measures and prints, in Markdown.
///
/// # Errors
/// When our own program cannot be built or fails, or the sgemm peak cannot be measured. A peer that fails is left out.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let backend = setup::ensure();
    fetch::fetch(&["mnist"], &workspace.data_dir())?;
    let machine = machine::describe(backend);
    let workload = workloads::chapter(options.repetitions, options.epochs);
    let cores = machine::cores();
    let mut contenders =
        vec![ours(Precision::F32, cores), ours(Precision::F32, 1), ours(Precision::F64, cores)];
    if cores == 1 {
        contenders.remove(1);
    }

    let Some(libraries) = &options.peers else {
        let commands = Commands::new(workspace, backend, None)?;
        let measured = turns::measure(&commands, &workload, &contenders, cores)?;
        print!("{machine}\n\n{}", tables::main_part(&workload, &measured));
        return Ok(());
    };

    let python = environment(workspace)?;
    let (peers, not_installed) = install(&python, libraries);
    let versions = library::versions(&python)?;
    let commands = Commands::new(workspace, backend, Some(python))?;
    // Before all that takes minutes, because it can fail.
    let peak = SgemmPeak::measure(&commands)?;
    println!("{machine}; {versions}\n{}", tables::left_out(&not_installed));

    contenders.extend(&peers);
    let measured = turns::measure(&commands, &workload, &contenders, cores)?;
    println!("{}", tables::main_part(&workload, &measured));
    let mut targets = targets::of_main(&workload, &measured.rows, peak);

    let mut in_f32 = vec![ours(Precision::F32, cores)];
    in_f32.extend(peers.iter().filter(|peer| peer.precision == Precision::F32));
    let mut others = Vec::new();
    for workload in workloads::OTHERS {
        others.push((workload, turns::measure(&commands, &workload, &in_f32, cores)?));
    }
    println!("{}", tables::others_part(&others));
    targets.extend(targets::of_others(&others));

    targets.extend(targets::of_dense(&dense::measure(&commands, &workloads::DENSE, cores)?));

    if options.whole {
        let (rows, left_out) = whole::measure(&commands)?;
        println!("{}{}", tables::whole_table(&rows), tables::left_out(left_out.as_slice()));
        targets.extend(targets::of_whole(&rows));
    }
    print!("{}", targets::table(&targets));
    Ok(())
}

/// The Python of the peers.
fn environment(workspace: &Workspace) -> Result<Environment> {
    Environment::prepare(workspace, "bench")
}

/// The Python of the peers with PyTorch in it, for whoever else needs that: it is gigabytes.
///
/// # Errors
/// When it cannot be installed.
pub(crate) fn pytorch(workspace: &Workspace) -> Result<Environment> {
    let python = environment(workspace)?;
    Library::Pytorch.install(&python)?;
    Ok(python)
}

/// The peers of those libraries that can be installed, and a line for each that cannot. No name means all of them.
fn install(python: &Environment, libraries: &[Library]) -> (Vec<Contender>, Vec<String>) {
    let (mut peers, mut left_out) = (Vec::new(), Vec::new());
    let wanted = |library: &&Library| libraries.is_empty() || libraries.contains(library);
    for &library in Library::value_variants().iter().filter(wanted) {
        match library.install(python) {
            Ok(()) => peers.extend(library.peers()),
            Err(error) => {
                let line = format!("{}: {error:#}", library.name());
                eprintln!("bench: left out: {line}");
                left_out.push(line);
            }
        }
    }
    (peers, left_out)
}
