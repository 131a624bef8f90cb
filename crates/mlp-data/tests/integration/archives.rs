//! Zip and tar archives of pictures: read like the directories they were made from, and refused if
//! they are hostile or damaged.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_data::picture::{GrayPicture, LabeledFiles};
use mlp_data::unpack::labeled_files;
use proptest::prelude::*;
use tar::{EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A picture of a single level.
fn picture(level: u8) -> Vec<u8> {
    let mut file = b"P5 3 2 255\n".to_vec();
    file.extend([level; 6]);
    file
}

fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        if name.ends_with('/') {
            zip.add_directory(*name, SimpleFileOptions::default()).unwrap();
        } else {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

/// A tar archive, whose names are written as they are, of files and of entries of other types.
fn tar(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for &(name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        }
        let content = if is_link { &[] } else { content };
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap()
}

fn tar_of(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let kind = |name: &str| if name.ends_with('/') { EntryType::Directory } else { EntryType::Regular };
    let entries: Vec<_> =
        entries.iter().map(|(name, content)| (name.as_bytes(), kind(name), content.as_slice())).collect();
    tar(&entries)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A directory with an archive, and whatever it unpacks to in `work`.
struct Unpacked {
    directory: tempfile::TempDir,
    files: Result<LabeledFiles, String>,
}

impl Unpacked {
    fn new(name: &str, archive: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, archive).unwrap();
        let files = labeled_files(&path, &directory.path().join("work"));
        let shown = directory.path().display().to_string() + "/";
        let files = files.map_err(|error| error.to_string().replace(&shown, ""));
        // Nothing is written beside it.
        for entry in fs::read_dir(directory.path()).unwrap() {
            let name_there = entry.unwrap().file_name();
            assert!(name_there == name || name_there == "work", "{name_there:?}");
        }
        Self { directory, files }
    }

    /// Class names, and the classes and levels of the training pictures.
    fn found(&self) -> (Vec<String>, Vec<(u8, u8)>) {
        let files = self.files.as_ref().unwrap();
        (files.class_names.clone(), levels(&files.train))
    }

    #[track_caller]
    fn refused(&self, expected: &str) {
        let Err(error) = &self.files else { panic!("not refused; expected: {expected}") };
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}\nexpected: {expected}");
    }
}

fn levels(files: &[(PathBuf, u8)]) -> Vec<(u8, u8)> {
    files.iter().map(|(path, label)| (*label, GrayPicture::read(path).unwrap().pixels()[0])).collect()
}

/// A small dataset, below a directory.
fn dataset(top: &str) -> Vec<(String, Vec<u8>)> {
    let files = [("cat/1.pgm", 10), ("cat/2.pgm", 20), ("dog/1.pgm", 30)];
    files.iter().map(|(name, level)| (format!("{top}{name}"), picture(*level))).collect()
}

fn borrowed(entries: &[(String, Vec<u8>)]) -> Vec<(&str, Vec<u8>)> {
    entries.iter().map(|(name, content)| (name.as_str(), content.clone())).collect()
}

#[test]
fn an_archive_is_read_like_the_directory_in_it() {
    for top in ["", "./", "drawings/", "a/b/"] {
        let mut entries = dataset(top);
        for litter in ["__MACOSX/cat/._1.pgm", "cat/.DS_Store", ".hidden/x/1.pgm", "dog/Thumbs.db"] {
            entries.push((format!("{top}{litter}"), b"litter".to_vec()));
        }
        let entries = borrowed(&entries);
        let tar = tar_of(&entries);
        for (name, archive) in [
            ("a.zip", zip(&entries)),
            ("a.tar", tar.clone()),
            ("a.tar.gz", gzip(&tar)),
            ("a.tgz", gzip(&tar)),
            // Recognized by their content.
            ("download", zip(&entries)),
            ("download.gz", gzip(&tar)),
        ] {
            let unpacked = Unpacked::new(name, &archive);
            let (classes, found) = unpacked.found();
            assert_eq!(classes, ["cat", "dog"], "{name} {top}");
            assert_eq!(found, [(0, 10), (0, 20), (1, 30)], "{name} {top}");
            assert!(unpacked.files.unwrap().left_out.is_empty(), "{name} {top}");
        }
    }
}

#[test]
fn parts_of_a_split_may_be_nested_in_an_archive() {
    let entries =
        [("x/Train/a/1.pgm", 1), ("x/Train/b/1.pgm", 2), ("x/Val/a/1.pgm", 3), ("x/Test/b/1.pgm", 4)];
    let entries: Vec<_> = entries.iter().map(|(name, level)| (*name, picture(*level))).collect();
    let files = Unpacked::new("a.zip", &zip(&entries));
    let found = files.files.as_ref().unwrap();
    assert_eq!(levels(found.validation.as_ref().unwrap()), [(0, 3)]);
    assert_eq!(levels(found.test.as_ref().unwrap()), [(1, 4)]);
}

#[test]
fn backslashes_separate_directories() {
    let unpacked = Unpacked::new("a.zip", &zip(&[("cat\\1.pgm", picture(1)), ("dog\\1.pgm", picture(2))]));
    assert_eq!(unpacked.found().0, ["cat", "dog"]);
}

#[test]
fn names_that_lead_out_of_the_archive_are_refused() {
    for name in [
        "../evil/1.pgm",
        "a/../../evil/1.pgm",
        "/evil/1.pgm",
        "C:/evil/1.pgm",
        "..\\evil\\1.pgm",
        "\\evil\\1.pgm",
    ] {
        let mut entries = dataset("");
        entries.push((name.to_owned(), picture(1)));
        let entries = borrowed(&entries);
        for (archive, bytes) in [("a.zip", zip(&entries)), ("a.tar", tar_of(&entries))] {
            let unpacked = Unpacked::new(archive, &bytes);
            unpacked.refused(&format!("{archive}: its entry {name} "));
        }
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_archive_only() {
    let one = picture(10);
    let regular = |name: &'static [u8]| (name, EntryType::Regular, &one[..]);
    let within = tar(&[
        // Before its target.
        (b"set/all/dog", EntryType::Symlink, b"../../store/dogs"),
        regular(b"set/all/cat/1.pgm"),
        (b"set/all/cat/2.pgm", EntryType::Link, b"set/all/cat/1.pgm"),
        regular(b"store/dogs/1.pgm"),
    ]);
    let unpacked = Unpacked::new("a.tar", &within);
    let unpacked_set = LabeledFiles::find(&unpacked.directory.path().join("work/set/all")).unwrap();
    assert_eq!(unpacked_set.class_names, ["cat", "dog"]);
    assert_eq!(levels(&unpacked_set.train), [(0, 10), (0, 10), (1, 10)]);

    for (kind, target) in [
        (EntryType::Symlink, &b"/etc"[..]),
        (EntryType::Symlink, b"../../.."),
        (EntryType::Link, b"../../etc/passwd"),
        // Leads out only through another link.
        (EntryType::Symlink, b"loop/../.."),
    ] {
        let archive =
            tar(&[regular(b"cat/1.pgm"), (b"loop", EntryType::Symlink, b"."), (b"dog", kind, target)]);
        Unpacked::new("a.tar", &archive).refused(" outside the archive");
    }
    // Nothing is written through a link.
    let archive = tar(&[(b"cat", EntryType::Symlink, b".."), regular(b"cat/1.pgm")]);
    assert!(Unpacked::new("a.tar", &archive).files.is_err());

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("cat", "/etc", SimpleFileOptions::default()).unwrap();
    Unpacked::new("a.zip", &zip.finish().unwrap().into_inner())
        .refused("its link cat points outside the archive, to /etc");
}

#[test]
fn devices_and_unknown_entries_are_refused() {
    for (kind, said) in [
        (EntryType::Fifo, "is a device or pipe"),
        (EntryType::Char, "is a device or pipe"),
        (EntryType::Block, "is a device or pipe"),
        (EntryType::new(b'M'), "has the unknown type 'M'"),
    ] {
        Unpacked::new("a.tar", &tar(&[(b"cat/1.pgm", kind, b"")]))
            .refused(&format!("its entry cat/1.pgm {said}"));
    }
}

#[test]
fn an_archive_may_not_unpack_to_many_times_its_size() {
    let bomb = vec![0; 120 << 20];
    let entries = [("cat/1.pgm", bomb)];
    for (name, archive) in [("a.zip", zip(&entries)), ("a.tgz", gzip(&tar_of(&entries)))] {
        Unpacked::new(name, &archive).refused(&format!("{name}: unpacks to more than "));
    }
    // Many empty files.
    let names: Vec<String> = (0..40_000).map(|i| format!("cat/{i}.pgm")).collect();
    let entries: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), Vec::new())).collect();
    Unpacked::new("a.tgz", &gzip(&tar_of(&entries))).refused("unpacks to more than ");
    // A long name is memory.
    let long = vec![b'x'; 40 << 20];
    let archive = tar(&[(b"././@LongLink", EntryType::GNULongName, &long), (b"x", EntryType::Regular, b"")]);
    Unpacked::new("a.tgz", &gzip(&archive)).refused("a header is too large");
}

