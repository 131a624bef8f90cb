//! The columns of a table: whether there is a header, which column is the label, and which are
//! pixels.

use std::collections::BTreeSet;
use std::path::Path;

use csv::ByteRecord;

use super::pixel_names::ordered;
use super::stored::{MAX_CLASSES, refused, shown};
use super::text::{Text, number, text};
use crate::{Error, ImageShape};

/// Usual names of the label column.
pub(super) const LABELS: [&str; 16] = [
    "label",
    "labels",
    "class",
    "classes",
    "target",
    "targets",
    "y",
    "digit",
    "character",
    "letter",
    "category",
    "class_label",
    "class_name",
    "label_name",
    "classname",
    "species",
];

/// Usual names of columns that number the rows.
pub(super) const NUMBERS: [&str; 8] = ["", "id", "index", "idx", "imageid", "image_id", "unnamed:_0", "row"];

/// The maximum number of classes that are recognized without the name of a column.
const MAX_GUESSED: usize = 128;

/// The columns of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    /// The names, if there is a header.
    pub(super) header: Option<Vec<String>>,
    pub(super) count: usize,
    /// The label column; `None` if the table has only pixels.
    pub(super) label: Option<usize>,
    /// Columns that are neither label nor pixels.
    pub(super) ignored: Vec<usize>,
    /// Columns of pixels, in the order of the pixels.
    pub(super) pixels: Vec<usize>,
    pub(super) notes: Vec<String>,
}

impl Columns {
    /// Determines the meaning of the columns of a table.
    pub(super) fn of(path: &Path, given: Option<&str>, shape: Option<ImageShape>) -> Result<Self, Error> {
        let mut table = Text::open(path)?;
        let first = table.next()?.map(|(_, record)| record.clone());
        let first = first.ok_or_else(|| refused(shown(path), "found no rows; expected one row per image"))?;
        let second = table.next()?.map(|(_, record)| record.clone());
        if first.len() < 2 {
            let problem =
                "found one column; expected a label and pixels, separated by commas, semicolons or tabs";
            return Err(refused(shown(path), problem));
        }
        let header = is_header(&first, second.as_ref()).then(|| first.iter().map(text).collect::<Vec<_>>());
        let (count, label, notes) = (first.len(), None, Vec::new());
        let mut columns = Self { header, count, label, ignored: Vec::new(), pixels: Vec::new(), notes };
        if let Some(header) = &columns.header {
            let is_number = |&column: &usize| NUMBERS.contains(&plain(&header[column]).as_str());
            columns.ignored = (0..header.len()).filter(is_number).collect();
        }
        columns.label = columns.find_label(path, given, shape)?;
        columns.ignored.retain(|column| Some(*column) != columns.label);
        if let (Some(header), [column, ..]) = (&columns.header, &columns.ignored[..]) {
            let what = match &*header[*column] {
                "" => format!("column {column} has no name"),
                name => format!("column `{name}` numbers the rows"),
            };
            columns.notes.push(format!("{}: {what} and is left out", shown(path)));
        }
        let is_pixel = |column: &usize| Some(*column) != columns.label && !columns.ignored.contains(column);
        columns.pixels = (0..columns.count).filter(is_pixel).collect();
        if let Some(header) = &columns.header {
            let (pixels, note) = ordered(header, std::mem::take(&mut columns.pixels));
            columns.pixels = pixels;
            columns.notes.extend(note.map(|note| format!("{}: {note}", shown(path))));
        }
        Ok(columns)
    }

    /// Returns true if another table has the same columns.
    pub(super) fn is_like(&self, path: &Path) -> Result<bool, Error> {
        let mut table = Text::open(path)?;
        let Some(first) = table.next()?.map(|(_, record)| record.clone()) else { return Ok(false) };
        let second = table.next()?.map(|(_, record)| record);
        Ok(match &self.header {
            Some(header) => header.iter().eq(first.iter().map(text).collect::<Vec<_>>().iter()),
            None => first.len() == self.count && !is_header(&first, second),
        })
    }

