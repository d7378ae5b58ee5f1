//! The cells of an Arrow batch as JSON values.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, RecordBatch, StructArray, new_empty_array};
use arrow_cast::base64::{BASE64_STANDARD, Engine};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_json::writer::{NullableEncoder, make_encoder};
use arrow_json::{Encoder, EncoderFactory, EncoderOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, TimeUnit};
use serde_json::{Map, Value};

/// How many decimal digits a JSON number keeps exactly, being read as a binary fraction of 64 bits.
const EXACT_DIGITS: u8 = 15;

/// How many rows are turned into JSON at a time.
const SLICE_ROWS: usize = 64;

/// Some rows of a batch as JSON, a few at a time.
///
/// What a template sees: null for null; numbers as numbers, `NaN` and infinity as null; decimals of up to 15
/// digits as numbers, longer ones as text with all their digits; dates, times and timestamps as text in the
/// form of RFC 3339, those of a named time zone in UTC; durations as text in the form of ISO 8601; binary as base64; lists as arrays; structs and
/// maps as objects; dictionaries as what they stand for.
#[derive(Default)]
pub(super) struct JsonRows {
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The row of the batch that `text` begins with.
    first: usize,
}

impl JsonRows {
    /// Forgets the batch, because another one begins.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.first = 0;
    }

    /// The fields of row `index` of `batch`. Rows are asked for in order.
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

/// Whether columns of this type have a form in JSON.
pub(super) fn is_supported(field: &FieldRef) -> bool {
    make_encoder(field, &new_empty_array(field.data_type()), &options()).is_ok()
}

fn options() -> EncoderOptions {
    EncoderOptions::default().with_explicit_nulls(true).with_encoder_factory(Arc::new(Lossless))
}

/// Encodes what arrow-json would encode with a loss, or in a form that an API does not take.
#[derive(Debug)]
struct Lossless;

impl EncoderFactory for Lossless {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Decimal32(digits, _)
            | DataType::Decimal64(digits, _)
            | DataType::Decimal128(digits, _)
            | DataType::Decimal256(digits, _)
                if *digits > EXACT_DIGITS =>
            {
                Box::new(Digits(ArrayFormatter::try_new(array, &FormatOptions::new())?))
            }
            // arrow-json knows offsets only, and would need a time zone database for `UTC` too.
            DataType::Timestamp(unit, Some(zone)) if !zone.starts_with(['+', '-']) => {
                let unit = *unit;
                Box::new(Moment(move |index| in_utc(array, unit, index)))
            }
            DataType::Binary => Box::new(Base64(move |index| array.as_binary::<i32>().value(index))),
            DataType::LargeBinary => Box::new(Base64(move |index| array.as_binary::<i64>().value(index))),
            DataType::BinaryView => Box::new(Base64(move |index| array.as_binary_view().value(index))),
            DataType::FixedSizeBinary(_) => {
                Box::new(Base64(move |index| array.as_fixed_size_binary().value(index)))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// A decimal as text.
struct Digits<'a>(ArrayFormatter<'a>);

impl Encoder for Digits<'_> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.0.value(index).to_string().as_bytes());
        out.push(b'"');
    }
}

/// A point in time as text in UTC; one that no calendar reaches as null.
struct Moment<F>(F);

impl<F: Fn(usize) -> Option<String>> Encoder for Moment<F> {
    fn encode(&mut self, index: usize, out: &mut Vec<u8>) {
        let text = (self.0)(index).map_or_else(|| "null".to_owned(), |moment| format!("\"{moment}Z\""));
        out.extend_from_slice(text.as_bytes());
    }
}

fn in_utc(array: &dyn Array, unit: TimeUnit, index: usize) -> Option<String> {
    let moment = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value_as_datetime(index),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value_as_datetime(index),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value_as_datetime(index),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value_as_datetime(index),
    };
    // Its `Debug` form is that of ISO 8601, with a `T`.
    moment.map(|moment| format!("{moment:?}"))
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
    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, BinaryArray, Decimal128Array, DictionaryArray, Float64Array, ListArray, StringArray,
        TimestampMillisecondArray,
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
        assert_eq!(decimal(15), "12.5");
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
        assert_eq!(first(Arc::new(never)), Value::Null);
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
