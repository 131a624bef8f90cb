//! `cargo xtask pictures`: makes every picture in docs/images/ with the real program, and updates
//! the output printed in the documents.

mod manifest;
mod terminal;

use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Result, anyhow};

use self::manifest::{DIRECTORY, Kind, MANIFEST, PICTURES, Picture, TRAIN};
use self::terminal::Terminal;
use crate::documents::{self, Place, Server};
use crate::python::Environment;
use crate::workspace::Workspace;
use crate::{fetch, process, setup};

/// Columns of the terminal in the pictures.
const COLUMNS: &str = "80";

/// Builds `mlp`, makes all pictures and the manifest, and rewrites the printed output.
///
/// # Errors
/// When a command fails, or there is no browser.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let backend = setup::ensure();
    setup::ensure_browser().map_err(|reason| anyhow!(reason))?;
    let python = Environment::prepare(workspace, "tools")?;
    python.install(&["selenium"])?;
    fetch::fetch(workspace, backend, documents::DATASETS, &workspace.data_dir())?;
    let program = workspace.build_mlp(backend, &[])?;
    let studio = Studio { workspace, python, place: Place::prepare(workspace, &program, "pictures")? };

    studio.shell(TRAIN)?;
    let screenshots = studio.screenshots()?;
    for picture in &PICTURES {
        let path = workspace.root().join(DIRECTORY).join(picture.file);
        match picture.kind {
            Kind::Terminal => fs::write(&path, studio.terminal(picture)?)?,
            Kind::Figure => {
                picture.commands.iter().try_for_each(|command| studio.shell(command))?;
                fs::copy(studio.place.directory().join(picture.file), &path)?;
            }
            Kind::Page(screenshot) => {
                fs::copy(screenshots.join(screenshot), &path)?;
            }
        }
        eprintln!("{}", path.display());
    }
    let entries = PICTURES.iter().map(|picture| picture.entry(workspace.root()));
    let entries = entries.collect::<io::Result<Vec<_>>>()?.join("\n");
    let head = "# Written by `cargo xtask pictures`: how each picture is made, and a digest of the sources it shows.";
    let text = format!("{head}\n\n{entries}");
    fs::write(workspace.root().join(MANIFEST), text)?;
    documents::rewrite(workspace, &program)
}

/// Where the pictures are made.
struct Studio<'w> {
    workspace: &'w Workspace,
    python: Environment,
    place: Place,
}

impl Studio<'_> {
    /// Runs a command line.
    fn shell(&self, command: &str) -> Result<()> {
        process::stdout(&mut self.place.shell(command)).map(drop)
    }

    /// The terminal after the commands of a picture.
    fn terminal(&self, picture: &Picture) -> Result<String> {
        let mut terminal = Terminal::new();
        for line in picture.commands {
            let mut command = self.python.run(&self.workspace.root().join("xtask/pictures/terminal.py"));
            command.arg(COLUMNS).args(line.split_whitespace());
            command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env_remove("NO_COLOR");
            terminal.command(line);
            terminal.print(&process::stdout(self.place.enter(&mut command))?);
        }
        Ok(terminal.svg())
    }

    /// Draws on the page in Chromium: the directory with its screenshots.
    fn screenshots(&self) -> Result<PathBuf> {
        let directory = self.place.directory().join("screenshots");
        let server = Server::start(&self.place, "mlp serve runs/modern --port 0")?;
        let mut browser = self.python.run(&self.workspace.root().join("xtask/browser/draw.py"));
        process::stdout(browser.arg(server.address()).arg(&directory))?;
        Ok(directory)
    }
}
