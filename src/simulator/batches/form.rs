//! An upload's form (RFC 7578) taken apart.

use hyper::body::Bytes;

/// The fields of an upload.
#[derive(Debug, Default, PartialEq)]
pub(super) struct UploadForm {
    pub(super) purpose: String,
    pub(super) filename: String,
    pub(super) content: Bytes,
}

/// Reads a form; `None` if it is none, or has no file.
pub(super) fn parse(content_type: &str, body: &Bytes) -> Option<UploadForm> {
    let boundary = content_type.split("boundary=").nth(1)?.trim().trim_matches('"');
    let delimiter = format!("\r\n--{boundary}");
    let mut form = UploadForm::default();
    let mut at = body.strip_prefix(&delimiter.as_bytes()[2..]).map(|_| delimiter.len() - 2)?;
    let mut has_file = false;
    while !body[at..].starts_with(b"--") {
        let head_end = at + find(&body[at..], b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&body[at..head_end]).into_owned();
        let start = head_end + 4;
        let end = start + find(&body[start..], delimiter.as_bytes())?;
        match parameter(&head, "name").as_deref() {
            Some("purpose") => form.purpose = String::from_utf8_lossy(&body[start..end]).into_owned(),
            Some("file") => {
                has_file = true;
                form.filename = parameter(&head, "filename").unwrap_or_default();
                form.content = body.slice(start..end);
            }
            _ => {}
        }
        at = end + delimiter.len();
    }
    has_file.then_some(form)
}

/// A parameter of a part's head.
fn parameter(head: &str, name: &str) -> Option<String> {
    let rest = head.split(&format!("; {name}=\"")).nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    // From line end to line end: a comparison at each byte would take seconds for a large file.
    let mut at = 0;
    loop {
        at += text[at..].iter().position(|byte| *byte == wanted[0])?;
        if text[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_a_purpose_and_a_file_with_any_bytes() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: \
                    form-data; name=\"file\"; filename=\"a.jsonl\"\r\nContent-Type: x\r\n\r\n{}\r\n--{}\r\n\r\n--b--\r\n";
        let form = parse("multipart/form-data; boundary=b", &Bytes::from(body)).expect("a form");
        assert_eq!((form.purpose.as_str(), form.filename.as_str()), ("batch", "a.jsonl"));
        assert_eq!(&form.content[..], b"{}\r\n--{}\r\n");
    }

    #[test]
    fn what_is_no_form_or_is_cut_is_refused() {
        for body in ["", "--b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{}"] {
            assert_eq!(parse("multipart/form-data; boundary=b", &Bytes::from(body)), None, "{body}");
        }
        assert_eq!(parse("application/json", &Bytes::from("{}")), None);
    }
}
