//! An object with documented members, which `payload!` declares.

use alloc::{borrow::Cow, boxed::Box};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::read::error::ShapeError;
use crate::read::field::{Field, Text};
use crate::read::json::Json;
use crate::read::member::{Member, Ruled};

/// An object with documented members. [`payload!`](crate::payload) implements it.
pub trait Payload: Serialize + DeserializeOwned {
    /// Reads the members in the second pass.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] if a required member is missing, can't be read, or appears twice.
    fn read(object: Object<'_>) -> Result<Self, ShapeError>;

    /// Reads the members in the fast pass.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn read_fast<'de, A: MapAccess<'de>>(object: FastObject<A>) -> Result<Self, A::Error>;

    /// Writes the members.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the payload from an object, and from nothing else.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Payload> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::read_fast(FastObject(map))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }

    /// Writes the payload as an object.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

/// A payload on the heap, so that moving the event costs little.
impl<T: Payload> Payload for Box<T> {
    fn read(object: Object<'_>) -> Result<Self, ShapeError> {
        T::read(object).map(Self::new)
    }

    fn read_fast<'de, A: MapAccess<'de>>(object: FastObject<A>) -> Result<Self, A::Error> {
        T::read_fast(object).map(Self::new)
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        T::write(self, map)
    }
}

// So that the error for a field of another type lists `f64` and `String`, and not the crate's payloads.
#[diagnostic::do_not_recommend]
impl<T: Payload> Field for T {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        Object::of(json)?.map(<T as Payload>::read).transpose()
    }
}

/// An object in the second pass, whose members are read one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(Json<'a>);

impl<'a> Object<'a> {
    /// Returns the object, or `None` for null and for `[]`, which PHP writes for an empty object.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] if the value is something else.
    pub fn of(json: Json<'a>) -> Result<Option<Self>, ShapeError> {
        if json.is_object() {
            Ok(Some(Self(json)))
        } else if json.is_no_object() {
            Ok(None)
        } else {
            Err(json.unexpected())
        }
    }

    /// Returns the names and values of the members in their order.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        self.0.members()
    }

    /// Reads a member into its slot.
    ///
    /// Of several optional members with the same key, the first is read and the others are ignored.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] if a required member can't be read or appears twice.
    pub fn read<M: Member>(self, slot: &mut Option<M>, value: Json<'_>) -> Result<(), ShapeError> {
        if slot.is_none() {
            *slot = Some(M::read(value)?);
        } else if !M::IS_REQUIRED {
            value.ignore();
        } else {
            return Err(self.0.unexpected());
        }
        Ok(())
    }

    /// Returns the value of a slot.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] if the member is required and missing.
    pub fn take<M: Member>(self, slot: Option<M>, key: &'static str) -> Result<M, ShapeError> {
        slot.or_else(M::missing)
            .ok_or_else(|| self.0.unexpected().below(key))
    }
}

/// An object in the fast pass, whose members are read one after the other.
#[derive(Debug)]
pub struct FastObject<A>(pub(super) A);

impl<'de, A: MapAccess<'de>> FastObject<A> {
    /// Returns the next key.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    pub fn next_key(&mut self) -> Result<Option<Cow<'de, str>>, A::Error> {
        Ok(self.0.next_key::<Text<'de>>()?.map(|Text(key)| key))
    }

    /// Reads the value of the last key into its slot.
    ///
    /// # Errors
    ///
    /// The deserializer's error, or an error if the slot is full.
    pub fn read<M: Member>(&mut self, slot: &mut Option<M>) -> Result<(), A::Error> {
        let Ruled(value) = self.0.next_value()?;
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("a duplicate key")),
        }
    }

    /// Skips the value of the last key.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    pub fn ignore(&mut self) -> Result<(), A::Error> {
        self.0.next_value::<IgnoredAny>().map(drop)
    }

    /// Returns the value of a slot.
    ///
    /// # Errors
    ///
    /// An error if the member is required and missing.
    pub fn take<M: Member>(&self, slot: Option<M>, key: &'static str) -> Result<M, A::Error> {
        slot.or_else(M::missing)
            .ok_or_else(|| A::Error::missing_field(key))
    }
}
