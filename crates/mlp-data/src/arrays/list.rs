//! Tables of picture files: a row for each picture with its name and its label, such as Kaggle's
//! `labels.csv` and `metadata.csv` of Hugging Face, beside the pictures or above them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::directory::{Listing, entries};
use super::files::{Input, Kind};
use super::labels::Classes;
use super::list_columns::{Head, ListColumns};
use super::numpy::file_name;
use super::pictures::Pictures;
use super::stored::{Labels, Numbers, Stored, refused, shown};
use super::text::{Text, utf8};
use crate::Error;
use crate::parts::{Part, in_part};
use crate::picture::LabeledFiles;
use crate::text::counted;

/// The maximum depth of directories that contain only another directory.
const MAX_DEPTH: usize = 8;

/// A table, and the part that its name or its directory means.
type Table = (Option<Part>, PathBuf);

/// Finds the labeled pictures that a table lists, or the tables in a directory: one, one for each
/// part (`train.csv`, `test.csv`), or one in the directory of each part. The names are paths from
/// the table, or parts of such paths, with or without the ending. Returns `None` for anything else,
/// and for tables in a directory that have no labels.
///
/// # Errors
/// [`Error::Arrays`] if the table is damaged or has no column of labels, none of its pictures is
/// there, a name means several pictures, or a picture has several labels; [`Error::Io`].
pub fn listed_files(path: &Path, label_column: Option<&str>) -> Result<Option<LabeledFiles>, Error> {
    let is_text = |path: &Path| Input::open(path).is_ok_and(|input| input.kind == Kind::Table);
    let is_table = path.is_file() && is_text(path);
    let tables = match is_table {
        true => vec![(None, path.to_owned())],
        false if path.is_dir() => tables_in(path)?,
        false => return Ok(None),
    };
    let mut found: Vec<Pictures> = Vec::new();
    let mut lists = Vec::new();
    for (part, table) in tables {
        if !is_text(&table) {
            continue;
        }
        let Some(head) = Head::of(&table)? else { continue };
        let root = table.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let pictures = match found.iter().position(|pictures| pictures.root == root) {
            Some(index) => index,
            None => {
                found.push(Pictures::below(root)?);
                found.len() - 1
            }
        };
        if let Some(columns) = head.columns(&table, label_column, &found[pictures])? {
            lists.push(List { table, part, columns, pictures });
        }
    }
    // Beside tables of parts, others describe something else.
    let has_parts = lists.iter().any(|list| list.columns.label.is_some() && list.part.is_some());
    let (labeled, others): (Vec<_>, Vec<_>) = lists
        .into_iter()
        .partition(|list| list.columns.label.is_some() && (list.part.is_some() || !has_parts));
    let Some(first) = labeled.first() else {
        return match others.first() {
            Some(list) if is_table || LabeledFiles::find(path).is_err() => Err(list.without_labels()),
            _ => Ok(None),
        };
    };
    if let (false, [_, other, ..]) = (has_parts, &labeled[..]) {
        let files = [first, other].map(|list| file_name(&list.table)).to_vec();
        return Err(Error::SeveralDatasets { directory: found[first.pictures].root.clone(), files });
    }
    let mut reading = Reading { rows: Vec::new(), notes: Vec::new() };
    for list in &labeled {
        reading.read(list, &mut found[list.pictures])?;
    }
    for list in &others {
        let why = if list.columns.label.is_none() { ", which has no labels" } else { "" };
        reading.notes.push(format!("left out: {}{why}", shown(&list.table)));
    }
    let files = reading.finish(&labeled, &others, &found)?;
    // Where the directories are the same classes, they name them.
    let is_said_twice = !is_table && LabeledFiles::find(path).is_ok_and(|classes| are_same(&files, &classes));
    Ok((!is_said_twice).then_some(files))
}

/// Returns true if each class of a table has one directory, and the reverse.
fn are_same(listed: &LabeledFiles, found: &LabeledFiles) -> bool {
    let labeled = |files: &LabeledFiles| -> Vec<(PathBuf, u8)> {
        let parts = [Some(&files.train), files.validation.as_ref(), files.test.as_ref()];
        parts.into_iter().flatten().flatten().cloned().collect()
    };
    let directories: HashMap<PathBuf, u8> = labeled(found).into_iter().collect();
    let pairs: Option<HashSet<(u8, u8)>> =
        labeled(listed).into_iter().map(|(path, label)| Some((label, *directories.get(&path)?))).collect();
    let classes = listed.class_names.len();
    classes > 1 && classes == found.class_names.len() && pairs.is_some_and(|pairs| pairs.len() == classes)
}

