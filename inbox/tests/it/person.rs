//! A person is found, exported and erased, and nothing in the clear says who it is.

use leadhook::{Delivery, Grader, Graphoid, ScoreApp, samples, scoreapp::ScoreAppEvent};
use leadhook_inbox::{Error, Filter, Inbox, Job, Page, Source, State, Subject, SubjectKey};

use crate::support::{
    database::{Database, Db},
    on_both,
};

on_both![
    a_person_is_found_across_providers_and_erased,
    an_address_is_normalized_by_the_stated_rule,
    a_source_chooses_its_subjects,
    a_source_without_subjects_is_named,
    keys_rotate_and_are_checked,
    hostile_addresses_cost_no_more_than_their_body,
];

fn scoreapp(id: &str, email: &str) -> Delivery<ScoreApp> {
    let body =
        format!(r#"{{"event_name":"LEAD_SIGNED_UP","data":{{"id":"{id}","email":"{email}"}}}}"#);
    Delivery::from_storage(body)
}

fn grader(id: &str, email: &str) -> Delivery<Grader> {
    let body = format!(
        r#"{{"event":"submission.scored","data":{{"submission":{{"id":"{id}","form_data":{{"email":"{email}"}}}}}}}}"#
    );
    Delivery::from_storage(body)
}

async fn rows<B: Db>(inbox: &Inbox<B>, email: &str) -> u64 {
    inbox.person(email).await.unwrap().rows()
}

async fn a_person_is_found_across_providers_and_erased<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let quiz = inbox.source::<ScoreApp>("quiz");
    let forms = inbox.source::<Grader>("forms");
    quiz.accept(&scoreapp("1", "ann@example.com"))
        .await
        .unwrap();
    quiz.accept(&scoreapp("2", "bob@example.com"))
        .await
        .unwrap();
    quiz.accept(&Delivery::from_storage("not JSON"))
        .await
        .unwrap();
    let handle = async |job: Job<ScoreAppEvent, B>| Ok(job.done());
    inbox
        .workers()
        .on(&quiz, handle)
        .run_until_idle()
        .await
        .unwrap();
    quiz.accept(&scoreapp("3", "ann@example.com"))
        .await
        .unwrap();
    forms
        .accept(&grader("sub_1", "ann@example.com"))
        .await
        .unwrap();

    let person = inbox.person("ann@example.com").await.unwrap();
    let sources: Vec<_> = person
        .sources()
        .iter()
        .map(|source| (&*source.source, source.rows, source.bodies))
        .collect();
    assert_eq!(sources, [("forms", 1, 1), ("quiz", 2, 2)]);
    let exported = person.export(Page::first(10)).await.unwrap();
    assert_eq!(exported.len(), 3);
    for exported in &exported {
        let body = exported.body.clone().unwrap().unwrap();
        assert!(String::from_utf8(body).unwrap().contains("ann@example.com"));
    }
    let states: Vec<_> = exported.iter().map(|exported| exported.row.state).collect();
    assert_eq!(
        states.iter().filter(|state| **state == State::Done).count(),
        1
    );

    let confirmed = person.erase(2).unwrap_err();
    assert!(
        matches!(
            confirmed,
            Error::OtherCount {
                expected: 2,
                found: 3
            }
        ),
        "{confirmed}"
    );
    assert_eq!(person.erase(3).unwrap().finish().await.unwrap(), 3);
    assert_eq!(rows(inbox, "ann@example.com").await, 0);
    assert_eq!(rows(inbox, "bob@example.com").await, 1);
    // What waited is cancelled, and the keys are kept.
    let dead = inbox.rows(&Filter::dead(), Page::first(10)).await.unwrap();
    assert_eq!(dead.iter().filter(|row| row.error.is_none()).count(), 2);
    assert_eq!(
        quiz.accept(&scoreapp("3", "ann@example.com"))
            .await
            .unwrap(),
        leadhook_inbox::Accepted::Duplicate
    );
    assert_eq!(database.count("state = 'waiting'").await, 0);
}

async fn an_address_is_normalized_by_the_stated_rule<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let quiz = inbox.source::<ScoreApp>("quiz");
    let spellings = [
        "Ann@Example.COM",
        "  ann@example.com ",
        "ann+quiz@example.com",
        "a.nn@example.com",
        "ÄNN@example.com",
    ];
    for (id, email) in spellings.iter().enumerate() {
        quiz.accept(&scoreapp(&id.to_string(), email))
            .await
            .unwrap();
    }
    assert_eq!(rows(inbox, "ann@example.com").await, 2);
    assert_eq!(rows(inbox, "\tANN@EXAMPLE.COM\n").await, 2);
    assert_eq!(rows(inbox, "ANN+quiz@example.com").await, 1);
    assert_eq!(rows(inbox, "a.nn@example.com").await, 1);
    assert_eq!(rows(inbox, "Änn@example.com").await, 1);
    assert_eq!(rows(inbox, "änn@example.com").await, 0);
    assert_eq!(rows(inbox, "").await, 0);
    // Nothing in the subjects says who it is.
    let clear = "CAST(subject_1 AS TEXT) LIKE '%ann%' OR error LIKE '%ann%'";
    assert_eq!(database.count(clear).await, 0);
}

