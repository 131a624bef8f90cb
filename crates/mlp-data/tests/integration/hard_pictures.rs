//! Pictures of digits that are hard to read: on paper on a table, in scans, in boxes, on ruled
//! paper. Clear ones are read; doubtful ones are flagged.

use mlp_data::picture::{Doubt, GrayPicture, Polarity, Preprocessed};
use mlp_data::{ImageShape, Preprocessing};

const SHAPE: ImageShape = ImageShape { height: 28, width: 28 };

/// Half the width of a stroke.
const PEN: f64 = 7.0;

/// A canvas with ink.
#[derive(Clone)]
struct Canvas {
    width: usize,
    levels: Vec<f64>,
}

impl Canvas {
    fn new(width: usize, height: usize, level: f64) -> Self {
        Self { width, levels: vec![level; width * height] }
    }

    /// Paints what is within a distance of 0 of a shape.
    fn paint(mut self, level: f64, distance: impl Fn(f64, f64) -> f64) -> Self {
        for (i, pixel) in self.levels.iter_mut().enumerate() {
            let (x, y) = ((i % self.width) as f64 + 0.5, (i / self.width) as f64 + 0.5);
            let cover = (0.5 - distance(x, y)).clamp(0.0, 1.0);
            *pixel += (level - *pixel) * cover;
        }
        self
    }

    fn rectangle(self, level: f64, left: f64, top: f64, width: f64, height: f64) -> Self {
        self.paint(level, |x, y| (left - x).max(x - left - width).max(top - y).max(y - top - height))
    }

