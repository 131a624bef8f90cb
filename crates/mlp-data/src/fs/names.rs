//! The natural order of file names.

use std::cmp::Ordering;

/// Compares names in natural order: numbers by value, so that 2 comes before 10.
///
/// # Example
/// ```
/// let mut names = vec!["img10.png", "img2.png", "img02.png", "a"];
/// names.sort_by(|a, b| mlp_data::fs::natural_order(a, b));
/// assert_eq!(names, ["a", "img02.png", "img2.png", "img10.png"]);
/// ```
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (digits_left, digits_right) = (count_digits(left), count_digits(right));
        let order = if digits_left > 0 && digits_right > 0 {
            let x = left[..digits_left].trim_start_matches('0');
            let y = right[..digits_right].trim_start_matches('0');
            (left, right) = (&left[digits_left..], &right[digits_right..]);
            x.len().cmp(&y.len()).then(x.cmp(y))
        } else {
            let (mut x, mut y) = (left.chars(), right.chars());
            let (first, second) = (x.next(), y.next());
            if first.is_none() && second.is_none() {
                return a.cmp(b); // equal except for leading zeros
            }
            (left, right) = (x.as_str(), y.as_str());
            first.cmp(&second)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Returns the number of leading digits.
fn count_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_compared_by_value() {
        let mut names = ["mnist-10", "mnist-9", "mnist", "fast-2", "mnist-10b"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["fast-2", "mnist", "mnist-9", "mnist-10", "mnist-10b"]);
    }

    proptest! {
        #[test]
        fn natural_order_is_a_total_order(names in prop::collection::vec("[a0-2ü]{0,5}", 3)) {
            let order = |i: usize, j: usize| natural_order(&names[i], &names[j]);
            prop_assert_eq!(order(0, 1), order(1, 0).reverse());
            prop_assert_eq!(order(0, 1).is_eq(), names[0] == names[1]);
            if order(0, 1).is_le() && order(1, 2).is_le() {
                prop_assert!(order(0, 2).is_le());
            }
        }
    }
}
