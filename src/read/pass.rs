//! What the second pass finds in a body besides the event.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::cell::{Cell, RefCell};

use crate::read::error::{ReadError, ShapeError};
use crate::read::slices;
use crate::read::unread::{MAX_KEY, MAX_PATHS, Unread};

/// One pass over a body, with the places of the values that it did not read.
///
/// A place is an offset in the body. The path of a value is found by walking to its offset, so reading
/// carries no path along.
pub(super) struct Pass<'a> {
    body: &'a str,
    /// Whether the ignored keys of a derived `Deserialize` are to be found, which costs another walk.
    lists_ignored: bool,
    /// How many bytes of memory lists may still take.
    budget: Cell<usize>,
    findings: RefCell<Findings>,
}

#[derive(Default)]
struct Findings {
    /// Values that were left out, and values under keys that no type has.
    unread: Places,
    /// Values that were left out because of their form.
    left_out: Places,
}

/// The first places, and the number of all.
#[derive(Default)]
struct Places {
    offsets: Vec<usize>,
    count: usize,
}

impl Places {
    fn push(&mut self, offset: usize) {
        if self.offsets.len() < MAX_PATHS {
            self.offsets.push(offset);
        }
        self.count = self.count.saturating_add(1);
    }

    fn truncate(&mut self, count: usize) {
        self.offsets.truncate(count);
        self.count = count;
    }
}

impl<'a> Pass<'a> {
    pub(super) fn new(body: &'a str) -> Self {
        // All may take 16 times the body and 1 MiB. The rest is for texts and paths.
        let budget = body.len().saturating_mul(12).saturating_add(512 * 1024);
        Self {
            body,
            lists_ignored: false,
            budget: Cell::new(budget),
            findings: RefCell::default(),
        }
    }

    /// Creates a pass that also finds the ignored keys of a derived `Deserialize`.
    pub(super) fn listing_ignored(body: &'a str) -> Self {
        Self {
            lists_ignored: true,
            ..Self::new(body)
        }
    }

    pub(super) fn lists_ignored(&self) -> bool {
        self.lists_ignored
    }

    /// Returns where a slice of the body starts.
    pub(super) fn offset_of(&self, json: &str) -> usize {
        json.as_ptr()
            .addr()
            .saturating_sub(self.body.as_ptr().addr())
    }

    /// Takes memory for one more element of a list.
    pub(super) fn take(&self, size: usize) -> Option<()> {
        // A list doubles when it grows, and is in memory twice meanwhile.
        let rest = self.budget.get().checked_sub(size.saturating_mul(3))?;
        self.budget.set(rest);
        Some(())
    }

    pub(super) fn ignore(&self, json: &str) {
        self.findings.borrow_mut().unread.push(self.offset_of(json));
    }

    pub(super) fn leave_out(&self, json: &str) {
        self.ignore(json);
        self.findings
            .borrow_mut()
            .left_out
            .push(self.offset_of(json));
    }

    /// Returns the numbers of the findings until now.
    pub(super) fn findings(&self) -> (usize, usize) {
        let findings = self.findings.borrow();
        (findings.unread.count, findings.left_out.count)
    }

    /// Forgets later findings.
    pub(super) fn restore(&self, (unread, left_out): (usize, usize)) {
        let mut findings = self.findings.borrow_mut();
        findings.unread.truncate(unread);
        findings.left_out.truncate(left_out);
    }

    pub(super) fn unread(&self) -> Unread {
        self.list(&self.findings.borrow().unread)
    }

    /// Lists the values that were left out. Their paths have no key that is not documented.
    pub(super) fn left_out(&self) -> Unread {
        self.list(&self.findings.borrow().left_out)
    }

    fn list(&self, places: &Places) -> Unread {
        Unread::new(self.paths(places.offsets.clone()), places.count)
    }

    /// Returns the error of an event that can't be read.
    pub(super) fn unexpected(&self, error: ShapeError, event: Option<&'static str>) -> ReadError {
        let before = self.body.get(..error.offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let mut path = self.paths([error.value].into()).pop().unwrap_or_default();
        if !path.is_empty() && !error.below.is_empty() && !error.below.starts_with('[') {
            path.push('.');
        }
        path.push_str(&error.below);
        ReadError::UnexpectedShape {
            event,
            path,
            line: before.matches('\n').count().saturating_add(1),
            column: error.offset.saturating_sub(line_start).saturating_add(1),
        }
    }

    /// Returns the paths of values in one walk over the body.
    fn paths(&self, mut offsets: Vec<usize>) -> Vec<String> {
        offsets.sort_unstable();
        offsets.reverse();
        let mut paths = Vec::with_capacity(offsets.len());
        self.walk(
            self.body.trim_ascii(),
            &mut String::new(),
            &mut offsets,
            &mut paths,
        );
        paths
    }

    /// Visits the values with the last of the offsets. It goes only into values that contain one, and
    /// those are as deep as the types are nested.
    fn walk(
        &self,
        json: &str,
        path: &mut String,
        offsets: &mut Vec<usize>,
        paths: &mut Vec<String>,
    ) {
        let start = self.offset_of(json);
        if offsets.pop_if(|offset| *offset == start).is_some() {
            paths.push(path.clone());
        }
        let length = path.len();
        let members = slices::members(json).map(|(key, value)| (Some(key), value));
        let elements = slices::elements(json).map(|element| (None, element));
        // A value has members or elements, so the numbers are those of the elements.
        for (number, (key, inner)) in members.chain(elements).enumerate() {
            let start = self.offset_of(inner);
            let range = start..start.saturating_add(inner.len());
            if !offsets.last().is_some_and(|offset| range.contains(offset)) {
                continue;
            }
            if let Some(key) = key {
                path.push_str(if length > 0 { "." } else { "" });
                path.extend(key.chars().take(MAX_KEY));
            } else {
                path.extend(["[", &number.to_string(), "]"]);
            }
            self.walk(inner, path, offsets, paths);
            path.truncate(length);
        }
    }
}
