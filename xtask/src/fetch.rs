//! `cargo xtask fetch-data`: which datasets to fetch, and the lines and the progress bar on stderr while that is done. The fetching
//! and the verifying are `mlp_data::fetch`'s.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use mlp_data::catalog::{self, CatalogEntry};
use mlp_data::fetch::{Event, FetchObserver, FetchOptions, Fetcher};

/// The name that stands for the whole catalog.
const ALL: &str = "all";

/// Whether the catalog has a dataset of this name.
pub(crate) fn is_known(name: &str) -> bool {
    catalog::find(name).is_ok()
}

/// Makes the datasets of these names (or `all`) be in `data_dir`, verified.
///
/// # Errors
/// When a name is unknown, before anything is fetched; when a dataset cannot be had.
pub(crate) fn fetch<S: AsRef<str>>(names: &[S], data_dir: &Path) -> Result<()> {
    let fetcher = Fetcher::new(FetchOptions::default());
    for entry in entries(names)? {
        let start = Instant::now();
        let report = fetcher.fetch(entry, data_dir, &mut Display::default())?;
        let state =
            if report.nothing_to_do() { "already there and verified" } else { "fetched and verified" };
        let place = report.directory.display();
        eprintln!("fetch-data: {} {state} in {place} ({:.1} s)", entry.name, start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The catalog's entries of these names.
fn entries<S: AsRef<str>>(names: &[S]) -> Result<Vec<&'static CatalogEntry>> {
    let mut entries = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        if name == ALL {
            entries.extend(catalog::all());
        } else {
            entries.push(catalog::find(name).context("nothing was fetched")?);
        }
    }
    Ok(entries)
}

/// Shows what happens: a line for each event, and a bar while bytes arrive, on a terminal only.
#[derive(Default)]
struct Display {
    bar: Option<ProgressBar>,
}

impl Display {
    fn progress(&mut self, file: &str, done: u64, total: u64) {
        let bar = self.bar.get_or_insert_with(|| {
            let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style).with_message(file.to_owned())
        });
        bar.set_position(done);
    }

    fn line(&mut self, line: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        eprintln!("fetch-data: {line}");
    }
}

impl FetchObserver for Display {
    fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Progress { file, done, total } => self.progress(file, *done, *total),
            Event::Started { file, source } => self.line(&format!("{file} from {source}")),
            Event::Fetched { path, verification, .. } => {
                let name = path.file_name().unwrap_or_default();
                self.line(&format!("{}: {verification}", name.display()));
            }
            Event::SourceFailed { source, reason } => self.line(&format!("{source} failed: {reason}")),
            Event::SetAside { from, to, reason } => {
                self.line(&format!(
                    "{} is not what it should be ({reason}); now {}",
                    from.display(),
                    to.display()
                ));
            }
            Event::Waiting { directory } => {
                self.line(&format!("waiting for another process that fetches into {}", directory.display()));
            }
            // Said once for the whole dataset.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_all_are_looked_up_in_the_catalog() {
        let names =
            |names: &[&str]| entries(names).unwrap().iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert_eq!(names(&["mnist", "fashion-mnist"]), ["mnist", "fashion-mnist"]);
        assert_eq!(names(&["all"]).len(), catalog::all().len());
        assert!(is_known("kmnist") && !is_known("synthetic") && !is_known("all"));
    }

    #[test]
    fn an_unknown_name_is_refused_before_anything_is_fetched() {
        let error = entries(&["mnist", "minst"]).unwrap_err();
        assert!(format!("{error:#}").contains("mnist"), "{error:#}");
    }
}
