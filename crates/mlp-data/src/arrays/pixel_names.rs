//! The order of pixels by the names of their columns: sorted as text, `pixel10` comes before
//! `pixel2`.

/// The order of columns of pixels, and what to say if it is not that of the table.
pub(super) fn ordered(names: &[String], pixels: Vec<usize>) -> (Vec<usize>, Option<String>) {
    let parsed: Option<Vec<Name<'_>>> = pixels.iter().map(|&column| parse(&names[column])).collect();
    let Some(parsed) = parsed.filter(|parsed| are_one_family(parsed)) else { return (pixels, None) };
    let by = |key: fn(&Name<'_>) -> Vec<u64>| {
        let mut order: Vec<usize> = (0..pixels.len()).collect();
        order.sort_by_key(|&i| key(&parsed[i]));
        order
    };
    let is_as_is = |order: &[usize]| order.is_sorted();
    let order = by(|name| name.numbers.clone());
    if is_as_is(&order) {
        return (pixels, None);
    }
    let first: Vec<&str> = pixels.iter().take(2).map(|&column| names[column].as_str()).collect();
    let first = first.join(", ");
    // Columns before rows, as of x and y: the pixels of a row stand together.
    if is_as_is(&by(|name| name.numbers.iter().rev().copied().collect())) {
        let note = format!(
            "the columns {first}, … are read row by row, as they stand (--transpose if the first number is the row)"
        );
        return (pixels, Some(note));
    }
    let note = format!("the columns {first}, … are not in the order of their numbers, which is used");
    (order.into_iter().map(|i| pixels[i]).collect(), Some(note))
}

/// A name such as `pixel7` or `1x12`.
struct Name<'n> {
    words: Vec<&'n str>, // around the numbers
    numbers: Vec<u64>,
}

fn parse(name: &str) -> Option<Name<'_>> {
    let is_digit = |c: char| c.is_ascii_digit();
    let numbers = name.split(|c| !is_digit(c)).filter(|digits| !digits.is_empty());
    let numbers: Vec<u64> = numbers.map(str::parse).collect::<Result<_, _>>().ok()?;
    let words = name.split(is_digit).map(str::trim).filter(|word| !word.is_empty()).collect();
    (1..=2).contains(&numbers.len()).then_some(Name { words, numbers })
}

/// Names that differ in their numbers only, all of them different.
fn are_one_family(names: &[Name<'_>]) -> bool {
    let Some((first, others)) = names.split_first() else { return false };
    let is_alike = |name: &Name<'_>| name.words == first.words && name.numbers.len() == first.numbers.len();
    let mut numbers: Vec<&[u64]> = names.iter().map(|name| &name.numbers[..]).collect();
    numbers.sort_unstable();
    others.iter().all(is_alike) && numbers.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &str) -> (String, Option<String>) {
        let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
        let (order, note) = ordered(&names, (0..names.len()).collect());
        (order.into_iter().map(|i| names[i].as_str()).collect::<Vec<_>>().join(" "), note)
    }

    #[test]
    fn columns_in_the_order_of_their_text_are_put_in_that_of_their_numbers() {
        for (names, expected) in [
            ("pixel1 pixel10 pixel11 pixel2", "pixel1 pixel2 pixel10 pixel11"),
            ("p3 p2 p1 p0", "p0 p1 p2 p3"),
            ("0 1 10 2", "0 1 2 10"),
            ("1x1 1x10 1x2 2x1 2x10 2x2", "1x1 1x2 1x10 2x1 2x2 2x10"),
            ("r0_c0 r1_c1 r0_c1 r1_c0", "r0_c0 r0_c1 r1_c0 r1_c1"),
        ] {
            let (found, note) = order(names);
            assert_eq!(found, expected);
            assert!(note.unwrap().contains("not in the order of their numbers, which is used"), "{names}");
        }
    }

    #[test]
    fn other_columns_stay_where_they_are() {
        for names in [
            "pixel0 pixel1 pixel2 pixel10",
            "1x1 1x2 2x1 2x2",
            "px002 px010 px100",
            // Not numbers of pixels.
            "b a",
            "p1 q0",
            "p2 p1 p1",
            "0 0.1 0.2 253 0.3",
            "1.2.3 1.2.2",
            "99999999999999999999 1",
        ] {
            assert_eq!(order(names), (names.to_owned(), None));
        }
        let (found, note) = order("1x1 2x1 1x2 2x2");
        assert!(found == "1x1 2x1 1x2 2x2" && note.unwrap().contains("read row by row, as they stand"));
    }
}
