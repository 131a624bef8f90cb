//! The paths that a module mentions: in private `use` declarations, types, expressions, and the
//! tokens of macros and attributes.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemUse, Macro, Stmt, VisRestricted};

use super::modules::{Module, Path, attributes, imports, is_test};

/// The paths that a module mentions, in order, with repetitions.
#[derive(Default)]
pub(crate) struct Mentions {
    pub(crate) paths: Vec<Path>,
    /// The paths of called macros.
    pub(crate) macros: Vec<Path>,
}

impl Mentions {
    /// Collects the mentions in a module, except in its tests.
    pub(crate) fn of(module: &Module) -> Self {
        let mut mentions = Self::default();
        module.items.iter().for_each(|item| mentions.visit_item(item));
        mentions
    }

    /// Adds everything that looks like a path, local variables included: those resolve to nothing.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let (mut after_colons, mut before) = (false, ' ');
        let mut rest = tokens.into_iter().peekable();
        while let Some(token) = rest.next() {
            let mut punctuation = ' ';
            match &token {
                // Not a path: a field or method after `.`, a lifetime after `'`, a macro parameter
                // after `$`, except for `$crate`.
                TokenTree::Ident(ident) if !matches!(before, '.' | '\'' | '$') || ident == "crate" => {
                    if !after_colons {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    after_colons = false;
                }
                TokenTree::Punct(punct) => {
                    // `..` does not access a field.
                    punctuation = if before == '.' && punct.as_char() == '.' { ' ' } else { punct.as_char() };
                    let is_second = before == ':' && punctuation == ':';
                    after_colons = is_second && !path.is_empty();
                    let is_first = punctuation == ':' && punct.spacing() == Spacing::Joint;
                    if !is_first && !is_second {
                        let calls = punctuation == '!' && matches!(rest.peek(), Some(TokenTree::Group(_)));
                        if calls && !path.is_empty() {
                            self.macros.push(path.clone());
                        }
                        self.end(&mut path);
                    }
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                _ => self.end(&mut path),
            }
            before = punctuation;
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Path) {
        if !path.is_empty() {
            self.paths.push(std::mem::take(path));
        }
    }
}

impl Visit<'_> for Mentions {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs[..],
            ImplItem::Fn(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &Stmt) {
        if !matches!(statement, Stmt::Local(local) if is_test(&local.attrs)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_use(&mut self, declaration: &ItemUse) {
        let used = imports(declaration).into_iter().filter(|import| !import.is_reexport);
        self.paths.extend(used.map(|import| import.path));
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.paths.push(segments(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &Macro) {
        self.macros.push(segments(&called.path));
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        match &attribute.meta {
            syn::Meta::Path(_) => {}
            syn::Meta::List(list) => self.tokens(list.tokens.clone()),
            syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
        }
    }

    /// `pub(in super::super)` does not use a name.
    fn visit_vis_restricted(&mut self, _: &VisRestricted) {}
}

fn segments(path: &syn::Path) -> Path {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}
