//! Spreadsheets made for tests, cell by cell, by nothing but a ZIP writer.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Empty,
    Text(String),
    Number(f64),
    Flag(bool),
    /// A number of days, shown as a date.
    Date(f64),
    /// A formula, with the value that the file has of it.
    Formula(&'static str, Option<f64>),
    /// `#N/A`.
    Error,
}

impl Cell {
    pub fn of(text: Option<&str>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text.to_owned()))
    }

    fn xml(&self) -> String {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "_x000D_");
        match self {
            Self::Empty => "<c/>".to_owned(),
            Self::Text(text) => {
                let text = escaped(text);
                format!("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
            }
            Self::Number(number) => format!("<c><v>{number}</v></c>"),
            Self::Flag(flag) => format!("<c t=\"b\"><v>{}</v></c>", u8::from(*flag)),
            Self::Date(days) => format!("<c s=\"1\"><v>{days}</v></c>"),
            Self::Formula(formula, None) => format!("<c><f>{formula}</f><v></v></c>"),
            Self::Formula(formula, Some(value)) => format!("<c><f>{formula}</f><v>{value}</v></c>"),
            Self::Error => "<c t=\"e\"><v>#N/A</v></c>".to_owned(),
        }
    }
}

/// A sheet with its header.
pub struct Sheet {
    name: &'static str,
    hidden: bool,
    rows: String,
}

impl Sheet {
    pub fn new<R: AsRef<[Cell]>>(name: &'static str, header: &[&str], rows: &[R]) -> Self {
        let row = |cells: &[Cell]| format!("<row>{}</row>", cells.iter().map(Cell::xml).collect::<String>());
        let header: Vec<Cell> = header.iter().map(|name| Cell::of(Some(name))).collect();
        let rows = row(&header) + &rows.iter().map(|cells| row(cells.as_ref())).collect::<String>();
        Self { name, hidden: false, rows }
    }

    pub fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }
}

/// An .xlsx file of these sheets.
pub fn workbook(sheets: &[Sheet]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, text: &str| {
        zip.start_file(name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("written");
    };
    let (mut listed, mut related) = (String::new(), String::new());
    for (index, sheet) in sheets.iter().enumerate() {
        let (id, state) = (index + 1, if sheet.hidden { "hidden" } else { "visible" });
        listed +=
            &format!("<sheet name=\"{}\" sheetId=\"{id}\" state=\"{state}\" r:id=\"rId{id}\"/>", sheet.name);
        related += &format!(
            "<Relationship Id=\"rId{id}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{id}.xml\"/>"
        );
        let rows = &sheet.rows;
        let text = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
        part(&format!("xl/worksheets/sheet{id}.xml"), &text);
    }
    let sheets =
        format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{listed}</sheets></workbook>");
    part("xl/workbook.xml", &sheets);
    part(
        "xl/_rels/workbook.xml.rels",
        &format!("<Relationships xmlns=\"{PACKAGE}\">{related}</Relationships>"),
    );
    let root =
        format!("<Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/>");
    part("_rels/.rels", &format!("<Relationships xmlns=\"{PACKAGE}\">{root}</Relationships>"));
    let formats = "<cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs>";
    part("xl/styles.xml", &format!("<styleSheet xmlns=\"{MAIN}\">{formats}</styleSheet>"));
    zip.finish().expect("whole").into_inner()
}
