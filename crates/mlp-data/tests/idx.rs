//! IDX files: arrays of any type and rank are read back, and no content makes the reader panic or
//! allocate more than the file can hold.

use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_data::Error;
use mlp_data::idx::{Idx, IdxData, parse, read_idx, write_idx};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::path::Path;

/// The system's allocator, which records the largest request of each thread.
struct Watching;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is forwarded to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is exiting has no counter.
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Returns the result of `work` and its largest single allocation.
fn largest_allocation<T>(work: impl FnOnce() -> T) -> (T, usize) {
    LARGEST.set(0);
    let result = work();
    (result, LARGEST.get())
}

fn origin() -> &'static Path {
    Path::new("in memory")
}

fn bytes_of(idx: &Idx) -> Vec<u8> {
    let mut bytes = Vec::new();
    idx.write_to(&mut bytes).unwrap();
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn arrays() -> impl Strategy<Value = Idx> {
    let shapes = prop::collection::vec(0usize..6, 0..5);
    (shapes, 0..6u8, any::<u64>()).prop_map(|(shape, element, seed)| {
        let count = shape.iter().product::<usize>() as u64;
        // Arbitrary bits, so that floats include NaN and subnormals.
        let bits = (0..count).map(|i| (i + 1).wrapping_mul(seed | 1).rotate_left(i as u32));
        let data = match element {
            0 => IdxData::U8(bits.map(|bits| bits as u8).collect()),
            1 => IdxData::I8(bits.map(|bits| bits as i8).collect()),
            2 => IdxData::I16(bits.map(|bits| bits as i16).collect()),
            3 => IdxData::I32(bits.map(|bits| bits as i32).collect()),
            4 => IdxData::F32(bits.map(|bits| f32::from_bits(bits as u32)).collect()),
            _ => IdxData::F64(bits.map(f64::from_bits).collect()),
        };
        Idx::new(shape, data)
    })
}

proptest! {
    #[test]
    fn any_array_is_read_back_raw_and_compressed(idx in arrays()) {
        let bytes = bytes_of(&idx);
        for stored in [bytes.clone(), gzip(&bytes)] {
            let back = parse(&stored, origin()).unwrap();
            prop_assert_eq!(back.shape(), idx.shape());
            prop_assert_eq!(back.data().element(), idx.data().element());
            // Compare bytes, because NaN is not equal to itself.
            prop_assert_eq!(bytes_of(&back), &bytes[..]);
        }
    }

    #[test]
    fn a_truncated_file_is_an_error(idx in arrays(), compressed: bool, cut in 0.0f64..1.0) {
        let bytes = if compressed { gzip(&bytes_of(&idx)) } else { bytes_of(&idx) };
        let cut = (bytes.len() as f64 * cut) as usize;
        let error = parse(&bytes[..cut], origin()).unwrap_err();
        prop_assert!(!error.to_string().contains('\n'));
    }

    #[test]
    fn damaged_files_neither_panic_nor_allocate_wildly(
        idx in arrays(),
        compressed: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = if compressed { gzip(&bytes_of(&idx)) } else { bytes_of(&idx) };
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let (result, largest) = largest_allocation(|| parse(&bytes, origin()));
        if let Err(error) = result {
            prop_assert!(!error.to_string().contains('\n'));
        }
        // The maximum inflated size, and the decoder's own state.
        prop_assert!(largest <= 1032 * bytes.len() + (1 << 17), "{} for {}", largest, bytes.len());
    }

    #[test]
    fn random_bytes_do_not_allocate_wildly(
        head in prop::sample::select(vec![&[][..], &[0, 0], &[0, 0, 8, 3], &[0, 0, 12, 1], &[0x1f, 0x8b], &[0x1f, 0x8b, 8, 0]]),
        tail in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [head, &tail[..]].concat();
        let (_, largest) = largest_allocation(|| parse(&bytes, origin()));
        prop_assert!(largest <= 1032 * bytes.len() + (1 << 17));
    }
}

#[test]
fn a_giant_shape_in_the_header_allocates_nothing() {
    for element in [8, 14] {
        for dimension in [0xff, 0x7f] {
            let mut bytes = vec![0, 0, element, 3];
            bytes.extend([dimension; 12]);
            bytes.extend([1; 100]);
            for stored in [bytes.clone(), gzip(&bytes)] {
                let (result, largest) = largest_allocation(|| parse(&stored, origin()).unwrap_err());
                assert!(matches!(result, Error::Oversized { .. } | Error::Truncated { .. }), "{result}");
                assert!(largest < 1 << 17, "{largest}");
            }
        }
    }
}

#[test]
fn a_gzip_bomb_is_inflated_no_further_than_its_header_promises() {
    // 256 MiB of zeros in a quarter of a megabyte; the header promises ten bytes.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&[0, 0, 8, 1, 0, 0, 0, 10]).unwrap();
    for _ in 0..256 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let (error, largest) = largest_allocation(|| parse(&bomb, origin()).unwrap_err());
    assert!(matches!(error, Error::TrailingBytes { expected: 18, .. }), "{error}");
    assert!(largest < 1 << 17, "{largest}");
}

#[test]
fn empty_and_rank_0_arrays_are_read_back() {
    for (shape, data) in
        [(vec![0, 28, 28], vec![]), (vec![], vec![9]), (vec![4_000_000_000, 0, 4_000_000_000], vec![])]
    {
        let idx = Idx::new(shape, IdxData::U8(data));
        assert_eq!(parse(&bytes_of(&idx), origin()).unwrap(), idx);
    }
}

#[test]
fn compression_is_detected_by_content_not_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let idx = Idx::new(vec![2, 2], IdxData::U8(vec![1, 2, 3, 4]));
    let (raw, compressed) = (directory.path().join("a"), directory.path().join("b.gz"));
    write_idx(&raw, &idx).unwrap();
    write_idx(&compressed, &idx).unwrap();
    assert_eq!(std::fs::read(&compressed).unwrap()[..2], [0x1f, 0x8b]);
    let (raw_as_gz, gz_as_raw) = (directory.path().join("c.gz"), directory.path().join("d"));
    std::fs::rename(&raw, &raw_as_gz).unwrap();
    std::fs::rename(&compressed, &gz_as_raw).unwrap();
    assert_eq!(read_idx(&raw_as_gz).unwrap(), idx);
    assert_eq!(read_idx(&gz_as_raw).unwrap(), idx);
}

