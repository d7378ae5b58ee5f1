//! Documents made by hand: PDF by its objects, Word by its body.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::write::SimpleFileOptions;

/// A PDF of these objects; the first is its catalogue.
pub(super) fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", index + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    places.iter().for_each(|place| file.extend(format!("{place:010} 00000 n \n").bytes()));
    let size = objects.len() + 1;
    file.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").bytes());
    file
}

pub(super) fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<<{entries}/Length {}>>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// A PDF of one page with this content; `more` are objects from number 6 on, of which the first is the form `X0`.
pub(super) fn page(content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<u8> {
    page_in(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(), content, more)
}

/// The same in this font.
pub(super) fn page_in(font: Vec<u8>, content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<u8> {
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R\
        /Resources<</Font<</F1 5 0 R>>/XObject<</X0 6 0 R>>>>>>";
    let first = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        page.into(),
        content,
        font,
    ];
    pdf(&first.into_iter().chain(more).collect::<Vec<_>>())
}

pub(super) fn flate(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("written");
    stream("/Filter/FlateDecode", &encoder.finish().expect("packed"))
}

pub(super) fn form(next: usize, content: &str) -> Vec<u8> {
    let entries = format!(
        "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</Font<</F1 5 0 R>>/XObject<</X0 {next} 0 R>>>>"
    );
    stream(&entries, content.as_bytes())
}

/// A Word document with this body.
pub(super) fn docx(body: &[&[u8]]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut part = |name: &str, content: &[&[u8]]| {
        archive.start_file(name, SimpleFileOptions::default()).expect("a part");
        content.iter().for_each(|content| archive.write_all(content).expect("written"));
    };
    part("_rels/.rels", &[br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#]);
    let head =
        br#"<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>"#;
    part("word/document.xml", &[&[head.as_slice()], body, &[b"</w:body></w:document>"]].concat());
    archive.finish().expect("packed").into_inner()
}
