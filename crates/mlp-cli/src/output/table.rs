//! Plain-text tables and number formats. The first column is left-aligned, the others
//! right-aligned.

use mlp_core::Reduction;
use mlp_data::text::printable;
pub(crate) use mlp_data::text::{counted, thousands};

/// A header and rows.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self::of(header)
    }

    /// A table whose number of columns is known only at runtime.
    pub(crate) fn of<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: vec![header.into_iter().map(str::to_owned).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line.push_str(&format!("{cell:<width$}")),
                    _ => line.push_str(&format!("  {cell:>width$}")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Formats a number like Python: the exact binary value rounded half to even, and `nan` in
/// lowercase.
pub(crate) fn decimals(value: f64, places: usize) -> String {
    format!("{value:.places$}").replace("NaN", "nan")
}

/// Four decimals, or a dash for no value.
pub(crate) fn four_decimals(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

/// Decimals of a loss: one for the sum over a batch, as in the chapter, four for the mean.
pub(crate) fn loss_places(reduction: Reduction) -> usize {
    match reduction {
        Reduction::Sum => 1,
        Reduction::Mean => 4,
    }
}

/// A percentage with two decimals, or a dash for NaN.
pub(crate) fn percent(share: f64) -> String {
    if share.is_nan() { "-".to_owned() } else { format!("{:.2}%", 100.0 * share) }
}

/// A duration: 0.65 s, 3.4 s, 42 s, 2 min 05 s, 1 h 02 min.
pub(crate) fn duration(seconds: f64) -> String {
    // An empty sum is -0.
    match seconds + 0.0 {
        s if s.is_nan() => "-".to_owned(),
        s if s < 0.995 => format!("{s:.2} s"),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 59.5 => format!("{s:.0} s"),
        s if s < 3599.5 => {
            let s = s.round() as u64;
            format!("{} min {:02} s", s / 60, s % 60)
        }
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// Three significant digits: 0.01, 0.0733, 1.2e-7.
pub(crate) fn three_digits(value: f64) -> String {
    let rounded = format!("{value:.2e}");
    match rounded.parse::<f64>() {
        Ok(value) if value == 0.0 || (1e-4..1e6).contains(&value.abs()) => value.to_string(),
        _ => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["name", "n"]);
        table.row(["a".to_owned(), "1".to_owned()]);
        table.row(["longer ü".to_owned(), "1,000".to_owned()]);
        assert_eq!(table.to_string(), "name          n\na             1\nlonger ü  1,000\n");
    }

    #[test]
    fn numbers_are_formatted() {
        let grouped = [0, 999, 1000, 123_456, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "999", "1,000", "123,456", "1,234,567"]);
        assert_eq!([percent(0.5), percent(f64::NAN)], ["50.00%", "-"]);
        // Python: f'{0.25:.1f} {0.35:.1f} {float("nan"):.1f} {float("inf"):.1f}'
        let rounded = [0.25, 0.35, f64::NAN, f64::INFINITY].map(|v| decimals(v, 1));
        assert_eq!(rounded, ["0.2", "0.3", "nan", "inf"]);
        let rates = [0.01, 0.073_33, 1.234e-7, 0.0, 100_000.0, 1e-4, f64::NAN].map(three_digits);
        assert_eq!(rates, ["0.01", "0.0733", "1.23e-7", "0", "100000", "0.0001", "NaN"]);
    }

    #[test]
    fn durations_have_readable_units() {
        let found = [0.651, 0.996, 9.96, 59.6, 125.0, 3599.6, 3720.0, f64::NAN].map(duration);
        let expected =
            ["0.65 s", "1.0 s", "10 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "1 h 02 min", "-"];
        assert_eq!(found, expected);
    }
}
