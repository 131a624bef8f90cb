//! Draws grayscale images in a terminal, side by side, with captions.
//!
//! With color, each character `▀` shows two pixels, one above the other. Characters are about twice
//! as high as wide, so the pixels are square. Without color, a pixel is two characters from a ramp
//! of ten.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

/// Characters from no ink to full ink.
const RAMP: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
/// Columns between neighboring images.
const GAP: usize = 2;

/// The colors that a terminal supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    /// 24-bit colors.
    True,
    /// The 256 colors of xterm, which include 26 grays.
    Indexed,
    /// No color.
    None,
}

impl Colors {
    /// No color if the output is not a terminal, `NO_COLOR` is set or `TERM` is `dumb`; 24-bit
    /// color if `COLORTERM` says so; otherwise 256 colors, which practically all terminals support.
    fn of(is_terminal: bool, no_color: Option<&str>, term: Option<&str>, colorterm: Option<&str>) -> Self {
        if !is_terminal || no_color.is_some_and(|value| !value.is_empty()) || term == Some("dumb") {
            Self::None
        } else if matches!(colorterm, Some("truecolor" | "24bit")) {
            Self::True
        } else {
            Self::Indexed
        }
    }
}

/// An image and its caption.
#[derive(Debug, Clone)]
pub(crate) struct Tile<'a> {
    /// Pixels in row-major order; 0 is background, 255 ink.
    pub(crate) pixels: &'a [u8],
    /// Pixels per row.
    pub(crate) width: usize,
    /// One line, truncated to the width of the image. May be empty.
    pub(crate) caption: String,
}

/// The colors and the width of standard output; `columns` if it is not a terminal.
pub(crate) fn canvas(columns: usize) -> (Colors, usize) {
    let variable = |name: &str| std::env::var(name).ok();
    let colors = Colors::of(
        io::stdout().is_terminal(),
        variable("NO_COLOR").as_deref(),
        variable("TERM").as_deref(),
        variable("COLORTERM").as_deref(),
    );
    (colors, terminal_size::terminal_size().map_or(columns, |(width, _)| usize::from(width.0)))
}

