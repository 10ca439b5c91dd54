//! The deserializer of the tolerant pass, which leaves values out instead of failing.
//!
//! It reads checked JSON that the strict pass could not read. An optional value in an unexpected form
//! is left out, and its path is kept. Of several optional members with the same key, the first is read.
//! A lone surrogate, such as half an emoji, is read as U+FFFD. A list that would exceed the memory budget
//! of the body is left out, too.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    cell::{Cell, RefCell},
    fmt,
};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::read::error::ReadError;
use crate::read::lenient::{CAUTIOUS, ELEMENTS, ElementSizes, OPTIONAL, REQUIRED};
use crate::read::scan;

/// The depth to which typed values can be nested. `serde_json` has the same limit.
const MAX_DEPTH: usize = 128;

/// The number of paths of left-out values that are kept.
const MAX_PATHS: usize = 100;

/// The paths of the values that the tolerant pass left out, with `*` for undocumented keys.
#[derive(Default)]
pub(crate) struct LeftOut {
    /// The first hundred paths.
    pub(crate) paths: Vec<String>,
    /// The number of all paths.
    pub(crate) count: usize,
}

/// How many bytes of memory the lists of a body may take.
///
/// The whole may take 16 times the body and 64 KiB. The rest is for texts, which are in memory twice
/// while one of them is unescaped, and for the paths of left-out values.
fn list_budget(length: usize) -> usize {
    length.saturating_mul(12).saturating_add(32 * 1024)
}

/// Returns whether the lists of a body stay within their budget if they grow as they are read.
pub(super) fn fits_in_memory(text: &str, (object, other): ElementSizes) -> bool {
    /// A growing list doubles, and is in memory twice meanwhile. The first element takes room for four.
    const GROWTH: usize = 4;
    /// An element takes at least this many bytes of the body: `{},`.
    const SHORTEST: usize = 3;

    let budget = list_budget(text.len());
    let size = |count: usize, size: usize| count.saturating_mul(size).saturating_mul(GROWTH);
    let most = text.len().div_ceil(SHORTEST);
    if size(most, object.max(other)) <= budget {
        return true;
    }
    let objects = if object == 0 {
        0
    } else {
        size(count(text, b'{'), object)
    };
    let others = if other == 0 {
        0
    } else {
        size(count(text, b','), other)
    };
    objects.saturating_add(others) <= budget
}

/// Counts a byte. The compiler vectorizes this, because the count of each chunk fits into a byte.
fn count(text: &str, wanted: u8) -> usize {
    text.as_bytes()
        .chunks(usize::from(u8::MAX))
        .map(|chunk| {
            let count: u8 = chunk.iter().map(|&byte| u8::from(byte == wanted)).sum();
            usize::from(count)
        })
        .sum()
}

/// The findings of a tolerant pass over a body.
pub(super) struct Findings<'a> {
    body: &'a str,
    is_documented_key: &'a dyn Fn(&str) -> bool,
    /// How many bytes of memory lists may still take.
    budget: Cell<usize>,
    /// The value that made the pass fail, unless the value was left out.
    failure: RefCell<Option<Failure>>,
    left_out: RefCell<LeftOut>,
}

