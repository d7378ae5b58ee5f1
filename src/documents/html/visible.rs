//! Takes everything out of a page that its readers do not see.

use std::rc::Rc;

use htmd::Node;
use markup5ever_rcdom::NodeData;

/// Elements without visible text.
const UNSEEN: [&str; 10] =
    ["script", "style", "noscript", "template", "svg", "head", "title", "iframe", "object", "canvas"];

/// Addresses that are content or program themselves, and may be megabytes long.
const INLINE: [&str; 2] = ["data:", "javascript:"];

/// Removes what is not visible, and returns the page's title. Goes through the tree without recursion: its depth is the page's
/// choice.
pub(super) fn prune(tree: &Rc<Node>) -> Option<String> {
    let mut title = None;
    let mut waiting = vec![Rc::clone(tree)];
    while let Some(node) = waiting.pop() {
        for child in node.children.borrow().iter() {
            if title.is_none() && is_named(child, "title") && !is_named(&node, "svg") {
                title = text_of(child);
            }
            waiting.push(Rc::clone(child));
        }
    }
    waiting.push(Rc::clone(tree));
    while let Some(node) = waiting.pop() {
        shorten_addresses(&node);
        node.children.borrow_mut().retain(is_visible);
        waiting.extend(node.children.borrow().iter().map(Rc::clone));
    }
    title
}

fn is_named(node: &Rc<Node>, name: &str) -> bool {
    matches!(&node.data, NodeData::Element { name: own, .. } if &*own.local == name)
}

/// The text directly in an element, in one line; `None` if it is blank.
fn text_of(node: &Rc<Node>) -> Option<String> {
    let mut text = String::new();
    for child in node.children.borrow().iter() {
        if let NodeData::Text { contents } = &child.data {
            text.push_str(&contents.borrow());
        }
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

fn is_visible(node: &Rc<Node>) -> bool {
    let NodeData::Element { name, attrs, .. } = &node.data else { return true };
    let is_hidden = attrs.borrow().iter().any(|attribute| match &*attribute.name.local {
        "hidden" => !attribute.value.eq_ignore_ascii_case("until-found"),
        "style" => {
            let style: String = attribute.value.split_whitespace().collect();
            style.to_ascii_lowercase().contains("display:none")
        }
        _ => false,
    });
    !is_hidden && !UNSEEN.contains(&&*name.local)
}

/// Leaves out addresses that would fill the text with Base64 or code.
fn shorten_addresses(node: &Rc<Node>) {
    let NodeData::Element { attrs, .. } = &node.data else { return };
    for attribute in attrs.borrow_mut().iter_mut() {
        let is_address = matches!(&*attribute.name.local, "src" | "href");
        let value = attribute.value.trim_start();
        let is_inline = INLINE.iter().any(|scheme| {
            value.get(..scheme.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
        });
        if is_address && is_inline {
            attribute.value.clear();
        }
    }
}
