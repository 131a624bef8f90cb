//! Formats predictions as a table, CSV or JSON lines. Rows are formatted before all predictions are
//! known, so the column widths of the table are fixed in advance.

use std::fmt::Write as _;

use clap::ValueEnum;
use mlp_data::picture::Preprocessed;
use mlp_data::text::{csv_field, printable};
use mlp_train::Metadata;
use serde::Serialize;

use crate::output::messages::printable_json;
use crate::output::table::percent;

/// Maximum width of the column of file names.
const MAX_FILE_WIDTH: usize = 60;

/// The output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table with the most likely classes of each picture.
    #[default]
    Table,
    /// A row for each picture, with all probabilities.
    Csv,
    /// A JSON object per line, with all probabilities.
    Json,
}

/// The prediction for a picture.
pub(super) struct Prediction {
    pub(super) name: String,
    pub(super) class: usize,
    pub(super) probabilities: Vec<f64>,
    pub(super) preprocessed: Preprocessed,
    pub(super) is_first_of_several: bool,
}

impl Prediction {
    /// The caption of the picture.
    pub(super) fn caption(&self, metadata: &Metadata) -> String {
        if self.preprocessed.is_blank {
            return "blank".to_owned();
        }
        format!(
            "{} {}",
            printable(&metadata.class_names[self.class]),
            percent(self.probabilities[self.class])
        )
    }
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    class: usize,
    name: &'a str,
    probability: f64,
    blank: bool,
    inverted: bool,
    probabilities: &'a [f64],
}

/// Formats predictions batch by batch.
pub(super) struct Writer<'a> {
    format: Format,
    top: usize,
    names: &'a [String],
    file_width: usize,
    name_width: usize,
    has_header: bool, // already written
}

impl<'a> Writer<'a> {
    pub(super) fn new(format: Format, top: usize, metadata: &'a Metadata, file_width: usize) -> Self {
        let names = &metadata.class_names[..];
        let name_width = names.iter().map(|name| printable(name).chars().count()).max().unwrap_or(0);
        let file_width = file_width.clamp("picture".len(), MAX_FILE_WIDTH);
        Self { format, top, names, file_width, name_width: name_width.max(5), has_header: false }
    }

    /// The lines of a batch, with the header before the first prediction.
    pub(super) fn write(&mut self, predictions: &[Prediction]) -> String {
        let mut text = String::new();
        if !self.has_header && !predictions.is_empty() {
            self.has_header = true;
            text = self.header();
        }
        for prediction in predictions {
            text.push_str(&match self.format {
                Format::Table => self.row(prediction),
                Format::Csv => self.record(prediction),
                Format::Json => self.line(prediction),
            });
            text.push('\n');
        }
        text
    }

    fn header(&self) -> String {
        match self.format {
            Format::Table => {
                let (file, name) = (self.file_width, self.name_width);
                let others = if self.top > 1 { "  then" } else { "" };
                format!("{:<file$}  {:<name$}  probability{others}\n", "picture", "class")
            }
            Format::Csv => {
                let mut header = "file,class,name,probability,blank,inverted".to_owned();
                for name in self.names {
                    // Writing to a String cannot fail.
                    let _ = write!(header, ",{}", csv_field(&format!("p({name})")));
                }
                header + "\n"
            }
            Format::Json => String::new(),
        }
    }

    fn row(&self, prediction: &Prediction) -> String {
        let (file, name) = (self.file_width, self.name_width);
        let mut order: Vec<usize> = (0..prediction.probabilities.len()).collect();
        // A stable sort, so that the first of equal classes wins, as in argmax.
        order.sort_by(|&a, &b| prediction.probabilities[b].total_cmp(&prediction.probabilities[a]));
        let share = |class: usize| percent(prediction.probabilities[class]);
        let mut row = format!(
            "{:<file$}  {:<name$}  {:>11}",
            printable(&prediction.name),
            printable(&self.names[prediction.class]),
            share(prediction.class)
        );
        for &class in order.iter().filter(|&&class| class != prediction.class).take(self.top - 1) {
            let _ = write!(row, "  {} {}", printable(&self.names[class]), share(class));
        }
        if prediction.preprocessed.is_blank {
            row.push_str("  (blank)");
        }
        row
    }

    fn record(&self, prediction: &Prediction) -> String {
        let mut record = format!(
            "{},{},{},{:?},{},{}",
            csv_field(&prediction.name),
            prediction.class,
            csv_field(&self.names[prediction.class]),
            prediction.probabilities[prediction.class],
            prediction.preprocessed.is_blank,
            prediction.preprocessed.was_inverted,
        );
        for probability in &prediction.probabilities {
            let _ = write!(record, ",{probability:?}");
        }
        record
    }

    fn line(&self, prediction: &Prediction) -> String {
        let line = Line {
            file: &prediction.name,
            class: prediction.class,
            name: &self.names[prediction.class],
            probability: prediction.probabilities[prediction.class],
            blank: prediction.preprocessed.is_blank,
            inverted: prediction.preprocessed.was_inverted,
            probabilities: &prediction.probabilities,
        };
        printable_json(&serde_json::to_string(&line).expect("plain data"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(name: &str) -> Prediction {
        let preprocessed = Preprocessed {
            pixels: vec![0],
            was_inverted: true,
            is_blank: false,
            looks_light: true,
            figures: 1,
            doubts: Vec::new(),
        };
        let (name, probabilities) = (name.to_owned(), vec![0.25, 0.625, 0.125]);
        Prediction { name, class: 1, probabilities, preprocessed, is_first_of_several: false }
    }

    fn writer(names: &[String], format: Format) -> Writer<'_> {
        Writer { format, top: 2, names, file_width: 7, name_width: 5, has_header: false }
    }

    fn names() -> Vec<String> {
        ["cat", "dog, wet", "owl"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_header_is_written_once() {
        let names = names();
        let mut writer = writer(&names, Format::Table);
        let expected = "picture  class  probability  then\na.png    dog, wet       62.50%  cat 25.00%\n";
        assert_eq!(
            (writer.write(&[]), writer.write(&[prediction("a.png")])),
            (String::new(), expected.to_owned())
        );
        assert_eq!(writer.write(&[prediction("b\n.png")]), "b\\n.png  dog, wet       62.50%  cat 25.00%\n");
    }

    #[test]
    fn csv_fields_are_quoted_if_needed() {
        let names = names();
        assert_eq!(
            writer(&names, Format::Csv).write(&[prediction("a \"b\".png")]),
            "file,class,name,probability,blank,inverted,p(cat),\"p(dog, wet)\",p(owl)\n\
             \"a \"\"b\"\".png\",1,\"dog, wet\",0.625,false,true,0.25,0.625,0.125\n"
        );
    }

    #[test]
    fn json_has_one_object_per_line() {
        let names = names();
        let text = writer(&names, Format::Json).write(&[prediction("a"), prediction("b")]);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[1]["file"], &lines[1]["name"]), (&"b".into(), &"dog, wet".into()));
        assert_eq!(lines[0]["probabilities"], serde_json::json!([0.25, 0.625, 0.125]));
    }
}
