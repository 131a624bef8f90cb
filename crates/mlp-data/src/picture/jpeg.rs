//! Strict JPEG decoding: a truncated file is an error. `image` uses the same library, but fills
//! missing parts with gray.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::memory::{Memory, Share, needed};
use crate::Error;

/// The end-of-image marker.
const END: [u8; 2] = [0xff, 0xd9];

/// Padding in place of missing data, which the decoder reads as zeros: enough for a few blocks.
const PADDING: [u8; 64] = [0x5a; 64];

/// Decodes a picture. The returned share reserves its memory until it is dropped.
pub(super) fn decode(bytes: &[u8], memory: &Memory) -> Result<(DynamicImage, Orientation, Share), Error> {
    let Header { width, height, color, orientation, scan, needed } = Header::of(bytes)?;
    let share = memory.take(width, height, needed)?;
    // The data of a complete picture reach its last pixel, so padding after them changes nothing.
    // Only one of the two pictures is in memory at a time.
    let data = &bytes[..scan.end.unwrap_or(bytes.len())];
    let padded = pixels_of(&[data, &PADDING, &END].concat(), color).map(|levels| hash(&levels));
    let levels = pixels_of(bytes, color)?;
    let is_whole = padded.is_ok_and(|padded| padded == hash(&levels)) && !scan.misses_scans();
    if !is_whole {
        return Err(Error::Picture { problem: format!("truncated JPEG ({} bytes)", bytes.len()) });
    }
    let decoded = match color {
        ColorSpace::Luma => GrayImage::from_raw(width, height, levels).map(DynamicImage::ImageLuma8),
        _ => RgbImage::from_raw(width, height, levels).map(DynamicImage::ImageRgb8),
    };
    let decoded = decoded.ok_or_else(|| Error::picture("the size of the JPEG differs from its header"))?;
    Ok((decoded, orientation.unwrap_or(Orientation::NoTransforms), share))
}

/// Returns the memory to decode a picture.
pub(super) fn memory_to_decode(bytes: &[u8]) -> Result<u64, Error> {
    Header::of(bytes).map(|header| needed(header.width, header.height, header.needed))
}

/// What is known before decoding.
struct Header {
    width: u32,
    height: u32,
    color: ColorSpace,
    orientation: Option<Orientation>,
    scan: Scan,
    /// The memory of the decoder.
    needed: u64,
}

impl Header {
    fn of(bytes: &[u8]) -> Result<Self, Error> {
        let mut decoder = decoder(bytes, ColorSpace::RGB);
        decoder.decode_headers().map_err(problem)?;
        let (width, height) = decoder.dimensions().unwrap_or_default();
        let (width, height) = (width as u32, height as u32);
        let color = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => ColorSpace::Luma,
            _ => ColorSpace::RGB,
        };
        let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
        let scan = Scan::of(bytes);
        // A progressive picture keeps two bytes for each color of each pixel, and twice as many
        // levels.
        let colors = u64::from(width) * u64::from(height) * color.num_components() as u64;
        let needed = colors * if scan.is_progressive { 5 } else { 1 };
        Ok(Self { width, height, color, orientation, scan, needed })
    }
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
    Error::picture(&format!("damaged or truncated JPEG: {error}"))
}

fn hash(levels: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(levels);
    hasher.finish()
}

/// Properties found in the markers of a file.
#[derive(Debug, Default, PartialEq)]
struct Scan {
    is_progressive: bool,
    /// Offset of the end-of-image marker.
    end: Option<usize>,
    /// Component, first and last coefficient, and the low bits still missing, of each progressive
    /// scan's components.
    precisions: Vec<(u8, u8, u8, u8)>,
}

impl Scan {
    /// Reads the markers one after the other.
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
                    if code == 0xda && scan.is_progressive {
                        scan.read_precisions(&bytes[at + 4..]);
                    }
                    let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { break };
                    at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
                }
                // Data, with zeros and restart markers after 0xff; fill bytes; anything between.
                _ => at += 1,
            }
        }
        scan
    }

    /// Reads the header of a progressive scan.
    fn read_precisions(&mut self, header: &[u8]) {
        let count = header.first().map_or(0, |&count| usize::from(count));
        let Some(&[first, last, bits]) = header.get(1 + 2 * count..4 + 2 * count) else { return };
        let components = header[1..].chunks_exact(2).take(count).map(|component| component[0]);
        self.precisions.extend(components.map(|component| (component, first, last, bits & 15)));
    }

    /// Returns true if the last scan of some coefficients leaves out low bits, or the end marker is
    /// missing: in both cases, whole progressive scans are missing.
    fn misses_scans(&self) -> bool {
        let mut missing = BTreeMap::new();
        for &(component, first, last, bits) in &self.precisions {
            missing.extend((first..=last.min(63)).map(|coefficient| ((component, coefficient), bits)));
        }
        self.is_progressive && (self.end.is_none() || missing.values().any(|&bits| bits > 0))
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
        let scan = |end| Scan { is_progressive: true, end, precisions: Vec::new() };
        assert_eq!(Scan::of(&file), scan(Some(25)));
        assert_eq!(Scan::of(&file[..24]), scan(None));
        assert_eq!(Scan::of(b"\xff"), Scan::default());
    }

    #[test]
    fn coefficients_without_their_low_bits_are_missing_scans() {
        let scan = |bits| [b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f".as_slice(), &[bits]].concat();
        let file = |scans: &[u8]| {
            let scans = scans.iter().flat_map(|&bits| scan(bits));
            b"\xff\xd8\xff\xc2\x00\x02".iter().copied().chain(scans).chain(END).collect::<Vec<u8>>()
        };
        assert!(Scan::of(&file(&[0x02, 0x21])).misses_scans());
        assert!(!Scan::of(&file(&[0x02, 0x21, 0x10])).misses_scans());
    }
}
