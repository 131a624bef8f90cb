//! The state shared by all requests.

use std::sync::Arc;

use mlp_train::Model;
use tokio::sync::Semaphore;

use super::classifier::Classifier;
use super::limits::Limits;
use super::metrics::Metrics;
use super::rate::RateLimiter;

/// The state of the server.
pub(crate) struct App {
    pub(super) classifier: Classifier,
    pub(super) limits: Limits,
    pub(super) rate: RateLimiter,
    pub(super) metrics: Metrics,
    /// Limits how many pictures are decoded at the same time.
    pub(super) turns: Arc<Semaphore>,
    /// Refuse requests that name another host.
    pub(super) is_local: bool,
}

impl App {
    /// Creates the state; `is_local` if the server listens on loopback.
    pub(crate) fn new(model: Model, limits: Limits, is_local: bool) -> Self {
        Self {
            rate: RateLimiter::new(limits.rate),
            metrics: Metrics::new(&model),
            turns: Arc::new(Semaphore::new(limits.pictures)),
            limits,
            is_local,
            classifier: Classifier::new(model),
        }
    }
}
