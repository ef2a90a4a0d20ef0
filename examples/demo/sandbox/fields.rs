//! Partial answers: Google's `fields=a,b(c,d/e)` and Asana's `opt_fields=a,b.c`.

use std::collections::BTreeMap;

use serde_json::Value;

/// What is asked for of an object; with nothing named below, all of it.
#[derive(Debug, Default)]
pub struct Mask(BTreeMap<String, Mask>);

impl Mask {
    /// Reads Google's form. `None` when the parentheses do not close.
    pub fn google(text: &str) -> Option<Self> {
        let mut mask = Self::default();
        let rest = mask.read(text)?;
        rest.is_empty().then_some(mask)
    }

    /// Reads Asana's form.
    pub fn dotted(text: &str) -> Self {
        let mut mask = Self::default();
        for path in text.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            let _ = mask.at(path, '.');
        }
        mask
    }

    /// The part for a field; `None` when it was not asked for.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.0.get(name).or_else(|| self.0.get("*"))
    }

    /// Whether no field of it was named.
    pub fn is_bare(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves of the value only what is asked for.
    pub fn cut(&self, value: &mut Value) {
        if self.is_bare() {
            return;
        }
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.cut(item)),
            Value::Object(fields) => {
                fields.retain(|name, _| self.field(name).is_some());
                for (name, value) in fields {
                    if let Some(mask) = self.field(name) {
                        mask.cut(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn at(&mut self, path: &str, between: char) -> &mut Self {
        path.split(between).fold(self, |mask, name| mask.0.entry(name.to_owned()).or_default())
    }

    /// Reads a list up to its closing parenthesis and gives what follows.
    fn read<'a>(&mut self, mut text: &'a str) -> Option<&'a str> {
        loop {
            let end = text.find([',', '(', ')']).unwrap_or(text.len());
            let (path, rest) = text.split_at(end);
            let field = (!path.is_empty()).then(|| self.at(path.trim(), '/'));
            text = match (rest.chars().next(), field) {
                (Some('('), Some(field)) => field.read(rest.get(1..)?)?.strip_prefix(')')?,
                (Some('('), None) => return None,
                _ => rest,
            };
            match text.strip_prefix(',') {
                Some(more) => text = more,
                None => return Some(text),
            }
        }
    }
}
