//! Numbers of rows that stay cheap however large the table is.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// A number of rows, counted up to [`Count::MOST`].
///
/// It is displayed as `7` or `10,000+`, and serialized as `{"rows": 7, "is_exact": true}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(u64);

impl Count {
    /// Counting stops here.
    pub const MOST: u64 = 10_000;

    /// How many rows a statement looks at, so that it notices that there are more.
    pub(crate) const LIMIT: &'static str = "10001";

    pub(crate) fn new(rows: i64) -> Self {
        Self(u64::try_from(rows).unwrap_or(0).min(Self::MOST + 1))
    }

    /// Returns the number of rows, or [`Count::MOST`] if there are more.
    #[must_use]
    pub fn rows(self) -> u64 {
        self.0.min(Self::MOST)
    }

    /// Returns whether all rows were counted.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.0 <= Self::MOST
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        if rows >= 1000 {
            write!(f, "{},{:03}", rows / 1000, rows % 1000)?;
        } else {
            write!(f, "{rows}")?;
        }
        f.write_str(if self.is_exact() { "" } else { "+" })
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut count = serializer.serialize_struct("Count", 2)?;
        count.serialize_field("rows", &self.rows())?;
        count.serialize_field("is_exact", &self.is_exact())?;
        count.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn a_count_says_when_there_are_more() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (9_021, "9,021"),
            (10_000, "10,000"),
            (10_001, "10,000+"),
            (i64::MAX, "10,000+"),
        ];
        for (rows, expected) in cases {
            assert_eq!(Count::new(rows).to_string(), expected);
        }
    }
}
