//! The key given to every run of the suite, which must appear nowhere: neither as it is, nor in a form from which it could
//! be read.

use std::fs;
use std::path::{Path, PathBuf};

/// A key that must appear nowhere.
pub const CANARY: &str = "sk-canary-4f1d9c7e2b";

/// The key in base64, at each of the three offsets at which it can begin, without the letters at its ends that also encode
/// its neighbours.
const IN_BASE64: [&str; 3] =
    ["c2stY2FuYXJ5LTRmMWQ5YzdlMm", "rLWNhbmFyeS00ZjFkOWM3ZTJi", "zay1jYW5hcnktNGYxZDljN2UyY"];

/// Whether bytes contain the key. JSON escapes hide nothing.
pub fn is_in(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    if CANARY.split('-').any(|part| text.contains(part) && part.len() > 9) {
        return true;
    }
    let mut plain = text.into_owned();
    let is_escaped = plain.contains("\\u00");
    for letter in ('!'..='~').filter(|_| is_escaped) {
        for digits in [format!("\\u{:04x}", letter as u32), format!("\\u{:04X}", letter as u32)] {
            plain = plain.replace(&digits, &letter.to_string());
        }
    }
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded: String = CANARY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let lower = plain.to_ascii_lowercase();
    lower.contains(&hex)
        || lower.contains(&encoded)
        || plain.contains(CANARY)
        || IN_BASE64.iter().any(|form| plain.contains(form))
}

/// The files of a folder and those below it that have the key in them.
pub fn files_with_it(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() && !path.is_symlink() {
                true => folders.push(path),
                false if is_in(&fs::read(&path).unwrap_or_default()) => found.push(path),
                false => {}
            }
        }
    }
    found
}

#[test]
fn the_key_is_found_in_every_form_that_it_could_be_read_from() {
    for text in [
        CANARY,
        "Bearer sk-canary-4f1d9c7e2b.",
        "the end is 4f1d9c7e2b",
        r#"{"a":"\u0073k-canary-\u0034f1d9c7e2b"}"#,
        "QmVhcmVyIHNrLWNhbmFyeS00ZjFkOWM3ZTJi",
        "c2stY2FuYXJ5LTRmMWQ5YzdlMmI=",
        "736B2D63616E6172792D34663164396337653262",
        "%73%6b%2d%63%61%6e%61%72%79%2d%34%66%31%64%39%63%37%65%32%62",
    ] {
        assert!(is_in(text.as_bytes()), "{text}");
    }
    assert!(!is_in(b"sk-canary-, sk-can****e2b"));
}
