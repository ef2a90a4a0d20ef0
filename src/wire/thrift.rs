//! Thrift messages in the binary protocol, one call and its reply each in the body of an HTTP request and its answer.
//!
//! Apache Thrift, "Thrift Binary protocol encoding", "Thrift Remote Procedure Call". Structs are read without their
//! definition: fields by number, what is unknown skipped by type.

use std::collections::BTreeMap;

use thrift::{
    ProtocolError, ProtocolErrorKind, TConfiguration,
    protocol::{
        TBinaryInputProtocol, TBinaryOutputProtocol, TFieldIdentifier, TInputProtocol,
        TListIdentifier, TMessageIdentifier, TMessageType, TOutputProtocol, TStructIdentifier,
        TType,
    },
};

use crate::error::{Error, Result};

/// Content type of a message over HTTP.
pub const CONTENT_TYPE: &str = "application/x-thrift";
/// Longest message that is read, in bytes.
const MESSAGE: usize = 16 << 20;
/// Most values of one message, and most elements of one list.
const VALUES: usize = 200_000;
/// Levels of structs and lists.
const DEPTH: usize = 16;

type Input<'a> = TBinaryInputProtocol<&'a [u8]>;
type Output<'a> = TBinaryOutputProtocol<&'a mut Vec<u8>>;

/// A value. Sets are lists; maps, doubles and identifiers are passed over.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A boolean.
    Bool(bool),
    /// An integer of 16 bits, or fewer.
    I16(i16),
    /// An integer of 32 bits.
    I32(i32),
    /// An integer of 64 bits.
    I64(i64),
    /// A text, or bytes.
    Bytes(Vec<u8>),
    /// A struct.
    Struct(Fields),
    /// A list, or a set.
    List(Vec<Datum>),
}

/// A struct: its fields by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(BTreeMap<i16, Datum>);

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The result.
    Result(Datum),
    /// The declared exception of this number.
    Exception(i16, Fields),
}

impl Fields {
    /// The same with a field.
    #[must_use]
    pub fn with(mut self, id: i16, value: impl Into<Datum>) -> Self {
        self.0.insert(id, value.into());
        self
    }

