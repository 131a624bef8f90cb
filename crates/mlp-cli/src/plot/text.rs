//! How wide a text will be, so that margins and legends fit what stands in them.
//!
//! The renderer must know before anything is drawn, and the SVG may be shown in a font that we do not have. These are the
//! advance widths of DejaVu Sans, the font of the PNG and one of the widest a viewer could choose; anything narrower
//! leaves a little more room.

/// Advance widths of the characters from space to `~`, in thousandths of the font size.
const ASCII: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636,
    636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295,
    295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838,
    500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521,
    392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];
/// The same for everything else: the width of `−` and `×`, which no letter of ours exceeds by much.
const OTHER: u16 = 838;
/// The same for superscript digits.
const RAISED: u16 = 401;

/// The width of `text` at a font size of `size`, in the unit of `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let thousandths: u32 = text.chars().map(|c| u32::from(advance(c))).sum();
    f64::from(thousandths) * size / 1000.0
}

/// `text`, cut to `room` with an ellipsis if it is wider.
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

/// `text` in lines of at most `room`, broken between words; a word that is wider by itself is cut.
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

fn advance(c: char) -> u16 {
    match c {
        ' '..='~' => ASCII[c as usize - ' ' as usize],
        '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' => RAISED,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_characters_together() {
        assert!((width("Ab 1", 10.0) - (6.84 + 6.35 + 3.18 + 6.36)).abs() < 1e-9);
        assert!((width("10²", 1.0) - (0.636 + 0.636 + 0.401)).abs() < 1e-9);
    }

    #[test]
    fn a_text_that_is_too_wide_is_cut_to_the_room() {
        let long = "a text without any measure at all".repeat(9);
        let short = fit(&long, 13.0, 200.0);
        assert!(short.ends_with('…') && long.starts_with(short.trim_end_matches('…')));
        assert!(width(&short, 13.0) <= 200.0 && width(&short, 13.0) > 170.0);
        assert_eq!(fit("short", 13.0, 200.0), "short");
    }

    #[test]
    fn a_long_remark_is_broken_between_words() {
        let remark = "one two three four five six seven";
        let lines = wrap(remark, 10.0, 80.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 10.0) <= 80.0));
        assert_eq!(lines.join(" "), remark);
    }
}
