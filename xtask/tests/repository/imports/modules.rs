//! The modules of a crate, and name resolution: follows re-exports and globs to the file that
//! defines an item.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, ItemUse, Meta, UseTree, Visibility};

/// The sources of a crate by path.
pub(crate) type Sources = BTreeMap<String, String>;

/// A path, segment by segment.
pub(crate) type Path = Vec<String>;

/// A crate without its tests.
pub(crate) struct Crate {
    pub(crate) modules: Vec<Module>, // the root first
}

/// One module, in a file of its own or inside its parent's.
pub(crate) struct Module {
    pub(crate) file: String,
    /// Its items, except for child modules.
    pub(crate) items: Vec<Item>,
    parent: Option<usize>,
    names: BTreeMap<String, Vec<Meaning>>,
    globs: Vec<Glob>,
}

struct Glob {
    path: Path,
    is_reexport: bool,
}

/// The meaning of a name, which can have several: a module, a function and a macro.
enum Meaning {
    /// An item that this module defines.
    Item(usize),
    Module(usize),
    Use(Path),
}

/// What a path refers to.
enum Target {
    Module(usize),
    Item { file: String, name: String },
}

/// One path of a `use` declaration.
pub(crate) struct Import {
    pub(crate) path: Path,
    bound: Bound,
    /// A re-export makes the name available to others and does not use it.
    pub(crate) is_reexport: bool,
}

/// What a `use` path brings into scope.
enum Bound {
    Name(String),
    Everything,
    Nothing,
}

impl Crate {
    /// Parses the crate whose root is the file `root`.
    ///
    /// # Panics
    /// When a file is missing or is not Rust.
    pub(crate) fn parse(root: &str, sources: &Sources) -> Self {
        let mut parsed = Self { modules: Vec::new() };
        parsed.add_file(root, None, sources);
        parsed
    }

    /// The items of this crate that `path` refers to in `module`, as pairs of file and name.
    pub(crate) fn items(&self, module: usize, path: &[String]) -> BTreeSet<(String, String)> {
        let targets = self.resolve(module, path, &mut BTreeSet::new()).into_iter();
        let item = |target| match target {
            Target::Item { file, name } => Some((file, name)),
            Target::Module(_) => None,
        };
        targets.filter_map(item).collect()
    }

    /// Like [`Self::items`], for macros: child modules also see a `macro_rules!` macro.
    pub(crate) fn macros(&self, module: usize, path: &[String]) -> BTreeSet<(String, String)> {
        let ancestors = std::iter::successors(Some(module), |&module| self.modules[module].parent);
        let found = ancestors.map(|ancestor| self.items(ancestor, path));
        found
            .take(if path.len() == 1 { usize::MAX } else { 1 })
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    /// The traits that a module's globs import: their methods can be called without naming them.
    pub(crate) fn traits_by_globs(&self, module: usize) -> BTreeSet<(String, String)> {
        let modules_behind = |module: usize, glob: &Glob| {
            let targets = self.resolve(module, &glob.path, &mut BTreeSet::new()).into_iter();
            let module = |target| if let Target::Module(module) = target { Some(module) } else { None };
            targets.filter_map(module).collect::<Vec<_>>()
        };
        let private = self.modules[module].globs.iter().filter(|glob| !glob.is_reexport);
        let mut reached: Vec<usize> = private.flat_map(|glob| modules_behind(module, glob)).collect();
        let mut next = 0;
        while let Some(&module) = reached.get(next) {
            next += 1;
            let more = self.modules[module].globs.iter().flat_map(|glob| modules_behind(module, glob));
            let new: Vec<usize> = more.filter(|module| !reached.contains(module)).collect();
            reached.extend(new);
        }
        let names =
            |&module: &usize| self.modules[module].names.keys().map(move |name| (module, name.clone()));
        let items = reached.iter().flat_map(names).flat_map(|(module, name)| self.items(module, &[name]));
        items.filter(|(file, name)| self.is_trait(file, name)).collect()
    }

    fn is_trait(&self, file: &str, name: &str) -> bool {
        let items = self.modules.iter().filter(|module| module.file == file).flat_map(|module| &module.items);
        items.into_iter().any(|item| matches!(item, Item::Trait(item) if item.ident == name))
    }

    fn add_file(&mut self, path: &str, parent: Option<usize>, sources: &Sources) -> usize {
        let text = sources.get(path).unwrap_or_else(|| panic!("missing file {path}"));
        let items = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}")).items;
        let stem = path.strip_suffix(".rs").expect("a Rust file");
        let (directory, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let directory = if matches!(name, "lib" | "main" | "mod") { directory } else { stem };
        self.add_module(path, directory, parent, items, sources)
    }

    /// Adds a module and its children; the children's files are in `directory`.
    fn add_module(
        &mut self,
        file: &str,
        directory: &str,
        parent: Option<usize>,
        items: Vec<Item>,
        sources: &Sources,
    ) -> usize {
        let id = self.modules.len();
        let (names, globs) = (BTreeMap::new(), Vec::new());
        self.modules.push(Module { file: file.to_owned(), items: Vec::new(), parent, names, globs });
        for item in items.into_iter().filter(|item| !is_test(attributes(item))) {
            let Item::Mod(child) = item else {
                self.declare(id, &item);
                self.modules[id].items.push(item);
                continue;
            };
            let below = format!("{directory}/{}", child.ident);
            let child_id = match child.content {
                Some((_, items)) => self.add_module(file, &below, Some(id), items, sources),
                None => {
                    let [beside, inside] = [format!("{below}.rs"), format!("{below}/mod.rs")];
                    let path = if sources.contains_key(&inside) { inside } else { beside };
                    self.add_file(&path, Some(id), sources)
                }
            };
            self.name(id, child.ident.to_string(), Meaning::Module(child_id));
        }
        id
    }

    /// Records the names that an item defines or imports, even inside a function.
    fn declare(&mut self, module: usize, item: &Item) {
        if let Some(name) = defined(item).map(Ident::to_string) {
            if attributes(item).iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                self.name(0, name.clone(), Meaning::Item(module));
            }
            self.name(module, name, Meaning::Item(module));
        }
        let mut uses = Uses(Vec::new());
        uses.visit_item(item);
        for import in uses.0 {
            match import.bound {
                Bound::Name(name) => self.name(module, name, Meaning::Use(import.path)),
                Bound::Everything => {
                    let Import { path, is_reexport, .. } = import;
                    self.modules[module].globs.push(Glob { path, is_reexport });
                }
                Bound::Nothing => {}
            }
        }
    }

