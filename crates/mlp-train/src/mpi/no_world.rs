//! [`World`] in a build without MPI: no process is ever connected to others.

use crate::mpi::{Launch, Ranks};
use crate::{Error, Number, Processes};

/// All ranks of an MPI job. There are none in a build without the feature `mpi`.
#[derive(Debug)]
pub enum World {}

impl World {
    /// Refuses to connect the ranks of a launch.
    ///
    /// # Errors
    /// [`Error::Ranks`].
    pub fn start(launch: &Launch) -> Result<Self, Error> {
        Err(Error::Ranks { variable: launch.variable, expected: launch.ranks, found: 1 })
    }

    /// Connects a training on all ranks.
    pub fn processes<A: Number>(&self, _shards: usize) -> Box<dyn Processes<A>> {
        match *self {}
    }
}

impl Ranks for World {
    fn rank(&self) -> usize {
        match *self {}
    }

    fn size(&self) -> usize {
        match *self {}
    }

    fn host(&self) -> String {
        match *self {}
    }

    fn send(&self, _: usize, _: &[u8]) {
        match *self {}
    }

    fn poll(&self) -> Option<(usize, Vec<u8>)> {
        match *self {}
    }

    fn abort(&self, _: u8) -> ! {
        match *self {}
    }
}
