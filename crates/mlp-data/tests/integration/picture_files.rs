//! Reading picture files: every format, depth and color, absurd sizes, and damaged files. PNG files
//! are written here from the standard, independently of the library that reads them.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageFormat, RgbImage};
use mlp_data::picture::{GrayPicture, Polarity};
use mlp_data::{Error, ImageShape, Preprocessing};
use proptest::prelude::*;

/// A PNG file with the unfiltered `rows`.
fn png(
    width: u32,
    height: u32,
    depth: u8,
    color: u8,
    extra: &[(&[u8; 4], &[u8])],
    rows: &[&[u8]],
) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([depth, color, 0, 0, 0]);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in rows {
        packed.write_all(&[0]).unwrap();
        packed.write_all(row).unwrap();
    }
    let packed = packed.finish().unwrap();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let chunks = [(b"IHDR", &header[..])]
        .into_iter()
        .chain(extra.iter().copied())
        .chain([(b"IDAT", &packed[..]), (b"IEND", &[])]);
    for (name, content) in chunks {
        file.extend((content.len() as u32).to_be_bytes());
        let checked = [&name[..], content].concat();
        file.extend(&checked);
        file.extend(crc(&checked).to_be_bytes());
    }
    file
}

/// CRC-32 as in PNG, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (if crc & 1 == 1 { 0xedb8_8320 } else { 0 }))
    })
}

fn jpeg(width: u32, height: u32, level: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..width * height).map(|i| level(i % width, i / width)).collect();
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 95)
        .encode(&pixels, width, height, ExtendedColorType::L8)
        .unwrap();
    file
}

fn pixels(file: &[u8]) -> Vec<u8> {
    GrayPicture::decode(file).unwrap().pixels().to_vec()
}

#[test]
fn png_files_of_every_depth_and_color_are_read() {
    // Gray of 1, 8 and 16 bits.
    assert_eq!(pixels(&png(3, 1, 1, 0, &[], &[&[0b1010_0000]])), [255, 0, 255]);
    assert_eq!(pixels(&png(2, 2, 8, 0, &[], &[&[0, 50], &[100, 255]])), [0, 50, 100, 255]);
    assert_eq!(pixels(&png(2, 1, 16, 0, &[], &[&[0x80, 0x80, 0x00, 0x20]])), [0x80, 0]);
    // Colors by their luminance (ITU-R BT.709): green counts most, blue least.
    let colors = pixels(&png(3, 1, 8, 2, &[], &[&[255, 0, 0, 0, 255, 0, 0, 0, 255]]));
    let luminance = [0.2126, 0.7152, 0.0722].map(|share: f64| (255.0 * share) as u8);
    assert!(
        colors.iter().zip(luminance).all(|(&found, expected)| found.abs_diff(expected) <= 1),
        "{colors:?}"
    );
    // A palette of two grays, four pixels in a byte.
    let palette: (&[u8; 4], &[u8]) = (b"PLTE", &[9, 9, 9, 200, 200, 200]);
    assert_eq!(pixels(&png(4, 1, 2, 3, &[palette], &[&[0b0001_0100]])), [9, 200, 200, 9]);
}

#[test]
fn transparency_is_blended_over_white() {
    // Opaque, half and fully transparent black; in 8 bits, in 16, and in a palette.
    assert_eq!(pixels(&png(3, 1, 8, 4, &[], &[&[0, 255, 0, 128, 0, 0]])), [0, 127, 255]);
    let deep = [0, 0, 0xff, 0xff, 0, 0, 0x80, 0, 0, 0, 0, 0];
    assert_eq!(pixels(&png(3, 1, 16, 4, &[], &[&deep])), [0, 127, 255]);
    let color = [200, 200, 200, 0, 0, 0, 0, 255];
    assert_eq!(pixels(&png(2, 1, 8, 6, &[], &[&color])), [255, 0]);
    let palette: (&[u8; 4], &[u8]) = (b"PLTE", &[0; 6]);
    let alpha: (&[u8; 4], &[u8]) = (b"tRNS", &[255, 0]);
    assert_eq!(pixels(&png(2, 1, 8, 3, &[palette, alpha], &[&[0, 1]])), [0, 255]);
    // Transparent corners of a light page are like the page, not like ink.
    let rounded = [0, 0, 200, 255, 200, 255, 200, 255, 200, 255, 200, 255];
    let whole = [200, 255, 200, 255, 200, 255, 200, 255, 200, 255, 200, 255];
    assert_eq!(pixels(&png(6, 2, 8, 4, &[], &[&rounded, &whole])), [200; 12]);
}