    fn find_label(
        &mut self,
        path: &Path,
        given: Option<&str>,
        shape: Option<ImageShape>,
    ) -> Result<Option<usize>, Error> {
        let names = self.header.as_deref().unwrap_or_default();
        if let Some(given) = given {
            let header = self.header.as_deref();
            return column_of(given, header, self.count)
                .map(Some)
                .map_err(|problem| refused(shown(path), problem));
        }
        let known: Vec<usize> =
            (0..names.len()).filter(|&column| LABELS.contains(&plain(&names[column]).as_str())).collect();
        match known[..] {
            [column] => return Ok(Some(column)),
            [first, second, ..] => {
                let problem = format!(
                    "the columns `{}` and `{}` both have the name of a label; choose one with --label-column",
                    names[first], names[second]
                );
                return Err(refused(shown(path), problem));
            }
            [] => {}
        }
        let others: Vec<usize> = (0..self.count).filter(|column| !self.ignored.contains(column)).collect();
        if let Some(column) = odd_one(names, &others) {
            self.notes.push(format!("{}: the labels are in column `{}`", shown(path), names[column]));
            return Ok(Some(column));
        }
        let are_pixels = |count: usize| match shape {
            Some(shape) if shape.pixels() == count => true,
            _ => count.isqrt().pow(2) == count,
        };
        if are_pixels(others.len()) && !are_pixels(others.len() - 1) {
            return Ok(None);
        }
        let (Some(&first), Some(&last)) = (others.first(), others.last()) else { return Ok(None) };
        let [(at_first, said), (at_last, also_said)] = self.label_evidence(path, [first, last])?;
        let (column, place, said) = match (at_first, at_last) {
            (true, false) => (first, "first", said),
            (false, true) => (last, "last", also_said),
            _ => {
                let both = if at_first {
                    "the first and the last could both be labels"
                } else {
                    "neither the first nor the last looks like labels"
                };
                let problem = format!(
                    "no column is named like a label, and {both} (first: {said}; last: {also_said}); choose one with \
                     --label-column"
                );
                return Err(refused(shown(path), problem));
            }
        };
        self.notes.push(format!("{}: the labels are in the {place} column, {said}", shown(path)));
        Ok(Some(column))
    }

    /// Looks through a table for whether columns can be labels, and describes them.
    fn label_evidence(&self, path: &Path, columns: [usize; 2]) -> Result<[(bool, String); 2], Error> {
        let mut evidence = columns.map(|_| Evidence::default());
        let mut table = Text::open(path)?;
        if self.header.is_some() {
            table.next()?;
        }
        while let Some((_, record)) = table.next()? {
            for (column, evidence) in columns.into_iter().zip(&mut evidence) {
                evidence.add(record.get(column).unwrap_or_default());
            }
        }
        Ok(evidence.map(|evidence| (evidence.is_label(), evidence.to_string())))
    }

    /// The name of a column in messages.
    pub(super) fn name(&self, column: usize) -> String {
        match &self.header {
            Some(names) => format!("column {}", names[column]),
            None => format!("column {column}"),
        }
    }
}

/// The column that `--label-column` means.
pub(super) fn column_of(given: &str, header: Option<&[String]>, count: usize) -> Result<usize, String> {
    if let Some(names) = header {
        let named = names.iter().position(|name| name == given);
        if let Some(column) = named.or_else(|| names.iter().position(|name| plain(name) == plain(given))) {
            return Ok(column);
        }
    }
    let signed = count as i64;
    let index = given.parse::<i64>().ok().map(|index| if index < 0 { index + signed } else { index });
    index.filter(|index| (0..signed).contains(index)).map(|index| index as usize).ok_or_else(|| {
        let named = match header {
            Some(names) => format!("with names such as `{}`", names[0]),
            None => "without a header".to_owned(),
        };
        format!(
            "--label-column: no column {given}; found {count} columns {named}; expected a name, or 0 to {}",
            count - 1
        )
    })
}

/// The values of a column.
#[derive(Default)]
struct Evidence {
    has_texts: bool,
    has_fractions: bool,
    numbers: BTreeSet<i64>, // not all, if there are more than classes can be
}

impl Evidence {
    fn add(&mut self, field: &[u8]) {
        match number(field) {
            None => self.has_texts = true,
            Some(number) if number.fract() != 0.0 => self.has_fractions = true, // or NaN
            Some(number) if self.numbers.len() <= MAX_CLASSES => drop(self.numbers.insert(number as i64)),
            Some(_) => {}
        }
    }

    /// Texts are labels; so are whole numbers from 0 or 1 with hardly any gaps. Pixels in a corner
    /// are all the same, have gaps, or take most of 256 values.
    fn is_label(&self) -> bool {
        if self.has_texts {
            return true;
        }
        let (Some(&first), Some(&last)) = (self.numbers.first(), self.numbers.last()) else { return false };
        let count = self.numbers.len();
        let is_dense = 5 * count as i64 >= 4 * (last - first + 1);
        !self.has_fractions && (2..=MAX_GUESSED).contains(&count) && (0..=1).contains(&first) && is_dense
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.numbers.first(), self.numbers.last()) {
            _ if self.has_texts => f.write_str("text"),
            (Some(first), Some(last)) if first == last && !self.has_fractions => write!(f, "always {first}"),
            (Some(first), Some(last)) => write!(f, "numbers from {first} to {last}"),
            _ => f.write_str("fractions"),
        }
    }
}

