//! Matches a dataset's classes to a model's by name, because the same class may have a different
//! number in another dataset.

use std::borrow::Cow;

use mlp_data::Dataset;
use mlp_data::text::counted;

use crate::Error;

/// A dataset whose labels are classes of a model; see [`match_classes`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Matched<'d> {
    /// The examples whose class the model knows.
    pub data: Cow<'d, Dataset>,
    /// The index in the original dataset of each example, if some are left out.
    pub indices: Option<Vec<u32>>,
    /// What a user has to know about it, in one line; `None` if the classes are the same.
    pub note: Option<String>,
}

impl Matched<'_> {
    /// Returns the index in the original dataset of an example.
    ///
    /// # Panics
    /// If there is no such example.
    pub fn index(&self, example: usize) -> usize {
        self.indices.as_ref().map_or(example, |indices| indices[example] as usize)
    }
}

/// Expresses a dataset with classes `names` in the classes `expected` of a model.
///
/// Classes are matched by name, first exactly, then ignoring case, separators and leading zeros,
/// with digits for `zero` to `nine`, then by the number in names that differ in it only, as
/// `digit 7`. Examples of other classes are left out. If no name matches and either side has the
/// numbers from 0 as names, as datasets and models without names have, classes are matched by
/// number.
///
/// # Errors
/// [`Error::OtherClasses`] if no class can be matched, or if names that are numbers match in part,
/// as 0 to 9 and 1 to 10 do.
///
/// # Example
/// ```
/// use mlp_data::{Dataset, ImageShape};
/// use mlp_train::match_classes;
///
/// let shape = ImageShape { height: 1, width: 1 };
/// let data = Dataset::new(vec![10, 20, 30], shape, vec![0, 1, 2], 3)?;
/// let [names, expected] = [vec!["bee", "cat", "dog"], vec!["ant", "bee", "cat"]]
///     .map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
/// let matched = match_classes(&data, &names, &expected)?;
/// assert_eq!((matched.data.labels(), matched.data.images()), (&[1, 2][..], &[10, 20][..]));
/// assert!(matched.note.unwrap().contains("1 of 3 examples left out: dog"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn match_classes<'d>(
    data: &'d Dataset,
    names: &[String],
    expected: &[String],
) -> Result<Matched<'d>, Error> {
    let as_it_is = |note| Matched { data: Cow::Borrowed(data), indices: None, note };
    if names == expected {
        return Ok(as_it_is(None));
    }
    let counts = data.class_counts();
    let occurs = |class: usize| counts.get(class).is_some_and(|&count| count > 0);
    let map = mapping(names, expected);
    let other = || Error::OtherClasses { found: listed(names.iter()), expected: listed(expected.iter()) };
    let has_as_many = names.len() == expected.len();
    if !map.iter().enumerate().any(|(class, found)| found.is_some() && occurs(class)) {
        let is_smaller = names.len() < expected.len();
        if has_as_many && are_numbers(expected) || (has_as_many || is_smaller) && are_numbers(names) {
            let note = format!(
                "classes are matched by number: they are {} in the dataset and {} in the model",
                listed(names.iter()),
                listed(expected.iter())
            );
            return Ok(as_it_is(Some(note)));
        }
        return Err(other());
    }
    // From 0 or from 1?
    let is_shifted = map.contains(&None) && has_as_many && are_numbers(names) != are_numbers(expected);
    if is_shifted && [names, expected].into_iter().all(|names| !numbers(names).contains(&None)) {
        return Err(other());
    }
    let mut notes = Vec::new();
    let renamed = names.iter().zip(&map).filter_map(|(name, &class)| Some((name, &expected[class?])));
    let renamed: Vec<String> = renamed
        .filter(|(name, class)| name != class)
        .map(|(name, class)| format!("{name} as {class}"))
        .collect();
    if !renamed.is_empty() {
        notes.push(listed(renamed.iter()));
    }
    let absent = (0..expected.len()).filter(|&class| !map.contains(&Some(class)));
    let absent: Vec<&String> = absent.map(|class| &expected[class]).collect();
    if !absent.is_empty() {
        notes.push(format!("the dataset has no {}", listed(absent.into_iter())));
    }
    let unknown = (0..names.len()).filter(|&class| map[class].is_none() && occurs(class));
    let unknown: Vec<&String> = unknown.map(|class| &names[class]).collect();
    let class_of_label = |label: u8| map.get(usize::from(label)).copied().flatten();
    let mut indices = None;
    if !unknown.is_empty() {
        let labels = (0..).zip(data.labels());
        let kept: Vec<u32> =
            labels.filter(|&(_, &label)| class_of_label(label).is_some()).map(|(index, _)| index).collect();
        notes.push(format!(
            "{} of {} left out: {} is not a class of the model",
            data.len() - kept.len(),
            counted(data.len(), "example"),
            listed(unknown.into_iter())
        ));
        indices = Some(kept);
    }
    let kept = indices.as_ref().map_or(Cow::Borrowed(data), |indices| Cow::Owned(data.subset(indices)));
    let labels = kept.labels().iter().map(|&label| class_of_label(label).expect("kept") as u8);
    let labels: Vec<u8> = labels.collect();
    let classes = expected.len().min(MAX_CLASSES);
    let data = if kept.labels() == labels && kept.classes() <= classes {
        kept
    } else {
        let data = Dataset::new(kept.images().to_vec(), kept.shape(), labels, classes);
        Cow::Owned(data.expect("the same images, and labels below the number of classes"))
    };
    let note = (!notes.is_empty()).then(|| format!("classes are matched by name: {}", notes.join("; ")));
    Ok(Matched { data, indices, note })
}