#[test]
fn portable_maps_are_read() {
    assert_eq!(pixels(b"P2\n# a comment\n3 1\n255\n0 128 255\n"), [0, 128, 255]);
    assert_eq!(pixels(b"P5 2 1 255\n\x07\xf0"), [7, 240]);
    assert_eq!(pixels(b"P5 2 1 65535\n\x80\x80\xff\xff"), [128, 255]);
    // In PBM, 1 is black.
    assert_eq!(pixels(b"P1 3 1\n1 0 1\n"), [0, 255, 0]);
    assert_eq!(pixels(b"P6 1 1 255\n\x64\x64\x64"), [100]);
}

#[test]
fn jpeg_photographs_are_rotated_upright() {
    let file = jpeg(32, 16, |x, _| if x < 16 { 20 } else { 220 });
    let picture = GrayPicture::decode(&file).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 16));
    assert!(picture.pixels()[4].abs_diff(20) < 4 && picture.pixels()[28].abs_diff(220) < 4);

    // Exif, little-endian, one entry: orientation 6, rotate clockwise by 90 degrees.
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut turned = file[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(exif);
    turned.extend(&file[2..]);
    let picture = GrayPicture::decode(&turned).unwrap();
    assert_eq!((picture.width(), picture.height()), (16, 32));
    // Left is now top.
    assert!(picture.pixels()[8].abs_diff(20) < 4 && picture.pixels()[28 * 16 + 8].abs_diff(220) < 4);
}