/// A column name in lower case, without the `#` of a comment.
pub(super) fn plain(name: &str) -> String {
    name.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "_")
}

/// Returns true if the first record names the columns.
fn is_header(first: &ByteRecord, second: Option<&ByteRecord>) -> bool {
    let texts = first.iter().filter(|field| number(field).is_none()).count();
    let is_label = |field: &[u8]| LABELS.contains(&plain(&text(field)).as_str());
    // Numbers as names differ, as in `0,1,2,…`, or `0,0.1,0.2,…` of pandas; pixels repeat.
    let differ = |record: &ByteRecord| {
        let fields: BTreeSet<&[u8]> = record.iter().collect();
        fields.len() == record.len()
    };
    // Without the latter, `y,0,0,0` is the first picture of a letter.
    if 2 * texts > first.len() || (texts > 0 && first.iter().any(is_label) && differ(first)) {
        return true;
    }
    first.len() > 16 && differ(first) && second.is_some_and(|second| !differ(second))
}

/// The only column whose name does not begin like most others (`pixel0`, `pixel1`, …).
fn odd_one(names: &[String], among: &[usize]) -> Option<usize> {
    let stem = |column: usize| {
        let name = plain(&names[column]);
        name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, 'x' | '_' | '.' | '-')).to_owned()
    };
    if names.is_empty() || among.len() < 4 {
        return None;
    }
    let middle = stem(among[among.len() / 2]);
    let mut odd = among.iter().copied().filter(|&column| stem(column) != middle);
    match (odd.next(), odd.next()) {
        (Some(column), None) => Some(column),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str, given: Option<&str>) -> Result<Columns, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let error = |error: Error| error.to_string().replace(&format!("{}/", directory.path().display()), "");
        Columns::of(&path, given, None).map_err(error)
    }

    #[test]
    fn the_label_column_is_found_by_name_or_place() {
        let numbers = (0..20).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        let row = |label: &str| format!("{label}{}\n", ",0".repeat(19));
        let numbered = format!("{numbers}\n{}{}", row("0").repeat(3), row("1").repeat(3));
        for (text, header, label) in [
            ("label,p0,p1\n1,2,3", true, 0),
            ("p0,p1,p2,p3,Class\n1,2,3,4,a", true, 4),
            ("id,y,a,b,c,d\n1,0,2,3,4,5", true, 1),
            ("# label;p0;p1\n1;2;3", true, 0),
            ("p0,p1,p2,p3,kind\n1,2,3,4,5", true, 4),
            ("label,1x1,1x2,2x1,2x2\n1,2,3,4,5", true, 0),
            ("0,7,0,0,0\n1,9,0,0,0\n2,9,9,0,0", false, 0),
            ("0,7,0,0,0\n0,9,0,0,1\n0,9,9,0,2", false, 4),
            ("A,0,0,0,0\nB,1,0,0,0", false, 0),
            ("y,0,0,0,0\nz,1,0,0,0", false, 0),
            (&numbered, true, 0),
        ] {
            let found = columns(text, None).unwrap();
            assert_eq!((found.header.is_some(), found.label), (header, Some(label)), "{text}");
        }
        let found = columns("id,y,a,b,c,d\n1,0,2,3,4,5", None).unwrap();
        assert_eq!((found.ignored, found.notes.len()), (vec![0], 1));
        for given in ["kind", "2", "-2"] {
            assert_eq!(columns("a,b,kind,d\n1,2,3,4", Some(given)).unwrap().label, Some(2), "{given}");
        }
    }

    #[test]
    fn tables_without_labels_are_known() {
        for text in ["pixel0,pixel1,pixel2,pixel3\n1,2,3,4", "1,2,3,4\n1,2,3,4", "id,p0,p1,p2,p3\n0,1,2,3,4"]
        {
            assert_eq!(columns(text, None).unwrap().label, None, "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        for (text, given, said) in [
            ("", None, "t.csv: it is empty"),
            ("label\n1", None, "found one column"),
            ("label,class,p0\n1,1,1", None, "`label` and `class` both have the name of a label"),
            ("0,5,5,5,0\n1,5,5,5,1", None, "could both be labels (first: numbers from 0 to 1; last: numbers"),
            ("7,5,5,5,7\n90,5,5,5,1", None, "neither the first nor the last looks like labels"),
            ("a,b,c\n1,2,3", Some("d"), "--label-column: no column d; found 3 columns with names"),
            ("1,2,3\n1,2,3", Some("3"), "found 3 columns without a header; expected a name, or 0 to 2"),
        ] {
            let error = columns(text, given).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
