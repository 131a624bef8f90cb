//! Trainings over the ranks of a [`World`].

use ::mpi::point_to_point::send_receive_into_with_tags;
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::Communicator;

use crate::mpi::all_reduce::{AllReduce, Link};
use crate::mpi::{Message, Ranks, World};
use crate::{Number, Processes};

/// The tag of numbers.
const NUMBERS: i32 = 3;

struct AllRanks(SimpleCommunicator);

impl Link for AllRanks {
    fn exchange<N: Message>(&mut self, to: usize, message: &[N], from: usize, received: &mut [N]) {
        let [to, from] = [to, from].map(|rank| self.0.process_at_rank(rank as i32));
        send_receive_into_with_tags(message, &to, NUMBERS, received, &from, NUMBERS);
    }
}

impl World {
    /// Connects a training with this many shards on all ranks, see
    /// [`Trainer::share`](crate::Trainer::share). A thread uses MPI for it: nobody else may, until
    /// the training is dropped.
    ///
    /// # Panics
    /// If there are fewer shards than ranks, or the system cannot start a thread.
    pub fn processes<A: Number>(&self, shards: usize) -> Box<dyn Processes<A>> {
        let connect = || AllRanks(SimpleCommunicator::world());
        Box::new(AllReduce::start(shards, self.rank(), self.size(), connect))
    }
}
