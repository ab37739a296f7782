//! The content of records, shown by reading it into its own structure with a reader that writes down every field it passes.
//!
//! Names and order come from the structures themselves, so that what is shown is what [`crate::format::record`] reads. Damage ends the
//! structure, not what was shown before it.

use super::type_name;
use super::walk::{Check, Walk};
use crate::base::date_time::format::format_iso;
use serde::de::value::Error;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor};

/// Shows a structure from `at` on; returns where it ended, none if it could not be read to its end.
pub(super) fn show<T: DeserializeOwned>(walk: &mut Walk<'_>, at: u64) -> Option<u64> {
    let mut reader = Reader { walk, at, path: Vec::new() };
    match T::deserialize(&mut reader) {
        Ok(_) => Some(reader.at),
        Err(error) => {
            let (at, name) = (reader.at, reader.path.join(" "));
            walk.enter("content");
            walk.field(at, 0, &name, "", Check::Bad(error.to_string()));
            None
        }
    }
}

struct Reader<'w, 'a> {
    walk: &'w mut Walk<'a>,
    at: u64,
    /// The fields and positions that lead to what is read.
    path: Vec<String>,
}

impl Reader<'_, '_> {
    fn note(&mut self, offset: u64, value: String) {
        let (name, above) = self.path.split_last().map_or(("content", &[][..]), |(name, above)| (name.as_str(), above));
        // An element of a list of plain values is named after the list.
        let is_position = name.bytes().all(|byte| byte.is_ascii_digit());
        let (name, above) = match above.split_last() {
            Some((list, rest)) if is_position => (format!("{list} {name}"), rest),
            _ => (name.to_string(), above),
        };
        let value = match name.as_str() {
            "type_code" => match value.parse().ok().and_then(type_name) {
                Some(name) => format!("{value} ({name})"),
                None => format!("{value} (unknown)"),
            },
            "seal" => value.parse().map_or(value, |seal: u32| format!("{seal:08x}")),
            _ if name.ends_with("_ns") => match value.parse() {
                Ok(nanos) => format!("{value} ({})", format_iso(nanos)),
                Err(_) => value,
            },
            _ => value,
        };
        let structure = if above.is_empty() { "content".to_string() } else { above.join(" ") };
        self.walk.note(offset, self.at - offset, &structure, &name, value);
    }

    fn take(&mut self, count: u64) -> Result<u64, Error> {
        let value = self.walk.peek(self.at, count);
        let value = value.ok_or_else(|| Error::custom(format!("the content ends at byte {}", self.walk.len())))?;
        self.at += count;
        Ok(value)
    }

    /// An integer in bincode's variable form.
    fn varint(&mut self) -> Result<u64, Error> {
        match self.take(1)? {
            first @ 0..=250 => Ok(first),
            251 => self.take(2),
            252 => self.take(4),
            253 => self.take(8),
            other => Err(Error::custom(format!("{other} begins no integer"))),
        }
    }

    fn unsigned(&mut self) -> Result<u64, Error> {
        let at = self.at;
        let value = self.varint()?;
        self.note(at, value.to_string());
        Ok(value)
    }

    fn signed(&mut self) -> Result<i64, Error> {
        let at = self.at;
        let zigzag = self.varint()?;
        let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        self.note(at, value.to_string());
        Ok(value)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let at = self.at;
        let value = self.take(1)?;
        self.note(at, value.to_string());
        Ok(value as u8)
    }
}

/// The elements of a list, or the fields of a structure.
struct Elements<'r, 'w, 'a> {
    reader: &'r mut Reader<'w, 'a>,
    names: Option<&'static [&'static str]>,
    next: u64,
    count: u64,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.next == self.count {
            return Ok(None);
        }
        let name = self.names.and_then(|names| names.get(self.next as usize)).copied();
        self.reader.path.push(name.map_or_else(|| self.next.to_string(), str::to_string));
        self.next += 1;
        let element = seed.deserialize(&mut *self.reader)?;
        self.reader.path.pop();
        Ok(Some(element))
    }
}

/// Integers of a width that the field must not exceed.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ty, $read:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = self.$read()?;
            visitor.$visit(<$type>::try_from(value).map_err(|_| Error::custom(format!("{value} is too large")))?)
        })*
    };
}

impl<'de> serde::Deserializer<'de> for &mut Reader<'_, '_> {
    type Error = Error;

    integers! {
        deserialize_u8 visit_u8 u8, byte;
        deserialize_u16 visit_u16 u16, unsigned;
        deserialize_u32 visit_u32 u32, unsigned;
        deserialize_u64 visit_u64 u64, unsigned;
        deserialize_i16 visit_i16 i16, signed;
        deserialize_i32 visit_i32 i32, signed;
        deserialize_i64 visit_i64 i64, signed;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            other => Err(Error::custom(format!("{other} is not a truth value"))),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let at = self.at;
        let length = self.varint()?;
        let bytes = self.walk.bytes_at(self.at, length);
        let bytes = bytes.ok_or_else(|| Error::custom(format!("a text of {length} bytes does not fit the content")))?;
        self.at += length;
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.note(at, super::quoted(&text));
        visitor.visit_string(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let at = self.at;
        match self.take(1)? {
            0 => {
                self.note(at, "none".into());
                visitor.visit_none()
            }
            1 => visitor.visit_some(self),
            other => Err(Error::custom(format!("{other} is neither none nor some"))),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let at = self.at;
        let count = self.varint()?;
        self.note(at, format!("{count} entries"));
        visitor.visit_seq(Elements { reader: self, names: None, next: 0, count })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Elements { reader: self, names: None, next: 0, count: length as u64 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Elements { reader: self, names: Some(fields), next: 0, count: fields.len() as u64 })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("a field of a form that records do not have"))
    }

    serde::forward_to_deserialize_any! {
        i8 i128 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple_struct map enum identifier ignored_any
    }
}
