//! Lists of a vendor's items, of which one may be odd.

use std::{any, fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::http::json;

/// A list that leaves out, counts and logs the items that are no `T`, so that one of them neither stops nor empties a
/// mailbox. `null` is an empty list; anything else that is no list is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many<T> {
    /// The items that are a `T`.
    pub items: Vec<T>,
    /// How many were not: for `Page::skipping`.
    pub skipped: u32,
}

impl<T: DeserializeOwned> Many<T> {
    /// The items that are a `T`, of values that are at hand.
    pub fn of(values: impl IntoIterator<Item = Value>) -> Self {
        let mut many = Self::default();
        values.into_iter().enumerate().for_each(|(index, item)| many.take(index, item));
        many
    }

    fn take(&mut self, index: usize, item: Value) {
        match serde_path_to_error::deserialize::<_, T>(item) {
            Ok(item) => self.items.push(item),
            Err(cause) => {
                if self.skipped < LOGGED {
                    let (at, of) = (format!("[{index}].{}", cause.path()), any::type_name::<T>());
                    let cause = reason(&cause.inner().to_string());
                    tracing::warn!(
                        at,
                        of,
                        cause,
                        "left out an item that is not what the service promises"
                    );
                }
                self.skipped = self.skipped.saturating_add(1);
            }
        }
    }
}

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self { items: Vec::new(), skipped: 0 }
    }
}

impl<T> Deref for Many<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for Many<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(List(PhantomData))
    }
}

/// Odd items of one list that are logged one by one; more are only counted.
const LOGGED: u32 = 3;

struct List<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for List<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Many<T>, E> {
        Ok(Many::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Many<T>, A::Error> {
        let mut many = Many::default();
        if json::is_plain() {
            while let Some(item) = list.next_element().inspect_err(|_| json::found_odd())? {
                many.items.push(item);
            }
            return Ok(many);
        }
        let mut index = 0;
        while let Some(item) = list.next_element()? {
            many.take(index, item);
            index += 1;
        }
        Ok(many)
    }
}

/// What serde found wrong, without the vendor's text that it quotes.
fn reason(cause: &str) -> String {
    if cause.starts_with("missing field") {
        return cause.to_owned(); // quotes our own name of the field
    }
    let end = cause.find([':', '`', '"']).unwrap_or(cause.len());
    cause.get(..end).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        id: String,
    }

    #[derive(Debug, Deserialize)]
    struct Answer {
        #[serde(default)]
        items: Many<Item>,
    }

    fn read(json: &str) -> serde_json::Result<Many<Item>> {
        serde_json::from_str::<Answer>(json).map(|answer| answer.items)
    }

    #[test]
    fn an_odd_item_is_left_out_and_counted_and_the_rest_stays() {
        let many = read(r#"{"items": [{"id": "1"}, {"id": 2}, null, 7, {"id": "3", "new": {}}]}"#);
        let many = many.unwrap();
        assert_eq!(many.items, [Item { id: "1".into() }, Item { id: "3".into() }]);
        assert_eq!(many.skipped, 3);
    }

    #[test]
    fn an_absent_list_and_null_are_empty_and_another_type_is_an_error() {
        assert_eq!(read("{}").unwrap(), Many::default());
        assert_eq!(read(r#"{"items": null}"#).unwrap(), Many::default());
        assert!(read(r#"{"items": {"id": "1"}}"#).is_err());
        assert!(read(r#"{"items": "1"}"#).is_err());
    }

    #[test]
    fn a_logged_reason_never_quotes_the_vendors_text() {
        let cause = serde_json::from_value::<Item>(serde_json::json!({"id": {"secret": 1}}));
        assert_eq!(reason(&cause.unwrap_err().to_string()), "invalid type");
        assert_eq!(reason("unknown variant `secret`, expected `a`"), "unknown variant");
        assert_eq!(reason("invalid value: string \"secret\", expected a date"), "invalid value");
        let cause = serde_json::from_value::<Item>(serde_json::json!({}));
        assert_eq!(reason(&cause.unwrap_err().to_string()), "missing field `id`");
    }
}
