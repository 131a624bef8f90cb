//! Pictures: charts as SVG and PNG, and images drawn in the terminal.
//!
//! Everything here is pure: a description goes in, text or bytes come out, and the caller writes them where they belong. A
//! figure is made in three steps that know nothing of each other:
//!
//! ```text
//! numbers ──descend──▶ Chart ──render──▶ Drawing (an SVG document) ──png──▶ PNG
//! ```
//!
//! A new figure is a new function that returns a [`Drawing`]. Where it has axes it describes a [`chart::Chart`], and gets ticks, legend and the light and
//! dark colors without further code; a figure that is no chart (a gallery, a matrix of cells) starts one step later and draws on the same
//! [`svg`] document. Images of pixels are a [`raster`]. Terminal pictures stand apart, in [`terminal`].

mod calibration;
pub(crate) mod chart;
mod confusion;
mod curves;
mod descend;
mod drawing;
mod embedding;
mod gallery;
mod png;
mod projection;
mod range;
mod raster;
mod render;
mod svg;
mod terminal;
mod text;
mod ticks;

pub(crate) use calibration::calibration;
pub(crate) use confusion::confusion;
pub(crate) use curves::{Curves, curves};
pub(crate) use descend::{descent_chart, loss_chart};
pub(crate) use drawing::Drawing;
pub(crate) use embedding::embedding;
pub(crate) use gallery::{Shown, mistakes, unit_images, weights};
pub(crate) use range::range_chart;
pub(crate) use raster::Raster;
pub(crate) use terminal::{Colors, Tile, columns, draw_tiles};
pub(crate) use ticks::superscript;