/// Classes of a dataset: its labels are bytes.
const MAX_CLASSES: usize = 256;

/// What two names have in common that mean the same.
type Spelling = fn(&[String]) -> Vec<Option<String>>;

/// Returns the class of a model for each name. A class is never that of two names.
fn mapping(names: &[String], expected: &[String]) -> Vec<Option<usize>> {
    let mut map: Vec<Option<usize>> = vec![None; names.len()];
    let spellings: [Spelling; 3] = [
        |names| names.iter().cloned().map(Some).collect(),
        |names| names.iter().map(|name| Some(key(name))).collect(),
        numbers,
    ];
    for spelling in spellings {
        let (own, theirs) = (spelling(names), spelling(expected));
        let free: Vec<usize> =
            (0..expected.len().min(MAX_CLASSES)).filter(|&class| !map.contains(&Some(class))).collect();
        let left: Vec<usize> = (0..names.len()).filter(|&class| map[class].is_none()).collect();
        for &class in left.iter().filter(|&&class| own[class].is_some()) {
            let is_alone = left.iter().filter(|&&other| own[other] == own[class]).count() == 1;
            let mut same = free.iter().filter(|&&other| theirs[other] == own[class]);
            map[class] = same.next().copied().filter(|_| is_alone && same.next().is_none());
        }
    }
    map
}

/// A name without case, separators and leading zeros, and a digit for its word.
fn key(name: &str) -> String {
    const DIGITS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let plain = name.trim().to_lowercase().replace(['_', '-'], " ");
    if let Some(digit) = DIGITS.iter().position(|&word| word == plain) {
        return digit.to_string();
    }
    plain.parse::<u64>().map_or(plain, |number| number.to_string())
}

/// The number in each name, if the names differ in it only.
fn numbers(names: &[String]) -> Vec<Option<String>> {
    let keys: Vec<String> = names.iter().map(|name| key(name)).collect();
    let parts = |key: &'_ str| {
        let is_digit = |letter: char| letter.is_ascii_digit();
        let (start, end) = (key.find(is_digit)?, key.rfind(is_digit)? + 1);
        let number: u64 = key[start..end].parse().ok()?;
        Some((key[..start].trim().to_owned(), key[end..].trim().to_owned(), number))
    };
    let parts: Option<Vec<_>> = keys.iter().map(|key| parts(key)).collect();
    match parts {
        Some(parts)
            if parts.iter().all(|(before, after, _)| (before, after) == (&parts[0].0, &parts[0].1)) =>
        {
            parts.into_iter().map(|(_, _, number)| Some(number.to_string())).collect()
        }
        _ => vec![None; names.len()],
    }
}

/// Returns whether the names are the numbers of the classes, as where nobody has named them.
fn are_numbers(names: &[String]) -> bool {
    names.iter().enumerate().all(|(class, name)| *name == class.to_string())
}

