//! Saves drawings as SVG or PNG files.

use std::path::Path;

use anyhow::{Context, bail};
use mlp_data::fs::write_atomically;

use super::drawing::Drawing;

/// Checks that the extension of `file` is svg or png. Call it before computing the plot.
pub(crate) fn check_format(file: &Path) -> anyhow::Result<()> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg" | "png") => Ok(()),
        _ => bail!("{}: unknown image format; expected a name ending in .svg or .png", file.display()),
    }
}

/// Saves a drawing in the format of the file's extension.
pub(crate) fn save(file: &Path, drawing: impl Into<Drawing>) -> anyhow::Result<()> {
    check_format(file)?;
    let drawing = drawing.into();
    let is_png = file.extension().is_some_and(|extension| extension == "png");
    let bytes = if is_png { drawing.png()? } else { drawing.svg().as_bytes().to_vec() };
    write_atomically(file, |out| out.write_all(&bytes))
        .with_context(|| format!("{}: cannot write the plot", file.display()))
}
