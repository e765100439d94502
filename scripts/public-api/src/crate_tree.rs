//! The modules of a crate, and where a path leads.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use syn::{Attribute, Ident, Item, ItemUse, UseTree, Visibility};

use crate::text::squeezed;

/// Where a module is: names from the root of the crate.
pub type Place = Vec<String>;

#[derive(Default)]
pub struct Module {
    pub items: Vec<Item>,
    pub uses: Vec<Use>,
    children: Vec<String>,
}

/// One name, or all, that a module takes from elsewhere.
pub struct Use {
    pub path: Vec<String>,
    /// What it is called here; `None` for a `*`.
    pub name: Option<String>,
    pub public: bool,
}

pub struct Tree(BTreeMap<Place, Module>);

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Module(Place),
    /// A module, and the name of an item in it.
    Item(Place, String),
}

impl Tree {
    /// All modules from this `lib.rs` on.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self(BTreeMap::new());
        tree.read_file(root, Vec::new())?;
        Ok(tree)
    }

    /// The same for a crate without files.
    #[cfg(test)]
    pub fn parse(text: &str) -> Result<Self> {
        let mut tree = Self(BTreeMap::new());
        tree.add(syn::parse_file(text)?.items, Vec::new(), Path::new(""))?;
        Ok(tree)
    }

    fn read_file(&mut self, path: &Path, place: Place) -> Result<()> {
        let named = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(named)?;
        let file = syn::parse_file(&text).with_context(named)?;
        let owns_folder = place.is_empty() || path.ends_with("mod.rs");
        let folder = if owns_folder { path.with_file_name("") } else { path.with_extension("") };
        self.add(file.items, place, &folder)
    }

    fn add(&mut self, items: Vec<Item>, place: Place, folder: &Path) -> Result<()> {
        let mut module = Module::default();
        for item in items.into_iter().filter(|item| !is_left_out(attributes(item))) {
            match item {
                Item::Mod(mut child) => {
                    let name = child.ident.to_string();
                    let below = child_of(&place, &name);
                    match child.content.take() {
                        Some((_, items)) => self.add(items, below, &folder.join(&name))?,
                        None => {
                            let files = [
                                folder.join(format!("{name}.rs")),
                                folder.join(&name).join("mod.rs"),
                            ];
                            let Some(file) = files.iter().find(|file| file.exists()) else {
                                bail!("no file of the module {}", below.join("::"));
                            };
                            self.read_file(file, below)?;
                        }
                    }
                    module.children.push(name);
                    module.items.push(Item::Mod(child));
                }
                Item::Use(item) => module.uses.extend(uses(&item)),
                item => module.items.push(item),
            }
        }
        self.0.insert(place, module);
        Ok(())
    }

    pub fn modules(&self) -> impl Iterator<Item = (&Place, &Module)> {
        self.0.iter()
    }

    pub fn module(&self, place: &Place) -> &Module {
        &self.0[place]
    }

    /// Where this path leads from a module; `None` where that is another crate.
    pub fn resolve(&self, from: &Place, path: &[String]) -> Option<Target> {
        self.resolve_within(from, path, 0)
    }

    fn resolve_within(&self, from: &Place, path: &[String], depth: usize) -> Option<Target> {
        // Modules that take all from each other.
        if depth > 16 {
            return None;
        }
        let mut at = Target::Module(from.clone());
        for (i, name) in path.iter().enumerate() {
            let Target::Module(place) = &at else { return Some(at) };
            at = match name.as_str() {
                "crate" => Target::Module(Vec::new()),
                "self" => at,
                "super" => Target::Module(place[..place.len().checked_sub(1)?].to_vec()),
                // A private name is seen from where the path starts.
                name => self.find(place, name, i == 0, depth)?,
            };
        }
        Some(at)
    }

    /// What is called so in a module.
    fn find(&self, place: &Place, name: &str, private: bool, depth: usize) -> Option<Target> {
        let module = self.0.get(place)?;
        if module.children.iter().any(|child| child == name) {
            return Some(Target::Module(child_of(place, name)));
        }
        if module.items.iter().any(|item| ident(item).is_some_and(|ident| ident == name)) {
            return Some(Target::Item(place.clone(), name.to_string()));
        }
        let seen = |used: &&Use| used.public || private || depth > 0;
        let uses = || module.uses.iter().filter(seen);
        // `pub use name` is another crate, which only its own import is called like.
        let by_name =
            uses().filter(|used| used.name.as_deref() == Some(name) && used.path != [name]);
        let by_name = by_name.map(|used| self.resolve_within(place, &used.path, depth + 1));
        let from_all = uses().filter(|used| used.name.is_none()).map(|used| {
            let Target::Module(all) = self.resolve_within(place, &used.path, depth + 1)? else {
                return None;
            };
            self.find(&all, name, false, depth + 1)
        });
        by_name.chain(from_all).flatten().next()
    }
}

/// The place of a module's child.
pub fn child_of(place: &Place, name: &str) -> Place {
    let mut place = place.clone();
    place.push(name.to_string());
    place
}

/// Whether tests, the documentation's own pages or nobody should see it.
pub fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = squeezed(&attribute.meta);
        ["cfg(test)", "cfg(doc", "cfg(all(doc", "doc(hidden)"].iter().any(|it| text.starts_with(it))
    })
}

fn uses(item: &ItemUse) -> Vec<Use> {
    fn walk(tree: &UseTree, path: &[String], public: bool, found: &mut Vec<Use>) {
        let with = |name: &Ident| [path, &[name.to_string()]].concat();
        let mut add = |path: Vec<String>, name: Option<String>| {
            // `use a::{self}` is `use a`.
            let itself = path.len() > 1 && path.last().is_some_and(|last| last == "self");
            let path = if itself { path[..path.len() - 1].to_vec() } else { path };
            let name =
                name.map(|name| if name == "self" { path[path.len() - 1].clone() } else { name });
            found.push(Use { path, name, public });
        };
        match tree {
            UseTree::Path(tree) => walk(&tree.tree, &with(&tree.ident), public, found),
            UseTree::Name(name) => add(with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(name) => add(with(&name.ident), Some(name.rename.to_string())),
            UseTree::Glob(_) => add(path.to_vec(), None),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| walk(tree, path, public, found));
            }
        }
    }
    let mut found = Vec::new();
    walk(&item.tree, &[], is_public(&item.vis), &mut found);
    found
}

pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

pub fn ident(item: &Item) -> Option<&Ident> {
    Some(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    })
}

pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
