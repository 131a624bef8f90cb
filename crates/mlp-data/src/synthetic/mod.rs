//! Digits drawn from strokes: 28x28, ten classes, for tests, examples and machines without data. Each digit is a few
//! curves (`synthetic/strokes.rs`) whose points are jittered, put through a random affine map, and drawn with a pen of
//! random width, anti-aliased. A file of its own because it is the one dataset that no file holds; it is easier
//! than MNIST and stands in for nothing in a report.
//!
//! Only additions, multiplications, divisions and square roots are used, which IEEE 754 rounds the same way
//! everywhere: the same seed gives the same bytes on every machine, and a test holds them fixed.

mod digits;
mod strokes;

pub use digits::{CLASSES, NAME, SHAPE, TEST, TRAIN, digits};
