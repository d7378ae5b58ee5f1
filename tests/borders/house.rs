//! The house as it is compiled: every file of `src` outside its tests, and what each of its modules defines and names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::visit::Visit;

use crate::module::{Module, ModulePath};
use crate::reading::Reader;

pub(crate) static HOUSE: LazyLock<House> = LazyLock::new(House::read);

/// Every file that is compiled into the library or the binary, its tests left out.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// A file, by its path under `src/`.
pub(crate) struct SourceFile {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The types that it defines at the level of a module.
    pub(crate) types: Vec<String>,
    /// Its functions, with the lines that each takes.
    pub(crate) functions: Vec<(String, usize)>,
}

impl House {
    fn read() -> Self {
        let mut house = Self::default();
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        house.enter(&src, &src.join("lib.rs"), Vec::new());
        house.enter(&src, &src.join("main.rs"), vec!["main".to_owned()]);
        house
    }

    fn enter(&mut self, src: &Path, path: &Path, module: ModulePath) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.strip_prefix(src).expect("under src").to_string_lossy().replace('\\', "/");
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("src/{name}: {error}"));
        let mut reader = Reader::new(&name, module);
        reader.visit_file(&syntax);
        self.modules.extend(reader.modules);
        let Reader { types, functions, .. } = reader;
        self.files.push(SourceFile { name, text, types, functions });
        for child in reader.children {
            self.enter(src, &file_of(path, child.last().expect("a name")), child);
        }
    }

    /// The file that defines the target of a path, through imports and re-exports; `None` for foreign paths and for
    /// modules.
    pub(crate) fn home_of(&self, at: &ModulePath, path: &[String], hops: usize) -> Option<Home<'_>> {
        // Two globs may refer to each other.
        if hops > 16 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.inside(&Vec::new(), rest, hops),
            "self" => self.inside(at, rest, hops),
            "super" => {
                let parent = at[..at.len().checked_sub(1)?].to_vec();
                match rest.first().is_some_and(|next| next == "super") {
                    true => self.home_of(&parent, rest, hops + 1),
                    false => self.inside(&parent, rest, hops),
                }
            }
            _ => self.inside(at, path, hops),
        }
    }

    fn inside(&self, at: &ModulePath, path: &[String], hops: usize) -> Option<Home<'_>> {
        let (name, rest) = path.split_first()?;
        let module = self.modules.get(at)?;
        let child = [at.as_slice(), std::slice::from_ref(name)].concat();
        if !rest.is_empty() && self.modules.contains_key(&child) {
            return self.inside(&child, rest, hops);
        }
        if module.defined.contains(name) {
            return Some(Home { file: &module.file, item: name.clone() });
        }
        if let Some(bound) = module.bound.get(name) {
            return self.home_of(at, &[bound, rest].concat(), hops + 1);
        }
        let through = |glob: &Vec<String>| self.home_of(at, &[glob, path].concat(), hops + 1);
        module.globs.iter().find_map(through)
    }
}

/// Where something is defined, and its name there.
pub(crate) struct Home<'h> {
    pub(crate) file: &'h str,
    pub(crate) item: String,
}

impl SourceFile {
    /// The code without comments and without unit tests, which may import anything.
    pub(crate) fn code(&self) -> String {
        let text = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }
}

/// The first part of a file's path: the room that it belongs to.
pub(crate) fn room_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

/// The file of a module that is declared in `parent`.
fn file_of(parent: &Path, name: &str) -> PathBuf {
    let folder = match parent.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs" | "mod.rs") => parent.parent().expect("a folder").to_path_buf(),
        _ => parent.with_extension(""),
    };
    let file = folder.join(format!("{name}.rs"));
    if file.exists() { file } else { folder.join(name).join("mod.rs") }
}
