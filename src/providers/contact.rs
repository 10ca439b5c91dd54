//! Finds the contact data in a form whose owner chose the names of its fields.

use alloc::{borrow::Cow, string::String};

use crate::lead::{Lead, is_blank};

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
/// fields for the same contact data, the field with the better name is taken, or else the first field. A
/// blank field is skipped.
pub(super) fn lead_of<'a, V>(
    fields: impl IntoIterator<Item = (Cow<'a, str>, V)>,
    text: impl Fn(V) -> Option<String>,
) -> Lead {
    let mut lead = Lead::default();
    let mut ranks = [u8::MAX; 8];
    for (name, value) in fields {
        let Some((rank, contact)) = find(&name) else {
            continue;
        };
        let Some(best) = ranks.get_mut(contact as usize).filter(|best| rank < **best) else {
            continue;
        };
        if let Some(text) = text(value).filter(|text| !is_blank(text)) {
            *best = rank;
            *slot(&mut lead, contact) = Some(text);
        }
    }
    lead
}

/// Returns one kind of contact data in the fields of a form, as [`lead_of`] does.
pub(super) fn text_of<'a, V>(
    wanted: Contact,
    fields: impl IntoIterator<Item = (Cow<'a, str>, V)>,
    text: impl Fn(V) -> Option<String>,
) -> Option<String> {
    let is_wanted =
        |(name, _): &(Cow<'_, str>, V)| find(name).is_some_and(|(_, contact)| contact == wanted);
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

/// Words that may stand before any usual name, such as `your-email` of Contact Form 7.
const ADDRESSES: [&str; 4] = ["your", "my", "contact", "formfields"];

/// Words that may stand after any usual name, such as `Your Name (required)`.
const MARKS: [&str; 2] = ["required", "optional"];

/// Words that may stand before or after the name of an e-mail address or phone number, such as
/// `phone_number_mobile`. With another kind of contact data, they can mean something else: a business
/// name is no person's name.
const PLACES: [&str; 8] = [
    "work", "business", "personal", "private", "primary", "mobile", "cell", "home",
];

/// Finds a field's name among the usual names, and returns its rank and its kind of contact data.
///
/// A name is its letters and digits, in any case. The better name has the smaller rank. All words of the
/// name must be known, so that `email_consent` or `partner_phone` is never taken for the person's data.
/// `docs/form-fields.md` has the names that the usual form builders choose.
fn find(name: &str) -> Option<(u8, Contact)> {
    if let Some(found) = usual(name) {
        return Some(found);
    }
    // HubSpot names the type of the object before the field: 0-1 is the contact, 0-2 its company.
    match name.strip_prefix("0-2/") {
        Some("name") => return Some((1, Company)),
        Some("domain" | "website") => return Some((2, Website)),
        Some(_) => return None,
        None => {}
    }
    let name = name.strip_prefix("0-1/").unwrap_or(name);
    let (name, mut rank) = without_number(name);
    let characters = name.chars().filter(|character| character.is_alphanumeric());
    let name: String = characters
        .map(|character| character.to_ascii_lowercase())
        .collect();
    let mut name = name.as_str();
    let mut has_place = false;
    // A usual name has at most three words around it.
    for _ in 0..=3 {
        if let Some((usual, contact)) = usual(name) {
            let fits = !has_place || matches!(contact, Email | Phone);
            return fits.then_some((usual.saturating_add(rank), contact));
        }
        let addressed = ADDRESSES.iter().find_map(|word| name.strip_prefix(word));
        let marked = || MARKS.iter().find_map(|word| name.strip_suffix(word));
        let mut places = PLACES.iter();
        name = if let Some(rest) = addressed.or_else(marked) {
            rest
        } else {
            has_place = true;
            places.find_map(|word| name.strip_prefix(word).or_else(|| name.strip_suffix(word)))?
        };
        rank = rank.saturating_add(10);
    }
    None
}

/// Removes the number that a form builder added to a name, and returns the rank of such a name.
///
/// Contact Form 7 writes `tel-123`, Ninja Forms `email_1741104001000`, and Jotform `q4_email` or
/// `q3_fullName3`. A number of one digit stays, because `email_2` can be a second person's.
fn without_number(name: &str) -> (Cow<'_, str>, u8) {
    let is_digit = |character: char| character.is_ascii_digit();
    if let Some((number, name)) = name.strip_prefix('q').and_then(|name| name.split_once('_'))
        && !number.is_empty()
        && number.chars().all(is_digit)
    {
        return (name.replacen(number, "", 1).into(), 0);
    }
    let rest = name.trim_end_matches(is_digit);
    let has_long_number = name.len().saturating_sub(rest.len()) >= 2;
    match rest.strip_suffix(['-', '_']) {
        Some(rest) if has_long_number => (rest.into(), 100),
        _ => (name.into(), 0),
    }
}

/// Finds a name of letters and digits in lower case.
fn usual(name: &str) -> Option<(u8, Contact)> {
    Some(match name {
        "email" => (0, Email),
        "emailaddress" => (1, Email),
        "workemail" => (2, Email),
        "businessemail" => (3, Email),
        "firstname" => (0, FirstName),
        "givenname" => (1, FirstName),
        "fname" => (2, FirstName),
        "first" | "forename" | "namefirst" | "namesfirstname" | "namefirstname"
        | "fullnamefirst" => (3, FirstName),
        "lastname" => (0, LastName),
        "familyname" => (1, LastName),
        "surname" => (2, LastName),
        "lname" => (3, LastName),
        "last" | "namelast" | "nameslastname" | "namelastname" | "fullnamelast" => (4, LastName),
        "fullname" => (0, FullName),
        "name" => (1, FullName),
        "firstandlastname" | "firstlastname" => (2, FullName),
        "company" => (0, Company),
        "companyname" => (1, Company),
        "organization" => (2, Company),
        "organisation" => (3, Company),
        "organizationname" | "organisationname" | "companyorganization" | "businessname" => {
            (4, Company)
        }
        "jobtitle" => (0, JobTitle),
        "position" => (1, JobTitle),
        "role" => (2, JobTitle),
        "jobrole" | "jobposition" => (3, JobTitle),
        "phone" => (0, Phone),
        "phonenumber" => (1, Phone),
        "telephone" => (2, Phone),
        "telephonenumber" => (3, Phone),
        "mobile" => (4, Phone),
        "mobilephone" => (5, Phone),
        "mobilenumber" => (6, Phone),
        "tel" | "telnumber" | "telno" | "phoneno" | "mobileno" | "cell" | "cellnumber"
        | "contactnumber" => (7, Phone),
        "website" => (0, Website),
        "websiteurl" => (1, Website),
        "companywebsite" => (2, Website),
        "websiteaddress" => (3, Website),
        "webaddress" => (4, Website),
        "url" => (5, Website),
        "businesswebsite" | "homepage" => (6, Website),
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

    #[test]
    fn a_long_name_takes_no_long_time() {
        for word in ["your", "mobile", "q1_"] {
            assert_eq!(find(&(word.repeat(100_000) + "email")), None);
        }
    }
}
