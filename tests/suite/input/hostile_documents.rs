//! Files made to crash, fill or hang whoever reads them: each costs its own row, and nothing of the run.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use fanfold::inside::DocumentSettings;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::write::SimpleFileOptions;

use super::documents_read::read_with;

/// A PDF of these objects; the first is its catalogue.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
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

fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<<{entries}/Length {}>>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// A PDF of one page with this content; `more` are objects from number 6 on, of which the first is the form `X0`.
fn page(content: Vec<u8>, more: Vec<Vec<u8>>) -> Vec<u8> {
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R\
        /Resources<</Font<</F1 5 0 R>>/XObject<</X0 6 0 R>>>>>>";
    let first = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        page.into(),
        content,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(),
    ];
    pdf(&first.into_iter().chain(more).collect::<Vec<_>>())
}

fn flate(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("written");
    stream("/Filter/FlateDecode", &encoder.finish().expect("packed"))
}

fn form(next: usize, content: &str) -> Vec<u8> {
    let entries = format!(
        "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Resources<</Font<</F1 5 0 R>>/XObject<</X0 {next} 0 R>>>>"
    );
    stream(&entries, content.as_bytes())
}

/// A Word document with this body.
fn docx(body: &[&[u8]]) -> Vec<u8> {
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

fn deep_arrays(depth: usize) -> Vec<u8> {
    let catalogue = format!("<</Type/Catalog/Pages 2 0 R/X {}{}>>", "[".repeat(depth), "]".repeat(depth));
    pdf(&[catalogue.into_bytes(), b"<</Type/Pages/Kids[]/Count 0>>".to_vec()])
}

fn form_bomb() -> Vec<u8> {
    let forms = (0..7).map(|index| match index {
        6 => form(13, &"BT /F1 9 Tf (x) Tj ET ".repeat(40)),
        index => form(7 + index, &"/X0 Do ".repeat(40)),
    });
    page(stream("", b"/X0 Do"), forms.collect())
}

#[test]
fn a_hostile_file_costs_its_row_and_the_next_one_is_read() {
    let megabyte = vec![b'a'; 1 << 20];
    let bomb: Vec<&[u8]> = [b"<w:p><w:r><w:t>".as_slice()]
        .into_iter()
        .chain(std::iter::repeat_n(megabyte.as_slice(), 300))
        .chain([b"</w:t></w:r></w:p>".as_slice()])
        .collect();
    let attributes: String = (0..100_000).map(|index| format!("a{index}=\"x\" ")).collect();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("arrays.pdf", deep_arrays(1_000_000)),
        (
            "tree.pdf",
            pdf(&[
                b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
                b"<</Type/Pages/Kids[2 0 R]/Count 1>>".to_vec(),
            ]),
        ),
        ("itself.pdf", page(stream("", b"/X0 Do"), vec![form(6, &"/X0 Do ".repeat(50))])),
        ("forms.pdf", form_bomb()),
        ("operators.pdf", page(flate(&b"q Q ".repeat(16 << 20)), Vec::new())),
        ("bomb.docx", docx(&bomb)),
        ("deep.docx", docx(&[b"<w:tbl><w:tr><w:tc>".repeat(100_000).as_slice()])),
        ("attributes.docx", docx(&[format!("<w:p {attributes}/>").as_bytes()])),
        ("deep.rtf", [b"{\\rtf1".as_slice(), &b"{".repeat(1_000_000), b"x"].concat()),
        ("deep.html", [b"<div>".repeat(1_000_000).as_slice(), b"x"].concat()),
        ("tables.html", [b"<table>".repeat(50_000).as_slice(), b"x"].concat()),
    ];
    let codes = ["reader_crashed", "reader_timeout", "too_large", "malformed", "empty", "no_text"];
    let folder = tempfile::tempdir().expect("a folder");
    let settings = DocumentSettings { timeout: Duration::from_secs(5), ..DocumentSettings::default() };
    std::thread::scope(|scope| {
        for (name, content) in &files {
            let (file, settings) = (folder.path().join(name), &settings);
            scope.spawn(move || {
                std::fs::write(&file, content).expect("written");
                match read_with(&file, settings) {
                    Ok(document) => assert_eq!(document.text.trim(), "x", "{name}"),
                    Err(unreadable) => assert!(codes.contains(&unreadable.code()), "{name}: {unreadable:?}"),
                }
            });
        }
    });
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/documents/supply-contract.docx");
    read_with(&sample, &settings).expect("the next one is read");
}
