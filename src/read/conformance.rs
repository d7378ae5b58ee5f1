//! Tests that hold for every source: order, nulls, Unicode, no rows, several files, the limit on a record.

mod damage;
mod folder;
mod headers;
mod sheets;
pub(super) mod workbook;

use std::collections::BTreeSet;

use arrow::array::Int64Array;
use serde_json::Value;

use self::folder::{FORMATS, Folder, batch_of, gzip, open, parquet_file, read_all, reason, row};
use super::spec::STDIN_NAME;
use super::{Projection, RecordKey, Source};
use crate::format::Format;
use crate::row::{Item, Origin};

#[test]
fn rows_come_in_order_with_nulls_and_unicode_from_every_format() {
    let folder = Folder::new();
    let rows = [(3, Some("naïve \"x\"\nليل 猫 👩‍🚀")), (1, None), (2, Some(""))];
    for format in FORMATS {
        let path = folder.rows("a", format, &rows);
        let mut spec = folder.spec(&[&path]);
        spec.id = Some("id".into());
        let items = read_all(spec, Projection::Fields).unwrap();
        assert_eq!(items.len(), 3, "{format}");
        for (position, (item, (id, text))) in items.iter().zip(rows).enumerate() {
            let row = row(item);
            assert_eq!(row.position, position as u64);
            assert_eq!(row.id.as_ref().unwrap().as_str(), id.to_string());
            assert_eq!(row.fields.keys().collect::<Vec<_>>(), ["id", "text"]);
            let is_table = matches!(format, Format::Csv | Format::Tsv);
            // A sheet does not tell an empty text from an empty cell.
            let text = text.filter(|text| format != Format::Xlsx || !text.is_empty());
            let expected = text.or(is_table.then_some("")).map_or(Value::Null, Value::from);
            assert_eq!(row.fields["text"], expected, "{format}");
        }
    }
}

#[test]
fn an_input_without_rows_is_not_an_error() {
    let folder = Folder::new();
    for format in FORMATS {
        let path = folder.rows("none", format, &[]);
        assert!(read_all(folder.spec(&[&path]), Projection::Fields).unwrap().is_empty(), "{format}");
        if !matches!(format, Format::Parquet | Format::Xlsx) {
            let path = folder.write(&format!("zero.{format}"), "");
            let mut spec = folder.spec(&[&path]);
            spec.id = Some("id".into());
            assert!(read_all(spec, Projection::Origin).unwrap().is_empty(), "{format}");
        }
    }
    let blank = folder.write("blank.csv", "\u{feff}\r\n\n");
    assert_eq!(open(folder.spec(&[&blank])).unwrap().columns(), Some(&[][..]));
}

#[test]
fn several_files_are_one_input_and_positions_run_through() {
    let folder = Folder::new();
    for format in FORMATS {
        let files =
            [folder.rows("1", format, &[(1, Some("a")), (2, Some("b"))]), folder.rows("2", format, &[])];
        let last = folder.rows("3", format, &[(3, Some("c"))]);
        let source = open(folder.spec(&[&files[0], &files[1], &last])).unwrap();
        assert_eq!(source.files(), [files[0].clone(), files[1].clone(), last.clone()]);
        assert_eq!(source.columns().is_none(), format == Format::Jsonl);
        for _ in 0..2 {
            let items: Vec<Item> = source.rows(Projection::Fields).unwrap().map(Result::unwrap).collect();
            let positions: Vec<u64> = items.iter().map(Item::position).collect();
            assert_eq!(positions, [0, 1, 2], "{format}");
            assert_eq!(*items[2].place().file, *last);
        }
    }
}

#[test]
fn only_the_columns_that_are_wanted_are_fields_and_the_rows_are_the_same() {
    let folder = Folder::new();
    for format in FORMATS {
        let path = folder.rows("a", format, &[(1, Some("x")), (2, None)]);
        let mut spec = folder.spec(&[&path]);
        spec.id = Some("id".into());
        for (wanted, expected) in [(vec!["text"], 2), (vec![], 1), (vec!["unknown"], 1)] {
            let wanted = Projection::Only(wanted.into_iter().map(str::to_owned).collect());
            let items = read_all(spec.clone(), wanted).unwrap();
            assert_eq!(row(&items[0]).fields.len(), expected, "{format}");
            assert_eq!(row(&items[1]).id.as_ref().unwrap().as_str(), "2");
        }
        spec.id = None;
        let items = read_all(spec, Projection::Only(BTreeSet::new())).unwrap();
        assert_eq!(items.len(), 2, "{format}");
        assert!(row(&items[1]).fields.is_empty());
    }
}

#[test]
fn a_row_that_is_passed_over_leaves_the_others_where_they_are() {
    let folder = Folder::new();
    for format in FORMATS {
        let one = folder.rows("1", format, &[(1, Some("a")), (2, Some("b"))]);
        let other = folder.rows("2", format, &[(3, Some("c")), (4, Some("d")), (5, None)]);
        let source = open(folder.spec(&[&one, &other])).unwrap();
        let all: Vec<String> =
            source.rows(Projection::Fields).unwrap().map(|item| format!("{:?}", item.unwrap())).collect();
        let mut rows = source.rows(Projection::Fields).unwrap();
        for (position, expected) in all.iter().enumerate() {
            assert_eq!(rows.next_position(), position as u64);
            match position % 2 {
                0 => assert!(rows.advance().unwrap()),
                _ => assert_eq!(format!("{:?}", rows.next().unwrap().unwrap()), *expected, "{format}"),
            }
        }
        assert!(!rows.advance().unwrap() && rows.next().is_none());
    }
    let bad = folder.write("bad.jsonl", "{\n\n  \n{\"a\": 1}\nnonsense\n");
    let mut rows = open(folder.spec(&[&bad])).unwrap().rows(Projection::Fields).unwrap();
    assert!(rows.advance().unwrap());
    assert_eq!(row(&rows.next().unwrap().unwrap()).place.number, 4);
    assert!(rows.advance().unwrap() && !rows.advance().unwrap());
}

