//! The pictures below a directory, found by the names that tables give them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::numpy::file_name;
use crate::Error;
use crate::parts::{Part, in_part};
use crate::picture::{ENDINGS, LeftOut, PictureFiles};

/// The pictures below a directory.
pub(super) struct Pictures {
    pub(super) root: PathBuf,
    pub(super) files: Vec<PathBuf>,
    /// The row in which each picture was found.
    pub(super) rows: Vec<Option<usize>>,
    pub(super) left_out: LeftOut,
    /// Files by their names in lower case, without endings.
    by_name: HashMap<String, Vec<usize>>,
}

impl Pictures {
    pub(super) fn below(root: &Path) -> Result<Self, Error> {
        let PictureFiles { files, left_out, .. } = PictureFiles::find(root)?;
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, path) in files.iter().enumerate() {
            let name = file_name(path).to_lowercase();
            let stem = without_ending(&name).unwrap_or(&name);
            by_name.entry(stem.to_owned()).or_default().push(index);
        }
        Ok(Self { root: root.to_owned(), rows: vec![None; files.len()], files, left_out, by_name })
    }

    /// Finds the picture that a table calls `name`: the one at this path, or whose path ends like
    /// it, and of several the one in a directory of the part. `None` if there is none.
    ///
    /// # Errors
    /// If it may be several.
    pub(super) fn find(&self, name: &str, part: Option<Part>) -> Result<Option<usize>, String> {
        let wanted = components(&name.replace('\\', "/"));
        let Some(last) = wanted.last() else { return Ok(None) };
        let stem = without_ending(last);
        let Some(candidates) = self.by_name.get(stem.unwrap_or(last)) else { return Ok(None) };
        // The number of components at the end that are the same.
        let common = |index: usize| {
            let path = self.files[index].strip_prefix(&self.root).unwrap_or(&self.files[index]);
            let found = components(&path.to_string_lossy());
            let file = found
                .last()
                .map(|file| if stem.is_some() { file } else { without_ending(file).unwrap_or(file) });
            if file != Some(last) {
                return None;
            }
            let above = found.iter().rev().skip(1).zip(wanted.iter().rev().skip(1));
            Some((1 + above.take_while(|(a, b)| a == b).count(), found.len()))
        };
        let ranked: Vec<(usize, usize, usize)> = candidates
            .iter()
            .filter_map(|&index| common(index).map(|(common, depth)| (common, depth, index)))
            .collect();
        let Some(most) = ranked.iter().map(|(common, ..)| *common).max() else { return Ok(None) };
        let best: Vec<_> = ranked.iter().filter(|(common, ..)| *common == most).collect();
        let is_in_part = |index: usize| {
            let path = self.files[index].strip_prefix(&self.root).unwrap_or(&self.files[index]);
            let above = path.parent().into_iter().flat_map(Path::iter);
            part.is_some()
                && above.filter_map(|name| in_part(&name.to_string_lossy())).any(|(_, of)| Some(of) == part)
        };
        let is_exact = |depth: usize| depth == wanted.len() && most == depth;
        for chosen in [
            best.clone(),
            best.iter().copied().filter(|(_, depth, _)| is_exact(*depth)).collect(),
            best.iter().copied().filter(|(.., index)| is_in_part(*index)).collect(),
        ] {
            if let [(.., index)] = chosen[..] {
                return Ok(Some(*index));
            }
        }
        let shown = |(.., index): &&(usize, usize, usize)| {
            self.files[*index].strip_prefix(&self.root).unwrap_or(&self.files[*index]).display().to_string()
        };
        Err(format!(
            "{name} may be {} or {}; expected paths from the directory of the table",
            shown(&best[0]),
            shown(&best[1])
        ))
    }
}

/// The components of a path in lower case.
fn components(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !matches!(*name, "" | "." | "..")).map(str::to_lowercase).collect()
}

/// The name of a picture file without its ending; `None` if it has no ending of a picture.
pub(super) fn without_ending(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    (ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)) && !stem.is_empty()).then_some(stem)
}
