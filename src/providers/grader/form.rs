//! The fields of a submitted form.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor},
};

use crate::lead::Lead;
use crate::providers::contact::{self, Contact};
use crate::read::lenient::{ElementSizes, Lenient, object_or_list, with_capacity};
use crate::read::raw_json::RawJson;

/// The fields of a submitted form, in the order in which they were sent.
///
/// The owner of the form chooses the names, and the values can be any JSON. The methods for contact
/// data know the usual names in any spelling, so `jobTitle`, `job_title` and `Job Title` are the same.
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
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawJson)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
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
        contact::lead_of(self.iter(), text)
    }

    fn text_of(&self, wanted: Contact) -> Option<String> {
        contact::text_of(wanted, self.iter(), text)
    }
}

/// Returns the text of a value, if the value is a text or a number.
fn text(value: &RawJson) -> Option<Cow<'_, str>> {
    let json = value.as_str();
    match json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'))
    {
        // Most texts have no escapes, so there is nothing to parse.
        Some(text) if !text.contains('\\') => Some(Cow::Borrowed(text)),
        None if matches!(json, "true" | "false") => None,
        _ => {
            let mut json = serde_json::Deserializer::from_str(json);
            let text: Option<String> = Lenient::read(&mut json).ok()?;
            text.map(Cow::Owned)
        }
    }
}

impl Lenient for FormData {
    const LEFT_OUT: Option<Self> = Some(Self(Vec::new()));
    const ELEMENT: usize = size_of::<(String, RawJson)>();
    const ELEMENT_SIZES: ElementSizes = (0, Self::ELEMENT);

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for FormData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = FormData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E: Error>(self) -> Result<FormData, E> {
                Ok(FormData::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FormData, A::Error> {
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(FormData::default()),
                    Some(_) => Err(A::Error::invalid_type(Unexpected::Seq, &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FormData, A::Error> {
                let mut fields = with_capacity(map.size_hint());
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                remove_duplicates(&mut fields);
                Ok(FormData(fields))
            }
        }

        object_or_list(deserializer, Fields)
    }
}

/// Keeps the first of the fields with the same name.
fn remove_duplicates(fields: &mut Vec<(String, RawJson)>) {
    /// The largest number of fields for which comparing all pairs is faster than sorting.
    const FEW: usize = 16;

    if fields.len() <= FEW && all_differ(fields) {
        return;
    }
    let mut sorted: Vec<_> = fields.iter().map(|(name, _)| name).enumerate().collect();
    sorted.sort_unstable_by_key(|&(number, name)| (name, number));
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    let mut numbers: Vec<usize> = pairs
        .filter(|((_, one), (_, next))| one == next)
        .map(|(_, (number, _))| *number)
        .collect();
    if numbers.is_empty() {
        return;
    }
    numbers.sort_unstable();
    let mut duplicates = numbers.into_iter().peekable();
    let mut number = 0..;
    fields.retain(|_| duplicates.next_if_eq(&number.next().unwrap_or(0)).is_none());
}

/// Compares each pair of names.
fn all_differ(mut fields: &[(String, RawJson)]) -> bool {
    while let [(name, _), others @ ..] = fields {
        if others.iter().any(|(other, _)| other == name) {
            return false;
        }
        fields = others;
    }
    true
}

impl Serialize for FormData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
