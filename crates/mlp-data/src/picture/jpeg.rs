//! Decoding JPEG strictly: a file of which a part is missing is an error. `image` decodes with the
//! same library, but fills what is missing with gray.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::decode::{Memory, Share, in_one_line};
use crate::Error;

/// The end-of-image marker.
const END: [u8; 2] = [0xff, 0xd9];

/// Bytes that stand for missing ones: enough for a few blocks, and different.
const PADDING: [[u8; 64]; 2] = [[0x00; 64], [0x5a; 64]];

/// Decodes a picture, which takes a share of the memory for as long as that is kept.
pub(super) fn decode(bytes: &[u8], memory: &Memory) -> Result<(DynamicImage, Orientation, Share), Error> {
    let mut decoder = decoder(bytes, ColorSpace::RGB);
    decoder.decode_headers().map_err(problem)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let (width, height) = (width as u32, height as u32);
    let color = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let pixels = u64::from(width) * u64::from(height);
    let scan = Scan::of(bytes);
    // A progressive picture keeps two bytes for each color of each pixel, and twice as many levels.
    let colors = color.num_components() as u64;
    let needed = pixels * colors * if scan.is_progressive { 5 } else { 1 };
    let share = memory.take(width, height, needed)?;
    let levels = pixels_of(bytes, color)?;
    let is_whole = match scan.end {
        Some(end) => {
            scan.is_progressive || !is_constant_at_end(&levels, width, height, color) || {
                is_complete(&bytes[..end], color, &levels)
            }
        }
        None => !scan.is_progressive && is_complete(bytes, color, &levels),
    };
    if !is_whole {
        return Err(Error::Picture { problem: format!("truncated JPEG ({} bytes)", bytes.len()) });
    }
    let decoded = match color {
        ColorSpace::Luma => GrayImage::from_raw(width, height, levels).map(DynamicImage::ImageLuma8),
        _ => RgbImage::from_raw(width, height, levels).map(DynamicImage::ImageRgb8),
    };
    let decoded = decoded.ok_or_else(|| in_one_line("a JPEG whose size is not that of its header"))?;
    Ok((decoded, orientation.unwrap_or(Orientation::NoTransforms), share))
}

fn decoder(bytes: &[u8], color: ColorSpace) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(color);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

fn pixels_of(bytes: &[u8], color: ColorSpace) -> Result<Vec<u8>, Error> {
    decoder(bytes, color).decode().map_err(problem)
}

fn problem(error: zune_jpeg::errors::DecodeErrors) -> Error {
    in_one_line(&format!("damaged or truncated JPEG: {error}"))
}

/// Whether the data of a picture reach its last pixel: what follows them then changes nothing.
fn is_complete(data: &[u8], color: ColorSpace, levels: &[u8]) -> bool {
    PADDING.iter().all(|padding| {
        let padded = [data, padding, &END].concat();
        pixels_of(&padded, color).is_ok_and(|padded| padded == levels)
    })
}

/// Whether the last block is of one color, as it is if its data are missing.
fn is_constant_at_end(levels: &[u8], width: u32, height: u32, color: ColorSpace) -> bool {
    let (width, colors) = (width as usize, color.num_components());
    let Some(last) = levels.len().checked_sub(colors).map(|at| &levels[at..]) else { return true };
    let rows = levels.chunks_exact(width * colors).skip((height as usize).saturating_sub(2));
    rows.flat_map(|row| row[row.len() - colors * width.min(4)..].chunks_exact(colors))
        .all(|pixel| pixel.iter().zip(last).all(|(a, b)| a.abs_diff(*b) <= 2))
}

/// What the markers of a file say.
#[derive(Debug, Default, PartialEq)]
struct Scan {
    is_progressive: bool,
    /// The place of the end-of-image marker.
    end: Option<usize>,
}

impl Scan {
    /// Goes from marker to marker.
    fn of(bytes: &[u8]) -> Self {
        let (mut scan, mut at) = (Self::default(), 2);
        while let Some(&[mark, code]) = bytes.get(at..at + 2) {
            match (mark, code) {
                (0xff, 0xd9) => {
                    scan.end = Some(at);
                    break;
                }
                // A segment with its length.
                (0xff, 0xc0..=0xcf | 0xda..=0xfe) => {
                    scan.is_progressive |= code == 0xc2;
                    let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { break };
                    at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
                }
                // Data, with zeros and restart markers after 0xff; fill bytes; anything between.
                _ => at += 1,
            }
        }
        scan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_followed_to_the_end() {
        // A thumbnail with its own end inside a segment, stuffed data, and junk after the end.
        let mut file = b"\xff\xd8\xff\xe1\x00\x06\xff\xd9\xff\xd9\xff\xc2\x00\x02\xff\xda\x00\x02".to_vec();
        file.extend(b"\x12\xff\x00\xff\xd0\x34\xff\xff\xd9junk\xff\xd9");
        assert_eq!(Scan::of(&file), Scan { is_progressive: true, end: Some(25) });
        assert_eq!(Scan::of(&file[..24]), Scan { is_progressive: true, end: None });
        assert_eq!(Scan::of(b"\xff"), Scan::default());
    }
}
