//! Server-sent events, read from bytes in pieces of any size (the stream format of the HTML standard, section 9.2).
//!
//! Our own code, because it is this short: the crate most used for it has had no release since 2022, returns text instead of
//! bytes, and does not recognise the event that marks the end.

/// An event of a completion's stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamEvent {
    /// The data of an event.
    Data(Vec<u8>),
    /// `data: [DONE]`: nothing follows.
    Done,
}

/// The byte order mark that some servers send first.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The reader's state between two pieces.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// The data of the event that has not ended yet.
    data: Option<Vec<u8>>,
    /// Whether a line has ended, after which no byte order mark can follow.
    begun: bool,
    /// Whether the last line ended in `\r`, so a following `
    /// ` belongs to it.
    after_return: bool,
}

impl Events {
    /// Takes the next bytes, and appends the events that they complete.
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

    /// The bytes have ended. Some servers omit the line break after `[DONE]`; any other unfinished line was cut.
    pub(super) fn finish(&mut self, found: &mut Vec<StreamEvent>) {
        if data_of(&self.line).is_some_and(is_done) {
            self.end_line(found);
        }
    }

    /// Bytes kept until their event is complete.
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
            // A comment, or a field that does not concern the answer: `event`, `id`, `retry`.
            None => {}
        }
        // The memory is used again for the next line.
        line.clear();
        self.line = line;
    }
}

/// The data of a line, without the optional blank after the colon.
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
    fn comments_other_fields_and_the_byte_order_mark_are_ignored() {
        assert_eq!(
            read("\u{feff}data: a\n\n: keep-alive\n\nevent: x\nid: 1\nretry: 3\ndata: b\n\n"),
            ["a", "b"]
        );
        assert_eq!(read(": keep-alive\n\u{feff}data: a\n\n"), [""; 0]);
    }

    #[test]
    fn every_permitted_line_end_is_read() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "data: a\n\ndata: b\ndata: c\n\ndata: [DONE]\n".replace('\n', end);
            assert_eq!(read(&text), ["a", "b\nc", "end"], "{end:?}");
        }
    }

    #[test]
    fn the_end_needs_no_blank_line_and_an_unfinished_event_is_dropped() {
        assert_eq!(read("data: a\ndata: [DONE]"), ["a", "end"]);
        assert_eq!(read("data: a\n\ndata: b\n"), ["a"]);
        assert_eq!(read("data: a\n\ndata: [DONE"), ["a"]);
    }
}
