//! Finding the Parquet files of a dataset: which part of a split each belongs to, and whether any
//! shards are missing.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::fs::natural_order;
use crate::parts::{Part, in_part};
use crate::picture::files::{Kind, entries, name};

/// The maximum depth of directories that are searched.
const MAX_DEPTH: usize = 4;

/// The Parquet files of a dataset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shards {
    /// The files of each part, in order. The first part is for training.
    pub(super) parts: Vec<(Part, Vec<PathBuf>)>,
    /// How files were interpreted if that is not obvious.
    pub(super) notes: Vec<String>,
}

/// A name like `train-00003-of-00010.parquet`.
struct Shard<'n> {
    prefix: &'n str,
    index: usize,
    total: usize,
}

/// Finds the files; `None` if the path is neither a Parquet file nor a directory that contains some
/// and no pictures.
pub(super) fn find(path: &Path) -> Result<Option<Shards>, Error> {
    if path.is_file() {
        return if is_parquet(path) { one(path).map(Some) } else { Ok(None) };
    }
    let mut files = Vec::new();
    if !collect(path, 0, &mut files)? || files.is_empty() {
        return Ok(None);
    }
    let mut parts: Vec<(Part, Vec<PathBuf>)> = Vec::new();
    let mut unknown = Vec::new();
    for file in &files {
        match part_of(file) {
            Some(part) => match parts.iter_mut().find(|(known, _)| *known == part) {
                Some((_, files)) => files.push(file.clone()),
                None => parts.push((part, vec![file.clone()])),
            },
            None => unknown.push(file.clone()),
        }
    }
    if parts.is_empty() {
        parts.push((Part::Train, std::mem::take(&mut unknown)));
    }
    if let Some(file) = unknown.first() {
        let problem = format!(
            "cannot tell which part of a split {} is; expected names like train-00000-of-00001.parquet",
            name(file)
        );
        return Err(Error::packed(path, problem));
    }
    parts.sort_by_key(|(part, _)| *part);
    if parts[0].0 != Part::Train {
        let problem =
            format!("found only a {} part; expected a file like train-00000-of-00001.parquet", parts[0].0);
        return Err(Error::packed(path, problem));
    }
    for (part, files) in &mut parts {
        files.sort_by(|a, b| natural_order(&name(a), &name(b)));
        check_complete(path, *part, files)?;
    }
    let described: Vec<String> = parts
        .iter()
        .map(|(part, files)| match &files[..] {
            [file] => format!("{part} from {}", name(file)),
            files => format!("{part} from {} files", files.len()),
        })
        .collect();
    let notes = vec![format!("parts: {}", described.join(", "))];
    Ok(Some(Shards { parts, notes }))
}

/// A single file, which must not be one of several shards.
fn one(path: &Path) -> Result<Shards, Error> {
    let file = name(path);
    if let Some(Shard { total, .. }) = shard(&file).filter(|shard| shard.total > 1) {
        let problem = format!("is one of {total} files of its part; import the directory with all of them");
        return Err(Error::packed(path, problem));
    }
    let mut notes = Vec::new();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let others = entries(directory)?.into_iter().map(|(path, _)| path);
    let other = others
        .filter(|other| name(other) != file && is_parquet(other))
        .find(|other| part_of(other).is_some());
    if let Some(other) = other.filter(|_| part_of(path).is_some()) {
        notes.push(format!("only {file} is used; import the directory to use {}, too", name(&other)));
    }
    Ok(Shards { parts: vec![(Part::Train, vec![path.to_owned()])], notes })
}

/// Collects the Parquet files below a directory; returns false if there are pictures.
fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<bool, Error> {
    for (path, kind) in entries(directory)? {
        match kind {
            Kind::Picture => return Ok(false),
            Kind::Directory if depth < MAX_DEPTH => {
                if !collect(&path, depth + 1, files)? {
                    return Ok(false);
                }
            }
            Kind::Directory => {}
            Kind::Other(_) if is_parquet(&path) => files.push(path),
            Kind::Other(_) => {}
        }
    }
    Ok(true)
}

/// Checks that the files of a part belong together, and that none is missing.
fn check_complete(path: &Path, part: Part, files: &[PathBuf]) -> Result<(), Error> {
    let names: Vec<String> = files.iter().map(|file| name(file)).collect();
    let shards: Vec<Option<Shard<'_>>> = names.iter().map(|name| shard(name)).collect();
    let first = shards[0].as_ref().map(|shard| (shard.prefix, shard.total));
    let is_together = files.iter().all(|file| file.parent() == files[0].parent())
        && shards.iter().all(|shard| shard.as_ref().map(|shard| (shard.prefix, shard.total)) == first);
    if !is_together {
        let other =
            files.iter().find(|file| file.parent() != files[0].parent()).unwrap_or(&files[files.len() - 1]);
        let shown = |file: &Path| file.strip_prefix(path).unwrap_or(file).display().to_string();
        let problem = format!(
            "found {} and {}, both for the {part} part; expected the files of one dataset",
            shown(&files[0]),
            shown(other)
        );
        return Err(Error::packed(path, problem));
    }
    let Some((_, total)) = first else { return Ok(()) };
    let has = |index: usize| shards.iter().flatten().any(|shard| shard.index == index);
    if let Some(missing) = (0..total).take(files.len() + 1).find(|&index| !has(index)) {
        let problem = format!(
            "the {part} part has {} of its {total} files, number {missing} is missing; get all of them",
            files.len()
        );
        return Err(Error::packed(path, problem));
    }
    Ok(())
}

/// The part that a file is named after, or its directory.
fn part_of(path: &Path) -> Option<Part> {
    let file = name(path);
    let stem = shard(&file).map_or_else(
        || path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        |shard| shard.prefix.to_owned(),
    );
    in_part(&stem).or_else(|| in_part(&name(path.parent()?))).map(|(_, part)| part)
}

fn shard(name: &str) -> Option<Shard<'_>> {
    let (before, after) = name.split_once("-of-")?;
    let (prefix, index) = before.rsplit_once('-')?;
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    Some(Shard { prefix, index: index.parse().ok()?, total: after[..digits].parse().ok()? })
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}
