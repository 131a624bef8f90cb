//! The datasets known by name: files, sizes, classes, checksums and sources.
//!
//! The checksums are published by the authors or by widely used libraries: of the uncompressed IDX
//! bytes for MNIST and Fashion-MNIST, of the `.gz` files for KMNIST (SHA-256) and QMNIST (MD5, as
//! in torchvision; no SHA-256 is published), and of the archive for EMNIST.
//!
//! # Example
//! ```
//! let mnist = mlp_data::catalog::find("mnist")?;
//! assert_eq!(mnist.classes(), 10);
//! assert_eq!(mnist.train.images.name, "train-images-idx3-ubyte");
//! # Ok::<(), mlp_data::Error>(())
//! ```

mod entries;
mod entry;

use crate::Error;
pub use entry::{
    Archive, CatalogEntry, CatalogFile, Checksum, LabelLayout, MNIST_FILE_NAMES, Package, Split,
};

/// Returns all datasets of the catalog. The synthetic digits are not among them.
pub fn all() -> &'static [CatalogEntry] {
    &entries::ALL
}

/// Finds a dataset by name.
///
/// # Errors
/// [`Error::UnknownDataset`], which lists the known names and suggests a similar one.
pub fn find(name: &str) -> Result<&'static CatalogEntry, Error> {
    all().iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let known: Vec<&'static str> =
        all().iter().map(|entry| entry.name).chain([crate::synthetic::NAME]).collect();
    let distance = |candidate: &str| strsim::osa_distance(&name.to_lowercase(), candidate);
    let suggestion = known.iter().copied().min_by_key(|candidate| distance(candidate));
    let suggestion = suggestion.filter(|candidate| distance(candidate) <= 1 + candidate.len() / 4);
    Error::UnknownDataset { name: name.to_owned(), suggestion, known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_entry_is_consistent() {
        let mut names = HashSet::new();
        for entry in all() {
            assert!(names.insert(entry.name), "{} twice", entry.name);
            assert!(entry.mirrors.iter().all(|url| url.starts_with("https://") && url.ends_with('/')));
            assert!(entry.mirrors.iter().all(|url| !url.contains("yann.lecun")));
            assert_eq!(entry.file_names().iter().collect::<HashSet<_>>().len(), 4);
            assert_eq!(entry.class_names.iter().collect::<HashSet<_>>().len(), entry.classes());
            for file in entry.files() {
                let digits = match file.checksum {
                    Checksum::Sha256OfIdx(sum) | Checksum::Sha256OfGz(sum) => Some((sum, 64)),
                    Checksum::Md5OfGz(sum) => Some((sum, 32)),
                    Checksum::OfArchive => None,
                };
                assert_eq!(digits.is_none(), entry.archive.is_some());
                if let Some((sum, length)) = digits {
                    assert_eq!(sum.len(), length);
                    assert!(sum.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
                }
            }
        }
        assert_eq!(names.len(), 10);
    }

    #[test]
    fn a_similar_name_is_suggested() {
        for (typed, meant) in [
            ("minst", Some("mnist")),
            ("MNIST", Some("mnist")),
            ("fashion_mnist", Some("fashion-mnist")),
            ("emnist-leters", Some("emnist-letters")),
            ("sythetic", Some("synthetic")),
            ("imagenet", None),
            ("", None),
        ] {
            match find(typed) {
                Err(Error::UnknownDataset { suggestion, known, .. }) => {
                    assert_eq!(suggestion, meant, "{typed}");
                    assert!(known.contains("mnist, fashion-mnist, kmnist"));
                }
                other => panic!("{typed}: {other:?}"),
            }
        }
    }
}
