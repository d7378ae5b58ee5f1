//! Keys that take one word of a few: the words are the names of an enum's variants.

use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};

/// Reads a word from text only. An enum by itself could also be read from a table, and its errors would not mention text.
pub(super) fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// The word of an optional key.
pub(super) fn optional_word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    word(deserializer).map(Some)
}
