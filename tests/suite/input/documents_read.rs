//! Documents become text: the samples, and files as they are found in folders.

use std::path::{Path, PathBuf};
use std::sync::Once;

use fanfold::inside::{
    DocumentFormat, DocumentSettings, ReadDocument, Unreadable, allow_reader, read_document,
};

use super::made_documents::{docx, form, page_in, stream};

pub(super) fn read_with(path: &Path, settings: &DocumentSettings) -> Result<ReadDocument, Unreadable> {
    static ALLOWED: Once = Once::new();
    ALLOWED.call_once(|| allow_reader(PathBuf::from(env!("CARGO_BIN_EXE_fanfold"))));
    read_document(path, None, settings, &[])
}

pub(super) fn read(path: &Path) -> Result<ReadDocument, Unreadable> {
    read_with(path, &DocumentSettings::default())
}

fn in_repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn sample(name: &str) -> Result<ReadDocument, Unreadable> {
    read(&in_repository("samples/documents").join(name))
}

fn data(name: &str) -> Result<ReadDocument, Unreadable> {
    read(&in_repository("tests/data/documents").join(name))
}

#[test]
fn every_sample_is_read_with_its_title_and_its_words() {
    let cases: [(&str, &str, Option<&str>, &[&str]); 11] = [
        (
            "supply-contract.docx",
            "docx",
            Some("Supply Contract"),
            &["## 2. Delivery", "| Spare seal kit | 40 | £36.50 |"],
        ),
        ("mietvertrag.odt", "odt", Some("Mietvertrag über Gewerberäume"), &["## § 3 Miete", "1.290,00 €"]),
        ("notice-cafe.epub", "epub", Some("Machine à café Aurore 3 : notice"), &["# Détartrage", "`2T`"]),
        (
            "safety-training.pptx",
            "pptx",
            Some("Safety training"),
            &["## Before you enter", "- Do not use the lift"],
        ),
        ("attestation.rtf", "rtf", None, &["**Attestation de travail**", "d’atelier"]),
        (
            "pump-manual.pdf",
            "pdf",
            Some("AP-200 Maintenance Manual"),
            &["Tighten the housing screws crosswise to 22 Nm."],
        ),
        (
            "uebergabe.eml",
            "eml",
            Some("Übergabe der Räume und Schlüssel"),
            &["- Wir benötigen fünf statt drei Schlüssel."],
        ),
        (
            "old-bridge.html",
            "html",
            Some("The old bridge reopens"),
            &["# The old bridge reopens", "© Easthaven Courier"],
        ),
        ("release-notes.md", "markdown", None, &["---\ntitle: Release notes"]),
        ("procurement.txt", "text", None, &["甲方：江岸水务有限公司\r\n"]),
        ("bridge-tour.srt", "srt", None, &["00:00:12,400 --> 00:00:16,900"]),
    ];
    for (name, format, title, words) in cases {
        let document = sample(name).unwrap_or_else(|unreadable| panic!("{name}: {unreadable:?}"));
        assert_eq!((document.format, document.title.as_deref()), (format, title), "{name}");
        for words in words {
            assert!(document.text.contains(words), "{name}: {words}: {}", document.text);
        }
    }
    assert_eq!(sample("procurement.txt").expect("text").warnings, ["encoding guessed: gbk"]);
    assert_eq!(sample("pump-manual.pdf").expect("text").pages, Some(2));
    assert_eq!(sample("safety-training.pptx").expect("text").pages, Some(3));
}

#[test]
fn a_text_file_in_utf8_is_read_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = "\u{feff}# One\r\n\r\n\ttwo \n\n\nthree\r".as_bytes();
    for ending in ["txt", "md", "rst", "srt", "vtt", "MD"] {
        let file = folder.path().join(format!("a.{ending}"));
        std::fs::write(&file, bytes).expect("written");
        assert_eq!(read(&file).expect("text").text.as_bytes(), bytes, "{ending}");
    }
}

#[test]
fn a_pdf_says_what_it_lacks() {
    let scan = sample("signed-lease.pdf").expect_err("a scan");
    assert_eq!(scan.code(), "no_text");
    assert!(scan.message.contains("`readers`"), "{}", scan.message);
    assert_eq!(data("locked.pdf").expect_err("a password").code(), "encrypted");
    let owner = data("owner.pdf").expect("only its changes are locked");
    assert!(owner.text.contains("22 Nm") && owner.warnings.is_empty(), "{owner:?}");
    let mixed = data("mixed.pdf").expect("two pages of text");
    assert_eq!((mixed.pages, mixed.warnings.as_slice()), (Some(3), &["page 3 has no text".to_owned()][..]));
}

