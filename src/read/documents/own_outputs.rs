//! Files that a job writes for its documents' answers, found again where its documents are: they are no input.

use std::fs;
use std::path::{Path, PathBuf};

/// Recognises the files that a template of names has made.
#[derive(Debug, Clone)]
pub struct OwnOutputs {
    /// Their folder, as far as the template names it.
    folder: Option<PathBuf>,
    /// How their names begin and end.
    begins: String,
    ends: String,
}

impl OwnOutputs {
    /// The files of a template. `None` if a file of such a name could as well be a document: then it is one, and that no answer
    /// replaces it is checked elsewhere.
    pub fn of(template: &str, inputs: &[String]) -> Option<Self> {
        let literal = &template[..template.find('{').unwrap_or(template.len())];
        let folder = literal.rfind('/').map(|last| PathBuf::from(&literal[..=last]));
        let after = &template[template.rfind('}').map_or(0, |last| last + 1)..];
        let begins = literal.rsplit('/').next().filter(|_| !template[literal.len()..].contains('/'));
        let (begins, ends) = (begins.unwrap_or_default().to_owned(), after.to_owned());
        if ends.contains('/') {
            return None;
        }
        // `.zh.md` and `zh-` tell an answer from its document; `.md` does not.
        let is_telling = !begins.is_empty() || ends.rfind('.').is_none_or(|dot| dot > 0) && !ends.is_empty();
        let folder = folder.and_then(|folder| fs::canonicalize(folder).ok());
        let is_apart = folder.as_ref().is_some_and(|folder| {
            let inputs = inputs.iter().filter_map(|input| fs::canonicalize(input).ok());
            inputs.into_iter().all(|input| !input.starts_with(folder))
        });
        (is_telling || is_apart).then_some(Self { folder, begins, ends })
    }

    /// Whether a file is one of them.
    pub(super) fn have(&self, file: &Path) -> bool {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // A rehearsal's have a word more before their ending.
        let is_named = [name.to_string(), name.replace(".simulated", "")]
            .iter()
            .any(|name| name.starts_with(&self.begins) && name.ends_with(&self.ends));
        let is_in = |folder: &PathBuf| fs::canonicalize(file).is_ok_and(|file| file.starts_with(folder));
        is_named && self.folder.as_ref().is_none_or(is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_by_their_names_or_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        for name in ["in/a.md", "in/a.zh.md", "in/out/a.md", "in/zh-a.md"] {
            fs::create_dir_all(Path::new(&at(name)).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
        }
        let have = |template: &str, name: &str| {
            OwnOutputs::of(&at(template), &[at("in")]).is_some_and(|own| own.have(Path::new(&at(name))))
        };
        assert!(have("in/{{ stem }}.zh.md", "in/a.zh.md") && !have("in/{{ stem }}.zh.md", "in/a.md"));
        assert!(have("in/out/{{ stem }}.md", "in/out/a.md") && !have("in/out/{{ stem }}.md", "in/a.md"));
        assert!(have("in/zh-{{ name }}", "in/zh-a.md") && !have("in/zh-{{ name }}", "in/a.md"));
        assert!(!have("in/{{ stem }}.md", "in/a.md"));
        fs::write(at("in/a.zh.simulated.md"), "").unwrap();
        assert!(have("in/{{ stem }}.zh.md", "in/a.zh.simulated.md"));
    }
}
