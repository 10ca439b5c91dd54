//! Lenient deserialization: accepts numbers as strings, strings as numbers, and null for missing
//! values.
//!
//! Each type of field has one rule for all providers. [`payload!`] declares payload types whose fields
//! follow these rules.

use alloc::{
    borrow::Cow,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, marker::PhantomData};

use chrono::{DateTime, Datelike, Utc};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        DeserializeOwned, Error, Expected, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
        Unexpected, Visitor, value::MapAccessDeserializer,
    },
};

use crate::read::raw_json::RawJson;
use crate::read::scan;

/// The name under which an optional value is read, as if it were a newtype.
///
/// A deserializer that doesn't know the name reads the value strictly. The tolerant one calls
/// `visit_some` instead, and then the value may be left out.
pub(crate) const OPTIONAL: &str = "leadhook::optional";

/// The name under which a required value is read, as if it were a newtype.
pub(crate) const REQUIRED: &str = "leadhook::required";

/// The name under which a value tells the tolerant deserializer the size of its elements, as if it were
/// a tuple of that many fields.
pub(crate) const ELEMENTS: &str = "leadhook::elements";

/// The key of the map as which `serde_json` presents a fraction if any crate of the build turns on its
/// feature `arbitrary_precision`.
pub(crate) const NUMBER: &str = "$serde_json::private::Number";

/// The number of bytes that a list may reserve at once for its announced elements.
pub(crate) const CAUTIOUS: usize = 16 * 1024 * 1024;

/// The sizes of the largest elements of lists in a type: of the elements that are objects, and of
/// those that are scalars or members.
pub(crate) type ElementSizes = (usize, usize);

/// The larger of the sizes of two types.
pub(crate) const fn larger(one: ElementSizes, other: ElementSizes) -> ElementSizes {
    const fn max(one: usize, other: usize) -> usize {
        if one > other { one } else { other }
    }
    (max(one.0, other.0), max(one.1, other.1))
}

/// A type of field, and how leniently it is read.
pub(crate) trait Lenient: Sized + Serialize {
    /// The value in place of a left-out value, or `None` if the value is required.
    const LEFT_OUT: Option<Self> = None;

    /// The size of an element, for a type that holds elements.
    const ELEMENT: usize = 0;

    /// The sizes of all elements in the type.
    const ELEMENT_SIZES: ElementSizes = (0, 0);

    /// Whether a value is written as an object.
    const IS_OBJECT: bool = false;

    /// Reads a value in any of the forms that providers send.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Reads a field. The tolerant deserializer can leave it out if it is optional.
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = if Self::LEFT_OUT.is_some() {
            OPTIONAL
        } else {
            REQUIRED
        };
        deserializer.deserialize_newtype_struct(name, Field(PhantomData))
    }

    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(self, serializer)
    }

    /// Whether the field has no value and is not written.
    fn is_absent(&self) -> bool {
        false
    }

    /// Whether a key is documented somewhere within this type.
    fn is_documented_key(key: &str) -> bool {
        let _ = key;
        false
    }
}

struct Field<T>(PhantomData<T>);

impl<'de, T: Lenient> Visitor<'de> for Field<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer
            .deserialize_tuple_struct(ELEMENTS, T::ELEMENT, self)
            .or_else(|error| T::LEFT_OUT.ok_or(error))
    }
}

/// An object with documented fields. [`payload!`] implements it.
pub(crate) trait Payload: DeserializeOwned + Serialize {
    /// The sizes of the elements of its lists.
    const ELEMENT_SIZES: ElementSizes = (0, 0);

    fn is_documented_key(key: &str) -> bool;
}

/// A large object on the heap, so that moving the event costs little.
impl<T: Payload> Payload for Box<T> {
    const ELEMENT_SIZES: ElementSizes = T::ELEMENT_SIZES;

    fn is_documented_key(key: &str) -> bool {
        T::is_documented_key(key)
    }
}

/// Returns the first element of a list.
pub(crate) fn first_element(json: &str) -> Option<&str> {
    scan::elements(json).next()
}

/// Returns whether a value means the same as null, such as `[]`, which PHP writes for an empty object.
pub(crate) fn is_none(json: &str) -> bool {
    json == "null" || (scan::is_list(json) && first_element(json).is_none())
}

/// A JSON value that is neither an object nor a list.
enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

