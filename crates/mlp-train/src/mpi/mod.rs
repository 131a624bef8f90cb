//! Several processes, called ranks, that share work. [`launch`] tells from the environment whether
//! a launcher started several; with the feature `mpi`, `World` connects them. Only this module
//! knows MPI.

mod launch;
mod ranks;
#[cfg(feature = "mpi")]
mod world;

pub use launch::{Launch, launch};
pub use ranks::Ranks;
#[cfg(feature = "mpi")]
pub use world::World;
