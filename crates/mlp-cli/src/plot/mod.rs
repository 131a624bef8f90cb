//! Figures, as SVG and PNG. Everything but [`save`] is pure: data in, a document out.
//!
//! ```text
//! data ──curves, calibration, …──▶ Chart ──render──▶ Drawing (an SVG document) ──png──▶ PNG
//! ```
//!
//! A new figure is a function that returns a [`Drawing`]. With axes, it describes a [`chart::Chart`] and gets ticks, legend and
//! the light and dark colors for free. Without (a gallery, a matrix of cells), it draws on an [`svg`] document itself.

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
