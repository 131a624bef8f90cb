//! Pictures in Parquet files, as on the Hugging Face hub: one file, or a directory with the shards
//! of each part of a split. The pictures are written to files, in the order of their rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::budget::Budget;
use super::columns::{Columns, Form};
use super::features::Features;
use super::pages::{Batch, Column, Row, Source, Values};
use super::shards::{self, Shards};
use crate::Error;
use crate::fs::natural_order;
use crate::parts::Part;
use crate::picture::LabeledFiles;

/// Number of rows that are read at once.
const ROWS: usize = 64;

/// What each file takes at least: a block of a file system.
const BLOCK: u64 = 4096;

/// The maximum number of classes.
const MAX_CLASSES: usize = 256;

/// A label as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Label {
    Number(i64),
    Text(String),
}

/// Reads files into a directory of pictures.
struct Import<'a> {
    workshop: &'a Path,
    budget: Budget,
    /// The different labels, in the order of their first use.
    labels: Vec<Label>,
    /// The names of the classes, if the first file has them.
    names: Option<Vec<String>>,
    /// 255 divided by the level of white.
    scale: f64,
}

/// Pictures with indices of their labels; `None` for those without.
type Rows = Vec<(PathBuf, Option<usize>)>;

/// A file that is open, with the columns to read.
struct Table<'a> {
    path: &'a Path,
    source: Arc<Source>,
    metadata: ParquetMetaData,
    columns: Columns,
    names: Option<Vec<String>>,
}

/// Finds the labeled pictures of a Parquet file, or of a directory with Parquet files and without
/// pictures; `None` for any other path. Writes the pictures to `workshop`.
///
/// # Errors
/// [`Error::Packed`] if a file is damaged, hostile, too large or of an unsupported kind;
/// [`Error::Io`].
pub fn labeled_files(path: &Path, workshop: &Path) -> Result<Option<LabeledFiles>, Error> {
    let Some(Shards { parts, notes }) = shards::find(path)? else { return Ok(None) };
    if !workshop.is_dir() {
        fs::create_dir(workshop).map_err(Error::io("create", workshop))?;
    }
    let mut bytes = 0;
    for file in parts.iter().flat_map(|(_, files)| files) {
        bytes += fs::metadata(file).map_err(Error::io("inspect", file))?.len();
    }
    let mut import =
        Import { workshop, budget: Budget::of(bytes), labels: Vec::new(), names: None, scale: 1.0 };
    let mut files = LabeledFiles { notes, ..LabeledFiles::default() };
    import.choose_scale(&parts, &mut files.notes)?;
    let mut found = Vec::new();
    for (part, paths) in &parts {
        let mut rows = Vec::new();
        for path in paths {
            import.read(&Table::open(path)?, &mut rows)?;
        }
        let missing = rows.iter().filter(|(_, label)| label.is_none()).count();
        if missing > 0 && missing < rows.len() {
            let problem =
                format!("{missing} of {} rows have no label; expected labels in all rows", rows.len());
            return Err(Error::packed(&paths[0], problem));
        }
        if missing > 0 && *part == Part::Train {
            return Err(Error::packed(&paths[0], "its rows have no labels; expected labels for training"));
        }
        if missing > 0 {
            files.notes.push(format!("left out the {part} part, because its examples have no labels"));
        } else {
            found.push((*part, rows));
        }
    }
    let order = import.classes(&mut files.class_names, path)?;
    for (part, rows) in found {
        let labeled = rows.into_iter().filter_map(|(path, label)| Some((path, order[label?])));
        let mut labeled: Vec<(PathBuf, u8)> = labeled.collect();
        labeled.sort_by_key(|(_, label)| *label);
        match part {
            Part::Train => files.train = labeled,
            Part::Validation => files.validation = Some(labeled),
            Part::Test => files.test = Some(labeled),
        }
    }
    Ok(Some(files))
}

