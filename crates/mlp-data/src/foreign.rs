//! Recognizes common file types by their first bytes, so that errors can name them.

/// Returns the type of a file, with an article, if its first bytes are well known.
pub(crate) fn kind_of(head: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 24] = [
        (b"\x89PNG", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"BM", "a BMP picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"8BPS", "a Photoshop file"),
        (b"\xff\x0a", "JPEG XL, which is not supported; save it as JPEG or PNG"),
        (b"\0\0\0\x0cJXL ", "JPEG XL, which is not supported; save it as JPEG or PNG"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000, which is not supported; save it as JPEG or PNG"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a zip archive; unpack it"),
        (b"7z\xbc\xaf", "a 7-Zip archive; unpack it"),
        (b"Rar!", "a RAR archive; unpack it"),
        (b"BZh", "compressed with bzip2; unpack it"),
        (b"\xfd7zXZ", "compressed with xz; unpack it"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"PAR1", "a Parquet file"),
        (b"\x89HDF", "an HDF5 file"),
        (b"MATLAB", "a MATLAB file; save it as .npz with SciPy and NumPy"),
        (b"\x80\x04\x95", "a Python pickle; save it as .npz with NumPy"),
        (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
        (b"\0\0\x01\0", "an icon (ICO)"),
    ];
    if let [_, _, _, _, b'f', b't', b'y', b'p', brands @ ..] = head {
        let brands = &brands[..brands.len().min(56)];
        let has = |names: &[&[u8; 4]]| brands.chunks(4).any(|brand| names.iter().any(|name| brand == *name));
        return Some(if has(&[b"avif", b"avis"]) {
            "AVIF, which is not supported; save it as JPEG or PNG"
        } else if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"]) {
            "HEIC, which is not supported; save it as JPEG"
        } else {
            "a video"
        });
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some("a WebP picture");
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |tag: &[u8]| text.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag));
    if begins(b"<!doctype html") || begins(b"<html") {
        return Some("an HTML page, perhaps the error page of a download");
    }
    if begins(b"<?xml") || begins(b"<svg") {
        return Some("SVG or other XML");
    }
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_files_are_named() {
        for (head, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], Some("HEIC, which")),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Some("AVIF, which")),
            (b"\0\0\0\x18ftypisom", Some("a video")),
            (b"\xef\xbb\xbf\n<!DOCTYPE HTML>", Some("an HTML page")),
            (b"version https://git-lfs.github.com/spec/v1\noid", Some("a Git LFS pointer")),
            (b"<svg xmlns", Some("SVG")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("a WebP")),
            (b"RIFF\x10\0\0\0WAVE", None),
            (b"\x93NUMPY\x01", Some("a NumPy")),
            (b"\0\0\x08\x03", None),
            (b"", None),
        ] {
            let found = kind_of(head);
            assert_eq!(found.is_some(), name.is_some(), "{head:?}");
            assert!(found.unwrap_or_default().starts_with(name.unwrap_or_default()), "{found:?}");
        }
    }
}
