//! The parts of a body that the typed event does not contain.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::str;

use serde::{Serialize, Serializer};

use crate::provider::Event;
use crate::read::envelope::Envelope;
use crate::read::scan;

/// The number of paths that are kept.
const MAX_PATHS: usize = 100;

/// The number of characters of a key that are kept in a path.
const MAX_KEY: usize = 100;

/// The depth up to which values are compared.
const MAX_DEPTH: usize = 128;

/// The parts of a body that a typed event does not hold, as paths such as `data.answers[2].new`.
///
/// [`Delivery::unread`](crate::Delivery::unread) returns it. It keeps the first 100 paths and the
/// number of all. It serializes as the list of its paths.
///
/// The paths quote keys of the body, up to 100 characters of each. Keys that the provider does not
/// document may be personal data, such as the names of a form's fields, so treat the paths as you
/// treat the body, also in logs. [`count`](Self::count) is safe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    paths: Vec<String>,
    count: usize,
}

impl Unread {
    /// Compares a body with the JSON that an envelope serializes to.
    ///
    /// Every value that was read is serialized, so a value that is not serialized was not read. Empty
    /// values don't count.
    pub(crate) fn of<E: Event>(body: &[u8], envelope: &Envelope<E>) -> Self {
        let mut unread = Self::default();
        let body = str::from_utf8(body).unwrap_or_default();
        let written = serde_json::to_string(envelope).unwrap_or_default();
        unread.compare(body.trim_ascii(), &written, &mut String::new(), 0);
        unread
    }

    /// Returns the paths in the order of the body, at most 100.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Returns how many parts were not read, including those whose path was not kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn compare(&mut self, sent: &str, written: &str, path: &mut String, depth: usize) {
        // Raw JSON is equal as text, and may be too deep to be compared in another way.
        if sent == written || is_nothing(sent) || depth > MAX_DEPTH {
            return;
        }
        match (Kind::of(sent), Kind::of(written)) {
            (Kind::Object, Kind::Object) => self.compare_objects(sent, written, path, depth),
            (Kind::List, Kind::List) => self.compare_lists(sent, written, path, depth),
            // A list is also read from its only element.
            (Kind::Scalar, Kind::Scalar | Kind::List) if !is_nothing(written) => {}
            _ => self.add(path),
        }
    }

    fn compare_objects(&mut self, sent: &str, written: &str, path: &mut String, depth: usize) {
        let mut written: BTreeMap<_, _> = scan::members(written).collect();
        for (key, sent) in scan::members(sent) {
            let length = path.len();
            if !path.is_empty() {
                path.push('.');
            }
            path.extend(key.chars().take(MAX_KEY));
            // Only the first of several members with the same key is read.
            self.compare_with(sent, written.remove(&key), path, depth);
            path.truncate(length);
        }
    }

    fn compare_lists(&mut self, sent: &str, written: &str, path: &mut String, depth: usize) {
        let is_element = |json: &&str| *json != "null";
        let count = |list| scan::elements(list).filter(is_element).count();
        let (sent_count, written_count) = (count(sent), count(written));
        if written_count == 0 && sent_count > 0 {
            return self.add(path);
        }
        // This many elements were left out. The elements that differ most from the written list are taken.
        let mut left_out = sent_count.saturating_sub(written_count);
        let mut written = scan::elements(written).filter(is_element).peekable();
        for (index, sent) in scan::elements(sent).enumerate() {
            if !is_element(&sent) {
                continue;
            }
            let element = written.next_if(|written| left_out == 0 || is_alike(sent, written));
            if element.is_none() {
                left_out = left_out.saturating_sub(1);
            }
            let length = path.len();
            path.push('[');
            path.push_str(&index.to_string());
            path.push(']');
            self.compare_with(sent, element, path, depth);
            path.truncate(length);
        }
    }

    fn compare_with(&mut self, sent: &str, written: Option<&str>, path: &mut String, depth: usize) {
        match written {
            Some(written) => self.compare(sent, written, path, depth.saturating_add(1)),
            None if is_nothing(sent) => {}
            None => self.add(path),
        }
    }

    fn add(&mut self, path: &str) {
        if self.paths.len() < MAX_PATHS {
            self.paths.push(path.into());
        }
        self.count = self.count.saturating_add(1);
    }
}

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.paths.serialize(serializer)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Object,
    List,
    Scalar,
}

impl Kind {
    fn of(json: &str) -> Self {
        if scan::is_object(json) {
            Self::Object
        } else if scan::is_list(json) {
            Self::List
        } else {
            Self::Scalar
        }
    }
}

/// Returns whether a value contains nothing that could be read.
fn is_nothing(json: &str) -> bool {
    match Kind::of(json) {
        Kind::Object => scan::members(json).next().is_none(),
        Kind::List => scan::elements(json).next().is_none(),
        Kind::Scalar => matches!(json, "null" | "\"\"" | ""),
    }
}

/// Returns whether an element may be written in this form.
fn is_alike(sent: &str, written: &str) -> bool {
    let plain = |json| scan::text(json).unwrap_or(Cow::Borrowed(json));
    match (Kind::of(sent), Kind::of(written)) {
        (Kind::Scalar, Kind::Scalar) => plain(sent) == plain(written),
        (sent, written) => sent == written,
    }
}
