//! Writing the entries of an archive below a directory: checks every name, refuses links that lead
//! out, and keeps to a budget.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::budget::Budget;
use crate::Error;
use crate::picture::files::is_litter;

/// The minimum size of an entry on disk: one block of a file system.
const BLOCK: u64 = 4096;

/// The maximum length of a name with its directories, in bytes.
const MAX_NAME: usize = 4096;

/// A directory that is filled with the entries of an archive.
pub(super) struct Entries<'a> {
    /// The archive.
    origin: &'a Path,
    root: &'a Path,
    budget: Budget,
    links: Vec<(PathBuf, PathBuf)>, // with their targets
    hasher: RandomState,
    /// Hashes of names, and of names in lower case: they take less memory than the names.
    names: HashSet<u64>,
    lower: HashSet<u64>,
    foreign: Counted,
    in_both_cases: Counted,
}

/// A number of names, and the first.
#[derive(Default)]
struct Counted {
    count: usize,
    first: String,
}

impl Counted {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.count == 1 {
            name.clone_into(&mut self.first);
        }
    }

    fn note(&self, what: &str) -> Option<String> {
        let Self { count, first } = self;
        (*count > 0).then(|| format!("{what}: {count}, the first is {first}"))
    }
}

impl<'a> Entries<'a> {
    /// Creates the directory `root` for an archive of `bytes`.
    pub(super) fn create(origin: &'a Path, root: &'a Path, bytes: u64) -> Result<Self, Error> {
        fs::create_dir(root).map_err(Error::io("create", root))?;
        Ok(Self {
            origin,
            root,
            budget: Budget::of(bytes),
            links: Vec::new(),
            hasher: RandomState::new(),
            names: HashSet::new(),
            lower: HashSet::new(),
            foreign: Counted::default(),
            in_both_cases: Counted::default(),
        })
    }

    pub(super) fn problem(&self, problem: impl Into<String>) -> Error {
        Error::packed(self.origin, problem)
    }

    /// Counts a name that had to be converted to UTF-8.
    pub(super) fn count_foreign(&mut self, name: &str) {
        self.foreign.add(name);
    }

    /// Refuses an archive that declares contents larger than the budget.
    pub(super) fn expect(&self, bytes: u128) -> Result<(), Error> {
        self.budget.check(bytes, self.origin)
    }

    /// Writes a file, and returns its size; `damaged` describes a read error.
    pub(super) fn file(
        &mut self,
        name: &str,
        content: &mut dyn Read,
        damaged: impl Fn(&io::Error) -> String,
    ) -> Result<u64, Error> {
        let Some(path) = self.place(name)? else {
            // Still read, to detect damage and to advance a stream to its next entry.
            return self.copy(content, &mut io::sink(), Path::new(name), damaged);
        };
        let mut out = File::create_new(&path).map_err(Error::io("create", &path))?;
        self.copy(content, &mut out, &path, damaged)
    }

