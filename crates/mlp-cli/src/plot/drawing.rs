//! A finished picture: one SVG document, and the PNG that is made of it.

use anyhow::Result;

use super::chart::Chart;
use super::png::rasterise;
use super::render::{chart_svg, chart_svg_from, left_of};
use super::svg::Svg;

/// Pixels of the PNG for each CSS pixel of the SVG: sharp on dense screens and in print.
const SCALE: f32 = 2.0;

/// A picture, whatever it shows.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    svg: String,
}

impl Drawing {
    pub(super) fn new(svg: Svg, title: &str) -> Self {
        Self { svg: svg.finish(title) }
    }

    /// Charts one below the other, their frames of one width.
    pub(super) fn column(charts: &[Chart], title: &str) -> Self {
        let left = charts.iter().map(left_of).fold(0.0, f64::max);
        let panels = charts.iter().map(|chart| chart_svg_from(chart, left));
        let whole = panels.reduce(Svg::above).unwrap_or_else(|| Svg::new(1.0, 1.0));
        Self::new(whole, title)
    }

    /// The SVG document.
    pub(crate) fn svg(&self) -> &str {
        &self.svg
    }

    /// The picture as a PNG, in the light colors, twice as many pixels each way as the SVG has units.
    ///
    /// # Errors
    /// If the picture is too large for one.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        rasterise(&self.svg, SCALE)
    }
}

impl From<Chart> for Drawing {
    fn from(chart: Chart) -> Self {
        Self::new(chart_svg(&chart), &chart.title)
    }
}
