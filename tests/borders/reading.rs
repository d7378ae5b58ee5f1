//! Reads one file's syntax: the definitions, imports and names of its modules. Test code is skipped.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, ImplItem, ImplItemFn, Item, ItemFn, ItemMod, ItemUse, Macro, Meta, Path, Signature,
    UseTree, Visibility,
};

use crate::module::{Module, ModulePath, WrittenPath};

pub(crate) struct Reader {
    file: String,
    /// The module whose items are being read.
    at: ModulePath,
    pub(crate) modules: BTreeMap<ModulePath, Module>,
    /// Modules that have files of their own.
    pub(crate) children: Vec<ModulePath>,
    pub(crate) types: Vec<String>,
    pub(crate) functions: Vec<(String, usize)>,
}

impl Reader {
    pub(crate) fn new(file: &str, module: ModulePath) -> Self {
        let mut reader = Self {
            file: file.to_owned(),
            at: module,
            modules: BTreeMap::new(),
            children: Vec::new(),
            types: Vec::new(),
            functions: Vec::new(),
        };
        reader.module();
        reader
    }

    fn module(&mut self) -> &mut Module {
        let module = self.modules.entry(self.at.clone()).or_default();
        module.file.clone_from(&self.file);
        module
    }

    fn define(&mut self, items: &[Item]) {
        for item in items {
            let (name, is_type) = match item {
                Item::Struct(item) => (&item.ident, true),
                Item::Enum(item) => (&item.ident, true),
                Item::Union(item) => (&item.ident, true),
                Item::Trait(item) => (&item.ident, true),
                Item::Type(item) => (&item.ident, true),
                Item::Fn(item) => (&item.sig.ident, false),
                Item::Const(item) => (&item.ident, false),
                Item::Static(item) => (&item.ident, false),
                Item::Macro(item) => match &item.ident {
                    Some(name) => (name, false),
                    None => continue,
                },
                _ => continue,
            };
            if !attributes(item).iter().any(is_for_tests) {
                self.module().defined.insert(name.to_string());
                self.types.extend(is_type.then(|| name.to_string()));
            }
        }
    }

    fn import(&mut self, prefix: &[String], tree: &UseTree, exported: bool) {
        let joined = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(tree) => self.import(&joined(&tree.ident), &tree.tree, exported),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(prefix, tree, exported));
            }
            UseTree::Name(name) if name.ident == "self" => self.bind(prefix.to_vec(), None, exported),
            UseTree::Name(name) => self.bind(joined(&name.ident), None, exported),
            UseTree::Rename(name) => {
                self.bind(joined(&name.ident), Some(name.rename.to_string()), exported);
            }
            UseTree::Glob(_) => self.module().globs.push(prefix.to_vec()),
        }
    }

    fn bind(&mut self, path: WrittenPath, name: Option<String>, exported: bool) {
        let name = name.or_else(|| path.last().cloned()).expect("a name");
        if !exported {
            self.module().named.insert(path.clone());
        }
        self.module().bound.insert(name, path);
    }

    fn measure(&mut self, signature: &Signature, body: &Block) {
        let lines = body.brace_token.span.close().end().line + 1 - signature.fn_token.span.start().line;
        self.functions.push((signature.ident.to_string(), lines));
    }

    /// The paths among the tokens of a macro's call, whose syntax is the macro's own.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: WrittenPath = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.name(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                other => {
                    self.name(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.scan(group.stream());
                    }
                }
            }
        }
        self.name(path);
    }

    /// Keeps a path in a macro call. A single word may be anything there, and imports count anyway.
    fn name(&mut self, path: WrittenPath) {
        if path.len() > 1 {
            self.module().named.insert(path);
        }
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_file(&mut self, file: &'a syn::File) {
        self.define(&file.items);
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'a Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        let for_tests = matches!(item, ImplItem::Fn(item) if item.attrs.iter().any(is_for_tests));
        if !for_tests {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        let here = self.at.clone();
        self.at.push(item.ident.to_string());
        match &item.content {
            Some((_, items)) => {
                self.define(items);
                visit::visit_item_mod(self, item);
            }
            None => self.children.push(self.at.clone()),
        }
        self.at = here;
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.import(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'a Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.module().named.insert(segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a Macro) {
        self.scan(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