impl<'a> Table<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        let source = Source::open(path).map_err(Error::io("open", path))?;
        let metadata = source.metadata().map_err(|error| damaged(path, &error))?;
        let features = Features::of(metadata.file_metadata());
        let columns = Columns::of(metadata.file_metadata().schema_descr(), &features)
            .map_err(|problem| Error::packed(path, problem))?;
        let names = features.class_names(&columns.label).map(<[String]>::to_vec);
        Ok(Self { path, source: Arc::new(source), metadata, columns, names })
    }

    /// Calls `each` with the batches of a column of pictures and one of labels.
    fn batches(&self, mut each: impl FnMut(usize, Batch, Batch) -> Result<(), Error>) -> Result<(), Error> {
        let failed = |error: ParquetError| damaged(self.path, &error);
        let mut first = 0;
        for group in 0..self.metadata.num_row_groups() {
            let open = |leaf| Column::open(&self.source, &self.metadata, group, leaf).map_err(failed);
            let (mut pictures, mut labels) =
                (open(self.columns.picture_leaf)?, open(self.columns.label_leaf)?);
            let mut left = usize::try_from(self.metadata.row_group(group).num_rows()).unwrap_or(0);
            while left > 0 {
                let count = left.min(ROWS);
                let (pictures, labels) =
                    (pictures.read(count).map_err(failed)?, labels.read(count).map_err(failed)?);
                if pictures.rows.len() != count || labels.rows.len() != count {
                    let problem = format!(
                        "row {} is missing; the file is damaged or truncated; get it again",
                        first + pictures.rows.len().min(labels.rows.len())
                    );
                    return Err(Error::packed(self.path, problem));
                }
                each(first, pictures, labels)?;
                (left, first) = (left - count, first + count);
            }
        }
        Ok(())
    }

    fn in_row(&self, row: usize, problem: &str) -> Error {
        Error::packed(self.path, format!("row {row}: {problem}"))
    }
}

impl Import<'_> {
    /// Finds the level of white, if pictures are lists of pixels: 1 or 255 in the whole dataset.
    fn choose_scale(&mut self, parts: &[(Part, Vec<PathBuf>)], notes: &mut Vec<String>) -> Result<(), Error> {
        let mut lightest = None;
        for path in parts.iter().flat_map(|(_, files)| files) {
            let file = Table::open(path)?;
            if file.columns.form == Form::Encoded {
                continue;
            }
            file.batches(|first, pictures, _| {
                for (i, row) in pictures.rows.iter().enumerate() {
                    for level in levels(&pictures.values, row) {
                        if !(0.0..=255.0).contains(&level) {
                            let problem = format!(
                                "has a pixel of {level}; expected levels from 0 to 255, or from 0 to 1"
                            );
                            return Err(file.in_row(first + i, &problem));
                        }
                        lightest = Some(level.max(lightest.unwrap_or(0.0)));
                    }
                }
                Ok(())
            })?;
        }
        match lightest {
            Some(level) if level <= 1.0 => {
                self.scale = 255.0;
                notes.push("pixels from 0 to 1 were scaled to 255".to_owned());
            }
            Some(level) if level < 128.0 => notes.push(format!("the lightest pixel is {level} of 255")),
            _ => {}
        }
        Ok(())
    }

    /// Writes the pictures of a file.
    fn read(&mut self, file: &Table<'_>, rows: &mut Rows) -> Result<(), Error> {
        if let Some(names) = &file.names {
            match &self.names {
                Some(known) if known != names => {
                    let problem =
                        "its class names differ from those of the other files; expected the same in all";
                    return Err(Error::packed(file.path, problem));
                }
                _ => self.names = Some(names.clone()),
            }
        }
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let directory = unused(&self.workshop.join(format!("{name}-rows")));
        fs::create_dir(&directory).map_err(Error::io("create", &directory))?;
        file.batches(|first, pictures, labels| {
            for (i, (picture, label)) in pictures.rows.iter().zip(&labels.rows).enumerate() {
                let row = first + i;
                let label =
                    self.label(&labels.values, label).map_err(|problem| file.in_row(row, &problem))?;
                let path = directory.join(row.to_string());
                let bytes = match file.columns.form {
                    Form::Encoded => encoded(&pictures.values, picture).map(<[u8]>::to_vec),
                    Form::Pixels => self.pgm(&pictures.values, picture),
                };
                let bytes = bytes.map_err(|problem| file.in_row(row, &problem))?;
                self.budget.take((bytes.len() as u64).max(BLOCK), file.path)?;
                fs::write(&path, bytes).map_err(Error::io("write", &path))?;
                rows.push((path, label));
            }
            Ok(())
        })
    }

    /// The index of a row's label; `None` if there is none, which is stored as null or -1.
    fn label(&mut self, values: &Values, row: &Row) -> Result<Option<usize>, String> {
        let at = row.values.start;
        let label = match values {
            _ if row.values.is_empty() => return Ok(None),
            Values::Integers(numbers) if numbers[at] == -1 => return Ok(None),
            Values::Integers(numbers) => Label::Number(numbers[at]),
            Values::Bytes(texts) => Label::Text(String::from_utf8_lossy(texts[at].data()).into_owned()),
            Values::Floats(_) => return Err("its label is not an integer or text".to_owned()),
        };
        if let Some(known) = self.labels.iter().position(|known| *known == label) {
            return Ok(Some(known));
        }
        if let (Label::Number(number), Some(names)) = (&label, &self.names)
            && usize::try_from(*number).is_ok_and(|number| number >= names.len())
        {
            return Err(format!(
                "its label is {number}; expected 0 to {}, as there are {} class names",
                names.len() - 1,
                names.len()
            ));
        }
        if self.labels.len() == MAX_CLASSES {
            return Err(format!(
                "more than {MAX_CLASSES} different labels; expected 1 to {MAX_CLASSES} classes"
            ));
        }
        self.labels.push(label);
        Ok(Some(self.labels.len() - 1))
    }

    /// A picture file of a list of pixels.
    fn pgm(&self, values: &Values, row: &Row) -> Result<Vec<u8>, String> {
        let count = row.values.len();
        if row.is_incomplete || count == 0 {
            return Err("its picture is missing or incomplete".to_owned());
        }
        let (width, height) = match row.lists {
            1 => {
                let side = count.isqrt();
                if side * side != count {
                    return Err(format!(
                        "its picture has {count} pixels, which are not a square; expected a list of rows"
                    ));
                }
                (side, side)
            }
            height => (count / height, height),
        };
        let mut bytes = format!("P5 {width} {height} 255\n").into_bytes();
        bytes.extend(levels(values, row).map(|level| (level * self.scale).round() as u8));
        Ok(bytes)
    }

    /// The names of the classes in order: as noted in the files, or the labels themselves. Returns
    /// the class of each label.
    fn classes(&self, names: &mut Vec<String>, path: &Path) -> Result<Vec<u8>, Error> {
        let text = |label: &Label| match label {
            Label::Number(number) => number.to_string(),
            Label::Text(text) => text.clone(),
        };
        let known =
            self.names.as_ref().filter(|_| self.labels.iter().all(|label| matches!(label, Label::Number(_))));
        *names = known.cloned().unwrap_or_else(|| {
            let mut names: Vec<String> = self.labels.iter().map(text).collect();
            names.sort_by(|a, b| natural_order(a, b));
            names
        });
        if names.is_empty() || names.len() > MAX_CLASSES {
            let problem = format!("found {} classes; expected 1 to {MAX_CLASSES}", names.len());
            return Err(Error::packed(path, problem));
        }
        let class = |label: &Label| match (label, known) {
            (Label::Number(number), Some(_)) => *number as u8,
            _ => names.iter().position(|name| *name == text(label)).unwrap_or_default() as u8,
        };
        Ok(self.labels.iter().map(class).collect())
    }
}

