//! Finds the contact data in a form whose owner chose the names of its fields.

use alloc::{borrow::Cow, string::String};

use crate::lead::Lead;

/// A kind of contact data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    Email,
    FirstName,
    LastName,
    FullName,
    Company,
    JobTitle,
    Phone,
    Website,
}

use Contact::{Company, Email, FirstName, FullName, JobTitle, LastName, Phone, Website};

/// The usual names of the fields, without anything but letters and digits. For each kind of contact
/// data, the better name comes first.
const NAMES: [(u128, Contact); 34] = [
    (packed("email"), Email),
    (packed("emailaddress"), Email),
    (packed("workemail"), Email),
    (packed("businessemail"), Email),
    (packed("firstname"), FirstName),
    (packed("givenname"), FirstName),
    (packed("fname"), FirstName),
    (packed("lastname"), LastName),
    (packed("familyname"), LastName),
    (packed("surname"), LastName),
    (packed("lname"), LastName),
    (packed("fullname"), FullName),
    (packed("name"), FullName),
    (packed("yourname"), FullName),
    (packed("company"), Company),
    (packed("companyname"), Company),
    (packed("organization"), Company),
    (packed("organisation"), Company),
    (packed("jobtitle"), JobTitle),
    (packed("position"), JobTitle),
    (packed("role"), JobTitle),
    (packed("phone"), Phone),
    (packed("phonenumber"), Phone),
    (packed("telephone"), Phone),
    (packed("telephonenumber"), Phone),
    (packed("mobile"), Phone),
    (packed("mobilephone"), Phone),
    (packed("mobilenumber"), Phone),
    (packed("website"), Website),
    (packed("websiteurl"), Website),
    (packed("companywebsite"), Website),
    (packed("websiteaddress"), Website),
    (packed("webaddress"), Website),
    (packed("url"), Website),
];

/// Returns the contact data in the fields of a form, in one pass over them.
///
/// `text` returns the text of a value, and is called only for fields with a usual name. Of several
/// fields for the same contact data, the field with the better name is taken, or else the first field.
pub(super) fn lead_of<'a, V: 'a>(
    fields: impl IntoIterator<Item = (&'a str, V)>,
    text: impl Fn(V) -> Option<Cow<'a, str>>,
) -> Lead {
    let mut lead = Lead::default();
    let mut ranks = [usize::MAX; 8];
    for (name, value) in fields {
        let Some((rank, contact)) = find(name) else {
            continue;
        };
        let Some(best) = ranks.get_mut(contact as usize).filter(|best| rank < **best) else {
            continue;
        };
        if let Some(text) = text(value).filter(|text| !text.trim().is_empty()) {
            *best = rank;
            *slot(&mut lead, contact) = Some(text.into_owned());
        }
    }
    lead
}

/// Returns one kind of contact data in the fields of a form, as [`lead_of`] does.
pub(super) fn text_of<'a, V: 'a>(
    wanted: Contact,
    fields: impl IntoIterator<Item = (&'a str, V)>,
    text: impl Fn(V) -> Option<Cow<'a, str>>,
) -> Option<String> {
    let is_wanted =
        |(name, _): &(&str, V)| find(name).is_some_and(|(_, contact)| contact == wanted);
    let mut lead = lead_of(fields.into_iter().filter(is_wanted), text);
    slot(&mut lead, wanted).take()
}

fn slot(lead: &mut Lead, contact: Contact) -> &mut Option<String> {
    match contact {
        Email => &mut lead.email,
        FirstName => &mut lead.first_name,
        LastName => &mut lead.last_name,
        FullName => &mut lead.full_name,
        Company => &mut lead.company,
        JobTitle => &mut lead.job_title,
        Phone => &mut lead.phone,
        Website => &mut lead.website,
    }
}

/// Finds a field's name among the usual names, and returns its rank and its kind of contact data.
fn find(name: &str) -> Option<(usize, Contact)> {
    let name = fold(name)?;
    NAMES
        .iter()
        .enumerate()
        .find(|(_, (usual, _))| *usual == name)
        .map(|(rank, (_, contact))| (rank, *contact))
}

/// Packs the letters and digits of a name, in lower case, into a number.
///
/// Comparing numbers makes the search fast. Returns `None` for a name that is longer than all usual
/// names or has letters that no usual name has.
fn fold(name: &str) -> Option<u128> {
    let mut folded: u128 = 0;
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            if folded >> 120 != 0 {
                return None;
            }
            folded = folded << 8 | u128::from(character.to_ascii_lowercase() as u8);
        } else if !character.is_ascii() && character.is_alphanumeric() {
            return None;
        }
    }
    Some(folded)
}

/// Packs a usual name as [`fold`] does.
const fn packed(name: &str) -> u128 {
    let mut folded: u128 = 0;
    let mut bytes = name.as_bytes();
    while let [first, rest @ ..] = bytes {
        folded = folded << 8 | *first as u128;
        bytes = rest;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::{fold, packed};

    #[test]
    fn a_name_is_its_letters_and_digits_in_any_case() {
        for name in [
            "jobtitle",
            "Job Title",
            "job_title",
            "JOB\u{2011}TITLE?",
            " job-title:*",
        ] {
            assert_eq!(fold(name), Some(packed("jobtitle")), "{name}");
        }
        for other in ["jobtitle2", "jöbtitle", "title job", ""] {
            assert_ne!(fold(other), Some(packed("jobtitle")), "{other}");
        }
        assert_eq!(fold("sixteen letters ab"), Some(packed("sixteenlettersab")));
        assert_eq!(fold("sixteen letters abc"), None);
    }
}
