//! Decoding pictures, whose format is detected by content. The memory for a picture is computed
//! from its header before anything is allocated.

use std::io::{BufRead, Cursor, Seek};

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::memory::{MAX_BYTES, Memory, needed};
use super::{GrayPicture, jpeg};
use crate::{Error, Polarity, foreign};

/// Alpha values below this count as transparent.
const TRANSPARENT: u8 = 128;

impl GrayPicture {
    /// Decodes a picture file: PNG, JPEG, WebP, BMP, TIFF, GIF, PBM, PGM, PPM or PAM, of any depth
    /// and color. Only the first of several frames or pages is read.
    ///
    /// Colors become their luminance, and photographs are rotated upright according to their Exif
    /// orientation. A transparent ground becomes white, or black if the ink is light.
    ///
    /// # Errors
    /// [`Error::Picture`] if the bytes are something else, damaged or truncated,
    /// [`Error::PictureTooLarge`] if decoding takes more than [`MAX_BYTES`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::decode_within(bytes, MAX_BYTES)
    }

    /// Returns true if the bytes begin like a supported picture.
    ///
    /// ```
    /// use mlp_data::picture::GrayPicture;
    /// assert!(GrayPicture::is_known(b"P5 20 10 255\n") && !GrayPicture::is_known(b"{}"));
    /// ```
    pub fn is_known(bytes: &[u8]) -> bool {
        format(bytes).is_ok()
    }

    /// Returns the bytes of memory that [`decode`](Self::decode) takes, computed from the header.
    ///
    /// # Errors
    /// [`Error::Picture`] if the bytes are not the start of a picture.
    ///
    /// ```
    /// use mlp_data::picture::GrayPicture;
    /// // The levels, and two bytes for each pixel to convert them.
    /// assert_eq!(GrayPicture::memory_to_decode(b"P5 20 10 255\n")?, 600);
    /// assert!(GrayPicture::memory_to_decode(b"no picture").is_err());
    /// # Ok::<(), mlp_data::Error>(())
    /// ```
    pub fn memory_to_decode(bytes: &[u8]) -> Result<u64, Error> {
        let format = format(bytes)?;
        if format == ImageFormat::Jpeg {
            return jpeg::memory_to_decode(bytes);
        }
        let reader: &mut dyn Source = &mut Cursor::new(bytes);
        let decoder = ImageReader::with_format(reader, format).into_decoder().map_err(problem)?;
        let (width, height) = decoder.dimensions();
        Ok(needed(width, height, decoder_memory(&decoder, format)))
    }

    /// [`decode`](Self::decode) with a limit of memory in bytes, at most [`MAX_BYTES`].
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_within(bytes: &[u8], max_bytes: u64) -> Result<Self, Error> {
        let format = format(bytes)?;
        let memory = Memory::at_most(max_bytes);
        let reader: &mut dyn Source = &mut Cursor::new(bytes);
        let (decoded, orientation, _share) = if format == ImageFormat::Jpeg {
            jpeg::decode(bytes, &memory)?
        } else {
            let mut decoder = ImageReader::with_format(reader, format).into_decoder().map_err(problem)?;
            let (width, height) = decoder.dimensions();
            let share = memory.take(width, height, decoder_memory(&decoder, format))?;
            let mut limits = Limits::default();
            limits.max_alloc = Some(max_bytes.min(MAX_BYTES));
            decoder.set_limits(limits).map_err(problem)?;
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            (DynamicImage::from_decoder(decoder).map_err(problem)?, orientation, share)
        };
        let (width, height) = (decoded.width(), decoded.height());
        if width == 0 || height == 0 {
            return Err(Error::PictureSize { pixels: 0, width: width as usize, height: height as usize });
        }
        let (gray, polarity) = gray(decoded);
        // Rotated as gray, which takes less memory than colors.
        let gray = GrayImage::from_raw(width, height, gray).expect("one byte for each pixel");
        let mut gray = DynamicImage::ImageLuma8(gray);
        gray.apply_orientation(orientation);
        let (width, height) = (gray.width() as usize, gray.height() as usize);
        let mut picture = Self::new(width, height, gray.into_luma8().into_raw())?;
        (picture.polarity, picture.is_first) = (polarity, has_more(bytes, format));
        Ok(picture)
    }
}

/// The format of a picture, if it is supported.
fn format(bytes: &[u8]) -> Result<ImageFormat, Error> {
    let unknown = |problem: String| Err(Error::Picture { problem });
    if bytes.is_empty() {
        return unknown("it is empty".to_owned());
    }
    match image::guess_format(bytes) {
        Ok(format) if format.reading_enabled() => Ok(format),
        _ => match foreign::kind_of(bytes) {
            Some(kind) => unknown(format!("it is {kind}")),
            None => {
                let head: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                unknown(format!("it begins with {}", head.join(" ")))
            }
        },
    }
}

/// The memory of a decoder. Those of some formats copy the picture from a buffer of their own.
fn decoder_memory(decoder: &impl ImageDecoder, format: ImageFormat) -> u64 {
    let is_copied = matches!(format, ImageFormat::Gif | ImageFormat::Tiff | ImageFormat::WebP);
    decoder.total_bytes().saturating_mul(if is_copied { 2 } else { 1 })
}

