//! The digest that tells a changed record from one that only came again.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Record;

/// SHA-256 over a record's type, place and properties, in the order of our fields; volatile paths left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of a record's content. `properties` are the record's, written as JSON.
    pub fn of(record: &Record, properties: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(record.properties.kind().as_str());
        hasher.update([0]);
        hasher.update(record.place.as_deref().unwrap_or_default());
        hasher.update([0]);
        if record.volatile.is_empty() {
            hasher.update(properties);
            return Self(hasher.finalize().into());
        }
        let mut content = serde_json::to_value(&record.properties).unwrap_or(Value::Null);
        for path in &record.volatile {
            blank(&mut content, path);
        }
        // Writing a `Value` into a hasher cannot fail: it is valid JSON, and the hasher takes every byte.
        let _ = serde_json::to_writer(HashWriter(&mut hasher), &content);
        Self(hasher.finalize().into())
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Removes what `path` names; `*` stands for every item of a list or object.
fn blank(value: &mut Value, path: &str) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(h, r)| (h, Some(r)));
    match (value, rest) {
        (Value::Array(items), Some(rest)) if head == "*" => {
            for item in items {
                blank(item, rest);
            }
        }
        (Value::Object(fields), Some(rest)) if head == "*" => {
            for (_, field) in fields {
                blank(field, rest);
            }
        }
        (Value::Object(fields), Some(rest)) => {
            if let Some(field) = fields.get_mut(head) {
                blank(field, rest);
            }
        }
        (Value::Object(fields), None) => {
            fields.remove(head);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{Media, MediaAsset, MediaAssetKind, MediaType, Record};

    fn with_url(url: &str) -> Record {
        let media = vec![Media { url: Some(url.into()), ..Media::of(MediaType::Image) }];
        let asset = MediaAsset { media: Some(media), ..MediaAsset::of(MediaAssetKind::Image) };
        Record::new("1", asset)
    }

    #[test]
    fn a_signed_address_that_changes_by_itself_is_no_change() {
        let digest = |url| with_url(url).volatile("media.*.url").digest();
        assert_eq!(digest("https://a/?sig=1"), digest("https://a/?sig=2"));
        assert_ne!(with_url("https://a").digest(), with_url("https://b").digest());
    }

    #[test]
    fn a_move_to_another_place_is_a_change() {
        assert_ne!(with_url("u").at("/a").digest(), with_url("u").at("/b").digest());
    }
}
