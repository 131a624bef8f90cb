//! The server behind `mlp serve`: a page to draw on, and the same answers for programs.
//!
//! ```text
//! connections ──▶ guard ──▶ router ──▶ predict ──▶ App (the model)
//! (time, number)  (host, rate, headers, metrics)
//! ```
//!
//! [`connections`] accepts and knows time; [`guard`] stands before every route and decides who is let in; [`router`](mod@router) knows what is where; [`predict`]
//! takes a request apart and [`answers`] is what programs get to read. [`App`] is what all of them share. Nothing here prints, and no request,
//! whatever its bytes, makes the server panic or answer with 500.

mod answers;
mod app;
mod assets;
mod connections;
mod guard;
mod hosts;
mod limits;
mod metrics;
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
