//! Reads JSON as a type of the user's own, strictly.
//!
//! `serde_json` reads the value. Only if that fails, or if ignored keys are to be listed, the value is
//! walked a second time, because `serde_json` tells neither the path of a value nor the ignored keys.

use alloc::{borrow::Cow, format, string::String};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::read::error::{ReadError, ShapeError};
use crate::read::json::Json;
use crate::read::pass::Pass;
use crate::read::slices;

/// The depth to which values can be nested. `serde_json` has the same limit.
const MAX_DEPTH: usize = 128;

/// Reads JSON as any type, with the path of the value that can't be read.
pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ReadError> {
    let text = slices::utf8(json)?;
    serde_json::from_str(text).or_else(|_| {
        slices::check_syntax(text)?;
        let pass = Pass::new(text);
        let fault = T::deserialize(Walked::new(text.trim_ascii(), &pass)).err();
        let root = Json::new(text.trim_ascii(), &pass);
        Err(pass.unexpected(fault.unwrap_or_default().into_error(root), None))
    })
}

impl Json<'_> {
    /// Reads the value as your own type, as strictly as its `Deserialize` demands.
    ///
    /// [`Delivery::unread`](crate::Delivery::unread) lists the keys that a derived `Deserialize` ignores.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] with the place of the value that can't be read.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, ShapeError> {
        let read = serde_json::from_str(self.as_str());
        if read.is_ok() && !self.pass().lists_ignored() {
            return read.map_err(|_| self.unexpected());
        }
        let walked = T::deserialize(Walked::new(self.as_str(), self.pass()));
        read.map_err(|_| walked.err().unwrap_or_default().into_error(self))
    }
}

/// The error of a walk, with its path from the value at which the walk began.
#[derive(Debug, Default, thiserror::Error)]
#[error("a value has an unexpected shape")]
struct Fault {
    path: String,
    offset: Option<usize>,
}

impl Fault {
    /// Adds the step that leads to the fault.
    fn behind(self, step: &str, offset: usize) -> Self {
        let is_joined = self.path.is_empty() || self.path.starts_with('[');
        Self {
            path: format!("{step}{}{}", if is_joined { "" } else { "." }, self.path),
            offset: self.offset.or(Some(offset)),
        }
    }

    fn into_error(self, json: Json<'_>) -> ShapeError {
        let error = json.unexpected().below(&self.path);
        ShapeError {
            offset: self.offset.unwrap_or(error.offset),
            ..error
        }
    }
}

impl Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::default()
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            path: field.into(),
            offset: None,
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(_: serde_json::Error) -> Self {
        Self::default()
    }
}

/// A value that is walked. Objects and lists are visited here, and everything else by `serde_json`.
#[derive(Clone, Copy)]
struct Walked<'de, 'p> {
    text: &'de str,
    pass: &'p Pass<'p>,
    depth: usize,
    /// The fields of the struct as which an object is read. Other keys may be personal data.
    fields: &'static [&'static str],
}

impl<'de, 'p> Walked<'de, 'p> {
    fn new(text: &'de str, pass: &'p Pass<'p>) -> Self {
        Self {
            text,
            pass,
            depth: 0,
            fields: &[],
        }
    }

    fn by_serde_json(self) -> serde_json::Deserializer<serde_json::de::StrRead<'de>> {
        serde_json::Deserializer::from_str(self.text)
    }

    fn read_inner<S: DeserializeSeed<'de>>(
        self,
        step: &str,
        text: &'de str,
        seed: S,
    ) -> Result<S::Value, Fault> {
        let depth = self.depth.saturating_add(1);
        let inner = Self::new(text, self.pass);
        seed.deserialize(Self { depth, ..inner })
            .map_err(|fault| fault.behind(step, self.pass.offset_of(text)))
    }
}

impl<'de> Deserializer<'de> for Walked<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.depth >= MAX_DEPTH {
            Err(Fault::default())
        } else if slices::is_object(self.text) {
            visitor.visit_map(Inner {
                rest: slices::members(self.text),
                value: None,
                of: self,
            })
        } else if slices::is_list(self.text) {
            visitor.visit_seq(Inner {
                rest: slices::elements(self.text).enumerate(),
                value: None,
                of: self,
            })
        } else {
            Ok(self.by_serde_json().deserialize_any(visitor)?)
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if !slices::is_empty(self.text) {
            self.pass.ignore(self.text);
        }
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text {
            "null" => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // Raw JSON is a newtype with a name that only `serde_json` knows.
        if name.starts_with("$serde_json") {
            return Ok(self
                .by_serde_json()
                .deserialize_newtype_struct(name, visitor)?);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Self { fields, ..self }.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Ok(self
            .by_serde_json()
            .deserialize_enum(name, variants, visitor)?)
    }

    /// Unlike `deserialize_any`, reads a fraction also where a crate of the build turns on
    /// `arbitrary_precision`.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        Ok(self.by_serde_json().deserialize_f64(visitor)?)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

/// The values in an object or a list.
struct Inner<'de, 'p, I, T> {
    rest: I,
    value: Option<T>,
    of: Walked<'de, 'p>,
}

impl<'de, I> MapAccess<'de> for Inner<'de, '_, I, I::Item>
where
    I: Iterator<Item = (Cow<'de, str>, &'de str)>,
{
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.value = self.rest.next();
        let Some((key, _)) = &self.value else {
            return Ok(None);
        };
        Ok(Some(seed.deserialize(Value::from(&**key))?))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, text) = self.value.take().unwrap_or_default();
        let is_field = self.of.fields.contains(&&*key);
        self.of
            .read_inner(if is_field { &key } else { "*" }, text, seed)
    }
}

impl<'de, I> SeqAccess<'de> for Inner<'de, '_, I, I::Item>
where
    I: Iterator<Item = (usize, &'de str)>,
{
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, text)) = self.rest.next() else {
            return Ok(None);
        };
        self.of
            .read_inner(&format!("[{index}]"), text, seed)
            .map(Some)
    }
}
