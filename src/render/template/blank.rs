//! Whether a template has anything to say of a row.

use serde_json::{Map, Value};

use super::filled::reading;
use super::reading::Template;
use super::tags::{KeyUse, WHOLE_ROW};
use super::templates::{Slot, Templates};
use crate::blank::{is_blank, is_blank_value};
use crate::row::{EACH, PIECE};

impl Templates {
    /// Whether a template has nothing to say of a row, or of a part of the row `whole`: each column that it uses is null or blank,
    /// or its text is.
    pub fn is_blank(&self, slot: &Slot, fields: &Map<String, Value>, whole: &Map<String, Value>) -> bool {
        let number = match slot {
            Slot::Literal(text) => return is_blank(text),
            Slot::Text(number) | Slot::Value(number) => *number,
        };
        // What is wrong with the row is said when it is rendered.
        let Ok(compiled) = reading(self, fields) else { return false };
        let Some(template) = compiled.reading().template(number) else { return false };
        if self.columns_are_blank(template, fields, whole) {
            return true;
        }
        template.may_be_blank && self.fill_piece(fields, whole).text(slot).is_ok_and(|text| is_blank(&text))
    }

    /// Whether a template uses columns, and all that it uses are null or blank.
    fn columns_are_blank(
        &self,
        template: &Template,
        fields: &Map<String, Value>,
        whole: &Map<String, Value>,
    ) -> bool {
        let mut uses_any = false;
        let mut is_blank = |value: Option<&Value>| {
            uses_any = true;
            value.is_some_and(is_blank_value)
        };
        for name in &template.names {
            let so = match name.as_str() {
                WHOLE_ROW => template.keys.iter().all(|key| match key {
                    KeyUse::Named(name) => is_blank(whole.get(name)),
                    KeyUse::OfEach(name) => {
                        let column = fields.get(EACH).and_then(|each| each.get(name)?.as_str());
                        is_blank(column.and_then(|column| whole.get(column)))
                    }
                    KeyUse::Any => whole.values().all(|value| is_blank(Some(value))),
                }),
                // Neither is a column.
                EACH if !self.each.is_empty() => true,
                PIECE if self.has_pieces => false,
                name if !fields.contains_key(name) && self.first.is_global(name) => true,
                name => is_blank(fields.get(name)),
            };
            if !so {
                return false;
            }
        }
        uses_any
    }
}
