//! The names of what a rehearsal writes: never those of a real run.

use std::path::{Path, PathBuf};

/// The rehearsal's counterpart of a file: `a.csv.gz` becomes `a.simulated.csv.gz`.
pub(super) fn simulated(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let at = stem.rfind('.').filter(|at| *at > 0).unwrap_or(stem.len());
    path.with_file_name(format!("{}.simulated{}", &name[..at], &name[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_says_that_it_is_of_a_rehearsal_and_keeps_its_ending() {
        for (name, expected) in [
            ("out/a.csv.gz", "out/a.simulated.csv.gz"),
            ("out/a.zh.md", "out/a.zh.simulated.md"),
            ("out.d/a", "out.d/a.simulated"),
            (".md", ".md.simulated"),
        ] {
            assert_eq!(simulated(Path::new(name)), Path::new(expected));
        }
    }
}
