//! The mean of an epoch's losses, summed pairwise in eight lanes as NumPy does. The printed losses
//! must match the chapter's, and the last bit decides how 0.91835 is rounded to four decimals.

/// Returns the arithmetic mean, or NaN if there are no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    pairwise_sum(values) / values.len() as f64
}

/// Blocks up to this size are summed directly.
const BLOCK: usize = 128;

/// Splits the values in halves, at a multiple of 8, down to blocks that are summed in eight lanes.
fn pairwise_sum(values: &[f64]) -> f64 {
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let (eights, rest) = values.as_chunks::<8>();
    let whole = match eights {
        [] => 0.0,
        [first, others @ ..] => {
            let mut lanes = *first;
            for chunk in others {
                for (lane, value) in lanes.iter_mut().zip(chunk) {
                    *lane += value;
                }
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            ((a + b) + (c + d)) + ((e + f) + (g + h))
        }
    };
    rest.iter().fold(whole, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_matches_numpy_to_the_last_bit() {
        // np.mean(1 / np.arange(1, n + 1)), NumPy 2.4.6
        let table = [
            (1, 1.0),
            (7, 0.37040816326530607),
            (8, 0.3397321428571428),
            (9, 0.31432980599647264),
            (127, 0.04271917002038718),
            (128, 0.04244646166085291),
            (129, 0.042177511864912164),
            (600, 0.011624964036615993),
            (1000, 0.007485470860550345),
            (10007, 0.0009781458735069754),
        ];
        for (n, expected) in table {
            let values: Vec<f64> = (1..=n).map(|i| 1.0 / f64::from(i)).collect();
            assert_eq!(mean(&values), expected, "{n} values");
        }
        assert!(mean(&[]).is_nan());
    }
}