    /// A text; what is no UTF-8 in it is replaced.
    pub fn text(&self, id: i16) -> Option<String> {
        self.bytes(id).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Bytes.
    pub fn bytes(&self, id: i16) -> Option<&[u8]> {
        match self.0.get(&id)? {
            Datum::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An integer.
    pub fn int(&self, id: i16) -> Option<i64> {
        match self.0.get(&id)? {
            Datum::I16(n) => Some(i64::from(*n)),
            Datum::I32(n) => Some(i64::from(*n)),
            Datum::I64(n) => Some(*n),
            _ => None,
        }
    }

    /// A boolean.
    pub fn flag(&self, id: i16) -> Option<bool> {
        match self.0.get(&id)? {
            Datum::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A struct.
    pub fn part(&self, id: i16) -> Option<&Self> {
        match self.0.get(&id)? {
            Datum::Struct(fields) => Some(fields),
            _ => None,
        }
    }

    /// The structs of a list; none where there is no list.
    pub fn parts(&self, id: i16) -> impl Iterator<Item = &Self> {
        self.list(id).iter().filter_map(|item| match item {
            Datum::Struct(fields) => Some(fields),
            _ => None,
        })
    }

    /// The texts of a list; none where there is no list.
    pub fn texts(&self, id: i16) -> impl Iterator<Item = String> {
        self.list(id).iter().filter_map(|item| match item {
            Datum::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        })
    }

    fn list(&self, id: i16) -> &[Datum] {
        match self.0.get(&id) {
            Some(Datum::List(items)) => items,
            _ => &[],
        }
    }
}

impl From<bool> for Datum {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i16> for Datum {
    fn from(n: i16) -> Self {
        Self::I16(n)
    }
}

impl From<i32> for Datum {
    fn from(n: i32) -> Self {
        Self::I32(n)
    }
}

impl From<i64> for Datum {
    fn from(n: i64) -> Self {
        Self::I64(n)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<Fields> for Datum {
    fn from(fields: Fields) -> Self {
        Self::Struct(fields)
    }
}

impl From<Vec<Datum>> for Datum {
    fn from(items: Vec<Datum>) -> Self {
        Self::List(items)
    }
}

/// The bytes of a call with these arguments.
///
/// # Errors
/// [`Error::Unexpected`] where a text is longer than a message can be.
pub fn call(method: &str, arguments: &Fields) -> Result<Vec<u8>> {
    message(method, TMessageType::Call, arguments)
}

fn message(method: &str, kind: TMessageType, fields: &Fields) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut out = TBinaryOutputProtocol::new(&mut bytes, true);
    let written = out
        .write_message_begin(&TMessageIdentifier::new(method, kind, 1))
        .and_then(|()| write_fields(&mut out, fields))
        .and_then(|()| out.write_message_end());
    written.map_err(|cause| Error::unexpected(method, cause.to_string()))?;
    Ok(bytes)
}

fn write_fields(out: &mut Output<'_>, fields: &Fields) -> thrift::Result<()> {
    out.write_struct_begin(&TStructIdentifier::new(""))?;
    for (id, value) in &fields.0 {
        out.write_field_begin(&TFieldIdentifier::new("", kind(value), *id))?;
        write(out, value)?;
        out.write_field_end()?;
    }
    out.write_field_stop()?;
    out.write_struct_end()
}

fn kind(value: &Datum) -> TType {
    match value {
        Datum::Bool(_) => TType::Bool,
        Datum::I16(_) => TType::I16,
        Datum::I32(_) => TType::I32,
        Datum::I64(_) => TType::I64,
        Datum::Bytes(_) => TType::String,
        Datum::Struct(_) => TType::Struct,
        Datum::List(_) => TType::List,
    }
}

fn write(out: &mut Output<'_>, value: &Datum) -> thrift::Result<()> {
    match value {
        Datum::Bool(flag) => out.write_bool(*flag),
        Datum::I16(n) => out.write_i16(*n),
        Datum::I32(n) => out.write_i32(*n),
        Datum::I64(n) => out.write_i64(*n),
        Datum::Bytes(bytes) => out.write_bytes(bytes),
        Datum::Struct(fields) => write_fields(out, fields),
        Datum::List(items) => {
            let of = items.first().map_or(TType::Bool, kind);
            let size = i32::try_from(items.len()).unwrap_or(i32::MAX);
            out.write_list_begin(&TListIdentifier::new(of, size))?;
            items.iter().try_for_each(|item| write(out, item))?;
            out.write_list_end()
        }
    }
}

/// Reads the reply to a call of `method`.
///
/// # Errors
/// [`Error::Unavailable`] where it is no reply to that: a page of a proxy, a server that broke off, or one that could not
/// do the call at all.
pub fn reply(method: &str, bytes: &[u8]) -> Result<Reply> {
    let unreadable = |why: String| Error::Unavailable(format!("the answer to {method}: {why}"));
    if bytes.len() > MESSAGE {
        return Err(unreadable("too long".into()));
    }
    let (kind, name, mut fields) = read(bytes).map_err(|cause| unreadable(cause.to_string()))?;
    if kind != TMessageType::Reply || name != method {
        let number = fields.int(2).map(|number| format!(" ({number})")).unwrap_or_default();
        return Err(unreadable(format!("no reply to it{number}")));
    }
    match fields.0.pop_first() {
        Some((0, result)) => Ok(Reply::Result(result)),
        Some((id, Datum::Struct(exception))) => Ok(Reply::Exception(id, exception)),
        _ => Err(unreadable("without a result".into())),
    }
}

fn read(bytes: &[u8]) -> thrift::Result<(TMessageType, String, Fields)> {
    let limits = TConfiguration::builder()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
        .max_string_size(Some(bytes.len()))
        .max_container_size(Some(VALUES))
        .build()?;
    let mut input = TBinaryInputProtocol::with_config(bytes, true, limits);
    let begin = input.read_message_begin()?;
    let mut left = VALUES;
    let fields = read_fields(&mut input, &mut left, 0)?;
    Ok((begin.message_type, begin.name, fields))
}

fn read_fields(input: &mut Input<'_>, left: &mut usize, depth: usize) -> thrift::Result<Fields> {
    let mut fields = Fields::default();
    input.read_struct_begin()?;
    loop {
        let field = input.read_field_begin()?;
        let Some(id) = field.id.filter(|_| field.field_type != TType::Stop) else { break };
        if let Some(value) = read_value(input, field.field_type, left, depth)? {
            fields.0.insert(id, value);
        }
        input.read_field_end()?;
    }
    input.read_struct_end()?;
    Ok(fields)
}

/// `None` for what is passed over.
fn read_value(
    input: &mut Input<'_>,
    kind: TType,
    left: &mut usize,
    depth: usize,
) -> thrift::Result<Option<Datum>> {
    let Some(rest) = left.checked_sub(1).filter(|_| depth < DEPTH) else {
        let error = ProtocolError::new(ProtocolErrorKind::SizeLimit, "too many or too deep values");
        return Err(thrift::Error::Protocol(error));
    };
    *left = rest;
    Ok(Some(match kind {
        TType::Bool => Datum::Bool(input.read_bool()?),
        TType::I08 => Datum::I16(input.read_i8()?.into()),
        TType::I16 => Datum::I16(input.read_i16()?),
        TType::I32 => Datum::I32(input.read_i32()?),
        TType::I64 => Datum::I64(input.read_i64()?),
        TType::String => Datum::Bytes(input.read_bytes()?),
        TType::Struct => Datum::Struct(read_fields(input, left, depth + 1)?),
        TType::List | TType::Set => {
            let list = input.read_list_begin()?; // a set looks the same
            let mut items = Vec::new();
            for _ in 0..list.size {
                items.extend(read_value(input, list.element_type, left, depth + 1)?);
            }
            input.read_list_end()?;
            Datum::List(items)
        }
        other => {
            input.skip(other)?;
            return Ok(None);
        }
    }))
}

/// The bytes of a reply, for tests of what reads them.
#[cfg(test)]
pub(crate) fn answer(method: &str, fields: &Fields) -> Vec<u8> {
    message(method, TMessageType::Reply, fields).unwrap()
}

/// The method and the arguments of a call, for tests of what makes them.
#[cfg(test)]
pub(crate) fn read_call(bytes: &[u8]) -> (String, Fields) {
    let (kind, method, arguments) = read(bytes).unwrap();
    assert_eq!(kind, TMessageType::Call);
    (method, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Fields {
        let resource = Fields::default().with(4, "image/png").with(5, 16_384);
        Fields::default()
            .with(1, "guid")
            .with(6, 1_770_112_800_250_i64)
            .with(9, true)
            .with(13, vec![resource.into()])
    }

    #[test]
    fn what_was_written_is_read_again() {
        let bytes = answer("getNote", &Fields::default().with(0, note()));
        assert_eq!(reply("getNote", &bytes), Ok(Reply::Result(note().into())));
        let refused = Fields::default().with(1, 9);
        let bytes = answer("getNote", &Fields::default().with(1, refused.clone()));
        assert_eq!(reply("getNote", &bytes), Ok(Reply::Exception(1, refused)));
    }

    #[test]
    fn a_message_that_is_cut_off_garbled_or_anothers_is_an_outage_and_nothing_else() {
        let bytes = answer("getNote", &Fields::default().with(0, note()));
        for end in 0..bytes.len() {
            let read = reply("getNote", bytes.get(..end).unwrap());
            assert!(matches!(read, Err(Error::Unavailable(_))), "{end}: {read:?}");
        }
        for at in 0..bytes.len() {
            for value in [0x00, 0x0c, 0x0f, 0x7f, 0xff] {
                let mut garbled = bytes.clone();
                garbled[at] = value;
                let _ = reply("getNote", &garbled); // whatever it is, it ends
            }
        }
        assert!(reply("getTag", &bytes).is_err());
        assert!(reply("getNote", b"<html>Service Unavailable</html>").is_err());
    }

    #[test]
    fn a_list_that_announces_more_than_it_holds_takes_no_memory_and_deep_ones_end() {
        let mut bytes = answer("m", &Fields::default());
        bytes.pop();
        let mut huge = bytes.clone();
        huge.extend([15, 0, 0, 12, 0x7f, 0xff, 0xff, 0xff]);
        assert!(reply("m", &huge).is_err());
        let mut deep = bytes;
        deep.extend([15, 0, 0]);
        for _ in 0..100_000 {
            deep.extend([15, 0, 0, 0, 1]);
        }
        assert!(reply("m", &deep).is_err());
    }
}
