//! The desk as a browser, a proxy or an attacker sees it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_push_string,
    missing_docs,
    reason = "tests fail and report so"
)]

mod access;
mod hostile;
mod large;
mod mounted;
mod origin;
mod pages;
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::pedantic
)]
#[path = "../../../inbox/tests/it/support/postgres.rs"]
mod postgres;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::LOCATION};
use leadhook::{Delivery, ScoreApp};
use leadhook_desk::{Access, Desk};
use leadhook_inbox::{Backend, Inbox, Key, Sqlite};
use sqlx::AssertSqlSafe;

/// A desk for somebody who may do this.
fn desk<B: Backend>(inbox: &Inbox<B>, access: Access) -> Desk<B> {
    Desk::new(inbox.clone(), move |_| {
        let access = access.clone();
        async { Ok(access) }
    })
}

fn everything<B: Backend>(inbox: &Inbox<B>) -> Desk<B> {
    desk(inbox, Access::everything("ann"))
}

/// A page, as the browser sends its request.
async fn get<B: Backend>(desk: &Desk<B>, page: &str) -> Response<Bytes> {
    let request = Request::get(format!("/{page}")).body(Bytes::new());
    desk.respond(request.unwrap()).await
}

/// A button, as the browser sends its request.
async fn post<B: Backend>(desk: &Desk<B>, page: &str, form: &'static str) -> Response<Bytes> {
    let request = Request::post(format!("/{page}")).header("sec-fetch-site", "same-origin");
    let request = request.body(Bytes::from_static(form.as_bytes()));
    desk.respond(request.unwrap()).await
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

async fn shown<B: Backend>(desk: &Desk<B>, page: &str) -> String {
    let response = get(desk, page).await;
    assert_eq!(
        response.status(),
        StatusCode::OK,
        "{page}: {}",
        text(&response)
    );
    text(&response)
}

fn location(response: &Response<Bytes>) -> String {
    assert_eq!(
        response.status(),
        StatusCode::SEE_OTHER,
        "{}",
        text(response)
    );
    response.headers()[LOCATION].to_str().unwrap().into()
}

/// The links and actions of a page, as the browser reads them.
fn links(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    for attribute in ["href=\"", "action=\""] {
        for part in html.split(attribute).skip(1) {
            let link = part.split('"').next().unwrap();
            links.push(link.replace("&#38;", "&").replace("&amp;", "&"));
        }
    }
    links
}

async fn run(inbox: &Inbox<Sqlite>, sql: &str) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    sql.execute(inbox.pool()).await.unwrap();
}

async fn count(inbox: &Inbox<Sqlite>, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM leadhook_inbox WHERE {condition}");
    let count = sqlx::query_scalar(AssertSqlSafe(sql));
    count.fetch_one(inbox.pool()).await.unwrap()
}

fn delivery(id: usize, email: &str) -> Delivery<ScoreApp> {
    let body =
        format!(r#"{{"event_name":"LEAD_SIGNED_UP","data":{{"id":"{id}","email":"{email}"}}}}"#);
    Delivery::from_storage(body)
}

const CANARY: &str = "ann.canary@example.com";

/// An inbox with so many events of a person whom no page may name, the first half of them dead.
async fn inbox(rows: usize) -> (Inbox<Sqlite>, Vec<Key>) {
    let inbox = Inbox::temporary().await.unwrap();
    let quiz = inbox.source::<ScoreApp>("quiz");
    let mut keys = Vec::new();
    for id in 0..rows {
        let delivery = delivery(id, CANARY);
        quiz.accept(&delivery).await.unwrap();
        keys.push(quiz.key(&delivery));
    }
    let half = rows / 2;
    let die = format!(
        "UPDATE leadhook_inbox SET state = 'dead', reason = 'failed', error = 'crm', settled_at = accepted_at
         WHERE CAST(lead_id AS INTEGER) < {half}"
    );
    run(&inbox, &die).await;
    (inbox, keys)
}
