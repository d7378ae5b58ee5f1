//! What only spreadsheets have: types, dates, formulas, sheets, merged cells, and files made to harm their reader.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::folder::{Folder, open, read_all, row};
use super::workbook::{package, text_row, workbook};
use crate::job::sheet_choice::SheetChoice;
use crate::read::{InputSpec, Projection};
use crate::row::{Column, ColumnKind, JsonKind, Origin};

/// The columns that cells make whose XML is `rows` under a header.
fn fields(header: &[Option<&str>], rows: &str, properties: &str) -> Vec<Value> {
    let folder = Folder::new();
    let sheet = text_row(header) + rows;
    let path = folder.write("a.xlsx", workbook(&[("A", "visible", &sheet)], TEXTS, properties));
    let items = read_all(folder.spec(&[&path]), Projection::Fields).unwrap();
    items.iter().map(|item| Value::Object(row(item).fields.clone())).collect()
}

const TEXTS: &str = "<si><t>shared</t></si><si><r><t xml:space=\"preserve\">rich </t></r><r><rPr><b/></rPr><t>text</t></r>\
                     <rPh sb=\"0\" eb=\"1\"><t>reading</t></rPh></si><si><t>a_x000D_&#10;b &amp; _x005F_x0041_</t></si>";

#[test]
fn every_cell_keeps_its_type() {
    let rows = "<row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c><c t=\"s\"><v>2</v></c></row>\
                <row><c><v>3</v></c><c><v>19.989999999999998</v></c><c t=\"b\"><v>1</v></c></row>\
                <row><c t=\"str\"><f>A1</f><v>said</v></c><c><f>1+1</f><v>2</v></c><c t=\"str\"><f>\"\"</f><v></v></c></row>\
                <row><c t=\"e\"><v>#N/A</v></c><c><f>B1</f></c><c t=\"inlineStr\"><is><t>007</t></is></c></row>";
    let expected = [
        json!({"a": "shared", "b": "rich text", "c": "a\r\nb & _x0041_"}),
        json!({"a": 3, "b": 19.99, "c": true}),
        json!({"a": "said", "b": 2, "c": null}),
        json!({"a": null, "b": null, "c": "007"}),
    ];
    assert_eq!(fields(&[Some("a"), Some("b"), Some("c")], rows, ""), expected);
}

#[test]
fn dates_are_iso_by_either_calendar_and_kept_as_dates() {
    let rows = "<row><c s=\"1\"><v>46356</v></c><c s=\"2\"><v>46356.604166666664</v></c><c s=\"3\"><v>1.5208333333333333</v></c></row>\
                <row><c s=\"2\"><v>0.5</v></c><c t=\"d\"><v>2026-11-30</v></c><c s=\"1\"><v>-3</v></c></row>";
    let header = [Some("a"), Some("b"), Some("c")];
    let expected = [
        json!({"a": "2026-11-30", "b": "2026-11-30T14:30:00", "c": "36:30:00"}),
        json!({"a": "12:00:00", "b": "2026-11-30", "c": -3}),
    ];
    assert_eq!(fields(&header, rows, ""), expected);
    let moved = rows.replace("46356", "44894");
    assert_eq!(fields(&header, &moved, "date1904=\"1\""), expected);

    let folder = Folder::new();
    let sheet = text_row(&header) + rows;
    let path = folder.write("a.xlsx", workbook(&[("A", "visible", &sheet)], "", ""));
    let items = read_all(folder.spec(&[&path]), Projection::Fields).unwrap();
    let Origin::Sheet(times) = &row(&items[0]).origin else { panic!("not of a sheet") };
    let times: Vec<(&str, f64)> = times.iter().map(|(name, time)| (&**name, time.serial)).collect();
    assert_eq!(times, [("a", 46_356.0), ("b", 46_356.604_166_666_664), ("c", 1.520_833_333_333_333_3)]);
}

