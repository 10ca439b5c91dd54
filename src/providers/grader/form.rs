//! The fields of a submitted form.

use alloc::{borrow::Cow, collections::BTreeSet, format, string::String, vec::Vec};
use core::{fmt, slice};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};

use crate::lead::Lead;
use crate::providers::contact::{self, Contact};
use crate::read::error::ShapeError;
use crate::read::json::Json;
use crate::read::member::Member;
use crate::read::payload::Object;
use crate::read::raw_json::RawJson;

/// The fields of a submitted form, in the order in which they were sent.
///
/// The owner of the form chooses the names, and the values can be any JSON. The methods for contact
/// data know the usual names in any spelling, so `jobTitle`, `job_title` and `Job Title` are the same, and
/// the names that form builders choose, such as `your-email` of Contact Form 7. `docs/form-fields.md` in
/// the repository lists them. The methods return a text as it was sent, and skip blank fields.
///
/// If several fields have the same name, only the first one is kept.
///
/// ```
/// use leadhook::grader::FormData;
///
/// let form: FormData = serde_json::from_str(
///     r#"{"E-Mail": "john.doe@acme.com", "Job Title": "VP Marketing", "seats": 12}"#,
/// )?;
/// assert_eq!(form.email().as_deref(), Some("john.doe@acme.com"));
/// assert_eq!(form.job_title().as_deref(), Some("VP Marketing"));
/// assert_eq!(form.get("seats").map(|seats| seats.json()).transpose()?, Some(12));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormData(Vec<(String, RawJson)>);

impl FormData {
    /// Returns the value of the field with exactly this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&RawJson> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
    }

    /// Returns the names and values of the fields.
    #[must_use]
    pub fn iter(&self) -> Fields<'_> {
        self.into_iter()
    }

    /// Returns the number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the e-mail address, such as `john.doe@acme.com`.
    #[must_use]
    pub fn email(&self) -> Option<String> {
        self.text_of(Contact::Email)
    }

    /// Returns the first name, such as `John`.
    #[must_use]
    pub fn first_name(&self) -> Option<String> {
        self.text_of(Contact::FirstName)
    }

    /// Returns the last name, such as `Doe`.
    #[must_use]
    pub fn last_name(&self) -> Option<String> {
        self.text_of(Contact::LastName)
    }

    /// Returns the full name, such as `John Doe`, if the form has a field for it.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        self.text_of(Contact::FullName)
    }

    /// Returns the company's name, such as `Acme Corporation`.
    #[must_use]
    pub fn company(&self) -> Option<String> {
        self.text_of(Contact::Company)
    }

    /// Returns the title or position within the company, such as `VP Marketing`.
    #[must_use]
    pub fn job_title(&self) -> Option<String> {
        self.text_of(Contact::JobTitle)
    }

    /// Returns the phone number, such as `+1-555-0123`.
    #[must_use]
    pub fn phone(&self) -> Option<String> {
        self.text_of(Contact::Phone)
    }

    /// Returns the website, such as `https://acme.com`.
    #[must_use]
    pub fn website(&self) -> Option<String> {
        self.text_of(Contact::Website)
    }

    /// Returns all contact data in the form.
    pub(super) fn lead(&self) -> Lead {
        contact::lead_of(self.parts(), text)
    }

    fn text_of(&self, wanted: Contact) -> Option<String> {
        contact::text_of(wanted, self.parts(), text)
    }

    /// Returns the fields, with the parts of those that are objects.
    ///
    /// Fluent Forms sends `{"names": {"first_name": …}}`, and Jotform `{"q5_phoneNumber": {"full": …}}`.
    fn parts(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, RawJson>)> {
        self.iter().flat_map(|(name, value)| {
            let is_object = value.as_str().starts_with('{');
            let parts = is_object.then(|| value.json::<Self>().ok()).flatten();
            let whole = parts.is_none().then(|| (name.into(), Cow::Borrowed(value)));
            let parts = parts.into_iter().flat_map(|parts| parts.0);
            let parts = parts.map(move |(part, value)| {
                let name = match &*part {
                    "full" | "value" => name.into(),
                    part => format!("{name} {part}").into(),
                };
                (name, Cow::Owned(value))
            });
            whole.into_iter().chain(parts)
        })
    }
}

/// Returns the text of a value, if the value is a text or a number.
fn text(value: Cow<'_, RawJson>) -> Option<String> {
    let is_boolean = matches!(value.as_str(), "true" | "false");
    let text = value.scalar().filter(|_| !is_boolean)?;
    Some(text.into_owned())
}

/// Keeps the first of the fields with the same name.
impl FromIterator<(String, RawJson)> for FormData {
    fn from_iter<I: IntoIterator<Item = (String, RawJson)>>(fields: I) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        let duplicates = duplicates(&fields);
        without(fields, &duplicates)
    }
}

/// Removes the fields with these numbers.
fn without(mut fields: Vec<(String, RawJson)>, removed: &BTreeSet<usize>) -> FormData {
    let mut numbers = 0..;
    fields.retain(|_| {
        numbers
            .next()
            .is_some_and(|number| !removed.contains(&number))
    });
    FormData(fields)
}

/// Returns the numbers of the names that were there before.
fn duplicates(fields: &[(String, RawJson)]) -> BTreeSet<usize> {
    // Usual forms have few fields, and then comparing all pairs is faster than sorting.
    let is_new = |(number, (name, _)): (usize, &(String, RawJson))| {
        fields.iter().take(number).all(|(other, _)| other != name)
    };
    if fields.len() <= 16 && fields.iter().enumerate().all(is_new) {
        return BTreeSet::new();
    }
    let mut names: Vec<_> = fields.iter().map(|(name, _)| name).zip(0..).collect();
    names.sort_unstable();
    let pairs = names.iter().zip(names.iter().skip(1));
    let equal = pairs.filter(|((name, _), (next, _))| name == next);
    equal.map(|(_, (_, number))| *number).collect()
}

impl Member for FormData {
    const IS_REQUIRED: bool = false;

    fn missing() -> Option<Self> {
        Some(Self::default())
    }

    fn read(json: Json<'_>) -> Result<Self, ShapeError> {
        let form = json.optional(|json| {
            let Some(object) = Object::of(json)? else {
                return Ok(Self::default());
            };
            let mut fields = Vec::new();
            for (name, value) in object.members() {
                json.take(size_of::<(String, RawJson)>())?;
                fields.push((name.into_owned(), RawJson::from(value)));
            }
            let duplicates = duplicates(&fields);
            if !duplicates.is_empty() {
                let members = object.members().enumerate();
                let is_duplicate = |(number, _): &(usize, _)| duplicates.contains(number);
                members
                    .filter(is_duplicate)
                    .for_each(|(_, (_, value))| value.ignore());
            }
            Ok(without(fields, &duplicates))
        });
        Ok(form.unwrap_or_default())
    }

    fn read_fast<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FormData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = FormData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FormData, A::Error> {
                // Most forms have at most eight fields.
                let mut fields = Vec::with_capacity(8);
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields.into_iter().collect())
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Serialize for FormData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'a> IntoIterator for &'a FormData {
    type Item = (&'a str, &'a RawJson);
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        Fields(self.0.iter())
    }
}

/// The names and values of a form's fields. [`FormData::iter`] returns it.
#[derive(Clone, Debug)]
pub struct Fields<'a>(slice::Iter<'a, (String, RawJson)>);

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a RawJson);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Fields<'_> {}
