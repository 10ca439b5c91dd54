//! A value of a body in the second pass.

use alloc::borrow::Cow;
use core::{fmt, str};

use serde::de::IgnoredAny;

use crate::read::error::ShapeError;
use crate::read::pass::Pass;
use crate::read::slices;

/// A JSON value in the body of a delivery.
///
/// [`Event::read`](crate::Event::read) and [`Field::read`](crate::Field::read) get one. It is a slice of
/// the body, so an error knows the value's place, and a part that nobody reads is listed by
/// [`Delivery::unread`](crate::Delivery::unread). `Debug` does not print the value.
#[derive(Clone, Copy)]
pub struct Json<'a> {
    text: &'a str,
    pass: &'a Pass<'a>,
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a str, pass: &'a Pass<'a>) -> Self {
        Self { text, pass }
    }

    pub(super) fn pass(self) -> &'a Pass<'a> {
        self.pass
    }

    /// Returns the JSON text, byte for byte as it was sent.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Returns the text of a JSON string, with its escapes resolved. A lone surrogate is U+FFFD.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        slices::text(self.text)
    }

    /// Returns the text of a string, or a number or boolean as it was sent.
    #[must_use]
    pub fn scalar(self) -> Option<Cow<'a, str>> {
        slices::scalar(self.text)
    }

    /// Returns whether the value is null.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.text == "null"
    }

    /// Returns whether the value is null or `[]`, which PHP writes for an empty object.
    pub(crate) fn is_no_object(self) -> bool {
        self.is_null() || self.is_list() && slices::is_empty(self.text)
    }

    pub(crate) fn is_object(self) -> bool {
        slices::is_object(self.text)
    }

    pub(crate) fn is_list(self) -> bool {
        slices::is_list(self.text)
    }

    /// Returns the members of an object. Any other value has none.
    pub(crate) fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Self)> {
        slices::members(self.text).map(move |(key, text)| (key, Self { text, ..self }))
    }

    /// Returns the elements of a list. Any other value has none.
    pub(crate) fn elements(self) -> impl Iterator<Item = Self> {
        slices::elements(self.text).map(move |text| Self { text, ..self })
    }

    /// Returns the first member with this key.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        let member = self.members().find(|(found, _)| found == key);
        member.map(|(_, value)| value)
    }

    /// Returns the error that this value has an unexpected shape.
    #[must_use]
    pub fn unexpected(self) -> ShapeError {
        ShapeError::at(self.pass.offset_of(self.text))
    }

    /// Notes that nobody reads this value, unless there is nothing in it.
    pub fn ignore(self) {
        if !slices::is_empty(self.text) {
            self.pass.ignore(self.text);
        }
    }

    /// Reads the value, and forgets which of its parts were not read if that fails.
    ///
    /// # Errors
    ///
    /// The error of `read`.
    pub fn attempt<T>(
        self,
        read: impl FnOnce(Self) -> Result<T, ShapeError>,
    ) -> Result<T, ShapeError> {
        let before = self.pass.findings();
        read(self).inspect_err(|_| self.pass.restore(before))
    }

    /// Reads the value, or leaves it out if that fails.
    pub(crate) fn optional<T>(self, read: impl FnOnce(Self) -> Result<T, ShapeError>) -> Option<T> {
        let value = self.attempt(read).ok();
        if value.is_none() && !slices::is_empty(self.text) {
            self.pass.leave_out(self.text);
        }
        value
    }

    /// Takes memory for one more element of a list out of the budget of the body.
    pub(crate) fn take(self, size: usize) -> Result<(), ShapeError> {
        self.pass.take(size).ok_or_else(|| self.unexpected())
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}

/// Looks at a body, or returns `None` if it is not JSON.
pub(crate) fn checked<T>(body: &[u8], look: impl FnOnce(Json<'_>) -> T) -> Option<T> {
    let IgnoredAny = serde_json::from_slice(body).ok()?;
    let text = str::from_utf8(body).ok()?;
    Some(look(Json::new(text.trim_ascii(), &Pass::new(text))))
}

/// Reads a whole text, or returns `None` if that fails or leaves a value out.
pub(crate) fn whole<T>(
    text: &str,
    read: impl FnOnce(Json<'_>) -> Result<T, ShapeError>,
) -> Option<T> {
    let pass = Pass::new(text);
    let value = read(Json::new(text, &pass)).ok()?;
    pass.left_out().is_empty().then_some(value)
}
