//! The HTTP server of `mlp serve`: a drawing page and a JSON API.
//!
//! ```text
//! connections ──▶ guard ──▶ router ──▶ predict ──▶ classifier
//! places, time    origin    routes     body, upload   the model
//!                 rate                 turns
//!                 metrics
//! ```
//!
//! [`App`] is the shared state, and [`limits`] has all limits. Nothing here prints. No request
//! makes the server panic or answer 500, whatever its bytes.

mod answers;
mod app;
mod assets;
mod body;
mod classifier;
mod connections;
mod content;
mod encoded;
mod form;
mod guard;
mod json;
mod limits;
mod metrics;
mod options;
mod origin;
mod peer;
mod places;
mod predict;
mod problem;
mod rate;
mod router;
#[cfg(test)]
mod tests;
mod turns;
mod upload;

pub(crate) use app::App;
pub(crate) use connections::serve;
pub(crate) use limits::Limits;
pub(crate) use origin::Hosts;
pub(crate) use router::router;
