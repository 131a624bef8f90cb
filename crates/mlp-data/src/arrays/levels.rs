//! The value of white: pixels from 0 to 255, from 0 to 1, or of another depth become bytes.

use super::stored::{Numbers, Stored, refused};
use crate::Error;

/// The smallest maximum of pixels from 0 to 255.
const MIN_FULL: f64 = 128.0;

/// The largest maximum that is treated as white itself.
const MAX_SMALL: f64 = 64.0;

/// Finds the value of white for all parts of a dataset, given or detected; and a note if other
/// values than 0 to 255 are scaled or rounded.
pub(super) fn white(parts: &[&Stored], given: Option<f64>) -> Result<(f64, Option<String>), Error> {
    let (mut most, mut is_whole, mut place) = (0.0, true, &parts[0].place);
    for part in parts {
        let (largest, whole) = summary(&part.numbers);
        if largest > most {
            (most, place) = (largest, &part.place);
        }
        is_whole &= whole;
    }
    if let Some(white) = given {
        if !(white > 0.0 && white.is_finite()) {
            return Err(refused(
                "--max-value",
                format!("{white} is not the value of white; expected more than 0"),
            ));
        }
        if most > white {
            return Err(refused(place, format!("the largest pixel is {most}, above --max-value {white}")));
        }
        return Ok((white, None));
    }
    let is_power = |number: f64| (number as u64).is_power_of_two();
    let white = match most {
        0.0 => 255.0,
        _ if most <= 1.0 => 1.0,
        _ if (MIN_FULL..=255.0).contains(&most) => 255.0,
        _ if is_whole && most <= MAX_SMALL && (is_power(most) || is_power(most + 1.0)) => most,
        _ => {
            let hint = match most > 255.0 {
                true => "; for 16 bits that is --max-value 65535",
                false => "; --max-value 255 keeps them as they are",
            };
            let problem = format!(
                "pixels from 0 to {}; expected 0 to 255, or 0 to 1; give the value of white with \
                 --max-value{hint}",
                most as f32
            );
            return Err(refused(place, problem));
        }
    };
    let note = match (white == 255.0, is_whole) {
        (true, true) => None,
        (true, false) => Some("pixels are rounded to whole numbers from 0 to 255".to_owned()),
        (false, true) => Some(format!(
            "pixels from 0 to {most}: scaled to 0 to 255 (--max-value 255 keeps them as they are)"
        )),
        (false, false) => Some(format!("pixels from 0 to {most}: scaled from 0..1 to 0..255")),
    };
    Ok((white, note))
}

/// The largest number, and whether all are whole.
fn summary(numbers: &Numbers) -> (f64, bool) {
    match numbers {
        Numbers::Bytes(values) => (values.iter().copied().max().unwrap_or(0).into(), true),
        Numbers::Reals(values) => {
            let largest = values.iter().copied().fold(0.0, f32::max);
            (largest.into(), values.iter().all(|value| value.fract() == 0.0))
        }
    }
}

/// Scales numbers to bytes; bytes with white 255 stay as they are.
pub(super) fn to_bytes(numbers: Numbers, white: f64) -> Vec<u8> {
    // `as` saturates.
    let byte = |value: f64| (value * 255.0 / white).round() as u8;
    match numbers {
        Numbers::Bytes(values) if white == 255.0 => values,
        Numbers::Bytes(values) => values.into_iter().map(|value| byte(value.into())).collect(),
        Numbers::Reals(values) => values.into_iter().map(|value| byte(value.into())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::Labels;
    use super::*;

    fn part(values: &[f64]) -> Stored {
        let mut numbers = Numbers::Bytes(Vec::new());
        values.iter().for_each(|&value| numbers.push(value).unwrap());
        let shape = vec![1, values.len()];
        Stored { place: "t".into(), shape, numbers, labels: Labels::default(), lines: None }
    }

    fn bytes(values: &[f64], given: Option<f64>) -> Result<(Vec<u8>, String), String> {
        let part = part(values);
        let (white, note) = white(&[&part], given).map_err(|error| error.to_string())?;
        Ok((to_bytes(part.numbers, white), note.unwrap_or_default()))
    }

    #[test]
    fn depths_are_detected_and_said() {
        for (values, expected, said) in [
            (&[0.0, 7.0, 255.0][..], &[0, 7, 255][..], ""),
            (&[0.0, 128.0], &[0, 128], ""),
            (&[0.0, 0.0], &[0, 0], ""),
            (&[0.0, 0.5, 1.0], &[0, 128, 255], "pixels from 0 to 1: scaled from 0..1"),
            (&[0.0, 0.25], &[0, 64], "pixels from 0 to 0.25: scaled"),
            (&[0.0, 1.0], &[0, 255], "pixels from 0 to 1: scaled"),
            (&[0.0, 8.0, 16.0], &[0, 128, 255], "pixels from 0 to 16: scaled"),
            (&[0.0, 15.0], &[0, 255], "pixels from 0 to 15: scaled"),
            (&[0.4, 200.6], &[0, 201], "pixels are rounded"),
        ] {
            let (found, note) = bytes(values, None).unwrap();
            assert_eq!(found, expected, "{values:?}");
            assert!(note.starts_with(said) && note.is_empty() == said.is_empty(), "{note}");
        }
    }

    #[test]
    fn other_depths_have_to_be_given() {
        for (values, hint) in [
            (&[0.0, 93.0][..], "--max-value 255 keeps"),
            (&[0.0, 10.0], "--max-value 255 keeps"),
            (&[0.5, 7.9], "--max-value 255 keeps"),
            (&[0.0, 65_535.0], "--max-value 65535"),
        ] {
            let error = bytes(values, None).unwrap_err();
            assert!(error.starts_with("t: pixels from 0 to ") && error.contains(hint), "{error}");
        }
        assert_eq!(bytes(&[0.0, 65_535.0], Some(65_535.0)).unwrap().0, [0, 255]);
        assert_eq!(bytes(&[0.0, 16.0], Some(255.0)).unwrap().0, [0, 16]);
        assert!(bytes(&[0.0, 16.0], Some(8.0)).unwrap_err().contains("above --max-value 8"));
        assert!(bytes(&[0.0], Some(0.0)).is_err() && bytes(&[0.0], Some(f64::NAN)).is_err());
    }

    #[test]
    fn the_parts_have_one_depth() {
        let (train, test) = (part(&[0.0, 16.0]), part(&[0.0, 4.0]));
        assert_eq!(white(&[&train, &test], None).unwrap().0, 16.0);
        assert_eq!(white(&[&test, &train], None).unwrap().0, 16.0);
    }

    #[test]
    fn impossible_pixels_are_refused() {
        let mut numbers = Numbers::Bytes(Vec::new());
        for (value, problem) in [(-0.5, "negative"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            assert!(numbers.push(value).unwrap_err().contains(problem), "{value}");
        }
        assert_eq!(numbers.len(), 0);
    }
}
