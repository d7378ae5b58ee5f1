//! Which types can be joined, and that a join does not change values.

use std::collections::HashMap;

use arrow::array::{Int32Array, Int64Array, NullArray, StringArray};

use super::*;

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

#[test]
fn a_column_of_two_types_is_of_the_one_that_holds_both() {
    use DataType::*;
    let list = |name: &str, data_type| List(Arc::new(Field::new(name, data_type, true)));
    let fields = |names: &[&str]| {
        Struct(names.iter().map(|name| Field::new(*name, Int32, true)).collect::<Vec<_>>().into())
    };
    for (one, other, both) in [
        (Int32, Int64, Some(Int64)),
        (UInt8, Int8, Some(Int16)),
        (UInt64, Int64, Some(Decimal128(20, 0))),
        (Int64, Decimal128(10, 2), Some(Decimal128(21, 2))),
        (Float64, Decimal128(10, 2), None),
        (Int64, Float64, Some(Float64)),
        (Float32, Float64, Some(Float64)),
        (Null, Utf8, Some(Utf8)),
        (dictionary(), Utf8, Some(Utf8)),
        (dictionary(), LargeUtf8, Some(LargeUtf8)),
        (Decimal128(10, 2), Decimal128(12, 4), Some(Decimal128(12, 4))),
        (Decimal128(38, 0), Decimal128(10, 2), Some(Decimal256(40, 2))),
        (Date32, Date64, Some(Date64)),
        (
            Timestamp(TimeUnit::Microsecond, None),
            Timestamp(TimeUnit::Nanosecond, None),
            Some(Timestamp(TimeUnit::Nanosecond, None)),
        ),
        (Timestamp(TimeUnit::Second, None), Timestamp(TimeUnit::Second, Some("UTC".into())), None),
        (list("item", Int32), list("element", Int64), Some(list("item", Int64))),
        (fields(&["a"]), fields(&["b", "a"]), Some(fields(&["a", "b"]))),
        (Int64, Utf8, None),
        (Boolean, Int8, None),
    ] {
        assert_eq!(joined(&one, &other), both, "{one} and {other}");
        if !one.is_nested() {
            assert_eq!(joined(&other, &one), both, "{other} and {one}");
        }
    }
}

#[test]
fn metadata_of_a_column_is_kept_where_both_have_it() {
    let field = |data_type, key: &str| {
        let metadata = HashMap::from([(key.to_owned(), "x".to_owned())]);
        Arc::new(Field::new("a", data_type, false).with_metadata(metadata))
    };
    let bytes = || DataType::FixedSizeBinary(12);
    let (span, plain) = (field(bytes(), PARQUET_INTERVAL), field(bytes(), "id"));
    assert_eq!(joined_field(&span, &plain), None);
    let nothing = Arc::new(Field::new("a", DataType::Null, true));
    let both = joined_field(&nothing, &span).unwrap();
    assert_eq!((both.data_type(), both.metadata(), both.is_nullable()), (&bytes(), span.metadata(), true));
    let uuid = field(bytes(), EXTENSION_NAME);
    assert!(joined_field(&uuid, &plain).unwrap().metadata().is_empty());
    assert_eq!(joined_field(&uuid, &uuid).unwrap().metadata(), uuid.metadata());
}

#[test]
fn values_are_the_same_in_the_wider_type_or_an_error() {
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![Some(1 << 53), None]));
    assert!(brought(&whole, &DataType::Float64).is_ok());
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![(1 << 53) + 1]));
    assert!(brought(&whole, &DataType::Float64).is_err());
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    assert_eq!(brought(&nulls, &DataType::Utf8).unwrap().null_count(), 2);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let packed = cast_with_options(&words, &dictionary(), &CastOptions::default()).unwrap();
    assert_eq!(&brought(&packed, &DataType::Utf8).unwrap(), &words);
    let one: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Int32, true)),
        Arc::new(Int32Array::from(vec![7])) as ArrayRef,
    )]));
    let both = vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)];
    let wider = brought(&one, &DataType::Struct(both.into())).unwrap();
    assert_eq!(wider.as_struct().column(0).as_primitive::<Int64Type>().value(0), 7);
    assert!(wider.as_struct().column(1).is_null(0));
}

/// A column of each kind, whose values fit every type that can hold that kind.
fn columns() -> Vec<ArrayRef> {
    let whole = Int64Array::from(vec![Some(1), Some(100), None]);
    let whole: ArrayRef = Arc::new(whole);
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("é"), None]));
    let as_type = |array: &ArrayRef, data_type| {
        cast_with_options(array, &data_type, &CastOptions { safe: false, ..CastOptions::default() }).unwrap()
    };
    use DataType::*;
    let numbers = [
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float32,
        Float64,
        Decimal128(10, 2),
        Decimal128(20, 4),
        Decimal256(50, 10),
        Date32,
        Date64,
        Timestamp(TimeUnit::Second, None),
        Timestamp(TimeUnit::Nanosecond, None),
        Duration(TimeUnit::Millisecond),
        Duration(TimeUnit::Microsecond),
    ];
    let texts = [Utf8, LargeUtf8, Utf8View, dictionary(), Binary, LargeBinary, BinaryView];
    let days = as_type(&whole, Int32);
    let scalars = numbers.into_iter().map(|data_type| match data_type {
        // Moments and days are not numbers, but are made from them.
        Date32 | Date64 => as_type(&as_type(&days, Date32), data_type),
        Timestamp(..) => as_type(&as_type(&as_type(&days, Date32), Date64), data_type),
        other => as_type(&whole, other),
    });
    let scalars: Vec<ArrayRef> = scalars.chain(texts.map(|data_type| as_type(&words, data_type))).collect();
    let list = |array: &ArrayRef| -> ArrayRef {
        let item = Arc::new(Field::new("element", array.data_type().clone(), true));
        let offsets =
            ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), None]), Some([None, None])]);
        let offsets = offsets.offsets().clone();
        let four = new_null_array(array.data_type(), 4);
        Arc::new(ListArray::try_new(item, offsets, four, None).unwrap())
    };
    let lists: Vec<ArrayRef> = scalars.iter().map(list).collect();
    [scalars, lists, vec![Arc::new(NullArray::new(3))]].concat()
}

#[test]
fn whatever_is_joined_comes_back_as_it_was() {
    let columns = columns();
    let mut pairs = 0;
    for one in &columns {
        for other in &columns {
            let both = joined(one.data_type(), other.data_type());
            assert_eq!(both.is_some(), joined(other.data_type(), one.data_type()).is_some());
            let Some(both) = both else { continue };
            pairs += 1;
            for array in [one, other].into_iter().filter(|array| *array.data_type() != DataType::Null) {
                let there = brought(array, &both)
                    .unwrap_or_else(|error| panic!("{} to {both}: {error}", array.data_type()));
                assert_eq!(there.data_type(), &both);
                let back = cast_with_options(&there, array.data_type(), &CastOptions::default()).unwrap();
                assert_eq!(&back, array, "{} by {both}", array.data_type());
            }
        }
    }
    assert!(pairs > 400, "{pairs}");
}
