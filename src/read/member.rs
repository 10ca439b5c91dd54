//! How an object holds its members: required, optional, or as a list.

use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error, ser::SerializeMap};

use crate::read::error::ShapeError;
use crate::read::field::Field;
use crate::read::json::Json;
use crate::read::raw_json::RawJson;

/// The type of a member of a payload.
///
/// A [`Field`] `T` is required, an `Option<T>` may be missing, and a `Vec<T>` is empty if it is missing.
/// A [`RawJson`] holds any value.
#[diagnostic::on_unimplemented(
    message = "leadhook can't read a value of the type `{Self}`",
    label = "not a type that leadhook reads",
    note = "use `T` for a required field, `Option<T>` or `Vec<T>` for a field that may be missing, and `RawJson` for any value",
    note = "`T` is `String`, `f64`, `u64`, `bool`, `DateTime<Utc>`, another payload, or your own type that implements `leadhook::Field`"
)]
pub trait Member: Sized {
    /// Whether an object without the member can't be read.
    const IS_REQUIRED: bool = true;

    /// Returns the value of a member that is missing, and `None` exactly if it
    /// [is required](Self::IS_REQUIRED).
    #[must_use]
    fn missing() -> Option<Self> {
        None
    }

    /// Reads a member in the second pass.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] if the member is required and can't be read.
    fn read(json: Json<'_>) -> Result<Self, ShapeError>;

    /// Reads a member in the fast pass.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Writes the member.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Writes the member into its object, unless there is nothing to write.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    fn write_to<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(key, &Written(self))
    }
}

/// A required member.
impl<T: Field> Member for T {
    fn read(json: Json<'_>) -> Result<Self, ShapeError> {
        T::read(json)?.ok_or_else(|| json.unexpected())
    }

    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read_fast(deserializer)?.ok_or_else(|| D::Error::custom("a required value is null"))
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Field::write(self, serializer)
    }
}

/// An optional member. In the second pass, a value in an unexpected form is left out.
impl<T: Field> Member for Option<T> {
    const IS_REQUIRED: bool = false;

    fn missing() -> Option<Self> {
        Some(None)
    }

    fn read(json: Json<'_>) -> Result<Self, ShapeError> {
        Ok(json.optional(T::read).flatten())
    }

    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read_fast(deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => serializer.serialize_some(&Written(value)),
            None => serializer.serialize_none(),
        }
    }

    fn write_to<M: SerializeMap>(&self, key: &'static str, map: &mut M) -> Result<(), M::Error> {
        match self {
            Some(value) => value.write_to(key, map),
            None => Ok(()),
        }
    }
}

/// A list. Null is the empty list, and null elements are skipped.
///
/// In the second pass, a text is a list of one element, an element in an unexpected form is left out, and
/// so is a list that would take too much memory.
impl<T: Field> Member for Vec<T> {
    const IS_REQUIRED: bool = false;

    fn missing() -> Option<Self> {
        Some(Self::new())
    }

    fn read(json: Json<'_>) -> Result<Self, ShapeError> {
        let list = json.optional(|json| {
            if json.is_null() {
                return Ok(Self::new());
            }
            if json.text().is_some() {
                return Ok(T::read(json)?.into_iter().collect());
            }
            if !json.is_list() {
                return Err(json.unexpected());
            }
            let mut list = Self::new();
            for element in json.elements() {
                if let Some(element) = element.optional(T::read).flatten() {
                    json.take(size_of::<T>())?;
                    list.push(element);
                }
            }
            Ok(list)
        });
        Ok(list.unwrap_or_default())
    }

    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The fast pass has room for this many elements of this size.
        const { assert!(size_of::<T>() <= LARGEST_ELEMENT) };

        let list: Option<Vec<Ruled<Option<T>>>> = Option::deserialize(deserializer)?;
        let elements = list.unwrap_or_default().into_iter();
        Ok(elements.filter_map(|Ruled(element)| element).collect())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Written))
    }
}

/// The largest size of an element of a list, in bytes.
///
/// A list grows in the fast pass, and is in memory twice meanwhile.
const LARGEST_ELEMENT: usize = 640;

impl Member for RawJson {
    fn read(json: Json<'_>) -> Result<Self, ShapeError> {
        Ok(Self::from(json))
    }

    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

/// A member that the fast pass reads by the rule of its type.
pub(super) struct Ruled<M>(pub(super) M);

impl<'de, M: Member> Deserialize<'de> for Ruled<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        M::read_fast(deserializer).map(Self)
    }
}

/// A member as it is written.
struct Written<'a, M>(&'a M);

impl<M: Member> Serialize for Written<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}
