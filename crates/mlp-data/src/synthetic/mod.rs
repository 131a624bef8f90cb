//! Digits drawn from strokes: 28x28, ten classes, for tests, examples and machines without data.
//! Each digit is a few curves with jittered points, a random affine map, and an anti-aliased pen of
//! random width. The dataset is easier than MNIST.
//!
//! Only additions, multiplications, divisions and square roots are used, which IEEE 754 rounds the
//! same way everywhere, so a seed gives the same bytes on every machine. A test freezes them.

mod digits;
mod strokes;

pub use digits::{CLASSES, NAME, SHAPE, TEST, TRAIN, digits};
