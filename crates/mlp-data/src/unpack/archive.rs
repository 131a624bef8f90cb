//! Recognizing archives by their first bytes, and unpacking them.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::entries::Entries;
use super::{tar, zip};
use crate::{Error, foreign};

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
    CompressedTar,
}

/// Unpacks an archive to `directory`, which must not exist yet, and returns notes; `None` if `path`
/// is not an archive.
///
/// # Errors
/// [`Error::Packed`] if it is damaged, hostile, too large, encrypted or of an unsupported kind;
/// [`Error::Io`].
pub fn unpack(path: &Path, directory: &Path) -> Result<Option<Vec<String>>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let Some(kind) = kind(path)? else { return Ok(None) };
    let bytes = fs::metadata(path).map_err(Error::io("inspect", path))?.len();
    let mut entries = Entries::create(path, directory, bytes)?;
    let file = BufReader::with_capacity(1 << 16, File::open(path).map_err(Error::io("open", path))?);
    match kind {
        Kind::Zip => zip::unpack(file, &mut entries)?,
        Kind::Tar => tar::unpack(file, &mut entries)?,
        Kind::CompressedTar => tar::unpack(MultiGzDecoder::new(file), &mut entries)?,
    }
    entries.finish().map(Some)
}

/// The kind of an archive; `None` if neither content nor name are those of one.
fn kind(path: &Path) -> Result<Option<Kind>, Error> {
    let open = || File::open(path).map_err(Error::io("open", path));
    let mut head = Vec::new();
    open()?.take(tar::BLOCK as u64).read_to_end(&mut head).map_err(Error::io("read", path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    // NumPy's archives of arrays are zip archives, too.
    if name.ends_with(".npz") {
        return Ok(None);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Some(Kind::Zip));
    }
    if tar::is_header(&head) {
        return Ok(Some(Kind::Tar));
    }
    if head.starts_with(b"\x1f\x8b") {
        let mut head = Vec::new();
        // A damaged file is reported when it is unpacked.
        let _ = MultiGzDecoder::new(BufReader::new(open()?)).take(tar::BLOCK as u64).read_to_end(&mut head);
        let is_tar = tar::is_header(&head) || name.ends_with(".tar.gz") || name.ends_with(".tgz");
        return Ok(is_tar.then_some(Kind::CompressedTar));
    }
    let others: [&[u8]; 5] = [b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"];
    let is_other = others.iter().any(|magic| head.starts_with(magic));
    let is_named = [".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar"].iter().any(|end| name.ends_with(end));
    if is_other || is_named {
        let found = match foreign::kind_of(&head) {
            Some(kind) => format!("it is {kind}"),
            None if head.is_empty() => "it is empty".to_owned(),
            None => "its first bytes are not those of an archive".to_owned(),
        };
        let problem = format!("{found}; expected a directory, or a zip, tar or tar.gz archive of one");
        return Err(Error::packed(path, problem));
    }
    Ok(None)
}