/// The tables in a directory, or in the directories of its parts.
fn tables_in(directory: &Path) -> Result<Vec<Table>, Error> {
    let mut place = directory.to_owned();
    for _ in 0..MAX_DEPTH {
        let tables: Vec<Table> = Listing::of(&place)?.tables_with_parts().collect();
        if !tables.is_empty() {
            return Ok(tables);
        }
        let below: Vec<PathBuf> = entries(&place)?.into_iter().filter(|path| path.is_dir()).collect();
        if let [only] = &below[..] {
            place.clone_from(only);
            continue;
        }
        let mut tables = Vec::new();
        for (part, path) in below.iter().filter_map(|path| Some((in_part(&file_name(path))?.1, path))) {
            let of_part = Listing::of(path)?.tables_with_parts();
            tables.extend(of_part.map(|(_, table)| (Some(part), table)));
        }
        return Ok(tables);
    }
    Ok(Vec::new())
}

/// A table of pictures.
struct List {
    table: PathBuf,
    part: Option<Part>,
    columns: ListColumns,
    pictures: usize, // below which directory
}

impl List {
    fn without_labels(&self) -> Error {
        let problem = format!(
            "{} names pictures, and no other column is known to be the label; choose one with --label-column",
            self.columns.name(self.columns.file)
        );
        refused(shown(&self.table), problem)
    }
}

/// A picture in a row of a table.
struct Row {
    part: Option<Part>,
    path: PathBuf,
    label: String,
    place: String, // in messages
}

/// Reads tables.
struct Reading {
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// A number of rows or pictures, and the first.
#[derive(Default)]
struct Counted {
    count: usize,
    first: String,
}

impl Counted {
    fn add(&mut self, first: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = first();
        }
        self.count += 1;
    }
}

impl Reading {
    fn read(&mut self, list: &List, pictures: &mut Pictures) -> Result<(), Error> {
        let List { table, columns, .. } = list;
        let Some(label_column) = columns.label else { return Ok(()) };
        let mut text = Text::open(table)?;
        if columns.header.is_some() {
            text.next()?;
        }
        let (mut rows, mut missing, mut repeated) = (0, Counted::default(), Counted::default());
        while let Some((line, record)) = text.next()? {
            let place = format!("{}, line {line}", shown(table));
            let wrong = |problem: String| refused(&place, problem);
            let field = |column: usize| match record.get(column) {
                Some(field) => {
                    utf8(field).map_err(|problem| wrong(format!("{}: {problem}", columns.name(column))))
                }
                None => Err(wrong(format!("{} columns; expected {}", record.len(), columns.count))),
            };
            let name = field(columns.file)?;
            if name.is_empty() {
                return Err(wrong("the name of the picture is missing".to_owned()));
            }
            rows += 1;
            let mut part = list.part;
            if let Some(column) = columns.part {
                let text = field(column)?;
                part = Some(Part::of(&text.to_lowercase()).ok_or_else(|| {
                    wrong(format!("{} is `{text}`; expected train, validation or test", columns.name(column)))
                })?);
            }
            let Some(index) = pictures.find(&name, part).map_err(wrong)? else {
                missing.add(|| format!("{name} in line {line}"));
                continue;
            };
            let label = field(label_column)?;
            let row = Row { part, path: pictures.files[index].clone(), label, place: place.clone() };
            if let Some(before) = pictures.rows[index].map(|row| &self.rows[row]) {
                if before.label != row.label {
                    return Err(wrong(format!(
                        "{name} is of class {}, but {} in {}; expected one label for each picture",
                        row.label, before.label, before.place
                    )));
                }
                if before.part == row.part {
                    repeated.add(|| place.clone());
                    continue;
                }
            }
            pictures.rows[index] = Some(self.rows.len());
            self.rows.push(row);
        }
        let (table, of) = (shown(table), counted(rows, "row"));
        if missing.count == rows {
            let archives = match pictures.left_out.has_archives() {
                true => format!("; unpack the archives beside it ({})", pictures.left_out),
                false => String::new(),
            };
            let problem = format!(
                "the pictures of {of} are not in {} or below, the first is {}; put them beside the table{archives}",
                shown(&pictures.root),
                if rows == 0 { "none" } else { &missing.first },
            );
            return Err(refused(table, problem));
        }
        self.notes.extend(columns.notes.iter().cloned());
        for (what, Counted { count, first }) in
            [("without a picture, left out", missing), ("that repeat another", repeated)]
        {
            if count > 0 {
                self.notes.push(format!(
                    "{table}: {} of {of} {what}, the first is {first}",
                    crate::text::thousands(count)
                ));
            }
        }
        Ok(())
    }

