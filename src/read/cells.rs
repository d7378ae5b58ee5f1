//! The cells of an Arrow batch as JSON values.

mod moments;

use std::sync::{Arc, LazyLock};

use arrow::array::cast::AsArray;
use arrow::array::types::{Float16Type, Float32Type, Float64Type};
use arrow::array::{Array, MapArray, RecordBatch, StructArray, new_empty_array};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use arrow::json::writer::{NullableEncoder, make_encoder};
use arrow::json::{Encoder, EncoderFactory, EncoderOptions};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::intervals;
use crate::row::{EXTENSION_NAME, PARQUET_INTERVAL};

/// How arrow-json itself writes numbers.
static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(EncoderOptions::default);

/// The format of moments and decimals; a value without a text form is an error, never text.
const FORMAT: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

/// How many digits of a whole decimal a JSON number keeps exactly.
const EXACT_DIGITS: u8 = 15;

/// The name of Arrow's extension type for a UUID.
const UUID: &str = "arrow.uuid";

/// How many rows are converted to JSON at a time.
const SLICE_ROWS: usize = 64;

/// Some rows of a batch as JSON, a few at a time.
///
/// A template sees null as null, and so `NaN`, with which pandas marks a missing value; numbers as numbers, infinity as the
/// text `inf` or `-inf`; whole decimals of up to 15 digits as numbers, and all others as text, digit for digit; dates,
/// times and timestamps as text in RFC 3339, those of a named time zone in UTC, and those beyond the calendar in the same
/// form; durations and intervals as text in ISO 8601; a UUID in its usual form, other binary as base64; lists as arrays;
/// structs and maps as objects; and dictionaries as their values.
#[derive(Default)]
pub(super) struct JsonRows {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The row of the batch at which `text` begins.
    first: usize,
}

impl JsonRows {
    /// Drops the batch, because another one begins.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.first = 0;
    }

    /// The fields of row `index` of `batch`. Rows are requested in order.
    pub(super) fn fields(
        &mut self,
        batch: &RecordBatch,
        index: usize,
    ) -> Result<Map<String, Value>, ArrowError> {
        if index >= self.first + self.ends.len() {
            self.encode(batch, index)?;
        }
        let nth = index - self.first;
        let begin = if nth == 0 { 0 } else { self.ends[nth - 1] };
        serde_json::from_slice(&self.text[begin..self.ends[nth]])
            .map_err(|error| ArrowError::JsonError(error.to_string()))
    }

    fn encode(&mut self, batch: &RecordBatch, first: usize) -> Result<(), ArrowError> {
        self.text.clear();
        self.ends.clear();
        self.first = first;
        let count = SLICE_ROWS.min(batch.num_rows() - first);
        let rows = StructArray::from(batch.slice(first, count));
        let field = Arc::new(Field::new("row", rows.data_type().clone(), false));
        let options = options();
        let mut encoder = make_encoder(&field, &rows, &options)?;
        for row in 0..count {
            encoder.encode(row, &mut self.text);
            self.ends.push(self.text.len());
        }
        Ok(())
    }
}

/// Whether columns of this type can be represented in JSON.
pub(super) fn is_supported(field: &FieldRef) -> bool {
    make_encoder(field, &new_empty_array(field.data_type()), &options()).is_ok()
}

fn options() -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Lossless))
}

/// Encodes types that arrow-json would encode with a loss, or in a form that an API does not accept.
#[derive(Debug)]
struct Lossless;

