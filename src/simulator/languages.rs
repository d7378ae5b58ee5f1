//! The languages of the translation models, by English name and by code.
//!
//! After Model Studio's page "qwen-mt-api": plus, flash and turbo know them all, lite the first 31.

const LITE_COUNT: usize = 31;

/// Name and code.
#[rustfmt::skip]
const LANGUAGES: [(&str, &str); 92] = [
    ("English", "en"),
    ("Chinese", "zh"),
    ("Traditional Chinese", "zh_tw"),
    ("Russian", "ru"),
    ("Japanese", "ja"),
    ("Korean", "ko"),
    ("Spanish", "es"),
    ("French", "fr"),
    ("Portuguese", "pt"),
    ("German", "de"),
    ("Italian", "it"),
    ("Thai", "th"),
    ("Vietnamese", "vi"),
    ("Indonesian", "id"),
    ("Malay", "ms"),
    ("Arabic", "ar"),
    ("Hindi", "hi"),
    ("Hebrew", "he"),
    ("Urdu", "ur"),
    ("Bengali", "bn"),
    ("Polish", "pl"),
    ("Dutch", "nl"),
    ("Turkish", "tr"),
    ("Khmer", "km"),
    ("Czech", "cs"),
    ("Swedish", "sv"),
    ("Hungarian", "hu"),
    ("Danish", "da"),
    ("Finnish", "fi"),
    ("Tagalog", "tl"),
    ("Persian", "fa"),
    ("Burmese", "my"),
    ("Tamil", "ta"),
    ("Romanian", "ro"),
    ("Lao", "lo"),
    ("Cantonese", "yue"),
    ("Greek", "el"),
    ("Ukrainian", "uk"),
    ("Bulgarian", "bg"),
    ("Serbian", "sr"),
    ("Telugu", "te"),
    ("Afrikaans", "af"),
    ("Armenian", "hy"),
    ("Assamese", "as"),
    ("Asturian", "ast"),
    ("Basque", "eu"),
    ("Belarusian", "be"),
    ("Bosnian", "bs"),
    ("Catalan", "ca"),
    ("Cebuano", "ceb"),
    ("Croatian", "hr"),
    ("Egyptian Arabic", "arz"),
    ("Estonian", "et"),
    ("Galician", "gl"),
    ("Georgian", "ka"),
    ("Gujarati", "gu"),
    ("Icelandic", "is"),
    ("Javanese", "jv"),
    ("Kannada", "kn"),
    ("Kazakh", "kk"),
    ("Latvian", "lv"),
    ("Lithuanian", "lt"),
    ("Luxembourgish", "lb"),
    ("Macedonian", "mk"),
    ("Maithili", "mai"),
    ("Maltese", "mt"),
    ("Marathi", "mr"),
    ("Mesopotamian Arabic", "acm"),
    ("Moroccan Arabic", "ary"),
    ("Najdi Arabic", "ars"),
    ("Nepali", "ne"),
    ("North Azerbaijani", "az"),
    ("North Levantine Arabic", "apc"),
    ("Northern Uzbek", "uz"),
    ("Norwegian Bokmål", "nb"),
    ("Norwegian Nynorsk", "nn"),
    ("Occitan", "oc"),
    ("Odia", "or"),
    ("Pangasinan", "pag"),
    ("Sicilian", "scn"),
    ("Sindhi", "sd"),
    ("Sinhala", "si"),
    ("Slovak", "sk"),
    ("Slovenian", "sl"),
    ("South Levantine Arabic", "ajp"),
    ("Swahili", "sw"),
    ("Ta’izzi-Adeni Arabic", "acq"),
    ("Tosk Albanian", "sq"),
    ("Tunisian Arabic", "aeb"),
    ("Venetian", "vec"),
    ("Waray", "war"),
    ("Welsh", "cy"),
];

/// Whether a translation model takes this language, named in English or by code, in any case.
pub(super) fn knows_language(model: &str, language: &str) -> bool {
    let known = if model.starts_with("qwen-mt-lite") { &LANGUAGES[..LITE_COUNT] } else { &LANGUAGES[..] };
    known
        .iter()
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
        assert!(!knows_language("qwen-mt-plus", "Klingon"));
    }
}