    /// A 7 with its left upper corner at a place, 100 pixels high.
    fn seven(self, level: f64, left: f64, top: f64) -> Self {
        let points = [(left, top), (left + 70.0, top), (left + 25.0, top + 100.0)];
        self.paint(level, move |x, y| {
            let segment = |a: (f64, f64), b: (f64, f64)| {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let t = (((x - a.0) * dx + (y - a.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
                (x - a.0 - t * dx).hypot(y - a.1 - t * dy) - PEN
            };
            segment(points[0], points[1]).min(segment(points[1], points[2]))
        })
    }

    fn read(&self) -> Preprocessed {
        let height = self.levels.len() / self.width;
        // With a little noise.
        let noise = |i: usize| (i * 7919 % 5) as f64 - 2.0;
        let pixels =
            self.levels.iter().enumerate().map(|(i, level)| (level + noise(i)).clamp(0.0, 255.0) as u8);
        let picture = GrayPicture::new(self.width, height, pixels.collect()).unwrap();
        Preprocessing::Digit.preprocess(&picture, SHAPE, Polarity::Auto)
    }
}

/// The mean difference of two images, in levels.
fn difference(a: &Preprocessed, b: &Preprocessed) -> f64 {
    let sum: f64 = a.pixels.iter().zip(&b.pixels).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
    sum / a.pixels.len() as f64
}

#[track_caller]
fn reads_the_seven(canvas: &Canvas, doubts: &[Doubt]) {
    let plain = Canvas::new(200, 200, 240.0).seven(30.0, 65.0, 50.0).read();
    assert_eq!((&*plain.doubts, plain.figures), (&[][..], 1));
    let read = canvas.read();
    let apart = difference(&plain, &read);
    assert!(apart < 8.0, "{apart}");
    assert_eq!(read.doubts, doubts);
}

#[test]
fn only_a_page_on_a_darker_or_lighter_table_is_read() {
    for (table, paper, ink) in [(40.0, 240.0, 30.0), (110.0, 240.0, 30.0), (230.0, 30.0, 240.0)] {
        for (left, top, width, height) in [
            (60.0, 80.0, 160.0, 180.0),
            (150.0, 20.0, 160.0, 180.0),
            // Cut off by the edge of the picture.
            (-20.0, 80.0, 240.0, 260.0),
            (100.0, 60.0, 400.0, 400.0),
            // A dark frame around a scan.
            (12.0, 9.0, 290.0, 300.0),
        ] {
            let canvas = Canvas::new(320, 320, table).rectangle(paper, left, top, width, height);
            let canvas = canvas.seven(ink, left.max(0.0) + 45.0, top + 40.0);
            reads_the_seven(&canvas, &[Doubt::Page]);
        }
    }
    // Turned by 15 degrees.
    let (sin, cos) = 15f64.to_radians().sin_cos();
    let turned = Canvas::new(320, 320, 45.0).paint(240.0, |x, y| {
        let (x, y) = (x - 160.0, y - 160.0);
        ((x * cos + y * sin).abs() - 90.0).max((y * cos - x * sin).abs() - 110.0)
    });
    reads_the_seven(&turned.seven(30.0, 125.0, 110.0), &[Doubt::Page]);
}

#[test]
fn a_bold_zero_is_not_a_page() {
    for (ground, ink) in [(240.0, 20.0), (20.0, 240.0)] {
        for pen in [10.0, 20.0, 30.0] {
            let ring = Canvas::new(220, 220, ground)
                .paint(ink, |x, y| ((x - 110.0).hypot((y - 110.0) * 0.8) - 60.0).abs() - pen);
            let read = ring.read();
            assert!(!read.doubts.contains(&Doubt::Page), "{pen}");
            assert!(read.pixels[14 * 28 + 14] < 50, "the hole is not ink");
        }
    }
}

#[test]
fn lines_boxes_and_frames_are_not_ink() {
    let plain = || Canvas::new(240, 240, 240.0);
    let mut ruled = plain();
    for y in [40.0, 90.0, 140.0, 190.0] {
        ruled = ruled.rectangle(150.0, -1.0, y, 300.0, 2.0);
    }
    reads_the_seven(&ruled.seven(30.0, 80.0, 62.0), &[]);
    let mut grid = plain();
    for at in [20.0, 60.0, 100.0, 140.0, 180.0, 220.0] {
        grid = grid.rectangle(190.0, -1.0, at, 300.0, 1.0).rectangle(190.0, at, -1.0, 1.0, 300.0);
    }
    reads_the_seven(&grid.seven(30.0, 80.0, 62.0), &[]);
    for pen in [3.0, 6.0] {
        let boxed = plain().rectangle(30.0, 30.0, 30.0, 180.0, 180.0);
        let boxed = boxed.rectangle(240.0, 30.0 + pen, 30.0 + pen, 180.0 - 2.0 * pen, 180.0 - 2.0 * pen);
        reads_the_seven(&boxed.seven(30.0, 85.0, 70.0), &[]);
    }
}

#[test]
fn what_may_be_misread_is_doubted() {
    let plain = || Canvas::new(240, 240, 240.0);
    let has = |canvas: Canvas, doubt: Doubt| {
        let found = canvas.read().doubts;
        assert!(found.contains(&doubt), "{doubt:?} of {found:?}");
    };
    has(plain().seven(30.0, 80.0, 3.0), Doubt::Edge);
    has(plain().seven(30.0, 80.0, -30.0), Doubt::Edge);
    // A shadow with a hard edge.
    has(
        Canvas::new(240, 240, 110.0).rectangle(240.0, 100.0, -1.0, 300.0, 300.0).seven(20.0, 70.0, 60.0),
        Doubt::Edge,
    );
    // A sheet without anything on it.
    has(plain().rectangle(60.0, 60.0, 60.0, 110.0, 120.0), Doubt::Bulk);
    has(Canvas::new(240, 420, 240.0).seven(30.0, 80.0, 60.0).seven(30.0, 80.0, 260.0), Doubt::Stacked);
    has(plain().seven(30.0, 60.0, 60.0).rectangle(30.0, 180.0, 130.0, 25.0, 30.0), Doubt::Marks);
    has(Canvas::new(240, 240, 200.0).seven(182.0, 80.0, 60.0), Doubt::Faint);
    // But not what is usual.
    for (ground, ink) in [(255.0, 0.0), (200.0, 100.0), (10.0, 240.0)] {
        assert_eq!(Canvas::new(240, 240, ground).seven(ink, 80.0, 60.0).read().doubts, []);
    }
}
