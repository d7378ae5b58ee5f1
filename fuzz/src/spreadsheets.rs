//! Spreadsheets that fanfold reads.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::files::{input, passes};

const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"";

/// The bytes are a spreadsheet's file, or what is in one: the rows of its sheet, its shared texts and its styles, with a byte of
/// zero between them. As for [`csv`](super::csv).
pub fn sheet(bytes: &[u8]) {
    let path = match bytes.starts_with(b"PK") {
        true => input("in.xlsx", bytes),
        false => input("in.xlsx", &workbook(bytes)),
    };
    passes(&path);
}

/// A workbook with these rows, shared texts and styles. Damage to the archive is the first kind of input.
fn workbook(bytes: &[u8]) -> Vec<u8> {
    let mut contents = bytes.splitn(3, |byte| *byte == 0);
    let mut content = || contents.next().unwrap_or_default();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, before: String, content: &[u8], after: &str| {
        zip.start_file(name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(&[before.as_bytes(), content, after.as_bytes()].concat()).expect("written");
    };
    let related = |id: u8, kind: &str, target: &str| {
        format!("<Relationship Id=\"r{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let relations = |listed: String| format!("<Relationships {PACKAGE}>{listed}</Relationships>");
    part("_rels/.rels", relations(related(1, "officeDocument", "xl/workbook.xml")), b"", "");
    let listed = related(1, "worksheet", "worksheets/sheet1.xml")
        + &related(2, "sharedStrings", "sharedStrings.xml")
        + &related(3, "styles", "styles.xml");
    part("xl/_rels/workbook.xml.rels", relations(listed), b"", "");
    let sheets = "<sheets><sheet name=\"A\" sheetId=\"1\" r:id=\"r1\"/></sheets>";
    part("xl/workbook.xml", format!("<workbook {MAIN} xmlns:r=\"{OFFICE}\">{sheets}</workbook>"), b"", "");
    let (rows, texts, styles) = (content(), content(), content());
    part(
        "xl/worksheets/sheet1.xml",
        format!("<worksheet {MAIN}><sheetData>"),
        rows,
        "</sheetData></worksheet>",
    );
    part("xl/sharedStrings.xml", format!("<sst {MAIN}>"), texts, "</sst>");
    part("xl/styles.xml", format!("<styleSheet {MAIN}>"), styles, "</styleSheet>");
    zip.finish().expect("whole").into_inner()
}
