//! The pictures in docs/images/: the command that makes each one, and the sources that it shows.
//! `manifest.toml` beside the pictures records a digest of those sources, so that a test can tell
//! when a picture is out of date.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use sha2::{Digest, Sha256};

/// A picture and where it comes from.
pub(crate) struct Picture {
    /// Name of the file in [`DIRECTORY`].
    pub(crate) file: &'static str,
    pub(crate) kind: Kind,
    /// The commands that make it or that it shows.
    pub(crate) commands: &'static [&'static str],
    /// Files and directories below the root that decide how it looks.
    sources: &'static [&'static str],
}

/// How a picture is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The terminal after the commands.
    Terminal,
    /// The file that the command writes.
    Figure,
    /// The screenshot of this name that `draw.py` takes of the drawing page.
    Page(&'static str),
}

pub(crate) const DIRECTORY: &str = "docs/images";
pub(crate) const MANIFEST: &str = "docs/images/manifest.toml";

/// The run that the figures and the drawing page show.
pub(crate) const TRAIN: &str = "mlp train --recipe modern-100 --validation 0.1 --run-dir runs/modern";

const PLOT: &[&str] = &["crates/mlp-cli/src/plot", "crates/mlp-data/src/augment", "recipes/modern-100.toml"];
const PAGE: &[&str] = &["crates/mlp-cli/assets/serve", "recipes/modern-100.toml", "xtask/browser/draw.py"];

const fn figure(file: &'static str, command: &'static [&'static str]) -> Picture {
    Picture { file, kind: Kind::Figure, commands: command, sources: PLOT }
}

const fn page(file: &'static str, screenshot: &'static str) -> Picture {
    Picture { file, kind: Kind::Page(screenshot), commands: &["mlp serve runs/modern"], sources: PAGE }
}

pub(crate) const PICTURES: [Picture; 13] = [
    Picture {
        file: "terminal.svg",
        kind: Kind::Terminal,
        commands: &["mlp train --recipe fast", "mlp predict runs/mnist docs/images/seven.png --show"],
        sources: &[
            "crates/mlp-cli/src/output",
            "crates/mlp-cli/src/commands/train.rs",
            "crates/mlp-cli/src/commands/predict",
            "crates/mlp-cli/src/training.rs",
            "docs/images/seven.png",
            "recipes/fast.toml",
            "xtask/src/pictures/terminal.rs",
        ],
    },
    page("drawing-page.png", "light.png"),
    page("drawing-page-dark.png", "dark.png"),
    figure("curves.svg", &["mlp plot runs/modern --to curves.svg"]),
    Picture {
        file: "record.svg",
        kind: Kind::Figure,
        commands: &["mlp plot docs/record --to record.svg"],
        sources: &["crates/mlp-cli/src/plot", "docs/record"],
    },
    figure("confusion.svg", &["mlp plot --confusion runs/modern --to confusion.svg"]),
    figure("weights.svg", &["mlp plot --weights runs/modern --to weights.svg"]),
    figure("mistakes.svg", &["mlp plot --mistakes runs/modern --count 20 --to mistakes.svg"]),
    figure("calibration.svg", &["mlp plot --calibration runs/modern --to calibration.svg"]),
    figure("embedding.svg", &["mlp plot --embedding runs/modern --to embedding.svg"]),
    figure(
        "augmentation.svg",
        &[
            "mlp train --recipe modern-100 --augment --epochs 1 --run-dir runs/augmented --no-report --quiet",
            "mlp plot --augment runs/augmented --to augmentation.svg",
        ],
    ),
    figure("lr-find.svg", &["mlp lr-find --plot lr-find.svg"]),
    figure("descend.svg", &["mlp descend --plot descend.svg"]),
];

impl Picture {
    /// The picture's entry in the manifest.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub(crate) fn entry(&self, root: &Path) -> io::Result<String> {
        let list = |items: &[&str]| {
            let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
            quoted.join(", ")
        };
        Ok(format!(
            "[{:?}]\ncommands = [{}]\nsources = [{}]\nsha256 = \"{}\"\n",
            self.file,
            list(self.commands),
            list(self.sources),
            self.digest(root)?
        ))
    }

    /// The digest of the sources.
    fn digest(&self, root: &Path) -> io::Result<String> {
        let mut hash = Sha256::new();
        for source in self.sources {
            feed(&mut hash, &root.join(source))?;
        }
        Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }
}

/// Hashes a file, or every file of a directory by name.
fn feed(hash: &mut Sha256, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        let mut paths: Vec<_> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        return paths.iter().try_for_each(|path| feed(hash, path));
    }
    let bytes = fs::read(path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if path.extension().is_some_and(|extension| extension == "rs") => {
            hash.update(without_comments_and_tests(text));
        }
        _ => hash.update(&bytes),
    }
    Ok(())
}

/// A Rust source without what no picture shows: comments on lines of their own, blank lines, and
/// the tests at the end.
fn without_comments_and_tests(source: &str) -> String {
    let lines = source.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]");
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).collect::<Vec<_>>().join("\n")
}
