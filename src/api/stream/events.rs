//! Server-sent events, read from bytes in pieces of any size (the stream format of the HTML standard, section 9.2).
//!
//! Ours, because it is this short: the crate most used for it rests since 2022, hands on text instead of bytes, and
//! has no word for an event that is the end.

/// What the events of a completion are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamEvent {
    /// The data of an event.
    Data(Vec<u8>),
    /// `data: [DONE]`: nothing follows.
    Done,
}

/// The mark that some servers put before everything they send.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The reader's state between two pieces.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// The data of the event that has not ended yet.
    data: Option<Vec<u8>>,
    /// Whether a line has ended already, so that no mark can come any more.
    begun: bool,
    /// Whether the last line ended in `\r`, so that a `\n` belongs to it.
    after_return: bool,
}

impl Events {
    /// Takes the next bytes, and hands on the events that they complete.
    pub(super) fn take(&mut self, mut bytes: &[u8], found: &mut Vec<StreamEvent>) {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(bytes);
                return;
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line(found);
        }
    }

    /// The bytes came to their own end. Some servers leave out the line break behind `[DONE]`; every other line that
    /// has not ended is a piece of one.
    pub(super) fn finish(&mut self, found: &mut Vec<StreamEvent>) {
        if data_of(&self.line).is_some_and(is_done) {
            self.end_line(found);
        }
    }

    /// Bytes that are kept until their event is complete.
    pub(super) fn waiting(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, Vec::len)
    }

    fn end_line(&mut self, found: &mut Vec<StreamEvent>) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        match data_of(&line) {
            Some(data) if is_done(data) => {
                found.extend(self.data.take().map(StreamEvent::Data));
                found.push(StreamEvent::Done);
            }
            Some(data) => match &mut self.data {
                Some(before) => {
                    before.push(b'\n');
                    before.extend_from_slice(data);
                }
                None => self.data = Some(data.to_vec()),
            },
            None if line.is_empty() => found.extend(self.data.take().map(StreamEvent::Data)),
            // A comment, or a field that says nothing of the answer: `event`, `id`, `retry`.
            None => {}
        }
        // The room is used again for the next line.
        line.clear();
        self.line = line;
    }
}

/// The data that a line brings; a blank behind the colon is no part of it.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let (mut events, mut found) = (Events::default(), vec![]);
        events.take(text.as_bytes(), &mut found);
        events.finish(&mut found);
        let shown = |event: StreamEvent| match event {
            StreamEvent::Data(data) => String::from_utf8_lossy(&data).into_owned(),
            StreamEvent::Done => "end".to_owned(),
        };
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn data_is_read_with_and_without_the_blank_and_over_several_lines() {
        assert_eq!(read("data: a\n\ndata:b\n\ndata:  c\n\n"), ["a", "b", " c"]);
        assert_eq!(read("data: a\ndata: b\n\n"), ["a\nb"]);
        assert_eq!(read("data\n\ndata:\n\n"), [""]);
    }

    #[test]
    fn comments_other_fields_and_the_byte_order_mark_say_nothing() {
        assert_eq!(
            read("\u{feff}data: a\n\n: keep-alive\n\nevent: x\nid: 1\nretry: 3\ndata: b\n\n"),
            ["a", "b"]
        );
        assert_eq!(read(": keep-alive\n\u{feff}data: a\n\n"), [""; 0]);
    }

    #[test]
    fn lines_end_in_every_way_they_may() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "data: a\n\ndata: b\ndata: c\n\ndata: [DONE]\n".replace('\n', end);
            assert_eq!(read(&text), ["a", "b\nc", "end"], "{end:?}");
        }
    }

    #[test]
    fn the_end_needs_no_blank_line_and_an_event_that_has_not_ended_is_none() {
        assert_eq!(read("data: a\ndata: [DONE]"), ["a", "end"]);
        assert_eq!(read("data: a\n\ndata: b\n"), ["a"]);
        assert_eq!(read("data: a\n\ndata: [DONE"), ["a"]);
    }
}
