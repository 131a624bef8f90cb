//! No crate has an import cycle among its files. A file that uses a name imports the file that
//! defines it, through any chain of re-exports and globs. `mod` declarations, tests, and re-exports
//! that the file itself does not use do not count.

mod cycles;
mod mentions;
mod modules;

use self::cycles::Imports;
use self::modules::Sources;
use crate::tree;

const ROOTS: [&str; 5] = [
    "crates/mlp-cli/src/main.rs",
    "crates/mlp-core/src/lib.rs",
    "crates/mlp-data/src/lib.rs",
    "crates/mlp-train/src/lib.rs",
    "xtask/src/main.rs",
];

#[test]
fn no_crate_has_an_import_cycle() {
    let mut found = String::new();
    for root in ROOTS {
        let (directory, _) = root.rsplit_once('/').expect("a path with a directory");
        let sources = tree::texts(directory).into_iter().collect();
        let cycles = Imports::of(root, &sources).cycles();
        found.extend(cycles.iter().map(|cycle| format!("\n{cycle}")));
    }
    assert!(found.is_empty(), "{found}");
}

/// The cycles of a crate with these files, as printed.
fn cycles(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Sources =
        files.iter().map(|(path, text)| (format!("src/{path}"), (*text).to_owned())).collect();
    Imports::of("src/lib.rs", &sources).cycles().iter().map(ToString::to_string).collect()
}

/// A cycle of two files, as printed.
fn of_two(a: &str, b: &str, from_b: &str, from_a: &str) -> [String; 1] {
    let [a, b] = [a, b].map(|file| format!("src/{file}"));
    [format!("import cycle of 2 files: {a}, {b}\n  {a} -> {b}: {from_b}\n  {b} -> {a}: {from_a}\n")]
}

#[test]
fn files_that_import_each_other_are_a_cycle() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::{Beta, beta as other}; pub struct Alpha;"),
        ("b.rs", "use super::a::Alpha; pub struct Beta; pub fn beta(_: Alpha) {}"),
        ("c.rs", "use crate::a::Alpha; use std::fmt; pub struct Gamma(Alpha);"),
    ]);
    assert_eq!(found, of_two("a.rs", "b.rs", "Beta, beta", "Alpha"));
}

#[test]
fn one_way_imports_are_not_a_cycle() {
    let found = cycles(&[
        ("lib.rs", "mod a; pub mod b; mod c; pub use a::Alpha; pub use c::*;"),
        ("a.rs", "pub struct Alpha;"),
        ("b.rs", "mod inner; pub use inner::Inner; pub fn b() -> crate::Alpha { crate::Alpha }"),
        ("b/inner.rs", "use crate::Alpha; pub struct Inner(Alpha);"),
        ("c.rs", "use crate::b; pub fn c() { b::b(); let _: Option<b::Inner> = None; }"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn reexports_resolve_to_the_defining_file() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b; pub use a::Renamed as Name; pub use b::Beta;"),
        ("a/mod.rs", "mod deep; pub use deep::Deep as Renamed;"),
        ("a/deep.rs", "use crate::Beta; pub struct Deep(Beta);"),
        ("b.rs", "pub struct Beta; fn b() -> crate::Name { panic!() }"),
    ]);
    assert_eq!(found, of_two("a/deep.rs", "b.rs", "Beta", "Deep"));
}

#[test]
fn a_glob_imports_only_the_names_that_are_used() {
    let files = |a| {
        [
            ("lib.rs", "mod a; mod b; mod prelude;"),
            ("prelude.rs", "pub use crate::b::*;"),
            ("a.rs", a),
            ("b.rs", "use crate::a::*; pub struct Beta(Alpha); pub struct Other;"),
        ]
    };
    let found = cycles(&files("use crate::prelude::*; pub struct Alpha; type Used = Vec<Beta>;"));
    assert_eq!(found, of_two("a.rs", "b.rs", "Beta", "Alpha"));
    assert!(cycles(&files("use crate::prelude::*; pub struct Alpha;")).is_empty());
}

#[test]
fn a_trait_imported_by_a_glob_always_counts() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::*; pub struct Alpha; fn a() { 1.method() }"),
        ("b.rs", "use crate::a::Alpha; pub trait Method { fn method(&self) -> Alpha; }"),
    ]);
    assert_eq!(found, of_two("a.rs", "b.rs", "Method", "Alpha"));
}

