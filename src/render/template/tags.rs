//! Finds the tags of a template as the engine does, with the names of columns and the words in them.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::blank::is_blank;
use crate::row::{EACH, PIECE};

/// The name under which a template sees the whole row.
pub(super) const WHOLE_ROW: &str = "row";

/// Names that belong to the program: a column of that name is written `row["each"]`.
pub(super) const OWN: [&str; 3] = [WHOLE_ROW, EACH, PIECE];

/// A tag: `{{ … }}` or `{% … %}`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The text between the braces.
    pub(super) inside: Range<usize>,
    /// The name of a column at the start of the tag, up to the end or a filter.
    pub(super) column: Option<Range<usize>>,
    /// Whether it is `{{ … }}`.
    pub(super) is_variable: bool,
}

/// The tags of a template. `is_column` says whether a text in `{{ … }}` is the name of a column.
pub(super) fn tags(source: &str, is_column: &dyn Fn(&str) -> bool) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let from = at + found + 2;
        at = match source.as_bytes().get(from - 1) {
            Some(b'{') => {
                tags.push(variable(source, from, is_column));
                tags.last().map_or(from, |tag| tag.inside.end)
            }
            Some(b'#') => source[from..].find("#}").map_or(source.len(), |length| from + length),
            Some(b'%') => match behind_raw(source, from) {
                Some(end) => end,
                None => {
                    let end = closing(source, from, b"%}");
                    tags.push(Tag { inside: from..end, column: None, is_variable: false });
                    end
                }
            },
            _ => from - 1,
        };
    }
    tags
}

/// The tag `{{ … }}` whose inside begins at `from`.
fn variable(source: &str, from: usize, is_column: &dyn Fn(&str) -> bool) -> Tag {
    let column = heads(source, from).find(|head| is_column(&source[head.clone()]));
    // A name may contain quotes and brackets that mean nothing to the engine.
    let behind = column.as_ref().map_or(from, |column| column.end);
    Tag { inside: from..closing(source, behind, b"}}"), column, is_variable: true }
}

/// The names that a column in a tag may have: all of the inside, or what is before a filter. The longest comes first.
pub(super) fn heads(source: &str, from: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    let sign = |byte: Option<u8>| matches!(byte, Some(b'-' | b'+'));
    let begin = if sign(source.as_bytes().get(from).copied()) { from + 1 } else { from };
    let inside = source[begin..].split("}}").next().unwrap_or_default();
    let is_whole = begin + inside.len() < source.len();
    let inside = if sign(inside.bytes().next_back()) { &inside[..inside.len() - 1] } else { inside };
    let bars = inside.rmatch_indices('|').map(|(at, _)| at);
    is_whole.then_some(inside.len()).into_iter().chain(bars).filter_map(move |end| {
        let head = &inside[..end];
        let name = head.trim();
        let start = begin + head.len() - head.trim_start().len();
        (!name.is_empty()).then(|| start..start + name.len())
    })
}

/// Whether a name is a word of its own in some tag, next to a sign that joins, computes or compares.
pub(super) fn is_an_operand(source: &str, name: &str) -> bool {
    tags(source, &|_| false).into_iter().any(|tag| {
        let inside = &source[tag.inside];
        let inside = inside.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']);
        bare(inside, name).any(|at| {
            let (before, behind) = (inside[..at].trim_end(), inside[at + name.len()..].trim_start());
            let joins = |text: &str| ["==", "!=", "<=", ">="].contains(&text);
            let is_sign = |letter: char| "~+-*/%<>".contains(letter);
            before.ends_with(is_sign)
                || behind.starts_with(is_sign)
                || before.get(before.len().saturating_sub(2)..).is_some_and(joins)
                || behind.get(..2).is_some_and(joins)
        })
    })
}

