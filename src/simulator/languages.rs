//! The languages of the translation models, by English name and by code.
//!
//! From Model Studio's page "qwen-mt-api": plus, flash and turbo support them all, lite the first 31.

const LITE_COUNT: usize = 31;

/// One name and code per line.
const LANGUAGES: &str = include_str!("languages.csv");

/// Whether a translation model supports this language, given by English name or code, in any case.
pub(super) fn knows_language(model: &str, language: &str) -> bool {
    let count = if model.starts_with("qwen-mt-lite") { LITE_COUNT } else { usize::MAX };
    let known = LANGUAGES.lines().take(count).filter_map(|line| line.split_once(','));
    known
        .into_iter()
        .any(|(name, code)| name.eq_ignore_ascii_case(language) || code.eq_ignore_ascii_case(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_name_and_by_code() {
        assert!(knows_language("qwen-mt-plus", "French"));
        assert!(knows_language("qwen-mt-plus", "fr"));
        assert!(knows_language("qwen-mt-plus", "Welsh"));
        assert!(!knows_language("qwen-mt-lite", "Welsh"));
        assert_eq!(LANGUAGES.lines().count(), 92);
        assert!(!knows_language("qwen-mt-plus", "Klingon"));
    }
}
