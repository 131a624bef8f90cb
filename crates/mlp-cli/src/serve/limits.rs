//! All limits of the server. They are enforced in `connections.rs`, `guard.rs`, `body.rs`,
//! `upload.rs` and `turns.rs`.

use std::time::Duration;

/// The limits of the server.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Maximum size of a body in bytes: a photograph of a phone, also in base64.
    pub(crate) body: usize,
    /// Maximum size of a body in bytes that is received at once. Few larger ones are in memory at
    /// the same time; see `turns.rs`.
    pub(crate) small_body: usize,
    /// Maximum time to receive the head of a request, and maximum idle time.
    pub(crate) head_time: Duration,
    /// Maximum time to receive a body, without the wait of a large one for its turn.
    pub(crate) body_time: Duration,
    /// Maximum time for a request, including the wait to decode its picture.
    pub(crate) request_time: Duration,
    /// Maximum age of a connection. It also applies to clients that do not read their answers.
    pub(crate) connection_time: Duration,
    /// Time for running requests to finish during shutdown.
    pub(crate) grace: Duration,
    /// Maximum number of open connections. Beyond it, the client with the most loses its idlest.
    pub(crate) connections: usize,
    /// Maximum number of small pictures decoded at the same time, beside one large picture; see
    /// `turns.rs`.
    pub(crate) pictures: usize,
    /// Average number of requests per second and peer; 0 for no limit.
    pub(crate) rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 16 << 20,
            small_body: 1 << 20,
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
