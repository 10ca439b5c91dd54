//! Finding what is stored about somebody.

use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};
use leadhook_inbox::{Backend, Inbox};

use crate::{
    access::Access,
    form::Form,
    response::{self, Failed},
    selection::Selection,
};

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage;

pub(crate) fn form() -> Response<Bytes> {
    response::page(StatusCode::OK, &PersonPage)
}

/// The address is in no link and no log. The numbers that it leads to name nobody.
pub(crate) async fn search<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    form: &Form,
) -> Result<Response<Bytes>, Failed> {
    let email = form
        .get("email")
        .ok_or(Failed::Malformed("It names no address."))?;
    tracing::info!(name = access.name, "searches for a person");
    let person = inbox.person(email).await?;
    let about = Selection {
        subjects: person.subjects().to_vec(),
        ..Selection::default()
    };
    Ok(response::see_other(&about.link("rows", &[])))
}
