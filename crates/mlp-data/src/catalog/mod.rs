//! The datasets known by name: their files, sizes, classes, checksums and sources, as plain facts.
//!
//! The checksums are those published by the authors or by widely used libraries: of the
//! uncompressed IDX bytes for MNIST and Fashion-MNIST, of the `.gz` files for KMNIST (SHA-256) and
//! QMNIST (MD5, which torchvision checks, too: no SHA-256 is published), of the one archive for
//! EMNIST.
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
