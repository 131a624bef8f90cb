//! Finding the tables and arrays of a dataset in a directory by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::files::read_array;
use super::list_columns::Head;
use super::numpy::{Details, Parts, file_name, listed};
use super::roles::{Content, Role};
use super::stored::{Stored, refused, shown};
use super::text::Text;
use crate::fs::natural_order;
use crate::parts::Part;
use crate::picture::PictureFiles;
use crate::{Description, Error};

/// The maximum size of a file that names classes.
const MAX_MAPPING: u64 = 1 << 20;

/// The files of a dataset in a directory.
pub(super) enum Found {
    Nothing,
    /// The training table first.
    Tables(Vec<(Part, PathBuf)>, Details),
    Archive(PathBuf, Details),
    Pairs(Pairs, Details),
}

/// Files of images and labels, the training part first.
pub(super) type Pairs = Vec<(Part, PathBuf, PathBuf)>;

/// Finds the dataset of a directory, or of its `raw`, `NAME/raw` or only subdirectory. A directory
/// with pictures is none.
pub(super) fn find(directory: &Path) -> Result<Found, Error> {
    let below = entries(directory)?.into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>();
    let mut places = vec![directory.to_owned(), directory.join("raw")];
    places.extend(below.iter().map(|path| path.join("raw")));
    places.extend(below.first().filter(|_| below.len() == 1).cloned());
    for place in places.iter().filter(|place| place.is_dir()) {
        let mut listing = Listing::of(place)?;
        let narrow = listing.tables.extract_if(.., |(_, path)| is_list(path));
        listing.others = narrow.collect();
        if listing.arrays.is_empty() && listing.tables.is_empty() {
            continue;
        }
        if !PictureFiles::find(directory)?.files.is_empty() {
            return Ok(Found::Nothing);
        }
        return listing.found(place);
    }
    Ok(Found::Nothing)
}

/// Returns true for a table that has no pixels: two columns, one of names or numbers of pictures.
fn is_list(path: &Path) -> bool {
    let columns = |mut table: Text| Ok(table.next()?.map_or(0, |(_, record)| record.len()));
    Text::open(path).and_then(columns).is_ok_and(|columns| columns == 2)
        && Head::of(path).is_ok_and(|head| head.is_some())
}

/// Reads the details that the files beside a dataset file add to it, such as class names.
pub(super) fn beside(path: &Path) -> Result<Details, Error> {
    let role = Role::of(&file_name(path));
    let mut details = Details { is_emnist: role.is_emnist(), ..Details::default() };
    if let Some(directory) = path.parent().filter(|_| details.is_emnist) {
        let place = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        Listing::of(place)?.name_classes(&role.stem, &mut details)?;
    }
    Ok(details)
}

/// Reads pairs of files.
pub(super) fn read_pairs(pairs: &Pairs, mut details: Details) -> Result<Parts, Error> {
    let mut parts = Vec::new();
    for (part, images, labels) in pairs {
        let read = |path: &PathBuf| Ok::<_, Error>((shown(path), read_array(path)?));
        parts.push((*part, Stored::of_arrays(read(images)?, read(labels)?, &mut details.notes)?));
    }
    Ok(Parts { parts, details })
}

/// The files in a directory that may belong to a dataset, in natural order.
#[derive(Default)]
pub(super) struct Listing {
    arrays: Vec<(Role, PathBuf)>,
    tables: Vec<(Role, PathBuf)>,
    mappings: Vec<(Role, PathBuf)>,
    /// Tables without pixels.
    others: Vec<(Role, PathBuf)>,
}

impl Listing {
    pub(super) fn of(place: &Path) -> Result<Self, Error> {
        let mut listing = Self::default();
        for path in entries(place)? {
            let name = file_name(&path).to_lowercase();
            let role = Role::of(&name);
            let bare = name.strip_suffix(".gz").unwrap_or(&name);
            let ends = |endings: &[&str]| endings.iter().any(|ending| bare.ends_with(ending));
            let is_idx = role.content.is_some() && role.part.is_some() && bare.contains("idx");
            if is_idx || ends(&[".npy", ".npz"]) {
                // Some archivers unpack a file into a directory of its name.
                let inside = if path.is_dir() {
                    entries(&path)?.into_iter().find(|path| path.is_file())
                } else {
                    None
                };
                listing.arrays.push((role, inside.unwrap_or(path)));
            } else if ends(&[".csv", ".tsv"]) {
                listing.tables.push((role, path));
            } else if ends(&["mapping.txt"]) {
                listing.mappings.push((role, path));
            }
        }
        Ok(listing)
    }

    /// The tables and their parts, without Kaggle's examples of answers.
    pub(super) fn tables_with_parts(self) -> impl Iterator<Item = (Option<Part>, PathBuf)> {
        let tables = self.tables.into_iter().filter(|(role, _)| !role.stem.contains("submission"));
        tables.map(|(role, path)| (role.part, path))
    }

