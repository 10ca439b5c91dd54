//! What the pages show and do.

use std::time::{Duration, Instant};

use http::StatusCode;
use leadhook::ScoreApp;
use leadhook_inbox::{Inbox, Postgres, Sqlite};

use crate::{
    CANARY, count, delivery, everything, get, inbox, links, location, post, postgres, run, shown,
    text,
};

/// The headers of the issue, on every response.
#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_headers() {
    let (inbox, keys) = inbox(2).await;
    let desk = everything(&inbox);
    let key = keys[0];
    let mut responses = Vec::new();
    for page in [
        "",
        "rows",
        "desk.css",
        "figures.json",
        "nothing",
        "rows?state=x",
        "pause",
        "person",
    ] {
        responses.push(get(&desk, page).await);
    }
    for page in [
        format!("body?key={key}"),
        "pause?source=quiz".into(),
        "nothing".into(),
        "rows".into(),
    ] {
        responses.push(post(&desk, &page, "").await);
    }
    for response in &responses {
        let header = |name| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(
            header("content-security-policy"),
            Some(
                "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'"
            )
        );
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("cache-control"), Some("no-store"));
        assert_eq!(header("referrer-policy"), Some("same-origin"));
        assert_eq!(header("set-cookie"), None);
    }
    // Only pages without a form load again.
    for (page, is_static) in [
        ("", true),
        ("rows", false),
        ("source?source=quiz", false),
        ("person", false),
    ] {
        let response = get(&desk, page).await;
        assert_eq!(
            response.headers().contains_key("refresh"),
            is_static,
            "{page}"
        );
    }
}

