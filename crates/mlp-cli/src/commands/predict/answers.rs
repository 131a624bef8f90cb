//! Answers as text: a table for people, CSV and JSON lines for programs. Each row is complete in
//! itself, so that the first can be printed before the last is known; that is why the table's
//! columns do not line up by themselves.

use std::fmt::Write as _;

use clap::ValueEnum;
use mlp_data::picture::Preprocessed;
use mlp_train::Metadata;
use mlp_train::formats::csv_field;
use serde::Serialize;

use crate::output::table::percent;

/// The widest that the column of names is made.
const WIDEST: usize = 60;

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people: the likeliest classes of each picture.
    #[default]
    Table,
    /// The class and all probabilities, a row for each picture.
    Csv,
    /// The same as JSON, an object in a line.
    Json,
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// What the model says of a picture.
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) class: usize,
    pub(super) probabilities: Vec<f64>,
    pub(super) preprocessed: Preprocessed,
    pub(super) is_first_of_several: bool,
}

impl Answer {
    /// In few words, for under the picture.
    pub(super) fn caption(&self, metadata: &Metadata) -> String {
        if self.preprocessed.is_blank {
            return "blank".to_owned();
        }
        format!("{} {}", metadata.class_names[self.class], percent(self.probabilities[self.class]))
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

/// Turns answers into text, batch after batch.
pub(super) struct Writer<'a> {
    format: Format,
    top: usize,
    names: &'a [String],
    file_width: usize,
    name_width: usize,
    has_begun: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(format: Format, top: usize, metadata: &'a Metadata, file_width: usize) -> Self {
        let names = &metadata.class_names[..];
        let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let file_width = file_width.clamp("picture".len(), WIDEST);
        Self { format, top, names, file_width, name_width: name_width.max(5), has_begun: false }
    }

    /// The answers' lines, and before the first of them the header.
    pub(super) fn write(&mut self, answers: &[Answer]) -> String {
        let mut text = String::new();
        if !self.has_begun && !answers.is_empty() {
            self.has_begun = true;
            text = self.header();
        }
        for answer in answers {
            text.push_str(&match self.format {
                Format::Table => self.row(answer),
                Format::Csv => self.record(answer),
                Format::Json => self.line(answer),
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

    fn row(&self, answer: &Answer) -> String {
        let (file, name) = (self.file_width, self.name_width);
        let mut order: Vec<usize> = (0..answer.probabilities.len()).collect();
        // Stable: of equal ones the first, as the class is chosen.
        order.sort_by(|&a, &b| answer.probabilities[b].total_cmp(&answer.probabilities[a]));
        let share = |class: usize| percent(answer.probabilities[class]);
        let mut row = format!(
            "{:<file$}  {:<name$}  {:>11}",
            plain(&answer.name),
            self.names[answer.class],
            share(answer.class)
        );
        for &class in order.iter().filter(|&&class| class != answer.class).take(self.top - 1) {
            let _ = write!(row, "  {} {}", self.names[class], share(class));
        }
        if answer.preprocessed.is_blank {
            row.push_str("  (blank: nothing is on it)");
        }
        row
    }

    fn record(&self, answer: &Answer) -> String {
        let mut record = format!(
            "{},{},{},{:?},{},{}",
            csv_field(&answer.name),
            answer.class,
            csv_field(&self.names[answer.class]),
            answer.probabilities[answer.class],
            answer.preprocessed.is_blank,
            answer.preprocessed.was_inverted,
        );
        for probability in &answer.probabilities {
            let _ = write!(record, ",{probability:?}");
        }
        record
    }

    fn line(&self, answer: &Answer) -> String {
        let line = Line {
            file: &answer.name,
            class: answer.class,
            name: &self.names[answer.class],
            probability: answer.probabilities[answer.class],
            blank: answer.preprocessed.is_blank,
            inverted: answer.preprocessed.was_inverted,
            probabilities: &answer.probabilities,
        };
        serde_json::to_string(&line).expect("plain data")
    }
}

/// Without what would break a line of a table.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> Answer {
        let preprocessed = Preprocessed {
            pixels: vec![0],
            was_inverted: true,
            is_blank: false,
            looks_light: true,
            figures: 1,
        };
        let (name, probabilities) = (name.to_owned(), vec![0.25, 0.625, 0.125]);
        Answer { name, class: 1, probabilities, preprocessed, is_first_of_several: false }
    }

    fn writer(names: &[String], format: Format) -> Writer<'_> {
        Writer { format, top: 2, names, file_width: 7, name_width: 5, has_begun: false }
    }

    fn names() -> Vec<String> {
        ["cat", "dog, wet", "owl"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_header_comes_once_whatever_the_batches() {
        let names = names();
        let mut writer = writer(&names, Format::Table);
        let expected = "picture  class  probability  then\na.png    dog, wet       62.50%  cat 25.00%\n";
        assert_eq!(
            (writer.write(&[]), writer.write(&[answer("a.png")])),
            (String::new(), expected.to_owned())
        );
        assert_eq!(writer.write(&[answer("b\n.png")]), "b?.png   dog, wet       62.50%  cat 25.00%\n");
    }

    #[test]
    fn csv_quotes_what_would_break_it() {
        let names = names();
        assert_eq!(
            writer(&names, Format::Csv).write(&[answer("a \"b\".png")]),
            "file,class,name,probability,blank,inverted,p(cat),\"p(dog, wet)\",p(owl)\n\
             \"a \"\"b\"\".png\",1,\"dog, wet\",0.625,false,true,0.25,0.625,0.125\n"
        );
    }

    #[test]
    fn json_is_an_object_in_a_line() {
        let names = names();
        let text = writer(&names, Format::Json).write(&[answer("a"), answer("b")]);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[1]["file"], &lines[1]["name"]), (&"b".into(), &"dog, wet".into()));
        assert_eq!(lines[0]["probabilities"], serde_json::json!([0.25, 0.625, 0.125]));
    }
}
