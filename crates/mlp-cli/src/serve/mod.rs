//! The server behind `mlp serve`: a page to draw on, and the same answers for programs.
//!
//! ```text
//! connections ──▶ guard ──▶ router ──▶ predict ──▶ classifier
//! number, time    origin    routes     body        the model
//!                 rate                 turns
//!                 metrics
//! ```
//!
//! Each check is in a file of its own: [`origin`] decides whom a request is meant for, [`rate`]
//! counts requests per [`peer`], [`body`] reads bodies, and [`limits`] has the numbers. [`App`] is
//! the state that all requests share. Nothing here prints, and no request, whatever its bytes, makes
//! the server panic or answer 500.

mod answers;
mod app;
mod assets;
mod body;
mod classifier;
mod connections;
mod guard;
mod limits;
mod metrics;
mod origin;
mod peer;
mod predict;
mod problem;
mod rate;
mod router;
#[cfg(test)]
mod tests;

pub(crate) use app::App;
pub(crate) use connections::serve;
pub(crate) use limits::Limits;
pub(crate) use router::router;