    fn name(&mut self, module: usize, name: String, meaning: Meaning) {
        self.modules[module].names.entry(name).or_default().push(meaning);
    }

    /// Resolves a path. `seen` holds the names being resolved, because re-exports may be circular.
    fn resolve(&self, from: usize, path: &[String], seen: &mut BTreeSet<(usize, String)>) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            _ => self.step(from, first, seen),
        };
        for segment in rest {
            let inside = |target: &Target| match target {
                Target::Module(module) => self.step(*module, segment, seen),
                Target::Item { .. } => Vec::new(),
            };
            let next: Vec<Target> = targets.iter().flat_map(inside).collect();
            if next.is_empty() {
                // The rest of the path, such as a variant, is in the item's file.
                targets.retain(|target| matches!(target, Target::Item { .. }));
                break;
            }
            targets = next;
        }
        targets
    }

    /// Resolves one segment of a path inside a module.
    fn step(&self, module: usize, segment: &str, seen: &mut BTreeSet<(usize, String)>) -> Vec<Target> {
        match segment {
            "self" => vec![Target::Module(module)],
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            _ => self.look_up(module, segment, seen),
        }
    }

    fn look_up(&self, module: usize, name: &str, seen: &mut BTreeSet<(usize, String)>) -> Vec<Target> {
        let is_first = seen.insert((module, name.to_owned()));
        let scope = &self.modules[module];
        let mut targets = Vec::new();
        for meaning in scope.names.get(name).into_iter().flatten() {
            match meaning {
                Meaning::Item(defined_in) => {
                    let file = self.modules[*defined_in].file.clone();
                    targets.push(Target::Item { file, name: name.to_owned() });
                }
                Meaning::Module(child) => targets.push(Target::Module(*child)),
                Meaning::Use(path) if is_first => targets.extend(self.resolve(module, path, seen)),
                Meaning::Use(_) => {}
            }
        }
        if targets.is_empty() && is_first {
            for glob in &scope.globs {
                for target in self.resolve(module, &glob.path, seen) {
                    if let Target::Module(other) = target {
                        targets.extend(self.step(other, name, seen));
                    }
                }
            }
        }
        if is_first {
            seen.remove(&(module, name.to_owned()));
        }
        targets
    }
}

/// The paths of a `use` declaration.
pub(crate) fn imports(declaration: &ItemUse) -> Vec<Import> {
    let is_reexport = !matches!(declaration.vis, Visibility::Inherited);
    let mut found = Vec::new();
    // `::name` names another crate.
    if declaration.leading_colon.is_none() {
        flatten(&declaration.tree, &mut Vec::new(), &mut found);
    }
    found.into_iter().map(|(path, bound)| Import { path, bound, is_reexport }).collect()
}

fn flatten(tree: &UseTree, prefix: &mut Path, found: &mut Vec<(Path, Bound)>) {
    let mut leaf = |ident: &Ident, bound: &Ident| {
        let mut path = prefix.clone();
        // `{self}` names the prefix.
        if ident != "self" || prefix.is_empty() {
            path.push(ident.to_string());
        }
        let name = if bound == "self" { prefix.last().cloned() } else { Some(bound.to_string()) };
        let bound = name.filter(|name| name != "_").map_or(Bound::Nothing, Bound::Name);
        found.push((path, bound));
    };
    match tree {
        UseTree::Name(name) => leaf(&name.ident, &name.ident),
        UseTree::Rename(rename) => leaf(&rename.ident, &rename.rename),
        UseTree::Glob(_) => found.push((prefix.clone(), Bound::Everything)),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, found)),
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
    }
}

/// The `use` declarations of an item, including nested ones.
struct Uses(Vec<Import>);

impl Visit<'_> for Uses {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, declaration: &ItemUse) {
        self.0.extend(imports(declaration));
    }
}

/// Returns true if these attributes restrict an item to tests.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string().replace(' ', "");
            condition == "test" || condition.starts_with("all(test,")
        }
        _ => false,
    })
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}
