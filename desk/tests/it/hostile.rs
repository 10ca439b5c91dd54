//! Text that breaks pages, wherever text from outside appears.

use http::StatusCode;
use leadhook::{Delivery, Graphoid, ScoreApp};
use leadhook_inbox::{Filter, Inbox, Page};

use crate::{count, everything, get, links, location, post, run, shown, text};

/// Markup, quotes, a mark that turns the text around it, and 10 KB without a space.
fn strings() -> Vec<String> {
    vec![
        "<script>alert(1)</script>".into(),
        "\"><img src=x onerror=alert(1)>".into(),
        "' onfocus='alert(1)".into(),
        "&lt;b&gt; & </title></svg></pre>{{ 7 * 7 }}{% include %}".into(),
        "javascript:alert(1)//?a=b&c=d#e%00%0d%0aset-cookie:a=b\r\nx: y".into(),
        "abc\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}".into(),
        "W".repeat(10_000),
        "é日本👍".into(),
    ]
}

/// Tags and attributes of the templates, and no others.
fn assert_is_harmless(html: &str, page: &str) {
    for tag in [
        "<script",
        "<img",
        "<b>",
        "onerror=alert(1)>",
        "' onfocus='",
        "style=",
    ] {
        assert!(!html.contains(tag), "{page} has {tag}: {html}");
    }
    // A field of a form sends its value as it is, and shows it in a box of its own.
    let parts = html
        .split("<input ")
        .map(|part| part.split_once("\">").map_or(part, |(_, rest)| rest));
    let outside: String = parts.collect();
    for character in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\0', '\r'] {
        assert!(!outside.contains(character), "{page} has {character:?}");
    }
    for tag in [
        "svg", "pre", "title", "main", "form", "details", "section", "ol", "dl",
    ] {
        let (opened, closed) = (format!("<{tag}"), format!("</{tag}>"));
        let opened = html.split(&opened).skip(1);
        let opened = opened.filter(|rest| rest.starts_with(['>', ' '])).count();
        assert_eq!(opened, html.matches(&closed).count(), "{page}: <{tag}>");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_from_outside_breaks_a_page() {
    let inbox = Inbox::temporary().await.unwrap();
    for (number, hostile) in strings().iter().enumerate() {
        let source = inbox.source::<ScoreApp>(hostile);
        let json = serde_json::json!({
            "event_name": hostile, "data": { "id": hostile, "email": format!("{number}@example.com"), "note": hostile },
        });
        let delivery = Delivery::from_storage(json.to_string()).with_scope(hostile);
        source.accept(&delivery).await.unwrap();
        source
            .accept(&Delivery::from_storage(hostile.clone()))
            .await
            .unwrap();
    }
    run(
        &inbox,
        "UPDATE leadhook_inbox SET state = 'dead', reason = 'rejected', error = source, settled_at = accepted_at,
            event = COALESCE(event, source), lead_id = COALESCE(lead_id, source)",
    )
    .await;
    let desk = everything(&inbox);
    // Every page that a link leads to, from the overview on.
    let mut pages = vec![String::new()];
    let mut next = 0;
    while let Some(page) = pages.get(next).cloned() {
        next += 1;
        if page.starts_with("desk.") {
            continue;
        }
        let html = shown(&desk, &page).await;
        assert_is_harmless(&html, &page);
        for link in links(&html) {
            if link.starts_with('#') || link == "./" {
                continue;
            }
            let action = link.split('?').next().unwrap();
            let known = [
                "source", "rows", "row", "replay", "erase", "person", "pause", "resume", "body",
                "retry", "desk.css", "desk.svg",
            ];
            assert!(known.contains(&action), "{page} leads to {link}");
            let is_post = ["pause", "resume", "body", "retry"].contains(&action);
            if !is_post && !link.contains("expected") && !pages.contains(&link) && pages.len() < 400
            {
                pages.push(link);
            }
        }
    }
    assert!(pages.len() > 50, "{}", pages.len());
    let rows = inbox.rows(&Filter::all(), Page::first(100)).await.unwrap();
    for row in rows {
        let body = post(&desk, &format!("body?key={}", row.key), "").await;
        assert_is_harmless(&text(&body), "body");
    }
}

/// A button works for each source, whatever its name.
#[tokio::test(flavor = "multi_thread")]
async fn links_and_buttons_carry_any_text() {
    let inbox = Inbox::temporary().await.unwrap();
    for hostile in strings() {
        let source = inbox.source::<Graphoid>(&hostile);
        source.accept(&Delivery::from_storage("{}")).await.unwrap();
        let desk = everything(&inbox);
        let overview = shown(&desk, "").await;
        let mut found = 0;
        for link in links(&overview)
            .iter()
            .filter(|link| link.starts_with("source?"))
        {
            let page = shown(&desk, link).await;
            let links = links(&page);
            let pause = links
                .iter()
                .find(|link| link.starts_with("pause?"))
                .unwrap();
            location(&post(&desk, pause, "").await);
            let is_paused = inbox.paused_since(&hostile).await.unwrap().is_some();
            found += usize::from(is_paused);
            let resume = pause.replace("pause?", "resume?");
            location(&post(&desk, &resume, "").await);
        }
        assert_eq!(found, 1, "{hostile:.80}");
        run(&inbox, "DELETE FROM leadhook_inbox").await;
    }
    assert_eq!(count(&inbox, "TRUE").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_link_is_an_error_page() {
    let inbox = Inbox::temporary().await.unwrap();
    let desk = everything(&inbox);
    for page in [
        "row",
        "row?key=1",
        "row?key=%00",
        "rows?state=gone",
        "rows?reason=bad",
        "rows?settled_since=now",
        "rows?settled_since=99999-01-01T00:00",
        "rows?subjects=a",
        "rows?subjects=99999999999999999999",
        "rows?after=zz",
        "source",
        "replay?key=x",
        "erase?after=1",
    ] {
        let response = get(&desk, page).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{page}");
    }
    let gone = "0".repeat(64);
    let gone = [
        format!("row?key={gone}"),
        "source?source=nobody".into(),
        "nothing".into(),
    ];
    for page in &gone {
        assert_eq!(
            get(&desk, page).await.status(),
            StatusCode::NOT_FOUND,
            "{page}"
        );
    }
    assert_eq!(
        post(&desk, "pause?source=nobody", "").await.status(),
        StatusCode::NOT_FOUND
    );
    let unfixed = post(&desk, "erase?state=dead", "").await;
    assert_eq!(unfixed.status(), StatusCode::BAD_REQUEST);
}
