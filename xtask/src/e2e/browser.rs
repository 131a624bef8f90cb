//! The browser check of `mlp serve`: starts the server, runs `xtask/browser/draw.py` on its page
//! and stops it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use anyhow::{Context, Result, anyhow, ensure};

use super::mlp::{Mlp, utf8};
use crate::process;
use crate::setup;

pub(super) fn digits_drawn_in_chromium_are_classified_while_drawing(mlp: &Mlp) -> Result<String> {
    setup::ensure_browser().map_err(|reason| anyhow!(reason))?;
    let python = mlp.python(&[&["selenium"]])?;
    let run = mlp.train("browser-model", "--recipe fast --seed 1")?;
    let mut server = Server::start(mlp.spawn(&["serve", utf8(&run.dir)?, "--port", "0"])?)?;
    let mut browser = python.run(&mlp.source("xtask/browser/draw.py"));
    let found = process::stdout(browser.arg(&server.address).arg(mlp.scratch("screenshots")))?;
    let (code, stderr) = server.stop()?;
    ensure!(code == Some(0), "after SIGTERM the server exited with {code:?}: {stderr}");
    ensure!(stderr.lines().last() == Some("stopped by SIGTERM"), "the server printed\n{stderr}");
    Ok(found.trim_end().to_owned())
}

/// A running `mlp serve`, killed on drop.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Waits until the server has printed its address.
    fn start(process: Child) -> Result<Self> {
        let mut server = Self { process, address: String::new() };
        let stdout = server.process.stdout.take().context("stdout is not piped")?;
        BufReader::new(stdout).read_line(&mut server.address)?;
        server.address = server.address.trim_end().to_owned();
        ensure!(
            server.address.starts_with("http"),
            "expected an address, the server printed `{}`",
            server.address
        );
        Ok(server)
    }

    /// Sends SIGTERM and returns the exit code and stderr.
    fn stop(&mut self) -> Result<(Option<i32>, String)> {
        process::run(Command::new("kill").arg(self.process.id().to_string()))?;
        let mut stderr = String::new();
        self.process.stderr.take().context("stderr is not piped")?.read_to_string(&mut stderr)?;
        Ok((self.process.wait()?.code(), stderr))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if the server has already exited.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
