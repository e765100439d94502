//! The lines of the listing.

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, Meta, Path, Token, TraitItem, Type};

use crate::crate_tree::{Place, Target, Tree, attributes, child_of, ident, is_left_out, is_public};
use crate::text::{squeezed, text};

/// What is public, sorted by where it is.
pub fn lines(tree: &Tree) -> Vec<String> {
    let mut listing = Listing { tree, impls: impls(tree), lines: BTreeSet::new() };
    listing.module(&Vec::new(), "convolve", 0);
    listing.lines.into_iter().map(|(_, line)| line).collect()
}

struct Listing<'a> {
    tree: &'a Tree,
    impls: BTreeMap<Target, Vec<&'a ItemImpl>>,
    lines: BTreeSet<(String, String)>,
}

/// The blocks of each type of the crate.
fn impls(tree: &Tree) -> BTreeMap<Target, Vec<&ItemImpl>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (place, module) in tree.modules() {
        for item in &module.items {
            if let Item::Impl(item) = item
                && let Type::Path(of) = &*item.self_ty
                && let Some(target) = tree.resolve(place, &names(&of.path))
            {
                found.entry(target).or_default().push(item);
            }
        }
    }
    found
}

fn names(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl Listing<'_> {
    fn add(&mut self, path: &str, line: String) {
        self.lines.insert((path.to_string(), line));
    }

    fn module(&mut self, place: &Place, shown: &str, depth: usize) {
        if depth > 16 {
            return;
        }
        let tree = self.tree;
        let module = tree.module(place);
        for item in &module.items {
            self.item(place, item, shown, None, depth);
        }
        for used in module.uses.iter().filter(|used| used.public) {
            match (tree.resolve(place, &used.path), &used.name) {
                (Some(Target::Module(all)), None) => self.module(&all, shown, depth + 1),
                (Some(Target::Module(inner)), Some(name)) => {
                    self.module_named(&inner, &format!("{shown}::{name}"), depth);
                }
                (Some(Target::Item(from, name)), Some(here)) => {
                    let named = |item: &&Item| ident(item).is_some_and(|ident| *ident == name);
                    for item in tree.module(&from).items.iter().filter(named) {
                        self.item(&from, item, shown, Some(here), depth);
                    }
                }
                (Some(Target::Item(..)), None) => {}
                (None, _) => self.add("", format!("pub use {}", used.path.join("::"))),
            }
        }
    }

    fn module_named(&mut self, place: &Place, shown: &str, depth: usize) {
        self.add(shown, format!("pub mod {shown}"));
        self.module(place, shown, depth + 1);
    }

    /// An item of the module at `place`, as it is called in the public module `shown`.
    fn item(&mut self, place: &Place, item: &Item, shown: &str, name: Option<&str>, depth: usize) {
        let Some(ident) = ident(item) else { return };
        let path = format!("{shown}::{}", name.unwrap_or(&ident.to_string()));
        let mark = if has(attributes(item), "non_exhaustive") { "#[non_exhaustive] " } else { "" };
        match item {
            Item::Mod(item) if is_public(&item.vis) => {
                let inner = child_of(place, &ident.to_string());
                self.module_named(&inner, &path, depth);
                return;
            }
            Item::Const(item) if is_public(&item.vis) => {
                self.add(&path, format!("pub const {path}: {}", text(&item.ty)));
            }
            Item::Static(item) if is_public(&item.vis) => {
                self.add(&path, format!("pub static {path}: {}", text(&item.ty)));
            }
            Item::Fn(item) if is_public(&item.vis) => self.function(&item.sig, &path),
            Item::Type(item) if is_public(&item.vis) => {
                let generics = text(&item.generics);
                self.add(&path, format!("pub type {path}{generics} = {}", text(&item.ty)));
            }
            Item::Struct(item) if is_public(&item.vis) => {
                self.add(&path, format!("{mark}pub struct {path}{}", text(&item.generics)));
                self.fields(&item.fields, &path, false);
            }
            Item::Enum(item) if is_public(&item.vis) => {
                self.add(&path, format!("{mark}pub enum {path}{}", text(&item.generics)));
                for variant in &item.variants {
                    let path = format!("{path}::{}", variant.ident);
                    self.add(&path, format!("variant {path}"));
                    self.fields(&variant.fields, &path, true);
                }
            }
            Item::Trait(item) if is_public(&item.vis) => {
                let bounds = text(&item.supertraits);
                let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
                self.add(&path, format!("pub trait {path}{}{bounds}", text(&item.generics)));
                item.items.iter().for_each(|item| self.trait_item(item, &path));
            }
            _ => return,
        }
        for derived in derives(attributes(item)) {
            self.add(&path, format!("impl {derived} for {path}"));
        }
        let target = Target::Item(place.clone(), ident.to_string());
        for block in self.impls.get(&target).cloned().unwrap_or_default() {
            self.block(block, &path);
        }
    }

    fn function(&mut self, signature: &syn::Signature, path: &str) {
        // That a method may change its own `self` concerns nobody.
        let signature = text(signature).replace("(mut self", "(self");
        // The name in the signature becomes the whole path.
        let (before, rest) = signature.split_once("fn ").expect("a function");
        let end = rest.find(['<', '(']).expect("an argument list");
        self.add(path, format!("pub {before}fn {path}{}", &rest[end..]));
    }

    fn fields(&mut self, fields: &Fields, path: &str, of_variant: bool) {
        for (i, field) in fields.iter().enumerate() {
            if of_variant || is_public(&field.vis) {
                let name = field.ident.as_ref().map_or(i.to_string(), ToString::to_string);
                let path = format!("{path}::{name}");
                self.add(&path, format!("field {path}: {}", text(&field.ty)));
            }
        }
    }

    fn trait_item(&mut self, item: &TraitItem, path: &str) {
        match item {
            TraitItem::Fn(item) if !is_left_out(&item.attrs) => {
                let name = format!("{path}::{}", item.sig.ident);
                self.function(&item.sig, &name);
            }
            TraitItem::Const(item) if !is_left_out(&item.attrs) => {
                self.add(path, format!("pub const {path}::{}: {}", item.ident, text(&item.ty)));
            }
            TraitItem::Type(item) if !is_left_out(&item.attrs) => {
                self.add(path, format!("pub type {path}::{}", item.ident));
            }
            _ => {}
        }
    }

    /// What a block gives the type at `path`.
    fn block(&mut self, block: &ItemImpl, path: &str) {
        if let Some((not, of, _)) = &block.trait_ {
            let not = if not.is_some() { "!" } else { "" };
            self.add(path, format!("impl{} {not}{} for {path}", text(&block.generics), text(of)));
            return;
        }
        for item in &block.items {
            match item {
                ImplItem::Fn(item) if is_public(&item.vis) && !is_left_out(&item.attrs) => {
                    let name = format!("{path}::{}", item.sig.ident);
                    self.function(&item.sig, &name);
                }
                ImplItem::Const(item) if is_public(&item.vis) => {
                    self.add(path, format!("pub const {path}::{}: {}", item.ident, text(&item.ty)));
                }
                _ => {}
            }
        }
    }
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

fn derives(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let paths = lists.filter_map(|attribute| match &attribute.meta {
        Meta::List(list) => {
            list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()
        }
        _ => None,
    });
    paths.flatten().map(|path| squeezed(&path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(source: &str) -> Vec<String> {
        lines(&Tree::parse(source).unwrap())
    }

    #[test]
    fn what_is_public_is_listed_under_its_public_name() {
        let source = "
            mod inner {
                pub struct Seen<A> { pub field: A, hidden: u8 }
                pub struct Unseen;
                pub(crate) fn no() {}
                pub mod deep { pub fn f(x: &super::Unseen) -> bool { true } }
                mod other {
                    use super::Seen;
                    impl<A> Seen<A> {
                        pub fn new(mut self) -> Self { self }
                        fn private(&self) {}
                        #[doc(hidden)] pub fn for_tests(&self) {}
                    }
                }
            }
            #[derive(Clone)] #[non_exhaustive] pub enum Choice { One, Two(u8) }
            pub trait Named: Send { fn name(&self) -> String; }
            impl Named for Choice { fn name(&self) -> String { String::new() } }
            pub use inner::Seen as Renamed;
            pub use inner::deep::*;
            pub use elsewhere;
            #[cfg(test)] pub fn test() {}
        ";
        assert_eq!(
            listed(source),
            [
                "pub use elsewhere",
                "#[non_exhaustive] pub enum convolve::Choice",
                "impl Clone for convolve::Choice",
                "impl Named for convolve::Choice",
                "variant convolve::Choice::One",
                "variant convolve::Choice::Two",
                "field convolve::Choice::Two::0: u8",
                "pub trait convolve::Named: Send",
                "pub fn convolve::Named::name(&self) -> String",
                "pub struct convolve::Renamed<A>",
                "field convolve::Renamed::field: A",
                "pub fn convolve::Renamed::new(self) -> Self",
                "pub fn convolve::f(x: &super::Unseen) -> bool",
            ]
        );
    }
}
