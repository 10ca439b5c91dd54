//! Samples of ScoreApp's deliveries.

use super::Sample;
use crate::providers::ScoreApp;

/// The event `QUIZ_STARTED`, sent when the first question was answered.
///
#[doc = include_str!("docs/quiz-started.md")]
pub const QUIZ_STARTED: Sample<ScoreApp> =
    Sample::new("quiz-started", include_str!("scoreapp/quiz_started.json"));

/// The event `QUIZ_FINISHED`, sent when the last question was answered.
///
#[doc = include_str!("docs/quiz-finished.md")]
pub const QUIZ_FINISHED: Sample<ScoreApp> =
    Sample::new("quiz-finished", include_str!("scoreapp/quiz_finished.json"));

/// The event `LEAD_SIGNED_UP`, sent when the lead form was submitted.
///
#[doc = include_str!("docs/lead-signed-up.md")]
pub const LEAD_SIGNED_UP: Sample<ScoreApp> = Sample::new(
    "lead-signed-up",
    include_str!("scoreapp/lead_signed_up.json"),
);

/// The event `LEAD_DETAILS_UPDATED`, sent when the lead's details were changed.
///
#[doc = include_str!("docs/lead-details-updated.md")]
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
