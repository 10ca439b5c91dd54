//! Finds the contact data in a form whose owner chose the names of its fields.

use alloc::{borrow::Cow, string::String};

use crate::lead::Lead;

/// A kind of contact data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Returns the contact data in the fields of a form, in one pass over them.
///
/// `text` returns the text of a value, and is called only for fields with a usual name. Of several
/// fields for the same contact data, the field with the better name is taken, or else the first field.
pub(super) fn lead_of<'a, V: 'a>(
    fields: impl IntoIterator<Item = (&'a str, V)>,
    text: impl Fn(V) -> Option<Cow<'a, str>>,
) -> Lead {
    let mut lead = Lead::default();
    let mut ranks = [u8::MAX; 8];
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
///
/// A name is its letters and digits, in any case. The better name has the smaller rank.
fn find(name: &str) -> Option<(u8, Contact)> {
    let characters = name.chars().filter(|character| character.is_alphanumeric());
    let name: String = characters
        .map(|character| character.to_ascii_lowercase())
        .collect();
    Some(match name.as_str() {
        "email" => (0, Email),
        "emailaddress" => (1, Email),
        "workemail" => (2, Email),
        "businessemail" => (3, Email),
        "firstname" => (0, FirstName),
        "givenname" => (1, FirstName),
        "fname" => (2, FirstName),
        "lastname" => (0, LastName),
        "familyname" => (1, LastName),
        "surname" => (2, LastName),
        "lname" => (3, LastName),
        "fullname" => (0, FullName),
        "name" => (1, FullName),
        "yourname" => (2, FullName),
        "company" => (0, Company),
        "companyname" => (1, Company),
        "organization" => (2, Company),
        "organisation" => (3, Company),
        "jobtitle" => (0, JobTitle),
        "position" => (1, JobTitle),
        "role" => (2, JobTitle),
        "phone" => (0, Phone),
        "phonenumber" => (1, Phone),
        "telephone" => (2, Phone),
        "telephonenumber" => (3, Phone),
        "mobile" => (4, Phone),
        "mobilephone" => (5, Phone),
        "mobilenumber" => (6, Phone),
        "website" => (0, Website),
        "websiteurl" => (1, Website),
        "companywebsite" => (2, Website),
        "websiteaddress" => (3, Website),
        "webaddress" => (4, Website),
        "url" => (5, Website),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_name_is_its_letters_and_digits_in_any_case() {
        for name in [
            "jobtitle",
            "Job Title",
            "job_title",
            "JOB\u{2011}TITLE?",
            " job-title:*",
        ] {
            assert_eq!(find(name), find("jobtitle"), "{name}");
            assert!(find(name).is_some(), "{name}");
        }
        for other in ["jobtitle2", "jöbtitle", "title job", ""] {
            assert_eq!(find(other), None, "{other}");
        }
    }
}