/// The positions of a name in the inside of a tag where it is a word of its own: not in quotes, and not part of another
/// name or a field of a value.
fn bare<'a>(inside: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    inside.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let (before, behind) = (&inside[..*at], &inside[at + name.len()..]);
        let mut quote = None;
        for letter in before.chars() {
            match quote {
                Some(mark) if mark == letter => quote = None,
                None if matches!(letter, '"' | '\'') => quote = Some(letter),
                _ => {}
            }
        }
        quote.is_none()
            && !before.ends_with(is_of_a_name)
            && !before.trim_end().ends_with('.')
            && !behind.starts_with(is_of_a_name)
    })
}

/// How a template uses a value that has keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyUse {
    /// The value of this key: `row.title`, `row["title"]`.
    Named(String),
    /// The value of a key that a value of `[each]` names: `row[each.column]`.
    OfEach(String),
    /// In some other way: perhaps all of it.
    Any,
}

/// How a template uses the keys of the value with this name.
pub(super) fn keys(source: &str, name: &str) -> Vec<KeyUse> {
    let mut found = Vec::new();
    for tag in tags(source, &|_| false) {
        let inside = &source[tag.inside];
        found.extend(bare(inside, name).map(|at| key_use(&inside[at + name.len()..])));
    }
    found
}

/// The key behind the name of a value.
fn key_use(behind: &str) -> KeyUse {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = |text: &str| text.split(|letter| !is_word(letter)).next().unwrap_or_default().to_owned();
    let behind = behind.trim_start();
    if let Some(rest) = behind.strip_prefix('.') {
        return KeyUse::Named(word(rest.trim_start()));
    }
    let Some(rest) = behind.strip_prefix('[').map(str::trim_start) else { return KeyUse::Any };
    if let Some(rest) = rest.strip_prefix("each.") {
        let name = word(rest);
        let is_all = rest[name.len()..].trim_start().starts_with(']');
        return if is_all { KeyUse::OfEach(name) } else { KeyUse::Any };
    }
    let Some(quote) = rest.chars().next().filter(|letter| matches!(letter, '"' | '\'')) else {
        return KeyUse::Any;
    };
    let text = &rest[1..];
    match text.split_once(quote) {
        Some((key, end)) if !key.contains('\\') && end.trim_start().starts_with(']') => {
            KeyUse::Named(key.to_owned())
        }
        _ => KeyUse::Any,
    }
}

/// Whether the text of a template may be blank although a column that it uses is not: nothing that it certainly says is
/// words, and it does more than naming columns.
pub(super) fn may_be_blank(source: &str, tags: &[Tag]) -> bool {
    if source.contains("{#") || source.contains("raw") {
        return true;
    }
    let statements: Vec<usize> =
        tags.iter().enumerate().filter(|(_, tag)| !tag.is_variable).map(|(index, _)| index).collect();
    let (first, last) = (statements.first().copied(), statements.last().copied());
    let is_certain =
        |index: usize| first.is_none_or(|first| index <= first) || last.is_some_and(|last| index > last);
    let mut at = 0;
    for (index, tag) in tags.iter().enumerate() {
        let before = source.get(at..tag.inside.start.saturating_sub(2)).unwrap_or_default();
        let says_each =
            tag.is_variable && source[tag.inside.clone()].trim().starts_with("each.") && first.is_none();
        if is_certain(index) && !is_blank(before) || says_each {
            return false;
        }
        at = (tag.inside.end + 2).min(source.len());
    }
    if !is_blank(source.get(at..).unwrap_or_default()) {
        return false;
    }
    first.is_some() || !tags.iter().all(|tag| is_plain(&source[tag.inside.clone()]))
}

/// Whether the inside of a tag is a column's value and nothing else.
fn is_plain(inside: &str) -> bool {
    let inside = inside.trim_matches(['-', '+']).trim();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let of_row = inside.strip_prefix(WHOLE_ROW).and_then(|rest| rest.trim_start().strip_prefix('['));
    match of_row.and_then(|rest| rest.strip_suffix(']')) {
        Some(key) => !key.contains(['[', ']', '|', '(', '~']),
        None => !inside.is_empty() && inside.chars().all(is_word),
    }
}