/// Reads a scalar. `read` returns its meaning, or `None` if it has an unexpected form.
fn scalar<'de, D, T, F>(deserializer: D, expected: &'static str, read: F) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    F: FnOnce(&Scalar<'_>) -> Option<T>,
{
    struct Reader<T, F>(&'static str, F, PhantomData<T>);

    impl<T, F: FnOnce(&Scalar<'_>) -> Option<T>> Reader<T, F> {
        fn read<E: Error>(self, scalar: &Scalar<'_>) -> Result<T, E> {
            let Self(expected, read, _) = self;
            read(scalar).ok_or_else(|| {
                let unexpected = match *scalar {
                    Scalar::Null => Unexpected::Unit,
                    Scalar::Bool(value) => Unexpected::Bool(value),
                    Scalar::Unsigned(value) => Unexpected::Unsigned(value),
                    Scalar::Signed(value) => Unexpected::Signed(value),
                    Scalar::Float(value) => Unexpected::Float(value),
                    Scalar::Text(value) => Unexpected::Str(value),
                };
                E::invalid_value(unexpected, &expected)
            })
        }
    }

    impl<'de, T, F: FnOnce(&Scalar<'_>) -> Option<T>> Visitor<'de> for Reader<T, F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_unit<E: Error>(self) -> Result<T, E> {
            self.read(&Scalar::Null)
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<T, E> {
            self.read(&Scalar::Bool(value))
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
            self.read(&Scalar::Unsigned(value))
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
            self.read(&Scalar::Signed(value))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
            self.read(&Scalar::Float(value))
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            self.read(&Scalar::Text(text))
        }

        /// A fraction, with `arbitrary_precision`.
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let number: Option<(Cow<'de, str>, Cow<'de, str>)> = map.next_entry()?;
            match number {
                Some((key, digits)) if key == NUMBER => match digits.parse() {
                    Ok(value) => self.read(&Scalar::Float(value)),
                    Err(_) => Err(A::Error::invalid_type(Unexpected::Map, &self)),
                },
                _ => Err(A::Error::invalid_type(Unexpected::Map, &self)),
            }
        }
    }

    deserializer.deserialize_any(Reader(expected, read, PhantomData))
}

/// A string, or a number or boolean as a string. Null is `None`.
impl Lenient for Option<String> {
    const LEFT_OUT: Option<Self> = Some(None);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer, "text", |scalar| {
            Some(match *scalar {
                Scalar::Null => None,
                Scalar::Bool(value) => Some(value.to_string()),
                Scalar::Unsigned(value) => Some(value.to_string()),
                Scalar::Signed(value) => Some(value.to_string()),
                Scalar::Float(value) => Some(exact(value)?.to_string()),
                Scalar::Text(text) => Some(text.into()),
            })
        })
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// A required string.
impl Lenient for String {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        present(deserializer, &"text")
    }
}

/// A number, or a numeric string. Null and the empty string are `None`.
///
/// From 2^53 on, an `f64` can't hold every whole number, so larger numbers are rejected instead of
/// rounded. A whole number is written without a fraction.
impl Lenient for Option<f64> {
    const LEFT_OUT: Option<Self> = Some(None);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer, "a number", number)
    }

    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.and_then(whole) {
            Some(value) => serializer.serialize_i64(value),
            None => Serialize::serialize(self, serializer),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// A whole number that isn't negative, or a numeric string. Null and the empty string are `None`.
impl Lenient for Option<u64> {
    const LEFT_OUT: Option<Self> = Some(None);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer, "a count", |scalar| match *scalar {
            Scalar::Unsigned(value) => Some(Some(value)),
            ref other => match number(other)? {
                Some(value) => whole(value)?.try_into().ok().map(Some),
                None => Some(None),
            },
        })
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// A boolean, 0 or 1, or their texts as a string. Null and the empty string are `None`.
impl Lenient for Option<bool> {
    const LEFT_OUT: Option<Self> = Some(None);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer, "a boolean", |scalar| match *scalar {
            Scalar::Null | Scalar::Text("") => Some(None),
            Scalar::Bool(value) => Some(Some(value)),
            Scalar::Unsigned(1) | Scalar::Text("1" | "true") => Some(Some(true)),
            Scalar::Unsigned(0) | Scalar::Text("0" | "false") => Some(Some(false)),
            _ => None,
        })
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// A time in RFC 3339, with any offset and fraction. Any other scalar is `None`, as in the envelope.
impl Lenient for Option<DateTime<Utc>> {
    const LEFT_OUT: Option<Self> = Some(None);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        scalar(deserializer, "a time", |scalar| match *scalar {
            Scalar::Text(text) => Some(time(text)),
            _ => Some(None),
        })
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// A list. Null is the empty list, a string is a list of one element, and null elements are skipped.
impl<T> Lenient for Vec<T>
where
    Option<T>: Lenient,
    T: Serialize,
{
    const LEFT_OUT: Option<Self> = Some(Vec::new());
    const ELEMENT: usize = size_of::<T>();
    const ELEMENT_SIZES: ElementSizes = larger(
        <Option<T> as Lenient>::ELEMENT_SIZES,
        if <Option<T> as Lenient>::IS_OBJECT {
            (Self::ELEMENT, 0)
        } else {
            (0, Self::ELEMENT)
        },
    );

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T> Visitor<'de> for List<T>
        where
            Option<T>: Lenient,
        {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let one = <Option<T> as Lenient>::read(text.into_deserializer())?;
                Ok(one.into_iter().collect())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                // Only the tolerant deserializer knows the length, and then the list has exactly that length.
                let mut list = with_capacity(seq.size_hint());
                while let Some(Element(element)) = seq.next_element()? {
                    if let Some(element) = element {
                        list.push(element);
                    }
                }
                Ok(list)
            }
        }

        struct Element<T>(Option<T>);

        impl<'de, T> Deserialize<'de> for Element<T>
        where
            Option<T>: Lenient,
        {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <Option<T> as Lenient>::deserialize(deserializer).map(Self)
            }
        }

        deserializer.deserialize_any(List(PhantomData))
    }

    fn is_documented_key(key: &str) -> bool {
        <Option<T> as Lenient>::is_documented_key(key)
    }
}

