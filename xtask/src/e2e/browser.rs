//! The check of `mlp serve` in a real browser: starts the server, lets `xtask/browser/draw.py` draw on its page, and ends it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use anyhow::{Context, Result, anyhow, ensure};

use super::mlp::{Mlp, utf8};
use crate::process;
use crate::setup;

/// What drives the browser.
const PACKAGES: &[&[&str]] = &[&["selenium"]];

pub(super) fn digits_drawn_in_chromium_are_recognized_while_they_are_drawn(mlp: &Mlp) -> Result<String> {
    setup::ensure_browser().map_err(|reason| anyhow!(reason))?;
    let python = mlp.python(PACKAGES)?;
    let run = mlp.train("browser-model", "--recipe fast --seed 1")?;
    let mut server = Server::start(mlp.spawn(&["serve", utf8(&run.dir)?, "--port", "0"])?)?;
    let mut browser = python.run(&mlp.source("xtask/browser/draw.py"));
    let found = process::stdout(browser.arg(&server.address).arg(mlp.scratch("screenshots")))?;
    let (code, said) = server.end()?;
    ensure!(code == Some(0), "told to end, the server ended with {code:?}: {said}");
    ensure!(said.lines().last() == Some("stopped by SIGTERM"), "the server said\n{said}");
    Ok(found.trim_end().to_owned())
}

/// A running `mlp serve`, which does not outlive the check.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// The process, once it has said where its page is.
    fn start(process: Child) -> Result<Self> {
        let mut server = Self { process, address: String::new() };
        let stdout = server.process.stdout.take().context("its stdout is not piped")?;
        BufReader::new(stdout).read_line(&mut server.address)?;
        server.address = server.address.trim_end().to_owned();
        ensure!(server.address.starts_with("http"), "instead of an address it said `{}`", server.address);
        Ok(server)
    }

    /// Tells it to end: its exit code, and what it said on stderr.
    fn end(&mut self) -> Result<(Option<i32>, String)> {
        process::run(Command::new("kill").arg(self.process.id().to_string()))?;
        let mut said = String::new();
        self.process.stderr.take().context("its stderr is not piped")?.read_to_string(&mut said)?;
        Ok((self.process.wait()?.code(), said))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already unless the check has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
