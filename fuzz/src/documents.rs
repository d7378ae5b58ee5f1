//! Long texts: pieces and answers.

use fanfold::inside::{Frame, SplitBy, halves, mismatch, parts};

/// The first byte is how the structure is read, the second one a budget in bytes; a line with a single `%` is between the
/// text and an answer to all of its pieces.
///
/// Answers equal to their pieces give the text; spans are in order, and as many as paragraphs; a piece fits its budget
/// unless it is a single span; any answer is joined, or refused with words.
pub fn pieces(bytes: &[u8]) {
    let [way, budget, rest @ ..] = bytes else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let (text, answer) = rest.split_once("\n%\n").unwrap_or((rest, ""));
    let ways = [SplitBy::Text, SplitBy::Markdown, SplitBy::Lines, SplitBy::Subtitles, SplitBy::None];
    let by = ways[usize::from(*way) % ways.len()];
    let tokens = |text: &str| text.len() as u64;
    let budget = u64::from(*budget) * 4;
    let split = Frame::new(text, by).pieces(text, budget, &tokens);
    let answers: Vec<&str> = split.pieces.iter().map(|piece| &*piece.text).collect();
    assert_eq!(split.join(text, &answers).as_deref(), Ok(text), "answers equal to their pieces");
    let mut end = 0;
    for span in split.spans() {
        assert!(end <= span.range.start && span.range.start < span.range.end, "{span:?}");
        assert_eq!(text[span.range.clone()].trim(), &text[span.range.clone()]);
        end = span.range.end;
    }
    for piece in split.pieces.iter().filter(|_| by != SplitBy::None) {
        let count = piece.spans.len();
        assert!(tokens(&piece.text) <= budget || count == 1, "{piece:?}");
        assert_eq!(parts(&piece.text, count).map(|parts| parts.len()), Some(count), "{piece:?}");
        assert_eq!(mismatch(&piece.text, &format!("{}\n", piece.text)), None);
        assert_eq!(halves(&piece.text).is_some(), count > 1);
        if let Some(problem) = mismatch(&piece.text, answer) {
            assert!(!problem.to_string().is_empty());
        }
    }
    if let Err(problem) = split.join(text, &vec![answer; answers.len()]) {
        assert!(!problem.to_string().is_empty());
    }
}
