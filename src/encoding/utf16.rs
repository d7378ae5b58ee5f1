//! UTF-16 without a byte order mark: text in it has zero bytes on one side of its pairs, at least in its line ends and blanks.

use super::{Encoding, UTF_16BE, UTF_16LE};

/// Characters that occur in texts of people, of all below the blank.
const WHITE: [u16; 4] = [0x09, 0x0a, 0x0c, 0x0d];

/// The encoding of a text whose zero bytes are all on one side; `None` if the bytes are not UTF-16.
pub(super) fn side_of_zeros(bytes: &[u8]) -> Option<&'static Encoding> {
    if !bytes.len().is_multiple_of(2) || is_text_with_few_zeros(bytes) {
        return None;
    }
    let zeros = |side: usize| bytes.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let encoding = match (zeros(0), zeros(1)) {
        (0, 1..) => UTF_16LE,
        (1.., 0) => UTF_16BE,
        // A character such as U+0100 or U+4E00 has a zero on the other side.
        (few, many) if few < many => UTF_16LE,
        (many, few) if few < many => UTF_16BE,
        _ => return None,
    };
    is_text(bytes, encoding).then_some(encoding)
}

/// Whether bytes are UTF-8 with a zero here and there: any two letters of it make a character of UTF-16 too.
fn is_text_with_few_zeros(bytes: &[u8]) -> bool {
    let controls = bytes.iter().filter(|byte| **byte < 0x20 && !WHITE.contains(&u16::from(**byte))).count();
    controls * 20 < bytes.len() && std::str::from_utf8(bytes).is_ok()
}

fn is_text(bytes: &[u8], encoding: &'static Encoding) -> bool {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| match encoding == UTF_16LE {
        true => u16::from_le_bytes(*pair),
        false => u16::from_be_bytes(*pair),
    });
    let is_strange = |letter: &char| {
        let unit = u32::from(*letter);
        (unit < 0x20 && !WHITE.contains(&u16::try_from(unit).unwrap_or_default()))
            || (0xe000..0xf900).contains(&unit)
            || unit & 0xfffe == 0xfffe
    };
    char::decode_utf16(units).all(|letter| letter.is_ok_and(|letter| !is_strange(&letter)))
}
