//! The Parquet types of columns whose Arrow types do not determine them: intervals, and 64-bit dates.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::row::PARQUET_INTERVAL;

/// The writer options for a file of this schema.
pub(super) fn options(schema: &Schema, properties: WriterProperties) -> Result<ArrowWriterOptions> {
    let options = ArrowWriterOptions::new().with_properties(properties);
    if !schema.fields().iter().any(|field| is_interval(field) || *field.data_type() == DataType::Date64) {
        return Ok(options);
    }
    let plain = ArrowSchemaConverter::new().convert(schema)?;
    let mut types = plain.root_schema().get_fields().to_vec();
    for (field, parquet_type) in schema.fields().iter().zip(&mut types) {
        let name = parquet_type.name();
        if is_interval(field) {
            let interval = Type::primitive_type_builder(name, PhysicalType::FIXED_LEN_BYTE_ARRAY)
                .with_repetition(Repetition::OPTIONAL)
                .with_converted_type(ConvertedType::INTERVAL)
                .with_length(12);
            *parquet_type = Arc::new(interval.build()?);
        } else if *field.data_type() == DataType::Date64 {
            // Readers that do not know Arrow do not read a 64-bit number as a date.
            let date = Type::primitive_type_builder(name, PhysicalType::INT32)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::Date));
            *parquet_type = Arc::new(date.build()?);
        }
    }
    let root = Type::group_type_builder(plain.name()).with_fields(types).build()?;
    Ok(options.with_parquet_schema(SchemaDescriptor::new(Arc::new(root))))
}

fn is_interval(field: &Field) -> bool {
    field.metadata().contains_key(PARQUET_INTERVAL)
}
