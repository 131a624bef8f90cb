//! Pictures: charts as SVG and PNG, and images drawn in the terminal.
//!
//! Everything here is pure: a description goes in, text or bytes come out, and the caller writes them where they belong. A
//! figure is made in three steps that know nothing of each other:
//!
//! ```text
//! numbers ──descend──▶ Chart ──render──▶ SVG ──png──▶ PNG
//! ```
//!
//! A new figure is a new function that returns a [`chart::Chart`]; it gets both formats, the light and dark colours, ticks and legend
//! without further code. A figure that is no chart (a gallery, a matrix of cells) starts one step later and draws on the same
//! [`svg`] document. Terminal pictures stand apart, in [`terminal`].

pub(crate) mod chart;
mod descend;
mod png;
mod projection;
mod range;
mod render;
mod svg;
mod terminal;
mod text;
mod ticks;

pub(crate) use chart::Chart;
pub(crate) use descend::{descent_chart, loss_chart};
pub(crate) use png::to_png;
pub(crate) use range::range_chart;
pub(crate) use render::to_svg;
pub(crate) use terminal::{Colours, Tile, draw_tiles};
