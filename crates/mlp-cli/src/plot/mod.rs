//! Plots as SVG and PNG. Everything except [`save`] is pure.
//!
//! ```text
//!                                                  ┌─svg──▶ SVG
//! data ──curves, …──▶ Chart ──render──▶ Drawing ──┤
//!                                                  └─png──▶ PNG
//! ```
//!
//! To add a plot with axes, describe it as a [`chart::Chart`]; ticks, legend, and light and dark
//! colors come for free. A plot without axes adds its own shapes to a [`Drawing`].
//!
//! We tried plotters 0.3 first. Its SVGs have no dark mode and snap curves to whole pixels, its
//! bitmaps have jagged circles, its legends cover data, and its font stack is unmaintained
//! (RUSTSEC-2026-0192). tiny-skia and skrifa draw the PNGs (27 crates, 70 s of CPU time to build);
//! resvg contains both but is twice as large (59 crates, 126 s).

mod augmented;
mod calibration;
mod chart;
mod confusion;
mod curves;
mod descend;
mod drawing;
mod embedding;
mod file;
mod gallery;
mod pca;
mod png;
mod projection;
mod range;
mod raster;
mod render;
mod svg;
mod text;
mod ticks;

pub(crate) use augmented::augmented;
pub(crate) use calibration::calibration;
pub(crate) use confusion::confusion;
pub(crate) use curves::curves;
pub(crate) use descend::{descent_chart, loss_chart};
pub(crate) use drawing::Drawing;
pub(crate) use embedding::embedding;
pub(crate) use file::{check_format, save};
pub(crate) use gallery::{errors, first_layer_weights, unit_images, weights};
pub(crate) use range::range_chart;
pub(crate) use raster::Raster;
pub(crate) use ticks::superscript;
