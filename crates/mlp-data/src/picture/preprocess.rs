//! Preprocessing pictures into images of a dataset: the two ways of [`Preprocessing`], and plain
//! scaling.

use super::checks::doubts;
use super::doubt::Doubt;
use super::ground::{Ground, light_ground};
use super::ink::{Ink, Patch};
use super::plane::{Plane, fitted};
use super::{GrayPicture, Preprocessed, page};
use crate::{ImageShape, Polarity, Preprocessing};

/// Larger pictures are first reduced to this side, which also averages out noise.
const WORKING_SIDE: usize = 512;

impl Preprocessing {
    /// Preprocesses a picture into an image of a dataset.
    ///
    /// [`Digit`](Self::Digit): the ground with its shading and noise is subtracted, the contrast is
    /// stretched, specks are dropped, and the ink is cropped, fitted into five sevenths of the
    /// shape (20 of 28 pixels) and centered by mass. Images of MNIST itself hardly change. If the
    /// picture shows a page on another background, only the page is read.
    ///
    /// [`Whole`](Self::Whole): the picture is scaled to fit, and the margins are filled with the
    /// level of its border.
    ///
    /// Either way the ground becomes dark; `polarity` says whether that needs inverting. A picture
    /// without ink is reported as blank.
    ///
    /// # Panics
    /// If the shape has no pixels.
    #[track_caller]
    pub fn preprocess(self, picture: &GrayPicture, shape: ImageShape, polarity: Polarity) -> Preprocessed {
        assert!(shape.pixels() > 0, "an image of {shape} has no pixels");
        let plane = Plane::of(picture, WORKING_SIDE);
        let page = if self == Self::Digit { page::find(&plane) } else { None };
        let is_page = page.is_some();
        let Oriented { plane, was_inverted, looks_light } = match page {
            // The transparent surroundings of a page are not its ground.
            Some(page) => Oriented::of(page.plane, None, polarity),
            None => Oriented::of(plane, picture.polarity, polarity),
        };
        let (pixels, figures, mut doubts) = match self {
            Self::Digit => digit(&plane, shape),
            Self::Whole => {
                let (pixels, figures) = whole(picture, &plane, shape, was_inverted);
                (pixels, figures, Vec::new())
            }
        };
        if is_page {
            doubts.insert(0, Doubt::Page);
        }
        Preprocessed { pixels, was_inverted, is_blank: figures == 0, looks_light, figures, doubts }
    }
}

/// A reduced picture with dark ground.
struct Oriented {
    plane: Plane,
    was_inverted: bool,
    looks_light: bool,
}

impl Oriented {
    /// A `certain` polarity is that of a transparent ground.
    fn of(plane: Plane, certain: Option<Polarity>, polarity: Polarity) -> Self {
        let polarity = certain.unwrap_or(polarity);
        let looks_light = match certain {
            Some(polarity) => polarity == Polarity::DarkOnLight,
            None => light_ground(&plane) > 0.5,
        };
        let was_inverted = match polarity {
            Polarity::LightOnDark => false,
            Polarity::DarkOnLight => true,
            Polarity::Auto => looks_light,
        };
        Self { plane: if was_inverted { plane.inverted() } else { plane }, was_inverted, looks_light }
    }
}

impl GrayPicture {
    /// Splits the picture between figures side by side, such as the digits of a number. Returns the
    /// parts from left to right and their common polarity.
    pub fn segments(&self, polarity: Polarity) -> (Vec<Self>, Polarity) {
        let plane = Plane::of(self, WORKING_SIDE);
        let all = plane.width;
        let (plane, first, certain) = match page::find(&plane) {
            Some(page) => (page.plane, page.left, None),
            None => (plane, 0, self.polarity),
        };
        let Oriented { plane, was_inverted, .. } = Oriented::of(plane, certain, polarity);
        let polarity = if was_inverted { Polarity::DarkOnLight } else { Polarity::LightOnDark };
        let figures = Ink::of(&plane, &Ground::of(&plane)).map_or(Vec::new(), |ink| ink.figures);
        let between = |pair: &[Patch]| {
            let middle = first + (pair[0].left + pair[0].width + pair[1].left) / 2;
            (middle * self.width() / all).clamp(1, self.width() - 1)
        };
        let mut edges = vec![0];
        edges.extend(figures.windows(2).map(between));
        edges.push(self.width());
        (edges.windows(2).map(|edge| self.columns(edge[0], edge[1])).collect(), polarity)
    }

