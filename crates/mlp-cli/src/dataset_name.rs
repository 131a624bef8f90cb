//! How runs, models and recipes name datasets: directories are stored relative to the project, so
//! that a project can be moved.

use std::path::{Path, PathBuf};

use mlp_data::{Datasets, catalog, synthetic};

/// A name that does not depend on the current directory: for a directory, its absolute path.
pub(crate) fn full_name(name: &str) -> String {
    let path = (!is_known(name)).then(|| Path::new(name).canonicalize().ok()).flatten();
    path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| name.to_owned())
}

pub(crate) fn is_known(name: &str) -> bool {
    catalog::find(name).is_ok() || name == synthetic::NAME
}

/// The name by which a run or model at `place` stores a dataset. A directory that lies in the same
/// project, which is the current directory, is stored relative to the project, so that the project
/// can be moved.
pub(crate) fn stored_name(name: &str, place: &Path) -> String {
    let full = full_name(&located(name, place));
    if is_known(name) {
        return full;
    }
    let (place, project) = (real(place), real(Path::new(".")));
    let common = place.ancestors().find(|directory| Path::new(&full).starts_with(directory));
    let relative = common.and_then(|directory| {
        let relative = as_path(Path::new(&full).strip_prefix(directory).ok()?.to_str()?);
        let is_stored = directory.starts_with(&project) || relative == name;
        (is_stored && full_name(&located(&relative, &place)) == full).then_some(relative)
    });
    relative.unwrap_or(full)
}

/// Finds a dataset that a run, model or recipe at `place` names: a relative path starts at one of
/// the directories above it, the nearest first, or at the current directory.
pub(crate) fn located(name: &str, place: &Path) -> String {
    if is_known(name) || Path::new(name).is_absolute() {
        return name.to_owned();
    }
    let (place, here) = (real(place), real(Path::new(".")));
    // Below the current directory, only the part of the path below it has to be UTF-8.
    let shown = |path: PathBuf| {
        let below = path.strip_prefix(&here).ok().filter(|below| !below.as_os_str().is_empty());
        below.unwrap_or(&path).to_str().map(as_path)
    };
    let mut candidates =
        place.ancestors().filter_map(|directory| shown(directory.join(name).components().collect()));
    // Not any directory: a run usually has the name of its dataset.
    candidates.find(|path| Datasets::is_present(path, Path::new(""))).unwrap_or_else(|| name.to_owned())
}

/// A path that cannot be mistaken for the name of a known dataset.
fn as_path(path: &str) -> String {
    if is_known(path) { format!("./{path}") } else { path.to_owned() }
}

/// The absolute path without symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = absolute.ancestors().find_map(|above| {
        let rest = absolute.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    // Joining an empty path would add a slash at the end.
    real.map_or(absolute, |path| path.components().collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_dataset_is_found_from_the_run_that_names_it() {
        let scratch = tempfile::tempdir().unwrap();
        let project = scratch.path().canonicalize().unwrap();
        let run = project.join("runs/sweep/001");
        fs::create_dir_all(&run).unwrap();
        mlp_data::synthetic::digits(10, 10, 0).write_dir(&project.join("sets/ds"), "", false).unwrap();
        fs::create_dir_all(project.join("runs/sets/ds")).unwrap();
        let there = project.join("sets/ds").display().to_string();
        assert_eq!(located("sets/ds", &run.join("model.mlp")), there);
        assert_eq!(located("mnist", &run), "mnist");
        assert_eq!(located("sets/none", &run), "sets/none");
        assert_eq!(located(&there, &run), there);
        // The current directory is another project, so a new name is absolute and a stored one
        // stays.
        assert_eq!(stored_name(&there, &run), there);
        assert_eq!(stored_name("sets/ds", &run), "sets/ds");
        assert_eq!(stored_name("synthetic", &run), "synthetic");
        // A directory with the name of a known dataset is not that dataset.
        mlp_data::synthetic::digits(10, 10, 0).write_dir(&project.join("mnist"), "", false).unwrap();
        assert_eq!(located("./mnist", &run), project.join("mnist").display().to_string());
        assert_eq!(stored_name("./mnist", &run), "./mnist");
    }
}
