//! The columns of an input of several files: the same in each, by name and by type, in any order.

use std::collections::HashMap;
use std::sync::Arc;

use super::ReadError;
use crate::row::{Column, ColumnKind};

/// The columns of one file.
pub(super) struct Header {
    /// The file as the user named it.
    pub(super) file: Arc<str>,
    /// Its columns in its own order.
    pub(super) columns: Vec<Column>,
}

/// The columns of the whole input, in the order of the first file, and the name of that file. A column may be
/// null when it may be so in any file.
pub(super) fn of_all(headers: Vec<Header>) -> Result<Option<Header>, ReadError> {
    let mut headers = headers.into_iter();
    let Some(mut all) = headers.next() else { return Ok(None) };
    for header in headers {
        let places = places(&all.columns, &all.file, &header)?;
        for (column, place) in all.columns.iter_mut().zip(places) {
            widen(&mut column.kind, &header.columns[place].kind);
        }
    }
    Ok(Some(all))
}

/// For each of `columns`, which `file` is known to have, its index in another file's header.
///
/// # Errors
/// When a column is missing there, is there in addition, or has another type.
pub(super) fn places(columns: &[Column], file: &str, header: &Header) -> Result<Vec<usize>, ReadError> {
    let indices: HashMap<&str, usize> =
        header.columns.iter().enumerate().map(|(index, column)| (column.name.as_str(), index)).collect();
    let differ = |reason: String| {
        let advice = "the files of one input must have the same columns";
        ReadError::columns(&header.file, format!("{reason}; {advice}"))
    };
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let name = &column.name;
        let Some(&index) = indices.get(name.as_str()) else {
            return Err(differ(format!("column `{name}` of {file} is missing here")));
        };
        if let (ColumnKind::Arrow(one), ColumnKind::Arrow(other)) =
            (&column.kind, &header.columns[index].kind)
            && one.data_type() != other.data_type()
        {
            let (one, other) = (one.data_type(), other.data_type());
            return Err(differ(format!("column `{name}` is of type {other} here, and {one} in {file}")));
        }
        places.push(index);
    }
    if let Some(extra) =
        header.columns.iter().find(|found| columns.iter().all(|known| known.name != found.name))
    {
        return Err(differ(format!("column `{}` is not in {file}", extra.name)));
    }
    Ok(places)
}

/// Two columns of one name cannot be told apart.
pub(super) fn refuse_twins(header: &Header) -> Result<(), ReadError> {
    let mut seen = HashMap::new();
    for (index, column) in header.columns.iter().enumerate() {
        if let Some(first) = seen.insert(column.name.as_str(), index + 1) {
            let reason =
                format!("columns {first} and {} are both named `{}`; rename one", index + 1, column.name);
            return Err(ReadError::columns(&header.file, reason));
        }
    }
    Ok(())
}

/// The column that names a row must be there.
pub(super) fn require(id: &str, header: &Header) -> Result<(), ReadError> {
    let names: Vec<&str> = header.columns.iter().map(|column| column.name.as_str()).collect();
    if names.contains(&id) {
        return Ok(());
    }
    let likeness = |name: &&str| strsim::jaro_winkler(&id.to_lowercase(), &name.to_lowercase());
    let nearest = names.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let guess = match nearest.filter(|name| likeness(name) > 0.7) {
        Some(name) => format!("did you mean `{name}`? The"),
        None => "the".to_owned(),
    };
    let reason = format!("there is no column `{id}` to name a row; {guess} columns are {}", names.join(", "));
    Err(ReadError::columns(&header.file, reason))
}

fn widen(kind: &mut ColumnKind, other: &ColumnKind) {
    if let (ColumnKind::Arrow(field), ColumnKind::Arrow(other)) = (kind, other)
        && other.is_nullable()
        && !field.is_nullable()
    {
        *field = Arc::new(field.as_ref().clone().with_nullable(true));
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{DataType, Field};

    use super::*;

    fn text(file: &str, names: &[&str]) -> Header {
        let column = |name: &&str| Column { name: (*name).to_owned(), kind: ColumnKind::Text };
        Header { file: file.into(), columns: names.iter().map(column).collect() }
    }

    fn arrow(file: &str, data_type: DataType, nullable: bool) -> Header {
        let field = Arc::new(Field::new("a", data_type, nullable));
        Header {
            file: file.into(),
            columns: vec![Column { name: "a".into(), kind: ColumnKind::Arrow(field) }],
        }
    }

    fn refusal(headers: Vec<Header>) -> String {
        of_all(headers).err().unwrap().to_string()
    }

    #[test]
    fn columns_are_the_same_by_name_in_any_order() {
        let (one, other) = (text("1", &["a", "b"]), text("2", &["b", "a"]));
        assert_eq!(places(&one.columns, "1", &other).unwrap(), [1, 0]);
        let missing = refusal(vec![text("1", &["a", "b"]), text("2", &["a"])]);
        assert!(missing.starts_with("2: column `b` of 1 is missing here"), "{missing}");
        let extra = refusal(vec![text("1", &["a"]), text("2", &["a", "c"])]);
        assert!(extra.starts_with("2: column `c` is not in 1"), "{extra}");
    }

    #[test]
    fn arrow_types_must_be_equal_and_null_in_one_file_is_null_in_all() {
        let refused = refusal(vec![arrow("1", DataType::Int64, true), arrow("2", DataType::Utf8, true)]);
        assert!(refused.contains("column `a` is of type Utf8 here, and Int64 in 1"), "{refused}");
        let all = of_all(vec![arrow("1", DataType::Int64, false), arrow("2", DataType::Int64, true)]);
        let ColumnKind::Arrow(field) = &all.unwrap().unwrap().columns[0].kind else { panic!("not Arrow") };
        assert!(field.is_nullable());
    }

    #[test]
    fn an_id_column_that_is_not_there_is_refused_with_the_nearest_name() {
        let header = text("1", &["text", "review_id"]);
        assert!(require("review_id", &header).is_ok());
        let refused = require("reviewid", &header).unwrap_err().to_string();
        let expected = "did you mean `review_id`? The columns are text, review_id";
        assert!(refused.ends_with(expected), "{refused}");
        let refused = require("zzz", &header).unwrap_err().to_string();
        assert!(refused.ends_with("to name a row; the columns are text, review_id"), "{refused}");
    }
}
