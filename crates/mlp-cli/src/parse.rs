//! Parsers for flag values: names, lists, sizes and times. clap lists the names in the help and
//! suggests one after a typo.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mlp_core::{Activation, Init, Precision, Reduction, StreamKind, descent};
use mlp_data::arrays::ExportFormat;
use mlp_data::picture::Polarity;
use mlp_data::{ImageShape, Preprocessing};
use mlp_train::{Every, Kernel, Metric, OptimizerName, ScheduleName};

/// A parser that accepts these names and converts them with the type's `FromStr`.
fn names<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// Defines a function for each enum that returns the parser of its names.
macro_rules! parsers {
    ($($function:ident: $Type:ty,)*) => {
        $(pub(crate) fn $function() -> impl TypedValueParser<Value = $Type> {
            names(<$Type>::ALL.map(<$Type>::name))
        })*
    };
}

parsers! {
    activation: Activation,
    export_format: ExportFormat,
    function: descent::Function,
    init: Init,
    kernel: Kernel,
    metric: Metric,
    optimizer: OptimizerName,
    polarity: Polarity,
    precision: Precision,
    preprocessing: Preprocessing,
    reduction: Reduction,
    schedule: ScheduleName,
    stream_kind: StreamKind,
}

/// Maximum number of pixels in an image: 1024x1024.
const MAX_PIXELS: usize = 1 << 20;

/// Parses an image size, height before width: `28x28`.
pub(crate) fn image_shape(text: &str) -> Result<ImageShape, String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_PIXELS).contains(side));
    let shape = text
        .split_once('x')
        .and_then(|(height, width)| Some(ImageShape { height: side(height)?, width: side(width)? }));
    shape
        .filter(|shape| shape.height.checked_mul(shape.width).is_some_and(|pixels| pixels <= MAX_PIXELS))
        .ok_or_else(|| {
            format!("expected a height and a width such as 28x28, with 1 to {MAX_PIXELS} pixels in total")
        })
}

/// Parses a time into seconds: `90`, `60s`, `5m`, `1.5h`.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(Every::Time(time)) => Ok(time.as_secs_f64()),
        _ => Err("expected a time such as 90, 60s, 5m or 1h".to_owned()),
    }
}

/// Hidden layer sizes: `100`, `300,100`, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) Vec<usize>);

/// The most threads that a user can ask for.
const MAX_THREADS: usize = 1024;

/// Parses a number of threads.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|&threads| threads <= MAX_THREADS);
    threads.ok_or_else(|| format!("expected 0 to {MAX_THREADS}"))
}

impl FromStr for Hidden {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let size = |part: &str| match part.trim().parse::<i64>() {
            Ok(units) if units >= 0 => Ok(units as usize),
            _ => Err(format!("`{part}` is not a number of units")),
        };
        text.split(',').map(size).collect::<Result<_, _>>().map(Self)
    }
}

impl serde::Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl std::fmt::Display for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&sizes.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(["90", "60s", "5m", "1.5h"].map(seconds), [90.0, 60.0, 300.0, 5400.0].map(Ok));
        assert!(seconds("5 days").is_err() && seconds("").is_err() && seconds("m").is_err());
    }

    #[test]
    fn an_image_size_is_height_times_width() {
        assert_eq!(image_shape("28x14"), Ok(ImageShape { height: 28, width: 14 }));
        // The inputs of an imported model may not be images.
        assert_eq!(image_shape("1x5000"), Ok(ImageShape { height: 1, width: 5000 }));
        for wrong in [
            "28",
            "0x28",
            "1025x1024",
            "9999999999x9999999999",
            "28x-1",
            "28 x 28",
            "axb",
            "",
            "x",
            "28x28x28",
        ] {
            assert!(image_shape(wrong).unwrap_err().contains("such as 28x28"), "{wrong}");
        }
    }

    #[test]
    fn hidden_sizes_are_a_list_or_none() {
        for (text, sizes) in [("100", vec![100]), ("300,100", vec![300, 100]), ("none", vec![])] {
            assert_eq!(text.parse(), Ok(Hidden(sizes.clone())));
            assert_eq!(Hidden(sizes).to_string(), text);
        }
        assert_eq!("300,x".parse::<Hidden>(), Err("`x` is not a number of units".to_owned()));
    }
}
