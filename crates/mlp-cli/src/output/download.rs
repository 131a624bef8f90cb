//! The progress of a download: a bar and a line for each file on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_data::fetch::{Event, FetchObserver};

use super::messages::note;

pub(crate) struct DownloadProgress {
    quiet: bool,
    bar: ProgressBar,
}

impl DownloadProgress {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{prefix}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
        Self { quiet, bar }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| note(text));
        }
    }
}

impl FetchObserver for DownloadProgress {
    fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Waiting { directory } => {
                self.line(&format!("waiting for another process that fetches into {}", directory.display()));
            }
            Event::SetAside { from, to, reason } => {
                self.line(&format!("{}: {reason}; kept as {}", from.display(), to.display()));
            }
            Event::Started { file, source } => {
                self.line(&format!("fetching {file} from {source}"));
                self.bar.set_prefix((*file).to_owned());
                self.bar.reset();
            }
            Event::Progress { done, total, .. } => {
                self.bar.set_length(*total);
                self.bar.set_position(*done);
            }
            Event::Fetched { .. } => self.bar.finish_and_clear(),
            Event::SourceFailed { source, reason } => {
                self.bar.finish_and_clear();
                self.line(&format!("  {source}: {reason}"));
            }
            _ => {}
        }
    }
}
