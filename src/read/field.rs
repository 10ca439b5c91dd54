//! The rule for each type of value, in both passes.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use chrono::{DateTime, Datelike, Utc};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error, Visitor},
};

use crate::read::error::ShapeError;
use crate::read::json::Json;

/// A type of value in a payload, and the rule by which it is read.
///
/// [`payload!`](crate::payload) implements it for the types that it declares. Implement it for a type of
/// your own, such as an enum of labels, to use the type in a payload:
///
/// ```
/// use leadhook::{Field, Json, ShapeError};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "lowercase")]
/// enum Size {
///     Small,
///     Large,
/// }
///
/// impl Field for Size {
///     fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
///         match json.scalar().as_deref() {
///             None if json.is_null() => Ok(None),
///             Some("small") => Ok(Some(Self::Small)),
///             Some("large") => Ok(Some(Self::Large)),
///             _ => Err(json.unexpected()),
///         }
///     }
/// }
///
/// leadhook::payload! {
///     /// An order of shirts.
///     pub struct Order {
///         /// The size.
///         pub size: Option<Size>,
///     }
/// }
/// ```
pub trait Field: Sized + Serialize + DeserializeOwned {
    /// Reads a value in any form in which the provider may send it.
    ///
    /// This is the second pass. Returns `None` for null and for other forms of no value.
    ///
    /// # Errors
    ///
    /// [`Json::unexpected`] for any other form.
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError>;

    /// Reads a value in its documented form, or null.
    ///
    /// This is the fast pass. It may fail for any value, which [`read`](Self::read) then gets, but what
    /// it accepts must be equal to what `read` returns. Uses `Deserialize` by default.
    ///
    /// # Errors
    ///
    /// The deserializer's error.
    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(deserializer)
    }

    /// Writes the value in a form that [`read`](Self::read) reads. Uses `Serialize` by default.
    ///
    /// # Errors
    ///
    /// The serializer's error.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

/// A text. A number or boolean is read as the text that was sent.
impl Field for String {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        match json.scalar() {
            Some(text) => Ok(Some(text.into_owned())),
            None if json.is_null() => Ok(None),
            None => Err(json.unexpected()),
        }
    }
}

/// A number, or a text with a number. A blank text is no value.
///
/// From 2^53 on, an `f64` can't hold every whole number, so larger numbers are unreadable instead of
/// rounded. A whole number is written without a fraction.
impl Field for f64 {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        match json.scalar().as_deref().map(str::trim) {
            None if json.is_null() => Ok(None),
            Some("") => Ok(None),
            Some(text) => {
                let number = text.parse().ok().and_then(exact);
                number.map(Some).ok_or_else(|| json.unexpected())
            }
            None => Err(json.unexpected()),
        }
    }

    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match whole(*self) {
            Some(number) => serializer.serialize_i64(number),
            None => self.serialize(serializer),
        }
    }
}

/// Some documented numbers are texts, such as `actual` of `ScoreApp`.
struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rounded number is over the limit"
    )]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<f64>, E> {
        self.visit_f64(number as f64)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rounded number is over the limit"
    )]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<f64>, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<f64>, E> {
        let number = exact(number).ok_or_else(|| E::custom("a number that may be rounded"))?;
        Ok(Some(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<f64>, E> {
        self.visit_f64(text.parse().map_err(E::custom)?)
    }
}

/// A whole number that isn't negative, or a text with one. A blank text is no value.
impl Field for u64 {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        if let Ok(number) = json.as_str().parse() {
            return Ok(Some(number));
        }
        let Some(number) = f64::read(json)? else {
            return Ok(None);
        };
        let number = whole(number).and_then(|number| number.try_into().ok());
        number.map(Some).ok_or_else(|| json.unexpected())
    }
}

/// A boolean, 0 or 1, or a text with one of them. The empty text is no value.
impl Field for bool {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        match json.scalar().as_deref() {
            None if json.is_null() => Ok(None),
            Some("") => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            _ => Err(json.unexpected()),
        }
    }
}

/// A time in RFC 3339, with any offset and fraction. The empty text is no value.
impl Field for DateTime<Utc> {
    fn read(json: Json<'_>) -> Result<Option<Self>, ShapeError> {
        match json.text().as_deref() {
            None if json.is_null() => Ok(None),
            Some("") => Ok(None),
            Some(text) => time(text).map(Some).ok_or_else(|| json.unexpected()),
            None => Err(json.unexpected()),
        }
    }

    /// chrono's own `Deserialize` accepts more than RFC 3339, and is slower.
    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let Some(Text(text)) = Option::deserialize(deserializer)? else {
            return Ok(None);
        };
        let time = time(&text).ok_or_else(|| D::Error::custom("not a time in RFC 3339"));
        time.map(Some)
    }
}

/// A text, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Reads a time whose year in UTC has four digits, as RFC 3339 demands when it is written again.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    (0..=9999).contains(&time.year()).then_some(time)
}

/// Rejects whole numbers that may have been rounded, and numbers that are not finite.
fn exact(number: f64) -> Option<f64> {
    /// 2^53: below it, each integer has an `f64` of its own.
    const LIMIT: f64 = 9_007_199_254_740_992.0;

    (number.abs() < LIMIT).then_some(number)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "only a number that comes back the same is taken"
)]
fn whole(number: f64) -> Option<i64> {
    (exact(number)? as i64 as f64 == number).then_some(number as i64)
}
