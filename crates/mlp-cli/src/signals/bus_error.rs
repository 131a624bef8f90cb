//! SIGBUS, which reading a mapped file raises after somebody has made the file shorter. A file of
//! its own because of its `unsafe` code, the only one in this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Context;
use mlp_data::MappedFile;
use signal_hook::consts::SIGBUS;
use signal_hook::low_level;

/// Makes the signal end the program with a message and exit code 2 if a mapped file is shorter than
/// it was, and as before if not.
pub(crate) fn report() -> anyhow::Result<()> {
    static IS_INSTALLED: Mutex<bool> = Mutex::new(false);
    let Ok(mut is_installed) = IS_INSTALLED.lock() else { return Ok(()) };
    if !*is_installed {
        install().context("cannot listen for SIGBUS")?;
        *is_installed = true;
    }
    Ok(())
}

fn install() -> io::Result<()> {
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    // Erases the line of a progress bar.
    let start = if stderr.is_terminal() { "\r\x1b[2Kerror: " } else { "error: " };
    let is_reported = AtomicBool::new(false);
    let act = move || {
        MappedFile::with_shrunk(|message| {
            // Other threads that read the same file wait for the exit.
            while is_reported.swap(true, Ordering::Relaxed) {
                thread::yield_now();
            }
            for part in [start, message, "\n"] {
                let _ = (&stderr).write(part.as_bytes());
            }
            low_level::exit(2);
        });
        let _ = low_level::emulate_default_handler(SIGBUS);
    };
    // SAFETY: sets the default action. The handler of the standard library would be called before
    // ours otherwise, and it sets the default action, which ends the program if a second thread
    // reads the same file before our message is written.
    unsafe { libc::signal(SIGBUS, libc::SIG_DFL) };
    // SAFETY: the action is async-signal-safe: it makes system calls (fstat, write, _exit,
    // sched_yield, sigaction, raise), takes no lock that it would have to wait for, and does not
    // allocate.
    unsafe { low_level::register(SIGBUS, act) }.map(drop)
}
