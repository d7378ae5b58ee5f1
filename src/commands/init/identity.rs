//! Which column identifies a row: by its name, and by values that are all there and all different.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::row::Row;

/// Rows that are looked at. Only all rows could show that a column identifies them.
pub(super) const LOOKED_AT: usize = 5_000;

/// Names of columns that identify rows, from the surest one on.
const NAMES: [&str; 9] = ["id", "sku", "key", "uuid", "code", "isbn", "ean", "ref", "number"];

/// A column that may identify a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdOffer {
    /// Its name.
    pub(super) column: String,
    /// Whether its name says so too.
    pub(super) is_named: bool,
}

/// The values of the columns so far.
#[derive(Debug, Default)]
pub(super) struct Identifiers {
    /// The columns whose values have all been there and different, in the order of the first row.
    columns: Vec<(String, BTreeSet<String>)>,
    rows: usize,
}

impl Identifiers {
    /// Looks at the next row.
    pub(super) fn look_at(&mut self, row: &Row) {
        if self.rows == 0 {
            self.columns = row.fields.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
        }
        self.rows += 1;
        self.columns.retain_mut(|(name, values)| {
            let value = row.fields.get(name).and_then(identifier);
            value.is_some_and(|value| values.insert(value))
        });
    }

    /// The column that identifies a row, as far as it can be seen: one whose name says so, else the first one whose values are
    /// short and differ.
    pub(super) fn offer(&self) -> Option<IdOffer> {
        let names = || self.columns.iter().map(|(name, _)| name.as_str());
        let known = NAMES.iter().find_map(|known| names().find(|name| name.eq_ignore_ascii_case(known)));
        let named = known.or_else(|| names().find(|name| is_id(name)));
        let short = || {
            let is_short = |values: &BTreeSet<String>| values.iter().all(|value| value.len() <= SHORT);
            let found = self.columns.iter().find(|(_, values)| self.rows > 1 && is_short(values));
            found.map(|(name, _)| name.as_str())
        };
        let column = named.or_else(short)?.to_owned();
        Some(IdOffer { column, is_named: named.is_some() })
    }
}

/// The bytes of an identifier in a column whose name does not say that it is one.
const SHORT: usize = 24;

/// Whether a column's name says that it identifies a row.
pub(super) fn is_id(column: &str) -> bool {
    let name = column.to_lowercase();
    let ends = |ending: &str| {
        NAMES.iter().take(5).any(|known| name.strip_suffix(known).is_some_and(|rest| rest.ends_with(ending)))
    };
    NAMES.contains(&name.as_str()) || ends("_") || ends(" ") || ends("-")
}

/// A value as an identifier; `None` for one that cannot be one.
fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row::{Origin, Place, PlaceUnit};

    fn offer(rows: &[Value]) -> Option<(String, bool)> {
        let mut identifiers = Identifiers::default();
        for fields in rows {
            let place = Place { file: "in.csv".into(), number: 1, unit: PlaceUnit::Line };
            let fields = fields.as_object().expect("an object").clone();
            let row = Row { position: 0, place, id: None, fields, origin: Origin::Record, whole: None };
            identifiers.look_at(&row);
        }
        identifiers.offer().map(|offer| (offer.column, offer.is_named))
    }

    #[test]
    fn a_column_identifies_rows_by_its_name_if_its_values_are_there_and_differ() {
        let rows = |second: Value| [json!({ "text": "a", "SKU": "x1", "code": 1 }), second];
        let named = |name: &str| Some((name.to_owned(), true));
        assert_eq!(offer(&rows(json!({ "text": "b", "SKU": "x2", "code": 2 }))), named("SKU"));
        assert_eq!(offer(&rows(json!({ "text": "b", "SKU": "x1", "code": 2 }))), named("code"));
        assert_eq!(offer(&rows(json!({ "text": "b", "SKU": "", "code": 2 }))), named("code"));
        assert_eq!(offer(&[json!({ "Ticket ID": 7, "text": "a" })]), named("Ticket ID"));
    }

    #[test]
    fn values_alone_are_only_an_offer_and_a_long_text_is_none() {
        let rows = [
            json!({ "text": "words ".repeat(9), "name": "a" }),
            json!({ "text": "more ".repeat(9), "name": "b" }),
        ];
        assert_eq!(offer(&rows), Some(("name".to_owned(), false)));
        let rows = [
            json!({ "text": "words ".repeat(9), "name": "a" }),
            json!({ "text": "more ".repeat(9), "name": "a" }),
        ];
        assert_eq!(offer(&rows), None);
        assert_eq!(offer(&[json!({ "text": "one row shows nothing" })]), None);
        assert_eq!(offer(&[]), None);
    }
}
