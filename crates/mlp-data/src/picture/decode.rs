//! Decoding PNG, JPEG and the portable maps (PGM and relatives), detected by content. The size in
//! the header is checked before anything is allocated.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use super::GrayPicture;
use crate::Error;

/// The maximum number of pixels of a picture: more than cameras, or pages scanned at 600 dpi, have.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The maximum memory for decoding a picture, in bytes.
const MAX_BYTES: u64 = 4 * MAX_PIXELS;

impl GrayPicture {
    /// Decodes a picture file: PNG, JPEG, PBM, PGM, PPM or PAM, of any depth and color.
    ///
    /// Colors become their luminance, transparency is blended over white, and photographs are
    /// rotated upright according to their Exif orientation.
    ///
    /// # Errors
    /// [`Error::Picture`] if the bytes are something else or damaged, [`Error::PictureTooLarge`]
    /// above [`MAX_PIXELS`] or 256 MB.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::Picture { problem: "it is empty".to_owned() });
        }
        let reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| problem(error.into()))?;
        if reader.format().is_none() {
            let head: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            return Err(Error::Picture { problem: format!("it begins with {}", head.join(" ")) });
        }
        let mut decoder = reader.into_decoder().map_err(problem)?;
        let (width, height) = decoder.dimensions();
        let (width, height) = (u64::from(width), u64::from(height));
        if width * height > MAX_PIXELS || decoder.total_bytes() > MAX_BYTES {
            return Err(Error::PictureTooLarge { width, height, max_megapixels: MAX_PIXELS / 1_000_000 });
        }
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_BYTES);
        decoder.set_limits(limits).map_err(problem)?;
        let orientation = decoder.orientation().ok();
        let mut decoded = DynamicImage::from_decoder(decoder).map_err(problem)?;
        if let Some(orientation) = orientation {
            decoded.apply_orientation(orientation);
        }
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        Self::new(width, height, gray(decoded))
    }
}

fn gray(decoded: DynamicImage) -> Vec<u8> {
    if !decoded.color().has_alpha() {
        return decoded.into_luma8().into_raw();
    }
    let over_white = |&[level, alpha]: &[u8; 2]| {
        let (level, alpha) = (u32::from(level), u32::from(alpha));
        // At most 255 * 255 + 127, divided by 255.
        ((level * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    decoded.into_luma_alpha8().into_raw().as_chunks::<2>().0.iter().map(over_white).collect()
}

/// Converts an error of the decoder, whose message may have several lines.
pub(super) fn problem(error: ImageError) -> Error {
    let message = error.to_string();
    let problem = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Error::Picture { problem: problem.trim_end_matches('.').to_owned() }
}
