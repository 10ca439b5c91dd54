//! Samples of ScoreApp's deliveries.

use super::Sample;
use crate::providers::scoreapp::ScoreApp;

/// `QUIZ_STARTED`: the first question was answered.
pub const QUIZ_STARTED: Sample<ScoreApp> =
    Sample::new("quiz-started", include_str!("scoreapp/quiz_started.json"));

/// `QUIZ_FINISHED`: the last question was answered.
pub const QUIZ_FINISHED: Sample<ScoreApp> =
    Sample::new("quiz-finished", include_str!("scoreapp/quiz_finished.json"));

/// `LEAD_SIGNED_UP`: the lead form was submitted.
pub const LEAD_SIGNED_UP: Sample<ScoreApp> = Sample::new(
    "lead-signed-up",
    include_str!("scoreapp/lead_signed_up.json"),
);

/// `LEAD_DETAILS_UPDATED`: the lead's details were changed.
pub const LEAD_DETAILS_UPDATED: Sample<ScoreApp> = Sample::new(
    "lead-details-updated",
    include_str!("scoreapp/lead_details_updated.json"),
);

/// All samples of ScoreApp.
pub const ALL: &[Sample<ScoreApp>] = &[
    QUIZ_STARTED,
    QUIZ_FINISHED,
    LEAD_SIGNED_UP,
    LEAD_DETAILS_UPDATED,
];
