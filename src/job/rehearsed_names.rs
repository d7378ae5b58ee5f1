//! The names of what a rehearsal writes: never those of a real run.

use std::path::{Path, PathBuf};

/// The rehearsal's counterpart of a file: `a.csv.gz` becomes `a.simulated.csv.gz`.
pub(super) fn simulated(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let at = stem.rfind('.').filter(|at| *at > 0).unwrap_or(stem.len());
    path.with_file_name(format!("{}.simulated{}", &name[..at], &name[at..]))
}

/// The rehearsal's counterpart of files that are named by a template: before the last dot of the name that every file has.
pub(super) fn simulated_template(template: &str) -> String {
    // A dot between statements may be that of one branch alone.
    let from = if template.contains("{%") { template.rfind('}').map_or(0, |last| last + 1) } else { 0 };
    let (mut depth, mut at) = (0, template.len());
    for (index, byte) in template.bytes().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b'/' if depth == 0 => at = template.len(),
            b'.' if depth == 0 => at = index,
            _ => {}
        }
    }
    format!("{}.simulated{}", &template[..at], &template[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_template_says_that_it_is_of_a_rehearsal() {
        for (template, expected) in [
            ("out/{{ stem }}.zh.md", "out/{{ stem }}.zh.simulated.md"),
            (
                "out/{{ stem }}.zh.{{ 'srt' if x.y else 'md' }}",
                "out/{{ stem }}.zh.simulated.{{ 'srt' if x.y else 'md' }}",
            ),
            ("out.d/{{ name }}", "out.d/{{ name }}.simulated"),
            (
                "{{ stem }}{% if a %}.srt{% else %}.md{% endif %}",
                "{{ stem }}{% if a %}.srt{% else %}.md{% endif %}.simulated",
            ),
            ("{% if a %}b{% endif %}.md", "{% if a %}b{% endif %}.simulated.md"),
        ] {
            assert_eq!(simulated_template(template), expected);
        }
    }
}
