//! Columns from the folders of a path, as Hive, Spark and DuckDB name them: `day=2026-11-30/part.parquet`.

use std::path::{Component, Path};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use crate::row::{Column, ColumnKind};

/// The value that means null in the name of a folder.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A column that a folder gives to all rows below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FolderColumn {
    pub(super) name: String,
    /// `None` for null.
    pub(super) value: Option<String>,
}

/// The columns from the folders of a path, as far as the user has named them, the outermost first.
pub(super) fn of_path(path: &Path) -> Arc<[FolderColumn]> {
    let mut folders: Vec<FolderColumn> = Vec::new();
    let parents = path.parent().into_iter().flat_map(Path::components);
    for component in parents.filter(|component| matches!(component, Component::Normal(_))) {
        let text = component.as_os_str().to_string_lossy();
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else { continue };
        let name = unescaped(name);
        let value = (value != NULL).then(|| unescaped(value));
        folders.retain(|folder| folder.name != name);
        folders.push(FolderColumn { name, value });
    }
    folders.into()
}

/// The folder columns that a file with these columns does not have itself, as columns of its kind.
pub(super) fn columns(folders: &[FolderColumn], own: &[Column], is_arrow: bool) -> Vec<Column> {
    let kind = |name: &str| match is_arrow {
        true => ColumnKind::Arrow(Arc::new(Field::new(name, DataType::Utf8, true))),
        false => ColumnKind::Text,
    };
    let further = folders.iter().filter(|folder| own.iter().all(|column| column.name != folder.name));
    further.map(|folder| Column { name: folder.name.clone(), kind: kind(&folder.name) }).collect()
}

/// The value that the folders give a column.
pub(super) fn value<'a>(folders: &'a [FolderColumn], name: &str) -> Option<&'a str> {
    folders.iter().find(|folder| folder.name == name)?.value.as_deref()
}

/// Decodes `%3A` and the like, which write characters that the name of a folder cannot contain.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = match (first, behind) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                digit(high).zip(digit(low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_tell_columns_by_their_names() {
        let of = |path: &str| -> Vec<(String, Option<String>)> {
            of_path(Path::new(path))
                .iter()
                .map(|folder| (folder.name.clone(), folder.value.clone()))
                .collect()
        };
        let column = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        assert_eq!(of("data/year=2026/day=11-30/part.csv"), [column("year", "2026"), column("day", "11-30")]);
        assert_eq!(of("at=12%3A30 %/a=b=c.csv"), [column("at", "12:30 %")]);
        assert_eq!(of("a=1/a=2/x.csv"), [column("a", "2")]);
        assert_eq!(of("a=__HIVE_DEFAULT_PARTITION__/x.csv"), [("a".to_owned(), None)]);
        assert!(of("=1/data/x=y.csv").is_empty());
    }
}
