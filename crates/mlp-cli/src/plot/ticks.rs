//! Axis ticks and number formatting.
//!
//! Ticks are multiples of 1, 2 or 5 times a power of ten. Each is an integer and an exponent until
//! its value is parsed from decimal text, so that 0.3 is exactly 0.3 and not 3 · 0.1.

use super::chart::{Axis, Scale};

/// Numbers of at least this power of ten are written in scientific notation.
const LARGE: i32 = 6;
/// So are numbers below this power of ten.
const SMALL: i32 = -4;

/// One tick.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// Returns about `wanted` ticks between `lo` and `hi`, and never more than `wanted` + 1.
///
/// A logarithmic axis gets every power of ten, or every n-th. If fewer than three fit, it also gets
/// 2 and 5 times the powers of ten; if that is still too few, linear ticks. With `whole`, a linear
/// axis gets whole numbers only. An empty or infinite range has no ticks.
pub(super) fn ticks(axis: &Axis, (lo, hi): (f64, f64), wanted: usize) -> Vec<Tick> {
    let wanted = wanted.max(1);
    if !(lo.is_finite() && hi.is_finite() && lo < hi) {
        return Vec::new();
    }
    match axis.scale {
        Scale::Linear => linear(lo, hi, wanted, axis.whole),
        Scale::Log => logarithmic(lo, hi, wanted),
    }
}

fn linear(lo: f64, hi: f64, wanted: usize, whole: bool) -> Vec<Tick> {
    // Divide before subtracting: hi − lo may overflow.
    let least = (hi / wanted as f64 - lo / wanted as f64).max(if whole { 1.0 } else { 0.0 });
    let (unit, exponent) = round_up(least);
    let step = decimal(unit, exponent);
    // The slack keeps a tick at the very end from being lost to rounding.
    let first = (lo / step - 1e-9).ceil() as i64;
    let last = (hi / step + 1e-9).floor() as i64;
    let multiples: Vec<i64> = (first..=last).map(|i| i * unit).collect();
    let largest = multiples.iter().map(|m| m.unsigned_abs()).max().unwrap_or(0);
    let magnitude = exponent + digits(largest) - 1;
    multiples
        .into_iter()
        .map(|m| Tick { value: decimal(m, exponent), label: label(m, exponent, magnitude) })
        .collect()
}

fn logarithmic(lo: f64, hi: f64, wanted: usize) -> Vec<Tick> {
    let (first, last) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let inside = |&(m, e): &(i64, i32)| (lo * (1.0 - 1e-9)..=hi * (1.0 + 1e-9)).contains(&decimal(m, e));
    let mut places: Vec<(i64, i32)> = (first..=last).map(|e| (1, e)).filter(inside).collect();
    if places.len() > wanted {
        let (unit, exponent) = round_up(places.len().div_ceil(wanted) as f64);
        let stride = decimal(unit, exponent) as i32;
        places.retain(|(_, e)| e % stride == 0);
    } else if places.len() < 3 {
        let finer = (first..=last).flat_map(|e| [(1, e), (2, e), (5, e)]).filter(inside).collect::<Vec<_>>();
        if finer.len() < 2 {
            return linear(lo, hi, wanted, false);
        } else if finer.len() <= wanted + 1 {
            places = finer;
        }
    }
    let plain = places.iter().all(|(_, e)| (SMALL..LARGE).contains(e));
    let text = |(m, e)| match (plain, m) {
        (true, _) => label(m, e, e),
        (false, 1) => format!("10{}", superscript(e)),
        (false, _) => format!("{m}×10{}", superscript(e)),
    };
    places.into_iter().map(|(m, e)| Tick { value: decimal(m, e), label: text((m, e)) }).collect()
}

/// Formats a number to `significant` digits: `0.05765`, `−191.7`, `3.1×10²⁵`.
pub(super) fn number(value: f64, significant: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "NaN".to_owned() } else { sign(value < 0.0).to_owned() + "∞" };
    }
    let scientific = format!("{:.*e}", significant.saturating_sub(1), value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let body = if (SMALL..LARGE).contains(&exponent) {
        let decimals = (significant as i32 - 1 - exponent).max(0) as usize;
        let text = format!("{:.*}", decimals, value.abs());
        without_trailing_zeros(&text).to_owned()
    } else {
        format!("{}×10{}", without_trailing_zeros(mantissa), superscript(exponent))
    };
    format!("{}{body}", sign(value < 0.0))
}

/// The smallest number of the form 1, 2 or 5 times a power of ten that is at least `least`, as
/// (factor, exponent).
fn round_up(least: f64) -> (i64, i32) {
    let exponent = least.log10().floor() as i32;
    let unit = [1, 2, 5].into_iter().find(|&unit| decimal(unit, exponent) >= least);
    unit.map_or((1, exponent + 1), |unit| (unit, exponent))
}

/// `multiple` · 10^`exponent`, rounded once.
fn decimal(multiple: i64, exponent: i32) -> f64 {
    format!("{multiple}e{exponent}").parse().expect("a valid float literal")
}

