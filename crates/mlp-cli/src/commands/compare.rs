//! `mlp compare`: compare runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use mlp_train::EpochRecord;
use toml::Value;

use crate::output::messages::print;
use crate::output::table::{Table, duration, four_decimals, thousands};
use crate::runs::RunSummary;

/// Compare the configurations and results of runs.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  mlp compare runs/mnist runs/mnist-2")]
pub(crate) struct Args {
    /// Two or more run directories
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.runs.len() < 2 {
        bail!("one run; expected two or more to compare");
    }
    let runs: Vec<RunSummary> =
        args.runs.iter().map(|path| RunSummary::read(path)).collect::<Result<_, _>>()?;
    print(&text(&runs))?;
    Ok(ExitCode::SUCCESS)
}

fn text(runs: &[RunSummary]) -> String {
    let row = |table: &mut Table, name: &str, cell: &dyn Fn(&RunSummary) -> String| {
        table.row([name.to_owned()].into_iter().chain(runs.iter().map(cell)));
    };
    let mut table = Table::new([""]);
    row(&mut table, "", &|run| run.path.display().to_string());
    let keys: BTreeSet<&String> = runs.iter().flat_map(|run| run.config.keys()).collect();
    for key in keys {
        let values: BTreeSet<String> = runs.iter().map(|run| shown(run.config.get(key))).collect();
        if values.len() > 1 {
            row(&mut table, key, &|run| shown(run.config.get(key)));
        }
    }
    row(&mut table, "", &|_| String::new());
    let last = |run: &RunSummary| run.records.last().copied();
    row(&mut table, "state", &|run| run.state.name().to_owned());
    row(&mut table, "completed epochs", &|run| run.progress());
    row(&mut table, "training loss", &|run| four_decimals(last(run).map(|record| record.loss)));
    row(&mut table, "training accuracy", &|run| four_decimals(last(run).map(|record| record.accuracy)));
    row(&mut table, "lowest validation loss", &|run| {
        let losses = run.records.iter().filter_map(|record| Some(record.validation?.loss));
        four_decimals(losses.reduce(f64::min))
    });
    row(&mut table, "best validation accuracy", &|run| four_decimals(run.validation_accuracy));
    row(&mut table, "test loss", &|run| {
        let result = run.result.as_ref();
        let test = result.and_then(|result| result.best.and_then(|best| best.test).or(result.test));
        four_decimals(test.map(|test| test.loss))
    });
    row(&mut table, "test accuracy", &|run| four_decimals(run.test_accuracy));
    row(&mut table, "time", &|run| duration(run.seconds));
    row(&mut table, "median time per epoch", &|run| duration(median(&run.records).unwrap_or(f64::NAN)));
    table.to_string().trim_start_matches('\n').to_owned()
}

/// A configuration value, or a dash for none.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Integer(number)) if (0..1_000_000).contains(number) => thousands(*number as usize),
        Some(other) => other.to_string(),
    }
}

/// The median time of an epoch.
fn median(records: &[EpochRecord]) -> Option<f64> {
    let mut seconds: Vec<f64> = records.iter().map(|record| record.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let (low, high) = (seconds.get(seconds.len().checked_sub(1)? / 2)?, seconds.get(seconds.len() / 2)?);
    Some((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_two() {
        let record = |seconds| EpochRecord { seconds, ..EpochRecord::default() };
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0].map(record)), Some(2.0));
        assert_eq!(median(&[3.0, 1.0].map(record)), Some(2.0));
    }
}
