//! `cargo xtask fetch-data`: fetches datasets and shows the progress on stderr.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use mlp_data::catalog::{self, CatalogEntry};
use mlp_data::fetch::{Event, FetchOptions, Fetcher};

/// The name for the whole catalog.
const ALL: &str = "all";

/// Returns true if the catalog has a dataset of this name.
pub(crate) fn is_known(name: &str) -> bool {
    catalog::find(name).is_ok()
}

/// Fetches the named datasets (or `all`) into `data_dir`, unless they are there, and verifies them.
///
/// # Errors
/// If a name is unknown (nothing is fetched then), or a dataset cannot be fetched.
pub(crate) fn fetch<S: AsRef<str>>(names: &[S], data_dir: &Path) -> Result<()> {
    let fetcher = Fetcher::new(FetchOptions::default());
    for entry in entries(names)? {
        let start = Instant::now();
        let mut printer = Printer { is_terminal: io::stderr().is_terminal(), progress: String::new() };
        let report = fetcher.fetch(entry, data_dir, &mut |event| printer.print(event))?;
        let state =
            if report.nothing_to_do() { "already there and verified" } else { "fetched and verified" };
        let place = report.directory.display();
        eprintln!("fetch-data: {} {state} in {place} ({:.1} s)", entry.name, start.elapsed().as_secs_f64());
    }
    Ok(())
}

/// The catalog entries with these names.
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

/// Prints one line per event on stderr. On a terminal, progress updates share a line.
struct Printer {
    is_terminal: bool,
    progress: String,
}

impl Printer {
    fn print(&mut self, event: &Event<'_>) {
        let text = event.to_string();
        match event {
            Event::Progress { .. } if self.is_terminal && text != self.progress => {
                eprint!("\r{text}");
                self.progress = text;
            }
            Event::Progress { .. } | Event::AlreadyThere { .. } => {}
            _ => {
                // End the progress line.
                if !std::mem::take(&mut self.progress).is_empty() {
                    eprintln!();
                }
                eprintln!("fetch-data: {text}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_all_are_found_in_the_catalog() {
        let names =
            |names: &[&str]| entries(names).unwrap().iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert_eq!(names(&["mnist", "fashion-mnist"]), ["mnist", "fashion-mnist"]);
        assert_eq!(names(&["all"]).len(), catalog::all().len());
        assert!(is_known("kmnist") && !is_known("synthetic") && !is_known("all"));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = entries(&["mnist", "minst"]).unwrap_err();
        assert!(format!("{error:#}").contains("mnist"), "{error:#}");
    }
}