/// The end of the tag, searched from `from` as the engine does: not within quotes or brackets.
fn closing(source: &str, from: usize, braces: &[u8; 2]) -> usize {
    let bytes = source.as_bytes();
    let (mut depth, mut quote, mut at) = (0_i32, None, from);
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(mark), byte) if mark == *byte => quote = None,
            (Some(_), _) => {}
            (None, _) if depth == 0 && bytes[at..].starts_with(braces) => return at,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth -= 1,
            (None, _) => {}
        }
        at += 1;
    }
    source.len()
}

/// The end of the `{% raw %}` block that begins at `from`, if there is one.
fn behind_raw(source: &str, from: usize) -> Option<usize> {
    let mut at = from + basic(&source[from..], "raw")?;
    while let Some(found) = source[at..].find("{%") {
        at += found + 2;
        if let Some(length) = basic(&source[at..], "endraw") {
            return Some(at + length);
        }
    }
    Some(source.len())
}

/// The length of the rest of a tag that contains only this word.
fn basic(rest: &str, word: &str) -> Option<usize> {
    let sign = ['-', '+'];
    let inside = rest.strip_prefix(sign).unwrap_or(rest).trim_ascii_start();
    let behind = inside.strip_prefix(word)?.trim_ascii_start();
    let end = behind.strip_prefix(sign).unwrap_or(behind).strip_prefix("%}")?;
    Some(rest.len() - end.len())
}

/// The words in the tags that may be variables: perhaps too many, never too few. The name in a call is not a variable,
/// since a column cannot be called.
pub(super) fn words(source: &str, tags: &[Tag]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for tag in tags {
        let inside = &source[tag.inside.clone()];
        let (mut at, mut is_attribute) = (0, false);
        while let Some(letter) = inside[at..].chars().next() {
            let rest = &inside[at..];
            let length = match letter {
                '"' | '\'' => 1 + quoted(&rest[1..], letter),
                letter if is_of_a_word(letter) => rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len()),
                letter => letter.len_utf8(),
            };
            let is_called = rest[length..].trim_ascii_start().starts_with('(');
            if is_of_a_word(letter) && !letter.is_ascii_digit() && !is_attribute && !is_called {
                found.insert(rest[..length].to_owned());
            }
            is_attribute = letter == '.' || (is_attribute && letter.is_ascii_whitespace());
            at += length;
        }
    }
    found
}