    /// Returns the evidence that the ground is lighter than the ink, from 0 to 1, from border,
    /// corners and area; `None` if the ground is transparent, which determines the polarity. The
    /// mean over pictures from one source is more reliable than a single picture.
    pub fn light_ground(&self) -> Option<f64> {
        self.polarity.is_none().then(|| light_ground(&Plane::of(self, WORKING_SIDE)))
    }

    /// Scales the picture to a shape, ignoring its aspect ratio and polarity.
    ///
    /// # Panics
    /// If the shape has no pixels.
    #[track_caller]
    pub fn scaled(&self, shape: ImageShape) -> Vec<u8> {
        assert!(shape.pixels() > 0, "an image of {shape} has no pixels");
        Plane::scaled(self, shape.width, shape.height).to_bytes()
    }
}

/// Returns the pixels, the number of figures, 0 if there is no ink, and doubts.
fn digit(plane: &Plane, shape: ImageShape) -> (Vec<u8>, usize, Vec<Doubt>) {
    let Some(ink) = Ink::of(plane, &Ground::of(plane)) else {
        return (vec![0; shape.pixels()], 0, Vec::new());
    };
    let Patch { left, top, width, height, .. } = ink.bounds;
    let (into_width, into_height) = (inner(shape.width), inner(shape.height));
    let (to_width, to_height) = fitted(width, height, into_width, into_height);
    let fitted = ink.amounts.part(left, top, width, height).resized(to_width, to_height);
    let strongest = fitted.levels.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let left = centered_at(center(&fitted, |i| i % to_width), to_width, shape.width);
    let top = centered_at(center(&fitted, |i| i / to_width), to_height, shape.height);
    let mut pixels = vec![0; shape.pixels()];
    for (row, amounts) in fitted.levels.chunks_exact(to_width).enumerate() {
        let place = (top + row) * shape.width + left;
        for (pixel, amount) in pixels[place..place + to_width].iter_mut().zip(amounts) {
            *pixel = (255.0 * amount / strongest).round() as u8;
        }
    }
    (pixels, ink.figures.len(), doubts(plane, &ink, &fitted))
}

/// The part of a side that ink may fill: MNIST's 20 of 28.
fn inner(side: usize) -> usize {
    (side * 5 / 7).max(1)
}

/// The center of mass along a direction, where the center of pixel i is at i.
fn center(plane: &Plane, along: impl Fn(usize) -> usize) -> f32 {
    let mass: f32 = plane.levels.iter().sum();
    let moment: f32 = plane.levels.iter().enumerate().map(|(i, level)| level * along(i) as f32).sum();
    if mass > 0.0 { moment / mass } else { 0.0 }
}

/// The offset of ink of `length` pixels in `side` that brings its `center` closest to the middle.
fn centered_at(center: f32, length: usize, side: usize) -> usize {
    let begin = (side as f32 / 2.0 - center).round();
    (begin.max(0.0) as usize).min(side - length)
}

/// Only the border of `plane`, the reduced picture with dark ground, is used here.
fn whole(picture: &GrayPicture, plane: &Plane, shape: ImageShape, was_inverted: bool) -> (Vec<u8>, usize) {
    let is_blank = picture.pixels().iter().all(|&pixel| pixel == picture.pixels()[0]);
    let (width, height) = fitted(picture.width(), picture.height(), shape.width, shape.height);
    let fitted = Plane::scaled(picture, width, height);
    let fitted = if was_inverted { fitted.inverted() } else { fitted }.to_bytes();
    let is_border = |i: &usize| plane.is_border(i % plane.width, i / plane.width);
    let mut border: Vec<f32> = (0..plane.levels.len()).filter(is_border).map(|i| plane.levels[i]).collect();
    border.sort_unstable_by(f32::total_cmp);
    let beside = border[border.len() / 2].round() as u8;
    let mut pixels = vec![beside; shape.pixels()];
    let (left, top) = ((shape.width - width) / 2, (shape.height - height) / 2);
    for (row, levels) in fitted.chunks_exact(width).enumerate() {
        pixels[(top + row) * shape.width + left..][..width].copy_from_slice(levels);
    }
    (pixels, usize::from(!is_blank))
}