/// Positions of a signature in bytes.
fn positions(bytes: &[u8], signature: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 3).filter(|&i| bytes[i..].starts_with(signature)).collect()
}

#[test]
fn zip_entries_that_overlap_or_cannot_be_read_are_named() {
    let original = zip(&borrowed(&dataset("")));
    let central = positions(&original, b"PK\x01\x02");
    let local = positions(&original, b"PK\x03\x04");
    let mut overlapping = original.clone();
    let first: [u8; 4] = original[central[0] + 42..][..4].try_into().unwrap();
    overlapping[central[1] + 42..][..4].copy_from_slice(&first);
    Unpacked::new("a.zip", &overlapping).refused("a.zip: has entries that overlap");

    for (method, said) in
        [(9, "Deflate64"), (12, "bzip2"), (14, "LZMA"), (93, "Zstandard"), (77, "method 77")]
    {
        let mut archive = original.clone();
        for at in [central[0] + 10, local[0] + 8] {
            archive[at] = method;
        }
        Unpacked::new("a.zip", &archive).refused(&format!(
            "a.zip: cat/1.pgm is compressed with {said}, which is not supported; expected deflate"
        ));
    }
    let mut encrypted = original.clone();
    for at in [central[0] + 8, local[0] + 6] {
        encrypted[at] |= 1;
    }
    Unpacked::new("a.zip", &encrypted)
        .refused("a.zip: cat/1.pgm is encrypted; unpack the archive with its password");

    let mut damaged = original;
    damaged[central[0] + 16] ^= 1;
    Unpacked::new("a.zip", &damaged).refused("a.zip: cat/1.pgm is damaged (");
}