impl EncoderFactory for Lossless {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let metadata = described(field, array.data_type()).metadata();
        let formatter = || ArrayFormatter::try_new(array, &FORMAT);
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Decimal32(digits, places)
            | DataType::Decimal64(digits, places)
            | DataType::Decimal128(digits, places)
            | DataType::Decimal256(digits, places)
                if *digits > EXACT_DIGITS || *places != 0 =>
            {
                let digits = formatter()?;
                Box::new(Words(move |index| digits.value(index).to_string()))
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Box::new(Float { number: make_encoder(field, array, &PLAIN)?, array })
            }
            data_type if data_type.is_temporal() => {
                let formatter = formatter()?;
                Box::new(Words(move |index| moments::text(array, &formatter, index)))
            }
            DataType::Map(entries, _) if !has_text_keys(entries) => {
                Box::new(Pairs::try_new(entries, array.as_map(), options)?)
            }
            DataType::Binary => Box::new(Base64(move |index| array.as_binary::<i32>().value(index))),
            DataType::LargeBinary => Box::new(Base64(move |index| array.as_binary::<i64>().value(index))),
            DataType::BinaryView => Box::new(Base64(move |index| array.as_binary_view().value(index))),
            DataType::FixedSizeBinary(_) => {
                let bytes = move |index| array.as_fixed_size_binary().value(index);
                let is_uuid = metadata.get(EXTENSION_NAME).is_some_and(|name| name == UUID);
                match (is_uuid, metadata.contains_key(PARQUET_INTERVAL)) {
                    (true, _) => Box::new(Words(move |index| uuid(bytes(index)))),
                    (_, true) => Box::new(Words(move |index| intervals::text(bytes(index)))),
                    _ => Box::new(Base64(bytes)),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// The field that describes an array: for the values of a list, the field inside the list's.
fn described<'a>(field: &'a FieldRef, data_type: &DataType) -> &'a FieldRef {
    match field.data_type() {
        found if found == data_type => field,
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            described(inner, data_type)
        }
        _ => field,
    }
}

/// A value as text in which JSON needs no escapes.
struct Words<F>(F);

impl<F: Fn(usize) -> String> Encoder for Words<F> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice((self.0)(index).as_bytes());
        out.push(b'"');
    }
}

/// A float, with a word for values that JSON numbers cannot represent.
struct Float<'a> {
    number: NullableEncoder<'a>,
    array: &'a dyn Array,
}

impl Encoder for Float<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let value = match self.array.data_type() {
            DataType::Float16 => f64::from(self.array.as_primitive::<Float16Type>().value(index)),
            DataType::Float32 => f64::from(self.array.as_primitive::<Float32Type>().value(index)),
            _ => self.array.as_primitive::<Float64Type>().value(index),
        };
        match value {
            f64::INFINITY => out.extend_from_slice(b"\"inf\""),
            f64::NEG_INFINITY => out.extend_from_slice(b"\"-inf\""),
            _ => self.number.encode(index, out),
        }
    }
}

fn uuid(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match bytes.len() {
        16 => [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"),
        _ => hex,
    }
}

fn has_text_keys(entries: &FieldRef) -> bool {
    let DataType::Struct(fields) = entries.data_type() else { return true };
    fields.first().is_none_or(|key| matches!(key.data_type(), DataType::Utf8 | DataType::LargeUtf8))
}

/// A map whose keys are not text: an object with the keys' JSON as its names.
struct Pairs<'a> {
    map: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
}

impl<'a> Pairs<'a> {
    fn try_new(
        entries: &'a FieldRef,
        map: &'a MapArray,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        let DataType::Struct(fields) = entries.data_type() else {
            return Err(ArrowError::JsonError("a map without pairs".to_owned()));
        };
        let keys = make_encoder(&fields[0], map.keys().as_ref(), options)?;
        let values = make_encoder(&fields[1], map.values().as_ref(), options)?;
        Ok(Self { map, keys, values })
    }
}

impl Encoder for Pairs<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let offsets = self.map.value_offsets();
        let pairs = offsets[index] as usize..offsets[index + 1] as usize;
        out.push(b'{');
        for (nth, pair) in pairs.enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            let mut key = Vec::new();
            self.keys.encode(pair, &mut key);
            match key.first() {
                Some(b'"') => out.extend_from_slice(&key),
                _ => out.extend_from_slice(Value::from(String::from_utf8_lossy(&key)).to_string().as_bytes()),
            }
            out.push(b':');
            match self.values.is_null(pair) {
                true => out.extend_from_slice(b"null"),
                false => self.values.encode(pair, out),
            }
        }
        out.push(b'}');
    }
}

