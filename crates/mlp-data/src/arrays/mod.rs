//! Reads and writes datasets as tables and arrays of pixels, as other programs store them: CSV
//! tables with one row per image, .npz archives, .npy and IDX files.
//!
//! What a file does not say is decided once for the whole set: the label column, the shape of a
//! row, the value of white, and the classes, which are the labels that occur. Each uncertain
//! decision is reported in a note; if nothing supports a decision, the file is refused.
//!
//! # Example
//! ```
//! use mlp_data::arrays::{ArrayOptions, LabeledArrays};
//!
//! let path = std::env::temp_dir().join(format!("mlp-arrays-{}.csv", std::process::id()));
//! std::fs::write(&path, "label,p0,p1,p2,p3\nb,0,0,255,7\na,9,0,0,0\n")?;
//! let arrays = LabeledArrays::open(&path, &ArrayOptions::default())?.expect("a table");
//! assert_eq!(arrays.class_names, ["a", "b"]);
//! assert_eq!((arrays.train.image(0), arrays.train.labels()), (&[0, 0, 255, 7][..], &[1, 0][..]));
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod columns;
mod csv;
mod directory;
mod export;
mod files;
mod images;
mod labels;
mod levels;
mod list;
mod list_columns;
mod numpy;
mod open;
mod pictures;
mod pixel_names;
mod roles;
mod stored;
mod text;

pub use export::ExportFormat;
pub use list::listed_files;
pub use open::{ArrayOptions, LabeledArrays, LabeledPixels};