/// Draws images for standard output.
pub(crate) fn draw_for_stdout(tiles: &[Tile<'_>]) -> String {
    let (colors, width) = canvas(120);
    draw_tiles(tiles, colors, width)
}

/// Draws images from left to right, as many in a row as fit `width` (at least one), with centered
/// captions and an empty line between rows. Each line ends with a newline and resets the colors.
///
/// # Panics
/// If the pixels of an image do not form whole rows.
#[track_caller]
pub(crate) fn draw_tiles(tiles: &[Tile<'_>], colors: Colors, width: usize) -> String {
    for tile in tiles {
        assert!(
            tile.width > 0 && tile.pixels.len().is_multiple_of(tile.width),
            "{} pixels are not whole rows of {}",
            tile.pixels.len(),
            tile.width
        );
    }
    let mut text = String::new();
    let mut rest = tiles;
    while !rest.is_empty() {
        let (band, after) = rest.split_at(fitting(rest, colors, width));
        draw_band(&mut text, band, colors);
        if !after.is_empty() {
            text.push('\n');
        }
        rest = after;
    }
    text
}

/// The number of tiles that fit side by side, at least one.
fn fitting(tiles: &[Tile<'_>], colors: Colors, width: usize) -> usize {
    let mut used = 0;
    let fits = tiles.iter().take_while(|tile| {
        used += columns(tile, colors);
        let fits = used <= width;
        used += GAP;
        fits
    });
    fits.count().max(1)
}

/// The width of an image in characters.
pub(crate) fn columns(tile: &Tile<'_>, colors: Colors) -> usize {
    if colors == Colors::None { 2 * tile.width } else { tile.width }
}

fn draw_band(text: &mut String, band: &[Tile<'_>], colors: Colors) {
    let pixels_per_line = if colors == Colors::None { 1 } else { 2 };
    let rows = band.iter().map(|tile| tile.pixels.len() / tile.width).max().unwrap_or(0);
    for top in (0..rows).step_by(pixels_per_line) {
        let parts = band.iter().map(|tile| match colors {
            Colors::None => shaded_line(tile, top),
            Colors::True | Colors::Indexed => colored_line(tile, top, colors),
        });
        push_line(text, parts);
    }
    if band.iter().any(|tile| !tile.caption.is_empty()) {
        push_line(text, band.iter().map(|tile| centered(&tile.caption, columns(tile, colors))));
    }
}

/// Appends a line with the parts side by side, without trailing spaces.
fn push_line(text: &mut String, parts: impl Iterator<Item = String>) {
    let line = parts.collect::<Vec<_>>().join(&" ".repeat(GAP));
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Row `y` of the image, or spaces below the image.
fn shaded_line(tile: &Tile<'_>, y: usize) -> String {
    let Some(row) = tile.pixels.chunks(tile.width).nth(y) else { return " ".repeat(2 * tile.width) };
    row.iter().flat_map(|&pixel| [RAMP[usize::from(pixel) * RAMP.len() / 256]; 2]).collect()
}

/// Rows `y` and `y + 1` of the image as a line of half blocks, or spaces below the image. Sets a
/// color only where it changes.
fn colored_line(tile: &Tile<'_>, y: usize, colors: Colors) -> String {
    let mut rows = tile.pixels.chunks(tile.width).skip(y);
    let Some(upper) = rows.next() else { return " ".repeat(tile.width) };
    let lower = rows.next();
    let mut line = String::new();
    let (mut foreground, mut background) = (None, None);
    for (x, &ink) in upper.iter().enumerate() {
        if foreground != Some(ink) {
            push_color(&mut line, 38, ink, colors);
            foreground = Some(ink);
        }
        // Below an odd last row the terminal's background shows.
        if let Some(&ink) = lower.map(|row| &row[x]).filter(|ink| background != Some(**ink)) {
            push_color(&mut line, 48, ink, colors);
            background = Some(ink);
        }
        line.push('▀');
    }
    line + "\x1b[0m"
}

/// Appends the escape sequence that sets the foreground (`layer` 38) or background (48) to a gray.
fn push_color(line: &mut String, layer: u8, gray: u8, colors: Colors) {
    // Writing to a String cannot fail.
    let _ = match colors {
        Colors::True => write!(line, "\x1b[{layer};2;{gray};{gray};{gray}m"),
        Colors::Indexed | Colors::None => write!(line, "\x1b[{layer};5;{}m", nearest_gray(gray)),
    };
}

/// The index of the nearest xterm color: black (16), the ramp from 8 in steps of 10 (232 to 255),
/// or white (231).
fn nearest_gray(gray: u8) -> u8 {
    match gray {
        0..=3 => 16,
        4..=246 => 232 + (gray.saturating_sub(3) / 10).min(23),
        247..=255 => 231,
    }
}

/// The caption centered in `width` columns, truncated with an ellipsis if needed.
fn centered(caption: &str, width: usize) -> String {
    let flat = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = caption.chars().map(flat).collect();
    if shown.chars().count() > width {
        shown = shown.chars().take(width.saturating_sub(1)).chain(['…']).collect();
    }
    format!("{shown:^width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile<'a>(pixels: &'a [u8], width: usize, caption: &str) -> Tile<'a> {
        Tile { pixels, width, caption: caption.to_owned() }
    }

    #[test]
    fn without_color_a_pixel_is_two_characters() {
        let pixels = [0, 25, 26, 255, 128, 0];
        assert_eq!(draw_tiles(&[tile(&pixels, 3, "")], Colors::None, 80), "    ..\n@@++\n");
    }

    #[test]
    fn with_color_a_character_is_two_pixels() {
        let drawn = draw_tiles(&[tile(&[1, 2, 3, 4], 2, "")], Colors::True, 80);
        let expected = "\x1b[38;2;1;1;1m\x1b[48;2;3;3;3m▀\x1b[38;2;2;2;2m\x1b[48;2;4;4;4m▀\x1b[0m\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_color_is_set_only_when_it_changes() {
        let drawn = draw_tiles(&[tile(&[9; 8], 4, "")], Colors::Indexed, 80);
        assert_eq!(drawn.matches('\x1b').count(), 3, "{drawn:?}");
        assert!(drawn.contains("▀▀▀▀"));
    }

    #[test]
    fn an_odd_last_row_has_no_lower_half() {
        let drawn = draw_tiles(&[tile(&[5; 3], 1, "")], Colors::True, 80);
        let last = drawn.lines().last().unwrap();
        assert_eq!(last, "\x1b[38;2;5;5;5m▀\x1b[0m");
    }

    #[test]
    fn indexed_grays_are_the_nearest() {
        let level = |index: u8| match index {
            16 => 0,
            231 => 255,
            _ => 8 + 10 * i32::from(index - 232),
        };
        let all: Vec<u8> = [16, 231].into_iter().chain(232..=255).collect();
        for gray in 0..=255u8 {
            let off = |index: u8| (level(index) - i32::from(gray)).abs();
            assert_eq!(off(nearest_gray(gray)), all.iter().map(|&i| off(i)).min().unwrap(), "{gray}");
        }
    }

    #[test]
    fn as_many_images_as_fit_are_side_by_side() {
        let pixels = [255u8; 9];
        let tiles = vec![tile(&pixels, 3, "a"); 5];
        let lines = |width| draw_tiles(&tiles, Colors::None, width).lines().count();
        // Each band has three rows of pixels and a caption. Bands are separated by an empty line.
        assert_eq!((lines(38), lines(37), lines(22), lines(21), lines(1)), (4, 9, 9, 14, 24));
    }

    #[test]
    fn captions_are_centered_and_truncated() {
        let pixels = [255u8; 4];
        let tiles = [tile(&pixels, 4, "7"), tile(&pixels, 4, "trousers\n")];
        let drawn = draw_tiles(&tiles, Colors::None, 80);
        assert_eq!(drawn.lines().nth(1), Some("   7      trouser…"));
    }

    #[test]
    fn images_of_different_heights_are_aligned_at_the_top() {
        let (tall, low) = ([255u8; 3], [255u8; 1]);
        let drawn = draw_tiles(&[tile(&low, 1, "a"), tile(&tall, 1, "b")], Colors::None, 80);
        assert_eq!(drawn, "@@  @@\n    @@\n    @@\na   b\n");
    }

    #[test]
    fn colors_depend_on_the_terminal_and_no_color() {
        let xterm = Some("xterm-256color");
        assert_eq!(Colors::of(true, None, xterm, Some("truecolor")), Colors::True);
        assert_eq!(Colors::of(true, Some(""), xterm, None), Colors::Indexed);
        assert_eq!(Colors::of(true, Some("1"), xterm, Some("truecolor")), Colors::None);
        assert_eq!(Colors::of(true, None, Some("dumb"), None), Colors::None);
        assert_eq!(Colors::of(false, None, xterm, Some("24bit")), Colors::None);
    }

    #[test]
    fn no_images_are_an_empty_text() {
        assert_eq!(draw_tiles(&[], Colors::True, 80), "");
    }

    #[test]
    #[should_panic(expected = "5 pixels are not whole rows of 2")]
    fn incomplete_rows_panic() {
        draw_tiles(&[tile(&[0; 5], 2, "")], Colors::None, 80);
    }
}
