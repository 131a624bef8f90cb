//! Unpacking zip archives.

use std::io::{self, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::entries::Entries;
use crate::Error;

/// The maximum length of a link's target, in bytes.
const MAX_TARGET: u64 = 4096;

pub(super) fn unpack(file: impl Read + Seek, entries: &mut Entries<'_>) -> Result<(), Error> {
    let mut zip = ZipArchive::new(file).map_err(|error| unreadable(entries, &error))?;
    if zip.has_duplicate_names() {
        let problem = "contains a name twice; expected each name once; unpack it and import the directory";
        return Err(entries.problem(problem));
    }
    if zip.has_overlapping_entries().map_err(|error| unreadable(entries, &error))? {
        return Err(
            entries.problem("has entries that overlap; expected entries one after another; get it again")
        );
    }
    if let Some(bytes) = zip.decompressed_size() {
        entries.expect(bytes)?;
    }
    for i in 0..zip.len() {
        let name = name(&zip, i, entries)?;
        let mut entry = zip.by_index(i).map_err(|error| entries.problem(unpackable(&name, &error)))?;
        if entry.is_dir() {
            entries.directory(&name)?;
        } else if entry.is_symlink() {
            let mut target = String::new();
            let read = entry.take(MAX_TARGET).read_to_string(&mut target);
            read.map_err(|error| entries.problem(unreadable_entry(&name, &error)))?;
            entries.link(&name, &target)?;
        } else {
            entries.file(&name, &mut entry, |error| unreadable_entry(&name, error))?;
        }
    }
    Ok(())
}

/// The name of an entry. Names that are not marked as UTF-8 are in an old code page of DOS, unless
/// they happen to be UTF-8, which several programs forget to mark.
fn name<R: Read + Seek>(zip: &ZipArchive<R>, i: usize, entries: &mut Entries<'_>) -> Result<String, Error> {
    let entry = zip.by_index_data(i).map_err(|error| unreadable(entries, &error))?;
    match std::str::from_utf8(entry.name_raw()) {
        Ok(name) if !name.is_ascii() => Ok(name.to_owned()),
        utf8 => {
            let name = entry.name().map_err(|error| unreadable(entries, &error))?.into_owned();
            if utf8.is_err() {
                entries.count_foreign(&name);
            }
            Ok(name)
        }
    }
}

fn unreadable(entries: &Entries<'_>, error: &ZipError) -> Error {
    entries.problem(format!("a damaged or truncated zip archive ({error}); get it again"))
}

/// The problem with an entry that cannot be read.
fn unreadable_entry(name: &str, error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(error) => unpackable(name, error),
        None => format!("{name} is damaged ({error}); get the archive again"),
    }
}

/// The problem with an entry that cannot be unpacked.
fn unpackable(name: &str, error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            format!("{name} is encrypted; unpack the archive with its password and import the directory")
        }
        ZipError::CompressionMethodNotSupported(method) => format!(
            "{name} is compressed with {}, which is not supported; expected deflate; unpack the archive and \
             import the directory",
            method_name(*method)
        ),
        error => format!("{name} is damaged ({error}); get the archive again"),
    }
}

/// The name of a compression method.
fn method_name(method: u16) -> String {
    match method {
        1 => "Shrink",
        2..=5 => "Reduce",
        6 => "Implode",
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        20 | 93 => "Zstandard",
        95 => "xz",
        96 => "a JPEG variant",
        97 => "WavPack",
        98 => "PPMd",
        99 => "AES encryption",
        _ => return format!("method {method}"),
    }
    .to_owned()
}