async fn a_source_chooses_its_subjects<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let quiz: Source<ScoreApp, B> = inbox.source("quiz").subjects(|envelope| {
        let email = envelope.lead().and_then(|lead| lead.email);
        let at_home = email.iter().map(|_| Subject::email("family@example.com"));
        at_home
            .chain((0..9).map(|number| Subject::new("number", &number.to_string())))
            .collect()
    });
    quiz.accept(&scoreapp("1", "ann@example.com"))
        .await
        .unwrap();
    assert_eq!(rows(inbox, "ann@example.com").await, 0);
    assert_eq!(rows(inbox, "family@example.com").await, 1);
    assert_eq!(database.count("subject_4 IS NOT NULL").await, 1);
}

async fn a_source_without_subjects_is_named<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let quiz = inbox.source::<ScoreApp>("quiz");
    let secret = inbox.source::<ScoreApp>("secret").without_subjects();
    quiz.accept(&scoreapp("1", "ann@example.com"))
        .await
        .unwrap();
    assert!(
        inbox
            .person("ann@example.com")
            .await
            .unwrap()
            .not_searched()
            .is_empty()
    );
    for id in ["2", "3"] {
        secret
            .accept(&scoreapp(id, "ann@example.com"))
            .await
            .unwrap();
    }
    let person = inbox.person("ann@example.com").await.unwrap();
    assert_eq!(
        (person.rows(), person.not_searched()),
        (1, &["secret".to_owned()][..])
    );
    assert_eq!(database.count("subject_1 IS NULL").await, 2);
}

async fn keys_rotate_and_are_checked<B: Db>(database: Database<B>) {
    let with = async |current: &str, previous: &[&str]| {
        let key = |name: &str| SubjectKey::new(name, name.as_bytes());
        let previous: Vec<_> = previous.iter().map(|name| key(name)).collect();
        B::open(&database.url)
            .await
            .with_subject_keys(key(current), &previous)
    };
    let first = with("first", &[]).await;
    first
        .source::<ScoreApp>("quiz")
        .accept(&scoreapp("1", "ann@example.com"))
        .await
        .unwrap();
    assert_eq!(rows(&first, "ann@example.com").await, 1);
    let second = with("second", &["first"]).await;
    second
        .source::<ScoreApp>("quiz")
        .accept(&scoreapp("2", "ann@example.com"))
        .await
        .unwrap();
    assert_eq!(rows(&second, "ann@example.com").await, 2);
    let person = database.inbox.person("ann@example.com").await.unwrap();
    assert_eq!(person.missing_keys(), ["first", "second"]);
    let person = second.person("ann@example.com").await.unwrap();
    assert!(person.missing_keys().is_empty());
    // Who has one of the keys finds what is stored under it.
    assert_eq!(rows(&with("second", &[]).await, "ann@example.com").await, 1);
    assert_eq!(rows(&database.inbox, "ann@example.com").await, 0);
    // Everyone has the database's own key.
    database
        .inbox
        .source::<ScoreApp>("quiz")
        .accept(&scoreapp("4", "ann@example.com"))
        .await
        .unwrap();
    assert_eq!(rows(&database.inbox, "ann@example.com").await, 1);
    assert_eq!(rows(&second, "ann@example.com").await, 3);
    // Another key under a known id is an error, before it stores anything.
    let other = B::open(&database.url).await;
    let other = other.with_subject_keys(SubjectKey::new("first", b"another"), &[]);
    let error = other.check().await.unwrap_err();
    assert!(matches!(error, Error::OtherSubjectKey(_)), "{error}");
    let quiz = other.source::<ScoreApp>("quiz");
    let accepted = quiz.accept(&scoreapp("3", "ann@example.com")).await;
    assert!(accepted.is_err());
    assert_eq!(database.count("TRUE").await, 3);
}

async fn hostile_addresses_cost_no_more_than_their_body<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    let quiz = inbox.source::<ScoreApp>("quiz");
    let long = "a".repeat(64 * 1024);
    quiz.accept(&scoreapp("1", &long)).await.unwrap();
    quiz.accept(&scoreapp("2", "\\u0000@example.com"))
        .await
        .unwrap();
    quiz.accept(&scoreapp("3\\u0000", "' OR 1=1 --"))
        .await
        .unwrap();
    let sample = samples::graphoid::LEAD_WON.body();
    inbox
        .source::<Graphoid>("crm")
        .accept(&Delivery::from_storage(sample))
        .await
        .unwrap();
    assert_eq!(rows(inbox, &long).await, 1);
    assert_eq!(rows(inbox, "\0@example.com").await, 1);
    assert_eq!(rows(inbox, "' OR 1=1 --").await, 1);
    assert_eq!(database.count("length(lead_id) > 200").await, 0);
    // Only its id is known of this one.
    assert_eq!(
        database
            .count("source = 'crm' AND lead_id IS NOT NULL AND subject_1 IS NOT NULL")
            .await,
        1
    );
}