struct Failure {
    path: String,
    offset: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(body: &'a str, is_documented_key: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            body,
            is_documented_key,
            budget: Cell::new(list_budget(body.len())),
            failure: RefCell::new(None),
            left_out: RefCell::default(),
        }
    }

    /// Returns the error of a pass that failed.
    pub(super) fn into_error(self, event: Option<&'static str>) -> ReadError {
        let Failure { path, offset } = self.failure.take().unwrap_or(Failure {
            path: String::new(),
            offset: 0,
        });
        let before = self.body.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        ReadError::UnexpectedShape {
            event,
            path,
            line: before.matches('\n').count().saturating_add(1),
            column: offset.saturating_sub(line_start).saturating_add(1),
        }
    }

    /// Returns the values that a pass left out.
    pub(super) fn into_left_out(self) -> LeftOut {
        self.left_out.into_inner()
    }

    /// Notes the first value that can't be read.
    fn fail(&self, fault: &Fault, value: &Tolerant<'_, '_>) {
        if self.failure.borrow().is_some() {
            return;
        }
        // The path of a value within a left-out value is not needed.
        let path = if value.place.is_within_optional() {
            String::new()
        } else {
            self.path_of(value.place)
        };
        let offset = self.offset_of(value.json);
        let failure = match fault {
            Fault::Unreadable => Failure { path, offset },
            Fault::Missing(field) => {
                let separator = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{separator}{field}");
                Failure { path, offset }
            }
        };
        self.failure.replace(Some(failure));
    }

    /// Notes that a value was left out if reading it failed.
    fn leave_out(&self, place: &Place<'_>) {
        if self.failure.take().is_none() {
            return;
        }
        let mut left_out = self.left_out.borrow_mut();
        if left_out.paths.len() < MAX_PATHS {
            left_out.paths.push(self.path_of(place));
        }
        left_out.count = left_out.count.saturating_add(1);
    }

    fn path_of(&self, place: &Place<'_>) -> String {
        let mut path = String::new();
        place.write(&mut path, self.is_documented_key);
        path
    }

    fn offset_of(&self, json: &str) -> usize {
        let offset = json.as_ptr().addr().checked_sub(self.body.as_ptr().addr());
        offset
            .filter(|&offset| offset <= self.body.len())
            .unwrap_or(0)
    }

    /// Takes memory for a list out of the budget.
    fn take(&self, count: usize, size: usize) -> Result<(), Fault> {
        let bytes = count.saturating_mul(size);
        // A longer list grows as it is read, and is in memory twice meanwhile.
        let bytes = if bytes <= CAUTIOUS {
            bytes
        } else {
            bytes.saturating_mul(3)
        };
        let rest = self
            .budget
            .get()
            .checked_sub(bytes)
            .ok_or(Fault::Unreadable)?;
        self.budget.set(rest);
        Ok(())
    }
}

/// The place of a value in the body.
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    depth: usize,
    /// Whether the value was requested as optional.
    is_optional: Cell<bool>,
}

enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(super) fn root() -> Self {
        Self {
            parent: None,
            step: Step::Root,
            depth: 0,
            is_optional: Cell::new(false),
        }
    }

    pub(super) fn of_key(&'a self, key: &'a str) -> Self {
        self.child(Step::Key(key))
    }

    fn child(&'a self, step: Step<'a>) -> Self {
        Self {
            parent: Some(self),
            step,
            depth: self.depth.saturating_add(1),
            is_optional: Cell::new(false),
        }
    }

    fn is_within_optional(&self) -> bool {
        self.is_optional.get() || self.parent.is_some_and(Place::is_within_optional)
    }

    fn write(&self, path: &mut String, is_documented_key: &dyn Fn(&str) -> bool) {
        if let Some(parent) = self.parent {
            parent.write(path, is_documented_key);
        }
        match self.step {
            Step::Root => {}
            Step::Index(index) => {
                path.push('[');
                path.push_str(&index.to_string());
                path.push(']');
            }
            Step::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(if is_documented_key(key) { key } else { "*" });
            }
        }
    }
}

/// The reason why a value can't be read, without anything from the body.
#[derive(Debug)]
pub(super) enum Fault {
    Missing(&'static str),
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an unexpected shape")
    }
}

impl core::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Unreadable
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(_: serde_json::Error) -> Self {
        Self::Unreadable
    }
}

/// A value of the body.
#[derive(Clone, Copy)]
pub(super) struct Tolerant<'a, 'de> {
    json: &'de str,
    place: &'a Place<'a>,
    findings: &'a Findings<'a>,
}

impl<'a, 'de> Tolerant<'a, 'de> {
    pub(super) fn new(json: &'de str, place: &'a Place<'a>, findings: &'a Findings<'a>) -> Self {
        Self {
            json,
            place,
            findings,
        }
    }

    /// Notes this value if it can't be read.
    pub(super) fn note<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &result {
            self.findings.fail(fault, &self);
        }
        result
    }

    /// Reads the value with `serde_json`.
    fn strictly<T>(
        self,
        read: impl FnOnce(
            &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
        ) -> serde_json::Result<T>,
    ) -> Result<T, Fault> {
        Ok(read(&mut serde_json::Deserializer::from_str(self.json))?)
    }

    fn is_text(self) -> bool {
        self.json.starts_with('"')
    }

    fn object(self) -> Object<'a, 'de, impl Iterator<Item = (Cow<'de, str>, &'de str)>> {
        Object {
            members: scan::members(self.json),
            value: None,
            read: Vec::new(),
            of: self,
        }
    }
}

