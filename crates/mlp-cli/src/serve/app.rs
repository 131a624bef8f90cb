//! The state shared by all requests.

use mlp_train::Model;

use super::classifier::Classifier;
use super::limits::Limits;
use super::metrics::Metrics;
use super::origin::Hosts;
use super::rate::RateLimiter;
use super::turns::Turns;

/// The state of the server.
pub(crate) struct App {
    pub(super) classifier: Classifier,
    pub(super) limits: Limits,
    pub(super) rate: RateLimiter,
    pub(super) metrics: Metrics,
    pub(super) turns: Turns,
    pub(super) hosts: Hosts,
}

impl App {
    /// Creates the state of a server that answers under these names.
    pub(crate) fn new(model: Model, limits: Limits, hosts: Hosts) -> Self {
        Self {
            rate: RateLimiter::new(limits.rate),
            metrics: Metrics::new(&model),
            turns: Turns::new(limits.pictures),
            limits,
            hosts,
            classifier: Classifier::new(model),
        }
    }
}
