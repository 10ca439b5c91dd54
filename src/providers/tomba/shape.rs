//! The shape of the data by which an event is recognized.

use super::author_finder::AuthorFinder;
use super::body::Data;
use super::domain_search::DomainSearch;
use super::email_finder::EmailFinder;
use super::email_verifier::EmailVerifier;
use super::phone_finder::PhoneFinder;
use super::phone_validator::PhoneValidator;
use super::save_lead::SaveLead;
use crate::read::json::Json;

/// Returns the name of the event that has such data. The first test that holds decides.
pub(super) fn name_of(data: Json<'_>) -> Option<&'static str> {
    let first = data.elements().next().unwrap_or(data);
    let get = |key| first.get(key).filter(|value| !value.is_no_object());
    let has = |key| get(key).is_some();
    let is_phone = has("e164_format") || has("rfc3966_format");

    if data.is_list() {
        // A list can also come from linkedin with the option `full`, which has no type here.
        is_phone.then_some(PhoneFinder::NAME)
    } else if has("organization") || get("emails").is_some_and(Json::is_list) {
        Some(DomainSearch::NAME)
    } else if get("email").is_some_and(Json::is_object) {
        Some(EmailVerifier::NAME)
    } else if is_phone {
        let is_found = has("email") || has("domain") || has("linkedin");
        Some(if is_found {
            PhoneFinder::NAME
        } else {
            PhoneValidator::NAME
        })
    } else if has("website_url") || has("verification") {
        Some(if has("info") {
            AuthorFinder::NAME
        } else {
            EmailFinder::NAME
        })
    } else if has("website") || has("notes") {
        Some(SaveLead::NAME)
    } else {
        None
    }
}