    fn copy(
        &mut self,
        content: &mut dyn Read,
        out: &mut dyn Write,
        path: &Path,
        damaged: impl Fn(&io::Error) -> String,
    ) -> Result<u64, Error> {
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(size),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.problem(damaged(&error))),
            };
            self.budget.take(count as u64, self.origin)?;
            out.write_all(&buffer[..count]).map_err(Error::io("write", path))?;
            size += count as u64;
        }
    }

    /// Creates a directory.
    pub(super) fn directory(&mut self, name: &str) -> Result<(), Error> {
        if let Some(components) = self.components(name)? {
            self.parents(&components, components.len())?;
        }
        Ok(())
    }

    /// Remembers a symbolic link, which is created when all files are written, so that no file is
    /// written through it.
    pub(super) fn link(&mut self, name: &str, target: &str) -> Result<(), Error> {
        if let Some(path) = self.place(name)? {
            self.links.push((path, PathBuf::from(target)));
        }
        Ok(())
    }

    /// Remembers a hard link to another entry.
    pub(super) fn hard_link(&mut self, name: &str, target: &str) -> Result<(), Error> {
        let Some(components) = self.components(target)? else { return self.link(name, target) };
        let target = components.iter().collect::<PathBuf>();
        let depth = self.components(name)?.map_or(0, |components| components.len().saturating_sub(1));
        let up: PathBuf = std::iter::repeat_n("..", depth).collect();
        self.link(name, &up.join(target).to_string_lossy())
    }

    /// Creates the links, and returns notes.
    pub(super) fn finish(self) -> Result<Vec<String>, Error> {
        for (path, target) in &self.links {
            #[cfg(unix)]
            std::os::unix::fs::symlink(target, path).map_err(Error::io("create", path))?;
            #[cfg(not(unix))]
            return Err(self.problem(format!("has a link, {}; unpack it", target.display())));
        }
        let root = self.root.canonicalize().map_err(Error::io("inspect", self.root))?;
        for (path, target) in &self.links {
            // A broken link is left to the search for pictures.
            if path.canonicalize().is_ok_and(|to| !to.starts_with(&root)) {
                let name = path.strip_prefix(self.root).unwrap_or(path).display();
                let target = target.display();
                return Err(self.problem(format!(
                    "its link {name} points outside the archive, to {target}; expected links within it; get it \
                     from a source you trust"
                )));
            }
        }
        let notes = [
            self.foreign.note("names that are not UTF-8 and were converted"),
            self.in_both_cases.note("names that differ from others only in case"),
        ];
        Ok(notes.into_iter().flatten().collect())
    }

    /// Creates the parent directories of a file or link, and returns its path; `None` for a name to
    /// ignore.
    fn place(&mut self, name: &str) -> Result<Option<PathBuf>, Error> {
        let Some(components) = self.components(name)? else { return Ok(None) };
        let Some((_, parents)) = components.split_last() else {
            return Err(self.problem(format!("has a file without a name ({name:?}); get it again")));
        };
        self.parents(&components, parents.len())?;
        let path = self.root.join(components.iter().collect::<PathBuf>());
        if !self.is_new(&components)? {
            let problem =
                format!("contains {name} twice; expected each name once; unpack it and import the directory");
            return Err(self.problem(problem));
        }
        Ok(Some(path))
    }

    /// Creates the first `count` directories of a path.
    fn parents(&mut self, components: &[&str], count: usize) -> Result<(), Error> {
        for end in 1..=count {
            if self.is_new(&components[..end])? {
                let path = self.root.join(components[..end].iter().collect::<PathBuf>());
                fs::create_dir(&path).map_err(Error::io("create", &path))?;
            }
        }
        Ok(())
    }

    /// Returns true if a name is new, and then takes its space from the budget.
    fn is_new(&mut self, components: &[&str]) -> Result<bool, Error> {
        let name = components.join("/");
        if !self.names.insert(self.hasher.hash_one(&name)) {
            return Ok(false);
        }
        self.budget.take(BLOCK, self.origin)?;
        if !self.lower.insert(self.hasher.hash_one(name.to_lowercase())) {
            if self.root.join(&name).symlink_metadata().is_ok() {
                return Err(self.problem(format!(
                    "contains {name} in upper and in lower case, which are the same on this file system; \
                     expected different names"
                )));
            }
            self.in_both_cases.add(&name);
        }
        Ok(true)
    }

    /// Splits a name into its components; `None` for files that operating systems add, such as
    /// `.DS_Store`.
    fn components<'n>(&self, name: &'n str) -> Result<Option<Vec<&'n str>>, Error> {
        let refused = |what: &str| {
            let name = name.chars().take(200).collect::<String>();
            Err(self.problem(format!(
                "its entry {name} {what}; expected names of files below the archive; get it from a source you trust"
            )))
        };
        let mut components = Vec::new();
        // Some Windows programs write backslashes.
        for component in name.split(['/', '\\']) {
            match component {
                "" | "." => {}
                ".." => return refused("points outside the archive"),
                _ => components.push(component),
            }
        }
        let has_drive = components.first().is_some_and(|first| first.ends_with(':'));
        if name.starts_with(['/', '\\']) || has_drive {
            return refused("is an absolute path");
        }
        if name.contains('\0') || name.len() > MAX_NAME {
            return refused("is not a valid name");
        }
        Ok((!components.iter().any(|name| is_litter(name))).then_some(components))
    }
}
