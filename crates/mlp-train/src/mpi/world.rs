//! [`Ranks`] over MPI. No type of the crate `mpi` leaves this file.

use ::mpi::Threading;
use ::mpi::environment::{Universe, processor_name};
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{Communicator, Destination, Source};

use crate::Error;
use crate::mpi::{Launch, Ranks};

/// Maximum length of an MPI message: MPI counts in 32 bits.
const CHUNK: usize = 1 << 28;

/// The tags of the length of a message and of its chunks.
const LENGTH: i32 = 1;
const CONTENT: i32 = 2;

/// All ranks of an MPI job. Errors of MPI, such as a lost rank, end the whole job; so does a rank
/// that ends without dropping its `World`.
pub struct World {
    communicator: SimpleCommunicator,
    // Dropped last: it ends MPI, after all ranks have arrived there.
    _universe: Universe,
}

impl World {
    /// Connects the ranks of a launch. No two threads may use MPI at the same time.
    ///
    /// # Errors
    /// [`Error::Ranks`] if MPI connects other ranks than the launcher started: then each would do
    /// the whole work.
    ///
    /// # Panics
    /// If it is called twice.
    pub fn start(launch: &Launch) -> Result<Self, Error> {
        let (universe, _) =
            ::mpi::initialize_with_threading(Threading::Serialized).expect("MPI is started only once");
        let communicator = universe.world();
        let found = communicator.size() as usize;
        if found != launch.ranks {
            return Err(Error::Ranks { variable: launch.variable, expected: launch.ranks, found });
        }
        Ok(Self { communicator, _universe: universe })
    }
}

/// Ends MPI, unless this rank panics: then the others would wait for it forever.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort(101);
        }
    }
}

impl Ranks for World {
    fn rank(&self) -> usize {
        self.communicator.rank() as usize
    }

    fn size(&self) -> usize {
        self.communicator.size() as usize
    }

    fn host(&self) -> String {
        processor_name().unwrap_or_else(|_| "unnamed".to_owned())
    }

    fn send(&self, to: usize, message: &[u8]) {
        let other = self.communicator.process_at_rank(to as i32);
        other.send_with_tag(&(message.len() as u64), LENGTH);
        message.chunks(CHUNK).for_each(|chunk| other.send_with_tag(chunk, CONTENT));
    }

    fn poll(&self) -> Option<(usize, Vec<u8>)> {
        let status = self.communicator.any_process().immediate_probe_with_tag(LENGTH)?;
        let other = self.communicator.process_at_rank(status.source_rank());
        let mut length = 0_u64;
        other.receive_into_with_tag(&mut length, LENGTH);
        let mut message = vec![0; length as usize];
        for chunk in message.chunks_mut(CHUNK) {
            other.receive_into_with_tag(chunk, CONTENT);
        }
        Some((status.source_rank() as usize, message))
    }

    fn abort(&self, code: u8) -> ! {
        self.communicator.abort(code.into())
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.size())
    }
}
