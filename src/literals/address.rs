//! Addresses: `https://…`, and e-mail.

use std::ops::Range;

/// Endings of an address that belong to the sentence around it.
const TRAILING: &[u8] = b".,;:!?)]}'_";

/// The length of the `http://…` or `https://…` that begins here, as far as it is ASCII.
pub fn url(rest: &[u8]) -> Option<usize> {
    if !rest.starts_with(b"http://") && !rest.starts_with(b"https://") {
        return None;
    }
    let inside = |byte: &&u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'`' | b'|' | b'\\' | b'*')
    };
    let whole = rest.iter().take_while(inside).count();
    let trailing = rest[..whole].iter().rev().position(|byte| !TRAILING.contains(byte))?;
    Some(whole - trailing)
}

/// Where the e-mail address is whose `@` is here.
pub fn email(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let is_local =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-');
    let is_domain = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let before = bytes[..at].iter().rev().take_while(is_local).count();
    let dots = bytes[at - before..at].iter().take_while(|byte| **byte == b'.').count();
    let start = at - before + dots;
    let domain = &bytes[at + 1..];
    let domain = &domain[..domain.iter().take_while(is_domain).count()];
    let end = domain.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    let domain = &domain[..end];
    let dot = domain.iter().rposition(|byte| *byte == b'.')?;
    let (host, top) = (&domain[..dot], &domain[dot + 1..]);
    let is_one = start < at && !host.is_empty() && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    is_one.then_some(start..at + 1 + end)
}