#[test]
fn giant_sizes_are_refused_before_allocating() {
    let huge = png(60_000, 60_000, 8, 0, &[], &[&[0]]);
    let deep = png(7000, 7000, 16, 6, &[], &[&[0]]);
    for file in [&huge[..], &deep[..], b"P5 100000 100000 255\n\0", b"P5 4294967295 4294967295 255\n\0"] {
        let error = GrayPicture::decode(file).unwrap_err();
        assert!(matches!(error, Error::PictureTooLarge { .. } | Error::Picture { .. }), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    assert!(matches!(GrayPicture::decode(&huge), Err(Error::PictureTooLarge { width: 60_000, .. })));
}

#[test]
fn other_files_are_an_error_in_one_line() {
    for (file, message) in [
        (&b""[..], "it is empty; expected a complete PNG, JPEG, WebP, BMP, TIFF, GIF or PNM picture"),
        (b"GIF89a", "expected a complete PNG"),
        (b"\0\0\x08\x03", "it begins with 00 00 08 03; expected a complete PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is HEIC, which is not supported; save it as JPEG; exp"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", "it is AVIF, which is not supported; save it as JPEG or PNG"),
        (b"\n<!doctype html><p>404", "it is an HTML page, perhaps the error page of a download; expected"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer, not the file itself"),
        (b"%PDF-1.7", "it is a PDF document; expected"),
        (b"\x89PNG\r\n\x1a\n", "expected a complete"),
        (b"P5 2 2 255\n\0", "expected a complete"),
        (b"\xff\xd8\xff", "expected a complete"),
    ] {
        let error = GrayPicture::decode(file).unwrap_err().to_string();
        assert!(error.contains(message) && !error.contains('\n') && error.len() < 240, "{error}");
    }
}

/// A gradient with a texture, as a file of any format.
fn encoded(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(40, 30, |x, y| {
        let level = (3 * x + 2 * y) as u8 ^ (x * y % 5) as u8;
        image::Rgb([level, level, level])
    });
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Gif,
    ImageFormat::Pnm,
];

#[test]
fn every_format_is_read_alike() {
    let expected = pixels(&encoded(ImageFormat::Png));
    for format in FORMATS {
        let picture = GrayPicture::decode(&encoded(format)).unwrap();
        assert_eq!((picture.width(), picture.height()), (40, 30), "{format:?}");
        assert!(!picture.is_first_of_several());
        let apart = picture.pixels().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(apart <= if format == ImageFormat::Jpeg { 40 } else { 6 }, "{format:?}: {apart}");
    }
    let pam = b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n\x05\xfa";
    assert_eq!(pixels(pam), [5, 250]);
}

#[test]
fn the_first_of_several_frames_is_read() {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for level in [10, 200] {
        encoder.encode(&[level; 12], 2, 2, ExtendedColorType::Rgb8).unwrap();
    }
    drop(encoder);
    let picture = GrayPicture::decode(&file).unwrap();
    assert!(picture.is_first_of_several());
    assert!(picture.pixels().iter().all(|&level| level.abs_diff(10) <= 4), "{:?}", picture.pixels());
}

#[test]
fn a_picture_without_columns_is_an_error() {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    encoder.encode(&[9; 12], 2, 2, ExtendedColorType::Rgb8).unwrap();
    drop(encoder);
    assert!(GrayPicture::decode(&file).is_ok());
    file[6..8].copy_from_slice(&[0, 0]); // the width of the screen
    assert!(matches!(GrayPicture::decode(&file), Err(Error::PictureSize { width: 0, .. })));
}

#[test]
fn a_truncated_file_is_never_another_picture() {
    for format in FORMATS {
        let file = encoded(format);
        let whole = pixels(&file);
        for end in 0..file.len() {
            if let Ok(picture) = GrayPicture::decode(&file[..end]) {
                // Only what follows the pixels may be missing.
                assert_eq!(picture.pixels(), whole, "{format:?}: {end} of {} bytes", file.len());
            }
        }
    }
    // A truncated JPEG with a new end marker from another tool: a texture, and a line on paper.
    let texture = jpeg(64, 64, |x, y| (3 * x + y) as u8 ^ (x * y % 7) as u8);
    let paper = jpeg(203, 117, |x, _| if (60..68).contains(&x) { 0 } else { 255 });
    for file in [texture, paper] {
        let whole = pixels(&file);
        assert_eq!(pixels(&file[..file.len() - 2]), whole);
        assert_eq!(pixels(&[&file[..], b"trailing bytes"].concat()), whole);
        for missing in [8, 20, 60, 120] {
            let cut = [&file[..file.len() - missing], &[0xff, 0xd9]].concat();
            let error = GrayPicture::decode(&cut).unwrap_err().to_string();
            assert!(error.contains("truncated JPEG"), "{missing}: {error}");
        }
    }
}

#[test]
fn light_ink_on_transparency_is_shown_on_black() {
    // A white dot on a transparent ground, and a dark one.
    let dot = |level: u8| {
        let row = |alpha: u8| [level, 0, level, alpha, level, 0];
        png(3, 3, 8, 4, &[], &[&row(0), &row(255), &row(0)])
    };
    assert_eq!(pixels(&dot(250)), [0, 0, 0, 0, 250, 0, 0, 0, 0]);
    assert_eq!(pixels(&dot(30)), [255, 255, 255, 255, 30, 255, 255, 255, 255]);
    let shape = ImageShape { height: 3, width: 3 };
    for (level, inverted) in [(250, false), (30, true)] {
        let picture = GrayPicture::decode(&dot(level)).unwrap();
        for polarity in Polarity::ALL {
            let image = Preprocessing::Whole.preprocess(&picture, shape, polarity);
            assert_eq!((image.was_inverted, image.is_blank), (inverted, false), "{level} {polarity}");
            assert!(image.pixels[4] > 200 && image.pixels[0] == 0);
        }
    }
}

fn whole_files() -> Vec<Vec<u8>> {
    let rows: Vec<Vec<u8>> = (0..20u8).map(|y| (0..40).map(|x| (x * 5) ^ y).collect()).collect();
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    let mut pgm = b"P5 20 20 255\n".to_vec();
    pgm.extend((0..400).map(|i| (i % 251) as u8));
    vec![
        png(20, 20, 8, 4, &[], &rows),
        png(40, 20, 8, 3, &[(b"PLTE", &[77; 768])], &rows),
        jpeg(24, 24, |x, y| (x * y % 256) as u8),
        pgm,
        b"P2 2 2 255 1 2 3 4\n".to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn truncated_files_do_not_panic(which in 0usize..5, end in 0.0f64..1.0) {
        let file = &whole_files()[which];
        let end = (file.len() as f64 * end) as usize;
        if let Err(error) = GrayPicture::decode(&file[..end]) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn damaged_files_do_not_panic(
        which in 0usize..5,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = whole_files().swap_remove(which);
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        if let Err(error) = GrayPicture::decode(&file) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
