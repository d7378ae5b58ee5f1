//! How long prompts and answers are expected to be: the data is `lengths.toml`.

use std::sync::LazyLock;

use crate::job::lengths::Lengths;

/// The lengths that come with the program.
pub(super) fn built_in() -> &'static Lengths {
    static BUILT_IN: LazyLock<Lengths> = LazyLock::new(|| {
        toml::from_str(include_str!("lengths.toml")).expect("a test holds that the lengths can be read")
    });
    &BUILT_IN
}

#[cfg(test)]
mod tests {
    use super::super::languages::Translates;
    use super::*;

    #[test]
    fn every_language_of_the_translation_models_has_its_figures() {
        let lengths = built_in();
        for language in Translates::Full.languages().known {
            let sizes = lengths.of_language(&language.code).unwrap_or_else(|| panic!("{}", language.shown()));
            assert!((1.0..8.0).contains(&sizes.of_english), "{} {sizes:?}", language.name);
            assert!((0.5..2.5).contains(&sizes.of_estimate), "{} {sizes:?}", language.name);
            assert!((0.2..1.6).contains(&sizes.of_character), "{} {sizes:?}", language.name);
        }
        assert_eq!(lengths.tokens.len(), Translates::Full.languages().known.len());
    }

    #[test]
    fn the_languages_that_scripts_stand_for_have_figures() {
        for text in [
            "ab", "é", "ω", "ж", "հ", "ש", "ع", "न", "ব", "ગ", "ଓ", "த", "త", "ಕ", "മ", "ස", "ก", "မ", "ខ",
            "あ", "字", "한",
        ] {
            assert_ne!(built_in().of_text(text), Default::default(), "{text}");
        }
    }
}
