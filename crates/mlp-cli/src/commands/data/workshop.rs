//! The temporary directory that archives and Parquet files are unpacked to, beside the new dataset.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::process;

use mlp_data::unpack::is_contained;

use crate::output::messages;
use crate::signals;

/// A directory that may be created, and that is removed when dropped or when a signal ends the
/// program.
pub(super) struct Workshop(PathBuf);

impl Workshop {
    /// Chooses a name beside `to`. Messages show the paths below it as paths in `source`.
    pub(super) fn beside(to: &Path, source: &Path) -> anyhow::Result<Self> {
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let parents = to
            .ancestors()
            .skip(1)
            .map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
        let parent = parents.into_iter().find(|path| path.is_dir()).unwrap_or(Path::new("."));
        let path = parent.join(format!(".{name}.{}.unpacked.tmp", process::id()));
        messages::show_as(&path, source);
        let directory = path.clone();
        signals::before_exit(move || {
            let removed = directory.with_extension("removed.tmp");
            // Renamed first, so that nothing is created in it any more.
            if fs::rename(&directory, &removed).is_ok() {
                let _ = fs::remove_dir_all(&removed);
            }
        })?;
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !is_contained() {
                report(panic);
            }
        }));
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
