//! The approximate tokens of a text, without a tokenizer.

/// About one token for three and a half ASCII characters, half a token for a two-byte character (Cyrillic, Arabic), and one
/// for a character of three or four bytes (Chinese, Japanese, Korean). The vendor's page on rate limits assumes 1.5 for a
/// Chinese character; with real text, its tokenizers need less than one.
pub fn text_tokens(text: &str) -> f64 {
    if text.is_ascii() {
        return text.len() as f64 / 3.5;
    }
    let (mut one, mut two, mut more) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes() {
        match byte {
            0..=0x7f => one += 1,
            0xc0..=0xdf => two += 1,
            0xe0.. => more += 1,
            _ => {}
        }
    }
    f64::from(one) / 3.5 + f64::from(two) * 0.5 + f64::from(more)
}
