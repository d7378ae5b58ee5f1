//! Chooses which columns of a Parquet file a pass reads, and where the values of each come from.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::read::columns::{self, Header};
use crate::read::error::ReadError;
use crate::read::folders::{self, FolderColumn};
use crate::read::intervals;
use crate::read::pass::ReadPass;
use crate::read::spec::Projection;
use crate::row::{Column, ColumnKind};

/// The columns that a pass uses from a file.
pub(super) struct Chosen {
    /// In this file's types.
    pub(super) own: SchemaRef,
    /// The same columns in the types of the whole input.
    pub(super) whole: SchemaRef,
    /// Where the values of each of these columns are.
    pub(super) values: Vec<Values>,
    /// The indices in the file of the columns that are read, in order.
    pub(super) roots: Vec<usize>,
}

/// Where the values of a column are.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// In the reader's batches, at this index.
    Read(usize),
    /// The same in all rows of the file: the value from its folder, or null.
    Constant(Option<String>),
}

/// A column of the whole input, and its index among those of the file and its folders.
type PlacedColumn<'a> = (&'a Column, Option<usize>);

impl Chosen {
    /// For a file with this schema and header. Its `folders` give further columns.
    ///
    /// # Errors
    /// The file has a column that the input did not have when it was opened.
    pub(super) fn new(
        schema: &Schema,
        mut header: Header,
        folders: &[FolderColumn],
        pass: &ReadPass,
    ) -> Result<Self, ReadError> {
        header.columns.extend(folders::columns(folders, &header.columns, true));
        let is_read = |(_, place): &PlacedColumn<'_>| {
            let field = place.and_then(|place| schema.fields().get(place));
            field.is_some_and(|field| !intervals::hides_interval(field))
        };
        let places = columns::places(&pass.columns, &header)?;
        let mut taken: Vec<PlacedColumn<'_>> = pass.columns.iter().zip(places).collect();
        if !matches!(pass.wanted, Projection::Origin | Projection::Checked(_)) {
            // At least one column is always read: without any, the number of rows would be what the footer claims, which
            // can be any number in a damaged file.
            let first = taken.iter().find(|column| is_read(column)).copied();
            taken.retain(|(column, _)| pass.keeps(&column.name));
            taken.extend(first.filter(|_| !taken.iter().any(is_read)));
        }

        // The reader returns columns in the order of the file, whatever order is requested.
        let read = taken.iter().filter(|column| is_read(column)).filter_map(|(_, place)| *place);
        let roots: Vec<usize> = read.collect::<BTreeSet<_>>().into_iter().collect();
        let values = taken.iter().map(|column| match column {
            (_, Some(root)) if is_read(column) => Values::Read(roots.partition_point(|other| other < root)),
            (column, Some(_)) => Values::Constant(folders::value(folders, &column.name).map(str::to_owned)),
            (_, None) => Values::Constant(None),
        });
        let values = values.collect();
        let own = taken.iter().map(|(column, place)| match place {
            Some(place) => header.columns[*place].clone(),
            None => {
                let field = Field::new(&column.name, DataType::Null, true);
                Column { name: column.name.clone(), kind: ColumnKind::Arrow(Arc::new(field)) }
            }
        });
        let own = schema_of(&own.collect::<Vec<_>>());
        let whole = schema_of(taken.iter().map(|(column, _)| *column));
        Ok(Self { own, whole, values, roots })
    }
}

fn schema_of<'a>(columns: impl IntoIterator<Item = &'a Column>) -> SchemaRef {
    let field = |column: &Column| match &column.kind {
        ColumnKind::Arrow(field) => Some(field.clone()),
        ColumnKind::Text | ColumnKind::Json(_) => None,
    };
    Arc::new(Schema::new(columns.into_iter().filter_map(field).collect::<Vec<_>>()))
}