#[test]
fn a_pdf_without_the_meaning_of_its_letters_is_garbled_and_not_text() {
    let font =
        b"<</Type/Font/Subtype/Type0/BaseFont/AAAAAA+Mystery/Encoding/Identity-H/DescendantFonts[7 0 R]>>";
    let inner = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/AAAAAA+Mystery/FontDescriptor 8 0 R/DW 500\
        /CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>";
    let about = b"<</Type/FontDescriptor/FontName/AAAAAA+Mystery/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800\
        /Descent -200/CapHeight 700/StemV 80>>";
    let content = stream("", b"BT /F1 12 Tf 72 700 Td <00240025002600270028> Tj ET");
    let more = vec![form(6, ""), inner.to_vec(), about.to_vec()];
    let bytes = page_in(font.to_vec(), content, more);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.pdf");
    std::fs::write(&file, bytes).expect("written");
    let unreadable = read(&file).expect_err("no letters");
    assert_eq!(unreadable.code(), "no_text");
    assert!(unreadable.message.starts_with("garbled"), "{}", unreadable.message);
}

#[test]
fn tracked_changes_are_accepted_and_said() {
    let body = b"<w:p><w:r><w:t>Price is </w:t></w:r><w:del w:id=\"1\"><w:r><w:delText>100</w:delText></w:r></w:del>\
        <w:ins w:id=\"2\"><w:r><w:t>120</w:t></w:r></w:ins><w:r><w:t> dollars.</w:t></w:r></w:p>";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.docx");
    std::fs::write(&file, docx(&[body])).expect("written");
    let document = read(&file).expect("a document");
    assert_eq!(
        (document.text.as_str(), document.warnings.as_slice()),
        ("Price is 120 dollars.\n", &["tracked changes accepted".to_owned()][..])
    );
}

#[test]
fn the_content_decides_and_the_ending_is_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let as_file = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, content).expect("written");
        read(&file)
    };
    let of_sample =
        |name: &str| std::fs::read(in_repository("samples/documents").join(name)).expect("a sample");
    let page = as_file("report.doc", b"<html><body><p>Really a page</p></body></html>").expect("a page");
    assert_eq!((page.format, page.text.as_str()), ("html", "Really a page\n"));
    assert_eq!(as_file("new.doc", &of_sample("supply-contract.docx")).expect("Word").format, "docx");
    assert_eq!(as_file("letter.docx", &of_sample("attestation.rtf")).expect("RTF").format, "rtf");
    assert_eq!(as_file("text.docx", &of_sample("pump-manual.pdf")).expect("PDF").format, "pdf");
    let code = |name: &str, content: &[u8]| as_file(name, content).expect_err(name).code();
    assert_eq!(code("a.txt", &of_sample("pump-manual.pdf")), "not_text");
    assert_eq!(code("b.md", &of_sample("supply-contract.docx")), "not_text");
    assert_eq!(code("c.pdf", b"plain words, and no PDF\n"), "malformed");
    assert_eq!(code("d.docx", &of_sample("supply-contract.docx")[..9000]), "malformed");
    for ending in ["pdf", "docx", "odt", "epub", "eml", "html", "txt"] {
        assert_eq!(code(&format!("empty.{ending}"), b""), "empty");
    }
    assert_eq!(code("e.xyz", b"words"), "malformed");
}

#[test]
fn a_document_larger_than_allowed_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = DocumentSettings { max_bytes: 1000, ..DocumentSettings::default() };
    let file = folder.path().join("long.txt");
    std::fs::write(&file, "a".repeat(1001)).expect("written");
    let unreadable = read_with(&file, &settings).expect_err("too large");
    assert_eq!(unreadable.code(), "too_large");
    assert!(unreadable.message.contains("`max_document`"), "{}", unreadable.message);
    // A small file with a long text.
    let file = folder.path().join("long.eml");
    std::fs::write(&file, format!("Subject: x\r\nContent-Type: text/html\r\n\r\n{}", "<hr>".repeat(200)))
        .expect("written");
    let settings = DocumentSettings { max_bytes: 900, ..DocumentSettings::default() };
    assert_eq!(read_with(&file, &settings).expect_err("too long").code(), "too_large");
}

#[test]
fn a_command_reads_its_ending_instead_of_the_reader() {
    let command = ["sh", "-c", "wc -c; env | grep -c FANFOLD_READER_TEST; true"].map(str::to_owned).to_vec();
    let readers = [("pdf".to_owned(), command)].into();
    let settings = DocumentSettings { readers, ..DocumentSettings::default() };
    let file = in_repository("samples/documents/signed-lease.pdf");
    let document = read_with(&file, &settings).expect("read by the command");
    let bytes = file.metadata().expect("a file").len();
    assert_eq!(document.text.lines().next().map(str::trim), Some(bytes.to_string().as_str()));
    let named = read_document(&file, Some(DocumentFormat::Text), &DocumentSettings::default(), &[]);
    assert_eq!(named.expect_err("not text").code(), "not_text");
}