/// Bytes as base64, with padding, as data URLs have them.
struct Base64<F>(F);

impl<'a, F: Fn(usize) -> &'a [u8]> Encoder for Base64<F> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(BASE64_STANDARD.encode((self.0)(index)).as_bytes());
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::builder::{Int32Builder, MapBuilder, StringBuilder};
    use arrow::array::types::Int32Type;
    use arrow::array::{
        ArrayRef, BinaryArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float64Array,
        ListArray, StringArray, Time64MicrosecondArray, TimestampMillisecondArray,
    };

    use super::*;

    fn first(array: ArrayRef) -> Value {
        let batch = RecordBatch::try_from_iter_with_nullable([("a", array, true)]).unwrap();
        JsonRows::default().fields(&batch, 0).unwrap()["a"].clone()
    }

    #[test]
    fn each_type_has_the_form_a_template_expects() {
        let decimal = |digits| {
            let array = Decimal128Array::from(vec![1250]).with_precision_and_scale(digits, 2).unwrap();
            first(Arc::new(array)).to_string()
        };
        assert_eq!(decimal(4), "\"12.50\"");
        assert_eq!(decimal(16), "\"12.50\"");
        assert_eq!(first(Arc::new(BinaryArray::from(vec![b"\x00\xff".as_slice()]))), "AP8=");
        assert_eq!(first(Arc::new(Float64Array::from(vec![f64::NAN]))), Value::Null);
        assert_eq!(first(Arc::new(StringArray::from(vec![None::<&str>]))), Value::Null);
        let moment = TimestampMillisecondArray::from(vec![1_700_000_000_123]);
        assert_eq!(first(Arc::new(moment.clone())), "2023-11-14T22:13:20.123");
        for zone in ["UTC", "Europe/Berlin", "+00:00"] {
            assert_eq!(first(Arc::new(moment.clone().with_timezone(zone))), "2023-11-14T22:13:20.123Z");
        }
        let never = TimestampMillisecondArray::from(vec![i64::MAX]).with_timezone("UTC");
        assert_eq!(first(Arc::new(never)), "infinity");
        let floats = Float64Array::from(vec![f64::NEG_INFINITY]);
        assert_eq!(first(Arc::new(floats)), "-inf");
        assert_eq!(first(Arc::new(Date32Array::from(vec![i32::MAX]))), "infinity");
        assert_eq!(first(Arc::new(Date32Array::from(vec![i32::MAX - 1]))), "+5881580-07-10");
        assert_eq!(first(Arc::new(Date64Array::from(vec![86_400_000]))), "1970-01-02");
        let end_of_day = Time64MicrosecondArray::from(vec![86_400_000_000]);
        assert_eq!(first(Arc::new(end_of_day)), "24:00:00");
        let mut map = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
        map.keys().append_value(7);
        map.values().append_value("x");
        map.append(true).unwrap();
        assert_eq!(first(Arc::new(map.finish())).to_string(), r#"{"7":"x"}"#);
        let words: DictionaryArray<Int32Type> = vec!["x", "y"].into_iter().collect();
        assert_eq!(first(Arc::new(words)), "x");
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        assert_eq!(first(Arc::new(list)).to_string(), "[1,null]");
    }

    #[test]
    fn rows_past_the_first_slice_are_their_own() {
        let numbers: Vec<f64> = (0..200).map(f64::from).collect();
        let array: ArrayRef = Arc::new(Float64Array::from(numbers));
        let batch = RecordBatch::try_from_iter([("a", array)]).unwrap();
        let mut rows = JsonRows::default();
        for index in 0..200 {
            assert_eq!(rows.fields(&batch, index).unwrap()["a"], index as f64);
        }
    }
}