#[test]
fn arrays_larger_than_one_step_are_read_whole() {
    let count = 300_001;
    let data = [
        IdxData::U8((0..count).map(|i| (i % 251) as u8).collect()),
        IdxData::F64((0..count).map(f64::from).collect()),
    ];
    for data in data {
        let idx = Idx::new(vec![count as usize], data);
        let bytes = bytes_of(&idx);
        assert_eq!(parse(&bytes, origin()).unwrap(), idx);
        assert_eq!(parse(&gzip(&bytes), origin()).unwrap(), idx);
    }
}

#[test]
fn large_truncated_or_damaged_gzip_files_are_errors() {
    let noise = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let idx = Idx::new(vec![3_000_000], IdxData::U8(noise));
    let good = gzip(&bytes_of(&idx));
    let cut = parse(&good[..good.len() / 2], origin()).unwrap_err();
    let Error::Truncated { expected: 3_000_008, found, .. } = cut else { panic!("{cut}") };
    assert!((1_000..3_000_000).contains(&found), "{found}");

    let fewer_than_promised = gzip(&bytes_of(&idx)[..1_000_000]);
    let error = parse(&fewer_than_promised, origin()).unwrap_err();
    assert!(matches!(error, Error::Truncated { expected: 3_000_008, found: 1_000_000, .. }), "{error}");

    let mut wrong_checksum = good;
    let checksum = wrong_checksum.len() - 8;
    wrong_checksum[checksum] ^= 1;
    let error = parse(&wrong_checksum, origin()).unwrap_err();
    assert!(matches!(error, Error::Gzip { .. }), "{error}");
}
