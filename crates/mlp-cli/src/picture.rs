//! Pictures as files: the format by the ending of the name, written so that a picture is there whole or not at all.

use std::path::Path;

use anyhow::{Context, bail};
use mlp_data::fs::write_atomically;

use crate::plot::Drawing;

/// Writes a drawing as its file's name says.
pub(crate) fn draw(file: &Path, drawing: impl Into<Drawing>) -> anyhow::Result<()> {
    let bytes = Format::of(file)?.render(&drawing.into())?;
    write_atomically(file, |out| out.write_all(&bytes))
        .with_context(|| format!("{}: cannot write the plot", file.display()))
}

/// The formats of a picture.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    Svg,
    Png,
}

impl Format {
    /// By the ending of the file's name.
    pub(crate) fn of(file: &Path) -> anyhow::Result<Self> {
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => bail!("{}: unknown kind of picture; expected a name ending in .svg or .png", file.display()),
        }
    }

    fn render(self, drawing: &Drawing) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Svg => Ok(drawing.svg().as_bytes().to_vec()),
            Self::Png => drawing.png(),
        }
    }
}
