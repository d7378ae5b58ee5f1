//! The languages of the translation models: the data is `languages.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::job::languages::{Language, Languages};

/// The lists of `languages.toml` that a model translates between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Translates {
    /// The short list.
    Lite,
    /// Both lists.
    Full,
}

/// The model that is suggested for a language that is only in the longer list.
const WIDER: &str = "qwen-mt-plus";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLanguages {
    lite: toml::Table,
    more: toml::Table,
}

/// All languages, those of the short list first, and the length of the short list.
fn all() -> &'static (Vec<Language>, usize) {
    static ALL: LazyLock<(Vec<Language>, usize)> = LazyLock::new(|| {
        let written: RawLanguages = toml::from_str(include_str!("languages.toml"))
            .expect("a test holds that the list of languages can be read");
        let short = written.lite.len();
        let language = |(name, code): (String, toml::Value)| {
            code.as_str().map(|code| Language { name, code: code.to_owned() })
        };
        (written.lite.into_iter().chain(written.more).filter_map(language).collect(), short)
    });
    &ALL
}

impl Translates {
    /// The languages of the list.
    pub fn languages(self) -> Languages {
        let (all, short) = all();
        let (lite, more) = all.split_at(*short);
        match self {
            Self::Lite => Languages { known: lite, wider: Some((WIDER, more)) },
            Self::Full => Languages { known: all, wider: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_lists_hold_92_languages_and_31_of_them_for_lite_each_once() {
        let full = Translates::Full.languages().known;
        assert_eq!((full.len(), Translates::Lite.languages().known.len()), (92, 31));
        let names: BTreeSet<_> = full.iter().map(|language| language.name.to_lowercase()).collect();
        let codes: BTreeSet<_> = full.iter().map(|language| language.code.as_str()).collect();
        assert_eq!((names.len(), codes.len()), (92, 92));
        assert!(names.is_disjoint(&codes.iter().map(|code| (*code).to_owned()).collect()));
        assert!(codes.iter().all(|code| *code == code.to_lowercase()));
    }

    #[test]
    fn names_and_codes_are_known_in_any_case() {
        let languages = Translates::Full.languages();
        for text in ["French", "french", "FR", "zh_TW", "norwegian bokmål", "Welsh", "yue"] {
            assert_eq!(languages.fault("qwen-mt-plus", text), None, "{text}");
        }
        assert_eq!(languages.code_of("Traditional chinese"), "zh_tw");
        assert_eq!(languages.code_of("Klingon"), "klingon");
    }

    #[test]
    fn an_unknown_language_is_reported_with_the_nearest_known_one() {
        let help = |text: &str| {
            let (message, help) = Translates::Full.languages().fault("qwen-mt-plus", text).expect("a fault");
            assert!(
                message.contains(text) && message.contains("92 languages that qwen-mt-plus"),
                "{message}"
            );
            help.expect("a help")
        };
        for (text, meant) in [
            ("Frensh", "French (fr)"),
            ("zh-CN", "Chinese (zh)"),
            ("zh-TW", "Traditional Chinese (zh_tw)"),
            ("pt-BR", "Portuguese (pt)"),
            ("fra", "French (fr)"),
            (" German ", "German (de)"),
            ("Ukranian", "Ukrainian (uk)"),
            ("Deutsch", "German (de)"),
            ("français", "French (fr)"),
            ("中文", "Chinese (zh)"),
            ("Portuguese (Brazil)", "Portuguese (pt)"),
            ("Brazilian Portuguese", "Portuguese (pt)"),
            ("Português (Brasil)", "Portuguese (pt)"),
            ("Chinese (Traditional)", "Traditional Chinese (zh_tw)"),
        ] {
            assert_eq!(help(text), format!("did you mean {meant}?"), "{text}");
        }
        assert!(help("Klingon").starts_with("give the English name"));
    }

    #[test]
    fn lite_names_the_model_that_knows_a_language_it_lacks() {
        let lite = Translates::Lite.languages();
        let message = "qwen-mt-lite does not support Welsh (cy); qwen-mt-plus does".to_owned();
        assert_eq!(lite.fault("qwen-mt-lite", "cy"), Some((message, None)));
        let (message, _) = lite.fault("qwen-mt-lite", "Klingon").expect("a fault");
        assert!(message.contains("31 languages"), "{message}");
    }
}
