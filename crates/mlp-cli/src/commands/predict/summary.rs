//! Notes about all classified pictures: their polarity, files with several pictures, and pictures
//! that may show several digits.

use mlp_data::picture::Polarity;
use mlp_data::text::printable;

use super::writer::Prediction;
use crate::output::table::counted;

/// Counts of all predictions. Blank pictures have no polarity and are not counted.
#[derive(Default)]
pub(super) struct Summary {
    pictures: usize,
    inverted: usize,
    looks_opposite: usize,
    first_of_several: Option<String>,
    several_figures: Option<String>, // the first name
    several_figures_count: usize,
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
            self.several_figures_count += 1;
            self.several_figures.get_or_insert_with(|| prediction.name.clone());
        }
    }

    /// One line each. The polarity is not questioned if the user chose it.
    pub(super) fn notes(&self, polarity: Polarity, is_chosen: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(name) = &self.first_of_several {
            notes.push(format!(
                "used only the first frame or page of files with several, such as {}",
                printable(name)
            ));
        }
        if let Some(name) = &self.several_figures {
            notes.push(format!(
                "{} may show several digits, such as {}; --segment classifies each digit",
                counted(self.several_figures_count, "picture"),
                printable(name)
            ));
        }
        let (all, inverted, opposite) = (self.pictures, self.inverted, self.looks_opposite);
        match polarity {
            _ if is_chosen => {}
            Polarity::Auto if (1..all).contains(&inverted) => notes.push(format!(
                "polarity: {inverted} of {all} pictures have a light background and were inverted; \
                 --polarity treats all alike"
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
