//! Markdown: the text of paragraphs, headings, items and cells, by the offsets of a parser of CommonMark.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::directives::is_directive;
use super::frame::Frame;
use super::lines::{lines, trimmed};
use super::span::{Span, SpanKind};
use super::swap::{Swap, SwapWith};

const EXTENSIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_HEADING_ATTRIBUTES)
    .union(Options::ENABLE_YAML_STYLE_METADATA_BLOCKS)
    .union(Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS)
    .union(Options::ENABLE_MATH)
    .union(Options::ENABLE_GFM);

/// Adds the spans of a Markdown text that begins at `base`.
pub(super) fn blocks(text: &str, base: usize, frame: &mut Frame) {
    let mut walk = Walk {
        text,
        frame,
        open: None,
        kind: SpanKind::Block,
        rank: 3,
        quotes: 0,
        depth: 0,
        links: vec![],
        silent: 0,
    };
    let parsed = with_line_feeds(&text[base..]);
    for (event, range) in Parser::new_ext(&parsed, EXTENSIONS).into_offset_iter() {
        walk.event(&event, base + range.start..base + range.end);
    }
    walk.flush();
}

/// The text with a line feed for each carriage return that is alone: the parser does not know it as the end of a line.
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let alone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if !text.match_indices('\r').any(|(at, _)| alone(at)) {
        return Cow::Borrowed(text);
    }
    let end = |(at, letter): (usize, char)| if letter == '\r' && alone(at) { '\n' } else { letter };
    Cow::Owned(text.char_indices().map(end).collect())
}

/// The inline content that is being read.
struct Open {
    range: Range<usize>,
    /// How many swaps the frame had before it.
    swaps: usize,
}

/// A link or an image whose text is being read: where it begins, and where the text so far ends.
struct OpenLink {
    start: usize,
    end: usize,
    link: LinkType,
}

struct Walk<'t, 'f> {
    text: &'t str,
    frame: &'f mut Frame,
    open: Option<Open>,
    kind: SpanKind,
    rank: u8,
    quotes: usize,
    /// Lists and quotes around it.
    depth: usize,
    links: Vec<OpenLink>,
    /// Blocks around it that are skeleton as a whole.
    silent: usize,
}

impl Walk<'_, '_> {
    fn event(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(*tag, range),
            Event::Text(_)
            | Event::Code(_)
            | Event::InlineHtml(_)
            | Event::InlineMath(_)
            | Event::FootnoteReference(_) => {
                self.inline(range);
            }
            Event::DisplayMath(_) if self.fills_lines(&range) => self.part(),
            Event::DisplayMath(_) => self.inline(range),
            Event::SoftBreak => {}
            Event::HardBreak => self.part(),
            Event::TaskListMarker(_) | Event::Rule | Event::Html(_) => self.flush(),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        match tag {
            // Its range is that of all inside, which a hard break may part.
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Superscript | Tag::Subscript => {
                self.inline(range.start..range.start + 1)
            }
            Tag::Link { link_type, .. } => self.open_link(*link_type, range, 1),
            Tag::Image { link_type, .. } => self.open_link(*link_type, range, 2),
            _ => {
                self.flush();
                self.block(tag);
            }
        }
    }

