//! Notes about all classified pictures: their polarity, files with several pictures, and pictures
//! that may have been misread.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mlp_data::picture::{Doubt, Polarity};
use mlp_data::text::printable;

use super::writer::Prediction;

/// Counts of all predictions. Blank pictures have no polarity and are not counted.
#[derive(Default)]
pub(super) struct Summary {
    pictures: usize,
    inverted: usize,
    looks_opposite: usize,
    first_of_several: Option<String>,
    several_figures: Named,
    blank: Named,
    doubts: BTreeMap<Doubt, Named>,
}

/// A number of pictures, and the name of the first.
#[derive(Default)]
struct Named {
    count: usize,
    first: String,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.count == 1 {
            name.clone_into(&mut self.first);
        }
    }

    /// `2 pictures` and the name of the first; `None` without pictures.
    fn text(&self) -> Option<(String, Cow<'_, str>)> {
        let s = if self.count == 1 { "" } else { "s" };
        (self.count > 0).then(|| (format!("{} picture{s}", self.count), printable(&self.first)))
    }
}

impl Summary {
    pub(super) fn add(&mut self, prediction: &Prediction) {
        let preprocessed = &prediction.preprocessed;
        if !preprocessed.is_blank {
            self.pictures += 1;
            self.inverted += usize::from(preprocessed.was_inverted);
            self.looks_opposite += usize::from(preprocessed.was_inverted != preprocessed.looks_light);
        }
        if prediction.is_first_of_several {
            self.first_of_several.get_or_insert_with(|| prediction.name.clone());
        }
        if preprocessed.figures > 1 {
            self.several_figures.add(&prediction.name);
        }
        if preprocessed.is_blank {
            self.blank.add(&prediction.name);
        }
        for &doubt in &preprocessed.doubts {
            self.doubts.entry(doubt).or_default().add(&prediction.name);
        }
    }

    /// One line each. The polarity is not questioned if the user chose it.
    pub(super) fn notes(&self, polarity: Polarity, is_chosen: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(name) = &self.first_of_several {
            notes.push(format!(
                "only the first frame or page is used of files with several, such as {}",
                printable(name)
            ));
        }
        if let Some((pictures, first)) = self.several_figures.text() {
            notes.push(format!(
                "{pictures} may show several digits, such as {first}; --segment classifies each digit"
            ));
        }
        if let Some((pictures, first)) = self.blank.text() {
            notes.push(format!("no ink in {pictures}, such as {first}; the prediction is meaningless"));
        }
        let doubts = self.doubts.iter().filter_map(|(doubt, named)| Some((doubt.text(), named.text()?)));
        notes.extend(doubts.map(|(text, (pictures, first))| format!("{text}: {pictures}, such as {first}")));
        let (all, inverted, opposite) = (self.pictures, self.inverted, self.looks_opposite);
        match polarity {
            _ if is_chosen => {}
            Polarity::Auto if (1..all).contains(&inverted) => notes.push(format!(
                "polarity: {inverted} of {all} pictures have a light background and were inverted; \
                 use --polarity to treat all alike"
            )),
            Polarity::LightOnDark | Polarity::DarkOnLight if 2 * opposite > all => notes.push(format!(
                "polarity: {opposite} of {all} pictures do not look {polarity} like the training pictures; \
                 --polarity auto detects it for each picture"
            )),
            _ => {}
        }
        notes
    }
}
