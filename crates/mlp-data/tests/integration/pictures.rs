//! Preprocessing: the image does not depend on the position, size or polarity of the ink, and odd
//! pictures do not panic.

use mlp_data::picture::{GrayPicture, Polarity, Preprocessed};
use mlp_data::{ImageShape, Preprocessing};
use proptest::prelude::*;

const SHAPE: ImageShape = ImageShape { height: 28, width: 28 };

/// Strokes as polylines in the unit square: a 7, a 4, a 2, a 1, and a 5 with a separate bar.
const FIGURES: [&[&[(f64, f64)]]; 5] = [
    &[&[(0.2, 0.1), (0.8, 0.1), (0.4, 0.9)]],
    &[&[(0.35, 0.1), (0.2, 0.6), (0.8, 0.6)], &[(0.65, 0.3), (0.6, 0.9)]],
    &[&[(0.2, 0.3), (0.4, 0.1), (0.7, 0.2), (0.65, 0.45), (0.2, 0.9), (0.8, 0.88)]],
    &[&[(0.55, 0.1), (0.45, 0.9)]],
    &[
        &[(0.4, 0.1), (0.8, 0.12)],
        &[(0.3, 0.25), (0.28, 0.5), (0.6, 0.45), (0.75, 0.7), (0.5, 0.9), (0.2, 0.85)],
    ],
];

/// The maximum mean difference of images of one figure, in levels: sizes and positions are rounded
/// to whole pixels, so ink may move by up to one. Images of two figures are at least twice as far
/// apart.
const CLOSE: f64 = 10.0;

/// Half the width of a stroke.
const PEN: f64 = 0.045;

/// A figure on a page.
#[derive(Clone, Copy, Debug)]
struct Page {
    figure: usize,
    side: f64, // of the unit square, in pixels
    left: usize,
    top: usize,
    size: (usize, usize), // width and height
    ground: f64,
    ink: f64,
}

impl Page {
    fn new(figure: usize) -> Self {
        Self { figure, side: 112.0, left: 20, top: 30, size: (200, 180), ground: 255.0, ink: 0.0 }
    }