/// Follows each number of the overview, and compares it with the listing that it leads to.
#[tokio::test(flavor = "multi_thread")]
async fn every_number_leads_to_exactly_its_rows() {
    let (inbox, _) = inbox(9).await;
    run(
        &inbox,
        "UPDATE leadhook_inbox SET due_at = due_at + 3600000 WHERE lead_id = '8';
         UPDATE leadhook_inbox SET token = 't', process = 'p' WHERE lead_id = '7';
         UPDATE leadhook_inbox SET state = 'done', settled_at = accepted_at WHERE lead_id IN ('5', '6')",
    )
    .await;
    let desk = everything(&inbox);
    let overview = shown(&desk, "").await;
    let mut numbers = Vec::new();
    for part in overview.split("<a href=\"rows?").skip(1) {
        let (link, rest) = part.split_once("\">").unwrap();
        let number = rest.split('<').next().unwrap();
        let page = shown(&desk, &format!("rows?{}", link.replace("&#38;", "&"))).await;
        if number.chars().all(|digit| digit.is_ascii_digit()) {
            let words = if number == "1" { "row" } else { "rows" };
            assert!(
                page.contains(&format!("<h1>{number} {words}</h1>")),
                "{link}: {number}"
            );
            numbers.push(number.parse::<u32>().unwrap());
        }
    }
    assert_eq!(numbers[..4], [4, 1, 1, 1]); // dead, due, in backoff, in progress
    assert_eq!(numbers[4..].iter().sum::<u32>(), 2); // done in some hour
    let figures = get(&desk, "figures.json").await;
    let figures: serde_json::Value = serde_json::from_slice(figures.body()).unwrap();
    assert_eq!(figures["sources"][0]["dead"]["rows"], 4);
    assert_eq!(figures["sources"][0]["dead"]["is_exact"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_attention_comes_first() {
    let inbox = Inbox::temporary().await.unwrap();
    for source in ["a fine", "b late", "c dead"] {
        inbox
            .source::<ScoreApp>(source)
            .accept(&delivery(1, CANARY))
            .await
            .unwrap();
    }
    run(
        &inbox,
        "UPDATE leadhook_inbox SET due_at = due_at - 3600000 WHERE source = 'b late';
         UPDATE leadhook_inbox SET state = 'dead', reason = 'failed', settled_at = 0 WHERE source = 'c dead'",
    )
    .await;
    let html = shown(&everything(&inbox), "").await;
    let places = ["c dead", "b late", "a fine"].map(|source| html.find(source).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert!(html.contains("1 row is dead and needs a decision"));
    assert!(html.contains("the oldest due row has waited for 1 h 0 min"));
}

/// Also the groups, whose rows may have no label.
#[tokio::test(flavor = "multi_thread")]
async fn every_group_leads_to_exactly_its_rows() {
    let (inbox, _) = inbox(20).await;
    run(
        &inbox,
        "UPDATE leadhook_inbox SET error = NULL WHERE lead_id IN ('1', '2', '3');
         UPDATE leadhook_inbox SET error = 'mail', reason = 'rejected' WHERE lead_id = '4';
         UPDATE leadhook_inbox SET error = 'crm' WHERE lead_id IN ('11', '12');
         UPDATE leadhook_inbox SET error = 'crm', token = 't', process = 'p' WHERE lead_id = '13'",
    )
    .await;
    let desk = everything(&inbox);
    for (page, expected) in [
        ("rows?state=dead", 10),
        ("rows?state=waiting", 9),
        ("erase?source=quiz", 20),
    ] {
        let html = shown(&desk, page).await;
        let groups = html.split("<ol class=\"rows groups\">").nth(1).unwrap();
        let groups = groups.split("</ol>").next().unwrap();
        let mut sum = 0;
        for part in groups.split("<a href=\"").skip(1) {
            let (link, rest) = part.split_once("\">").unwrap();
            let number = rest.split(" row").next().unwrap();
            let rows = shown(&desk, &link.replace("&#38;", "&")).await;
            assert!(
                rows.contains(&format!("<h1>{number} row")),
                "{link}: {number}"
            );
            sum += number.parse::<u32>().unwrap();
        }
        assert_eq!(sum, expected, "{page}");
    }
}

/// Presses the button that a page shows, until it has none.
async fn press_until_done(inbox: &Inbox<Sqlite>, first: &str) -> (usize, String) {
    let desk = everything(inbox);
    let mut page = first.to_owned();
    let mut presses = 0;
    loop {
        let html = shown(&desk, &page).await;
        let action = html.split("<form method=\"post\" action=\"").nth(1);
        let Some(action) = action else {
            return (presses, html);
        };
        let action = action.split('"').next().unwrap().replace("&#38;", "&");
        let began = Instant::now();
        page = location(&post(&desk, &action, "").await);
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        presses += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_takes_the_rows_that_were_shown_and_no_later_ones() {
    let (inbox, keys) = inbox(10).await;
    let desk = everything(&inbox);
    let listing = shown(&desk, "rows?state=dead&error=crm").await;
    let replay = links(&listing)
        .into_iter()
        .find(|link| link.starts_with("replay?"))
        .unwrap();
    let confirm = shown(&desk, &replay).await;
    assert!(confirm.contains("<h1>Replay 5 rows?</h1>"), "{confirm}");
    assert_eq!(
        count(&inbox, "state = 'dead'").await,
        5,
        "nothing has happened yet"
    );
    // Another one dies while somebody reads the page.
    let later = format!(
        "UPDATE leadhook_inbox SET state = 'dead', reason = 'failed', error = 'crm',
            settled_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + 1 WHERE key = '{}'",
        keys[9]
    );
    run(&inbox, &later).await;
    let (presses, last) = press_until_done(&inbox, &replay).await;
    assert_eq!(presses, 1);
    assert!(last.contains("<h1>5 replayed</h1>"), "{last}");
    assert_eq!(count(&inbox, "state = 'dead'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_replay_goes_on_where_it_stopped() {
    let (inbox, _) = inbox(0).await;
    run(
        &inbox,
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 30000)
         INSERT INTO leadhook_inbox (key, source, provider, body, accepted_at, retry_until, due_at, state, reason, error, settled_at)
         SELECT lower(hex(randomblob(32))), 'quiz', 'scoreapp', CAST('x' AS BLOB), 0, 0, 0, 'dead', 'failed', 'crm', 0 FROM n",
    )
    .await;
    let desk = everything(&inbox);
    let confirm = shown(&desk, "replay?state=dead").await;
    assert!(confirm.contains("<h1>Replay 10,000+ rows?</h1>"));
    let (presses, last) = press_until_done(&inbox, "replay?state=dead").await;
    assert!(last.contains("<h1>30000 replayed</h1>"), "{last}");
    println!("30,000 rows in {presses} presses");
    assert_eq!(
        count(&inbox, "state = 'waiting' AND attempts = 0").await,
        30_000
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_rows_than_was_shown_is_not_erased() {
    let (inbox, _) = inbox(10).await;
    let desk = everything(&inbox);
    let confirm = shown(&desk, "erase?state=dead").await;
    let action = links(&confirm)
        .into_iter()
        .find(|link| link.contains("expected=5"))
        .unwrap();
    run(&inbox, "DELETE FROM leadhook_inbox WHERE lead_id = '1'").await;
    let response = post(&desk, &action, "").await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(
        count(&inbox, "state = 'dead' AND body IS NOT NULL").await,
        4
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_and_erased() {
    let (inbox, _) = inbox(6).await;
    let other = inbox.source::<ScoreApp>("other");
    other
        .accept(&delivery(70, "bob@example.com"))
        .await
        .unwrap();
    let desk = everything(&inbox);
    let found = location(&post(&desk, "person", "email=Ann.Canary%40Example.com").await);
    assert!(!found.to_ascii_lowercase().contains("canary"), "{found}");
    let listing = shown(&desk, &found).await;
    assert!(listing.contains("<h1>6 rows</h1>"), "{listing}");
    let erase = links(&listing)
        .into_iter()
        .find(|link| link.starts_with("erase?"))
        .unwrap();
    let (_, last) = press_until_done(&inbox, &erase).await;
    assert!(last.contains("<h1>6 erased</h1>"), "{last}");
    assert_eq!(count(&inbox, "body IS NOT NULL").await, 1);
    assert!(shown(&desk, &found).await.contains("<h1>0 rows</h1>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_says_why_it_is_stuck() {
    let cases = [
        ("state = 'waiting'", "waits for a worker."),
        (
            "due_at = due_at + 7200000, attempts = 2, error = 'crm'",
            "It failed twice, last with “crm”. The next attempt is due in 1 h 59 min.",
        ),
        (
            "abandoned = 2",
            "The process died while handling it (twice). It is retried apart from the others.",
        ),
        ("token = 't', process = 'p'", "A handler has it now."),
        ("state = 'done', settled_at = 0", "It was handled."),
        (
            "state = 'dead', settled_at = 0, reason = 'failed', error = 'crm'",
            "Its handler failed for too long, last with “crm”.",
        ),
        (
            "state = 'dead', settled_at = 0, reason = 'rejected', error = 'no such list'",
            "Its handler gave up at once, with “no such list”.",
        ),
        (
            "state = 'dead', settled_at = 0, reason = 'abandoned', abandoned = 3",
            "It may be what crashes the process.",
        ),
        (
            "state = 'dead', settled_at = 0, reason = 'unreadable'",
            "Its body can’t be read as an event.",
        ),
        (
            "state = 'dead', settled_at = 0, reason = 'erased', body = NULL",
            "Its body was erased before it was handled.",
        ),
    ];
    for (change, why) in cases {
        let (inbox, keys) = inbox(1).await;
        run(&inbox, &format!("UPDATE leadhook_inbox SET {change}")).await;
        let html = shown(&everything(&inbox), &format!("row?key={}", keys[0])).await;
        assert!(html.replace("&#39;", "’").contains(why), "{change}: {html}");
        assert_eq!(
            html.contains("Retry now"),
            change.starts_with("due_at"),
            "{change}"
        );
    }
    let (inbox, keys) = inbox(1).await;
    let desk = everything(&inbox);
    location(&post(&desk, "pause?source=quiz", "").await);
    let html = shown(&desk, &format!("row?key={}", keys[0])).await;
    assert!(html.contains("Its source is paused"), "{html}");
    run(
        &inbox,
        "UPDATE leadhook_inbox SET due_at = due_at + 7200000",
    )
    .await;
    location(&post(&desk, &format!("retry?key={}", keys[0]), "").await);
    assert_eq!(
        count(
            &inbox,
            "due_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)"
        )
        .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_is_an_error_page_in_time() {
    let (inbox, _) = inbox(2).await;
    let desk = everything(&inbox);
    run(&inbox, "DROP TABLE leadhook_inbox").await;
    for page in ["", "rows", "figures.json"] {
        let response = get(&desk, page).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{page}");
        assert!(text(&response).contains("The database does not respond"));
        assert!(
            !text(&response).contains("leadhook_inbox"),
            "no SQL on the page"
        );
    }
}

/// A server that is frozen, then stopped, then back, while a page is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_an_error_page_in_time() {
    let Some(server) = postgres::Server::start(&[]) else {
        return;
    };
    let url = server.create_database().await;
    let inbox = Inbox::<Postgres>::open(&url).await.unwrap();
    let desk = everything(&inbox);
    assert_eq!(get(&desk, "").await.status(), StatusCode::OK);
    for is_frozen in [true, false] {
        if is_frozen {
            server.signal("-STOP");
        } else {
            server.stop("immediate");
        }
        let began = Instant::now();
        let status = get(&desk, "").await.status();
        println!("frozen {is_frozen}: {status} after {:?}", began.elapsed());
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            began.elapsed() < Duration::from_secs(9),
            "{:?}",
            began.elapsed()
        );
        if is_frozen {
            server.signal("-CONT");
        } else {
            server.launch();
        }
        let began = Instant::now();
        while get(&desk, "").await.status() != StatusCode::OK {
            assert!(began.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
