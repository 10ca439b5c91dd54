//! Samples of Grader.io's deliveries.

use super::Sample;
use crate::providers::Grader;

/// The event `submission.scored` in the nested shape of the payload examples.
pub const SUBMISSION_SCORED: Sample<Grader> = Sample::new(
    "submission-scored",
    include_str!("grader/submission_scored_nested.json"),
);

/// The event `submission.scored` in the flat shape that the dashboard's webhook tester sends.
pub const SUBMISSION_SCORED_TEST: Sample<Grader> = Sample::new(
    "submission-scored-test",
    include_str!("grader/submission_scored_test_flat.json"),
);

/// All samples of Grader.io.
pub const ALL: &[Sample<Grader>] = &[SUBMISSION_SCORED, SUBMISSION_SCORED_TEST];
