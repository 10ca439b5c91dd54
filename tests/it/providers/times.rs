//! The times that a provider states.

use std::time::Duration;

use leadhook::{Grader, Graphoid, Provider, ScoreApp, Tomba};

const HOUR: Duration = Duration::from_secs(60 * 60);

#[test]
fn responses_are_sent_before_a_provider_gives_up() {
    // Both document 10 s.
    assert_eq!(Graphoid::RESPOND_WITHIN, Duration::from_secs(8));
    assert_eq!(ScoreApp::RESPOND_WITHIN, Duration::from_secs(8));
    assert_eq!(Grader::RESPOND_WITHIN, Duration::from_secs(4));
    assert_eq!(Tomba::RESPOND_WITHIN, Duration::from_secs(4));
}

#[test]
fn an_event_is_remembered_for_longer_than_its_provider_retries_it() {
    // Graphoid's last retry comes 10 h 35 min after the first try.
    assert!(Graphoid::RETRY_WINDOW > HOUR * 10 + HOUR * 35 / 60);
    assert_eq!(Graphoid::RETRY_WINDOW, HOUR * 24);
    assert_eq!(Grader::RETRY_WINDOW, HOUR * 24);
    // ScoreApp's fifth resend comes 30 h 52 min after the first try, by the assumed delays.
    let delays = (1..=5).map(|resend| Duration::from_secs(10_u64.pow(resend)));
    assert!(ScoreApp::RETRY_WINDOW > delays.sum::<Duration>());
    assert_eq!(ScoreApp::RETRY_WINDOW, HOUR * 36);
    assert_eq!(Tomba::RETRY_WINDOW, HOUR * 3);
}