/// The bytes of a picture file.
fn encoded<'v>(values: &'v Values, row: &Row) -> Result<&'v [u8], String> {
    match values {
        Values::Bytes(files) if !row.values.is_empty() => Ok(ByteArray::data(&files[row.values.start])),
        _ => Err("has no picture; expected the bytes of a picture file in the dataset, not only its path"
            .to_owned()),
    }
}

/// The values of a row of pixels.
fn levels<'v>(values: &'v Values, row: &Row) -> impl Iterator<Item = f64> + use<'v> {
    let range = row.values.clone();
    range.filter_map(move |i| match values {
        Values::Integers(numbers) => numbers.get(i).map(|&number| number as f64),
        Values::Floats(numbers) => numbers.get(i).copied(),
        Values::Bytes(_) => None,
    })
}

/// A path that does not exist yet, because files of several parts may have the same name.
fn unused(path: &Path) -> PathBuf {
    let numbered = (2..).map(|i| PathBuf::from(format!("{}-{i}", path.display())));
    std::iter::once(path.to_owned()).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

fn damaged(path: &Path, error: &ParquetError) -> Error {
    let text = error.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Error::packed(
        path,
        match (error, text.split_once(": ")) {
            (ParquetError::NYI(_), Some((_, problem))) => format!("its columns are {problem}"),
            (_, Some((_, problem))) => format!("a damaged Parquet file ({problem}); get it again"),
            _ => format!("a damaged Parquet file ({text}); get it again"),
        },
    )
}
