//! How much is taken from whom, and how long is waited for it: all limits of the server in one place. What is behind them is enforced where the
//! thing happens: connections in `connections.rs`, bodies in `predict.rs`, requests in `guard.rs`.

use std::time::Duration;

/// The most that a client gets.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of a picture.
    pub(crate) body: usize,
    /// How long the head of a request may take, and how long a connection may lie idle.
    pub(crate) head_time: Duration,
    /// How long its body may take.
    pub(crate) body_time: Duration,
    /// How long all of it may take, with the wait for a turn.
    pub(crate) request_time: Duration,
    /// How old a connection may become: a client that does not read its answers is rid of then.
    pub(crate) connection_time: Duration,
    /// How long running requests have to finish once the server has been told to end.
    pub(crate) grace: Duration,
    /// Connections at a time; the others wait to be accepted.
    pub(crate) connections: usize,
    /// Pictures that are decoded at a time: each may take 256 MB.
    pub(crate) pictures: usize,
    /// Requests a second from one address, in the long run; 0 for any number.
    pub(crate) rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            request_time: Duration::from_secs(20),
            connection_time: Duration::from_secs(120),
            grace: Duration::from_secs(10),
            connections: 256,
            pictures: 2,
            rate: 50,
        }
    }
}
