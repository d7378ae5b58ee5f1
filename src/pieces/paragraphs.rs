//! The paragraphs of a piece or an answer: stretches of lines that are not blank.

/// The paragraphs of a text, without the blanks around them.
pub(super) fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            let Some(length) = rest[end..].find('\n') else {
                end = rest.len();
                break;
            };
            end += length + 1;
            let next = rest[end..].find('\n').map_or(rest.len(), |length| end + length);
            if rest[end..next].trim().is_empty() {
                break;
            }
        }
        let paragraph;
        (paragraph, rest) = rest.split_at(end);
        Some(paragraph.trim_end())
    })
}
