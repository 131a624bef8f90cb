//! The settings of a fetch, [`FetchOptions`].

use std::path::PathBuf;
use std::time::Duration;

/// The settings of a fetch. The defaults suit everything but tests and unusual networks.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// The time limits for resolving a host name and for connecting.
    pub connect_timeout: Duration,
    /// How long a server may send nothing before the attempt fails.
    pub stall_timeout: Duration,
    /// The number of attempts in a row that may break off without progress before a URL is given
    /// up. Each attempt resumes where the previous one stopped. A server that is unreachable or
    /// refuses is tried once.
    pub attempts: u32,
    /// The pause before the second attempt, doubled for each further one without progress.
    pub pause: Duration,
    /// Base URLs instead of the catalog's, with or without a trailing `/`: `https://`, or `http://`
    /// on the loopback interface.
    pub mirrors: Option<Vec<String>>,
    /// Try packages if the mirrors fail.
    pub packages: bool,
    /// The directory of the package clients, instead of the `PATH`.
    pub clients: Option<PathBuf>,
    /// The time limit of a package client.
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