#[test]
fn the_table_begins_where_the_sheet_has_values_and_an_empty_row_within_is_a_row() {
    let rows = "<row r=\"3\" hidden=\"1\"><c r=\"C3\" t=\"inlineStr\"><is><t>id</t></is></c>\
                <c r=\"E3\" t=\"inlineStr\"><is><t>text</t></is></c></row>\
                <row r=\"4\"><c r=\"C4\"><v>1</v></c></row>\
                <row r=\"6\" hidden=\"1\"><c r=\"E6\" t=\"inlineStr\"><is><t>six</t></is></c></row>\
                <row r=\"9\"><c r=\"A9\" s=\"1\"/></row>";
    let folder = Folder::new();
    let path = folder.write("a.xlsx", workbook(&[("A", "visible", rows)], "", ""));
    let source = open(folder.spec(&[&path])).unwrap();
    let expected = format!("{path}: 3 columns such as A have no names and no values, and are ignored");
    assert_eq!(source.notices(), [expected]);
    let items = read_all(folder.spec(&[&path]), Projection::Fields).unwrap();
    let found: Vec<String> = items
        .iter()
        .map(|item| format!("{} {}", row(item).place.number, Value::Object(row(item).fields.clone())))
        .collect();
    let expected =
        [r#"4 {"id":1,"text":null}"#, r#"5 {"id":null,"text":null}"#, r#"6 {"id":null,"text":"six"}"#];
    assert_eq!(found, expected);
    assert_eq!(items[2].place().to_string(), format!("{path}: row 6"));
}

#[test]
fn a_value_in_a_column_without_a_name_is_an_error_that_names_its_cell() {
    let folder = Folder::new();
    let rows = text_row(&[Some("title")]) + &text_row(&[Some("id"), Some("text")]);
    let path = folder.write("a.xlsx", workbook(&[("A", "visible", &rows)], "", ""));
    let error = open(folder.spec(&[&path])).unwrap_err();
    assert!(
        error.starts_with(&format!("{path}: cell B2 has a value, but its column has no name in row 1")),
        "{error}"
    );
    let twins = text_row(&[Some("id"), Some("id")]);
    let path = folder.write("b.xlsx", workbook(&[("A", "visible", &twins)], "", ""));
    assert!(open(folder.spec(&[&path])).unwrap_err().contains("columns 1 and 2 are both named `id`"));
}

#[test]
fn a_sheet_is_chosen_by_name_or_number_and_the_first_that_is_visible_otherwise() {
    let folder = Folder::new();
    let named = |name: &str| text_row(&[Some("x")]) + &text_row(&[Some(name)]);
    let (one, two, three) = (named("one"), named("two"), named("three"));
    let sheets =
        [("Notes", "hidden", one.as_str()), ("Products", "visible", &two), ("Old", "visible", &three)];
    let path = folder.write("a.xlsx", workbook(&sheets, "", ""));
    let read = |sheet| {
        let items = read_all(InputSpec { sheet, ..folder.spec(&[&path]) }, Projection::Fields)?;
        Ok::<_, String>(row(&items[0]).fields["x"].as_str().unwrap_or_default().to_owned())
    };
    let name = |name: &str| Some(SheetChoice::Name(name.to_owned()));
    assert_eq!(read(None).unwrap(), "two");
    assert_eq!(read(name("Notes")).unwrap(), "one");
    assert_eq!(read(name("OLD")).unwrap(), "three");
    assert_eq!(read(Some(SheetChoice::Number(1))).unwrap(), "one");
    let sheets = "1 `Notes` (hidden), 2 `Products`, 3 `Old`";
    assert_eq!(
        read(name("None")).unwrap_err(),
        format!("{path}: there is no sheet `None`; the sheets are {sheets}")
    );
    assert_eq!(
        read(Some(SheetChoice::Number(4))).unwrap_err(),
        format!("{path}: there is no sheet 4; the sheets are {sheets}")
    );
    let notice = "the sheet `Products` is read, and not `Old`; name another with `sheet` under [input]";
    assert_eq!(open(folder.spec(&[&path])).unwrap().notices(), [format!("{path}: {notice}")]);
}

#[test]
fn formulas_without_a_value_and_errors_are_counted_in_a_notice() {
    let folder = Folder::new();
    let rows = text_row(&[Some("a"), Some("b")])
        + "<row><c><f>1+1</f></c><c t=\"e\"><v>#DIV/0!</v></c></row><row><c><f>2</f><v></v></c><c><v>1</v></c></row>";
    let path = folder.write("a.xlsx", workbook(&[("A", "visible", &rows)], "", ""));
    let notices = open(folder.spec(&[&path])).unwrap().notices().to_vec();
    assert!(
        notices[0].starts_with(&format!("{path}: 2 formulas without a stored value (A2): null here")),
        "{notices:?}"
    );
    assert!(notices[1].starts_with(&format!("{path}: 1 error (#DIV/0! in B2): null here")), "{notices:?}");
}

#[test]
fn a_column_has_the_type_of_its_cells_and_is_text_where_they_differ() {
    let folder = Folder::new();
    let rows = text_row(&[Some("n"), Some("mixed"), Some("none")])
        + "<row><c><v>1</v></c><c><v>1</v></c></row><row><c><v>2.5</v></c><c t=\"inlineStr\"><is><t>x</t></is></c></row>";
    let one = folder.write("a.xlsx", workbook(&[("A", "visible", &rows)], "", ""));
    let kinds = |paths: &[&str]| -> Vec<ColumnKind> {
        let kind = |column: &Column| column.kind.clone();
        open(folder.spec(paths)).unwrap().columns().unwrap().iter().map(kind).collect()
    };
    let json = ColumnKind::Json;
    assert_eq!(kinds(&[&one]), [json(JsonKind::Number), ColumnKind::Text, json(JsonKind::Null)]);
    let other = folder.write("b.csv", "n,none\n1,2\n");
    assert_eq!(kinds(&[&one, &other]), [ColumnKind::Text, ColumnKind::Text, ColumnKind::Text]);
}

#[test]
fn other_files_under_the_name_of_a_spreadsheet_are_named_for_what_they_are() {
    let folder = Folder::new();
    let refused = |content: &[u8]| open(folder.spec(&[&folder.write("a.xlsx", content)])).unwrap_err();
    let encrypted: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice();
    assert!(refused(&[ole, &[0; 70_000], &encrypted].concat()).contains("protected by a password"));
    assert!(refused(&[ole, &[0; 1000]].concat()).contains("of the old kind (.xls)"));
    assert!(refused(b"<html><table>").contains("is a web page or XML"));
    assert!(refused(b"id,text\n").contains("is not an .xlsx file"));
    assert!(refused(b"").contains("is not an .xlsx file"));
    assert!(refused(b"PK\x03\x04 and no more").contains("is not a readable .xlsx file"));
    assert!(refused(&package(&[("mimetype", "text")])).contains("is not a readable .xlsx file"));
    let path = folder.write("b.csv", workbook(&[("A", "visible", "")], "", ""));
    assert!(open(folder.spec(&[&path])).unwrap_err().contains("set the format to xlsx"));
}

#[test]
fn a_file_made_to_harm_its_reader_is_an_error() {
    let folder = Folder::new();
    let refused = |content: Vec<u8>| {
        let mut spec = folder.spec(&[&folder.write("a.xlsx", content)]);
        spec.max_record_bytes = 1 << 20;
        read_all(spec, Projection::Fields).unwrap_err()
    };
    let header = text_row(&[Some("a")]);
    let with_texts = |texts: &str| workbook(&[("A", "visible", &header)], texts, "");
    let claims = with_texts("<sst uniqueCount=\"999999999999\"/>");
    assert!(refused(claims).contains("claims more texts than it has"));
    assert!(refused(with_texts("\u{1}")).contains("not in UTF-8"));
    let sheet = |rows: &str| workbook(&[("A", "visible", &(header.clone() + rows))], "", "");
    assert!(
        refused(sheet(
            "<row r=\"9\"><c r=\"A9\"><v>1</v></c></row><row r=\"3\"><c r=\"A3\"><v>1</v></c></row>"
        ))
        .contains("not in order")
    );
    assert!(refused(sheet("<row r=\"2\"><c r=\"A2000000\"><v>1</v></c></row>")).contains("not a readable"));
    assert!(
        refused(sheet("<row r=\"2\"><c r=\"ZZZZZZZZZZ2\"><v>1</v></c></row>")).contains("not a readable")
    );
    assert!(refused(sheet("<row><c t=\"s\"><v>7</v></c></row>")).contains("not a readable"));
    assert!(refused(sheet("<row><c><v>1</v>")).contains("not a readable"));
    let long = format!(
        "<row><c t=\"inlineStr\"><is><t>short</t></is></c><c t=\"inlineStr\"><is><t>{}</t></is></c></row>",
        "x".repeat(2 << 20)
    );
    assert!(refused(sheet(&long)).contains("row 2: the row is longer than 1048576 bytes"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_sheet_never_panics_and_every_pass_sees_the_same(at in 0_usize..4_000, with in any::<[u8; 3]>()) {
        let folder = Folder::new();
        let mut rows = text_row(&[Some("a"), Some("b")]).into_bytes();
        for number in 2..20 {
            let row = format!("<row r=\"{number}\"><c r=\"A{number}\"><v>{number}</v></c><c r=\"B{number}\" t=\"s\"><v>0</v></c></row>");
            rows.extend(row.into_bytes());
        }
        let at = at % (rows.len() - 3);
        rows[at..at + 3].copy_from_slice(&with);
        let sheet = String::from_utf8_lossy(&rows).into_owned();
        let path = folder.write("a.xlsx", workbook(&[("A", "visible", &sheet)], TEXTS, ""));
        let read = |wanted| read_all(folder.spec(&[&path]), wanted).map(|items| items.len());
        prop_assert_eq!(read(Projection::Fields), read(Projection::Origin));
    }
}
