//! Datasets as commands take them: a name or a directory, fetched when it is a known name whose
//! files are not here yet.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_data::Datasets;
use mlp_data::catalog::{self, CatalogEntry};
use mlp_data::fetch::{Event, FetchOptions, Fetcher};

use crate::console::note;

/// Where datasets are kept.
#[derive(clap::Args)]
pub(crate) struct DataDir {
    /// Where datasets are kept, each in a directory of its name
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data_dir: PathBuf,
}

/// Which dataset, and where datasets are kept.
#[derive(clap::Args)]
pub(crate) struct DataArgs {
    /// A name from `mlp data info`, `synthetic`, or a directory with four IDX files
    #[arg(long, value_name = "NAME|DIR", default_value = "mnist")]
    pub(crate) dataset: String,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

/// Reads the dataset of the flags.
pub(crate) fn load(args: &DataArgs, quiet: bool) -> anyhow::Result<Datasets> {
    load_named(&args.dataset, &args.data_dir.data_dir, quiet)
}

/// Reads a dataset; one that the catalog knows and that is not here is fetched first.
pub(crate) fn load_named(name: &str, data_dir: &Path, quiet: bool) -> anyhow::Result<Datasets> {
    if !Datasets::is_present(name, data_dir)
        && let Ok(entry) = catalog::find(name)
    {
        fetch(entry, data_dir, quiet)?;
    }
    Ok(Datasets::load(name, data_dir)?)
}

/// Fetches a dataset, with a progress bar and a line for each file on standard error.
pub(crate) fn fetch(entry: &CatalogEntry, data_dir: &Path, quiet: bool) -> anyhow::Result<()> {
    let progress = Progress::new(quiet);
    let fetcher = Fetcher::new(FetchOptions::default());
    let report = fetcher.fetch(entry, data_dir, &mut |event| progress.show(event))?;
    if !quiet {
        let done = if report.nothing_to_do() { "all there and verified" } else { "verified" };
        note(&format!("{} in {}: {done}", entry.name, report.directory.display()));
    }
    Ok(())
}

struct Progress {
    quiet: bool,
    bar: ProgressBar,
}

impl Progress {
    fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(
            None,
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = "{prefix}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
        Self { quiet, bar }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| note(text));
        }
    }

    fn show(&self, event: &Event<'_>) {
        match event {
            Event::Waiting { .. } | Event::SetAside { .. } => self.line(&event.to_string()),
            Event::Started { file, .. } => {
                self.line(&event.to_string());
                self.bar.set_prefix((*file).to_owned());
                self.bar.reset();
            }
            Event::Progress { done, total, .. } => {
                self.bar.set_length(*total);
                self.bar.set_position(*done);
            }
            Event::Fetched { .. } => self.bar.finish_and_clear(),
            Event::SourceFailed { .. } => {
                self.bar.finish_and_clear();
                self.line(&format!("  {event}"));
            }
            _ => {}
        }
    }
}
