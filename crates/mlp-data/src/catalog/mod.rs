//! The datasets known by name: what their files are called, hold and must hash to, and where they come from. It leaves
//! out the fetching (`fetch`) and the reading. A file of its own because it is facts; the
//! facts, entry by entry, are in `catalog/entries.rs`.
//!
//! Checksums are those that the publishers, or libraries in wide use, have published: of the uncompressed IDX bytes for
//! MNIST and Fashion-MNIST, of the `.gz` files for KMNIST (SHA-256) and QMNIST (MD5: no SHA-256 of its files
//! is published; torchvision checks the same sums), of the one archive for EMNIST.
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
mod find;

pub use entry::{
    Archive, CatalogEntry, CatalogFile, Checksum, LabelLayout, MNIST_FILE_NAMES, Package, Split,
};
pub use find::{all, find};
