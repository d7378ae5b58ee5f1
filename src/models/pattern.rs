//! Patterns of names, in which `*` is any run of characters.

/// How specific a pattern is.
pub(super) fn specificity(pattern: &str) -> usize {
    pattern.bytes().filter(|byte| *byte != b'*').count()
}

/// Whether a name matches a pattern.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    (0..=name.len()).any(|skipped| name.get(skipped..).is_some_and(|tail| fits(rest, tail)))
}
