//! Draws the first digits of a dataset in the terminal, with half blocks for two rows per line.
//!
//! `cargo run -p mlp-data --example show_digits [NAME [COUNT [DATA_DIR]]]`, by default
//! `synthetic 10 data`.

use mlp_data::{Dataset, Datasets};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "synthetic".to_owned());
    let count = arguments.next().map_or(Ok(10), |count| count.parse())?;
    let data_dir = arguments.next().map_or_else(|| PathBuf::from("data"), PathBuf::from);

    let sets = Datasets::load(&name, &data_dir)?;
    println!("{}: {} for training, {} for test", sets.name, sets.train.len(), sets.test.len());
    for first in (0..count.min(sets.train.len())).step_by(4) {
        let row: Vec<usize> = (first..sets.train.len().min(count).min(first + 4)).collect();
        for &index in &row {
            let class = usize::from(sets.train.labels()[index]);
            let width = sets.train.shape().width;
            print!("{:width$}  ", sets.class_names[class]);
        }
        println!();
        for line in 0..sets.train.shape().height.div_ceil(2) {
            for &index in &row {
                print!("{}  ", half_blocks(&sets.train, index, line));
            }
            println!();
        }
    }
    Ok(())
}

/// Draws the rows `2 * line` and `2 * line + 1` of an image as half blocks.
fn half_blocks(data: &Dataset, index: usize, line: usize) -> String {
    let (height, width) = (data.shape().height, data.shape().width);
    let ink = |row: usize, column: usize| row < height && data.image(index)[row * width + column] > 100;
    (0..width)
        .map(|column| match (ink(2 * line, column), ink(2 * line + 1, column)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        })
        .collect()
}
