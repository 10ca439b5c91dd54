//! Without access, nothing says that there is a desk. Without a right, nothing of it is done.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::LOCATION};
use leadhook_desk::{Access, Desk};

use crate::{CANARY, count, desk, everything, get, inbox, post, shown, text};

const PAGES: [&str; 17] = [
    "",
    "figures.json",
    "desk.css",
    "desk.svg",
    "source?source=quiz",
    "rows",
    "row?key=K",
    "person",
    "body?key=K",
    "replay?key=K",
    "erase?key=K",
    "pause?source=quiz",
    "resume?source=quiz",
    "retry?key=K",
    "nothing",
    "rows/",
    "../rows",
];

const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

#[tokio::test(flavor = "multi_thread")]
async fn without_access_every_page_and_method_is_the_same_404() {
    let (inbox, keys) = inbox(4).await;
    let mut blind = Access::everything("eve");
    blind.look = false; // nothing else counts without it
    for access in [Access::none(), blind] {
        let desk = desk(&inbox, access);
        for page in PAGES {
            for method in METHODS {
                let page = page.replace('K', &keys[0].to_string());
                let request = Request::builder().method(&method).uri(format!("/{page}"));
                let request = request.header("sec-fetch-site", "same-origin");
                let response = desk.respond(request.body(Bytes::new()).unwrap()).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {page}");
                let is_head = method == Method::HEAD;
                assert_eq!(text(&response), if is_head { "" } else { "not found\n" });
            }
        }
    }
    assert_eq!(count(&inbox, "state = 'dead'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_may_respond_itself() {
    let (inbox, _) = inbox(0).await;
    let desk = Desk::new(inbox, async |parts: http::request::Parts| {
        assert_eq!(parts.uri.path(), "/rows");
        let login = Response::builder().status(302).header(LOCATION, "/login");
        Err(login.body(Bytes::new()).unwrap())
    });
    let response = get(&desk, "rows").await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_allows_its_own_and_nothing_else() {
    let changes = ["body", "replay", "erase", "pause", "resume", "retry"];
    for right in ["look", "bodies", "replay", "erase"] {
        let (inbox, keys) = inbox(4).await;
        let mut access = Access::none();
        access.look = true;
        access.bodies = right == "bodies";
        access.replay = right == "replay";
        access.erase = right == "erase";
        let desk = desk(&inbox, access);
        for change in changes {
            let is_of = match change {
                "body" => "bodies",
                "erase" => "erase",
                _ => "replay",
            };
            let page = format!("{change}?source=quiz&key={}", keys[0]);
            let status = post(&desk, &page, "").await.status();
            let is_allowed = status == StatusCode::OK || status == StatusCode::SEE_OTHER;
            assert_eq!(is_allowed, is_of == right, "{right}: {change}: {status}");
            assert!(is_allowed || status == StatusCode::NOT_FOUND);
        }
        let row = shown(&desk, &format!("row?key={}", keys[0])).await;
        assert_eq!(row.contains("action=\"body?"), right == "bodies");
        // The body was erased, or the row waits, by what was pressed before.
        assert!(right == "erase" || !row.contains("Erase…"));
        assert!(right == "replay" || !row.contains("Replay…"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_without_the_right_has_anything_of_a_body() {
    let (inbox, keys) = inbox(4).await;
    let mut access = Access::everything("bob");
    access.bodies = false;
    let (desk, all) = (desk(&inbox, access), everything(&inbox));
    let local = CANARY.split('@').next().unwrap();
    for page in PAGES {
        let page = page.replace('K', &keys[0].to_string());
        for response in [
            get(&desk, &page).await,
            get(&all, &page).await,
            post(&desk, &page, "").await,
        ] {
            assert!(!text(&response).contains(local), "{page}");
            for (name, value) in response.headers() {
                assert!(!format!("{value:?}").contains(local), "{page}: {name}");
            }
        }
    }
    let (inbox, keys) = crate::inbox(4).await;
    let all = everything(&inbox);
    let body = post(&all, &format!("body?key={}", keys[0]), "").await;
    assert!(text(&body).contains(CANARY));
    // A link to it shows nothing: whoever looks, presses a button.
    let link = get(&all, &format!("body?key={}", keys[0])).await;
    assert_eq!(link.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_get_changes_anything() {
    let (inbox, keys) = inbox(4).await;
    let desk = everything(&inbox);
    for page in PAGES {
        let page = page.replace('K', &keys[0].to_string());
        get(&desk, &page).await;
        get(&desk, &format!("{page}&changed=0&expected=1&finished=1")).await;
    }
    assert_eq!(
        count(&inbox, "state = 'dead' AND body IS NOT NULL").await,
        2
    );
    assert_eq!(count(&inbox, "state = 'waiting'").await, 2);
    assert_eq!(inbox.paused_since("quiz").await.unwrap(), None);
}
