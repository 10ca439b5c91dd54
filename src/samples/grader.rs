//! Samples of Grader.io's deliveries.

use super::Sample;
use crate::providers::Grader;

/// The event `submission.scored` in the nested shape of the payload examples.
///
#[doc = include_str!("docs/submission-scored.md")]
pub const SUBMISSION_SCORED: Sample<Grader> = Sample::new(
    "submission-scored",
    include_str!("grader/submission_scored_nested.json"),
);

/// The event `submission.scored` in the flat shape of the documented test payload.
///
#[doc = include_str!("docs/submission-scored-test.md")]
pub const SUBMISSION_SCORED_TEST: Sample<Grader> = Sample::new(
    "submission-scored-test",
    include_str!("grader/submission_scored_test_flat.json"),
);

/// All samples of Grader.io.
pub const ALL: &[Sample<Grader>] = &[SUBMISSION_SCORED, SUBMISSION_SCORED_TEST];
