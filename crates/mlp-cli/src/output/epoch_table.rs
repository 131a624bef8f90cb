//! The table of epochs that `mlp train` prints on a terminal, one row at a time.

use anstyle::Style;
use mlp_train::EpochRecord;

use super::table::{decimals, duration, thousands, three_digits};

/// Formats the rows of the table.
pub(crate) struct EpochTable {
    places: usize, // decimals of a loss
    has_validation: bool,
    has_test: bool,
    seconds: Vec<f64>, // per epoch
}

const DIMMED: Style = Style::new().dimmed();
const RECENT: usize = 5; // epochs used to estimate the remaining time

impl EpochTable {
    pub(crate) fn new(places: usize, has_validation: bool, has_test: bool) -> Self {
        Self { places, has_validation, has_test, seconds: Vec::new() }
    }

    pub(crate) fn header(&self, epochs: usize) -> String {
        let sets =
            ["train", "validation", "test"].into_iter().zip([true, self.has_validation, self.has_test]);
        let groups: String =
            sets.clone().filter(|(_, is_there)| *is_there).map(|(set, _)| format!("  {set:>16}")).collect();
        let columns: String = sets.filter(|(_, is_there)| *is_there).map(|_| "      loss     acc").collect();
        let width = epoch_width(epochs);
        format!(
            "{DIMMED}{:width$}{groups}\n{:>width$}{columns}      rate   images/s        left{DIMMED:#}",
            "", "epoch"
        )
    }

    pub(crate) fn row(&mut self, record: &EpochRecord, epochs: usize, examples: usize) -> String {
        self.seconds.push(record.seconds);
        let train = Some((record.loss, record.accuracy));
        let [validation, test] =
            [record.validation, record.test].map(|set| set.map(|set| (set.loss, set.accuracy)));
        let sets = [(train, true), (validation, self.has_validation), (test, self.has_test)];
        let cells: String = sets
            .into_iter()
            .filter(|(_, is_there)| *is_there)
            .map(|(set, _)| {
                set.map_or_else(
                    || format!("  {:>16}", "-"),
                    |(loss, acc)| format!("  {:>8}  {}", decimals(loss, self.places), decimals(acc, 4)),
                )
            })
            .collect();
        let recent = &self.seconds[self.seconds.len().saturating_sub(RECENT)..];
        let left = recent.iter().sum::<f64>() / recent.len() as f64 * (epochs - record.epoch) as f64;
        let left = if record.epoch == epochs { String::new() } else { duration(left) };
        let epoch = format!("{}/{epochs}", record.epoch);
        format!(
            "{epoch:>width$}{cells}  {:>8}  {:>9}  {left:>10}",
            three_digits(record.learning_rate),
            thousands((examples as f64 / record.seconds) as usize),
            width = epoch_width(epochs)
        )
        .trim_end()
        .to_owned()
    }
}

/// The width of `50/50`, and at least that of the header.
fn epoch_width(epochs: usize) -> usize {
    (2 * epochs.to_string().len() + 1).max("epoch".len())
}

#[cfg(test)]
mod tests {
    use mlp_train::Outcome;

    use super::*;

    #[test]
    fn rows_line_up_with_the_header() {
        let mut table = EpochTable::new(4, true, false);
        let record = EpochRecord {
            epoch: 1,
            learning_rate: 0.1,
            loss: 0.25,
            accuracy: 0.9,
            validation: Some(Outcome { loss: 12.5, accuracy: 0.875 }),
            test: None,
            seconds: 0.5,
        };
        let header = anstream::adapter::strip_str(&table.header(20)).to_string();
        let expected = [
            "                  train        validation",
            "epoch      loss     acc      loss     acc      rate   images/s        left",
            " 1/20    0.2500  0.9000   12.5000  0.8750       0.1    120,000       9.5 s",
        ];
        assert_eq!(header.lines().collect::<Vec<_>>(), expected[..2]);
        assert_eq!(table.row(&record, 20, 60_000), expected[2]);
        let last = table.row(&EpochRecord { epoch: 20, validation: None, ..record }, 20, 60_000);
        assert_eq!(last, "20/20    0.2500  0.9000                 -       0.1    120,000");
    }
}
