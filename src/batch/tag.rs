//! The names of a batch, its file and its lines.

use std::fmt;

use crate::request::Fingerprint;

/// How many bytes of a fingerprint are in the name of a line: the name has 64 characters at most.
const FINGERPRINT_BYTES: usize = 8;

/// The random name of a batch: `ff-` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTag(String);

impl BatchTag {
    /// The tag of a random number.
    pub fn new(random: u64) -> Self {
        Self(format!("ff-{random:016x}"))
    }

    /// A stored tag.
    pub fn of_text(text: String) -> Self {
        Self(text)
    }

    /// Whether a text is a tag.
    pub fn is_one(text: &str) -> bool {
        let digits = text.strip_prefix("ff-").unwrap_or_default();
        digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The tag itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which its file is uploaded.
    pub fn file_name(&self) -> String {
        format!("{}.jsonl", self.0)
    }

    /// The name of a line, counted from 0.
    pub fn custom_id(&self, line: u32, fingerprint: Fingerprint) -> String {
        let mut id = format!("{}-{line}-", self.0);
        for byte in &fingerprint.0[..FINGERPRINT_BYTES] {
            id.push_str(&format!("{byte:02x}"));
        }
        id
    }

    /// The line with a name, and the beginning of its fingerprint in hexadecimal digits; `None` if no line of this batch has
    /// such a name.
    pub fn line_of<'i>(&self, custom_id: &'i str) -> Option<(u32, &'i str)> {
        let (line, fingerprint) = custom_id.strip_prefix(&self.0)?.strip_prefix('-')?.split_once('-')?;
        Some((line.parse().ok()?, fingerprint))
    }

    /// Whether a name's beginning of a fingerprint is that of this one.
    pub fn begins(beginning: &str, fingerprint: Fingerprint) -> bool {
        let whole = fingerprint.to_string();
        beginning.len() == 2 * FINGERPRINT_BYTES && whole.starts_with(beginning)
    }
}

impl fmt::Display for BatchTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_name_and_no_other_is() {
        let tag = BatchTag::new(0xabc);
        assert!(BatchTag::is_one(tag.as_str()) && !BatchTag::is_one("ff-1"));
        let fingerprint = Fingerprint([7; 16]);
        let id = tag.custom_id(49_999, fingerprint);
        assert_eq!(id, "ff-0000000000000abc-49999-0707070707070707");
        assert!(id.len() <= 64);
        assert_eq!(tag.line_of(&id), Some((49_999, "0707070707070707")));
        assert!(BatchTag::begins("0707070707070707", fingerprint));
        assert!(!BatchTag::begins("07", fingerprint) && !BatchTag::begins("0807070707070707", fingerprint));
        for stranger in
            ["", "1", "ff-0000000000000abd-1-07", "ff-0000000000000abc-x-07", "ff-0000000000000abc"]
        {
            assert_eq!(tag.line_of(stranger), None, "{stranger}");
        }
    }
}
