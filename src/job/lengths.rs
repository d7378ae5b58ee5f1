//! How long prompts and answers are expected to be, in tokens, before a job has answers of its own: the form of the facts.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The expected lengths.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// Of chat models' answers.
    pub chat: ChatLengths,
    /// Of translations.
    pub translation: TranslationLengths,
    /// What texts have in tokens, by the code of their language.
    pub tokens: BTreeMap<String, TokenSizes>,
}

/// The usual answer of a chat model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatLengths {
    /// Tokens of an answer without its thoughts.
    pub answer: f64,
    /// Tokens of the thoughts of a model that thinks.
    pub thoughts: f64,
    /// The most of either, as a share of what bounds it in the request.
    pub share_of_bound: f64,
}

/// What a translation has beyond its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranslationLengths {
    /// Tokens that the service adds to the text for its own instructions.
    pub instructions: f64,
}

/// What a text in a language has in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(from = "[f64; 3]")]
pub struct TokenSizes {
    /// For each token of the same text in English.
    pub of_english: f64,
    /// For each token that is estimated from its bytes.
    pub of_estimate: f64,
    /// For each of its characters.
    pub of_character: f64,
}

impl From<[f64; 3]> for TokenSizes {
    fn from([of_english, of_estimate, of_character]: [f64; 3]) -> Self {
        Self { of_english, of_estimate, of_character }
    }
}

impl Default for TokenSizes {
    /// Of a language without figures: between those of Latin script and those that are written in parts of characters.
    fn default() -> Self {
        Self { of_english: 2.0, of_estimate: 1.0, of_character: 1.0 }
    }
}

impl Lengths {
    /// The figures of a language, by its code.
    pub fn of_language(&self, code: &str) -> Option<TokenSizes> {
        self.tokens.get(code).copied()
    }

    /// The figures of a text's language, as far as its script shows that.
    pub fn of_text(&self, text: &str) -> TokenSizes {
        self.of_language(likely_language(text)).unwrap_or_default()
    }
}

/// Scripts by their characters, each with the code of a language that is written in it.
const SCRIPTS: [(std::ops::RangeInclusive<char>, &str); 21] = [
    ('\u{c0}'..='\u{24f}', "de"),
    ('\u{370}'..='\u{3ff}', "el"),
    ('\u{400}'..='\u{52f}', "ru"),
    ('\u{530}'..='\u{58f}', "hy"),
    ('\u{590}'..='\u{5ff}', "he"),
    ('\u{600}'..='\u{6ff}', "ar"),
    ('\u{900}'..='\u{97f}', "hi"),
    ('\u{980}'..='\u{9ff}', "bn"),
    ('\u{a80}'..='\u{aff}', "gu"),
    ('\u{b00}'..='\u{b7f}', "or"),
    ('\u{b80}'..='\u{bff}', "ta"),
    ('\u{c00}'..='\u{c7f}', "te"),
    ('\u{c80}'..='\u{cff}', "kn"),
    ('\u{d00}'..='\u{d7f}', "kn"),
    ('\u{d80}'..='\u{dff}', "si"),
    ('\u{e00}'..='\u{e7f}', "th"),
    ('\u{1000}'..='\u{109f}', "my"),
    ('\u{1780}'..='\u{17ff}', "km"),
    ('\u{3040}'..='\u{30ff}', "ja"),
    ('\u{3400}'..='\u{9fff}', "zh"),
    ('\u{ac00}'..='\u{d7af}', "ko"),
];

/// The code of the language that a text is most likely in, by its script alone: a text in Latin script is English, unless it
/// has accents.
fn likely_language(text: &str) -> &'static str {
    if text.is_ascii() {
        return "en";
    }
    let (mut plain, mut found) = (0_u32, [0_u32; SCRIPTS.len()]);
    for character in text.chars() {
        if character.is_ascii() {
            plain += u32::from(character.is_ascii_alphabetic());
        } else if let Some(script) = SCRIPTS.iter().position(|(range, _)| range.contains(&character)) {
            found[script] += 1;
        }
    }
    let of = |code: &str| SCRIPTS.iter().position(|(_, known)| *known == code).map_or(0, |at| found[at]);
    let accents = of("de");
    // A Japanese text has Chinese characters too.
    let japanese = of("ja");
    let most =
        found.iter().zip(&SCRIPTS).filter(|(_, (_, code))| *code != "de").max_by_key(|(count, _)| **count);
    match most {
        Some((count, (_, code))) if *count > 0 && *count * 3 >= plain + accents => match *code {
            "zh" if japanese > 0 => "ja",
            code => code,
        },
        _ if accents > 0 => "de",
        _ => "en",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_a_text_shows_its_likely_language() {
        for (text, code) in [
            ("Add to cart", "en"),
            ("“Add” to cart…", "en"),
            ("In den Warenkorb für Größe {size}", "de"),
            ("我看到这个视频后没有笑", "zh"),
            ("Windows 的设置", "zh"),
            ("このビデオを見て", "ja"),
            ("Добавить в корзину", "ru"),
            ("কার্টে যোগ করুন", "bn"),
            ("ใส่ตะกร้า", "th"),
            ("", "en"),
        ] {
            assert_eq!(likely_language(text), code, "{text}");
        }
    }
}