    fn block(&mut self, tag: &Tag<'_>) {
        let nested = if self.depth > 0 { 4 } else { 3 };
        (self.kind, self.rank) = match tag {
            Tag::Heading { level, .. } => {
                let level = *level as u8;
                (SpanKind::Heading(level), (level - 1).min(2))
            }
            Tag::TableCell => (SpanKind::Cell, self.rank),
            _ => (SpanKind::Block, nested),
        };
        match tag {
            Tag::BlockQuote(_) => {
                self.quotes += 1;
                self.depth += 1;
            }
            Tag::List(_) | Tag::FootnoteDefinition(_) | Tag::DefinitionList => self.depth += 1,
            Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::MetadataBlock(_) => self.silent += 1,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript => self.closed(range.end),
            TagEnd::Link | TagEnd::Image => self.close_link(range),
            _ => {
                self.flush();
                match tag {
                    TagEnd::BlockQuote(_) => {
                        self.quotes = self.quotes.saturating_sub(1);
                        self.depth = self.depth.saturating_sub(1);
                    }
                    TagEnd::List(_) | TagEnd::FootnoteDefinition | TagEnd::DefinitionList => {
                        self.depth = self.depth.saturating_sub(1);
                    }
                    TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_) => {
                        self.silent = self.silent.saturating_sub(1);
                    }
                    // A row is not parted between its cells.
                    TagEnd::TableCell => self.rank = 6,
                    _ => {}
                }
                self.kind = SpanKind::Block;
            }
        }
    }

    /// The range belongs to the text that is being read, or begins one.
    fn inline(&mut self, mut range: Range<usize>) {
        if self.silent > 0 {
            return;
        }
        let before = self.text.as_bytes()[..range.start].last();
        if before == Some(&b'\\')
            && self.text.as_bytes()[range.start].is_ascii_punctuation()
            && self.open.is_none()
        {
            // The backslash of an escaped character that the text begins with.
            range.start -= 1;
        }
        for link in &mut self.links {
            link.end = link.end.max(range.end);
        }
        match &mut self.open {
            Some(open) => open.range.end = open.range.end.max(range.end),
            None => self.open = Some(Open { range, swaps: self.frame.swaps.len() }),
        }
    }

    /// Marks that end here belong to the text that is being read. It may have begun after them, at a hard break.
    fn closed(&mut self, end: usize) {
        if let Some(open) = &mut self.open {
            open.range.end = open.range.end.max(end);
        }
        for link in &mut self.links {
            link.end = link.end.max(end);
        }
    }

    fn open_link(&mut self, link: LinkType, range: Range<usize>, mark: usize) {
        self.inline(range.start..range.start + mark);
        self.links.push(OpenLink { start: range.start + mark, end: range.start + mark, link });
    }

    /// The target of a link stays behind: what is sent is a number.
    fn close_link(&mut self, range: Range<usize>) {
        let link = self.links.pop();
        self.closed(range.end);
        let Some(OpenLink { start, end, link }) = link.filter(|_| self.silent == 0) else { return };
        let rest = &self.text.as_bytes()[end..range.end];
        let swap = match link {
            LinkType::Inline if rest.starts_with(b"](") && rest.len() > 2 => {
                Swap { range: end + 2..range.end - 1, with: SwapWith::Address }
            }
            LinkType::Reference if rest.starts_with(b"][") && rest.len() > 3 => {
                Swap { range: end + 1..range.end, with: SwapWith::Label(end + 2..range.end - 1) }
            }
            LinkType::Collapsed if rest == b"]" && self.text[range.end..].starts_with("[]") => {
                self.closed(range.end + 2);
                Swap { range: range.end..range.end + 2, with: SwapWith::Label(start..end) }
            }
            LinkType::Collapsed | LinkType::Shortcut if rest == b"][]" || rest == b"]" => {
                Swap { range: end + 1..range.end, with: SwapWith::Label(start..end) }
            }
            _ => return,
        };
        self.frame.swaps.push(swap);
    }

    /// Whether nothing else is in the lines of a range.
    fn fills_lines(&self, range: &Range<usize>) -> bool {
        let before = self.text[..range.start].trim_end_matches([' ', '\t', '>']);
        let after = self.text[range.end..].trim_start_matches([' ', '\t']);
        let breaks = ['\n', '\r'];
        (before.is_empty() || before.ends_with(breaks)) && (after.is_empty() || after.starts_with(breaks))
    }

    /// The text so far is a span; what follows in its block is another.
    fn part(&mut self) {
        self.flush();
        self.rank = 6;
    }

    /// The text so far is a span.
    fn flush(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.links.clear();
        let text = self.text;
        let content = &text[open.range.clone()];
        let has_lines = content.contains('\n') || content.contains('\r');
        if !has_lines && !is_directive(content) {
            self.check_targets(&open);
            return self.frame.push(text, Span { range: open.range, kind: self.kind, rank: self.rank });
        }
        self.check_targets(&open);
        let stretches = self.prose(&open);
        let gaps: Vec<Range<usize>> = stretches.iter().flat_map(|stretch| self.gaps(stretch)).collect();
        for gap in gaps {
            self.frame.swap_line_end(text, gap);
        }
        self.frame.swaps[open.swaps..].sort_by_key(|swap| swap.range.start);
        for range in stretches {
            self.frame.push(text, Span { range, kind: self.kind, rank: self.rank });
            self.rank = 6;
        }
    }

    /// Numbers of targets would be mistaken for text of the same form.
    fn check_targets(&mut self, open: &Open) {
        let text = self.text;
        let mut from = open.range.start;
        let taken = |stretch: &str| {
            let mut ends = stretch.match_indices(']').map(|(at, _)| &stretch.as_bytes()[at + 1..]);
            ends.any(|end| end.len() > 1 && end[0] == b'(' && end[1].is_ascii_digit())
        };
        for swap in &self.frame.swaps[open.swaps..] {
            if taken(&text[from..swap.range.start]) {
                return self.frame.swaps.truncate(open.swaps);
            }
            from = swap.range.end;
        }
        if from > open.range.start && taken(&text[from..open.range.end]) {
            self.frame.swaps.truncate(open.swaps);
        }
    }

    /// The stretches of a text that are no directives of a generator of sites.
    fn prose(&self, open: &Open) -> Vec<Range<usize>> {
        let mut stretches: Vec<Range<usize>> = vec![];
        let mut parted = true;
        for mut line in lines(&self.text[..open.range.end], open.range.start) {
            let bare = self.text[line.clone()].trim_start_matches(['>', ' ', '\t']);
            let inside = self.in_target(line.start) || self.in_target(line.end);
            if !inside && is_directive(bare) {
                parted = true;
                continue;
            }
            if !inside && bare.starts_with(": ") {
                // A definition of a term, which is in the line before.
                line.start = line.end - bare.len() + 2;
                parted = true;
            }
            if parted {
                stretches.push(line);
                parted = false;
            } else if let Some(last) = stretches.last_mut() {
                last.end = line.end;
            }
        }
        stretches
    }

    /// The ends of a stretch's lines, with what the next line begins with: they are sent as blanks.
    fn gaps(&self, stretch: &Range<usize>) -> Vec<Range<usize>> {
        let range = trimmed(self.text, stretch.clone());
        let mut gaps: Vec<Range<usize>> = vec![];
        for line in lines(&self.text[..range.end], range.start).skip(1) {
            let gap = self.gap(&range, line.start);
            let apart = gaps.last().is_none_or(|last| last.end <= gap.start);
            if gap.end < range.end && apart && !self.in_target(gap.start) {
                gaps.push(gap);
            }
        }
        gaps
    }

    /// Whether a place is in the target of a link that was read, or at its beginning.
    fn in_target(&self, at: usize) -> bool {
        let next = self.frame.swaps.partition_point(|swap| swap.range.end <= at);
        self.frame.swaps.get(next).is_some_and(|swap| swap.range.start <= at)
    }

    /// What is between the words of two lines, the second of which begins at `start`.
    fn gap(&self, range: &Range<usize>, start: usize) -> Range<usize> {
        let text = self.text;
        let from = range.start + text[range.start..start].trim_end().len();
        let mut quotes = self.quotes;
        let mut end = start;
        for (at, letter) in text[start..range.end].char_indices() {
            end = start + at;
            match letter {
                '>' if quotes > 0 => quotes -= 1,
                '\n' | '\r' => quotes = self.quotes,
                letter if letter.is_whitespace() => {}
                _ => break,
            }
            end += letter.len_utf8();
        }
        from..end
    }
}
