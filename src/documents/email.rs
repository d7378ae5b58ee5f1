//! E-mails: the text as it was written, or the page that was sent instead; the subject is the title. Attachments are named, and
//! not read.

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use super::html;
use super::read_document::{ReadDocument, Unreadable, UnreadableReason};
use super::text::check_not_blank;
use crate::text::count;

/// How many attachments a warning names.
const NAMED: usize = 5;

/// The kinds of content that S/MIME encrypts, or only signs.
const PROTECTED: [&str; 2] = ["pkcs7-mime", "x-pkcs7-mime"];

/// Reads an e-mail.
pub(super) fn read(bytes: &[u8]) -> Result<ReadDocument, Unreadable> {
    let message = MessageParser::default().parse(bytes).filter(is_mail);
    let Some(message) = message else {
        return Err(Unreadable::because(
            UnreadableReason::Malformed,
            "it is not an e-mail: there is no header",
        ));
    };
    if is_encrypted(&message) {
        return Err(Unreadable::because(UnreadableReason::Encrypted, "it is encrypted"));
    }
    let text = text_of(&message)?;
    check_not_blank(&text)?;
    let mut document = ReadDocument::of_text(text, "eml");
    document.title =
        message.subject().map(|subject| subject.trim().to_owned()).filter(|title| !title.is_empty());
    document.warnings.extend(about_attachments(&message));
    Ok(document)
}

/// Whether there is a header that every mail has, or one of its content: any text has a first line.
fn is_mail(message: &Message<'_>) -> bool {
    let has_header = message.from().is_some() || message.subject().is_some() || message.date().is_some();
    has_header || message.content_type().is_some()
}

fn is_encrypted(message: &Message<'_>) -> bool {
    message.content_type().is_some_and(|kind| {
        let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
        let is_signed = kind.attribute("smime-type").is_some_and(|smime| smime.contains("signed"));
        subtype == "encrypted" || (PROTECTED.contains(&subtype.as_str()) && !is_signed)
    })
}

/// The parts that are the message, one after the other: text where it was sent, otherwise the page.
fn text_of(message: &Message<'_>) -> Result<String, Unreadable> {
    let mut parts = Vec::new();
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => parts.push(text.trim_matches(['\r', '\n']).to_owned()),
            PartType::Html(page) => parts.push(html::markdown(page)?.0.trim_matches('\n').to_owned()),
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    let mut text = parts.join("\n\n");
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

fn about_attachments(message: &Message<'_>) -> Option<String> {
    let names: Vec<&str> =
        message.attachments().map(|part| part.attachment_name().unwrap_or("one without a name")).collect();
    let listed = names[..names.len().min(NAMED)].join(", ");
    match names.len() {
        0 => None,
        1 => Some(format!("1 attachment was not read: {listed}")),
        few if few <= NAMED => Some(format!("{few} attachments were not read: {listed}")),
        many => Some(format!("{} attachments were not read: {listed}, …", count(many as u64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mail: &str) -> Result<ReadDocument, Unreadable> {
        read(mail.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn the_text_of_a_mail_is_read_and_its_subject_is_the_title() {
        let mail = "From: a@example.com\nSubject: =?utf-8?B?TGllZmVydW5nIGbDvHI=?= Mai\nMIME-Version: 1.0\n\
            Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n\
            --c\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n\nus/NrA==\n\
            --c\nContent-Type: text/html\n\n<p>page</p>\n--c--\n\
            --b\nContent-Type: application/pdf; name=offer.pdf\nContent-Disposition: attachment; filename=offer.pdf\n\n%PDF\n--b--\n";
        let document = of(mail).expect("a mail");
        assert_eq!(document.title.as_deref(), Some("Lieferung für Mai"));
        assert_eq!(document.text, "合同\n");
        assert_eq!(document.warnings, ["1 attachment was not read: offer.pdf"]);
    }

    #[test]
    fn a_mail_that_is_only_a_page_is_read_as_one() {
        let document = of(
            "Subject: News\nContent-Type: text/html; charset=utf-8\n\n<h1>News</h1><style>p{}</style><p>All <b>new</b></p>\n",
        );
        assert_eq!(document.expect("a mail").text, "# News\n\nAll **new**\n");
    }

    #[test]
    fn mails_without_text_say_why() {
        let code = |mail: &str| of(mail).expect_err("no text").code();
        assert_eq!(code("Subject: x\n\n\n"), "empty");
        assert_eq!(
            code("Subject: x\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n"),
            "encrypted"
        );
        assert_eq!(
            code("Subject: x\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx\n"),
            "encrypted"
        );
        assert_eq!(code("no mail at all"), "malformed");
    }
}