/// What the decoders read. They are compiled once, for this type, which takes seconds.
pub(super) trait Source: BufRead + Seek {}

impl<T: BufRead + Seek> Source for T {}

/// Returns columns and rows of an upright picture from its header.
pub(super) fn oriented_size(reader: &mut dyn Source) -> Result<(usize, usize), Error> {
    let reader = ImageReader::new(reader).with_guessed_format().map_err(|error| problem(error.into()))?;
    let mut decoder = reader.into_decoder().map_err(problem)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    Ok(match decoder.orientation().unwrap_or(Orientation::NoTransforms) {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    })
}

/// Returns the levels, and the polarity if the ground is transparent, since the rest is ink then.
fn gray(decoded: DynamicImage) -> (Vec<u8>, Option<Polarity>) {
    if !decoded.color().has_alpha() {
        return (decoded.into_luma8().into_raw(), None);
    }
    let width = decoded.width() as usize;
    let pixels = decoded.into_luma_alpha8().into_raw();
    let pixels = pixels.as_chunks::<2>().0;
    // Levels are weighted by their opacity.
    let (mut sum, mut weight) = (0u64, 0u64);
    for &[level, alpha] in pixels {
        sum += u64::from(level) * u64::from(alpha);
        weight += u64::from(alpha);
    }
    let is_light = weight > 0 && weight < 255 * pixels.len() as u64 && sum >= 128 * weight;
    let height = pixels.len() / width;
    let is_border = |i: usize| {
        let (x, y) = (i % width, i / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let border: Vec<&[u8; 2]> =
        pixels.iter().enumerate().filter(|&(i, _)| is_border(i)).map(|(_, pixel)| pixel).collect();
    let opaque: Vec<u32> =
        border.iter().filter(|pixel| pixel[1] >= TRANSPARENT).map(|pixel| pixel[0].into()).collect();
    let is_clear = 2 * opaque.len() < border.len();
    // Little is transparent: it is not the ground of ink.
    let clear = pixels.iter().filter(|pixel| pixel[1] < TRANSPARENT).count();
    let has_corners = !is_clear && 4 * clear < pixels.len();
    let ground = match opaque.len() {
        // The corners of a rounded picture are like the rest of its ground.
        count if has_corners && count < border.len() => opaque.iter().sum::<u32>() / count as u32,
        _ if is_light => 0,
        _ => 255,
    };
    let blend = |&[level, alpha]: &[u8; 2]| {
        let (level, alpha) = (u32::from(level), u32::from(alpha));
        // At most 255 * 255 + 127, divided by 255.
        ((level * alpha + ground * (255 - alpha) + 127) / 255) as u8
    };
    let polarity = if is_light { Polarity::LightOnDark } else { Polarity::DarkOnLight };
    (pixels.iter().map(blend).collect(), is_clear.then_some(polarity))
}

/// Returns true if a decoded file has more than one frame or page.
fn has_more(bytes: &[u8], format: ImageFormat) -> bool {
    let reader: &mut dyn Source = &mut Cursor::new(bytes);
    match format {
        ImageFormat::Gif => has_second_frame(bytes).unwrap_or(false),
        ImageFormat::Png => PngDecoder::new(reader).is_ok_and(|png| png.is_apng().unwrap_or(false)),
        ImageFormat::WebP => WebPDecoder::new(reader).is_ok_and(|webp| webp.has_animation()),
        ImageFormat::Tiff => has_second_page(bytes).unwrap_or(false),
        _ => false,
    }
}

/// Returns true if a GIF file has a second frame. The frames are not decoded, since their memory
/// would exceed the limit.
fn has_second_frame(bytes: &[u8]) -> Option<bool> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    // The offset of the next frame, after its extensions.
    let frame = |mut at: usize| {
        while *bytes.get(at)? == 0x21 {
            at = after_blocks(bytes, at + 2)?;
        }
        (bytes[at] == 0x2c).then_some(at)
    };
    let first = frame(13 + table(*bytes.get(10)?))?;
    let end = after_blocks(bytes, first + 11 + table(*bytes.get(first + 9)?))?;
    Some(frame(end).is_some())
}

/// Skips the blocks of a GIF file up to the empty one.
fn after_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Returns true if the first directory of a TIFF file links to another.
fn has_second_page(bytes: &[u8]) -> Option<bool> {
    let is_big_endian = bytes.starts_with(b"MM");
    let number = |at: usize, length: usize| {
        let bytes = bytes.get(at..at.checked_add(length)?)?.iter();
        let push = |value: usize, &byte: &u8| value << 8 | usize::from(byte);
        Some(if is_big_endian { bytes.fold(0, push) } else { bytes.rev().fold(0, push) })
    };
    let first = number(4, 4)?;
    let entries = number(first, 2)?;
    Some(number(first + 2 + 12 * entries, 4)? != 0)
}

/// Converts an error of the decoder.
fn problem(error: ImageError) -> Error {
    Error::picture(&error.to_string())
}