macro_rules! strictly {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
                self.strictly(|json| json.$method(visitor))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Tolerant<'_, 'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_text() {
            return match scan::text(self.json) {
                Some(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
                Some(Cow::Owned(text)) => visitor.visit_string(text),
                None => Err(Fault::Unreadable),
            };
        }
        let is_object = scan::is_object(self.json);
        if !is_object && !scan::is_list(self.json) {
            return self.strictly(|json| json.deserialize_any(visitor));
        }
        if self.place.depth >= MAX_DEPTH {
            Err(Fault::Unreadable)
        } else if is_object {
            visitor.visit_map(self.object())
        } else {
            visitor.visit_seq(List {
                elements: scan::elements(self.json),
                index: 0,
                of: self,
            })
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_text() {
            self.strictly(|json| json.deserialize_bytes(visitor))
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.json == "null" {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == OPTIONAL || name == REQUIRED {
            let is_optional = name == OPTIONAL;
            self.place.is_optional.set(is_optional);
            let result = visitor.visit_some(self);
            if is_optional && result.is_ok() {
                self.findings.leave_out(self.place);
            }
            result
        } else if name.starts_with("$serde_json::private::") {
            // Raw JSON, which stays as it was sent.
            self.strictly(|json| json.deserialize_newtype_struct(name, visitor))
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name != ELEMENTS {
            return self.deserialize_any(visitor);
        }
        if len > 0 {
            let elements = scan::elements(self.json).filter(|json| *json != "null");
            let count = elements
                .count()
                .saturating_add(scan::members(self.json).count());
            self.note(self.findings.take(count, len))?;
        }
        self.note(visitor.visit_newtype_struct(self))
    }

    /// Unlike `deserialize_any` with `arbitrary_precision`, does not present a fraction as an object.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if scan::is_object(self.json) || scan::is_list(self.json) {
            self.deserialize_any(visitor)
        } else {
            self.strictly(|json| json.deserialize_map(visitor))
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if scan::is_object(self.json) && self.place.depth < MAX_DEPTH {
            visitor.visit_enum(MapAccessDeserializer::new(self.object()))
        } else {
            match scan::text(self.json) {
                Some(name) => visitor.visit_enum(StrDeserializer::new(&name)),
                None => Err(Fault::Unreadable),
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    strictly! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_bool deserialize_unit
    }

    forward_to_deserialize_any! {
        char str string unit_struct seq tuple identifier
    }
}

/// The members of an object. An optional member that was read is not read again.
struct Object<'a, 'de, I> {
    members: I,
    value: Option<(Cow<'de, str>, &'de str)>,
    read: Vec<Cow<'de, str>>,
    of: Tolerant<'a, 'de>,
}

impl<'de, I: Iterator<Item = (Cow<'de, str>, &'de str)>> MapAccess<'de> for Object<'_, 'de, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Self { members, read, .. } = self;
        let Some((key, json)) = members.find(|(key, _)| !read.contains(key)) else {
            return Ok(None);
        };
        let name = seed.deserialize(Key(&key))?;
        self.value = Some((key, json));
        Ok(Some(name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, json) = self.value.take().ok_or(Fault::Unreadable)?;
        let place = self.of.place.of_key(&key);
        let value = Tolerant::new(json, &place, self.of.findings);
        let value = value.note(seed.deserialize(value))?;
        let is_optional = place.is_optional.get();
        if is_optional {
            self.read.push(key);
        }
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(scan::members(self.of.json).count())
    }
}

/// The name of a member, which may also be requested as a number.
struct Key<'a>(&'a str);

macro_rules! key_as {
    ($($method:ident $visit:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
                match self.0.parse() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => visitor.visit_str(self.0),
                }
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    key_as! {
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f32
        deserialize_f64 visit_f64
        deserialize_bool visit_bool
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// The elements of a list.
struct List<'a, 'de, I> {
    elements: I,
    index: usize,
    of: Tolerant<'a, 'de>,
}

impl<'de, I: Iterator<Item = &'de str>> SeqAccess<'de> for List<'_, 'de, I> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(json) = self.elements.next() else {
            return Ok(None);
        };
        let place = self.of.place.child(Step::Index(self.index));
        self.index = self.index.saturating_add(1);
        let element = Tolerant::new(json, &place, self.of.findings);
        element.note(seed.deserialize(element)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        let elements = scan::elements(self.of.json);
        Some(elements.filter(|json| *json != "null").count())
    }
}
