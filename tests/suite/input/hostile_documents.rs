//! Files made to crash, fill or hang whoever reads them: each costs its own row, and nothing of the run.

use std::path::Path;
use std::time::Duration;

use super::documents_read::read_with;
use super::made_documents::{docx, flate, form, page, pdf, stream};
use fanfold::inside::DocumentSettings;

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