/// The length of a quoted text, with its closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in rest.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            letter if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || !letter.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insides<'s>(source: &'s str, columns: &[&str]) -> Vec<(&'s str, Option<&'s str>)> {
        let tags = tags(source, &|name| columns.contains(&name));
        let text = |tag: Tag| (&source[tag.inside], tag.column.map(|column| &source[column]));
        tags.into_iter().map(text).collect()
    }

    #[test]
    fn tags_end_where_the_engine_ends_them() {
        assert_eq!(insides("a {{ '}}' }} b {{ {'a': {}}}} c", &[]), [(" '}}' ", None), (" {'a': {}}", None)]);
        assert_eq!(insides("{# {{ a }} #}{% if a %}{{-b-}}", &[]), [(" if a ", None), ("-b-", None)]);
        assert_eq!(insides("{%- raw -%}{{ a }}{%+ endraw %}{{ b }}", &[]), [(" b ", None)]);
        assert_eq!(insides("{ {a} {{ é", &[]), [(" é", None)]);
        assert_eq!(insides("{{ a", &["a"]), [(" a", None)]);
    }

    #[test]
    fn a_name_of_a_column_stands_for_itself_up_to_the_end_or_a_filter() {
        let columns = ["Product Name", "What's new", "a|b", "a | upper", "-x-", "(é"];
        for (source, column) in [
            ("{{ Product Name }}", Some("Product Name")),
            ("{{-Product Name-}}", Some("Product Name")),
            ("{{Product Name | upper | replace('a', '|')}}", Some("Product Name")),
            ("{{ What's new }} don't", Some("What's new")),
            ("{{ What's new | upper }}", Some("What's new")),
            ("{{ a|b | upper }}", Some("a|b")),
            ("{{ a | upper | lower }}", Some("a | upper")),
            ("{{ -x- }}", Some("-x-")),
            ("{{ (é }}", Some("(é")),
            ("{{ Product }}", None),
            ("{{ 'Product Name' }}", None),
            ("{{ }}", None),
        ] {
            assert_eq!(insides(source, &columns)[0].1, column, "{source}");
        }
        assert_eq!(insides("{{ What's new }}{{ a }}", &columns).len(), 2);
    }

    #[test]
    fn a_template_of_words_or_of_mere_columns_need_not_be_rendered_to_know_that_it_is_blank() {
        let may = |source: &str| may_be_blank(source, &tags(source, &|_| false));
        for never in [
            "{{ a }}",
            "{{- a -}} {{ b }}\n",
            "{{ row[each.column] }}",
            "{{ row[\"a b\"] }}",
            "Summarise: {{ a | trim }}",
            "{% if a %}x{% endif %} end",
            "begin {% if a %}x{% endif %}",
            "{{ each.lang }}{{ a | trim }}",
        ] {
            assert!(!may(never), "{never}");
        }
        for perhaps in [
            "{{ a | trim }}",
            "{% if a %}words{% endif %}",
            "{# words #}",
            "{{ a.b }}",
            "{{ a[0] }}",
            "{{ f(a) }}",
        ] {
            assert!(may(perhaps), "{perhaps}");
        }
    }

    #[test]
    fn keys_are_named_outright_or_by_a_value_of_each() {
        let named = |text: &str| KeyUse::Named(text.to_owned());
        for (source, expected) in [
            ("{{ row.title }}", vec![named("title")]),
            ("{{ row['a b'] }}{{ row [ \"c\" ] | upper }}", vec![named("a b"), named("c")]),
            ("{{ row[each.column] }}", vec![KeyUse::OfEach("column".to_owned())]),
            ("{% if row %}{{ rows }}{{ x.row }}{{ 'row' }}{% endif %}", vec![KeyUse::Any]),
            (
                "{{ row[each.column ~ 'x'] }}{{ row[x] }}{{ row['a' ~ b] }}",
                vec![KeyUse::Any, KeyUse::Any, KeyUse::Any],
            ),
        ] {
            assert_eq!(keys(source, "row"), expected, "{source}");
        }
    }

    #[test]
    fn words_are_all_that_may_be_a_variable() {
        let source =
            "no {{ a.b['c'] | d(e=\"f\\\" g\") }}{% for h, ü in range(3) %}{{ i[:3] . j }}{{ 5if k }}";
        let found = words(source, &tags(source, &|_| false));
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["a", "e", "for", "h", "i", "in", "k", "ü"]);
    }

    #[test]
    fn a_name_next_to_an_operator_differs_from_one_before_a_key_or_a_filter() {
        for used in [
            "{{ row ~ \"\" }}",
            "{{ 'x' ~ row }}",
            "{% if row == 'a' %}",
            "{{ row[0] ~ row + 1 }}",
            "{%- if 'a'!=row -%}",
        ] {
            assert!(is_an_operand(used, "row"), "{used}");
        }
        for whole in [
            "{{ row['row'] ~ '' }}",
            "{{ row | tojson }}",
            "{{ 'row ~' }}",
            "{{ rows ~ x.row }}",
            "{%- set x = row -%}",
            "{{- row -}}",
            "row ~",
        ] {
            assert!(!is_an_operand(whole, "row"), "{whole}");
        }
    }
}
