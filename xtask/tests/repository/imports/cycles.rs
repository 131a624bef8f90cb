//! The imports between the files of a crate, and their cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::mentions::Mentions;
use super::modules::{Crate, Sources};

/// The names that each file imports from each other file: importing file, imported file, names.
#[derive(Default)]
pub(crate) struct Imports(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// Files that all import each other, directly or indirectly.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cycle {
    pub(crate) files: Vec<String>,
    /// Importing file, imported file, names.
    imports: Vec<(String, String, Vec<String>)>,
}

impl Imports {
    /// Collects the imports of the crate whose root is the file `root`.
    pub(crate) fn of(root: &str, sources: &Sources) -> Self {
        let tree = Crate::parse(root, sources);
        let mut imports = Self::default();
        for (id, module) in tree.modules.iter().enumerate() {
            let mentions = Mentions::of(module);
            let items = mentions.paths.iter().flat_map(|path| tree.items(id, path));
            let macros = mentions.macros.iter().flat_map(|path| tree.macros(id, path));
            let imported = imports.0.entry(module.file.clone()).or_default();
            let found = items.chain(macros).chain(tree.traits_by_globs(id));
            for (file, name) in found.filter(|(file, _)| *file != module.file) {
                imported.entry(file).or_default().insert(name);
            }
        }
        imports
    }

    /// The strongly connected components of more than one file.
    pub(crate) fn cycles(&self) -> Vec<Cycle> {
        let mut search =
            Search { imports: self, numbers: BTreeMap::new(), open: Vec::new(), cycles: Vec::new() };
        for file in self.0.keys() {
            search.visit(file);
        }
        search.cycles
    }

    fn cycle(&self, mut files: Vec<String>) -> Cycle {
        files.sort();
        let mut imports = Vec::new();
        for from in &files {
            for (to, names) in self.0[from].iter().filter(|(to, _)| files.contains(to)) {
                imports.push((from.clone(), to.clone(), names.iter().cloned().collect()));
            }
        }
        Cycle { files, imports }
    }
}

/// Tarjan's algorithm. A visited file is open until its component is complete.
struct Search<'a> {
    imports: &'a Imports,
    /// The order of visits; `usize::MAX` once the file's component is complete.
    numbers: BTreeMap<&'a str, usize>,
    open: Vec<&'a str>,
    cycles: Vec<Cycle>,
}

impl<'a> Search<'a> {
    /// Returns the lowest number among the open files reachable from `file`.
    fn visit(&mut self, file: &'a str) -> usize {
        if let Some(&number) = self.numbers.get(file) {
            return number;
        }
        let number = self.numbers.len();
        self.numbers.insert(file, number);
        let place = self.open.len();
        self.open.push(file);
        let mut lowest = number;
        for imported in self.imports.0[file].keys() {
            lowest = lowest.min(self.visit(imported));
        }
        if lowest == number {
            let component = self.open.split_off(place);
            self.numbers.extend(component.iter().map(|&file| (file, usize::MAX)));
            if component.len() > 1 {
                self.cycles.push(self.imports.cycle(component.into_iter().map(str::to_owned).collect()));
            }
        }
        lowest
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "import cycle of {} files: {}", self.files.len(), self.files.join(", "))?;
        self.imports
            .iter()
            .try_for_each(|(from, to, names)| writeln!(f, "  {from} -> {to}: {}", names.join(", ")))
    }
}