#[test]
fn truncated_archives_are_refused() {
    let entries = dataset("");
    let entries = borrowed(&entries);
    let tar = tar_of(&entries);
    for (name, archive) in [("a.zip", zip(&entries)), ("a.tar", tar.clone()), ("a.tgz", gzip(&tar))] {
        // The second half of a tar archive's end may be missing.
        let spare = if name == "a.tar" { 512 } else { 0 };
        for length in (1..archive.len() - spare).step_by(37) {
            let unpacked = Unpacked::new(name, &archive[..length]);
            let error = unpacked.files.unwrap_err();
            assert!(error.starts_with(&format!("{name}: ")), "{name} {length}: {error}");
        }
    }
    // At the end of an entry.
    Unpacked::new("a.tar", &tar[..3 * 1024]).refused("a truncated tar archive: its end is missing");
    // Two archives in one are both read.
    let more = tar_of(&[("owl/1.pgm", picture(40))]);
    assert_eq!(Unpacked::new("a.tar", &[tar, more].concat()).found().0, ["cat", "dog", "owl"]);
}

#[test]
fn names_are_unique_and_become_utf8() {
    let one = picture(1);
    let twice = tar(&[(b"cat/1.pgm", EntryType::Regular, &one), (b"./cat//1.pgm", EntryType::Regular, &one)]);
    Unpacked::new("a.tar", &twice).refused("a.tar: contains ./cat//1.pgm twice");

    let cases = zip(&[("Cat/1.pgm", picture(1)), ("cat/1.pgm", picture(2)), ("dog/1.pgm", picture(3))]);
    let unpacked = Unpacked::new("a.zip", &cases);
    match &unpacked.files {
        Ok(files) => {
            assert_eq!(files.class_names, ["Cat", "cat", "dog"]);
            let note = "names that differ from others only in case: 2, the first is cat";
            assert_eq!(files.notes, [note]);
        }
        // File systems of macOS and Windows.
        Err(error) => assert!(error.contains("in upper and in lower case"), "{error}"),
    }

    let latin =
        tar(&[(b"caf\xe9/1.pgm", EntryType::Regular, &one), (b"tea/1.pgm", EntryType::Regular, &one)]);
    let unpacked = Unpacked::new("a.tar", &latin);
    assert_eq!(unpacked.found().0, ["caf\u{fffd}", "tea"]);
    let note = "names that are not UTF-8 and were converted: 1, the first is caf\u{fffd}/1.pgm";
    assert_eq!(unpacked.files.unwrap().notes, [note]);

    // A name as written by programs for DOS, and one by programs that do not mark UTF-8.
    let plain = zip(&[("caf#/1.pgm", picture(1)), ("xx/1.pgm", picture(2))]);
    let patched = |name: &[u8], new: &[u8]| {
        let mut archive = plain.clone();
        for at in positions(&plain, name) {
            archive[at..at + new.len()].copy_from_slice(new);
        }
        archive
    };
    assert_eq!(Unpacked::new("a.zip", &patched(b"caf#", b"caf\x82")).found().0, ["café", "xx"]);
    assert_eq!(Unpacked::new("a.zip", &patched(b"xx/1", "é/1".as_bytes())).found().0, ["caf#", "é"]);
}