    fn found(self, place: &Path) -> Result<Found, Error> {
        let stems: BTreeSet<&String> = self.arrays.iter().map(|(role, _)| &role.stem).collect();
        let mut groups: Vec<(String, Pairs)> = Vec::new();
        for stem in stems {
            let pairs = pairs(self.arrays.iter().filter(|(role, _)| role.stem == *stem));
            if !pairs.is_empty() {
                groups.push((stem.clone(), pairs));
            }
        }
        if let [(stem, pairs)] = &groups[..] {
            let used: Vec<&PathBuf> = pairs.iter().flat_map(|(_, images, labels)| [images, labels]).collect();
            let details = self.details(place, stem, &used)?;
            return Ok(Found::Pairs(pairs.clone(), details));
        }
        if groups.len() > 1 {
            let files = groups.iter().map(|(_, pairs)| file_name(&pairs[0].1)).collect();
            return Err(Error::SeveralDatasets { directory: place.to_owned(), files });
        }
        let is_archive = |path: &Path| file_name(path).to_lowercase().ends_with(".npz");
        let archives: Vec<&(Role, PathBuf)> = self
            .arrays
            .iter()
            .filter(|(role, path)| is_archive(path) && role.content != Some(Content::Labels))
            .collect();
        if let [(role, path)] = archives[..] {
            let details = self.details(place, &role.stem, &[path])?;
            return Ok(Found::Archive(path.clone(), details));
        }
        if !self.tables.is_empty() {
            let (stem, tables) = self.tables(place)?;
            let used: Vec<&PathBuf> = tables.iter().map(|(_, path)| path).collect();
            let details = self.details(place, &stem, &used)?;
            return Ok(Found::Tables(tables, details));
        }
        let names: Vec<String> = self.arrays.iter().map(|(_, path)| file_name(path)).collect();
        let problem = format!(
            "found {}; expected arrays of images and of labels with names such as x_train.npy and y_train.npy, or \
             train-images-idx3-ubyte and train-labels-idx1-ubyte",
            listed(&names)
        );
        Err(refused(shown(place), problem))
    }

    /// The tables that belong together, and the rest of their names.
    fn tables(&self, place: &Path) -> Result<(String, Vec<(Part, PathBuf)>), Error> {
        let of_part = |wanted: Option<Part>| self.tables.iter().filter(move |(role, _)| role.part == wanted);
        let mut first: Vec<_> = of_part(Some(Part::Train)).collect();
        if first.is_empty() {
            first = of_part(None).collect();
        }
        if first.is_empty() {
            first = self.tables.iter().collect();
        }
        let [(role, path)] = first[..] else {
            let files = first.iter().map(|(_, path)| file_name(path)).collect();
            return Err(Error::SeveralDatasets { directory: place.to_owned(), files });
        };
        let mut tables = vec![(Part::Train, path.clone())];
        for part in [Part::Validation, Part::Test] {
            let beside = of_part(Some(part)).find(|(other, _)| other.stem == role.stem);
            tables.extend(beside.filter(|(_, other)| other != path).map(|(_, path)| (part, path.clone())));
        }
        Ok((role.stem.clone(), tables))
    }

    /// Reads what else the directory says about the dataset, and notes the files that are not used.
    fn details(&self, place: &Path, stem: &str, used: &[&PathBuf]) -> Result<Details, Error> {
        let all = self.arrays.iter().chain(&self.tables).chain(&self.others);
        let unused = all.filter(|(_, path)| !used.contains(&path)).map(|(_, path)| file_name(path));
        let unused: Vec<String> = unused.collect();
        let mut details = Details { is_emnist: Role::of(stem).is_emnist(), ..Details::default() };
        if !unused.is_empty() {
            details.notes.push(format!("left out: {}", listed(&unused)));
        }
        if let Some(description) = Description::of_dir(place)? {
            details.is_emnist = false;
            details.names = Some((0..).zip(description.class_names).collect());
        } else {
            self.name_classes(stem, &mut details)?;
        }
        Ok(details)
    }

    /// Reads the names of the classes from EMNIST's mapping, if there is one.
    fn name_classes(&self, stem: &str, details: &mut Details) -> Result<(), Error> {
        let wanted = format!("{stem} mapping");
        if let Some((_, path)) = self.mappings.iter().find(|(role, _)| role.stem == wanted) {
            details.notes.push(format!("class names from {}", file_name(path)));
            details.names = Some(read_mapping(path)?);
        }
        Ok(())
    }
}

/// The pairs of images and labels; none without those for training, or of a set that is not split.
fn pairs<'a>(files: impl Iterator<Item = &'a (Role, PathBuf)>) -> Pairs {
    let mut found: BTreeMap<(Option<Part>, Content), PathBuf> = BTreeMap::new();
    for (role, path) in files {
        if let Some(content) = role.content {
            // A raw file comes before its compressed one.
            found.entry((role.part, content)).or_insert_with(|| path.clone());
        }
    }
    let pair = |part| {
        let file = |content| found.get(&(part, content)).cloned();
        Some((part.unwrap_or(Part::Train), file(Content::Images)?, file(Content::Labels)?))
    };
    let Some(first) = pair(Some(Part::Train)).or_else(|| pair(None)) else { return Vec::new() };
    let others = [Part::Validation, Part::Test].into_iter().filter_map(|part| pair(Some(part)));
    [first].into_iter().chain(others).collect()
}

/// Reads EMNIST's list of labels and code points: `1 65 97`.
fn read_mapping(path: &Path) -> Result<BTreeMap<i64, String>, Error> {
    let length = fs::metadata(path).map_err(Error::io("inspect", path))?.len();
    if length > MAX_MAPPING {
        return Err(refused(shown(path), format!("{length} bytes; expected one line per class")));
    }
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let line = |line: &str| {
        let mut numbers = line.split_whitespace();
        let (label, code) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some((label, char::from_u32(code).filter(|c| !c.is_control())?.to_string()))
    };
    let lines = text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty());
    let entries = lines.map(|(index, text)| {
        line(text).ok_or_else(|| {
            let place = format!("{}, line {}", shown(path), index + 1);
            refused(place, "expected a label and a code point, such as 1 65")
        })
    });
    entries.collect()
}

/// The entries of a directory that are not hidden, in natural order.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let path = entry.map_err(Error::io("list", directory))?.path();
        if !file_name(&path).starts_with('.') && file_name(&path) != "__MACOSX" {
            paths.push(path);
        }
    }
    paths.sort_by(|a, b| natural_order(&file_name(a), &file_name(b)));
    Ok(paths)
}