/// The first few names.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    const MAX: usize = 6;
    let more = names.len().saturating_sub(MAX);
    let shown: Vec<&str> = names.take(MAX).map(String::as_str).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use mlp_data::ImageShape;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// One image per label; each has its index as its only pixel.
    fn data(labels: &[u8], classes: usize) -> Dataset {
        let images = (0..labels.len() as u8).collect();
        Dataset::new(images, ImageShape { height: 1, width: 1 }, labels.to_vec(), classes).unwrap()
    }

    #[track_caller]
    fn check(of: &str, expected: &str, labels: &[u8], found: &[u8], note: Option<&str>) {
        let (of, expected) = (names(of), names(expected));
        let data = data(labels, of.len());
        let matched = match_classes(&data, &of, &expected).unwrap();
        assert_eq!(matched.data.labels(), found);
        for example in 0..matched.data.len() {
            assert_eq!(usize::from(matched.data.image(example)[0]), matched.index(example));
        }
        assert!(matched.data.classes() <= expected.len());
        match (note, matched.note) {
            (None, None) => {}
            (Some(part), Some(note)) if note.contains(part) && !note.contains('\n') => {}
            (expected, found) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_name_decides_whatever_the_number() {
        check("a b c", "a b c", &[0, 1, 2], &[0, 1, 2], None);
        check("c a b", "a b c", &[0, 1, 2], &[2, 0, 1], None);
        check("3 5 7", "0 1 2 3 4 5 6 7", &[0, 1, 2], &[3, 5, 7], Some("by name: the dataset has no 0, 1"));
        check("Ant BEE_two", "bee-two ant", &[0, 1], &[1, 0], Some("Ant as ant, BEE_two as bee-two"));
        check("01 02", "1 2", &[0, 1], &[0, 1], Some("01 as 1"));
        check("one seven Two", "2 1 7", &[0, 1, 2], &[1, 2, 0], Some("one as 1, seven as 7, Two as 2"));
        let (by_name, by_size) = ("digit_1 digit_10 digit_2", "1 2 10");
        check(by_name, by_size, &[0, 1, 2], &[0, 2, 1], Some("digit_10 as 10, digit_2 as 2"));
        check("class-07 class-3", "Digit3 Digit7", &[0, 1], &[1, 0], Some("class-07 as Digit7"));
    }

    #[test]
    fn a_class_is_never_that_of_two_names() {
        check("Cat cat", "cat dog", &[0, 1, 1], &[0, 0], Some("1 of 3 examples left out: Cat"));
        check("07 7 1", "7 1", &[0, 1, 2], &[0, 1], Some("1 of 3 examples left out: 07"));
        // Nor can a name be one of two classes.
        check("cat dog", "cat cat dog", &[0, 1, 1], &[2, 2], Some("1 of 3 examples left out: cat"));
        check("CAT dog", "cat Cat dog", &[0, 1, 1], &[2, 2], Some("1 of 3 examples left out: CAT"));
        check("CAT Cat dog", "cat dog", &[0, 1, 2], &[1], Some("2 of 3 examples left out: CAT, Cat"));
    }

    #[test]
    fn examples_of_other_classes_are_left_out() {
        check("b x c", "a b c", &[0, 1, 2, 1, 0], &[1, 2, 1], Some("2 of 5 examples left out: x"));
        check("0 1 x", "0 1 2", &[0, 1, 2], &[0, 1], Some("1 of 3 examples left out: x"));
        // A class without examples is not reported.
        check("a b x", "a b", &[0, 1], &[0, 1], None);
    }

    #[test]
    fn numbers_match_only_where_one_side_has_no_names() {
        check("0 1", "cat dog", &[1, 0], &[1, 0], Some("by number: they are 0, 1"));
        check("cat dog", "0 1", &[1, 0], &[1, 0], Some("by number"));
        check("0 1", "cat dog fox", &[1, 0], &[1, 0], Some("by number"));
        for (of, expected) in [
            ("x y", "a b"),
            ("cat dog fox", "0 1"),
            ("cat dog", "0 1 2"),
            ("1 2", "a b"),
            // The same in part: from 0 or from 1?
            ("1 2", "0 1"),
            ("0 1", "1 2"),
            ("class1 class2 class3", "0 1 2"),
            ("a a", "a b"),
        ] {
            let (of, expected) = (names(of), names(expected));
            let error = match_classes(&data(&[0, 1], of.len()), &of, &expected).unwrap_err().to_string();
            assert!(error.contains("cannot match the classes"), "{error}");
        }
    }
}
