//! SQL that is written once for both databases.

/// One SQL statement and its parameters, `$1` first.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
    /// Whether the server may keep it under a name. Behind a pooler the next transaction has another server
    /// connection, which does not know the name, or knows it for another client's statement.
    #[cfg_attr(
        not(feature = "_postgres"),
        expect(dead_code, reason = "SQLite has no pooler")
    )]
    pub(crate) is_persistent: bool,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Integer(i64),
    Text(Option<String>),
    /// For `{in $1}` and `{list $1}`.
    List(Vec<String>),
}

impl Statement {
    /// Puts SQL in the place of a name.
    pub(crate) fn part(mut self, name: &str, sql: &str) -> Self {
        self.sql = self.sql.replace(name, sql);
        self
    }

    /// Binds the next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}