/// An object. Null is `None`, and so is `[]`, because PHP writes that for an object without members.
impl<T: Payload> Lenient for Option<T> {
    const LEFT_OUT: Option<Self> = Some(None);
    const ELEMENT_SIZES: ElementSizes = T::ELEMENT_SIZES;
    const IS_OBJECT: bool = true;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: Payload> Visitor<'de> for Object<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(None),
                    Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Some)
            }
        }

        object_or_list(deserializer, Object(PhantomData))
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn is_documented_key(key: &str) -> bool {
        T::is_documented_key(key)
    }
}

/// A required object.
impl<T: Payload> Lenient for T {
    const ELEMENT_SIZES: ElementSizes = <T as Payload>::ELEMENT_SIZES;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        present(deserializer, &"an object")
    }

    fn is_documented_key(key: &str) -> bool {
        <T as Payload>::is_documented_key(key)
    }
}

impl Lenient for RawJson {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

/// Reads an object, a list or null.
///
/// `deserialize_any` is not enough, because with `arbitrary_precision` it presents a fraction as an
/// object.
pub(crate) fn object_or_list<'de, D, V>(deserializer: D, visitor: V) -> Result<V::Value, D::Error>
where
    D: Deserializer<'de>,
    V: Visitor<'de>,
{
    struct NullOr<V>(V);

    impl<'de, V: Visitor<'de>> Visitor<'de> for NullOr<V> {
        type Value = V::Value;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(f)
        }

        fn visit_none<E: Error>(self) -> Result<V::Value, E> {
            self.0.visit_unit()
        }

        fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
            self.0.visit_unit()
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
            // The deserializer accepts a list for a struct, but not for a map.
            deserializer.deserialize_struct("object", &[], self.0)
        }
    }

    deserializer.deserialize_option(NullOr(visitor))
}

/// Reads a required value.
pub(crate) fn present<'de, D, T>(deserializer: D, expected: &dyn Expected) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    Option<T>: Lenient,
{
    <Option<T> as Lenient>::read(deserializer)?
        .ok_or_else(|| D::Error::invalid_type(Unexpected::Unit, expected))
}

/// Creates a list with room for its elements, if their number is known.
pub(crate) fn with_capacity<T>(length: Option<usize>) -> Vec<T> {
    let cautious = CAUTIOUS.checked_div(size_of::<T>()).unwrap_or(0);
    Vec::with_capacity(length.unwrap_or(0).min(cautious))
}

/// Reads a time in RFC 3339.
pub(crate) fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    (0..=9999).contains(&time.year()).then_some(time)
}

#[expect(clippy::option_option, reason = "no number, none sent, or one")]
fn number(scalar: &Scalar<'_>) -> Option<Option<f64>> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number that is not exact is rejected"
    )]
    let value = match *scalar {
        Scalar::Null => return Some(None),
        Scalar::Bool(_) => return None,
        Scalar::Unsigned(value) => value as f64,
        Scalar::Signed(value) => value as f64,
        Scalar::Float(value) => value,
        Scalar::Text(text) => match text.trim() {
            "" => return Some(None),
            text => text.parse().ok()?,
        },
    };
    exact(value).map(Some)
}

/// Rejects whole numbers that may have been rounded, and numbers that are not finite.
fn exact(value: f64) -> Option<f64> {
    /// 2^53: below it, each integer has an `f64` of its own.
    const LIMIT: f64 = 9_007_199_254_740_992.0;

    (value.abs() < LIMIT).then_some(value)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "only a number that comes back the same is taken"
)]
fn whole(value: f64) -> Option<i64> {
    (exact(value)? as i64 as f64 == value).then_some(value as i64)
}