#[test]
fn a_record_has_the_same_hash_in_each_pass_with_the_same_key() {
    let folder = Folder::new();
    let hashes = |source: &Source, key: &str| {
        let mut rows = source.rows_with(Projection::Fields, Some(RecordKey::of(key))).unwrap();
        let mut hashes = Vec::new();
        while rows.advance().unwrap() {
            hashes.push(rows.record());
        }
        hashes
    };
    for format in FORMATS {
        let path = folder.rows("1", format, &[(1, Some("a")), (2, Some("b")), (3, None)]);
        let before = hashes(&open(folder.spec(&[&path])).unwrap(), "a job");
        let path = folder.rows("1", format, &[(1, Some("a")), (2, Some("other")), (3, None)]);
        let source = open(folder.spec(&[&path])).unwrap();
        let after = hashes(&source, "a job");
        if format == Format::Parquet {
            assert_eq!(after, [None; 3]);
            continue;
        }
        let same: Vec<bool> = before.iter().zip(&after).map(|(one, other)| one == other).collect();
        assert_eq!(same, [true, false, true], "{format}");
        assert!(after.iter().all(Option::is_some), "{format}");
        assert_ne!(after, hashes(&source, "another job"), "{format}");
        assert_eq!(source.rows(Projection::Fields).unwrap().record(), None);
    }
}

#[test]
fn the_origin_is_the_row_as_it_was_read() {
    let folder = Folder::new();
    let path = folder.write("a.jsonl", " {\"b\" : 1.50,\"b\":2} \r\n");
    let items = read_all(folder.spec(&[&path]), Projection::Origin).unwrap();
    assert!(matches!(&row(&items[0]).origin, Origin::Line(line) if &**line == "{\"b\" : 1.50,\"b\":2}"));

    let rows: Vec<(i64, Option<&str>)> = (0..4000).map(|id| (id, Some("x"))).collect();
    let path = folder.rows("a", Format::Parquet, &rows);
    let items = read_all(folder.spec(&[&path]), Projection::Origin).unwrap();
    for (id, item) in items.iter().enumerate() {
        let Origin::Columnar(batch, index) = &row(item).origin else { panic!("not from a batch") };
        let ids = batch.column_by_name("id").unwrap().as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!((ids.value(*index), batch.num_columns()), (id as i64, 2));
        assert_eq!(item.place().number, id as u64 + 1);
        assert!(row(item).fields.is_empty());
    }
}

#[test]
fn a_record_over_the_limit_is_one_bad_line_of_jsonl_and_the_end_of_csv() {
    let folder = Folder::new();
    let long = "x".repeat(500);
    for format in [Format::Jsonl, Format::Csv, Format::Tsv] {
        let path = folder.rows("a", format, &[(1, Some("a")), (2, Some(&long)), (3, Some("c"))]);
        let mut spec = folder.spec(&[&path]);
        spec.max_record_bytes = 100;
        let read = read_all(spec, Projection::Fields);
        if format == Format::Jsonl {
            let items = read.unwrap();
            assert!(reason(&items[1]).contains("longer than 100 bytes"));
            assert_eq!(row(&items[2]).fields["id"], 3);
        } else {
            let error = read.unwrap_err();
            assert!(
                error.starts_with(&format!("{path}:3: ")) && error.contains("longer than 100 bytes"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_row_that_has_no_name_is_bad_in_every_format_and_the_same_whatever_is_wanted() {
    let folder = Folder::new();
    for format in FORMATS {
        let path = folder.rows("a", format, &[(1, Some("x")), (2, None)]);
        let mut spec = folder.spec(&[&path]);
        spec.id = Some("text".into());
        let bad = |wanted| match &read_all(spec.clone(), wanted).unwrap()[1] {
            Item::Bad(bad) => (bad.reason.clone(), bad.raw.clone()),
            Item::Row(row) => panic!("{row:?}"),
        };
        let found = bad(Projection::Fields);
        assert_eq!(found.0, "column `text` identifies the row, and is empty here");
        assert_eq!(bad(Projection::Origin), found);
        assert_eq!(bad(Projection::Only(BTreeSet::new())), found);
    }
}

#[test]
fn standard_input_is_kept_sniffed_and_read_again() {
    let folder = Folder::new();
    let contents = [
        b"a\n1\n".to_vec(),
        b"{\"a\":\"1\"}\n".to_vec(),
        gzip(b"a;b\n1;2\n"),
        parquet_file(&batch_of(&[(1, None)])),
        workbook::workbook(&[("A", "visible", &folder::sheet_rows(&[(1, None)]))], "", ""),
    ];
    for content in contents {
        let piped = Source::open_with(folder.spec(&["-"]), content.as_slice(), false).unwrap();
        assert!(!piped.spool_reused());
        let again = open(folder.spec(&["-"])).unwrap();
        assert!(again.spool_reused());
        for source in [piped, again] {
            let items: Vec<Item> = source.rows(Projection::Fields).unwrap().map(Result::unwrap).collect();
            assert_eq!(items.len(), 1);
            assert_eq!(&*items[0].place().file, STDIN_NAME);
        }
    }
}
