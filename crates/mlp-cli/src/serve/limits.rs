//! All limits of the server. They are enforced where they apply: connections in `connections.rs`,
//! requests in `guard.rs`, bodies in `body.rs`, decoding in `predict.rs`.

use std::time::Duration;

/// The most that a client gets.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Size of a body in bytes.
    pub(crate) body: usize,
    /// Time for the head of a request, and for a connection to stay idle.
    pub(crate) head_time: Duration,
    /// Time for the body of a request.
    pub(crate) body_time: Duration,
    /// Time for a whole request, including the wait for a turn.
    pub(crate) request_time: Duration,
    /// Age of a connection. It also ends clients that do not read their answers.
    pub(crate) connection_time: Duration,
    /// Time for running requests to finish when the server shuts down.
    pub(crate) grace: Duration,
    /// Open connections; others wait to be accepted.
    pub(crate) connections: usize,
    /// Pictures decoded at the same time; each may take 256 MB.
    pub(crate) pictures: usize,
    /// Average requests per second and peer; 0 for no limit.
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