    /// Draws the page, with levels changed by a function of position and level.
    fn drawn(self, change: impl Fn(usize, usize, f64) -> f64) -> GrayPicture {
        let (width, height) = self.size;
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = |at: usize, first: usize| (at as f64 + 0.5 - first as f64) / self.side;
                let cover = self.cover(at(x, self.left), at(y, self.top));
                let level = self.ground + (self.ink - self.ground) * cover;
                pixels.push(change(x, y, level).round().clamp(0.0, 255.0) as u8);
            }
        }
        GrayPicture::new(width, height, pixels).unwrap()
    }

    /// The coverage of a pixel with ink, from its distance to the lines.
    fn cover(self, x: f64, y: f64) -> f64 {
        let lines = FIGURES[self.figure].iter().flat_map(|stroke| stroke.windows(2));
        let distance = lines.map(|line| {
            let [(x0, y0), (x1, y1)] = [line[0], line[1]];
            let (dx, dy) = (x1 - x0, y1 - y0);
            let along = (((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
            (x - x0 - along * dx).hypot(y - y0 - along * dy)
        });
        ((PEN - distance.fold(f64::MAX, f64::min)) * self.side + 0.5).clamp(0.0, 1.0)
    }

    fn preprocessed(self) -> Preprocessed {
        as_digit(&self.drawn(|_, _, level| level))
    }
}

fn as_digit(picture: &GrayPicture) -> Preprocessed {
    Preprocessing::Digit.preprocess(picture, SHAPE, Polarity::Auto)
}

/// The mean difference of the pixels of two images.
fn apart(a: &Preprocessed, b: &Preprocessed) -> f64 {
    let sum: u32 = a.pixels.iter().zip(&b.pixels).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
    f64::from(sum) / a.pixels.len() as f64
}

/// The minimum of [`apart`] over moves by one pixel, because centers between two pixels may be
/// rounded either way.
fn apart_at_best(a: &Preprocessed, b: &Preprocessed) -> f64 {
    let moved = |dx: isize, dy: isize| {
        let from = |i: usize| {
            let (x, y) = ((i % 28) as isize + dx, (i / 28) as isize + dy);
            let is_inside = (0..28).contains(&x) && (0..28).contains(&y);
            if is_inside { b.pixels[(y * 28 + x) as usize] } else { 0 }
        };
        Preprocessed { pixels: (0..784).map(from).collect(), ..b.clone() }
    };
    let all = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
    all.map(|(dx, dy)| apart(a, &moved(dx, dy))).fold(f64::MAX, f64::min)
}

/// The first and last row and column with ink.
fn bounds(image: &Preprocessed) -> [usize; 4] {
    let inked = |of: &dyn Fn(usize) -> usize| {
        let places = || image.pixels.iter().enumerate().filter(|&(_, &pixel)| pixel > 0).map(|(i, _)| of(i));
        (places().min().unwrap(), places().max().unwrap())
    };
    let (rows, columns) = (inked(&|i| i / 28), inked(&|i| i % 28));
    [rows.0, rows.1, columns.0, columns.1]
}

/// Deterministic noise for a position.
fn noise(x: usize, y: usize) -> f64 {
    let mut mixed = (x as u64) << 32 | y as u64;
    for _ in 0..3 {
        mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (mixed >> 40) as f64 / (1 << 24) as f64 - 0.5
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_position_of_the_ink_does_not_matter(figure in 0usize..5, left in 0usize..88, top in 0usize..68) {
        let (a, b) = (Page::new(figure).preprocessed(), Page { left, top, ..Page::new(figure) }.preprocessed());
        prop_assert!(apart(&a, &b) < 0.1, "{}", apart(&a, &b));
    }

    #[test]
    fn the_polarity_does_not_matter(figure in 0usize..5, ground in 0u8..=255, contrast in 60.0f64..255.0) {
        let ground = f64::from(ground);
        let ink = if ground >= 128.0 { ground - contrast } else { ground + contrast }.clamp(0.0, 255.0);
        let page = Page { ground, ink, ..Page::new(figure) };
        let (found, expected) = (page.preprocessed(), Page::new(figure).preprocessed());
        prop_assert_eq!(found.was_inverted, ground > ink);
        prop_assert!(apart_at_best(&found, &expected) < CLOSE, "{}", apart_at_best(&found, &expected));
        let told = if ground > ink { Polarity::DarkOnLight } else { Polarity::LightOnDark };
        let picture = page.drawn(|_, _, level| level);
        prop_assert_eq!(Preprocessing::Digit.preprocess(&picture, SHAPE, told), found);
    }

    #[test]
    fn the_size_of_the_ink_does_not_matter(figure in 0usize..5, side in 40.0f64..500.0) {
        let size = (side as usize + 40, side as usize + 50);
        let (a, b) = (Page::new(figure).preprocessed(), Page { side, size, ..Page::new(figure) }.preprocessed());
        prop_assert!(apart_at_best(&a, &b) < CLOSE, "{}", apart_at_best(&a, &b));
    }

    #[test]
    fn the_ink_fills_twenty_pixels_and_is_centered_by_mass(figure in 0usize..5) {
        let image = Page::new(figure).preprocessed();
        let [top, bottom, left, right] = bounds(&image);
        prop_assert_eq!((bottom - top + 1).max(right - left + 1), 20);
        let mass: f64 = image.pixels.iter().map(|&pixel| f64::from(pixel)).sum();
        for along in [|i: usize| i / 28, |i: usize| i % 28] {
            let moment: f64 = image.pixels.iter().enumerate().map(|(i, &pixel)| f64::from(pixel) * along(i) as f64).sum();
            // Ink moves by whole pixels.
            prop_assert!((moment / mass - 14.0).abs() <= 0.51, "{}", moment / mass);
        }
        prop_assert_eq!(image.pixels.iter().max(), Some(&255));
    }

    #[test]
    fn preprocessing_twice_changes_nothing(figure in 0usize..5) {
        let once = Page::new(figure).preprocessed();
        let twice = as_digit(&GrayPicture::new(28, 28, once.pixels.clone()).unwrap());
        prop_assert!(!twice.was_inverted);
        // Except a faint outermost row, which is not ink the second time.
        prop_assert!(apart_at_best(&once, &twice) < CLOSE, "{}", apart_at_best(&once, &twice));
    }

    #[test]
    fn shading_noise_and_specks_are_removed(figure in 0usize..5, slope in -60.0f64..60.0, specks in 0usize..12) {
        let page = Page { ground: 190.0, ink: 50.0, ..Page::new(figure) };
        let scan = page.drawn(|x, y, level| {
            let place = |i: usize| [(noise(i, 1), 66.0), (noise(i, 2), 60.0)].map(|(at, most)| ((at + 0.5) * most) as usize);
            let is_speck = (0..specks).any(|i| place(i) == [x / 3, y / 3]);
            let shade = slope * (x as f64 / 200.0 - 0.5);
            if is_speck { 40.0 } else { level + shade + 16.0 * noise(x, y) }
        });
        let (found, clean) = (as_digit(&scan), page.preprocessed());
        prop_assert!(found.was_inverted);
        prop_assert!(apart_at_best(&found, &clean) < CLOSE, "{}", apart_at_best(&found, &clean));
    }

    #[test]
    fn random_pictures_do_not_panic(
        width in 1usize..40, height in 1usize..40, bytes in prop::collection::vec(any::<u8>(), 1600),
        (rows, columns) in (1usize..40, 1usize..40),
    ) {
        let picture = GrayPicture::new(width, height, bytes[..width * height].to_vec()).unwrap();
        let shape = ImageShape { height: rows, width: columns };
        for preprocessing in Preprocessing::ALL {
            for polarity in Polarity::ALL {
                let preprocessed = preprocessing.preprocess(&picture, shape, polarity);
                prop_assert_eq!(preprocessed.pixels.len(), rows * columns);
            }
        }
        prop_assert_eq!(picture.scaled(shape).len(), rows * columns);
    }
}

#[test]
fn different_figures_stay_different() {
    for (a, b) in [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)] {
        let apart = apart_at_best(&Page::new(a).preprocessed(), &Page::new(b).preprocessed());
        assert!(apart > 2.0 * CLOSE, "{a} and {b}: {apart}");
    }
}

#[test]
fn a_picture_without_ink_is_blank() {
    let picture = |of: &dyn Fn(usize, usize) -> f64| {
        let pixels = (0..90 * 60).map(|i| of(i % 90, i / 90).round() as u8).collect();
        GrayPicture::new(90, 60, pixels).unwrap()
    };
    let even = [0.0, 20.0, 128.0, 255.0].map(|level| picture(&|_, _| level));
    for picture in &even {
        let (digit, whole) =
            (as_digit(picture), Preprocessing::Whole.preprocess(picture, SHAPE, Polarity::Auto));
        assert!(digit.is_blank && whole.is_blank);
        assert_eq!(digit.pixels, [0; 784]);
        // The ground is always dark.
        assert!(whole.pixels.iter().all(|&pixel| pixel == whole.pixels[0] && pixel <= 128));
    }
    let noisy = picture(&|x, y| 200.0 + 20.0 * noise(x, y));
    let shaded = picture(&|x, y| 120.0 + x as f64 + 0.5 * y as f64);
    for picture in [noisy, shaded] {
        assert!(as_digit(&picture).is_blank);
        assert!(!Preprocessing::Whole.preprocess(&picture, SHAPE, Polarity::Auto).is_blank);
    }
}

#[test]
fn pictures_of_one_pixel_or_one_row_work() {
    for (width, height) in [(1, 1), (1, 50_000), (50_000, 1), (2, 3000), (3, 3)] {
        for line in [false, true] {
            let level = |i: usize| if line && i > width * height / 2 { 255 } else { 0 };
            let picture = GrayPicture::new(width, height, (0..width * height).map(level).collect()).unwrap();
            for preprocessing in Preprocessing::ALL {
                let preprocessed = preprocessing.preprocess(&picture, SHAPE, Polarity::Auto);
                assert_eq!(
                    (preprocessed.pixels.len(), preprocessed.is_blank),
                    (784, !line || width * height < 3)
                );
            }
        }
    }
}

#[test]
fn a_bold_stroke_that_fills_the_picture_is_ink() {
    // A ring that covers two thirds of the area, cropped to its edges.
    let ring = |inverted: bool| {
        let level = |i: usize| {
            let (x, y) = ((i % 60) as f64 - 29.5, (i / 60) as f64 - 29.5);
            let radius = x.hypot(y);
            if (8.0..29.0).contains(&radius) != inverted { 0 } else { 255 }
        };
        GrayPicture::new(60, 60, (0..3600).map(level).collect()).unwrap()
    };
    for (inverted, picture) in [(true, ring(false)), (false, ring(true))] {
        let image = as_digit(&picture);
        assert_eq!(image.was_inverted, inverted);
        assert_eq!((image.pixels[14 * 28 + 6], image.pixels[14 * 28 + 14], image.pixels[0]), (255, 0, 0));
    }
}

#[test]
fn a_whole_picture_keeps_its_aspect_ratio_with_margins() {
    // Aspect ratio 3:1, dark ground of level 20 with a bright bar.
    let pixels = (0..84 * 28).map(|i| if (40..44).contains(&(i % 84)) { 240 } else { 20 }).collect();
    let picture = GrayPicture::new(84, 28, pixels).unwrap();
    let whole = Preprocessing::Whole.preprocess(&picture, SHAPE, Polarity::Auto);
    assert!(!whole.was_inverted);
    assert_eq!(whole.pixels[..9 * 28], [20; 9 * 28]);
    // Columns 39 to 41 and 42 to 44 become one each, both two thirds bright.
    let middle = &whole.pixels[14 * 28..15 * 28];
    let two_thirds = ((20.0 + 2.0 * 240.0) / 3.0_f64).round() as u8;
    assert_eq!((middle[12], middle[13], middle[14], middle[15]), (20, two_thirds, two_thirds, 20));

    let same =
        GrayPicture::new(28, 28, (0..784).map(|i| if i % 28 == 9 { 200 } else { 3 }).collect()).unwrap();
    let whole = Preprocessing::Whole.preprocess(&same, SHAPE, Polarity::LightOnDark);
    assert_eq!(whole.pixels, same.pixels());
    let inverted = Preprocessing::Whole.preprocess(&same, SHAPE, Polarity::DarkOnLight);
    assert_eq!((inverted.pixels[9], inverted.pixels[10], inverted.was_inverted), (55, 252, true));
    assert_eq!(same.scaled(SHAPE), same.pixels());
}

#[test]
fn a_wrong_number_of_pixels_is_an_error() {
    for (width, height, pixels) in [(2, 2, 3), (0, 0, 0), (0, 5, 0), (usize::MAX, 2, 4)] {
        let error = GrayPicture::new(width, height, vec![0; pixels]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{pixels} pixels for a picture of {width}x{height}")), "{error}");
    }
}

#[test]
#[should_panic(expected = "an image of 0x28 has no pixels")]
fn a_shape_without_pixels_panics() {
    let picture = GrayPicture::new(1, 1, vec![0]).unwrap();
    Preprocessing::Digit.preprocess(&picture, ImageShape { height: 0, width: 28 }, Polarity::Auto);
}

#[test]
fn figures_side_by_side_are_counted_and_cut_apart() {
    let page = Page { size: (420, 180), ..Page::new(0) };
    let other = Page { figure: 3, left: 250, ..page };
    let right = other.drawn(|_, _, level| level);
    let both = page.drawn(|x, y, level| level.min(right.pixels()[y * 420 + x].into()));
    let image = as_digit(&both);
    assert_eq!((image.figures, image.is_blank), (2, false));
    let (segments, polarity) = both.segments(Polarity::Auto);
    assert_eq!((segments.len(), polarity), (2, Polarity::DarkOnLight));
    for (segment, figure) in segments.iter().zip([0, 3]) {
        let image = Preprocessing::Digit.preprocess(segment, SHAPE, polarity);
        assert_eq!(image.figures, 1);
        assert!(apart_at_best(&image, &Page::new(figure).preprocessed()) < CLOSE);
    }
    // The strokes of one figure are not figures.
    for figure in 0..5 {
        assert_eq!(Page::new(figure).preprocessed().figures, 1);
        assert_eq!(page.drawn(|_, _, level| level).segments(Polarity::Auto).0.len(), 1);
    }
}

#[test]
fn a_frame_and_ruled_lines_are_not_ink() {
    for figure in [0, 2, 3] {
        let page = Page::new(figure);
        let is_frame = |x: usize, y: usize| x < 3 || y < 3 || x >= 197 || y >= 177;
        let framed = page.drawn(|x, y, level| if is_frame(x, y) { 20.0 } else { level });
        let ruled = page.drawn(|_, y, level| if y % 160 == 12 { 90.0 } else { level });
        for (what, picture) in [("frame", framed), ("lines", ruled)] {
            let image = as_digit(&picture);
            assert!(image.was_inverted, "{what} of {figure}");
            let apart = apart_at_best(&image, &page.preprocessed());
            assert!(apart < CLOSE, "{what} of {figure}: {apart}");
        }
    }
}