    fn finish(mut self, lists: &[List], others: &[List], found: &[Pictures]) -> Result<LabeledFiles, Error> {
        let mut files = LabeledFiles::default();
        let mut unlisted = Counted::default();
        for pictures in found {
            let listed = pictures.files.iter().zip(&pictures.rows).filter(|(_, row)| row.is_none());
            listed.for_each(|(path, _)| unlisted.add(|| shown(path)));
            files.left_out.extend(pictures.left_out.clone());
        }
        // These are named elsewhere.
        lists.iter().chain(others).for_each(|list| files.left_out.remove(&list.table));
        let names: Vec<String> = lists.iter().map(|list| file_name(&list.table)).collect();
        self.notes.insert(0, format!("labels from {}", super::numpy::listed(&names)));
        if unlisted.count > 0 {
            let count = counted(unlisted.count, "picture");
            self.notes.push(format!("not in a table: {count}, left out, the first is {}", unlisted.first));
        }
        // Where neither tables nor columns say the part, the directories of all pictures may.
        if self.rows.iter().all(|row| row.part.is_none()) {
            let root = found.first().map_or(Path::new(""), |pictures| &pictures.root);
            let parts: Vec<Option<Part>> = self.rows.iter().map(|row| part_below(root, &row.path)).collect();
            if parts.iter().all(Option::is_some) && parts.contains(&Some(Part::Train)) {
                self.rows.iter_mut().zip(parts).for_each(|(row, part)| row.part = part);
            }
        }
        let place = lists.first().map_or_else(String::new, |list| shown(&list.table));
        let mut parts: Vec<(Part, Stored, Vec<PathBuf>)> = Vec::new();
        for part in [Part::Train, Part::Validation, Part::Test] {
            let (mut labels, mut paths) = (Labels::default(), Vec::new());
            for row in self.rows.iter().filter(|row| row.part.unwrap_or(Part::Train) == part) {
                labels.push(&row.label).map_err(|problem| refused(&row.place, problem))?;
                paths.push(row.path.clone());
            }
            if !paths.is_empty() {
                let (shape, numbers) = (vec![paths.len()], Numbers::Bytes(Vec::new()));
                let stored = Stored { place: place.clone(), shape, numbers, labels, lines: None };
                parts.push((part, stored, paths));
            }
        }
        if parts.first().is_none_or(|(part, ..)| *part != Part::Train) {
            return Err(refused(place, "no picture is in the training part; expected at least one"));
        }
        let stored: Vec<&Stored> = parts.iter().map(|(_, stored, _)| stored).collect();
        let classes = Classes::of(&stored, None)?;
        self.notes.extend(classes.notes);
        files.class_names = classes.names;
        for ((part, _, paths), labels) in parts.into_iter().zip(classes.labels) {
            let mut labeled: Vec<(PathBuf, u8)> = paths.into_iter().zip(labels).collect();
            labeled.sort_by_key(|(_, label)| *label);
            match part {
                Part::Train => files.train = labeled,
                Part::Validation => files.validation = Some(labeled),
                Part::Test => files.test = Some(labeled),
            }
        }
        files.notes = self.notes;
        Ok(files)
    }
}

/// The part that a directory of a picture means.
fn part_below(root: &Path, path: &Path) -> Option<Part> {
    let below = path.strip_prefix(root).unwrap_or(path).parent()?;
    below.iter().find_map(|name| Some(in_part(&name.to_string_lossy())?.1))
}
