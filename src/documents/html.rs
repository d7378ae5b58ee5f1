//! Web pages: all visible text as Markdown, with navigation, headers and footers. Scripts, styles and hidden elements are left
//! out.

mod charset;
mod visible;

use htmd::HtmlToMarkdown;
use htmd::options::{BulletListMarker, Options};

use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::text::{check_not_blank, of_decoded};
use crate::encoding::decode;

/// Reads a page; `encoding` is what the user has set.
pub(super) fn read(bytes: &[u8], encoding: Option<&str>) -> Result<ReadDocument, Unreadable> {
    let named = encoding.map(str::to_owned).or_else(|| charset::named_in(bytes));
    let page = of_decoded(decode(bytes, named.as_deref()), "html")?;
    let (text, title) = markdown(&page.text)?;
    check_not_blank(&text)?;
    Ok(ReadDocument { text, title, ..page })
}

/// The visible text of a page as Markdown, and its title.
pub(super) fn markdown(html: &str) -> Result<(String, Option<String>), Unreadable> {
    let options = Options {
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let converter = HtmlToMarkdown::builder().options(options).build();
    let tree = converter
        .html_to_tree(html)
        .map_err(|error| Unreadable::because(UnreadableReason::Malformed, error.to_string()))?;
    let title = visible::prune(&tree);
    let mut text = converter.tree_to_markdown(&tree);
    if !text.is_empty() {
        text.push('\n');
    }
    Ok((text, title))
}

#[cfg(test)]
mod tests;
