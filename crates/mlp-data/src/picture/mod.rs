//! Pictures of any size (photographs, scans, drawings), found on disk, decoded and preprocessed
//! into images of a dataset. Color is reduced to gray.
//!
//! # Example
//! ```
//! use mlp_data::picture::{GrayPicture, Polarity};
//! use mlp_data::{ImageShape, Preprocessing};
//!
//! // A dark bar on light paper, as a PGM file.
//! let mut file = b"P5 60 40 255\n".to_vec();
//! let is_ink = |x, y| (10..14).contains(&x) && (6..30).contains(&y);
//! file.extend((0..60 * 40).map(|i| if is_ink(i % 60, i / 60) { 20 } else { 230 }));
//! let picture = GrayPicture::decode(&file)?;
//!
//! let shape = ImageShape { height: 28, width: 28 };
//! let preprocessed = Preprocessing::Digit.preprocess(&picture, shape, Polarity::Auto);
//! assert!(preprocessed.was_inverted && !preprocessed.is_blank);
//! // 24 rows were scaled to 20, in the middle of the image.
//! assert_eq!((preprocessed.pixels[3 * 28 + 14], preprocessed.pixels[14 * 28 + 14]), (0, 255));
//! # Ok::<(), mlp_data::Error>(())
//! ```

mod checks;
mod classes;
mod decode;
mod doubt;
pub(crate) mod files;
mod gray;
mod ground;
mod ink;
mod jpeg;
mod memory;
mod page;
mod plane;
mod preprocess;

pub use crate::Polarity;
pub use classes::LabeledFiles;
pub use doubt::Doubt;
pub use files::{ENDINGS, LeftOut, PictureFiles};
pub use gray::{GrayPicture, Preprocessed};
pub use memory::MAX_BYTES;
