//! Messages between ranks, as a trait, so that code that uses them can be tested without MPI.

/// The ranks of a job, seen from one of them.
pub trait Ranks {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// The name of the host that this rank runs on.
    fn host(&self) -> String;

    /// Sends a message. May wait until the other rank receives it. Messages between two ranks
    /// arrive in order.
    fn send(&self, to: usize, message: &[u8]);

    /// Receives a message if one has arrived, and returns it with its sender. Does not wait.
    fn poll(&self) -> Option<(usize, Vec<u8>)>;

    /// Ends all ranks at once, because this one cannot continue.
    fn abort(&self, code: u8) -> !;
}
