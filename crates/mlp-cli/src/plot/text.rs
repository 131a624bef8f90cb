//! The font of the plots and its metrics, used to fit margins and legends to their text. An SVG
//! viewer may use another font, but hardly a wider one.

use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};

/// A subset of DejaVu Sans; see `assets/README.md`.
static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::new(include_bytes!("../../assets/DejaVuSans-subset.ttf")).expect("our own font")
});

/// Font units per em.
pub(super) const EM: f64 = 2048.0;

/// The width of `text` at font size `size`, in the unit of `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size / EM
}

/// The advance width of a character, or of the replacement glyph, in font units.
pub(super) fn advance(c: char) -> f64 {
    FONT.glyph_metrics(Size::unscaled(), LocationRef::default())
        .advance_width(glyph(c))
        .map_or(0.0, f64::from)
}

/// Draws the outline of a character in font units.
pub(super) fn outline(c: char, pen: &mut impl OutlinePen) {
    let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
    if let Some(outline) = FONT.outline_glyphs().get(glyph(c)) {
        outline.draw(settings, pen).expect("our own font");
    }
}

fn glyph(c: char) -> GlyphId {
    FONT.charmap().map(c).unwrap_or(GlyphId::NOTDEF)
}

/// Truncates `text` to `room` with an ellipsis.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if width(&short, size) + width(&format!("{c}…"), size) > room {
            break;
        }
        short.push(c);
    }
    short.truncate(short.trim_end().len());
    short + "…"
}

/// Wraps `text` between words into lines of at most `room`; wider words are truncated.
pub(super) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, size, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_em_matches_the_font() {
        let metrics = FONT.metrics(Size::unscaled(), LocationRef::default());
        assert_eq!(f64::from(metrics.units_per_em), EM);
    }

    #[test]
    fn the_width_of_text_is_the_sum_of_its_advances() {
        assert!((width("Ab 1", 10.0) - 10.0 * f64::from(1401 + 1300 + 651 + 1303) / 2048.0).abs() < 1e-9);
        assert!((width("10²", 1.0) - f64::from(1303 + 1303 + 821) / 2048.0).abs() < 1e-9);
    }

    #[test]
    fn wide_text_is_truncated() {
        let long = "a text that is much too long".repeat(9);
        let short = fit(&long, 13.0, 200.0);
        assert!(short.ends_with('…') && long.starts_with(short.trim_end_matches('…')));
        assert!(width(&short, 13.0) <= 200.0 && width(&short, 13.0) > 170.0);
        assert_eq!(fit("short", 13.0, 200.0), "short");
    }

    #[test]
    fn long_text_wraps_between_words() {
        let text = "one two three four five six seven";
        let lines = wrap(text, 10.0, 80.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 10.0) <= 80.0));
        assert_eq!(lines.join(" "), text);
    }
}
