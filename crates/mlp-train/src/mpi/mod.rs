//! Several processes, called ranks, that share work. [`launch`] tells from the environment whether
//! a launcher started several; with the feature `mpi`, [`World`] connects them. Only this module
//! knows MPI.

#[cfg(any(test, feature = "mpi"))]
mod all_reduce;
mod launch;
#[cfg(feature = "mpi")]
mod link;
mod message;
#[cfg(not(feature = "mpi"))]
mod no_world;
mod ranks;
#[cfg(test)]
mod tests;
#[cfg(feature = "mpi")]
mod world;

pub use launch::{Launch, launch};
pub use message::Message;
#[cfg(not(feature = "mpi"))]
pub use no_world::World;
pub use ranks::Ranks;
#[cfg(feature = "mpi")]
pub use world::World;
