//! Files that do not match each other or their format, or that change.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use arrow::array::builder::{Int64Builder, MapBuilder};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use serde_json::Value;

use super::folder::{Folder, open, parquet_file, parquet_of, read_all, reason, row};
use crate::read::Projection;
use crate::row::Item;

#[test]
fn files_of_tables_are_joined_by_column_names() {
    let folder = Folder::new();
    let one = folder.write("1.csv", "a;b\n1;2\n");
    let empty = folder.write("2.csv", "");
    let other = folder.write("3.tsv", "b\ta\n4\t3\n");
    let items = read_all(folder.spec(&[&one, &empty, &other]), Projection::Fields).unwrap();
    let fields: Vec<String> =
        items.iter().map(|item| Value::Object(row(item).fields.clone()).to_string()).collect();
    assert_eq!(fields, [r#"{"a":"1","b":"2"}"#, r#"{"a":"3","b":"4"}"#]);

    let (x, y): (ArrayRef, ArrayRef) =
        (Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2])));
    let batch = |names: [&str; 2], arrays: [&ArrayRef; 2]| {
        parquet_file(&RecordBatch::try_from_iter(names.into_iter().zip(arrays.map(Clone::clone))).unwrap())
    };
    let one = folder.write("1.parquet", batch(["x", "y"], [&x, &y]));
    let other = folder.write("2.parquet", batch(["y", "x"], [&y, &x]));
    let items = read_all(folder.spec(&[&one, &other]), Projection::Fields).unwrap();
    assert_eq!(row(&items[0]).fields, row(&items[1]).fields);
}

#[test]
fn records_of_another_width_or_another_encoding_are_bad_rows() {
    let folder = Folder::new();
    let path = folder.write("a.csv", b"a,b\n1\n1,2,3\nx,\xff\n1,2\n");
    let items = read_all(folder.spec(&[&path]), Projection::Only(BTreeSet::new())).unwrap();
    let guessed = "; cells are split at `,`, as detected from the header: if that is wrong, set `delimiter` \
        under [input]";
    assert_eq!(reason(&items[0]), format!("has 1 cell where the header has 2 columns{guessed}"));
    assert_eq!(reason(&items[1]), format!("has 3 cells where the header has 2 columns{guessed}"));
    assert_eq!(
        reason(&items[2]),
        "column `b` is not UTF-8; set the file's `encoding` under [input], such as windows-1252 or gb18030"
    );
    assert!(matches!(&items[2], Item::Bad(bad) if bad.raw == b"x,\xff"));
    assert_eq!(items[3].place().to_string(), format!("{path}:5"));
}

#[test]
fn files_that_cannot_be_read_as_rows_are_rejected_by_name() {
    let folder = Folder::new();
    let refusal = |path: &str, id: Option<&str>| {
        let mut spec = folder.spec(&[path]);
        spec.id = id.map(str::to_owned);
        let error = read_all(spec, Projection::Fields).unwrap_err();
        assert!(error.starts_with(path), "{error}");
        error
    };
    assert!(refusal(&folder.write("a.csv", ",,\n"), None).contains("line 1: column 1 has no name"));
    assert!(
        refusal(&folder.write("a.csv", "\na,b,a\n"), None).contains("columns 1 and 3 are both named `a`")
    );
    assert!(refusal(&folder.write("a.csv", b"a\xff\n"), None).contains("not UTF-8"));
    assert!(refusal(&folder.write("a.csv", "a,b\n"), Some("c")).contains("the columns are a, b"));
    assert!(refusal(&folder.write("a.csv", "a\n\"b\n"), None).contains(":2: "));
    assert!(refusal(&folder.write("a.jsonl", b"{\0\"\0a\0"), None).contains("encoding = \"utf-16le\""));
    assert!(refusal(&folder.write("a.csv", b"\0a\0b"), None).contains("encoding = \"utf-16be\""));
    assert!(refusal(&folder.write("a.csv", "PAR1"), None).contains("Parquet"));
    assert!(refusal(&folder.write("a.parquet", "a,b\n"), None).contains("not a readable Parquet file"));
    assert!(refusal(&folder.write("a.parquet", ""), None).contains("not a readable Parquet file"));
    let whole = parquet_of(&[(1, Some("x"))]);
    assert!(
        refusal(&folder.write("a.parquet", &whole[..whole.len() - 9]), None)
            .contains("not a readable Parquet file")
    );
}

#[test]
fn a_file_whose_columns_changed_since_it_was_opened_is_refused() {
    let folder = Folder::new();
    let path = folder.write("a.csv", "a,b\n1,2\n");
    let source = open(folder.spec(&[&path])).unwrap();
    folder.write("a.csv", "a,c\n1,2\n");
    let error = source.rows(Projection::Fields).err().unwrap().to_string();
    assert!(error.contains("column `c` was not there when the input was opened"), "{error}");
}

#[test]
fn a_stamp_tells_whether_a_file_was_written() {
    let folder = Folder::new();
    let path = folder.write("a.jsonl", "{}\n");
    let source = open(folder.spec(&[&path])).unwrap();
    let stamp = source.stamp().unwrap();
    assert_eq!(source.stamp().unwrap(), stamp);
    folder.write("a.jsonl", "{}\n{}\n");
    assert_ne!(source.stamp().unwrap(), stamp);
    fs::remove_file(&path).unwrap();
    assert!(source.stamp().unwrap_err().to_string().starts_with(&path));
}

#[test]
fn a_map_whose_keys_are_no_text_is_an_object_of_their_texts() {
    let folder = Folder::new();
    let mut map = MapBuilder::new(None, Int64Builder::new(), Int64Builder::new());
    map.keys().append_value(1);
    map.values().append_value(2);
    map.append(true).unwrap();
    let (map, text): (ArrayRef, ArrayRef) = (Arc::new(map.finish()), Arc::new(Int64Array::from(vec![1])));
    let batch = RecordBatch::try_from_iter([("odd", map), ("text", text)]).unwrap();
    let path = folder.write("a.parquet", parquet_file(&batch));
    let items = read_all(folder.spec(&[&path]), Projection::Fields).unwrap();
    let Item::Row(row) = &items[0] else { panic!("{items:?}") };
    assert_eq!(row.fields["odd"].to_string(), r#"{"1":2}"#);
    for wanted in
        [Projection::Origin, Projection::Only(["text".to_owned()].into()), Projection::Only(BTreeSet::new())]
    {
        assert_eq!(read_all(folder.spec(&[&path]), wanted).unwrap().len(), 1);
    }
}