#[test]
fn other_archives_are_named() {
    for (name, content, said) in [
        (
            "a.7z",
            &b"7z\xbc\xaf\x27\x1c"[..],
            "a.7z: it is a 7-Zip archive; unpack it; expected a directory, or a zip",
        ),
        ("a.rar", b"Rar!\x1a\x07\x01", "it is a RAR archive"),
        ("a.tar.xz", b"\xfd7zXZ\0", "compressed with xz"),
        ("a.tar.bz2", b"BZh91AY", "compressed with bzip2"),
        ("a.tar.zst", b"\x28\xb5\x2f\xfd", "compressed with zstd"),
        ("a.zip", b"<!DOCTYPE html><html>", "it is an HTML page, perhaps the error page of a download"),
        ("a.tar", b"hello", "its first bytes are not those of an archive"),
        ("a.tgz", b"", "it is empty"),
    ] {
        Unpacked::new(name, content).refused(said);
    }
    // Left to the search for directories.
    for (name, content) in
        [("a.npz", zip(&[("x.npy", Vec::new())])), ("a.gz", gzip(b"\0\0\x08\x03")), ("a.txt", b"x".to_vec())]
    {
        Unpacked::new(name, &content).refused("found a file; expected a directory");
    }
    assert!(labeled_files(Path::new("no such file.zip"), Path::new("work")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_archives_are_errors_or_pictures(kind in 0..2, changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let entries = dataset("a/");
        let entries = borrowed(&entries);
        let (name, mut archive) = if kind == 0 { ("a.zip", zip(&entries)) } else { ("a.tar", tar_of(&entries)) };
        let length = archive.len();
        for (at, byte) in changes {
            archive[at % length] = byte;
        }
        // Neither panics nor writes anything elsewhere.
        Unpacked::new(name, &archive);
    }
}
