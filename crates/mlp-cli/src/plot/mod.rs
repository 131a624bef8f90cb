//! Figures, as SVG and PNG. Everything but [`save`] is pure: data in, a picture out.
//!
//! ```text
//!                                                  ┌─svg──▶ SVG
//! data ──curves, …──▶ Chart ──render──▶ Drawing ──┤
//!                                                  └─png──▶ PNG
//! ```
//!
//! A new figure is a function that returns a [`Drawing`]. With axes, it describes a
//! [`chart::Chart`] and gets ticks, legend and the light and dark colors for free. Without (a
//! gallery, a matrix of cells), it adds shapes to the drawing itself.
//!
//! The charts are our own because plotters 0.3, which we tried, does less: its SVG has one color
//! per shape, so no dark mode, and coordinates in whole pixels, so curves have visible steps; its
//! bitmaps have jagged circles; legends cover data. Its font stack is unmaintained
//! (RUSTSEC-2026-0192). PNGs are painted by tiny-skia with outlines by skrifa (27 crates, 70 s of
//! CPU time to build), not by resvg (59 crates, 126 s), which contains both.

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
