//! The columns of a table of pictures: which has the names of the files, the labels and the parts.

use std::path::Path;

use super::columns::{LABELS, NUMBERS, column_of, plain};
use super::pictures::{Pictures, without_ending};
use super::stored::{refused, shown};
use super::text::{Text, text};
use crate::Error;
use crate::parts::Part;

/// Usual names of the column of file names, the most certain first.
const FILES: [&str; 21] = [
    "file_name",
    "filename",
    "file",
    "filepath",
    "file_path",
    "filepaths",
    "path",
    "image_path",
    "img_path",
    "image_file",
    "image_name",
    "img_name",
    "image",
    "img",
    "picture",
    "photo",
    "name",
    "image_id",
    "img_id",
    "imageid",
    "id",
];

/// Usual names of the column of parts.
const PARTS: [&str; 6] = ["split", "subset", "set", "part", "partition", "dataset"];

/// Number of rows that are looked at.
const ROWS: usize = 20;

/// The columns of a table of pictures.
pub(super) struct ListColumns {
    /// The names, if there is a header.
    pub(super) header: Option<Vec<String>>,
    pub(super) count: usize,
    pub(super) file: usize,
    pub(super) label: Option<usize>,
    pub(super) part: Option<usize>,
    pub(super) notes: Vec<String>,
}

/// The first rows of a table that may name pictures.
pub(super) struct Head {
    header: Option<Vec<String>>,
    count: usize,           // of columns
    rows: Vec<Vec<String>>, // below the header
    /// Columns of names with the ending of a picture, and columns with a usual name.
    with_endings: Vec<usize>,
    with_names: Vec<usize>,
}

impl Head {
    /// Reads the beginning of a table; `None` if no column can name pictures.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, Error> {
        let mut table = Text::open(path)?;
        let mut rows: Vec<Vec<String>> = Vec::new();
        while rows.len() <= ROWS
            && let Some((_, record)) = table.next()?
        {
            rows.push(record.iter().map(text).collect());
        }
        let Some(first) = rows.first() else { return Ok(None) };
        let is_file = |name: &String| without_ending(name).is_some();
        let count = first.len();
        let header = (!first.iter().any(is_file)).then(|| rows.remove(0));
        let mut head = Self { header, count, rows, with_endings: Vec::new(), with_names: Vec::new() };
        head.with_endings = (0..count).filter(|&column| head.all(column, is_file)).collect();
        head.with_names = (0..count).filter(|&column| head.rank(column) < FILES.len()).collect();
        Ok((head.with_endings.len() + head.with_names.len() > 0).then_some(head))
    }

    /// Returns true if there are values in a column, and all are of a kind.
    fn all(&self, column: usize, is: impl Fn(&String) -> bool) -> bool {
        let mut values = self.values(column).peekable();
        values.peek().is_some() && values.all(is)
    }

    fn values(&self, column: usize) -> impl Iterator<Item = &String> {
        self.rows.iter().filter_map(move |row| row.get(column)).filter(|value| !value.is_empty())
    }

    fn title(&self, column: usize) -> String {
        self.header.as_ref().map_or_else(String::new, |names| plain(&names[column]))
    }

    /// The place of a column's name among the usual ones.
    fn rank(&self, column: usize) -> usize {
        let title = self.title(column);
        FILES.iter().position(|known| *known == title).unwrap_or(FILES.len())
    }

    /// Decides what the columns are; `None` if none names pictures.
    pub(super) fn columns(
        self,
        path: &Path,
        given: Option<&str>,
        pictures: &Pictures,
    ) -> Result<Option<ListColumns>, Error> {
        let is_known = |name: &String| !matches!(pictures.find(name, None), Ok(None));
        let known = self.with_names.iter().copied().filter(|column| self.values(*column).any(is_known));
        let named = self.with_endings.iter().copied().min_by_key(|column| self.rank(*column));
        let Some(file) = named.or_else(|| known.min_by_key(|column| self.rank(*column))) else {
            return Ok(None);
        };
        let is_part = |text: &String| Part::of(&text.to_lowercase()).is_some();
        // Other values are refused when they are read.
        let part = (0..self.count).find(|&column| {
            PARTS.contains(&self.title(column).replace('_', "").as_str()) && self.values(column).any(is_part)
        });
        let others: Vec<usize> =
            (0..self.count).filter(|column| *column != file && Some(*column) != part).collect();
        let labels = |is: &dyn Fn(&str) -> bool| -> Vec<usize> {
            others.iter().copied().filter(|&column| is(&self.title(column))).collect()
        };
        let exact = labels(&|name| LABELS.contains(&name));
        let similar = labels(&|name| name.contains("label") || name.contains("class"));
        let rest = labels(&|name| self.header.is_none() || !NUMBERS.contains(&name));
        let mut found = ListColumns {
            header: self.header,
            count: self.count,
            file,
            label: None,
            part,
            notes: Vec::new(),
        };
        let label = match (given, &exact[..], &similar[..], &rest[..]) {
            (Some(given), ..) => {
                let problem = |problem| refused(shown(path), problem);
                Some(column_of(given, found.header.as_deref(), found.count).map_err(problem)?)
            }
            (None, [column], ..) => Some(*column),
            (None, [first, second, ..], ..) => {
                let problem = format!(
                    "{} and {} both have the name of a label; choose one with --label-column",
                    found.name(*first),
                    found.name(*second)
                );
                return Err(refused(shown(path), problem));
            }
            (None, [], [column], _) | (None, [], _, [column]) => {
                found.notes.push(format!("{}: the labels are in {}", shown(path), found.name(*column)));
                Some(*column)
            }
            _ => None,
        };
        found.label = label;
        Ok(Some(found))
    }
}

impl ListColumns {
    /// The name of a column in messages.
    pub(super) fn name(&self, column: usize) -> String {
        match &self.header {
            Some(names) => format!("column `{}`", names.get(column).map_or("", String::as_str)),
            None => format!("column {column}"),
        }
    }
}