#[test]
fn paths_in_expressions_count() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub const SIZE: usize = 1; fn a() { let _ = [crate::b::Kind::One]; }"),
        ("b.rs", "use super::a; pub enum Kind { One } fn b() -> usize { a::SIZE }"),
    ]);
    assert_eq!(found, of_two("a.rs", "b.rs", "Kind", "SIZE"));
}

#[test]
fn macro_definitions_and_arguments_count() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "#[macro_export] macro_rules! named { ($x:expr) => { $crate::b::name($x.a) } }"),
        ("b.rs", "pub fn name(x: u8) { crate::named!(x) }"),
    ]);
    assert_eq!(found, of_two("a.rs", "b.rs", "name", "named"));
    let found = cycles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub fn a() { println!(\"{}\", [1, crate::b::B]) }"),
        ("b.rs", "#[arg(value_parser = crate::a::a)] pub const B: u8 = 1;"),
    ]);
    assert_eq!(found, of_two("a.rs", "b.rs", "B", "a"));
    let found = cycles(&[
        ("lib.rs", "macro_rules! check { () => { a::A } } mod a;"),
        ("a.rs", "pub struct A; fn a() { check!() }"),
    ]);
    assert_eq!(found, of_two("a.rs", "lib.rs", "check", "A"));
}

#[test]
fn a_parent_and_child_that_use_each_other_are_a_cycle() {
    let found = cycles(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod child; pub use child::Child; const PRIVATE: u8 = 0; fn a(_: Child) {}"),
        ("a/child.rs", "pub struct Child; fn c() -> u8 { super::PRIVATE }"),
    ]);
    assert_eq!(found, of_two("a.rs", "a/child.rs", "Child", "PRIVATE"));
    let found = cycles(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod child; pub use child::Child; const PRIVATE: u8 = 0;"),
        ("a/child.rs", "pub struct Child; mod inline { fn c() -> u8 { super::super::PRIVATE } }"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn tests_and_visibilities_do_not_count() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod missing;"),
        (
            "a.rs",
            "pub struct Alpha; #[cfg(test)] use crate::b::Beta; #[cfg(all(test, unix))] fn t() { crate::b::f() } \
             impl Alpha { #[cfg(test)] fn t() { crate::b::f() } } \
             #[cfg(test)] mod tests { use crate::b::Beta; #[test] fn t() { crate::b::f() } }",
        ),
        ("b.rs", "use crate::a::Alpha; pub(in crate::b) struct Beta(Alpha); pub fn f() {}"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_long_cycle_names_every_import() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; pub use {a::A, b::B, c::C, d::D};"),
        ("a.rs", "pub struct A(crate::B);"),
        ("b.rs", "pub struct B(crate::C, crate::D);"),
        ("c.rs", "pub struct C(Box<crate::A>);"),
        ("d.rs", "pub struct D;"),
    ]);
    let expected = "import cycle of 3 files: src/a.rs, src/b.rs, src/c.rs\n  src/a.rs -> src/b.rs: B\n  \
                    src/b.rs -> src/c.rs: C\n  src/c.rs -> src/a.rs: A\n";
    assert_eq!(found, [expected]);
}

#[test]
fn circular_reexports_end_the_search() {
    let found = cycles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub use crate::b::*; pub use crate::b::Lost; fn a() -> Nothing { Lost }"),
        ("b.rs", "pub use crate::a::*; pub use crate::a::Lost;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}
