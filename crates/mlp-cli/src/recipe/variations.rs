//! Keys and values that `mlp sweep` varies, combined in a grid or at random.

use std::fmt;
use std::str::FromStr;

use mlp_core::{NativeStream, RandomStream};
use toml::{Table, Value};

/// A key and its values: `hidden=[100],[300,100]`, or `learning_rate=0.001..1`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variation {
    text: String,
    pub(crate) key: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    List(Vec<Value>),
    /// Drawn at random. Integers if both bounds are.
    Range {
        low: f64,
        high: f64,
        is_whole: bool,
    },
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Variation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            "expected key=value,value or key=low..high, as in learning_rate=0.01,0.1 or dropout=0..0.5";
        let (key, values) = text.split_once('=').ok_or(wrong)?;
        let key = key.trim().replace('-', "_");
        let values = match values.split_once("..") {
            Some((low, high)) => {
                let is_whole = [low, high].iter().all(|end| end.trim().parse::<i64>().is_ok());
                let number = |end: &str| end.trim().parse::<f64>().map_err(|_| wrong);
                let (low, high) = (number(low)?, number(high)?);
                if !(low.is_finite() && high.is_finite() && low < high) {
                    return Err(format!(
                        "range from {low} to {high}; expected two finite numbers, the smaller one first"
                    ));
                }
                Values::Range { low, high, is_whole }
            }
            None => Values::List(parts(values).map(super::value_of).collect()),
        };
        Ok(Self { text: text.to_owned(), key, values })
    }
}

/// Splits a text at commas outside of brackets.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
}

impl Variation {
    /// Maps a number in [0, 1) to a value. Ranges above 0 are logarithmic.
    fn draw(&self, uniform: f64) -> Value {
        match &self.values {
            Values::List(values) => values[(uniform * values.len() as f64) as usize].clone(),
            &Values::Range { low, high, is_whole } => {
                // Gives each integer an interval of the same width.
                let (low, high) = if is_whole { (low - 0.5, high + 0.5) } else { (low, high) };
                let drawn =
                    if low > 0.0 { low * (high / low).powf(uniform) } else { low + uniform * (high - low) };
                if is_whole { Value::Integer(drawn.round() as i64) } else { Value::Float(drawn) }
            }
        }
    }
}

/// Every combination of the lists, the last key changing fastest.
///
/// # Errors
/// If a variation is a range, which has infinitely many values.
pub(crate) fn grid(variations: &[Variation]) -> Result<Vec<Table>, String> {
    let mut tables = vec![Table::new()];
    for variation in variations {
        let Values::List(values) = &variation.values else {
            return Err(format!("{variation} is a range; expected a list of values, or --random N"));
        };
        let with = |table: &Table| {
            let with = |value: &Value| {
                let mut table = table.clone();
                table.insert(variation.key.clone(), value.clone());
                table
            };
            values.iter().map(with).collect::<Vec<_>>()
        };
        tables = tables.iter().flat_map(with).collect();
    }
    Ok(tables)
}

/// Draws combinations at random.
pub(crate) fn random(variations: &[Variation], count: usize, seed: u64) -> Vec<Table> {
    let mut stream = NativeStream::new(seed);
    let mut one = || variations.iter().map(|v| (v.key.clone(), v.draw(stream.uniform()))).collect();
    (0..count).map(|_| one()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(texts: &[&str]) -> Vec<Variation> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn shown(tables: &[Table]) -> Vec<String> {
        let shown = |table: &Table| {
            table.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        tables.iter().map(shown).collect()
    }

    #[test]
    fn a_grid_has_every_combination() {
        let grid = grid(&parsed(&["hidden=[100],[300,100]", "learning-rate=0.1,0.2,0.4"])).unwrap();
        assert_eq!(grid.len(), 6);
        let expected = ["hidden=[100] learning_rate=0.1", "hidden=[100] learning_rate=0.2"];
        assert_eq!(shown(&grid)[..2], expected);
        assert_eq!(shown(&grid)[5], "hidden=[300, 100] learning_rate=0.4");
        let error = super::grid(&parsed(&["dropout=0..0.5"])).unwrap_err();
        assert_eq!(error, "dropout=0..0.5 is a range; expected a list of values, or --random N");
    }

    #[test]
    fn random_values_are_distributed_evenly_over_their_ranges() {
        let variations =
            parsed(&["batch_size=1..4", "learning_rate=0.001..1", "dropout=0..0.5", "optimizer=sgd,adam"]);
        let drawn = random(&variations, 4000, 1);
        assert_eq!(drawn, random(&variations, 4000, 1));
        assert_ne!(drawn[0], drawn[1]);
        let share =
            |test: &dyn Fn(&Table) -> bool| drawn.iter().filter(|table| test(table)).count() as f64 / 4000.0;
        assert!(drawn.iter().all(|table| (1..=4).contains(&table["batch_size"].as_integer().unwrap())));
        let float = |table: &Table, key: &str| table[key].as_float().unwrap();
        assert!(drawn.iter().all(|table| (0.001..1.0).contains(&float(table, "learning_rate"))));
        // Five standard deviations are below 0.04.
        for (found, expected) in [
            (share(&|table| float(table, "learning_rate") < 0.01), 1.0 / 3.0),
            (share(&|table| float(table, "dropout") < 0.1), 0.2),
            (share(&|table| table["optimizer"].as_str() == Some("adam")), 0.5),
            // Log-uniform from 0.5 to 4.5.
            (share(&|table| table["batch_size"].as_integer() == Some(1)), (3.0_f64).ln() / (9.0_f64).ln()),
        ] {
            assert!((found - expected).abs() < 0.04, "{found} {expected}");
        }
    }

    #[test]
    fn an_invalid_variation_is_an_error() {
        for text in ["hidden", "dropout=0.5..0.1", "dropout=a..b", "dropout=0..inf"] {
            assert!(text.parse::<Variation>().unwrap_err().contains("expected"), "{text}");
        }
    }
}