/// The label of `multiple` · 10^`exponent`, where 10^`magnitude` is the order of the largest tick.
fn label(multiple: i64, exponent: i32, magnitude: i32) -> String {
    if multiple == 0 {
        return "0".to_owned();
    }
    // Allow two more zeros than `number` does, because ×10⁻⁵ beside every tick is hard to read.
    let plain = magnitude < LARGE && exponent >= SMALL - 2;
    let point = if plain { exponent } else { exponent - magnitude };
    let body = format!("{:.*}", (-point).max(0) as usize, decimal(multiple.abs(), point));
    let power = if plain { String::new() } else { format!("×10{}", superscript(magnitude)) };
    format!("{}{body}{power}", sign(multiple < 0))
}

fn digits(n: u64) -> i32 {
    n.checked_ilog10().unwrap_or(0) as i32 + 1
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn sign(negative: bool) -> &'static str {
    if negative { "−" } else { "" }
}

/// Formats an integer in superscript digits.
pub(crate) fn superscript(n: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis {
        Axis::new("", scale)
    }

    fn labels(scale: Scale, range: (f64, f64), wanted: usize) -> Vec<String> {
        ticks(&axis(scale), range, wanted).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_in_range() {
        assert_eq!(labels(Scale::Linear, (-5.5, 5.5), 6), ["−4", "−2", "0", "2", "4"]);
        assert_eq!(labels(Scale::Linear, (0.0, 1.0), 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(Scale::Linear, (0.0, 25.0), 5), ["0", "5", "10", "15", "20", "25"]);
        assert_eq!(labels(Scale::Linear, (0.0, 6e7), 3), ["0", "2×10⁷", "4×10⁷", "6×10⁷"]);
        assert_eq!(labels(Scale::Linear, (0.0, 3e-9), 2), ["0", "2×10⁻⁹"]);
        assert_eq!(labels(Scale::Linear, (0.0, 1.5e8), 3), ["0", "0.5×10⁸", "1.0×10⁸", "1.5×10⁸"]);
    }

    #[test]
    fn a_tick_value_equals_its_parsed_label() {
        for tick in ticks(&axis(Scale::Linear), (0.0, 1.0), 10) {
            assert_eq!(tick.value, tick.label.parse::<f64>().unwrap());
        }
    }

    #[test]
    fn ticks_are_few_ordered_and_in_range_at_any_magnitude() {
        for magnitude in (-300..=300).step_by(7) {
            for (a, b) in [(0.0, 1.0), (-1.0, 3.7), (0.9993, 1.0), (-2.0, -1.9), (-9.99, 0.003)] {
                let unit = 10f64.powi(magnitude);
                let (lo, hi) = (a * unit, b * unit);
                for wanted in 2..9 {
                    let found = ticks(&axis(Scale::Linear), (lo, hi), wanted);
                    assert!((1..=wanted + 1).contains(&found.len()), "{lo} {hi} {wanted}: {}", found.len());
                    let slack = 1e-8 * (hi - lo);
                    assert!(found.windows(2).all(|w| w[0].value < w[1].value));
                    assert!(found.iter().all(|t| t.value >= lo - slack && t.value <= hi + slack));
                }
            }
        }
    }

    #[test]
    fn the_widest_ranges_have_ticks() {
        assert!(ticks(&axis(Scale::Linear), (-1e300, 1e300), 5).len() >= 2);
        assert!(ticks(&axis(Scale::Linear), (-1.7e308, 1.7e308), 5).len() >= 2);
        assert!(ticks(&axis(Scale::Log), (1e-300, 1e300), 5).len() >= 2);
    }

    #[test]
    fn whole_axes_have_no_fractional_ticks() {
        let steps = axis(Scale::Linear).whole();
        let labels = |range| ticks(&steps, range, 9).into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels((-0.05, 1.05)), ["0", "1"]);
        assert_eq!(labels((0.0, 16.0)), ["0", "2", "4", "6", "8", "10", "12", "14", "16"]);
    }

    #[test]
    fn an_empty_or_infinite_range_has_no_ticks() {
        for range in [(0.0, f64::INFINITY), (f64::NAN, 1.0), (1.0, 1.0), (2.0, 1.0)] {
            assert!(
                ticks(&axis(Scale::Linear), range, 5).is_empty()
                    && ticks(&axis(Scale::Log), range, 5).is_empty()
            );
        }
    }

    #[test]
    fn log_ticks_are_powers_of_ten() {
        assert_eq!(labels(Scale::Log, (0.01, 100.0), 6), ["0.01", "0.1", "1", "10", "100"]);
        assert_eq!(labels(Scale::Log, (1e-9, 1.0), 5), ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "10⁰"]);
        assert_eq!(labels(Scale::Log, (1e-193, 3.0), 6), ["10⁻¹⁵⁰", "10⁻¹⁰⁰", "10⁻⁵⁰", "10⁰"]);
    }

    #[test]
    fn a_short_log_axis_gets_finer_ticks() {
        assert_eq!(labels(Scale::Log, (0.9, 12.0), 5), ["1", "2", "5", "10"]);
        assert_eq!(labels(Scale::Log, (3.1, 4.2), 4), ["3.5", "4.0"]);
    }

    #[test]
    fn numbers_are_formatted_for_people() {
        let cases = [
            (0.0, "0"),
            (5.0, "5"),
            (-0.1, "−0.1"),
            (0.057646, "0.05765"),
            (1234567.0, "1.235×10⁶"),
            (-1e-7, "−1×10⁻⁷"),
            (9999.96, "10000"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value, 4), text);
        }
    }
}
