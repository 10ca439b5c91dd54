//! The values of a query or a form.

/// Names and values in the order in which they were sent. Empty values count as absent, because an empty field of
/// a form is sent, too.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(text: &[u8]) -> Self {
        let values = form_urlencoded::parse(text).into_owned();
        Self(values.filter(|(_, value)| !value.is_empty()).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| &**value)
    }
}
