//! Download progress on standard error: a bar, and a line for each file.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_data::fetch::Event;

use super::messages::note;

pub(crate) struct DownloadProgress {
    quiet: bool,
    bar: ProgressBar,
}

/// A progress bar for bytes.
pub(crate) fn byte_bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = "{prefix}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    bar.with_style(ProgressStyle::with_template(style).expect("a fixed template"))
}

impl DownloadProgress {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, bar: byte_bar(quiet) }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| note(text));
        }
    }

    /// Shows an event of a fetcher.
    pub(crate) fn show(&self, event: &Event<'_>) {
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
