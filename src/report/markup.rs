//! HTML that is made of constants and of values, and in which no value can be taken for markup.

use std::fmt::Display;

use crate::text::printable;

/// A piece of HTML. Markup comes in as constants of the program alone; everything else is escaped on its way in.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Adds a constant.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds a constant with values in the places of its `{}`: between tags, or in attributes in double quotes.
    pub(super) fn put(&mut self, markup: &'static str, values: &[&dyn Display]) {
        let mut pieces = markup.split("{}");
        self.0.push_str(pieces.next().unwrap_or_default());
        for (piece, value) in pieces.zip(values) {
            self.escape(&value.to_string());
            self.0.push_str(piece);
        }
    }

    /// Adds a piece.
    pub(super) fn add(&mut self, piece: &Self) {
        self.0.push_str(&piece.0);
    }

    /// The whole of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn escape(&mut self, text: &str) {
        for c in printable(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_be_taken_for_markup() {
        let hostile = "<script>alert(1)</script>\" onload='x' &amp; \u{202e}gpj\0\u{1b}[31m{}";
        let mut page = Markup::default();
        page.put("<p title=\"{}\">{}</p>", &[&hostile, &hostile]);
        let page = page.into_text();
        let inner = "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp; gpj[31m{}";
        assert_eq!(page, format!("<p title=\"{inner}\">{inner}</p>"));
    }
}
